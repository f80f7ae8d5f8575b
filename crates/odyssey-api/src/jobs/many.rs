//! Retrying one job; retrying, redriving, canceling and deleting many.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::ingestion;
use odyssey_domain::queues::{self, CHANGED_MAX, Changed, JobAct, JobChange, JobsFilter};
use odyssey_domain::tenancy::{Caller, Permission, TenancyError};
use odyssey_types::JobId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::dto::{JobDto, JobStatus};
use super::follow::JobPath;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{read_cursor, write_cursor};
use crate::problem::Problem;
use crate::queues::check_name;
use crate::state::ApiState;

const CURSOR: &str = "change_jobs";

/// Runs a failed or canceled job again, with all its attempts. An import goes on behind the rows that it had merged.
#[utoipa::path(post, path = "/api/v1/jobs/{job_id}/retry", tag = "jobs", params(JobPath),
    responses((status = 202, description = "It waits for its turn", body = JobDto)))]
pub(super) async fn retry_job(
    caller: Authorized<permission::JobsControl>,
    idempotency: Idempotency,
    State(state): State<ApiState>,
    Path(path): Path<JobPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let revived = queues::retry_job(&mut tx, path.job_id).await?;
    let job = JobDto::from(ingestion::get_job(&mut tx, path.job_id).await?);
    context::count_rows_written(1);
    let response = idempotency.commit(tx, Answer::json(StatusCode::ACCEPTED, &job)).await?;
    revived.iter().for_each(|job| state.ingestion().wake.enqueued(job));
    Ok(response)
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum JobActionDto {
    /// Failed and canceled jobs run again.
    Retry,
    /// Failed jobs run again.
    Redrive,
    /// Jobs that have not ended are stopped; one that runs ends between two batches.
    Cancel,
    /// Ended jobs go, with what hangs on them: refused rows, results, files. What they merged stays, and the audit.
    Delete,
}

impl From<JobActionDto> for JobAct {
    fn from(action: JobActionDto) -> Self {
        match action {
            JobActionDto::Retry => Self::Retry,
            JobActionDto::Redrive => Self::Redrive,
            JobActionDto::Cancel => Self::Cancel,
            JobActionDto::Delete => Self::Delete,
        }
    }
}

/// Which jobs: all conditions together; what is left out narrows nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct JobChangeFilter {
    /// At most 1,000.
    #[schema(value_type = Option<Vec<Uuid>>)]
    #[serde(default)]
    job_ids: Option<Vec<JobId>>,
    /// One from which the action is possible.
    #[serde(default)]
    status: Option<JobStatus>,
    /// `run_import`, …
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    lane: Option<String>,
    /// Created at this instant or later.
    #[serde(default)]
    created_from: Option<DateTime<Utc>>,
    #[serde(default)]
    created_before: Option<DateTime<Utc>>,
}

/// An action on the jobs of a filter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeJobs {
    action: JobActionDto,
    filter: JobChangeFilter,
    /// Counts and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// Jobs changed by this call, the oldest first: 1 to 1,000, which is the default.
    #[serde(default)]
    limit: Option<u32>,
    /// `next_cursor` of the call before, with the same action and filter.
    #[serde(default)]
    cursor: Option<String>,
}

/// What became of the jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobsChangedDto {
    action: JobActionDto,
    dry_run: bool,
    /// Jobs that the filter names and from whose state the action is possible, when this call began.
    matched: u64,
    changed: u64,
    /// Left out since they were being worked on at that moment; call again.
    busy: u64,
    /// Left out since what they work on is gone.
    refused: u64,
    /// There are more: call again with this as `cursor`. Null when these were all.
    next_cursor: Option<String>,
}

/// Retries, redrives, cancels or deletes the jobs of a filter: at most 1,000 a call, each only by a step that its state
/// allows. A superadmin does not delete.
#[utoipa::path(post, path = "/api/v1/jobs/bulk", tag = "jobs", request_body = ChangeJobs,
    responses((status = 200, description = "How many were changed", body = JobsChangedDto)))]
pub(super) async fn change_jobs(
    caller: Authorized<permission::JobsControl>,
    idempotency: Idempotency,
    State(state): State<ApiState>,
    Json(body): Json<ChangeJobs>,
) -> Result<Response, Problem> {
    require_write(&caller, body.action)?;
    let (action, dry_run, change) = (body.action, body.dry_run, body.into_domain()?);
    let mut tx = caller.begin().await?;
    let Changed { matched, changed, busy, refused, next, revived, stops_requested } =
        queues::change_jobs(&mut tx, &change).await?;
    context::count_rows_written(changed);
    let next_cursor = next.map(|at| write_cursor(CURSOR, &at.as_uuid())).transpose()?;
    let told = JobsChangedDto { action, dry_run, matched, changed, busy, refused, next_cursor };
    let response = idempotency.commit(tx, Answer::json(StatusCode::OK, &told)).await?;
    revived.iter().for_each(|job| state.ingestion().wake.enqueued(job));
    if stops_requested {
        state.ingestion().wake.stop_requested();
    }
    Ok(response)
}

/// Whoever may only stop and redrive jobs does not make them go away.
fn require_write(caller: &Caller, action: JobActionDto) -> Result<(), Problem> {
    let permission = Permission::IngestWrite;
    if action != JobActionDto::Delete || caller.role.may(permission) {
        return Ok(());
    }
    Err(TenancyError::Forbidden { role: caller.role.as_str(), permission }.into())
}

impl ChangeJobs {
    fn into_domain(self) -> Result<JobChange, Problem> {
        let Self { action, filter, dry_run, limit, cursor } = self;
        let (act, most) = (JobAct::from(action), CHANGED_MAX as usize);
        let state = filter.status.map(odyssey_domain::jobs::JobState::from);
        if state.is_some_and(|state| !act.states().contains(&state)) {
            let why = "the action is not possible from this status";
            return Err(Problem::invalid("#/filter/status", "not_possible", why));
        }
        if filter.job_ids.as_ref().is_some_and(|ids| ids.is_empty() || ids.len() > most) {
            let why = format!("name 1 to {most} jobs, or leave this out");
            return Err(Problem::invalid("#/filter/job_ids", "count", why));
        }
        check_name("#/filter/kind", filter.kind.as_deref())?;
        check_name("#/filter/lane", filter.lane.as_deref())?;
        let limit = limit.unwrap_or(CHANGED_MAX);
        if !(1..=CHANGED_MAX).contains(&limit) {
            return Err(Problem::invalid("#/limit", "out_of_range", format!("1 to {CHANGED_MAX}")));
        }
        let after: Option<Uuid> = cursor.map(|cursor| read_cursor(CURSOR, &cursor)).transpose()?;
        let filter = JobsFilter {
            job_ids: filter.job_ids,
            state,
            kind: filter.kind,
            lane: filter.lane,
            created_from: filter.created_from,
            created_before: filter.created_before,
        };
        Ok(JobChange { act, filter, dry_run, limit, after: after.map(JobId::from_uuid) })
    }
}
