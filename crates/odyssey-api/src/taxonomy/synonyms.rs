//! `/api/v1/synonyms`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::taxonomy::{self, Synonym, SynonymQuery};
use odyssey_types::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::dto::{SynonymDto, SynonymKindDto, WriteSynonym};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_synonyms";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SynonymPath {
    synonym_id: Uuid,
}

impl PathParameters for SynonymPath {
    const NOT_FOUND: ProblemCode = ProblemCode::SynonymNotFound;
}

/// Which synonyms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SynonymFilters {
    #[param(inline)]
    kind: SynonymKindDto,
    domain: Option<String>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

impl SynonymFilters {
    pub(super) fn into_query(self, list: &str) -> Result<SynonymQuery, Problem> {
        Ok(SynonymQuery {
            kind: self.kind.into(),
            domain: self.domain,
            after: self.cursor.as_deref().map(|cursor| read_cursor(list, cursor)).transpose()?,
            limit: self.limit.get(),
        })
    }
}

pub(super) fn page_of(
    list: &str,
    (items, more): (Vec<Synonym>, bool),
) -> Result<Json<PageDto<SynonymDto>>, Problem> {
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|s| write_cursor(list, &(&s.domain, &s.synonym))).transpose()?;
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

/// Synonyms of one kind: the platform's, and the vendor's own.
#[utoipa::path(get, path = "/api/v1/synonyms", tag = "taxonomy", params(SynonymFilters),
    responses((status = 200, description = "A page of synonyms", body = PageDto<SynonymDto>)))]
pub(super) async fn list_synonyms(
    caller: Authorized<permission::SettingsRead>,
    Query(filters): Query<SynonymFilters>,
) -> Result<Json<PageDto<SynonymDto>>, Problem> {
    let query = filters.into_query(LIST)?;
    let mut read = caller.begin_read().await?;
    let page = taxonomy::list_synonyms(read.tx(), &query).await?;
    read.finish().await?;
    page_of(LIST, page)
}

/// Creates a synonym of the vendor's own. One of an allergen makes the products it touches stale; matches
/// reflect it from the next call on, and their facts are derived anew in the background.
#[utoipa::path(post, path = "/api/v1/synonyms", tag = "taxonomy", request_body = WriteSynonym,
    responses((status = 201, description = "The synonym", body = SynonymDto)))]
pub(super) async fn create_synonym(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Json(body): Json<WriteSynonym>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let change = taxonomy::begin_change(&mut tx).await?;
    let synonym = taxonomy::create_synonym(&mut tx, &change, &body.into()).await?;
    context::count_rows_written(1);
    let row_version = synonym.row_version;
    let answer = Answer::json(StatusCode::CREATED, &SynonymDto::from(synonym)).etag(row_version);
    idempotency.commit(tx, answer).await
}

/// One synonym.
#[utoipa::path(get, path = "/api/v1/synonyms/{synonym_id}", tag = "taxonomy", params(SynonymPath),
    responses((status = 200, description = "The synonym", body = SynonymDto)))]
pub(super) async fn get_synonym(
    caller: Authorized<permission::SettingsRead>,
    Path(path): Path<SynonymPath>,
) -> Result<Versioned<Json<SynonymDto>>, Problem> {
    let mut read = caller.begin_read().await?;
    let synonym = taxonomy::get_synonym(read.tx(), path.synonym_id).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: synonym.row_version, body: Json(synonym.into()) })
}

/// Replaces a synonym of the vendor's own.
#[utoipa::path(put, path = "/api/v1/synonyms/{synonym_id}", tag = "taxonomy", params(SynonymPath),
    request_body = WriteSynonym, responses((status = 200, description = "The synonym", body = SynonymDto)))]
pub(super) async fn replace_synonym(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Path(path): Path<SynonymPath>,
    if_match: IfMatch,
    Json(body): Json<WriteSynonym>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let change = taxonomy::begin_change(&mut tx).await?;
    let current = taxonomy::get_synonym(&mut tx, path.synonym_id).await?;
    if_match.check(current.row_version)?;
    let synonym = taxonomy::replace_synonym(&mut tx, &change, &current, &body.into()).await?;
    context::count_rows_written(1);
    let row_version = synonym.row_version;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &SynonymDto::from(synonym)).etag(row_version)).await
}

/// Deletes a synonym of the vendor's own.
#[utoipa::path(delete, path = "/api/v1/synonyms/{synonym_id}", tag = "taxonomy", params(SynonymPath),
    responses((status = 204, description = "The synonym is gone")))]
pub(super) async fn delete_synonym(
    caller: Authorized<permission::SettingsWrite>,
    Path(path): Path<SynonymPath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    taxonomy::begin_change(&mut tx).await?;
    let current = taxonomy::get_synonym(&mut tx, path.synonym_id).await?;
    if let Some(if_match) = if_match {
        if_match.check(current.row_version)?;
    }
    taxonomy::delete_synonym(&mut tx, &current).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}
