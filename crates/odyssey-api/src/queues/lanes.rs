//! Reading, pausing, resuming and scaling queues.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::queues::{self, Queue};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::dto::{QueueDto, QueuesDto};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct QueuePath {
    /// `default`, `imports`, `batches`.
    pub queue: String,
}

impl PathParameters for QueuePath {
    const NOT_FOUND: ProblemCode = ProblemCode::QueueNotFound;
}

/// Every queue: what waits, runs, retries and died in it, and whether it is paused or scaled.
#[utoipa::path(get, path = "/api/v1/platform/queues", tag = "queues",
    responses((status = 200, description = "The queues", body = QueuesDto)))]
pub(super) async fn list_queues(
    caller: Authorized<permission::VendorsManage>,
) -> Result<Json<QueuesDto>, Problem> {
    let mut tx = caller.begin_platform().await?;
    let queues = queues::list_queues(&mut tx).await?;
    tx.roll_back().await?;
    context::count_rows_read(queues.len() as u64);
    Ok(Json(QueuesDto { items: queues.into_iter().map(Into::into).collect() }))
}

/// One queue.
#[utoipa::path(get, path = "/api/v1/platform/queues/{queue}", tag = "queues", params(QueuePath),
    responses((status = 200, description = "The queue", body = QueueDto)))]
pub(super) async fn get_queue(
    caller: Authorized<permission::VendorsManage>,
    Path(path): Path<QueuePath>,
) -> Result<Versioned<Json<QueueDto>>, Problem> {
    let mut tx = caller.begin_platform().await?;
    let queue = queues::find_queue(&mut tx, &path.queue).await?;
    tx.roll_back().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: queue.control.row_version, body: Json(queue.into()) })
}

/// Why a queue is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseQueue {
    /// 1 to 500 characters; about nobody.
    reason: String,
}

/// Pauses a queue: nothing of it starts in any process, also after restarts, until it is resumed; what runs ends. Jobs
/// can still be added. Pausing again replaces the reason.
#[utoipa::path(post, path = "/api/v1/platform/queues/{queue}/pause", tag = "queues", params(QueuePath),
    request_body = PauseQueue, responses((status = 200, description = "The queue", body = QueueDto)))]
pub(super) async fn pause_queue(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    if_match: Option<IfMatch>,
    Path(path): Path<QueuePath>,
    Json(body): Json<PauseQueue>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin_platform().await?;
    let control = queues::lock_queue(&mut tx, &path.queue).await?;
    if_match.map_or(Ok(()), |versions| versions.check(control.row_version))?;
    let queue = queues::pause_queue(&mut tx, &caller.actor(), &path.queue, control, &body.reason).await?;
    idempotency.commit_platform(tx, answer(queue)).await
}

/// Lets a paused queue go on.
#[utoipa::path(post, path = "/api/v1/platform/queues/{queue}/resume", tag = "queues", params(QueuePath),
    responses((status = 200, description = "The queue", body = QueueDto)))]
pub(super) async fn resume_queue(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    if_match: Option<IfMatch>,
    Path(path): Path<QueuePath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin_platform().await?;
    let control = queues::lock_queue(&mut tx, &path.queue).await?;
    if_match.map_or(Ok(()), |versions| versions.check(control.row_version))?;
    let queue = queues::resume_queue(&mut tx, &caller.actor(), &path.queue, control).await?;
    idempotency.commit_platform(tx, answer(queue)).await
}

/// How many jobs of a queue run at once. What is left out is as each process is set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleQueue {
    /// In each process: 1 to 64.
    #[serde(default)]
    workers_per_node: Option<u32>,
    /// Over all processes: 1 to 1,024.
    #[serde(default)]
    running_max: Option<u32>,
}

/// Scales a queue: every process takes it over within seconds. Fewer than run now lets those end.
#[utoipa::path(put, path = "/api/v1/platform/queues/{queue}", tag = "queues", params(QueuePath),
    request_body = ScaleQueue, responses((status = 200, description = "The queue", body = QueueDto)))]
pub(super) async fn scale_queue(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    if_match: IfMatch,
    Path(path): Path<QueuePath>,
    Json(body): Json<ScaleQueue>,
) -> Result<Response, Problem> {
    let ScaleQueue { workers_per_node, running_max } = body;
    let mut tx = caller.begin_platform().await?;
    let control = queues::lock_queue(&mut tx, &path.queue).await?;
    if_match.check(control.row_version)?;
    let actor = caller.actor();
    let queue =
        queues::scale_queue(&mut tx, &actor, &path.queue, control, workers_per_node, running_max).await?;
    idempotency.commit_platform(tx, answer(queue)).await
}

fn answer(queue: Queue) -> Answer {
    context::count_rows_written(1);
    let row_version = queue.control.row_version;
    Answer::json(StatusCode::OK, &QueueDto::from(queue)).etag(row_version)
}
