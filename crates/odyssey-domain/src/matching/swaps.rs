//! Better products of the same kind.

use std::sync::Arc;

use odyssey_matching::{Filters, Notice, Policy, Query, Tier, Verdict, rank};
use odyssey_types::{CustomerId, ProductId};

use super::judge::{
    ATTEMPTS_MAX, Disagreements, MatchedProduct, TOO_FAST, evaluate_products, judge_rows, snapshot_within,
};
use super::{MatchingError, Provenance, Snapshots, VendorSnapshot, compile, provenance};
use crate::catalog::{self, CatalogError, WriteRefusal};
use crate::customers::{self, MatchAct};
use crate::tenancy::Caller;

/// Swaps of an answer at most, and when the caller does not say.
pub const SWAPS_MAX: usize = 50;
pub const SWAPS_DEFAULT: usize = 10;

/// What makes two products the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameKind {
    /// They have the same category.
    Category,
    /// The product has no category, so nothing is known to be of its kind.
    Unknown,
}

/// The answer.
#[derive(Debug)]
pub struct Swaps {
    /// The product that is to be replaced, and the verdict on it.
    pub product: MatchedProduct,
    pub same_kind: SameKind,
    /// Fit, and stand before the product in the order of matches; best first.
    pub swaps: Vec<MatchedProduct>,
    /// What is to be said beside all of it: also that nothing is on record to judge by.
    pub notices: Vec<Notice>,
    pub provenance: Provenance,
}

/// Finds products of the same kind that fit a customer and are better than the given one.
pub async fn find_swaps(
    caller: &Caller,
    snapshots: &Snapshots,
    customer_id: CustomerId,
    product_id: ProductId,
    limit: usize,
) -> Result<Swaps, MatchingError> {
    let mut disagreements = Disagreements::default();
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = caller.begin().await?;
        let version = catalog::catalog_version(&mut tx).await?;
        let opened = customers::open_for_matching(&mut tx, customer_id, MatchAct::Swaps).await?;
        let policy = Arc::new(compile(&mut tx, &opened).await?);
        let product = evaluate_products(&mut tx, &policy, &[product_id]).await?.pop();
        let product = product
            .map(|(matched, _)| matched)
            .filter(|matched| matched.product.deleted_at.is_none())
            .ok_or(CatalogError::Refused(WriteRefusal::NotFound))?;
        let Some(snapshot) = snapshot_within(&tx, snapshots, version).await? else {
            let scope = tx.scope();
            tx.roll_back().await?;
            snapshots.at_least(scope, version).await?;
            continue;
        };
        let category = product.product.fields.category_id.clone();
        let same_kind = if category.is_some() { SameKind::Category } else { SameKind::Unknown };
        let candidates = match category {
            Some(category) => best_of_category(snapshot, &policy, category, limit).await?,
            None => Vec::new(),
        };
        let Some(judged) =
            judge_rows(&mut tx, &policy, &candidates, disagreements.strictness(version)).await?
        else {
            disagreements.note(version);
            tx.roll_back().await?;
            continue;
        };
        let provenance = provenance(&policy, &opened, version);
        tx.commit().await?;
        let category = product.product.fields.category_id.as_deref();
        let swaps = judged
            .into_iter()
            // Names are filtered by their hashes first: the row has the last word.
            .filter(|m| m.product.fields.category_id.as_deref() == category && m.product.id != product_id)
            .filter(|m| is_better(&m.verdict, &product.verdict))
            .take(limit)
            .collect();
        return Ok(Swaps { product, same_kind, swaps, notices: policy.notices.clone(), provenance });
    }
    Err(TOO_FAST)
}

async fn best_of_category(
    snapshot: Arc<VendorSnapshot>,
    policy: &Arc<Policy>,
    category: String,
    limit: usize,
) -> Result<Vec<odyssey_matching::Candidate>, MatchingError> {
    let policy = Arc::clone(policy);
    // One more, since the product itself may be among them.
    let filters = Filters { categories: vec![category], ..Filters::default() };
    let query = Query { k: limit + 1, include_cannot_verify: false, filters };
    tokio::task::spawn_blocking(move || rank(&snapshot.snapshot, &policy, &query).fits)
        .await
        .map_err(|_| MatchingError::Unavailable("the engine stopped"))
}

/// Fits at all, and stands strictly before the other by tier, then score.
fn is_better(candidate: &Verdict, than: &Verdict) -> bool {
    candidate.tier <= Tier::Two
        && (candidate.tier < than.tier
            || (candidate.tier == than.tier && candidate.score_permille > than.score_permille))
}
