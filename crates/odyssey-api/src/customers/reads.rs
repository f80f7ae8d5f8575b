//! Reading `/api/v1/customers`.

use chrono::{DateTime, Utc};
use odyssey_domain::customers::{self, ConsentState, CustomerLookup, CustomerQuery, CustomerSort};
use odyssey_domain::tenancy::Permission;
use odyssey_types::{CustomerId, CustomerStatus, Page, Phi};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::CustomerDto;
use crate::authorized::{Authorized, permission};
use crate::conditional::{IfMatch, Versioned};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_customers";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CustomerPath {
    #[param(value_type = Uuid)]
    pub customer_id: CustomerId,
}

impl PathParameters for CustomerPath {
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

/// Which customers; filters are joined by "and". Nothing personal is among them: a URL is no place for it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerFilters {
    updated_after: Option<DateTime<Utc>>,
    #[param(inline)]
    status: Option<CustomerStatus>,
    has_profile: Option<bool>,
    /// Consent to the use of health data.
    #[param(inline)]
    consent: Option<ConsentFilter>,
    /// `-updated_at` (the default), or `updated_at` for following changes.
    #[param(inline)]
    sort: Option<SortDto>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentFilter {
    Missing,
    Granted,
    Withdrawn,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(super) enum SortDto {
    #[serde(rename = "-updated_at")]
    NewestFirst,
    #[serde(rename = "updated_at")]
    OldestFirst,
}

impl CustomerFilters {
    fn into_query(self) -> Result<CustomerQuery, Problem> {
        Ok(CustomerQuery {
            updated_after: self.updated_after,
            status: self.status,
            has_profile: self.has_profile,
            consent: self.consent.map(|consent| match consent {
                ConsentFilter::Missing => ConsentState::Missing,
                ConsentFilter::Granted => ConsentState::Granted,
                ConsentFilter::Withdrawn => ConsentState::Withdrawn,
            }),
            sort: match self.sort {
                None | Some(SortDto::NewestFirst) => CustomerSort::UpdatedAtDescending,
                Some(SortDto::OldestFirst) => CustomerSort::UpdatedAtAscending,
            },
            cursor: self.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?,
            limit: self.limit.get(),
        })
    }
}

/// Customers, newest change first; masked for callers who may not read personal data.
#[utoipa::path(get, path = "/api/v1/customers", tag = "customers", params(CustomerFilters),
    responses((status = 200, description = "A page of customers", body = PageDto<CustomerDto>)))]
pub(super) async fn list_customers(
    caller: Authorized<permission::CustomersReadMasked>,
    Query(filters): Query<CustomerFilters>,
) -> Result<Json<PageDto<CustomerDto>>, Problem> {
    let query = filters.into_query()?;
    let mut tx = caller.begin().await?;
    let page: Page<CustomerDto> = if caller.role.may(Permission::CustomersRead) {
        customers::list_customers(&mut tx, &query).await?.map(Into::into)
    } else {
        customers::list_masked(&mut tx, &query).await?.map(Into::into)
    };
    tx.commit().await?;
    let next_cursor = page.next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items: page.items, next_cursor })))
}

/// One customer; masked for callers who may not read personal data.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}", tag = "customers", params(CustomerPath),
    responses((status = 200, description = "The customer", body = CustomerDto)))]
pub(super) async fn get_customer(
    caller: Authorized<permission::CustomersReadMasked>,
    Path(path): Path<CustomerPath>,
) -> Result<Versioned<Json<CustomerDto>>, Problem> {
    let mut tx = caller.begin().await?;
    let customer: CustomerDto = if caller.role.may(Permission::CustomersRead) {
        customers::get_customer(&mut tx, path.customer_id).await?.into()
    } else {
        customers::get_masked(&mut tx, path.customer_id).await?.into()
    };
    tx.commit().await?;
    context::count_rows_read(1);
    Ok(Versioned { row_version: customer.row_version, body: Json(customer) })
}

/// What to find customers by: exactly one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchCustomers {
    #[serde(default)]
    external_id: Option<String>,
    /// Compared without case.
    #[serde(default)]
    email: Option<String>,
    /// Compared by its digits; ten digits without a country code are a US number.
    #[serde(default)]
    phone: Option<String>,
}

/// The customers found, at most 200.
#[derive(Serialize, ToSchema)]
pub(super) struct FoundCustomers {
    items: Vec<CustomerDto>,
}

/// Customers by exact external id, e-mail or phone. In a body, since a URL is no place for personal data.
#[utoipa::path(post, path = "/api/v1/customers/search", tag = "customers", request_body = SearchCustomers,
    responses((status = 200, description = "The customers found", body = FoundCustomers)))]
pub(super) async fn search_customers(
    caller: Authorized<permission::CustomersRead>,
    Json(body): Json<SearchCustomers>,
) -> Result<Json<FoundCustomers>, Problem> {
    let lookup = match (body.external_id, body.email, body.phone) {
        (Some(external_id), None, None) => CustomerLookup::ExternalId(Phi::new(external_id)),
        (None, Some(email), None) => CustomerLookup::Email(Phi::new(email)),
        (None, None, Some(phone)) => CustomerLookup::Phone(Phi::new(phone)),
        _ => {
            return Err(Problem::invalid(
                "#",
                "exactly_one",
                "send exactly one of external_id, email and phone",
            ));
        }
    };
    let mut tx = caller.begin().await?;
    let found = customers::search_customers(&mut tx, &lookup).await?;
    tx.commit().await?;
    context::count_rows_read(found.len() as u64);
    Ok(Json(FoundCustomers { items: found.into_iter().map(Into::into).collect() }))
}

/// The versions a change may apply to; `None` for any.
pub(super) fn versions(if_match: Option<IfMatch>) -> Option<Vec<i64>> {
    match if_match {
        None | Some(IfMatch::Any) => None,
        Some(IfMatch::OneOf(versions)) => Some(versions),
    }
}
