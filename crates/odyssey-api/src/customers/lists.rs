//! `/api/v1/customers/{customer_id}/lists`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::customers::{self, CustomerLists, ListKind};
use odyssey_types::{CustomerId, ProductId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reads::{CustomerPath, versions};
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ListEntryPath {
    #[param(value_type = Uuid)]
    customer_id: CustomerId,
    #[param(value_type = Uuid)]
    product_id: ProductId,
}

impl PathParameters for ListEntryPath {
    // The customer is looked for first, so a path that cannot be read is a customer that is not there.
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

/// Both lists of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListsDto {
    /// Shown although a preference speaks against them; lifts no allergen, condition or drug gate.
    always_allow: Vec<ListEntryDto>,
    never_show: Vec<ListEntryDto>,
    /// Changes with every entry.
    lists_version: i64,
}

/// A product on a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListEntryDto {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    added_by: Option<UserId>,
    added_at: DateTime<Utc>,
}

/// Which list the product goes on; it leaves the other one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutListEntry {
    list: ListKindDto,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ListKindDto {
    AlwaysAllow,
    NeverShow,
}

impl From<CustomerLists> for ListsDto {
    fn from(lists: CustomerLists) -> Self {
        let on = |kind| {
            let entries = lists.entries.iter().filter(|e| e.list == kind);
            entries
                .map(|e| ListEntryDto {
                    product_id: e.product_id,
                    added_by: e.added_by,
                    added_at: e.added_at,
                })
                .collect()
        };
        Self {
            always_allow: on(ListKind::AlwaysAllow),
            never_show: on(ListKind::NeverShow),
            lists_version: lists.version,
        }
    }
}

/// The products that a customer always wants to see, and never.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/lists", tag = "customers", params(CustomerPath),
    responses((status = 200, description = "The lists", body = ListsDto)))]
pub(super) async fn get_customer_lists(
    caller: Authorized<permission::CustomersRead>,
    Path(path): Path<CustomerPath>,
) -> Result<Versioned<Json<ListsDto>>, Problem> {
    let mut tx = caller.begin().await?;
    let lists = customers::get_lists(&mut tx, path.customer_id).await?;
    tx.commit().await?;
    context::count_rows_read(lists.entries.len() as u64);
    Ok(Versioned { row_version: lists.version, body: Json(lists.into()) })
}

/// Puts a product on one of the lists. `If-Match` names the version of the lists.
#[utoipa::path(put, path = "/api/v1/customers/{customer_id}/lists/{product_id}", tag = "customers",
    params(ListEntryPath), request_body = PutListEntry,
    responses((status = 200, description = "The lists as they are now", body = ListsDto)))]
pub(super) async fn put_list_entry(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Path(path): Path<ListEntryPath>,
    if_match: IfMatch,
    Json(body): Json<PutListEntry>,
) -> Result<Response, Problem> {
    let list = match body.list {
        ListKindDto::AlwaysAllow => ListKind::AlwaysAllow,
        ListKindDto::NeverShow => ListKind::NeverShow,
    };
    let mut tx = caller.begin().await?;
    let (id, product_id) = (path.customer_id, path.product_id);
    customers::put_list_entry(&mut tx, id, product_id, list, versions(Some(if_match))).await?;
    let lists = customers::get_lists(&mut tx, id).await?;
    context::count_rows_written(1);
    let version = lists.version;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &ListsDto::from(lists)).etag(version)).await
}

/// Takes a product off whichever list it is on.
#[utoipa::path(delete, path = "/api/v1/customers/{customer_id}/lists/{product_id}", tag = "customers",
    params(ListEntryPath), responses((status = 204, description = "The product is on no list")))]
pub(super) async fn delete_list_entry(
    caller: Authorized<permission::CustomersWrite>,
    Path(path): Path<ListEntryPath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    customers::delete_list_entry(&mut tx, path.customer_id, path.product_id, versions(if_match)).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}
