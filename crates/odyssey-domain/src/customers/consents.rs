//! Consents: a new record for each change, the newest of a purpose counts, and what it says counts from
//! the next call on.

use chrono::{DateTime, Utc};
use odyssey_types::{ConsentId, CustomerId, UserId};

use super::write::{Change, ConsentChange, CustomerWrite, ImportOptions, RowOutcome, UndoOptions, write_one};
use super::{Consent, ConsentPurpose, ConsentSource, ConsentState, CustomerError, merging, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Every record of consent of a customer, newest first.
pub async fn list_consents(tx: &mut VendorTx, id: CustomerId) -> Result<Vec<Consent>, CustomerError> {
    if store::find_masked(tx, id).await?.is_none() {
        return Err(merging::gone(tx, id).await?);
    }
    let consents = store::list_consents(tx, id).await?;
    let event = AuditEvent::new("consent.list", "consent", Purpose::Service)
        .entity(id)
        .count(consents.len() as i64)
        .discloses(id);
    audit::record(tx, event).await?;
    Ok(consents)
}

/// Grants or withdraws, as a person states it. Returns false when it stands like that already.
pub async fn record_consent(
    tx: &mut VendorTx,
    id: CustomerId,
    change: ConsentChange,
) -> Result<bool, CustomerError> {
    let write = CustomerWrite { consents: vec![change], ..CustomerWrite::by_id(id, Change::ConsentsOnly) };
    Ok(write_one(tx, write).await?.outcome == RowOutcome::Updated)
}

/// Refuses unless the customer lets us use health data at this moment. Discloses nothing by itself.
pub async fn require_health_consent(tx: &mut VendorTx, id: CustomerId) -> Result<(), CustomerError> {
    let Some(customer) = store::find_masked(tx, id).await? else {
        return Err(merging::gone(tx, id).await?);
    };
    check_health_consent(customer.health_consent)
}

/// Only a grant is a grant.
pub(super) const fn check_health_consent(state: ConsentState) -> Result<(), CustomerError> {
    match state {
        ConsentState::Granted => Ok(()),
        ConsentState::Missing | ConsentState::Withdrawn => Err(CustomerError::ConsentMissing),
    }
}

/// A consent as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LatestConsent {
    pub purpose: ConsentPurpose,
    pub state: ConsentState,
    pub source: ConsentSource,
    pub text_version: Option<String>,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewConsent {
    pub id: ConsentId,
    pub version: i64,
    pub consent: LatestConsent,
    pub recorded_by: Option<UserId>,
}

/// What one write says about a customer's consents, and what is known.
#[derive(Debug)]
pub(super) struct Wanting<'a> {
    pub now: DateTime<Utc>,
    pub user_id: Option<UserId>,
    pub import: Option<&'a ImportOptions>,
    pub undo: Option<&'a UndoOptions>,
    pub stated: &'a [ConsentChange],
    pub deleted: bool,
    pub latest: &'a [LatestConsent],
    pub version: i64,
    pub health: ConsentState,
}

/// What comes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settlement {
    pub new: Vec<NewConsent>,
    pub withheld: usize,
    pub version: i64,
    pub health: ConsentState,
}

/// Decides which consents are recorded. A withdrawal is always taken. A grant out of a file never lifts
/// what the person withdrew: a file may be older than the withdrawal, and nobody asked the person again.
pub(super) fn settle(wanting: &Wanting<'_>) -> Settlement {
    let mut standing: Vec<LatestConsent> = wanting.latest.to_vec();
    let mut settlement =
        Settlement { new: Vec::new(), withheld: 0, version: wanting.version, health: wanting.health };
    for (wanted, recorded_by) in wants(wanting) {
        let stands = standing.iter().position(|c| c.purpose == wanted.purpose);
        let former = stands.map(|at| &standing[at]);
        if former.is_some_and(|former| is_same(former, &wanted)) {
            continue;
        }
        if former.is_some_and(|former| is_withheld(former, &wanted)) {
            settlement.withheld += 1;
            continue;
        }
        settlement.version += 1;
        if wanted.purpose == ConsentPurpose::HealthData {
            settlement.health = wanted.state;
        }
        match stands {
            Some(at) => standing[at] = wanted.clone(),
            None => standing.push(wanted.clone()),
        }
        settlement.new.push(NewConsent {
            id: ConsentId::generate(wanting.now),
            version: settlement.version,
            consent: wanted,
            recorded_by,
        });
    }
    settlement
}

fn wants(wanting: &Wanting<'_>) -> Vec<(LatestConsent, Option<UserId>)> {
    let (source, by) = match (wanting.import, wanting.undo) {
        (Some(import), _) => (ConsentSource::Column, import.started_by),
        (None, Some(undo)) => (ConsentSource::Undo, undo.started_by),
        (None, None) => (ConsentSource::Person, wanting.user_id),
    };
    let mut wants = Vec::new();
    if wanting.deleted {
        wants.extend(wanting.latest.iter().filter(|c| c.state == ConsentState::Granted).map(|granted| {
            let withdrawn = LatestConsent {
                state: ConsentState::Withdrawn,
                source: ConsentSource::Deletion,
                ..granted.clone()
            };
            (withdrawn, by)
        }));
        return wants;
    }
    let stated_health = wanting.stated.iter().any(|c| c.purpose == ConsentPurpose::HealthData);
    wants.extend(wanting.stated.iter().cloned().map(|change| {
        let ConsentChange { purpose, state, text_version } = change;
        (LatestConsent { purpose, state, source, text_version }, by)
    }));
    // What the row itself says about this person goes before what was attested for the whole file.
    if let Some(attested) = wanting.import.and_then(|i| i.consent.as_ref()).filter(|_| !stated_health) {
        let granted = LatestConsent {
            purpose: ConsentPurpose::HealthData,
            state: ConsentState::Granted,
            source: ConsentSource::VendorAttestation,
            text_version: attested.text_version.clone(),
        };
        wants.push((granted, Some(attested.attested_by)));
    }
    wants
}

fn is_same(former: &LatestConsent, wanted: &LatestConsent) -> bool {
    former.state == wanted.state
        && !by_person_at_last(former, wanted)
        && (wanted.text_version.is_none() || former.text_version == wanted.text_version)
}

/// A person withdraws what was withdrawn otherwise. It is recorded, since only theirs holds against every file.
fn by_person_at_last(former: &LatestConsent, wanted: &LatestConsent) -> bool {
    wanted.state == ConsentState::Withdrawn
        && wanted.source == ConsentSource::Person
        && former.source != ConsentSource::Person
}

fn is_withheld(former: &LatestConsent, wanted: &LatestConsent) -> bool {
    if former.state != ConsentState::Withdrawn || wanted.state != ConsentState::Granted {
        return false;
    }
    match wanted.source {
        ConsentSource::Person | ConsentSource::Deletion | ConsentSource::Undo => false,
        ConsentSource::Column => former.source == ConsentSource::Person,
        ConsentSource::VendorAttestation => {
            !matches!(former.source, ConsentSource::Deletion | ConsentSource::Undo)
        }
    }
}
