//! `POST /api/v1/ingest/preview`: what an import would make of a file.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use odyssey_domain::ingestion::{
    self, ColumnMap, IngestionError, PREVIEW_BYTES_MAX, Preview, PreviewColumn, PreviewRequest, PreviewRow,
    PreviewSource,
};
use odyssey_domain::tenancy::Permission;
use odyssey_types::{Phi, UploadId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::mappings::SavedMappingDto;
use super::parameters::IngestQuery;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{FileOrJson, Json, Query};
use crate::jobs::RowFaultDto;
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// A file to look at, and a mapping to try: exactly one of `file_base64` and `upload_id`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewIngest {
    /// The file or its first part, at most 4 MiB, in base64.
    #[serde(default)]
    file_base64: Option<String>,
    /// An upload in several requests, as far as it has come.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    upload_id: Option<UploadId>,
    /// Tried in place of the saved mapping; nothing of it is kept.
    #[serde(default)]
    mapping: Option<SavedMappingDto>,
}

impl std::fmt::Debug for PreviewIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreviewIngest").field("upload_id", &self.upload_id).finish_non_exhaustive()
    }
}

/// What an import would make of the file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IngestPreviewDto {
    mode: &'static str,
    /// Compression, format, encoding, delimiter, as the job would show them.
    detected: Value,
    /// Of the saved mapping that took part; null without one, or with a mapping that is tried.
    saved_version: Option<i64>,
    /// The format of known origin that the file was recognised by.
    preset: Option<&'static str>,
    /// What amounts are counted per, and where that comes from.
    nutrition_basis: &'static str,
    basis_source: String,
    /// The columns in their order, then the further fields of columns that are read into several.
    columns: Vec<PreviewColumnDto>,
    /// The first 20 rows.
    rows: Vec<PreviewRowDto>,
    /// Why the import as a whole would be refused; null where it would not.
    refused: Option<PreviewRefusalDto>,
    /// The columns that are read, as `PUT /mappings/{mode}` takes them.
    suggested_mapping: SavedMappingDto,
    /// True where the rows carry customers and you may not see their values.
    masked: bool,
}

/// A column and what it was taken for.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewColumnDto {
    header: String,
    /// Its place in the file, from 0.
    index: usize,
    /// The field that it is read into.
    target: Option<&'static str>,
    /// `mapped`, `fallback`, `ignored`, `ambiguous` or `duplicate`.
    status: String,
    /// Why it is not read.
    reason: Option<String>,
    /// `request`, `saved`, `synonym`, `platform_synonym`, `preset`, `header` or `content`.
    source: Option<String>,
    /// 0 to 100.
    confidence: u8,
    unit: Option<String>,
    basis: Option<&'static str>,
    /// Its first three values; null where you may not see them.
    samples: Option<Vec<String>>,
}

/// What one row would become.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewRowDto {
    /// 1 is the first row below the header.
    row: u64,
    line: u64,
    /// `accepted` or `rejected`.
    status: &'static str,
    /// The fields that the row speaks of, as they would be written; null where it is refused, or masked.
    #[schema(value_type = Option<Object>)]
    fields: Option<Value>,
    /// Errors of a refused row; oddities of one that is taken.
    faults: Vec<RowFaultDto>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PreviewRefusalDto {
    code: &'static str,
    detail: String,
}

/// What an import would make of a file; nothing is stored.
///
/// The body is the file or its first part, at most 4 MiB, with the query of `/ingest/csv`. As `application/json` it
/// names an upload instead, or holds the file in base64, with a mapping to try: one document that any client can make.
/// Barcodes and repetitions are judged among the rows that are shown and what is stored, not over the whole file.
#[utoipa::path(post, path = "/api/v1/ingest/preview", tag = "ingestion", params(IngestQuery),
    request_body(content((String = "text/csv"), (PreviewIngest = "application/json")),
        description = "The file, or a document about it"),
    responses((status = 200, description = "What the import would do", body = IngestPreviewDto)))]
