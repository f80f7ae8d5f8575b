//! Customers by id, opened, for whoever takes them out.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, CustomerIdentity, CustomerStatus, HealthProfile, Phi};
use serde::{Deserialize, Serialize};

use super::plan::Stored;
use super::{ConsentPurpose, ConsentState, CustomerError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Which customers; filters are joined by "and". Deleted ones are in no export.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PeopleToExport {
    pub status: Option<CustomerStatus>,
    /// `missing`, `granted` or `withdrawn`.
    pub consent: Option<String>,
    pub updated_after: Option<DateTime<Utc>>,
}

/// What of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhatOfPeople {
    Identity,
    /// Of those who have one.
    Profile,
}

/// One customer, opened.
#[derive(Debug)]
pub struct ExportedPerson {
    pub id: CustomerId,
    pub external_id: Phi<String>,
    pub status: CustomerStatus,
    pub identity: Phi<CustomerIdentity>,
    /// Where it was asked for.
    pub profile: Option<Phi<HealthProfile>>,
    /// To the use of health data.
    pub consent: ConsentState,
    /// The version of the words that were agreed to.
    pub consent_words: Option<String>,
}

/// The next customers by id, and the last one that was looked at where there may be more; audited as one act that names
/// everybody whom it shows.
pub async fn people_to_export(
    tx: &mut VendorTx,
    of: &PeopleToExport,
    what: WhatOfPeople,
    after: Option<CustomerId>,
    most: i64,
) -> Result<(Vec<ExportedPerson>, Option<CustomerId>), CustomerError> {
    let (keys, vendor_id) = (tx.keys()?, tx.vendor_id());
    let with_profile = what == WhatOfPeople::Profile;
    let ids = store::page_by_id(tx, of, with_profile, after, most).await?;
    // Of the ids: who is deleted at this moment is none of the rows, and ends nothing.
    let next = ids.last().copied().filter(|_| ids.len() as i64 == most);
    let mut profiles = if with_profile { store::find_profiles(tx, &ids).await? } else { HashMap::new() };
    let mut consents = store::latest_consents(tx, &ids).await?;
    let mut rows = store::find_customers(tx, &ids).await?;
    rows.sort_unstable_by_key(|row| row.id);
    let event = AuditEvent::new("export.write", "customer", Purpose::Operations)
        .count(rows.len() as i64)
        .discloses_all(rows.iter().map(|row| row.id));
    audit::record(tx, event).await?;
    let mut people = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.id;
        let Stored { customer, profile, .. } = Stored::open(&keys, vendor_id, row, profiles.remove(&id))?;
        let health = consents.remove(&id).unwrap_or_default();
        let health = health.into_iter().find(|consent| consent.purpose == ConsentPurpose::HealthData);
        people.push(ExportedPerson {
            id,
            external_id: customer.external_id,
            status: customer.status,
            identity: customer.identity,
            profile: with_profile.then(|| profile.map(|stored| stored.profile).unwrap_or_default()),
            consent: customer.health_consent,
            consent_words: health.and_then(|consent| consent.text_version),
        });
    }
    Ok((people, next))
}
