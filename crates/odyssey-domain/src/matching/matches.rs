//! The list of products that suit one customer.

use std::collections::HashMap;
use std::time::Duration;

use odyssey_matching::{
    Binding, Blocked, Candidate, Filters, FunnelStep, NotConsidered, Policy, Query, Ranked, RulePack,
    Verdict, VerdictKind, derive_profile, evaluate, rank,
};
use odyssey_types::{CustomerId, ProductId};

use super::{MatchingError, Provenance, Snapshots, compile, meta_of, provenance};
use crate::catalog::{self, Product};
use crate::customers::{self, ForMatching};
use crate::db::VendorTx;
use crate::tenancy::Caller;

/// Products of an answer at most, and when the caller does not say.
pub const MATCHES_MAX: usize = 1_000;
pub const MATCHES_DEFAULT: usize = 20;
/// How long a transaction waits for a snapshot before it is given back: nobody holds a connection while
/// a catalog loads.
const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(50);
/// How often a request begins again because the catalog moved on under it.
const ATTEMPTS_MAX: usize = 8;

/// What to look for.
#[derive(Debug, Clone)]
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
        }
    }
}

/// A product and what the live row says about it.
#[derive(Debug)]
pub struct MatchedProduct {
    pub product: Product,
    pub verdict: Verdict,
}

/// The answer.
#[derive(Debug)]
pub struct Matches {
    pub fits: Vec<MatchedProduct>,
    pub cannot_verify: Vec<MatchedProduct>,
    pub considered: u64,
    pub fits_total: u64,
    pub cannot_verify_total: u64,
    pub funnel: Vec<FunnelStep>,
    pub binding: Option<Binding>,
    pub blocked: Vec<Blocked>,
    pub not_considered: Vec<NotConsidered>,
    /// Parts of the score that come from the health profile; 0 without height, weight, age or sex, when
    /// nothing can be derived and every product is scored by the general figures alone.
    pub health_score_terms: usize,
    pub provenance: Provenance,
}

/// Lists the products that suit one customer, best first; commits the disclosure.
pub async fn list_for_customer(
    caller: &Caller,
    snapshots: &Snapshots,
    customer_id: CustomerId,
    query: &MatchQuery,
) -> Result<Matches, MatchingError> {
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = caller.begin().await?;
        let version = catalog::catalog_version(&mut tx).await?;
        let opened = customers::open_for_matching(&mut tx, customer_id).await?;
        let scope = tx.scope();
        let Some(snapshot) = snapshots.at_least_within(scope, version, SNAPSHOT_PATIENCE).await? else {
            // The connection goes back to the pool while the catalog loads; then everything begins again.
            tx.roll_back().await?;
            snapshots.at_least(scope, version).await?;
            continue;
        };
        let policy = compile(&mut tx, &opened).await?;
        let filters = filters_of(&mut tx, query).await?;
        let ranked = rank_off_thread(snapshot, &policy, query, filters).await?;
        let matches = hydrate(&mut tx, ranked, policy, &opened, version, query.k).await?;
        let Some(matches) = matches else {
            tx.roll_back().await?;
            continue;
        };
        tx.commit().await?;
        return Ok(matches);
    }
    Err(MatchingError::Unavailable("the catalog changes faster than it can be read"))
}

async fn filters_of(tx: &mut VendorTx, query: &MatchQuery) -> Result<Filters, MatchingError> {
    let restrict_to = match &query.q {
        Some(q) => Some(catalog::find_by_text(tx, q).await?),
        None => None,
    };
    Ok(Filters {
        brands: query.brands.clone(),
        categories: query.categories.clone(),
        tags: query.tags.clone(),
        restrict_to,
        ..Filters::default()
    })
}

/// Ranking is a few milliseconds of pure computation: it leaves the threads that serve requests alone.
async fn rank_off_thread(
    snapshot: std::sync::Arc<super::VendorSnapshot>,
    policy: &Policy,
    query: &MatchQuery,
    filters: Filters,
) -> Result<Ranked, MatchingError> {
    let policy = policy.clone();
    // A few more than asked for, since a filter by name is checked again on the row.
    let engine_query = Query { k: query.k, include_cannot_verify: query.include_cannot_verify, filters };
    tokio::task::spawn_blocking(move || rank(&snapshot.snapshot, &policy, &engine_query))
        .await
        .map_err(|_| MatchingError::Unavailable("the engine stopped"))
}

/// Reads the winners' live rows and judges them again: what the second judge does not pass is not shown.
/// `None` when the two disagree on a row, which means that the row has moved on since the snapshot.
async fn hydrate(
    tx: &mut VendorTx,
    ranked: Ranked,
    policy: Policy,
    opened: &ForMatching,
    version: i64,
    k: usize,
) -> Result<Option<Matches>, MatchingError> {
    let ids: Vec<ProductId> = ranked.fits.iter().chain(&ranked.cannot_verify).map(|c| c.id).collect();
    let mut products: HashMap<ProductId, Product> =
        catalog::find_products(tx, &ids).await?.into_iter().map(|p| (p.id, p)).collect();
    let holds = catalog::holds_of_products(tx, &ids).await?;
    let mut judge = |candidates: &[Candidate]| -> Option<Vec<MatchedProduct>> {
        let mut matched = Vec::with_capacity(candidates.len().min(k));
        for candidate in candidates {
            let product = products.remove(&candidate.id)?;
            let held = holds.get(&candidate.id).map(Vec::as_slice).unwrap_or_default();
            let derivation = catalog::derive_product(&product.fields, held);
            let verdict = evaluate(&policy, &derivation, &meta_of(&product));
            if verdict.tier != candidate.tier {
                tracing::warn!(product.id = %candidate.id, "Snapshot and live row disagree on a product");
                return None;
            }
            matched.push(MatchedProduct { product, verdict });
        }
        Some(matched)
    };
    let (Some(fits), Some(cannot_verify)) = (judge(&ranked.fits), judge(&ranked.cannot_verify)) else {
        return Ok(None);
    };
    debug_assert!(
        fits.iter().all(|m| matches!(m.verdict.verdict, VerdictKind::Fits | VerdictKind::FitsWithCaution))
    );
    Ok(Some(Matches {
        fits,
        cannot_verify,
        considered: ranked.considered,
        fits_total: ranked.fits_total,
        cannot_verify_total: ranked.cannot_verify_total,
        funnel: ranked.funnel,
        binding: ranked.binding,
        provenance: provenance(&policy, opened, version),
        health_score_terms: health_score_terms(&policy, opened),
        blocked: policy.blocked,
        not_considered: policy.not_considered,
    }))
}

/// How many parts of the score rest on what was derived from this person.
fn health_score_terms(policy: &Policy, opened: &ForMatching) -> usize {
    let derived = derive_profile(opened.profile.expose(), *opened.age_years.expose(), RulePack::embedded());
    if derived.bmr_kcal.is_some() { policy.parts.len() } else { 0 }
}
