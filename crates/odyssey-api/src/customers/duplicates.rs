//! `GET /api/v1/customers/duplicates`.

use odyssey_domain::customers::{self, DuplicateGroup, SharedBy};
use odyssey_domain::tenancy::Permission;
use odyssey_types::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::CustomerDto;
use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::Problem;

const LIST: &str = "list_duplicate_customers";

/// Which page; at most 50 groups.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DuplicateFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// Customers that may be one person.
#[derive(Serialize, ToSchema)]
pub(super) struct DuplicateCustomersDto {
    /// What they share: `email` or `phone`; null where you may not see it.
    by: Option<&'static str>,
    /// How many share it; at most 20 of them are shown.
    customer_count: u64,
    customers: Vec<CustomerDto>,
}

impl<T: Into<CustomerDto>> From<DuplicateGroup<T>> for DuplicateCustomersDto {
    fn from(group: DuplicateGroup<T>) -> Self {
        Self {
            by: group.by.map(|by| match by {
                SharedBy::Email => "email",
                SharedBy::Phone => "phone",
            }),
            customer_count: group.customer_count,
            customers: group.customers.into_iter().map(Into::into).collect(),
        }
    }
}

/// Customers that share an e-mail address or a phone number under different external ids; masked for callers who
/// may not read personal data.
#[utoipa::path(get, path = "/api/v1/customers/duplicates", tag = "customers", params(DuplicateFilters),
    responses((status = 200, description = "A page of groups", body = PageDto<DuplicateCustomersDto>)))]
pub(super) async fn list_duplicate_customers(
    caller: Authorized<permission::CustomersReadMasked>,
    Query(filters): Query<DuplicateFilters>,
) -> Result<Json<PageDto<DuplicateCustomersDto>>, Problem> {
    let cursor: Option<String> = filters.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?;
    let (cursor, limit) = (cursor.as_deref(), filters.limit.get());
    let mut tx = caller.begin().await?;
    let page: Page<DuplicateCustomersDto> = if caller.role.may(Permission::CustomersRead) {
        customers::list_duplicates(&mut tx, cursor, limit).await?.map(Into::into)
    } else {
        customers::list_masked_duplicates(&mut tx, cursor, limit).await?.map(Into::into)
    };
    tx.commit().await?;
    let next_cursor = page.next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items: page.items, next_cursor })))
}
