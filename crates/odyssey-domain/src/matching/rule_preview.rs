//! Other rules on the people and products there are: who would gain and lose what. Stores nothing.
//!
//! Everybody's profile is compiled by both sets of rules; people whose two policies say the same are done with, and
//! of those who remain each different pair of policies is judged once over the whole catalog.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use odyssey_matching::{Comparison, Policy, PolicyInput, RuleChange, compare};
use odyssey_types::{CustomerId, ProductId};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::spread::spread;
use super::{MatchingError, Snapshots, VendorSnapshot};
use crate::audit::{self, AuditEvent};
use crate::catalog;
use crate::customers::{self, CustomerError, SealedProfile};
use crate::db::VendorTx;
use crate::rules::{self, EffectiveRules};
use crate::tenancy::{Caller, Purpose};

/// Customers looked at when the caller does not say, and at most.
pub const PREVIEW_CUSTOMERS_DEFAULT: u64 = 1_000;
pub const PREVIEW_CUSTOMERS_MAX: u64 = 50_000;
/// Different pairs of policies that are judged over the whole catalog; the most frequent ones.
const PAIRS_MAX: usize = 1_000;
/// Previews that are worked out at a time in this process: each may hold tens of thousands of policies and judges
/// the whole catalog on all cores. Others wait their turn, holding nothing.
const AT_ONCE_MAX: usize = 2;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE_MAX);
/// Profiles opened at a time.
const PAGE: i64 = 1_000;
/// Products named on each side, and looked at for that in each pair.
const NAMED_MAX: usize = 20;
const NAMED_A_PAIR: usize = 2_000;
/// Customers named: those who lose most.
const CUSTOMERS_NAMED_MAX: usize = 20;

/// The rules that are tried.
#[derive(Debug, Clone)]
pub enum TriedRules {
    /// The changes of the request.
    Changes(Vec<RuleChange>),
    /// The draft, or a version that is or was in force.
    Draft,
    Version(i32),
}

/// A product and how many customers gain or lose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffectedProduct {
    pub product_id: ProductId,
    pub external_id: String,
    pub name: Option<String>,
    pub customers: u64,
}

/// A customer and what changes for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AffectedCustomer {
    pub customer_id: CustomerId,
    pub gained: u64,
    pub lost: u64,
}

/// The answer. Small cells are whoever shows them to suppress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePreview {
    pub catalog_version: i64,
    /// Active products that were judged.
    pub products: u64,
    /// Customers who consent.
    pub population: u64,
    pub looked_at: u64,
    /// Whether everybody was looked at and every difference judged.
    pub complete: bool,
    /// Those whose policy is another, and those of them who gain, who lose.
    pub affected: u64,
    pub gaining: u64,
    pub losing: u64,
    /// Those who can be ranked by one set of rules only.
    pub newly_blocked: u64,
    pub newly_served: u64,
    /// Over all customers.
    pub gained: u64,
    pub lost: u64,
    /// Most customers first.
    pub products_gained: Vec<AffectedProduct>,
    pub products_lost: Vec<AffectedProduct>,
    /// Who loses most first.
    pub customers: Vec<AffectedCustomer>,
}

/// Tries rules on up to `most` customers, in the order of their keyed ids, which is a fair sample and the same one
/// each time. That profiles are opened is on record before the first is; the customers it names are recorded as
/// disclosed. Nobody holds a connection while policies are compiled or the catalog is judged.
pub async fn preview_rules(
    caller: &Caller,
    snapshots: &Snapshots,
    tried: &TriedRules,
    most: u64,
) -> Result<RulePreview, MatchingError> {
    let most = most.min(PREVIEW_CUSTOMERS_MAX);
    let _turn = TURNS.acquire().await.map_err(|_| MatchingError::Unavailable("previews have stopped"))?;
    let mut tx = caller.begin().await?;
    let (scope, version) = (tx.scope(), catalog::catalog_version(&mut tx).await?);
    let in_force = rules::effective_rules(&mut tx).await?;
    let as_tried = Arc::new(rules_of(&mut tx, tried).await?);
    let population = customers::count_consenting(&mut tx).await?.unsigned_abs();
    let event = AuditEvent::new("rules.preview", "health_profile", Purpose::Analytics)
        .count(most.min(population) as i64)
        .detail("population", population);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    let snapshot = snapshots.at_least(scope, version).await?;
    let people = look_at(caller, &in_force, &as_tried, most).await?;
    let judged = judge(snapshot, people.pairs).await?;
    let mut preview = tally(version, population, people.looked_at, &judged);
    let mut tx = caller.begin().await?;
    preview.products_gained = name(&mut tx, &judged, |found| &found.gained_ids).await?;
    preview.products_lost = name(&mut tx, &judged, |found| &found.lost_ids).await?;
    let event = AuditEvent::new("rules.preview", "health_profile", Purpose::Analytics)
        .count(preview.customers.len() as i64)
        .detail("affected", preview.affected)
        .discloses_all(preview.customers.iter().map(|customer| customer.customer_id));
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(preview)
}

