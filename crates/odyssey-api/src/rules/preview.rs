//! `POST /api/v1/rules/preview`: other rules on the people and products there are.

use axum::extract::State;
use odyssey_domain::matching::{
    self, AffectedCustomer, AffectedProduct, PREVIEW_CUSTOMERS_DEFAULT, PREVIEW_CUSTOMERS_MAX, RulePreview,
    TriedRules, cell,
};
use odyssey_types::{CustomerId, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::RuleChangeDto;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::ApiState;

/// Which rules to try, and on how many: exactly one of `changes`, `draft` and `version`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewRules {
    /// All the changes over the rule pack, not a difference to what is in force.
    #[serde(default)]
    #[schema(max_items = 200)]
    changes: Option<Vec<RuleChangeDto>>,
    /// `true`: the draft.
    #[serde(default)]
    draft: bool,
    /// A version of the rules that is, was, or will be in force.
    #[serde(default)]
    version: Option<i32>,
    /// Customers to look at, 1 to 50,000, in an order that is fair and the same each time; 1,000 when left out.
    #[serde(default)]
    customers: Option<u64>,
}

/// Who would gain and lose what. A count of 1 to 10 customers is not told (null).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulePreviewDto {
    catalog_version: i64,
    /// Active products that were judged; 0 when nobody is affected.
    products: u64,
    /// Customers who consent.
    population: u64,
    looked_at: u64,
    /// Whether everybody was looked at and every difference was judged.
    complete: bool,
    /// Customers whom the rules decide otherwise for.
    affected: Option<u64>,
    gaining: Option<u64>,
    losing: Option<u64>,
    /// Who could be served and no longer can, and the other way round.
    newly_blocked: Option<u64>,
    newly_served: Option<u64>,
    /// Products gained and lost, added up over the customers.
    gained: u64,
    lost: u64,
    /// Of up to 2,000 products looked at for each person, those that concern most customers.
    products_gained: Vec<AffectedProductDto>,
    products_lost: Vec<AffectedProductDto>,
    /// The customers who lose most.
    customers: Vec<AffectedCustomerDto>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AffectedProductDto {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    external_id: String,
    name: Option<String>,
    customers: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AffectedCustomerDto {
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    gained: u64,
    lost: u64,
}

/// Tries rules before they are published. Nothing is stored; the customers it names are recorded as disclosed.
#[utoipa::path(post, path = "/api/v1/rules/preview", tag = "rules", request_body = PreviewRules,
    responses((status = 200, description = "Who gains and loses what", body = RulePreviewDto)))]
pub(super) async fn preview_rules(
    caller: Authorized<permission::HealthRead>,
    State(state): State<ApiState>,
    Json(body): Json<PreviewRules>,
) -> Result<Json<RulePreviewDto>, Problem> {
    let most = body.customers.unwrap_or(PREVIEW_CUSTOMERS_DEFAULT);
    if !(1..=PREVIEW_CUSTOMERS_MAX).contains(&most) {
        let why = format!("look at 1 to {PREVIEW_CUSTOMERS_MAX} customers");
        return Err(Problem::invalid("#/customers", "out_of_range", why));
    }
    let tried = match (body.changes, body.draft, body.version) {
        (Some(changes), false, None) => TriedRules::Changes(changes.into_iter().map(Into::into).collect()),
        (None, true, None) => TriedRules::Draft,
        (None, false, Some(version)) => TriedRules::Version(version),
        _ => {
            let why = "send exactly one of `changes`, `draft` and `version`";
            return Err(Problem::invalid("#", "exactly_one", why));
        }
    };
    let preview = matching::preview_rules(&caller, state.snapshots(), &tried, most).await?;
    context::count_rows_read(preview.looked_at);
    Ok(Json(preview.into()))
}

impl From<RulePreview> for RulePreviewDto {
    fn from(preview: RulePreview) -> Self {
        Self {
            catalog_version: preview.catalog_version,
            products: preview.products,
            population: preview.population,
            looked_at: preview.looked_at,
            complete: preview.complete,
            affected: cell(preview.affected),
            gaining: cell(preview.gaining),
            losing: cell(preview.losing),
            newly_blocked: cell(preview.newly_blocked),
            newly_served: cell(preview.newly_served),
            gained: preview.gained,
            lost: preview.lost,
            products_gained: preview.products_gained.into_iter().map(Into::into).collect(),
            products_lost: preview.products_lost.into_iter().map(Into::into).collect(),
            customers: preview.customers.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<AffectedProduct> for AffectedProductDto {
    fn from(product: AffectedProduct) -> Self {
        let AffectedProduct { product_id, external_id, name, customers } = product;
        Self { product_id, external_id, name, customers: cell(customers) }
    }
}

impl From<AffectedCustomer> for AffectedCustomerDto {
    fn from(customer: AffectedCustomer) -> Self {
        let AffectedCustomer { customer_id, gained, lost } = customer;
        Self { customer_id, gained, lost }
    }
}
