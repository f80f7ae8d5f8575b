//! `/api/v1/mappings/{mode}`: how a vendor's files are understood, saved in versions.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::ingestion::{
    self, DecimalMark, ImportMode, IngestionError, MappingVersion, SavedColumn, SavedField, SavedMapping,
};
use odyssey_types::{NutritionBasis, Page, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::parameters::ModeParameter;
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_mapping_versions";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MappingPath {
    /// `products` or `customers`.
    #[param(inline)]
    mode: ModeParameter,
}

impl PathParameters for MappingPath {
    const NOT_FOUND: ProblemCode = ProblemCode::MappingNotFound;
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MappingQuery {
    /// One of the versions; the one in force when left out.
    version: Option<i64>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// What is done with the columns of files of one kind. Headers that are not named are understood as without it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedMappingDto {
    /// The basis of all nutrition: `per_100g`, `per_100ml`, `per_serving`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    basis: Option<NutritionBasis>,
    /// Of columns that are read into one field the first is read, the others where it is empty.
    #[schema(min_items = 1, max_items = 2000)]
    columns: Vec<SavedColumnDto>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SavedColumnDto {
    /// As the file writes it; case, accents and punctuation do not count. `column_3` in a file without headers.
    header: String,
    /// The column is not read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ignore: bool,
    /// The fields that it is read into, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<SavedFieldDto>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SavedFieldDto {
    /// `external_id`, `sodium_mg`, `dietary_tags`, …
    field: String,
    /// `trim`, `html`, `apostrophe`, `digits`, `decimal_comma`, `decimal_point`, `list:X`, `part:N:X`, `flag:TAG`,
    /// `unit:UNIT` or `basis:BASIS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transform: Option<String>,
    /// Between the entries of a list: one character, `line` or `tab`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    separator: Option<String>,
    /// Of numbers that state none: `g`, `mg`, `kJ`, `lb`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// What the amounts are counted per.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    basis: Option<NutritionBasis>,
    /// `comma` or `point`: the mark before the decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    decimal: Option<DecimalMark>,
}

/// A mapping at one of its versions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MappingDto {
    mode: &'static str,
    /// The next import uses the newest; one that waits keeps the version that it was begun with.
    version: i64,
    mapping: SavedMappingDto,
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
}

/// A version, without what it says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MappingVersionDto {
    version: i64,
    /// The mapping was taken back with this version.
    deleted: bool,
    columns_count: usize,
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
}

/// The saved mapping, or a version of it.
#[utoipa::path(get, path = "/api/v1/mappings/{mode}", tag = "ingestion", params(MappingPath, MappingQuery),
    responses((status = 200, description = "The mapping", body = MappingDto)))]
pub(super) async fn get_mapping(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<MappingPath>,
    Query(query): Query<MappingQuery>,
) -> Result<Versioned<Json<MappingDto>>, Problem> {
    let mode = path.mode.into();
    let mut read = caller.begin_read().await?;
    let found = ingestion::find_mapping(read.tx(), mode, query.version).await?;
    read.finish().await?;
    let found = found.ok_or_else(|| Problem::new(ProblemCode::MappingNotFound))?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: found.version, body: Json(dto_of(mode, found)?) })
}

/// Saves a mapping as its next version.
///
/// It holds for the next import and for previews; jobs that have begun keep theirs. `If-Match: "0"` where there is
/// none yet. A body that says what the version in force says makes no other.
#[utoipa::path(put, path = "/api/v1/mappings/{mode}", tag = "ingestion", params(MappingPath),
    request_body = SavedMappingDto, responses((status = 200, description = "The mapping", body = MappingDto)))]
pub(super) async fn replace_mapping(
    caller: Authorized<permission::IngestWrite>,
    idempotency: Idempotency,
    Path(path): Path<MappingPath>,
    if_match: IfMatch,
    Json(body): Json<SavedMappingDto>,
) -> Result<Response, Problem> {
    let mode = path.mode.into();
    let versions = versions_of(&if_match);
    let mut tx = caller.begin().await?;
    let written = ingestion::put_mapping(&mut tx, mode, body.into(), versions).await?;
    context::count_rows_written(1);
    let version = written.version;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &dto_of(mode, written)?).etag(version)).await
}

