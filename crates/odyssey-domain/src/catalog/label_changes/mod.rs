//! Labels that changed in a way that may turn somebody away, kept until somebody has looked.
//!
//! Owns: `label_changes`. Promises: the former label is kept in the transaction of the change, once for each
//! product however often it changes before it is judged, so that a change that was taken back is none; it outlasts an
//! absence of the product, and a judgement after which somebody cannot be sure any more. Emits: the job that judges
//! them. Never: knows a customer.

mod store;

use chrono::{DateTime, Utc};
use odyssey_jobs::Job;
use odyssey_matching::{EvidenceKey, Flag};
use odyssey_types::{ProductFields, ProductId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{CatalogError, Product, holds};
use crate::db::{DbError, Notice, VendorTx};

/// Judges the labels of a vendor that changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeLabelChanges {}

impl Job for JudgeLabelChanges {
    const KIND: &'static str = "judge_label_changes";
    const FOLLOWED: bool = false;
    const ATTEMPTS_MAX: i16 = 10;
    const TIMEOUT: std::time::Duration = std::time::Duration::from_mins(30);
    // What changes while one waits is judged by that one.
    const UNIQUE: bool = true;

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }
}

/// A label as it was before the changes that are not judged yet.
#[derive(Debug)]
pub struct FormerLabel {
    pub product_id: ProductId,
    pub fields: ProductFields,
    pub holds: Vec<(EvidenceKey, Flag)>,
    /// When the product changed last.
    pub changed_at: DateTime<Utc>,
}

/// What a write means for the products that people are offered.
#[derive(Debug, Default)]
pub(super) struct Turned<'a> {
    /// Another label, which may turn somebody away.
    pub changed: Vec<&'a Product>,
    /// No longer offered; the label as it was may come back as another one.
    pub away: Vec<&'a Product>,
    /// Offered again.
    pub back: Vec<ProductId>,
}

/// Keeps the labels as they are before this transaction changes them, and queues the judgement of those offered.
pub(super) async fn note(tx: &mut VendorTx, turned: &Turned<'_>) -> Result<(), CatalogError> {
    let before: Vec<(&Product, bool)> = (turned.changed.iter().map(|product| (*product, false)))
        .chain(turned.away.iter().map(|product| (*product, true)))
        .collect();
    if !before.is_empty() {
        keep(tx, &before).await?;
    }
    let mut waiting = turned.changed.len() as u64;
    if !turned.back.is_empty() {
        waiting += store::call_back(tx, &turned.back).await?;
    }
    if waiting == 0 {
        return Ok(());
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    odyssey_jobs::enqueue_job(tx.connection(), vendor_id, None, &JudgeLabelChanges {}, now)
        .await
        .map_err(|error| DbError::inconsistent(format!("a judgement could not be queued: {error}")))?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(())
}

async fn keep(tx: &mut VendorTx, before: &[(&Product, bool)]) -> Result<(), CatalogError> {
    let ids: Vec<ProductId> = before.iter().map(|(product, _)| product.id).collect();
    let held = holds::open_holds_by_product(tx, &ids).await?;
    let (mut former, mut open, mut away) = (Vec::new(), Vec::new(), Vec::new());
    for (product, is_away) in before {
        let holds: Vec<(&str, Flag)> =
            held.get(&product.id).into_iter().flatten().map(|(key, flag)| (key.code(), *flag)).collect();
        former.push(json(&product.fields)?);
        open.push(json(&holds)?);
        away.push(*is_away);
    }
    store::insert_former(tx, &ids, &former, &open, &away).await
}

/// Labels that wait to be judged, by product. Another transaction that asks waits until this one has ended, and gets
/// what it left; who writes products waits for neither.
pub async fn claim_former_labels(tx: &mut VendorTx, most: i64) -> Result<Vec<FormerLabel>, CatalogError> {
    store::lock_judgement(tx).await?;
    let rows = store::find_former(tx, most).await?;
    let read = |row: (Uuid, Value, Value, DateTime<Utc>)| {
        let (product_id, former, holds, changed_at) = row;
        let broken = |_| DbError::inconsistent(format!("the former label of {product_id} cannot be read"));
        let holds: Vec<(String, Flag)> = serde_json::from_value(holds).map_err(broken)?;
        Ok(FormerLabel {
            product_id: product_id.into(),
            fields: serde_json::from_value(former).map_err(broken)?,
            holds: holds
                .iter()
                .filter_map(|(key, flag)| Some((EvidenceKey::from_code(key)?, *flag)))
                .collect(),
            changed_at,
        })
    };
    Ok(rows.into_iter().map(read).collect::<Result<_, DbError>>()?)
}

/// These were judged; a product that has changed again since waits on.
pub async fn forget_label_changes(
    tx: &mut VendorTx,
    judged: &[(ProductId, DateTime<Utc>)],
) -> Result<(), CatalogError> {
    store::delete_judged(tx, judged).await
}

/// These were judged, and somebody cannot be sure of the product any more whom it fitted: their former labels are kept,
/// for a further change may turn those people away.
pub async fn keep_label_changes(
    tx: &mut VendorTx,
    judged: &[(ProductId, DateTime<Utc>)],
) -> Result<(), CatalogError> {
    store::mark_unsure(tx, judged).await
}

fn json<T: Serialize>(value: &T) -> Result<Value, DbError> {
    serde_json::to_value(value)
        .map_err(|error| DbError::inconsistent(format!("a label cannot be written as JSON: {error}")))
}
