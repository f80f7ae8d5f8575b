//! The two judges of every list: the whole catalog by columns, and each winner again on its live row.
//!
//! What the second judge does not pass is not shown. A row on which the two disagree has moved on since the
//! snapshot, and the request begins again. Where they disagree at one and the same version of the catalog, it is
//! the tables that moved on (a synonym of an allergen was added, and the facts are still being derived anew): then
//! the live row decides, see [`Strictness`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use odyssey_matching::{Candidate, Facts, Filters, Policy, Query, Ranked, Tier, Verdict, evaluate, rank};
use odyssey_types::ProductId;

use super::query::{Diversify, MatchQuery, filters_of};
use super::{MatchingError, Snapshots, VendorSnapshot, meta_of};
use crate::catalog::{self, Product};
use crate::db::VendorTx;

/// How long a transaction waits for a snapshot before it is given back: nobody holds a connection while
/// a catalog loads.
pub(super) const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(50);
/// How often a request begins again because the catalog moved on under it.
pub(super) const ATTEMPTS_MAX: usize = 8;
/// A list that is to be diverse looks first at this many times what it needs, then again at more.
const DIVERSITY_STEP: usize = 4;

/// While facts are older than the tables, this many times the list is ranked: what the live rows rule out leaves
/// room for others.
const SURPLUS: usize = 4;

/// What becomes of a row on which the two judges disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// The request begins again: the row has moved on.
    BeginAgain,
    /// The live row decides: one that stands worse than the snapshot has it is left out, one that still fits is
    /// kept with its live verdict, and the list is sorted by these.
    LiveDecides,
}

/// Remembers at which version of the catalog the judges disagreed.
#[derive(Debug, Default)]
pub(super) struct Disagreements {
    at: Option<i64>,
}

impl Disagreements {
    /// How to judge at a version: a second disagreement there would be followed by a third.
    pub fn strictness(&self, version: i64) -> Strictness {
        if self.at == Some(version) { Strictness::LiveDecides } else { Strictness::BeginAgain }
    }

    pub fn note(&mut self, version: i64) {
        self.at = Some(version);
    }
}

/// What is said when the attempts are used up.
pub(super) const TOO_FAST: MatchingError =
    MatchingError::Unavailable("the catalog changes faster than it can be read");

/// A product and what the live row says about it.
#[derive(Debug, Clone)]
pub struct MatchedProduct {
    pub product: Product,
    pub verdict: Verdict,
}

/// The winners, judged twice.
#[derive(Debug)]
pub(super) struct Judged {
    pub fits: Vec<MatchedProduct>,
    pub cannot_verify: Vec<MatchedProduct>,
    /// Better products that a diverse list passed over.
    pub passed_over: u64,
    pub ranked: Ranked,
}

/// Ranks the catalog and judges the winners on their live rows; `None` when a row has moved on and that is a
/// reason to begin again.
pub(super) async fn judge(
    tx: &mut VendorTx,
    snapshot: Arc<VendorSnapshot>,
    policy: &Arc<Policy>,
    query: &MatchQuery,
    strictness: Strictness,
) -> Result<Option<Judged>, MatchingError> {
    let filters = filters_of(tx, query).await?;
    let k = match strictness {
        Strictness::BeginAgain => query.k,
        Strictness::LiveDecides => query.k.saturating_mul(SURPLUS),
    };
    let wanted = Wanted { k, include_cannot_verify: query.include_cannot_verify, filters };
    let (ranked, passed_over) = rank_diverse(snapshot, policy, wanted, query.diversify).await?;
    let fits = judge_rows(tx, policy, &ranked.fits, strictness).await?;
    let cannot_verify = judge_rows(tx, policy, &ranked.cannot_verify, strictness).await?;
    let (Some(mut fits), Some(mut cannot_verify)) = (fits, cannot_verify) else { return Ok(None) };
    fits.truncate(query.k);
    cannot_verify.truncate(query.k);
    Ok(Some(Judged { fits, cannot_verify, passed_over, ranked }))
}

/// The snapshot at `version`, or `None` when it is not there within [`SNAPSHOT_PATIENCE`]: then the caller
/// gives its transaction back, awaits the snapshot and begins again.
pub(super) async fn snapshot_within(
    tx: &VendorTx,
    snapshots: &Snapshots,
    version: i64,
) -> Result<Option<Arc<VendorSnapshot>>, MatchingError> {
    snapshots.at_least_within(tx.scope(), version, SNAPSHOT_PATIENCE).await
}

/// Judges the live rows of candidates, in their order. `None` when a row is gone or its tier differs and the
/// request is to begin again.
pub(super) async fn judge_rows(
    tx: &mut VendorTx,
    policy: &Policy,
    candidates: &[Candidate],
    strictness: Strictness,
) -> Result<Option<Vec<MatchedProduct>>, MatchingError> {
    let ids: Vec<ProductId> = candidates.iter().map(|c| c.id).collect();
    let mut judged: HashMap<ProductId, MatchedProduct> =
        evaluate_products(tx, policy, &ids).await?.into_iter().map(|(m, _)| (m.product.id, m)).collect();
    let mut matched = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let found = judged.remove(&candidate.id);
        if strictness == Strictness::LiveDecides {
            matched.extend(found.filter(|found| still_stands(candidate.tier, found.verdict.tier)));
            continue;
        }
        let Some(found) = found else { return Ok(None) };
        if found.verdict.tier != candidate.tier {
            tracing::warn!(product.id = %candidate.id, "Snapshot and live row disagree on a product");
            return Ok(None);
        }
        matched.push(found);
    }
    if strictness == Strictness::LiveDecides {
        // As ranked: tier, then the higher score, then the id; stable, so that equals stay in their order.
        matched.sort_by_key(|m| (m.verdict.tier, std::cmp::Reverse(m.verdict.score_permille)));
    }
    Ok(Some(matched))
}