/// The versions of a mapping, newest first.
#[utoipa::path(get, path = "/api/v1/mappings/{mode}/versions", tag = "ingestion", params(MappingPath, VersionFilters),
    responses((status = 200, description = "A page of versions", body = PageDto<MappingVersionDto>)))]
pub(super) async fn list_mapping_versions(
    caller: Authorized<permission::JobsRead>,
    Path(path): Path<MappingPath>,
    Query(filters): Query<VersionFilters>,
) -> Result<Json<PageDto<MappingVersionDto>>, Problem> {
    let before: Option<i64> = filters.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?;
    let mut read = caller.begin_read().await?;
    let mode = path.mode.into();
    let page = ingestion::list_mapping_versions(read.tx(), mode, before, filters.limit.get()).await?;
    read.finish().await?;
    let last = page.items.last().filter(|_| page.next_cursor.is_some()).map(|last| last.version);
    let next_cursor = last.map(|version| write_cursor(LIST, &version)).transpose()?;
    let items = page.items.into_iter().map(MappingVersionDto::from).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// Takes the saved mapping back: files are understood without one from now on. Its versions can still be read.
#[utoipa::path(delete, path = "/api/v1/mappings/{mode}", tag = "ingestion", params(MappingPath),
    responses((status = 204, description = "There is no saved mapping")))]
pub(super) async fn delete_mapping(
    caller: Authorized<permission::IngestWrite>,
    Path(path): Path<MappingPath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    let versions = if_match.as_ref().and_then(versions_of);
    ingestion::delete_mapping(&mut tx, path.mode.into(), versions).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

fn versions_of(if_match: &IfMatch) -> Option<&[i64]> {
    match if_match {
        IfMatch::Any => None,
        IfMatch::OneOf(versions) => Some(versions),
    }
}

fn dto_of(mode: ImportMode, version: MappingVersion) -> Result<MappingDto, Problem> {
    let MappingVersion { version, mapping, created_by, created_at } = version;
    let mapping = mapping.ok_or(IngestionError::MappingNotFound)?;
    Ok(MappingDto { mode: mode.as_str(), version, mapping: mapping.into(), created_by, created_at })
}

impl From<MappingVersion> for MappingVersionDto {
    fn from(version: MappingVersion) -> Self {
        Self {
            version: version.version,
            deleted: version.mapping.is_none(),
            columns_count: version.mapping.map_or(0, |mapping| mapping.columns.len()),
            created_by: version.created_by,
            created_at: version.created_at,
        }
    }
}

impl From<SavedMappingDto> for SavedMapping {
    fn from(dto: SavedMappingDto) -> Self {
        let column = |SavedColumnDto { header, ignore, fields }| SavedColumn {
            header,
            ignore,
            fields: fields.into_iter().map(SavedField::from).collect(),
        };
        Self { basis: dto.basis, columns: dto.columns.into_iter().map(column).collect() }
    }
}

impl From<SavedMapping> for SavedMappingDto {
    fn from(mapping: SavedMapping) -> Self {
        let column = |SavedColumn { header, ignore, fields }| SavedColumnDto {
            header,
            ignore,
            fields: fields.into_iter().map(SavedFieldDto::from).collect(),
        };
        Self { basis: mapping.basis, columns: mapping.columns.into_iter().map(column).collect() }
    }
}

impl From<SavedFieldDto> for SavedField {
    fn from(dto: SavedFieldDto) -> Self {
        let SavedFieldDto { field, transform, separator, unit, basis, decimal } = dto;
        Self { field, transform, separator, unit, basis, decimal }
    }
}

impl From<SavedField> for SavedFieldDto {
    fn from(saved: SavedField) -> Self {
        let SavedField { field, transform, separator, unit, basis, decimal } = saved;
        Self { field, transform, separator, unit, basis, decimal }
    }
}
