//! Refused rows put right in place: corrections, and the job that imports the rows once more.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::ingestion::{
    self, CORRECTION_LENGTH_MAX, CORRECTIONS_MAX, Corrected, Correction, RerunRows, StartedRerun,
};
use odyssey_types::{JobId, Phi};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::errors::may_read_health;
use super::follow::JobPath;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// Corrections, all of which are taken or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectErrors {
    /// 1 to 1,000. Of the same cell the last one counts.
    corrections: Vec<CorrectionDto>,
}

/// Of one row: `row`, `column` and `value`. Of all rows that were refused for the same value: `code`, `column`,
/// `from` and `value`. What is suggested, in all rows with a code: `code` and `use_suggestion`, and `column` where
/// only one is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CorrectionDto {
    /// As the list of errors numbers it.
    #[serde(default)]
    row: Option<u64>,
    #[serde(default)]
    code: Option<String>,
    /// By its header, by its number (`column_3`), or by the field that it is read into.
    #[serde(default)]
    column: Option<String>,
    /// The refused value as the list of errors shows it; null where it shows none.
    #[serde(default)]
    from: Option<String>,
    /// What the cell is to say; null leaves it empty.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    value: Option<Option<String>>,
    #[serde(default)]
    use_suggestion: bool,
}

/// A field that is there, null or not.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What the corrections came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CorrectedDto {
    /// In the order of the request.
    corrections: Vec<CorrectionResultDto>,
    /// Refused rows of the job that have corrections which no rerun has tried.
    rows_waiting: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct CorrectionResultDto {
    /// Rows that the correction touches.
    rows: u64,
}

impl From<Corrected> for CorrectedDto {
    fn from(corrected: Corrected) -> Self {
        let corrections = corrected.rows.into_iter().map(|rows| CorrectionResultDto { rows });
        Self { corrections: corrections.collect(), rows_waiting: corrected.waiting }
    }
}

/// Writes other values beside refused ones. Nothing is imported yet: that is what a rerun does. A correction can be
/// replaced until a rerun has taken its row; the row as it came stays as it is. The rows of customers are corrected
/// by those who may read health data.
#[utoipa::path(patch, path = "/api/v1/jobs/{job_id}/errors", tag = "jobs", params(JobPath), request_body = CorrectErrors,
    responses((status = 200, description = "How many rows each correction touches", body = CorrectedDto)))]
pub(super) async fn correct_job_errors(
    caller: Authorized<permission::IngestWrite>,
    idempotency: Idempotency,
    Path(path): Path<JobPath>,
    Json(body): Json<CorrectErrors>,
) -> Result<Response, Problem> {
    let corrections = body.into_domain()?;
    let mut tx = caller.begin().await?;
    let health = may_read_health(&caller);
    let corrected = ingestion::correct_errors(&mut tx, path.job_id, &corrections, health).await?;
    context::count_rows_written(corrected.rows.iter().sum());
    idempotency.commit(tx, Answer::json(StatusCode::OK, &CorrectedDto::from(corrected))).await
}

/// Which refused rows are imported once more.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RerunRowsDto {
    /// Those with corrections that no rerun has tried.
    #[default]
    Corrected,
    /// All that are still refused: their products or the rules may have changed since.
    All,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RerunErrorsDto {
    #[serde(default)]
    #[schema(inline)]
    rows: RerunRowsDto,
    /// Take a row also where a later import has changed its product or customer since, or where it would take away what
    /// protects a customer and later files have been imported. Otherwise it is kept, with `kept_newer` and that job beside
    /// it, and stays among those that are still refused. What a person edited since the file arrived is kept in any case
    /// (`kept_edits`).
    #[serde(default)]
    overwrite_newer: bool,
}

/// A rerun that is queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedRerunDto {
    #[schema(value_type = Uuid)]
    job_id: JobId,
    /// The import that the rows are from.
    #[schema(value_type = Uuid)]
    parent_job_id: JobId,
    /// Rows that it takes.
    rows: u64,
    /// Where the job can be followed.
    status_url: String,
}

impl From<StartedRerun> for StartedRerunDto {
    fn from(started: StartedRerun) -> Self {
        let StartedRerun { job_id, parent_job_id, rows } = started;
        Self { job_id, parent_job_id, rows, status_url: format!("/api/v1/jobs/{job_id}") }
    }
}

/// Imports refused rows of a job once more, with their corrections, as a job of its own: by the same mapping, the
/// same attestations and the same rules. Its errors name the rows by their numbers in the file.
#[utoipa::path(post, path = "/api/v1/jobs/{job_id}/errors/rerun", tag = "jobs", params(JobPath), request_body = RerunErrorsDto,
    responses((status = 202, description = "Queued", body = StartedRerunDto,
        headers(("Location" = String, description = "The job")))))]
pub(super) async fn rerun_job_errors(
    caller: Authorized<permission::IngestWrite>,
    idempotency: Idempotency,
    Path(path): Path<JobPath>,
    Json(body): Json<RerunErrorsDto>,
) -> Result<Response, Problem> {
    let rows = match body.rows {
        RerunRowsDto::Corrected => RerunRows::Corrected,
        RerunRowsDto::All => RerunRows::All,
    };
    let mut tx = caller.begin().await?;
    let health = may_read_health(&caller);
    let started = ingestion::start_rerun(&mut tx, path.job_id, rows, body.overwrite_newer, health).await?;
    context::count_rows_written(1);
    let started = StartedRerunDto::from(started);
    let answer = Answer::json(StatusCode::ACCEPTED, &started).location(&started.status_url);
    idempotency.commit(tx, answer).await
}

impl CorrectErrors {
    fn into_domain(self) -> Result<Vec<Correction>, Problem> {
        if self.corrections.is_empty() || self.corrections.len() > CORRECTIONS_MAX {
            let why = format!("send 1 to {CORRECTIONS_MAX} corrections");
            return Err(Problem::invalid("#/corrections", "count", why));
        }
        self.corrections.into_iter().enumerate().map(|(at, correction)| correction.into_domain(at)).collect()
    }
}

impl CorrectionDto {
    fn into_domain(self, at: usize) -> Result<Correction, Problem> {
        let long = |text: &Option<String>| {
            text.as_ref().is_some_and(|text| text.chars().count() > CORRECTION_LENGTH_MAX)
        };
        if long(&self.from) || self.value.as_ref().is_some_and(long) {
            let why = format!("a cell has at most {CORRECTION_LENGTH_MAX} characters");
            return Err(Problem::invalid(format!("#/corrections/{at}"), "too_long", why));
        }
        Ok(match self {
            Self {
                row: Some(row),
                code: None,
                column: Some(column),
                from: None,
                value: Some(value),
                use_suggestion: false,
            } => Correction::Row { row, column, value: Phi::new(value) },
            Self {
                row: None,
                code: Some(code),
                column: Some(column),
                from,
                value: Some(value),
                use_suggestion: false,
            } => Correction::Same { code, column, from: Phi::new(from), value: Phi::new(value) },
            Self { row: None, code: Some(code), column, from: None, value: None, use_suggestion: true } => {
                Correction::Suggested { code, column }
            }
            _ => {
                let why = "write `row`, `column`, `value`; or `code`, `column`, `from`, `value`; or `code`, `use_suggestion`";
                return Err(Problem::invalid(format!("#/corrections/{at}"), "unclear", why));
            }
        })
    }
}
