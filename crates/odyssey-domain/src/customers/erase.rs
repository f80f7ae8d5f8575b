//! Erasing a person: the key goes, and everything that was found by it.
//!
//! Order, so that no crash and no restore brings anybody back: the rows are deleted in a transaction, the line
//! is on the disk of the key store, then the transaction commits. A process that dies between the two leaves a
//! line whose erasure the next start carries out.
//!
//! What a vendor sent about the person in files and calls is sealed under other keys and ends with its own
//! time: spooled uploads (7 days), refused rows (90 days), stored answers (24 hours).

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, VendorId};
use odyssey_vault::{Erasure, VaultError};

use super::{CustomerError, merging, store};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, SystemTx, VendorTx};
use crate::outbox;
use crate::retention::Holds;
use crate::tenancy::{self, Actor, Purpose};

/// Makes a person unreadable, deleted or not: person key, sealed columns, profile, look-up tokens, consents,
/// lists, notes, versions, FHIR proposals and receipts leave the database, and the key store's ledger says so for every restore
/// to come. The trail keeps who acted and on which id. Refused under a legal hold. The caller commits, and has to: the ledger cannot be taken
/// back.
pub async fn erase_customer(
    tx: &mut VendorTx,
    id: CustomerId,
    reason: &str,
) -> Result<DateTime<Utc>, CustomerError> {
    let mut platform = SystemTx::begin(tx.database()).await?;
    let held = Holds::read(&mut platform).await?.cover(tx.vendor_id());
    platform.roll_back().await?;
    if held {
        return Err(CustomerError::UnderLegalHold);
    }
    let erasure = Erasure { vendor: tx.vendor_id(), customer: id, at: to_the_microsecond(tx.now()) };
    // Who went into this customer is the same person.
    let mut ids = merging::merged_into(tx, id).await?;
    ids.push(id);
    let lines: Vec<(CustomerId, DateTime<Utc>)> = ids.iter().map(|id| (*id, erasure.at)).collect();
    if store::erase_customers(tx, &lines).await? == 0 {
        return Err(CustomerError::NotFound);
    }
    store::insert_erasures(tx, &lines).await?;
    merging::forget(tx, &ids).await?;
    let event = AuditEvent::new("customer.erase", "customer", Purpose::Compliance)
        .entity(id)
        .reason(reason)
        .detail("merged", ids.len() - 1);
    audit::record(tx, event).await?;
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    outbox::emit(tx, "customer.erased", serde_json::json!({ "customer_ids": names })).await?;
    for customer in ids {
        write_line(tx.database(), Erasure { customer, ..erasure }).await?;
    }
    Ok(erasure.at)
}

/// Carries out what the ledger says and this database does not know: after a restore, the erasures since its
/// backup. A customer who was made anew after the erasure stays. Says how many lines were carried out.
pub async fn replay_erasures(database: &Database) -> Result<u64, CustomerError> {
    let keys = database.keys().clone();
    let lines = blocking(move || keys.all_erasures()).await?;
    let mut by_vendor: BTreeMap<VendorId, Vec<(CustomerId, DateTime<Utc>)>> = BTreeMap::new();
    for line in lines {
        by_vendor.entry(line.vendor).or_default().push((line.customer, line.at));
    }
    let mut replayed = 0;
    for (vendor_id, lines) in by_vendor {
        replayed += replay_vendor(database, vendor_id, lines).await?;
    }
    Ok(replayed)
}

async fn replay_vendor(
    database: &Database,
    vendor_id: VendorId,
    lines: Vec<(CustomerId, DateTime<Utc>)>,
) -> Result<u64, CustomerError> {
    // Suspended or not: an erasure is owed to the person. A vendor that was removed has nobody left.
    let Some(scope) = tenancy::scope_for_erasures(database, vendor_id).await? else { return Ok(0) };
    let mut tx = VendorTx::begin(database, scope, Actor::command_line()).await?;
    let known: HashSet<(CustomerId, DateTime<Utc>)> =
        store::find_erasures(&mut tx).await?.into_iter().collect();
    let missing: Vec<(CustomerId, DateTime<Utc>)> =
        lines.into_iter().filter(|line| !known.contains(line)).collect();
    if missing.is_empty() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let erased = store::erase_customers(&mut tx, &missing).await?;
    store::insert_erasures(&mut tx, &missing).await?;
    let ids: Vec<CustomerId> = missing.iter().map(|line| line.0).collect();
    merging::forget(&mut tx, &ids).await?;
    let event = AuditEvent::new("customer.erase_again", "customer", Purpose::Compliance)
        .count(erased as i64)
        .detail("lines", missing.len());
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    tracing::warn!(vendor.id = %vendor_id, erased, "Carried out erasures that this database did not know; was it restored?");
    Ok(missing.len() as u64)
}

/// How many erasures this database knows of. Fewer than a moment ago: it was restored, or a vendor removed.
pub async fn count_erasures(database: &Database) -> Result<i64, CustomerError> {
    let mut tx = SystemTx::begin(database).await?;
    let count = store::count_erasures(&mut tx).await?;
    tx.roll_back().await?;
    Ok(count)
}

/// Of the given customers those who were erased since: an import that began before may not bring them back.
pub async fn erased_since(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    since: DateTime<Utc>,
) -> Result<HashSet<CustomerId>, CustomerError> {
    store::find_erased_since(tx, ids, since).await
}

/// The ledger's own precision, and the database's.
fn to_the_microsecond(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

async fn write_line(database: &Database, erasure: Erasure) -> Result<(), CustomerError> {
    let keys = database.keys().clone();
    blocking(move || keys.record_erasure(erasure.vendor, erasure.customer, erasure.at)).await
}

/// The key store is files that are synced.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, CustomerError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(crate::db::DbError::inconsistent("the key store panicked").into()),
    }
}
