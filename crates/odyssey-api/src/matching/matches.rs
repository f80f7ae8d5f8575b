//! `GET /api/v1/matches/{customer_id}`.

use axum::extract::State;
use odyssey_domain::catalog;
use odyssey_domain::matching::{self, Diversify, MATCHES_DEFAULT, MATCHES_MAX, MatchQuery, PriceRange};
use odyssey_types::CustomerId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::dto::MatchListDto;
use super::receipts;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::problem::{Problem, ProblemCode, ProblemError};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct CustomerPath {
    #[param(value_type = Uuid)]
    customer_id: CustomerId,
}

impl PathParameters for CustomerPath {
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

/// How many products, and of which. Filters never change a gate.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MatchFilters {
    /// 1 to 1,000; 20 when left out.
    k: Option<usize>,
    /// `cannot_verify`: list those of which a needed fact is not stated as well, apart.
    #[param(inline)]
    include: Option<IncludeDto>,
    brand: Option<String>,
    category_id: Option<String>,
    /// Any of these dietary tags, separated by commas.
    #[serde(rename = "tags.any")]
    tags_any: Option<String>,
    /// Words that must all occur in the product.
    q: Option<String>,
    /// At least this price (a decimal such as `1.50`); a product without a price is left out. Needs `currency`.
    price_min: Option<String>,
    /// At most this price. Needs `currency`.
    price_max: Option<String>,
    /// Of `price_min` and `price_max`: an ISO 4217 code such as `USD`.
    #[param(example = "USD")]
    currency: Option<String>,
    /// At most this many products of one brand in a list; better ones that it passes over are counted.
    #[serde(rename = "diversify.brand_max")]
    diversify_brand_max: Option<usize>,
    /// At most this many products of one category in a list.
    #[serde(rename = "diversify.category_max")]
    diversify_category_max: Option<usize>,
    /// `true`: keep a signed receipt of this answer, `GET /receipts/{receipt_id}`; for at most 200 products of
    /// one customer, not for a preview.
    #[serde(default)]
    pub(super) receipt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum IncludeDto {
    CannotVerify,
}

/// The products that suit one customer, best first.
#[utoipa::path(get, path = "/api/v1/matches/{customer_id}", tag = "matching", params(CustomerPath, MatchFilters),
    responses((status = 200, description = "The products, and what removed the others", body = MatchListDto)))]
pub(super) async fn list_matches(
    caller: Authorized<permission::MatchesRead>,
    State(state): State<ApiState>,
    Path(path): Path<CustomerPath>,
    Query(filters): Query<MatchFilters>,
) -> Result<Json<MatchListDto>, Problem> {
    let wanted = filters.receipt;
    let query = filters.into_query()?;
    receipts::check_count(wanted, query.k)?;
    let signer = receipts::signer(&state, wanted);
    let matches =
        matching::list_for_customer(&caller, state.snapshots(), path.customer_id, &query, signer).await?;
    context::count_rows_read((matches.fits.len() + matches.cannot_verify.len() + 1) as u64);
    Ok(Json(matches.into()))
}

impl MatchFilters {
    pub(super) fn into_query(self) -> Result<MatchQuery, Problem> {
        let k = between_one_and("k", self.k, MATCHES_MAX)?.unwrap_or(MATCHES_DEFAULT);
        let diversify = Diversify {
            brand_max: between_one_and("diversify.brand_max", self.diversify_brand_max, MATCHES_MAX)?,
            category_max: between_one_and(
                "diversify.category_max",
                self.diversify_category_max,
                MATCHES_MAX,
            )?,
        };
        let price = price_range(self.currency, self.price_min.as_deref(), self.price_max.as_deref())?;
        let tags = self.tags_any.unwrap_or_default();
        Ok(MatchQuery {
            k,
            include_cannot_verify: self.include == Some(IncludeDto::CannotVerify),
            brands: self.brand.into_iter().collect(),
            categories: self.category_id.into_iter().collect(),
            tags: tags.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
            q: self.q,
            price,
            diversify,
        })
    }
}

/// A price says nothing without its currency, nor a currency without a price.
fn price_range(
    currency: Option<String>,
    min: Option<&str>,
    max: Option<&str>,
) -> Result<Option<PriceRange>, Problem> {
    let refuse = |name: &'static str, detail: &str| {
        Problem::new(ProblemCode::ValidationError).error(ProblemError::parameter(name, "invalid", detail))
    };
    let Some(currency) = currency else {
        return match (min, max) {
            (None, None) => Ok(None),
            _ => Err(refuse("currency", "say of which currency the price is: USD")),
        };
    };
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(refuse("currency", "a currency is three capitals (ISO 4217), such as USD"));
    }
    if min.is_none() && max.is_none() {
        return Err(refuse("currency", "send `price_min` or `price_max` beside it"));
    }
    let read = |name: &'static str, price: Option<&str>| {
        let amount = price.map(|price| catalog::hundredths(price).filter(|_| !price.starts_with('-')));
        match amount {
            None => Ok(None),
            Some(Some(amount)) => Ok(Some(amount)),
            Some(None) => Err(refuse(name, "a price is a decimal that is not negative, such as 1.50")),
        }
    };
    let (min_hundredths, max_hundredths) = (read("price_min", min)?, read("price_max", max)?);
    Ok(Some(PriceRange { currency, min_hundredths, max_hundredths }))
}

/// A count that is at least 1 where it is given.
pub(super) fn between_one_and(
    name: &'static str,
    count: Option<usize>,
    most: usize,
) -> Result<Option<usize>, Problem> {
    if count.is_none_or(|count| (1..=most).contains(&count)) {
        return Ok(count);
    }
    let detail = format!("{name} is between 1 and {most}");
    Err(Problem::new(ProblemCode::ValidationError).error(ProblemError::parameter(
        name,
        "out_of_range",
        detail,
    )))
}