async fn rules_of(tx: &mut VendorTx, tried: &TriedRules) -> Result<EffectiveRules, MatchingError> {
    let changes = match tried {
        TriedRules::Changes(changes) => changes.clone(),
        TriedRules::Draft => rules::current_rules(tx).await?.1.ok_or(rules::RulesError::NotFound)?.changes,
        TriedRules::Version(version) => rules::find_rules(tx, *version).await?.changes,
    };
    Ok(rules::effective_with_changes(tx, &changes).await?)
}

/// Two policies that differ, and whose they are.
struct Pair {
    before: Policy,
    after: Policy,
    people: Vec<CustomerId>,
}

struct Looked {
    looked_at: u64,
    pairs: Vec<Pair>,
}

/// Opens, compiles twice and drops profile after profile; keeps the pairs that differ.
async fn look_at(
    caller: &Caller,
    before: &Arc<EffectiveRules>,
    after: &Arc<EffectiveRules>,
    most: u64,
) -> Result<Looked, MatchingError> {
    let mut pairs: BTreeMap<(String, String), Pair> = BTreeMap::new();
    let (mut last, mut looked_at) = (None, 0);
    while looked_at < most {
        let wanted = PAGE.min((most - looked_at) as i64);
        let mut tx = caller.begin().await?;
        let (keys, vendor_id, now) = (tx.keys().map_err(CustomerError::from)?, tx.vendor_id(), tx.now());
        let page = customers::page_of_sealed_profiles(&mut tx, last, wanted).await?;
        // Nothing was written; the looking as a whole is on record.
        tx.roll_back().await?;
        let (Some(end), len) = (page.last().map(SealedProfile::customer_id), page.len()) else { break };
        last = Some(end);
        looked_at += len as u64;
        let (before, after) = (Arc::clone(before), Arc::clone(after));
        let compiling =
            spawn_blocking(move || -> Result<Vec<(CustomerId, Policy, Policy)>, CustomerError> {
                let mut differ = Vec::new();
                for sealed in &page {
                    let opened = sealed.open(&keys, vendor_id, now)?;
                    let compiled = |rules: &EffectiveRules| {
                        let input = PolicyInput {
                            profile: opened.profile.expose(),
                            age_years: *opened.age_years.expose(),
                            as_of: now.date_naive(),
                            // Lists are one person's own, and the same by any rules.
                            never_list: &[],
                            allow_list: &[],
                            vendor_policy: rules.weights,
                            label_oldest: rules.label_oldest(now.date_naive()),
                        };
                        Policy::compile(&input, &rules.pack)
                    };
                    let (was, is) = (compiled(&before), compiled(&after));
                    if !decides_alike(&was, &is) {
                        differ.push((opened.customer_id, was, is));
                    }
                }
                Ok(differ)
            });
        let differ = compiling
            .await
            .map_err(|_| MatchingError::Unavailable("the customers could not be compiled"))??;
        for (id, before, after) in differ {
            let key = (before.digest(), after.digest());
            pairs.entry(key).or_insert(Pair { before, after, people: Vec::new() }).people.push(id);
        }
        if (len as i64) < wanted {
            break;
        }
    }
    Ok(Looked { looked_at, pairs: pairs.into_values().collect() })
}

