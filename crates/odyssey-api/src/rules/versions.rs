//! `/api/v1/rules`: the vendor's changes to the rule pack, version by version.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::rules::{self, RuleSetVersion};
use odyssey_types::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{CurrentRulesDto, RuleSetDto, RulesDraft, RulesVersionChoice};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_rule_versions";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct VersionPath {
    version: i32,
}

impl PathParameters for VersionPath {
    const NOT_FOUND: ProblemCode = ProblemCode::RulesNotFound;
}

/// The vendor's rules in force, and the draft. The ETag is the newest version: the one a draft replaces.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules",
    responses((status = 200, description = "What is in force, and the draft", body = CurrentRulesDto)))]
pub(super) async fn get_rules(
    caller: Authorized<permission::SettingsRead>,
) -> Result<Versioned<Json<CurrentRulesDto>>, Problem> {
    let mut read = caller.begin_read().await?;
    let (published, draft) = rules::current_rules(read.tx()).await?;
    let newest = rules::list_rules(read.tx(), None, 1).await?;
    read.finish().await?;
    context::count_rows_read(2);
    let body = Json(CurrentRulesDto { published: published.map(Into::into), draft: draft.map(Into::into) });
    Ok(Versioned { row_version: newest.first().map_or(0, |rules| i64::from(rules.version)), body })
}

/// Every version of the vendor's rules, newest first.
#[utoipa::path(get, path = "/api/v1/rules/versions", tag = "rules", params(VersionFilters),
    responses((status = 200, description = "A page of versions", body = PageDto<RuleSetDto>)))]
pub(super) async fn list_rule_versions(
    caller: Authorized<permission::SettingsRead>,
    Query(filters): Query<VersionFilters>,
) -> Result<Json<PageDto<RuleSetDto>>, Problem> {
    let before: Option<i32> = filters.cursor.as_deref().map(|c| read_cursor(LIST, c)).transpose()?;
    let limit = filters.limit.get();
    let mut read = caller.begin_read().await?;
    let mut found = rules::list_rules(read.tx(), before, limit + 1).await?;
    read.finish().await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| more).map(|rules| rules.version);
    let next_cursor = last.map(|version| write_cursor(LIST, &version)).transpose()?;
    let items: Vec<RuleSetDto> = found.into_iter().map(Into::into).collect();
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// One version of the vendor's rules.
#[utoipa::path(get, path = "/api/v1/rules/versions/{version}", tag = "rules", params(VersionPath),
    responses((status = 200, description = "The version", body = RuleSetDto)))]
pub(super) async fn get_rule_version(
    caller: Authorized<permission::SettingsRead>,
    Path(path): Path<VersionPath>,
) -> Result<Json<RuleSetDto>, Problem> {
    let mut read = caller.begin_read().await?;
    let found = rules::find_rules(read.tx(), path.version).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Json(found.into()))
}

/// Writes a new draft. What loosens the rule pack needs a justification; nothing loosens an allergy.
#[utoipa::path(put, path = "/api/v1/rules/draft", tag = "rules", request_body = RulesDraft,
    responses((status = 200, description = "The draft", body = RuleSetDto)))]
pub(super) async fn replace_rules_draft(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    if_match: IfMatch,
    Json(body): Json<RulesDraft>,
) -> Result<Response, Problem> {
    let versions = match if_match {
        IfMatch::Any => None,
        IfMatch::OneOf(versions) => Some(versions),
    };
    let changes = body.changes.into_iter().map(Into::into).collect();
    let mut tx = caller.begin().await?;
    let draft = rules::put_draft(&mut tx, changes, body.note, versions.as_deref()).await?;
    idempotency.commit(tx, answer(draft)).await
}

/// Puts the draft in force: every answer from then on is computed with it.
#[utoipa::path(post, path = "/api/v1/rules/publish", tag = "rules", request_body = RulesVersionChoice,
    responses((status = 200, description = "The version in force", body = RuleSetDto)))]
pub(super) async fn publish_rules(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Json(body): Json<RulesVersionChoice>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let published = rules::publish_rules(&mut tx, body.version).await?;
    idempotency.commit(tx, answer(published)).await
}

/// Puts an earlier version in force again, as a new version that repeats it.
#[utoipa::path(post, path = "/api/v1/rules/rollback", tag = "rules", request_body = RulesVersionChoice,
    responses((status = 200, description = "The version in force", body = RuleSetDto)))]
pub(super) async fn roll_back_rules(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Json(body): Json<RulesVersionChoice>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let published = rules::roll_back_rules(&mut tx, body.version).await?;
    idempotency.commit(tx, answer(published)).await
}

fn answer(rules: RuleSetVersion) -> Answer {
    context::count_rows_written(1);
    let version = i64::from(rules.version);
    Answer::json(StatusCode::OK, &RuleSetDto::from(rules)).etag(version)
}
