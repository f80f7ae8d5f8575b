//! The audit trail: one event per act, one subject row per person disclosed, in the transaction of the
//! act.
//!
//! Owns: `audit_events`, `audit_subjects`. Promises: a [`VendorTx`] cannot commit without an event; an
//! event holds ids, codes and counts and nothing personal; nothing here updates or deletes a row (whole
//! months go when they are older than the law asks for).
//! Emits: nothing. Never: swallows a failure to record.

mod event;
mod exporting;
mod list;
mod refusal;
mod store;

pub use event::{AuditEvent, Outcome};
pub use exporting::{AuditRange, events_to_export};
pub use list::{AuditQuery, AuditRecord, list};
pub use refusal::{Refusal, record_refusal, record_without_role};

use chrono::NaiveDate;
use odyssey_types::{AuditEventId, VendorId};

use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::Holds;
use crate::tenancy::Actor;

/// Records an act in the vendor's transaction; only then can it commit.
pub async fn record(tx: &mut VendorTx, event: AuditEvent) -> Result<AuditEventId, DbError> {
    let id = AuditEventId::generate(tx.now());
    let (vendor_id, actor, now) = (tx.vendor_id(), tx.actor().clone(), tx.now());
    store::insert_event(tx.connection(), id, vendor_id, now, &(&actor).into(), &event).await?;
    if !event.subjects.is_empty() {
        store::insert_subjects(tx.connection(), id, vendor_id, now, &event.subjects).await?;
    }
    tx.mark_audited();
    Ok(id)
}

/// Records an act of the platform; `vendor_id` is the vendor it concerns, if any.
pub async fn record_on_platform(
    tx: &mut SystemTx,
    vendor_id: Option<VendorId>,
    actor: &Actor,
    event: AuditEvent,
) -> Result<AuditEventId, DbError> {
    let now = tx.now();
    let id = AuditEventId::generate(now);
    let vendor_id = vendor_id.unwrap_or_else(|| VendorId::from_uuid(uuid::Uuid::nil()));
    store::insert_event(tx.connection(), id, vendor_id, now, &actor.into(), &event).await?;
    tx.mark_audited();
    Ok(id)
}

/// Detaches and drops the months of the audit that are older than it is kept; says how many partitions. None
/// while any legal hold lasts: a month holds the rows of all vendors.
pub async fn retire_months(database: &Database, before: NaiveDate) -> Result<i32, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    if Holds::read(&mut tx).await?.cover_anything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let retired = store::retire_months(&mut tx, before).await?;
    tx.commit().await?;
    Ok(retired)
}

/// Makes the monthly partitions from the month of `first` on; says how many were missing.
pub async fn ensure_partitions(database: &Database, first: NaiveDate, months: i32) -> Result<i32, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let made = store::ensure_partitions(&mut tx, first, months).await?;
    tx.commit().await?;
    Ok(made)
}
