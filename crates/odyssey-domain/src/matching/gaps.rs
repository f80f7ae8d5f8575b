//! Which kinds of profiles find little in the catalog.
//!
//! Profiles are grouped by what their gates are about (an *archetype*: "milk, vegan"), and each different set
//! of gates is judged over the whole snapshot. An archetype of fewer than eleven people is not shown.

use std::collections::BTreeMap;

use odyssey_matching::{Filters, Policy, PolicyInput, Query, rank};

use super::judge::{ATTEMPTS_MAX, TOO_FAST, snapshot_within};
use super::{MatchingError, Snapshots, VendorSnapshot};
use crate::catalog;
use crate::customers::{self, ProfileSample, SAMPLE_MAX};
use crate::rules;
use crate::tenancy::Caller;

/// Fewer people than this are not spoken of: the usual bound for tables of health data (CMS cell-size policy).
pub const CELL_MIN: usize = 11;

/// A count of people as it may be told; `None` where it would point at somebody.
#[must_use]
pub fn cell(count: u64) -> Option<u64> {
    (count == 0 || count >= CELL_MIN as u64).then_some(count)
}
/// Profiles looked at when the caller does not say, and at most.
pub const GAPS_SAMPLE_DEFAULT: usize = 300;
pub const GAPS_SAMPLE_MAX: usize = SAMPLE_MAX;

/// People whose gates are about the same things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archetype {
    /// What the gates are about, sorted: `milk`, `vegan`, `htn sodium_mg`. Empty: no gate at all. A profile
    /// that cannot be served safely has its code instead.
    pub subjects: Vec<String>,
    /// Of the sample; at least [`CELL_MIN`].
    pub customers: u64,
    /// Products that fit, for the person who finds least, the median person (the lower of two), and the one who
    /// finds most: limits and severities differ within an archetype.
    pub fits_least: u64,
    pub fits_median: u64,
    pub fits_most: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gaps {
    pub catalog_version: i64,
    /// Active products that were judged.
    pub products: u64,
    /// Customers with a profile and consent.
    pub population: u64,
    /// Profiles that were looked at.
    pub sample: u64,
    /// Fewest products first.
    pub archetypes: Vec<Archetype>,
    /// People of the sample in archetypes that are too small to be shown.
    pub suppressed_customers: u64,
}

/// Counts over a sample of profiles; commits the audit event.
pub async fn assortment_gaps(
    caller: &Caller,
    snapshots: &Snapshots,
    sample: usize,
) -> Result<Gaps, MatchingError> {
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = caller.begin().await?;
        let version = catalog::catalog_version(&mut tx).await?;
        let Some(snapshot) = snapshot_within(&tx, snapshots, version).await? else {
            let scope = tx.scope();
            tx.roll_back().await?;
            snapshots.at_least(scope, version).await?;
            continue;
        };
        let sampled = customers::sample_profiles(&mut tx, sample).await?;
        let rules = rules::effective_rules(&mut tx).await?;
        let policies: Vec<Policy> = sampled
            .profiles
            .iter()
            .map(|person| {
                let input = PolicyInput {
                    profile: person.profile.expose(),
                    age_years: *person.age_years.expose(),
                    as_of: tx.now().date_naive(),
                    // Lists are one person's own, and say nothing of the assortment.
                    never_list: &[],
                    allow_list: &[],
                    vendor_policy: rules.weights,
                    label_oldest: rules.label_oldest(tx.now().date_naive()),
                };
                Policy::compile(&input, &rules.pack)
            })
            .collect();
        tx.commit().await?;
        let counted = tokio::task::spawn_blocking(move || count(&snapshot, &policies))
            .await
            .map_err(|_| MatchingError::Unavailable("the engine stopped"))?;
        return Ok(gaps_of(version, &sampled, counted));
    }
    Err(TOO_FAST)
}

struct Counted {
    products: u64,
    /// Fits of each person, by archetype.
    fits: BTreeMap<Vec<String>, Vec<u64>>,
}

fn count(snapshot: &VendorSnapshot, policies: &[Policy]) -> Counted {
    let query = Query { k: 0, include_cannot_verify: false, filters: Filters::default() };
    // People with the same gates find the same products.
    let mut known: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut counted = Counted { products: 0, fits: BTreeMap::new() };
    for policy in policies {
        let gates = serde_json::to_string(&(&policy.gates, policy.is_blocked())).unwrap_or_default();
        let (products, fits) = *known.entry(gates).or_insert_with(|| {
            let ranked = rank(&snapshot.snapshot, policy, &query);
            (ranked.considered, ranked.fits_total)
        });
        counted.products = products;
        counted.fits.entry(subjects_of(policy)).or_default().push(fits);
    }
    counted
}

/// What the gates are about. Of a blocked profile only the codes: its words are the person's own.
fn subjects_of(policy: &Policy) -> Vec<String> {
    let mut subjects: Vec<String> = if policy.is_blocked() {
        policy.blocked.iter().map(|blocked| blocked.code.clone()).collect()
    } else {
        policy.gates.iter().map(odyssey_matching::Gate::subject).collect()
    };
    subjects.sort();
    subjects.dedup();
    subjects
}

fn gaps_of(catalog_version: i64, sampled: &ProfileSample, counted: Counted) -> Gaps {
    let mut archetypes = Vec::new();
    let mut suppressed = 0;
    for (subjects, mut fits) in counted.fits {
        if fits.len() < CELL_MIN {
            suppressed += fits.len();
            continue;
        }
        fits.sort_unstable();
        archetypes.push(Archetype {
            subjects,
            customers: fits.len() as u64,
            fits_least: fits[0],
            fits_median: fits[(fits.len() - 1) / 2],
            fits_most: fits[fits.len() - 1],
        });
    }
    // What is left out must not be so few that the difference tells of them.
    archetypes.sort_by(|a, b| (a.customers, &a.subjects).cmp(&(b.customers, &b.subjects)));
    while (1..CELL_MIN).contains(&suppressed) && !archetypes.is_empty() {
        suppressed += archetypes.remove(0).customers as usize;
    }
    archetypes.sort_by(|a, b| (a.fits_median, &a.subjects).cmp(&(b.fits_median, &b.subjects)));
    Gaps {
        catalog_version,
        products: counted.products,
        population: sampled.population,
        sample: sampled.profiles.len() as u64,
        archetypes,
        suppressed_customers: suppressed as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(cells: &[(&str, usize)]) -> Gaps {
        let fits = cells.iter().map(|(name, people)| (vec![(*name).to_owned()], vec![7; *people])).collect();
        let sampled = ProfileSample { profiles: Vec::new(), population: 500 };
        gaps_of(3, &sampled, Counted { products: 100, fits })
    }

    #[test]
    fn an_archetype_of_ten_is_not_shown_nor_told_by_the_difference() {
        let shown = gaps(&[("milk", 11), ("vegan", 40)]);
        assert_eq!((shown.archetypes.len(), shown.suppressed_customers), (2, 0));
        // The ten would follow from the total: the smallest cell beside them goes too.
        let hidden = gaps(&[("egg", 10), ("milk", 11), ("vegan", 40)]);
        assert_eq!(hidden.archetypes.iter().map(|a| a.customers).collect::<Vec<_>>(), [40]);
        assert_eq!(hidden.suppressed_customers, 21);
        // Enough small ones hide each other.
        let many = gaps(&[("egg", 6), ("fish", 6), ("milk", 11)]);
        assert_eq!((many.archetypes.len(), many.suppressed_customers), (1, 12));
    }
}
