//! Who loses a product when its label changes: found in the background, told by an event, listed for those who may
//! read health data.
//!
//! Owns: `safety_regressions`. Promises: a change is judged once, whoever else judges and whatever dies in between
//! (the event, the list and the end of the change are one transaction, and one vendor has one of them at a time); only customers who consent are counted, and asked again
//! before they are named; the event carries no id of a person and no count below a cell. Emits:
//! `product.safety_regressed`. Never: judges a label by the tables of another day than the one before it.

mod store;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_matching::{Audience, AudienceProduct, Facts, Regressions};
use odyssey_types::{CustomerId, Page, Phi, ProductId, RegressionId, VendorId};
use odyssey_vault::Aad;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::audience::{Listers, facts_of_day, listers};
use super::{AUDIENCE_IDS_MAX, Audiences, CELL_MIN, MatchingError, meta_of};
use crate::audit::{self, AuditEvent};
use crate::catalog::{self, FormerLabel};
use crate::customers;
use crate::db::{Database, DbError, SystemTx, VendorTx};
// Edge: that a label turned against somebody is found here, and told from here.
use crate::outbox;
use crate::retention::{self, Holds};
use crate::rules;
use crate::tenancy::{self, Actor, Purpose};

pub use store::RegressionRow as Regression;

/// Products judged in one transaction.
const PRODUCTS_A_TURN: i64 = 50;
/// Customers of one regression that are kept by id; all are counted.
const CUSTOMERS_KEPT_MAX: usize = 100_000;

/// What a turn came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JudgedLabels {
    pub judged: u64,
    /// Products that somebody lost.
    pub regressed: u64,
}

/// Judges some of the labels of a vendor that changed; `None` when none waits.
pub async fn judge_label_changes(
    database: &Database,
    audiences: &Audiences,
    vendor_id: VendorId,
    actor: &Actor,
) -> Result<Option<JudgedLabels>, MatchingError> {
    let scope = tenancy::scope_for_job(database, vendor_id).await?;
    // Nobody holds a connection while customers are compiled.
    audiences.prepare(scope, actor).await?;
    let mut tx = VendorTx::begin(database, scope, actor.clone()).await?;
    let turn = judge_turn(&mut tx, audiences).await?;
    match turn {
        None => tx.roll_back().await?,
        Some(_) => tx.commit().await?,
    }
    Ok(turn)
}

async fn judge_turn(tx: &mut VendorTx, audiences: &Audiences) -> Result<Option<JudgedLabels>, MatchingError> {
    let changes = catalog::claim_former_labels(tx, PRODUCTS_A_TURN).await?;
    if changes.is_empty() {
        return Ok(None);
    }
    let catalog_version = catalog::catalog_version(tx).await?;
    let pairs = labels_of(tx, &changes).await?;
    let (audience, opened) = audiences.at_present(tx).await?;
    let compare = move || -> Vec<(ProductId, Regressions)> {
        pairs.into_iter().map(|pair| (pair.product_id, pair.judge(&audience))).collect()
    };
    let compared = spawn_blocking(compare).await;
    let compared = compared.map_err(|_| MatchingError::Unavailable("the engine stopped"))?;
    let mut regressed = 0;
    let mut unsure: HashSet<ProductId> = HashSet::new();
    for (product_id, lost) in compared {
        if !lost.to_conflict.is_empty() {
            keep(tx, product_id, catalog_version, lost).await?;
            regressed += 1;
        } else if !lost.to_cannot_verify.is_empty() {
            unsure.insert(product_id);
        }
    }
    let judged = changes.iter().map(|change| (change.product_id, change.changed_at));
    let (kept, done): (Vec<(ProductId, DateTime<Utc>)>, Vec<_>) =
        judged.partition(|(id, _)| unsure.contains(id));
    catalog::keep_label_changes(tx, &kept).await?;
    catalog::forget_label_changes(tx, &done).await?;
    let event = AuditEvent::new("audience.regressions", "product", Purpose::Service)
        .count(changes.len() as i64)
        .detail("regressed", regressed)
        .detail("profiles_opened", opened);
    audit::record(tx, event).await?;
    Ok(Some(JudgedLabels { judged: changes.len() as u64, regressed }))
}

/// A label before and after, by the same tables on the same day.
struct Pair {
    product_id: ProductId,
    before: Facts,
    after: Facts,
    listed: Listers,
}

impl Pair {
    fn judge(&self, audience: &Audience) -> Regressions {
        let product = |facts| AudienceProduct { facts, active: true, listed: &self.listed };
        audience.who_regresses(&product(&self.before), &product(&self.after))
    }
}

