//! `/api/v1/platform/taxonomy` and `/api/v1/platform/synonyms`: the rows that every vendor reads.
//!
//! Rows are named in the body or the query, not in the path: they belong to no vendor, and what stands in a path
//! is a vendor's.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::taxonomy::{self, SynonymWrite, TaxonomyError};
use odyssey_types::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{
    NewTaxonomyNode, SynonymDto, SynonymKindDto, TaxonomyKindDto, TaxonomyNodeDto, WriteSynonym,
};
use super::nodes::NodeFilters;
use super::synonyms::{SynonymFilters, page_of};
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{PageDto, write_cursor};
use crate::problem::Problem;

const NODES: &str = "list_platform_nodes";
const SYNONYMS: &str = "list_platform_synonyms";

/// The platform's nodes of one tree.
#[utoipa::path(get, path = "/api/v1/platform/taxonomy", tag = "taxonomy", params(NodeFilters),
    responses((status = 200, description = "A page of nodes", body = PageDto<TaxonomyNodeDto>)))]
pub(super) async fn list_platform_nodes(
    caller: Authorized<permission::VendorsManage>,
    Query(filters): Query<NodeFilters>,
) -> Result<Json<PageDto<TaxonomyNodeDto>>, Problem> {
    let query = filters.into_query(NODES)?;
    let mut tx = caller.begin_platform().await?;
    let Page { items, next_cursor } = taxonomy::list_platform_nodes(&mut tx, &query).await?;
    tx.roll_back().await?;
    let next_cursor = next_cursor.map(|at| write_cursor(NODES, &at)).transpose()?;
    let page = Page { items, next_cursor };
    Ok(Json(PageDto::new(page)))
}

/// Writes a node of the platform, new or in place of the one with this kind and code.
#[utoipa::path(post, path = "/api/v1/platform/taxonomy", tag = "taxonomy", request_body = NewTaxonomyNode,
    responses((status = 200, description = "The node", body = TaxonomyNodeDto)))]
pub(super) async fn write_platform_node(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    if_match: Option<IfMatch>,
    Json(body): Json<NewTaxonomyNode>,
) -> Result<Response, Problem> {
    let write = body.into_write();
    let mut tx = caller.begin_platform().await?;
    let change = taxonomy::begin_platform_change(&mut tx).await?;
    let current = taxonomy::find_platform_node(&mut tx, write.kind, &write.code).await?;
    check(if_match.as_ref(), current.map(|node| node.row_version))?;
    let node = taxonomy::put_platform_node(&mut tx, &caller.actor(), &change, &write).await?;
    context::count_rows_written(1);
    let row_version = node.row_version;
    let answer = Answer::json(StatusCode::OK, &TaxonomyNodeDto::from(node)).etag(row_version);
    idempotency.commit_platform(tx, answer).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PlatformNode {
    #[param(inline)]
    kind: TaxonomyKindDto,
    code: String,
}

/// Deletes a node of the platform that has none of the platform's below it.
#[utoipa::path(delete, path = "/api/v1/platform/taxonomy", tag = "taxonomy", params(PlatformNode),
    responses((status = 204, description = "The node is gone")))]
pub(super) async fn delete_platform_node(
    caller: Authorized<permission::VendorsManage>,
    Query(node): Query<PlatformNode>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin_platform().await?;
    taxonomy::begin_platform_change(&mut tx).await?;
    taxonomy::delete_platform_node(&mut tx, &caller.actor(), node.kind.into(), &node.code).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

/// The platform's synonyms of one kind.
#[utoipa::path(get, path = "/api/v1/platform/synonyms", tag = "taxonomy", params(SynonymFilters),
    responses((status = 200, description = "A page of synonyms", body = PageDto<SynonymDto>)))]
pub(super) async fn list_platform_synonyms(
    caller: Authorized<permission::VendorsManage>,
    Query(filters): Query<SynonymFilters>,
) -> Result<Json<PageDto<SynonymDto>>, Problem> {
    let query = filters.into_query(SYNONYMS)?;
    let mut tx = caller.begin_platform().await?;
    let page = taxonomy::list_platform_synonyms(&mut tx, &query).await?;
    tx.roll_back().await?;
    page_of(SYNONYMS, page)
}

/// Writes a synonym of the platform, new or in place of the one with this kind, domain and text.
#[utoipa::path(post, path = "/api/v1/platform/synonyms", tag = "taxonomy", request_body = WriteSynonym,
    responses((status = 200, description = "The synonym", body = SynonymDto)))]
pub(super) async fn write_platform_synonym(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    if_match: Option<IfMatch>,
    Json(body): Json<WriteSynonym>,
) -> Result<Response, Problem> {
    let write = SynonymWrite::from(body);
    let mut tx = caller.begin_platform().await?;
    let change = taxonomy::begin_platform_change(&mut tx).await?;
    let current = taxonomy::find_platform_synonym(&mut tx, write.kind, &write.domain, &write.synonym).await?;
    check(if_match.as_ref(), current.as_ref().map(|synonym| synonym.row_version))?;
    let actor = caller.actor();
    let synonym = taxonomy::put_platform_synonym(&mut tx, &actor, &change, &write, current.as_ref()).await?;
    context::count_rows_written(1);
    let row_version = synonym.row_version;
    let answer = Answer::json(StatusCode::OK, &SynonymDto::from(synonym)).etag(row_version);
    idempotency.commit_platform(tx, answer).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PlatformSynonym {
    #[param(inline)]
    kind: SynonymKindDto,
    domain: String,
    synonym: String,
}

/// Deletes a synonym of the platform.
#[utoipa::path(delete, path = "/api/v1/platform/synonyms", tag = "taxonomy", params(PlatformSynonym),
    responses((status = 204, description = "The synonym is gone")))]
pub(super) async fn delete_platform_synonym(
    caller: Authorized<permission::VendorsManage>,
    Query(synonym): Query<PlatformSynonym>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin_platform().await?;
    taxonomy::begin_platform_change(&mut tx).await?;
    let PlatformSynonym { kind, domain, synonym } = synonym;
    let current = taxonomy::find_platform_synonym(&mut tx, kind.into(), &domain, &synonym)
        .await?
        .ok_or(TaxonomyError::SynonymNotFound)?;
    taxonomy::delete_platform_synonym(&mut tx, &caller.actor(), &current).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

/// A version that was named fits the row there is; where there is none, none was to be named.
fn check(if_match: Option<&IfMatch>, row_version: Option<i64>) -> Result<(), Problem> {
    if_match.map_or(Ok(()), |if_match| if_match.check(row_version.unwrap_or(0)))
}