/// Whether a product may stay in the list that the snapshot put it in: it fits still, or it cannot be verified
/// and could not be before.
fn still_stands(ranked: Tier, live: Tier) -> bool {
    if ranked <= Tier::Two { live <= Tier::Two } else { live == ranked }
}

/// The verdicts on the live rows of products, with their facts, in no order; ids that are not there are
/// left out.
pub(super) async fn evaluate_products(
    tx: &mut VendorTx,
    policy: &Policy,
    ids: &[ProductId],
) -> Result<Vec<(MatchedProduct, Facts)>, MatchingError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let products = catalog::find_products(tx, ids).await?;
    let holds = catalog::holds_of_products(tx, ids).await?;
    let tables = catalog::tables(tx).await?;
    let vendor_id = tx.vendor_id();
    let judge = |product: Product| {
        let held = holds.get(&product.id).map(Vec::as_slice).unwrap_or_default();
        let derivation = catalog::derivation_of(vendor_id, &tables, &product, held);
        let verdict = evaluate(policy, &derivation, &meta_of(&tables, &product));
        (MatchedProduct { product, verdict }, derivation.facts.clone())
    };
    Ok(products.into_iter().map(judge).collect())
}

struct Wanted {
    k: usize,
    include_cannot_verify: bool,
    filters: Filters,
}

/// Ranks, and where a list is to be diverse looks further down until it is full or the catalog ends. The
/// lists are the same whatever the step, since they are filled in order.
async fn rank_diverse(
    snapshot: Arc<VendorSnapshot>,
    policy: &Arc<Policy>,
    wanted: Wanted,
    diversify: Diversify,
) -> Result<(Ranked, u64), MatchingError> {
    let policy = Arc::clone(policy);
    // Ranking is milliseconds of pure computation: it leaves the threads that serve requests alone.
    let ranking = tokio::task::spawn_blocking(move || {
        let Wanted { k, include_cannot_verify, filters } = wanted;
        let mut query = Query { k, include_cannot_verify, filters };
        if !diversify.is_set() {
            return (rank(&snapshot.snapshot, &policy, &query), 0);
        }
        let mut depth = k;
        loop {
            depth = depth.saturating_mul(DIVERSITY_STEP).min(snapshot.snapshot.len().max(1));
            query.k = depth;
            let mut ranked = rank(&snapshot.snapshot, &policy, &query);
            let whole = depth >= snapshot.snapshot.len();
            let fits = diverse(&snapshot, &ranked.fits, diversify, k);
            let unverified = diverse(&snapshot, &ranked.cannot_verify, diversify, k);
            let is_full =
                |list: &Picked, all: u64| list.picked.len() == k || list.seen as u64 == all || whole;
            let unverified_is_full =
                !include_cannot_verify || is_full(&unverified, ranked.cannot_verify_total);
            if is_full(&fits, ranked.fits_total) && unverified_is_full {
                let passed_over = (fits.seen - fits.picked.len()) as u64;
                ranked.fits = fits.picked;
                ranked.cannot_verify = unverified.picked;
                return (ranked, passed_over);
            }
        }
    });
    ranking.await.map_err(|_| MatchingError::Unavailable("the engine stopped"))
}

struct Picked {
    picked: Vec<Candidate>,
    /// Candidates looked at before the list was full.
    seen: usize,
}

fn diverse(snapshot: &VendorSnapshot, candidates: &[Candidate], diversify: Diversify, k: usize) -> Picked {
    let (mut brands, mut categories) = (HashMap::<u32, usize>::new(), HashMap::<u32, usize>::new());
    let mut list = Picked { picked: Vec::new(), seen: 0 };
    for candidate in candidates {
        if list.picked.len() == k {
            break;
        }
        list.seen += 1;
        let (brand, category) = snapshot.snapshot.name_hashes(candidate.id).unwrap_or_default();
        let has_room = |counts: &HashMap<u32, usize>, name: u32, most: Option<usize>| {
            name == 0 || most.is_none_or(|most| counts.get(&name).copied().unwrap_or(0) < most)
        };
        if has_room(&brands, brand, diversify.brand_max)
            && has_room(&categories, category, diversify.category_max)
        {
            *brands.entry(brand).or_default() += 1;
            *categories.entry(category).or_default() += 1;
            list.picked.push(*candidate);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_row_decides_from_the_second_disagreement_at_one_version_on() {
        let mut seen = Disagreements::default();
        assert_eq!(seen.strictness(7), Strictness::BeginAgain);
        seen.note(7);
        assert_eq!(seen.strictness(7), Strictness::LiveDecides);
        // The catalog has moved on: then so may have the row, and it is read again.
        assert_eq!(seen.strictness(8), Strictness::BeginAgain);
    }

    #[test]
    fn nothing_worse_than_it_was_ranked_stays_in_a_list() {
        for live in [Tier::Three, Tier::Excluded] {
            assert!(!still_stands(Tier::One, live) && !still_stands(Tier::Two, live));
        }
        assert!(still_stands(Tier::One, Tier::Two));
        assert!(still_stands(Tier::Three, Tier::Three));
        assert!(!still_stands(Tier::Three, Tier::Excluded));
    }
}