/// Both labels of the products that are still offered.
async fn labels_of(tx: &mut VendorTx, changes: &[FormerLabel]) -> Result<Vec<Pair>, MatchingError> {
    let ids: Vec<ProductId> = changes.iter().map(|change| change.product_id).collect();
    let mut products: HashMap<ProductId, catalog::Product> =
        catalog::find_products(tx, &ids).await?.into_iter().map(|product| (product.id, product)).collect();
    let holds = catalog::holds_of_products(tx, &ids).await?;
    let mut listed = listers(tx, &ids).await?;
    let tables = catalog::tables(tx).await?;
    let oldest: Option<NaiveDate> = rules::effective_rules(tx).await?.label_oldest(tx.now().date_naive());
    let mut pairs = Vec::with_capacity(changes.len());
    for change in changes {
        let Some(product) =
            products.remove(&change.product_id).filter(|product| meta_of(&tables, product).active)
        else {
            continue;
        };
        let held = holds.get(&product.id).map(Vec::as_slice).unwrap_or_default();
        let before = catalog::derive_product_by(&tables, &change.fields, &change.holds).facts;
        let after = catalog::derivation_of(tx.vendor_id(), &tables, &product, held).facts.clone();
        pairs.push(Pair {
            product_id: product.id,
            before: facts_of_day(before, change.fields.label_as_of, oldest),
            after: facts_of_day(after, product.fields.label_as_of, oldest),
            listed: listed.remove(&product.id).unwrap_or_default(),
        });
    }
    Ok(pairs)
}

/// Keeps what was found and tells of it.
async fn keep(
    tx: &mut VendorTx,
    product_id: ProductId,
    catalog_version: i64,
    lost: Regressions,
) -> Result<(), MatchingError> {
    let id = RegressionId::generate(tx.now());
    let Regressions { mut to_conflict, to_cannot_verify } = lost;
    let (conflict_count, unverified_count) = (to_conflict.len(), to_cannot_verify.len());
    to_conflict.sort_unstable();
    to_conflict.truncate(CUSTOMERS_KEPT_MAX);
    let keys = tx.keys().map_err(customers::CustomerError::from)?;
    let sealed = keys.seal_vendor_json(&aad(tx, id), &to_conflict).map_err(customers::CustomerError::from)?;
    let row = store::NewRegression {
        id,
        product_id,
        catalog_version,
        conflict_count: conflict_count as i64,
        unverified_count: unverified_count as i64,
    };
    store::insert_regression(tx, &row, &sealed).await?;
    let payload = json!({
        "regression_id": id,
        "product_id": product_id,
        "catalog_version": catalog_version,
        "customers": (conflict_count >= CELL_MIN).then_some(conflict_count),
    });
    outbox::emit(tx, "product.safety_regressed", payload).await?;
    Ok(())
}

/// The vendor's regressions, newest first, of one product or all; the cursor is the id of the last one.
pub async fn list_regressions(
    tx: &mut VendorTx,
    product_id: Option<ProductId>,
    before: Option<RegressionId>,
    limit: u32,
) -> Result<Page<Regression>, MatchingError> {
    let mut items = store::list_regressions(tx, product_id, before, i64::from(limit) + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Page { items, next_cursor })
}

/// Whom a product conflicts with since, ascending after `after`, those who still consent. Names people by what
/// their health allows: the caller must have the right to read health data, and each is recorded as disclosed.
pub async fn regression_customers(
    tx: &mut VendorTx,
    id: RegressionId,
    after: Option<CustomerId>,
    limit: usize,
) -> Result<Page<CustomerId>, MatchingError> {
    let sealed = store::find_customers(tx, id).await?.ok_or(MatchingError::RegressionNotFound)?;
    let keys = tx.keys().map_err(customers::CustomerError::from)?;
    let kept: Phi<Vec<CustomerId>> =
        keys.open_vendor_json(&aad(tx, id), &sealed).map_err(customers::CustomerError::from)?;
    let limit = limit.min(AUDIENCE_IDS_MAX);
    let later = kept.expose().iter().copied().filter(|id| after.is_none_or(|after| *id > after));
    let mut page: Vec<CustomerId> = later.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next_cursor = page.last().filter(|_| more).map(ToString::to_string);
    let consenting = customers::still_consenting(tx, &page).await?;
    page.retain(|id| consenting.contains(id));
    let event = AuditEvent::new("safety_regression.list", "safety_regression", Purpose::Service)
        .entity(id)
        .count(page.len() as i64)
        .discloses_all(page.iter().copied());
    audit::record(tx, event).await?;
    Ok(Page { items: page, next_cursor })
}

/// Deletes the regressions whose time is over, but for vendors under a legal hold; returns how many.
pub async fn purge_regressions(database: &Database) -> Result<u64, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let holds = Holds::read(&mut tx).await?;
    if holds.cover_everything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let before = tx.now() - retention::SAFETY_REGRESSIONS;
    let purged = store::purge_before(&mut tx, before, holds.vendors()).await?;
    tx.commit().await?;
    Ok(purged)
}

fn aad(tx: &VendorTx, id: RegressionId) -> Aad {
    Aad { vendor: tx.vendor_id(), row: id.as_uuid(), column: "safety_regressions.customers" }
}
