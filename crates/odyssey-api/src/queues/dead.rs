//! Dead jobs of a queue: seen, and put back.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::queues::{self, CHANGED_MAX, DeadQuery};
use odyssey_types::{Page, VendorId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::check_name;
use super::dto::DeadLetterDto;
use super::lanes::QueuePath;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::Problem;
use crate::state::ApiState;

const LIST: &str = "list_dead_letters";

/// Which dead jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeadFilters {
    #[param(value_type = Option<Uuid>)]
    vendor_id: Option<VendorId>,
    kind: Option<String>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// The dead jobs of a queue, those that died last first: attempts used up, or none could succeed.
#[utoipa::path(get, path = "/api/v1/platform/queues/{queue}/dead-letters", tag = "queues",
    params(QueuePath, DeadFilters),
    responses((status = 200, description = "A page of dead jobs", body = PageDto<DeadLetterDto>)))]
pub(super) async fn list_dead_letters(
    caller: Authorized<permission::VendorsManage>,
    Path(path): Path<QueuePath>,
    Query(filters): Query<DeadFilters>,
) -> Result<Json<PageDto<DeadLetterDto>>, Problem> {
    let before: Option<(DateTime<Utc>, Uuid)> =
        filters.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?;
    let query = DeadQuery { vendor_id: filters.vendor_id, kind: filters.kind, before };
    let mut tx = caller.begin_platform().await?;
    let found = queues::list_dead_letters(&mut tx, &path.queue, &query, filters.limit.get()).await?;
    tx.roll_back().await?;
    let next_cursor = found.next.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items: found.items, next_cursor })))
}

/// Which dead jobs run again; what is left out narrows nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedriveQueue {
    #[schema(value_type = Option<Uuid>)]
    #[serde(default)]
    vendor_id: Option<VendorId>,
    #[serde(default)]
    kind: Option<String>,
    /// 1 to 1,000, which is the default; the oldest first.
    #[serde(default)]
    limit: Option<u32>,
    /// Counts and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What a redrive did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RedrivenDto {
    dry_run: bool,
    /// Dead jobs that were meant, when this call began.
    matched: u64,
    /// Those that are back in the queue with all their attempts.
    redriven: u64,
    /// Whether there are more: call again.
    more: bool,
}

/// Puts dead jobs of a queue back into it, at most 1,000 a call.
#[utoipa::path(post, path = "/api/v1/platform/queues/{queue}/redrive", tag = "queues", params(QueuePath),
    request_body = RedriveQueue, responses((status = 200, description = "How many", body = RedrivenDto)))]
pub(super) async fn redrive_queue(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    State(state): State<ApiState>,
    Path(path): Path<QueuePath>,
    Json(body): Json<RedriveQueue>,
) -> Result<Response, Problem> {
    let RedriveQueue { vendor_id, kind, limit, dry_run } = body;
    check_name("#/kind", kind.as_deref())?;
    let limit = limit.unwrap_or(CHANGED_MAX);
    if !(1..=CHANGED_MAX).contains(&limit) {
        return Err(Problem::invalid("#/limit", "out_of_range", format!("1 to {CHANGED_MAX}")));
    }
    let query = DeadQuery { vendor_id, kind, before: None };
    let mut tx = caller.begin_platform().await?;
    let done = queues::redrive_queue(&mut tx, &caller.actor(), &path.queue, &query, limit, dry_run).await?;
    let redriven = done.revived.len() as u64;
    context::count_rows_written(redriven);
    let told = RedrivenDto { dry_run, matched: done.matched, redriven, more: done.matched > redriven };
    let response = idempotency.commit_platform(tx, Answer::json(StatusCode::OK, &told)).await?;
    done.revived.iter().for_each(|job| state.ingestion().wake.enqueued(job));
    Ok(response)
}
