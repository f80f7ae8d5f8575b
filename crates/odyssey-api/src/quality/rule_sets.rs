//! `/api/v1/quality/rule-sets`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::quality;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rule_set_dto::{RuleSetDto, RuleSetList, RunStarted, WriteRuleSet};
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RuleSetPath {
    /// `fda`, `usda`, `eu`, or the id of a set of the vendor's own.
    rule_set_id: String,
}

impl PathParameters for RuleSetPath {
    const NOT_FOUND: ProblemCode = ProblemCode::RuleSetNotFound;
}

/// Every label rule set, each with its latest run.
#[utoipa::path(get, path = "/api/v1/quality/rule-sets", tag = "quality",
    responses((status = 200, description = "The sets", body = RuleSetList)))]
pub(super) async fn list_rule_sets(
    caller: Authorized<permission::ProductsRead>,
) -> Result<Json<RuleSetList>, Problem> {
    let mut read = caller.begin_read().await?;
    let sets = quality::list_rule_sets(read.tx()).await?;
    read.finish().await?;
    context::count_rows_read(sets.len() as u64);
    Ok(Json(RuleSetList { items: sets.into_iter().map(RuleSetDto::from).collect() }))
}

/// One label rule set with the result of its latest run.
#[utoipa::path(get, path = "/api/v1/quality/rule-sets/{rule_set_id}", tag = "quality", params(RuleSetPath),
    responses((status = 200, description = "The set", body = RuleSetDto)))]
pub(super) async fn get_rule_set(
    caller: Authorized<permission::ProductsRead>,
    Path(path): Path<RuleSetPath>,
) -> Result<Json<RuleSetDto>, Problem> {
    let mut read = caller.begin_read().await?;
    let set = quality::get_rule_set(read.tx(), &path.rule_set_id).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Json(set.into()))
}

/// Writes a rule set of the vendor's own, new or in place of the one with this id.
#[utoipa::path(post, path = "/api/v1/quality/rule-sets", tag = "quality", request_body = WriteRuleSet,
    responses((status = 200, description = "The set as it stands", body = RuleSetDto)))]
pub(super) async fn write_rule_set(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Json(body): Json<WriteRuleSet>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let written = quality::put_rule_set(&mut tx, body.into()).await?;
    context::count_rows_written(1);
    idempotency.commit(tx, Answer::json(StatusCode::OK, &RuleSetDto::from(written))).await
}

/// Deletes a rule set of the vendor's own, and the result of its latest run.
#[utoipa::path(delete, path = "/api/v1/quality/rule-sets/{rule_set_id}", tag = "quality", params(RuleSetPath),
    responses((status = 204, description = "The set is gone")))]
pub(super) async fn delete_rule_set(
    caller: Authorized<permission::SettingsWrite>,
    Path(path): Path<RuleSetPath>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    quality::delete_rule_set(&mut tx, &path.rule_set_id).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a rule set over all active products, as a job; its result replaces that of the run before.
#[utoipa::path(post, path = "/api/v1/quality/rule-sets/{rule_set_id}/run", tag = "quality", params(RuleSetPath),
    responses((status = 202, description = "The run is queued", body = RunStarted)))]
pub(super) async fn run_rule_set(
    caller: Authorized<permission::ProductsWrite>,
    idempotency: Idempotency,
    Path(path): Path<RuleSetPath>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let job_id = quality::start_run(&mut tx, &path.rule_set_id).await?;
    idempotency.commit(tx, Answer::json(StatusCode::ACCEPTED, &RunStarted { job_id })).await
}