pub(super) async fn preview_ingest(
    caller: Authorized<permission::IngestWrite>,
    State(state): State<ApiState>,
    Query(query): Query<IngestQuery>,
    body: FileOrJson<PreviewIngest>,
) -> Result<Json<IngestPreviewDto>, Problem> {
    let (mode, parameters) = query.into_parts()?;
    let (source, draft) = match body {
        FileOrJson::File(bytes) => (PreviewSource::Bytes(Phi::new(within_limit(bytes)?)), None),
        FileOrJson::Json(body) => (source_of(body.file_base64, body.upload_id)?, body.mapping),
    };
    let tx = caller.begin().await?;
    let request = PreviewRequest { mode, parameters, draft: draft.map(Into::into), source };
    let may_read_health = caller.role.may(Permission::HealthRead);
    let preview = ingestion::preview(state.ingestion(), tx, request, may_read_health).await;
    let preview = preview.map_err(below_mapping)?;
    context::count_rows_read(preview.rows.len() as u64);
    Ok(Json(preview.into()))
}

fn source_of(file: Option<String>, upload_id: Option<UploadId>) -> Result<PreviewSource, Problem> {
    match (file, upload_id) {
        (Some(file), None) => {
            let bytes = STANDARD.decode(file.trim());
            let bytes = bytes.map_err(|_| Problem::invalid("#/file_base64", "invalid", "is no base64"))?;
            Ok(PreviewSource::Bytes(Phi::new(within_limit(bytes.into())?)))
        }
        (None, Some(upload_id)) => Ok(PreviewSource::Upload(upload_id)),
        _ => {
            Err(Problem::invalid("#/file_base64", "invalid", "send a file, or name an upload, and not both"))
        }
    }
}

fn within_limit(bytes: Bytes) -> Result<Bytes, Problem> {
    if bytes.len() > PREVIEW_BYTES_MAX {
        let detail = format!("A preview looks at {PREVIEW_BYTES_MAX} bytes; send the beginning of the file.");
        return Err(Problem::new(ProblemCode::PayloadTooLarge).detail(detail));
    }
    Ok(bytes)
}

/// What is wrong with a mapping stands below `mapping` of the body.
fn below_mapping(error: IngestionError) -> IngestionError {
    match error {
        IngestionError::MappingInvalid(mut errors) => {
            errors.iter_mut().for_each(|error| error.pointer.insert_str(0, "/mapping"));
            IngestionError::MappingInvalid(errors)
        }
        other => other,
    }
}

impl From<Preview> for IngestPreviewDto {
    fn from(preview: Preview) -> Self {
        let mapping = preview.mapping;
        Self {
            mode: preview.mode.as_str(),
            detected: preview.detected,
            saved_version: preview.saved_version,
            preset: mapping.preset,
            nutrition_basis: mapping.basis.as_str(),
            basis_source: name_of(&mapping.basis_source).unwrap_or_default(),
            columns: preview.columns.into_iter().map(Into::into).collect(),
            rows: preview.rows.into_iter().map(Into::into).collect(),
            refused: preview.refused.map(|(code, detail)| PreviewRefusalDto { code, detail }),
            suggested_mapping: preview.suggested.into(),
            masked: preview.masked,
        }
    }
}

impl From<PreviewColumn> for PreviewColumnDto {
    fn from(PreviewColumn { map, samples }: PreviewColumn) -> Self {
        let ColumnMap { header, index, target, status, reason, source, confidence, unit, basis, .. } = map;
        Self {
            header,
            index,
            target: target.map(odyssey_domain::ingestion::Target::code),
            status: name_of(&status).unwrap_or_default(),
            reason: reason.as_ref().and_then(name_of),
            source: source.as_ref().and_then(name_of),
            confidence,
            unit: unit.as_ref().and_then(name_of),
            basis: basis.map(odyssey_types::NutritionBasis::as_str),
            samples: samples.map(Phi::into_exposed),
        }
    }
}

impl From<PreviewRow> for PreviewRowDto {
    fn from(row: PreviewRow) -> Self {
        Self {
            row: row.row,
            line: row.line,
            status: if row.accepted { "accepted" } else { "rejected" },
            fields: row.fields.map(|fields| Value::Object(fields.into_exposed())),
            faults: row.faults.into_iter().map(Into::into).collect(),
        }
    }
}

/// The name that a closed list gives to one of its values.
fn name_of(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}
