//! What a caller looks for. Filters narrow the catalog before it is judged and never change a gate.

use odyssey_matching::Filters;
use serde::{Deserialize, Serialize};

use super::MatchingError;
use crate::catalog;
use crate::db::VendorTx;

/// Products of an answer at most, and when the caller does not say.
pub const MATCHES_MAX: usize = 1_000;
pub const MATCHES_DEFAULT: usize = 20;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatchQuery {
    /// 1 to [`MATCHES_MAX`].
    pub k: usize,
    pub include_cannot_verify: bool,
    pub brands: Vec<String>,
    pub categories: Vec<String>,
    /// Any of these dietary tags.
    pub tags: Vec<String>,
    /// Words that must occur in the product.
    pub q: Option<String>,
    pub price: Option<PriceRange>,
    pub diversify: Diversify,
}

/// What a product may cost: hundredths of a currency, inclusive. One without a price, or with one in another
/// currency, is left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PriceRange {
    /// ISO 4217.
    pub currency: String,
    pub min_hundredths: Option<u32>,
    pub max_hundredths: Option<u32>,
}

impl Default for MatchQuery {
    fn default() -> Self {
        Self {
            k: MATCHES_DEFAULT,
            include_cannot_verify: false,
            brands: Vec::new(),
            categories: Vec::new(),
            tags: Vec::new(),
            q: None,
            price: None,
            diversify: Diversify::default(),
        }
    }
}

/// How many products of one brand or category may fill a list. Products without the field are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Diversify {
    /// At least 1 where set.
    pub brand_max: Option<usize>,
    /// At least 1 where set.
    pub category_max: Option<usize>,
}

impl Diversify {
    pub const fn is_set(self) -> bool {
        self.brand_max.is_some() || self.category_max.is_some()
    }
}

/// The engine's filters for a query; a text query is answered by the search documents.
pub(super) async fn filters_of(tx: &mut VendorTx, query: &MatchQuery) -> Result<Filters, MatchingError> {
    let restrict_to = match &query.q {
        Some(q) => Some(catalog::find_by_text(tx, q).await?),
        None => None,
    };
    Ok(Filters {
        brands: query.brands.clone(),
        categories: query.categories.clone(),
        tags: query.tags.clone(),
        restrict_to,
        price_min_hundredths: query.price.as_ref().map(|price| price.min_hundredths.unwrap_or(0)),
        price_max_hundredths: query.price.as_ref().and_then(|price| price.max_hundredths),
        currency: query.price.as_ref().map(|price| price.currency.clone()),
    })
}
