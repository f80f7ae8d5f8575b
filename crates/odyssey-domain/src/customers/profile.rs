//! The health profile of a customer, and what derives from it.

use chrono::{DateTime, Utc};
use odyssey_matching::{Derived, derive_profile};
use odyssey_types::{CustomerId, HealthProfile, Phi};
use serde_json::{Map, Value};

use super::customer::age_on;
use super::plan::Stored;
use super::write::{Change, CustomerWrite, write_one};
use super::{CustomerError, merging, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::rules;
use crate::tenancy::Purpose;

/// A profile and what derives from it. A customer of whom nothing is recorded has an empty profile of
/// version 0.
#[derive(Debug, Clone)]
pub struct HealthRecord {
    pub customer_id: CustomerId,
    pub profile: Phi<HealthProfile>,
    /// Whole years, from the birth date where there is one, else as stated.
    pub age_years: Phi<Option<u8>>,
    pub derived: Phi<Derived>,
    pub row_version: i64,
    pub updated_at: Option<DateTime<Utc>>,
    /// When a person last edited it; absent when a file wrote it since.
    pub edited_at: Option<DateTime<Utc>>,
    /// Version of the customer: what derives from the profile depends on the birth date too.
    pub customer_version: i64,
}

/// The profile; audited as a disclosure.
pub async fn get_profile(tx: &mut VendorTx, id: CustomerId) -> Result<HealthRecord, CustomerError> {
    let opened = open(tx, id).await?;
    let rules = rules::effective_rules(tx).await?;
    let record = HealthRecord {
        customer_id: id,
        derived: Phi::new(derive_profile(opened.profile.expose(), opened.birth_age, &rules.pack)),
        age_years: Phi::new(opened.age_years()),
        row_version: opened.row_version,
        updated_at: opened.updated_at,
        edited_at: opened.edited_at,
        customer_version: opened.stored.customer.row_version,
        profile: opened.profile,
    };
    let event =
        AuditEvent::new("health_profile.read", "health_profile", Purpose::Service).entity(id).discloses(id);
    audit::record(tx, event).await?;
    Ok(record)
}

/// Replaces the profile; `if_versions` are the versions it may have, 0 for none yet.
pub async fn put_profile(
    tx: &mut VendorTx,
    id: CustomerId,
    profile: Phi<HealthProfile>,
    if_versions: Option<Vec<i64>>,
) -> Result<HealthRecord, CustomerError> {
    let change = Change::ReplaceProfile(profile.map(Box::new));
    write_one(tx, CustomerWrite { if_profile_versions: if_versions, ..CustomerWrite::by_id(id, change) })
        .await?;
    get_profile(tx, id).await
}

/// Changes the fields that the patch names (RFC 7396) and what derives from them; everything else stays,
/// and what is missing stays missing.
pub async fn patch_profile(
    tx: &mut VendorTx,
    id: CustomerId,
    patch: Phi<Map<String, Value>>,
    if_versions: Option<Vec<i64>>,
) -> Result<HealthRecord, CustomerError> {
    let change = Change::MergeProfile(patch);
    write_one(tx, CustomerWrite { if_profile_versions: if_versions, ..CustomerWrite::by_id(id, change) })
        .await?;
    get_profile(tx, id).await
}

/// A customer and the profile, opened but not yet disclosed.
#[derive(Debug)]
pub(super) struct OpenedProfile {
    pub stored: Stored,
    pub profile: Phi<HealthProfile>,
    /// From the birth date.
    pub birth_age: Option<u8>,
    pub row_version: i64,
    pub updated_at: Option<DateTime<Utc>>,
    pub edited_at: Option<DateTime<Utc>>,
}

impl OpenedProfile {
    pub fn age_years(&self) -> Option<u8> {
        self.birth_age.or(self.profile.expose().age_years)
    }
}

/// Opens a customer and the profile. The caller audits.
pub(super) async fn open(tx: &mut VendorTx, id: CustomerId) -> Result<OpenedProfile, CustomerError> {
    let (keys, vendor_id, now) = (tx.keys()?, tx.vendor_id(), tx.now());
    let Some(row) = store::find_customers(tx, &[id]).await?.pop() else {
        return Err(merging::gone(tx, id).await?);
    };
    let profile = store::find_profiles(tx, &[id]).await?.remove(&id);
    let (updated_at, edited_at) =
        (profile.as_ref().map(|p| p.updated_at), profile.as_ref().and_then(|p| p.edited_at));
    let mut stored = Stored::open(&keys, vendor_id, row, profile)?;
    let profile = stored.profile.take();
    let birth_date = stored.customer.identity.expose().birth_date;
    Ok(OpenedProfile {
        row_version: profile.as_ref().map_or(0, |p| p.row_version),
        profile: profile.map(|p| p.profile).unwrap_or_default(),
        birth_age: birth_date.and_then(|birth| age_on(birth, now)),
        stored,
        updated_at,
        edited_at,
    })
}