/// The same gates, and blocked alike: then the same products fit. Scores and cautions may differ; nobody gains or
/// loses a product by them.
fn decides_alike(was: &Policy, is: &Policy) -> bool {
    was.gates.len() == is.gates.len()
        && was.is_blocked() == is.is_blocked()
        && was.gates.iter().zip(&is.gates).all(|(was, is)| was.decides_like(is))
}

struct Judged {
    /// What came out for how many; the pair's people beside it.
    pairs: Vec<(Pair, Comparison)>,
    /// Whether every pair was judged.
    complete: bool,
    /// People of pairs that were not.
    unjudged: u64,
}

async fn judge(snapshot: Arc<VendorSnapshot>, mut pairs: Vec<Pair>) -> Result<Judged, MatchingError> {
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.people.len()));
    let left = pairs.split_off(pairs.len().min(PAIRS_MAX));
    let unjudged = left.iter().map(|pair| pair.people.len() as u64).sum();
    let judged = spread(pairs, move |pair: Pair| {
        let found = compare(&snapshot.snapshot, &pair.before, &pair.after, NAMED_A_PAIR);
        (pair, found)
    });
    let pairs = judged.await?;
    Ok(Judged { pairs, complete: left.is_empty(), unjudged })
}

fn tally(catalog_version: i64, population: u64, looked_at: u64, judged: &Judged) -> RulePreview {
    let mut preview = RulePreview {
        catalog_version,
        products: judged.pairs.first().map_or(0, |(_, found)| found.considered),
        population,
        looked_at,
        complete: judged.complete && looked_at >= population,
        affected: judged.unjudged,
        gaining: 0,
        losing: 0,
        newly_blocked: 0,
        newly_served: 0,
        gained: 0,
        lost: 0,
        products_gained: Vec::new(),
        products_lost: Vec::new(),
        customers: Vec::new(),
    };
    for (pair, found) in &judged.pairs {
        let people = pair.people.len() as u64;
        preview.affected += people;
        preview.gaining += if found.gained > 0 { people } else { 0 };
        preview.losing += if found.lost > 0 { people } else { 0 };
        match (pair.before.is_blocked(), pair.after.is_blocked()) {
            (false, true) => preview.newly_blocked += people,
            (true, false) => preview.newly_served += people,
            _ => {}
        }
        preview.gained += found.gained * people;
        preview.lost += found.lost * people;
        let (gained, lost) = (found.gained, found.lost);
        let customers = pair.people.iter().take(CUSTOMERS_NAMED_MAX);
        preview.customers.extend(customers.map(|id| AffectedCustomer { customer_id: *id, gained, lost }));
    }
    preview.customers.retain(|customer| customer.gained + customer.lost > 0);
    preview
        .customers
        .sort_by_key(|customer| (std::cmp::Reverse((customer.lost, customer.gained)), customer.customer_id));
    preview.customers.truncate(CUSTOMERS_NAMED_MAX);
    preview
}

/// The products that most customers gain or lose, by their names.
async fn name(
    tx: &mut VendorTx,
    judged: &Judged,
    side: impl Fn(&Comparison) -> &Vec<ProductId>,
) -> Result<Vec<AffectedProduct>, MatchingError> {
    let mut counts: HashMap<ProductId, u64> = HashMap::new();
    for (pair, found) in &judged.pairs {
        for id in side(found) {
            *counts.entry(*id).or_default() += pair.people.len() as u64;
        }
    }
    let mut most: Vec<(ProductId, u64)> = counts.into_iter().collect();
    most.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
    most.truncate(NAMED_MAX);
    let ids: Vec<ProductId> = most.iter().map(|(id, _)| *id).collect();
    let mut products: HashMap<ProductId, catalog::Product> =
        catalog::find_products(tx, &ids).await?.into_iter().map(|product| (product.id, product)).collect();
    let named = |(id, customers): (ProductId, u64)| {
        let product = products.remove(&id)?;
        Some(AffectedProduct {
            product_id: id,
            external_id: product.external_id,
            name: product.fields.name,
            customers,
        })
    };
    Ok(most.into_iter().filter_map(named).collect())
}
