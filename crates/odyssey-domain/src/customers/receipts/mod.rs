//! Receipts of answers about a person, kept with the person.
//!
//! Owns: `receipts`. Promises: what is kept is sealed under the person's key, so it ends with it; a receipt is
//! read only with an audit row that names the person. A withdrawn consent ends new answers and not the record
//! of those that were given: whoever was told something can still prove what. Emits: nothing. Never: changes
//! a receipt.

mod store;

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, Phi, ReceiptId};
use odyssey_vault::{Aad, PersonKey, VaultError};

use super::{CustomerError, WriteRefusal, profile};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::{self, Holds};
use crate::tenancy::Purpose;

/// A receipt as it was kept.
#[derive(Debug, Clone)]
pub struct KeptReceipt {
    pub id: ReceiptId,
    pub customer_id: CustomerId,
    pub created_at: DateTime<Utc>,
    /// The bytes that were handed over.
    pub content: Phi<Vec<u8>>,
}

/// Keeps a receipt; the answer that it proves is recorded in the same transaction.
pub async fn keep_receipt(
    tx: &mut VendorTx,
    customer_id: CustomerId,
    id: ReceiptId,
    content: &Phi<Vec<u8>>,
) -> Result<(), CustomerError> {
    let opened = profile::open(tx, customer_id).await?;
    let sealed = opened.stored.key.seal(&aad(tx, id), content.expose())?;
    let expires_at = tx.now() + retention::RECEIPTS;
    store::insert_receipt(tx, id, customer_id, &sealed, expires_at).await
}

/// One receipt; audited as a disclosure.
pub async fn open_receipt(tx: &mut VendorTx, id: ReceiptId) -> Result<KeptReceipt, CustomerError> {
    let row = store::find_receipt(tx, id).await?.ok_or(CustomerError::ReceiptNotFound)?;
    let opened = match profile::open(tx, row.customer_id).await {
        // Deleted or merged since: a receipt is found as long as the person is.
        Err(CustomerError::NotFound | CustomerError::Refused(WriteRefusal::Merged { .. })) => {
            return Err(CustomerError::ReceiptNotFound);
        }
        opened => opened?,
    };
    let content = open(tx, &opened.stored.key, id, &row.sealed)?;
    let event =
        AuditEvent::new("receipt.read", "receipt", Purpose::Compliance).entity(id).discloses(row.customer_id);
    audit::record(tx, event).await?;
    Ok(KeptReceipt { id, customer_id: row.customer_id, created_at: row.created_at, content })
}

/// Deletes the receipts whose time is over, but for vendors under a legal hold; returns how many.
pub async fn purge_receipts(database: &Database) -> Result<u64, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let (now, holds) = (tx.now(), Holds::read(&mut tx).await?);
    if holds.cover_everything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let purged = store::purge_expired(&mut tx, now, holds.vendors()).await?;
    tx.commit().await?;
    Ok(purged)
}

fn aad(tx: &VendorTx, id: ReceiptId) -> Aad {
    Aad { vendor: tx.vendor_id(), row: id.as_uuid(), column: "receipts.receipt" }
}

fn open(tx: &VendorTx, key: &PersonKey, id: ReceiptId, sealed: &[u8]) -> Result<Phi<Vec<u8>>, VaultError> {
    Ok(Phi::new(key.open(&aad(tx, id), sealed)?.to_vec()))
}
