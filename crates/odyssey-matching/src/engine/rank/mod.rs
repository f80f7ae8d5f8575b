//! The best products for one policy, out of the whole catalog.
//!
//! Owns: no table. Promises: every product is judged, nothing is sampled; a shorter list is the
//! beginning of a longer one; the order is total and never depends on blocks; tier, score and
//! confidence are those that `evaluate` gives for the same product. Never: relaxes a gate.

mod best;
mod bound;
mod bounded;
mod cautions;
mod choose;
mod compare;
mod curve_table;
mod filters;
mod gates;
mod score;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use odyssey_types::{Nutrient, ProductId};
use serde::Serialize;

use super::snapshot::bits;
use super::{Component, Gate, Policy, Snapshot, Tier, VerdictKind};
use crate::{Flag, KeySet};
use choose::{Chooser, Path};
use score::Scorer;
use tally::Tally;

pub(super) use best::Best;
pub use compare::{Comparison, compare};
pub use filters::Filters;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// How many to return of each list.
    pub k: usize,
    pub include_cannot_verify: bool,
    pub filters: Filters,
}

/// One product of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Candidate {
    pub id: ProductId,
    pub tier: Tier,
    pub verdict: VerdictKind,
    pub score_permille: u16,
    pub confidence_permille: u16,
    /// Unix seconds.
    pub changed_at_seconds: u32,
}

/// How many products one cause of one gate kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunnelStep {
    /// `HX_ALLERGEN_UNKNOWN`, `DQ_PROFILE_UNSAFE`, …
    pub code: String,
    /// What the gate is about: an allergen, a diet, `htn sodium_mg`.
    pub subject: String,
    /// Of those no earlier step kept out. These add up to what is missing from `fits`.
    pub first: u64,
    /// Of all considered.
    pub total: u64,
}

/// The gate that alone keeps out most. Information only, never about an allergy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binding {
    pub subject: String,
    /// Products that this gate alone keeps out.
    pub freed: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ranked {
    /// Best first.
    pub fits: Vec<Candidate>,
    /// Best first; empty unless asked for.
    pub cannot_verify: Vec<Candidate>,
    /// Products that passed the filters.
    pub considered: u64,
    /// All that fit, listed or not.
    pub fits_total: u64,
    /// All that may stand in the list of the unverified.
    pub cannot_verify_total: u64,
    /// In the order of the gates.
    pub funnel: Vec<FunnelStep>,
    pub binding: Option<Binding>,
}

/// Judges every product of `snapshot` and returns the best `query.k`.
pub fn rank(snapshot: &Snapshot, policy: &Policy, query: &Query) -> Ranked {
    rank_by(snapshot, policy, query, Path::Cheapest)
}

/// About how many bytes of a snapshot a ranking reads: the steps of every column that a gate, a caution or
/// a part of the score looks at, the bits of the gates, and what is kept for macro fits. For benchmarks.
pub fn ranked_bytes(snapshot: &Snapshot, policy: &Policy) -> usize {
    let mut nutrients: Vec<Nutrient> = Scorer::new(policy).nutrients_read();
    let mut keys = KeySet::EMPTY;
    for gate in &policy.gates {
        match gate {
            Gate::Keys(gate) => keys = keys.union(gate.keys),
            Gate::Class(gate) => keys = keys.union(gate.keys),
            Gate::Amount(gate) => nutrients.push(gate.nutrient),
            Gate::Diet(_) => {}
        }
    }
    nutrients.extend(policy.cautions.iter().map(|c| c.nutrient));
    policy.warnings.iter().for_each(|w| keys = keys.union(w.keys));
    nutrients.sort_unstable();
    nutrients.dedup();
    let shares = policy.parts.iter().any(|p| matches!(p.component, Component::MacroFit { .. }));
    // The rows' own bits: active, live, assumed, list states; and each diet's.
    let bitmaps = 8 + keys.iter().count() * (Flag::ALL.len() + 1) + policy.gates.len() * 3;
    let per_block =
        |rows: usize| rows * 2 * nutrients.len() + if shares { rows * 3 } else { 0 } + bitmaps * rows / 8;
    snapshot.placed().map(|placed| per_block(placed.block.len())).sum()
}

/// The same whichever way the candidates of a block are found.
fn rank_by(snapshot: &Snapshot, policy: &Policy, query: &Query, path: Path) -> Ranked {
    let filter = filters::Prepared::new(snapshot, &query.filters);
    if policy.is_blocked() {
        return blocked(snapshot, policy, &filter);
    }
    let lists = Lists::new(snapshot, policy);
    let scorer = Scorer::new(policy);
    let mut chooser = Chooser::new(&scorer, path);
    let mut tally = Tally::new(policy);
    let mut fits = Best::new(query.k);
    let mut unverified = Best::new(if query.include_cannot_verify { query.k } else { 0 });
    let mut ranked = Ranked::default();
    for (number, placed) in snapshot.placed().enumerate() {
        let considered = filter.block(number, placed);
        if considered == bits::NO_ROWS {
            continue;
        }
        ranked.considered += bits::count(&considered);
        let rows = ListedRows { never: lists.never.get(&number), allowed: lists.allowed.get(&number) };
        let verdicts = gates::judge(policy, &placed.block, &considered, rows, &mut tally);
        ranked.fits_total += bits::count(&verdicts.one) + bits::count(&verdicts.two);
        ranked.cannot_verify_total +=
            bits::count(&verdicts.listed_three) + bits::count(&verdicts.listed_excluded);
        let columns = scorer.columns(&placed.block, rows.allowed);
        chooser.fill(&columns, &verdicts, &mut fits, &mut unverified);
    }
    ranked.fits = fits.into_sorted();
    ranked.cannot_verify = unverified.into_sorted();
    (ranked.funnel, ranked.binding) = tally.finish(policy);
    ranked
}

/// Rows of the customer's lists in one block.
#[derive(Clone, Copy)]
struct ListedRows<'a> {
    never: Option<&'a bits::Words>,
    allowed: Option<&'a bits::Words>,
}

struct Lists {
    never: BTreeMap<usize, bits::Words>,
    allowed: BTreeMap<usize, bits::Words>,
}

impl Lists {
    fn new(snapshot: &Snapshot, policy: &Policy) -> Self {
        Self {
            never: snapshot.locate_all(&policy.never_list),
            allowed: snapshot.locate_all(&policy.allow_list),
        }
    }
}

/// A profile that cannot be ranked gets an empty list that says why.
fn blocked(snapshot: &Snapshot, policy: &Policy, filter: &filters::Prepared<'_>) -> Ranked {
    let considered =
        snapshot.placed().enumerate().map(|(at, placed)| bits::count(&filter.block(at, placed))).sum();
    let step = |(at, blocked): (usize, &super::Blocked)| FunnelStep {
        code: blocked.code.clone(),
        subject: blocked.value.clone(),
        first: if at == 0 { considered } else { 0 },
        total: considered,
    };
    Ranked { considered, funnel: policy.blocked.iter().enumerate().map(step).collect(), ..Ranked::default() }
}
