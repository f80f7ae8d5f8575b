//! Legal holds: while one lasts, nothing that it covers is purged, erased or removed.

use chrono::{DateTime, Utc};
use odyssey_types::{AuditEventId, VendorId};
use uuid::Uuid;

use super::store;
use crate::audit::{self, AuditEvent};
use crate::db::{Database, DbError, SystemTx};
use crate::tenancy::{Actor, Purpose};

/// Longest reason, in characters: a file reference, not the file.
pub const REASON_LENGTH_MAX: usize = 500;

/// A hold that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalHold {
    pub id: Uuid,
    /// `None`: everything.
    pub vendor_id: Option<VendorId>,
    pub reason: String,
    pub placed_at: DateTime<Utc>,
    pub lifted_at: Option<DateTime<Utc>>,
}

/// What is held at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    everything: bool,
    vendors: Vec<Uuid>,
}

impl Holds {
    pub async fn read(tx: &mut SystemTx) -> Result<Self, DbError> {
        let held = store::held_vendors(tx).await?;
        let (everything, vendors): (Vec<Uuid>, Vec<Uuid>) = held.into_iter().partition(Uuid::is_nil);
        Ok(Self { everything: !everything.is_empty(), vendors })
    }

    /// Nothing at all may be purged.
    pub const fn cover_everything(&self) -> bool {
        self.everything
    }

    /// Something is held: what cannot be told apart by vendor stays.
    pub const fn cover_anything(&self) -> bool {
        self.everything || !self.vendors.is_empty()
    }

    /// Whether this vendor's data is held.
    pub fn cover(&self, vendor_id: VendorId) -> bool {
        self.everything || self.vendors.contains(&vendor_id.as_uuid())
    }

    /// The vendors whose rows a purge passes over.
    pub fn vendors(&self) -> &[Uuid] {
        &self.vendors
    }
}

/// Whether a legal hold keeps what this vendor has, so that its people cannot delete it.
pub async fn is_held(database: &Database, vendor_id: VendorId) -> Result<bool, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let held = Holds::read(&mut tx).await?.cover(vendor_id);
    tx.roll_back().await?;
    Ok(held)
}

/// Places a hold on a vendor's data, or on everything. `None`: the reason is empty or too long.
pub async fn place_hold(
    database: &Database,
    actor: &Actor,
    vendor_id: Option<VendorId>,
    reason: &str,
) -> Result<Option<LegalHold>, DbError> {
    let reason = reason.trim();
    if !(1..=REASON_LENGTH_MAX).contains(&reason.chars().count()) {
        return Ok(None);
    }
    let mut tx = SystemTx::begin(database).await?;
    let placed_at = tx.now();
    let id = AuditEventId::generate(placed_at).as_uuid();
    let hold = LegalHold { id, vendor_id, reason: reason.to_owned(), placed_at, lifted_at: None };
    store::insert_hold(&mut tx, &hold).await?;
    let event =
        AuditEvent::new("legal_hold.place", "legal_hold", Purpose::Compliance).entity(id).reason(reason);
    audit::record_on_platform(&mut tx, vendor_id, actor, event).await?;
    tx.commit().await?;
    Ok(Some(hold))
}

/// Lifts a hold. False: there is none of this id that lasts.
pub async fn lift_hold(database: &Database, actor: &Actor, id: Uuid) -> Result<bool, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let Some(vendor_id) = store::lift_hold(&mut tx, id).await? else {
        tx.roll_back().await?;
        return Ok(false);
    };
    let event = AuditEvent::new("legal_hold.lift", "legal_hold", Purpose::Compliance).entity(id);
    audit::record_on_platform(&mut tx, vendor_id, actor, event).await?;
    tx.commit().await?;
    Ok(true)
}

/// Every hold, those that were lifted included, newest first. For the platform; audited by nobody, since a hold
/// is about no person.
pub async fn list_holds(database: &Database) -> Result<Vec<LegalHold>, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let holds = store::list_holds(&mut tx).await?;
    tx.roll_back().await?;
    Ok(holds)
}
