//! Listing products: filters, an order, and a keyset cursor that stays stable under writes.

use chrono::{DateTime, Utc};
use odyssey_matching::{KeySet, keys_of_allergen};
use odyssey_types::{Page, ProductId};
use uuid::Uuid;

use super::document::search_terms_with;
use super::facts::low_keys;
use super::{CatalogError, Product, store};
use crate::db::VendorTx;
use crate::taxonomy;

/// Hits looked through for one page when a text query is filtered as well: beyond it the query is too
/// common to be worth its page, and a narrower one is asked for.
const HITS_PER_PAGE_MAX: i32 = 10_000;

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProductSort {
    /// Newest change first.
    #[default]
    UpdatedAtDescending,
    UpdatedAtAscending,
    /// Best match of `q` first.
    Relevance,
}

/// Which products. Filters are joined by "and".
#[derive(Debug, Clone, Default)]
pub struct ProductQuery {
    /// Words that must all occur; the last may be unfinished.
    pub q: Option<String>,
    pub brand: Option<String>,
    pub category_id: Option<String>,
    /// Any of these dietary tags.
    pub tags_any: Option<Vec<String>>,
    /// None of these allergens, each a plain "no": not stated does not pass.
    pub allergens_none: Vec<String>,
    pub updated_after: Option<DateTime<Utc>>,
    pub sort: ProductSort,
    pub cursor: Option<String>,
    pub limit: u32,
}

/// The last row of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Position {
    pub rank: f32,
    pub updated_at: DateTime<Utc>,
    pub id: Uuid,
}

/// The products that hold every word of `typed`, at most [`HITS_PER_PAGE_MAX`], best match first: a filter
/// for matching.
pub async fn find_by_text(tx: &mut VendorTx, typed: &str) -> Result<Vec<ProductId>, CatalogError> {
    let terms = terms_of(tx, typed).await?;
    let hits = store::search_documents(tx, &terms, false, None, HITS_PER_PAGE_MAX).await?;
    Ok(hits.into_iter().map(|hit| hit.product_id.into()).collect())
}

/// Refuses a text query that nothing could be looked for with; for what is only stored now and asked later.
pub fn check_text(typed: &str) -> Result<(), CatalogError> {
    search_terms_with(typed, |_| Vec::new()).map(drop).ok_or(NOTHING_TO_LOOK_FOR)
}

const NOTHING_TO_LOOK_FOR: CatalogError = CatalogError::QueryInvalid("it has no letter or digit");

/// What was typed, as PostgreSQL looks for it, with the search synonyms of the platform and the vendor.
async fn terms_of(tx: &mut VendorTx, typed: &str) -> Result<String, CatalogError> {
    let synonyms = taxonomy::search_synonyms(tx).await?;
    search_terms_with(typed, |word| synonyms.get(word).cloned().unwrap_or_default())
        .ok_or(NOTHING_TO_LOOK_FOR)
}

/// One page of products.
pub async fn list_products(tx: &mut VendorTx, query: &ProductQuery) -> Result<Page<Product>, CatalogError> {
    let absent_keys = absent_keys(&query.allergens_none)?;
    let after =
        query.cursor.as_deref().map(|c| Position::read(c).ok_or(CatalogError::CursorInvalid)).transpose()?;
    match &query.q {
        Some(q) => {
            let terms = terms_of(tx, q).await?;
            list_by_text(tx, query, &terms, absent_keys, after).await
        }
        None if query.sort == ProductSort::Relevance => {
            Err(CatalogError::QueryInvalid("`sort=relevance` needs a text query `q`"))
        }
        None => {
            let limit = query.limit as usize;
            let mut items =
                store::list_products(tx, query, absent_keys, after.as_ref(), limit as i64 + 1).await?;
            let more = items.len() > limit;
            items.truncate(limit);
            let last = items.last().filter(|_| more);
            let next_cursor =
                last.map(|p| Position { rank: 0.0, updated_at: p.updated_at, id: p.id.as_uuid() }.write());
            Ok(Page { items, next_cursor })
        }
    }
}

async fn list_by_text(
    tx: &mut VendorTx,
    query: &ProductQuery,
    terms: &str,
    absent_keys: i64,
    mut after: Option<Position>,
) -> Result<Page<Product>, CatalogError> {
    let limit = query.limit as usize;
    let newest_first = query.sort == ProductSort::UpdatedAtDescending;
    let filtered = query.brand.is_some()
        || query.category_id.is_some()
        || query.tags_any.is_some()
        || absent_keys != 0
        || query.updated_after.is_some();
    let most = if filtered { HITS_PER_PAGE_MAX } else { limit as i32 + 1 };
    let mut page: Vec<Position> = Vec::new();
    loop {
        let at = after.map(|p| (p.rank, p.updated_at, p.id));
        let hits = store::search_documents(tx, terms, newest_first, at, most).await?;
        let exhausted = hits.len() < most as usize;
        after = hits
            .last()
            .map(|h| Position { rank: h.rank, updated_at: h.changed_at, id: h.product_id })
            .or(after);
        let ids: Vec<Uuid> = hits.iter().map(|h| h.product_id).collect();
        let kept: std::collections::HashSet<Uuid> =
            store::filter_products(tx, &ids, query, absent_keys).await?.into_iter().collect();
        page.extend(hits.into_iter().filter(|h| kept.contains(&h.product_id)).map(|h| Position {
            rank: h.rank,
            updated_at: h.changed_at,
            id: h.product_id,
        }));
        if exhausted || page.len() > limit {
            break;
        }
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let next_cursor = page.last().filter(|_| more).map(|p| p.write());
    let ids: Vec<ProductId> = page.iter().map(|p| p.id.into()).collect();
    let mut products: std::collections::HashMap<ProductId, Product> =
        store::find_products(tx, &ids).await?.into_iter().map(|p| (p.id, p)).collect();
    let items = ids.into_iter().filter_map(|id| products.remove(&id)).collect();
    Ok(Page { items, next_cursor })
}

/// Refuses a code that the column has no bit for, rather than leaving it out of the filter.
fn absent_keys(allergens: &[String]) -> Result<i64, CatalogError> {
    let mut keys = KeySet::EMPTY;
    for allergen in allergens {
        let stored = keys_of_allergen(allergen).filter(|k| k.0 <= u128::from(u64::MAX));
        keys = keys.union(stored.ok_or_else(|| CatalogError::AllergenUnknown(allergen.clone()))?);
    }
    Ok(low_keys(keys))
}

impl Position {
    fn write(self) -> String {
        format!("{:08x}_{}_{}", self.rank.to_bits(), self.updated_at.timestamp_micros(), self.id.simple())
    }

    fn read(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split('_');
        let rank = f32::from_bits(u32::from_str_radix(parts.next()?, 16).ok()?);
        let updated_at = DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?;
        let id = Uuid::try_parse(parts.next()?).ok()?;
        parts.next().is_none().then_some(Self { rank, updated_at, id })
    }
}
