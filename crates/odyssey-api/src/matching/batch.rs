//! `POST /api/v1/matches/batch`, and the file that it leaves.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use odyssey_domain::ingestion;
use odyssey_domain::matching::{self, BATCH_CUSTOMERS_MAX, BATCH_MATCHES_MAX, MatchQuery};
use odyssey_types::{CustomerId, JobId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::matches::MatchFilters;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

/// Whose matches, and which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchBatch {
    /// At most 10,000; left out: every customer who consents and has a profile.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Uuid>>)]
    customer_ids: Option<Vec<CustomerId>>,
    /// Like the parameters of `GET /matches/{customer_id}`; `k` is at most 100, and there are no receipts and no
    /// diverse lists.
    #[serde(default)]
    query: MatchFilters,
}

/// A batch that is queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedBatchDto {
    #[schema(value_type = Uuid)]
    job_id: JobId,
    /// Where the job can be followed.
    status_url: String,
    /// Where the file is once it has ended.
    result_url: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ResultPath {
    /// The batch's job.
    #[param(value_type = Uuid)]
    batch_id: JobId,
}

impl PathParameters for ResultPath {
    const NOT_FOUND: ProblemCode = ProblemCode::JobNotFound;
}

/// Answers many customers in the background. `202` with a job: read it to see how far it is, then fetch the file.
/// A customer who does not consent is left out, or named as such where the batch names customers.
#[utoipa::path(post, path = "/api/v1/matches/batch", tag = "matching", request_body = MatchBatch,
    responses((status = 202, description = "Queued", body = StartedBatchDto,
        headers(("Location" = String, description = "The job")))))]
pub(super) async fn start_match_batch(
    caller: Authorized<permission::MatchesRead>,
    idempotency: Idempotency,
    Json(body): Json<MatchBatch>,
) -> Result<Response, Problem> {
    let (customer_ids, query) = body.into_domain()?;
    let mut tx = caller.begin().await?;
    let job_id = matching::start_batch(&mut tx, customer_ids, &query).await?;
    context::count_rows_written(1);
    let status_url = format!("/api/v1/jobs/{job_id}");
    let result_url = format!("/api/v1/matches/batch/{job_id}/result");
    let started = StartedBatchDto { job_id, status_url, result_url };
    let answer = Answer::json(StatusCode::ACCEPTED, &started).location(&started.status_url);
    idempotency.commit(tx, answer).await
}

impl MatchBatch {
    fn into_domain(self) -> Result<(Option<Vec<CustomerId>>, MatchQuery), Problem> {
        let Self { customer_ids, query } = self;
        if query.receipt {
            return Err(Problem::invalid("#/query/receipt", "not_here", "a batch keeps no receipts"));
        }
        let query = query.into_query()?;
        if query.k > BATCH_MATCHES_MAX {
            let why = format!("a list of a batch has at most {BATCH_MATCHES_MAX} products");
            return Err(Problem::invalid("#/query/k", "out_of_range", why));
        }
        if query.diversify.is_set() {
            return Err(Problem::invalid("#/query", "not_here", "a batch has no diverse lists"));
        }
        if customer_ids.as_ref().is_some_and(|ids| ids.is_empty() || ids.len() > BATCH_CUSTOMERS_MAX) {
            let why = format!("name 1 to {BATCH_CUSTOMERS_MAX} customers, or leave this out for all of them");
            return Err(Problem::invalid("#/customer_ids", "count", why));
        }
        Ok((customer_ids, query))
    }
}

/// The file of a batch: one JSON object a line, one customer each, the last line a summary. Whoever has withdrawn
/// their consent since is not in it. Kept for seven days.
#[utoipa::path(get, path = "/api/v1/matches/batch/{batch_id}/result", tag = "matching", params(ResultPath),
    responses((status = 200, description = "The file", content_type = "application/x-ndjson", body = String)))]
pub(super) async fn get_match_batch_result(
    caller: Authorized<permission::HealthRead>,
    Path(path): Path<ResultPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    // Of another vendor, or of no job at all: told first, and alike.
    ingestion::get_job(&mut tx, path.batch_id).await?;
    let file = matching::batch_file(&mut tx, path.batch_id).await?;
    tx.roll_back().await?;
    let name = HeaderValue::from_static("attachment; filename=\"matches.ndjson\"");
    let kind = HeaderValue::from_static("application/x-ndjson");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], Body::from_stream(file))
        .into_response())
}
