//! `/api/v1/taxonomy`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::taxonomy::{self, NodeQuery};
use odyssey_types::Page;
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{
    NewTaxonomyNode, TaxonomyKindDto, TaxonomyNodeDto, TaxonomyNodeFields, TaxonomyVersionsDto,
};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_taxonomy_nodes";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct NodePath {
    #[param(inline)]
    kind: TaxonomyKindDto,
    code: String,
}

impl PathParameters for NodePath {
    const NOT_FOUND: ProblemCode = ProblemCode::TaxonomyNodeNotFound;
}

/// Which nodes; filters are joined by "and".
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NodeFilters {
    /// Which tree.
    #[param(inline)]
    kind: TaxonomyKindDto,
    /// Only nodes right below this one.
    parent: Option<String>,
    active: Option<bool>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

impl NodeFilters {
    pub(super) fn into_query(self, list: &str) -> Result<NodeQuery, Problem> {
        Ok(NodeQuery {
            kind: self.kind.into(),
            parent: self.parent,
            active: self.active,
            after: self.cursor.as_deref().map(|cursor| read_cursor(list, cursor)).transpose()?,
            limit: self.limit.get(),
        })
    }
}

/// The versions that every change of taxonomy and synonyms counts on.
#[utoipa::path(get, path = "/api/v1/taxonomy-versions", tag = "taxonomy",
    responses((status = 200, description = "The versions", body = TaxonomyVersionsDto)))]
pub(super) async fn get_taxonomy_versions(
    caller: Authorized<permission::SettingsRead>,
) -> Result<Json<TaxonomyVersionsDto>, Problem> {
    let mut read = caller.begin_read_on_primary().await?;
    let versions = taxonomy::versions(read.tx()).await?;
    read.finish().await?;
    Ok(Json(versions.into()))
}

/// The nodes of one tree by code: the platform's, and the vendor's own, which win.
#[utoipa::path(get, path = "/api/v1/taxonomy", tag = "taxonomy", params(NodeFilters),
    responses((status = 200, description = "A page of nodes", body = PageDto<TaxonomyNodeDto>)))]
pub(super) async fn list_taxonomy_nodes(
    caller: Authorized<permission::SettingsRead>,
    Query(filters): Query<NodeFilters>,
) -> Result<Json<PageDto<TaxonomyNodeDto>>, Problem> {
    let query = filters.into_query(LIST)?;
    let mut read = caller.begin_read().await?;
    let Page { items, next_cursor } = taxonomy::list_nodes(read.tx(), &query).await?;
    read.finish().await?;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    let page = Page { items, next_cursor };
    Ok(Json(PageDto::new(page)))
}

/// Creates a node of the vendor's own; over a code of the platform it is an override.
#[utoipa::path(post, path = "/api/v1/taxonomy", tag = "taxonomy", request_body = NewTaxonomyNode,
    responses((status = 201, description = "The node", body = TaxonomyNodeDto)))]
pub(super) async fn create_taxonomy_node(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Json(body): Json<NewTaxonomyNode>,
) -> Result<Response, Problem> {
    let write = body.into_write();
    let mut tx = caller.begin().await?;
    let change = taxonomy::begin_change(&mut tx).await?;
    let node = taxonomy::create_node(&mut tx, &change, &write).await?;
    context::count_rows_written(1);
    let row_version = node.row_version;
    let answer = Answer::json(StatusCode::CREATED, &TaxonomyNodeDto::from(node)).etag(row_version);
    idempotency.commit(tx, answer).await
}

/// One node as the vendor sees it.
#[utoipa::path(get, path = "/api/v1/taxonomy/{kind}/{code}", tag = "taxonomy", params(NodePath),
    responses((status = 200, description = "The node", body = TaxonomyNodeDto)))]
pub(super) async fn get_taxonomy_node(
    caller: Authorized<permission::SettingsRead>,
    Path(path): Path<NodePath>,
) -> Result<Versioned<Json<TaxonomyNodeDto>>, Problem> {
    let mut read = caller.begin_read().await?;
    let node = taxonomy::get_node(read.tx(), path.kind.into(), &path.code).await?;
    read.finish().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: node.row_version, body: Json(node.into()) })
}

/// Replaces a node. One of the platform stays as it is: the vendor gets a row of its own, which wins here.
#[utoipa::path(put, path = "/api/v1/taxonomy/{kind}/{code}", tag = "taxonomy", params(NodePath),
    request_body = TaxonomyNodeFields,
    responses((status = 200, description = "The node", body = TaxonomyNodeDto)))]
pub(super) async fn replace_taxonomy_node(
    caller: Authorized<permission::SettingsWrite>,
    idempotency: Idempotency,
    Path(path): Path<NodePath>,
    if_match: IfMatch,
    Json(body): Json<TaxonomyNodeFields>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let change = taxonomy::begin_change(&mut tx).await?;
    let current = taxonomy::get_node(&mut tx, path.kind.into(), &path.code).await?;
    if_match.check(current.row_version)?;
    let write = body.into_write(path.kind.into(), path.code);
    let node = taxonomy::put_node(&mut tx, &change, &write).await?;
    context::count_rows_written(1);
    let row_version = node.row_version;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &TaxonomyNodeDto::from(node)).etag(row_version)).await
}

/// Deletes a node of the vendor's own that has none below it.
#[utoipa::path(delete, path = "/api/v1/taxonomy/{kind}/{code}", tag = "taxonomy", params(NodePath),
    responses((status = 204, description = "The node is gone")))]
pub(super) async fn delete_taxonomy_node(
    caller: Authorized<permission::SettingsWrite>,
    Path(path): Path<NodePath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    taxonomy::begin_change(&mut tx).await?;
    let current = taxonomy::get_own_node(&mut tx, path.kind.into(), &path.code).await?;
    if let Some(if_match) = if_match {
        if_match.check(current.row_version)?;
    }
    taxonomy::delete_node(&mut tx, &current).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}
