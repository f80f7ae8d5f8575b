//! FHIR bundles in: proposed, looked at, applied.
//!
//! Owns: `fhir_proposals`. Promises: a bundle changes nothing until somebody confirms it; a proposal is
//! sealed under the person's key; one that holds a food allergy which nobody has settled blocks matching
//! from the moment it is made, and is never purged before somebody has decided; applying it adds and
//! tightens and takes nothing away. Emits: what writing a profile emits. Never: asks for consent before
//! proposing, which is asked for before matching.

mod import;
mod store;

use chrono::{DateTime, Utc};
use odyssey_matching::fhir::{
    self, Bundle, Decisions, KnownPerson, LineStatus, Proposal, ProposalInput, ProposeError, RejectReason,
    Settled,
};
use odyssey_matching::{Blocked, NotConsidered, Policy, PolicyInput, RulePack};
use odyssey_types::{AllergyEntry, CustomerId, HealthProfile, Phi, ProposalId};
use odyssey_vault::{Aad, PersonKey, VaultError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::profile::{self, HealthRecord, OpenedProfile, get_profile};
use super::write::{Change, CustomerWrite, write_one};
use super::{CustomerError, WriteRefusal, merging};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::{self, Holds};
use crate::tenancy::Purpose;

pub use import::{FhirImport, FhirImportError, FhirImported, import_fhir};

/// Proposals of one customer that are kept at a time: a loop of a sender must not pile up health data.
pub const PROPOSALS_MAX: usize = 50;
/// Version of the JSON in `proposal_sealed`.
const FORMAT: u32 = 1;

/// A proposal, and what would come of it for the profile as it stands now.
#[derive(Debug, Clone)]
pub struct FhirProposal {
    pub id: ProposalId,
    pub customer_id: CustomerId,
    pub proposal: Phi<Proposal>,
    /// The profile, were every line confirmed.
    pub profile: Phi<HealthProfile>,
    /// What would keep that profile from being matched.
    pub blocked: Phi<Vec<Blocked>>,
    /// What in it no rule looks at.
    pub not_considered: Phi<Vec<NotConsidered>>,
    /// Version of the profile that `profile` was made from; 0 where there is none yet.
    pub profile_version: i64,
    pub awaits_decision: bool,
    pub created_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    /// When it is purged; absent while a food allergy in it awaits a decision.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    v: u32,
    proposal: Proposal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decisions: Option<Decisions>,
}

/// Makes a proposal of a bundle and keeps it; nothing of it is applied. Audited as a disclosure, since the
/// answer shows the profile that would come of it.
pub async fn propose_fhir(
    tx: &mut VendorTx,
    id: CustomerId,
    bundle: Phi<Vec<u8>>,
    patient_confirmed: bool,
) -> Result<FhirProposal, CustomerError> {
    if super::store::lock_masked(tx, id).await?.is_none() {
        return Err(merging::gone(tx, id).await?);
    }
    if store::count_proposals(tx, id).await? >= PROPOSALS_MAX {
        return Err(CustomerError::ProposalsFull { max: PROPOSALS_MAX });
    }
    let opened = profile::open(tx, id).await?;
    let proposal = read_off_thread(tx, &opened, bundle, patient_confirmed).await?;
    let (now, awaits_decision) = (tx.now(), proposal.awaits_decision());
    let proposal_id = ProposalId::generate(now);
    let sealed = Sealed { v: FORMAT, proposal: proposal.clone(), decisions: None };
    let row = store::ProposalRow {
        id: proposal_id,
        sealed: seal(tx, proposal_id, &opened.stored.key, &sealed)?,
        awaits_decision,
        created_at: now,
        decided_at: None,
        expires_at: (!awaits_decision).then(|| now + retention::FHIR_PROPOSALS),
    };
    store::insert_proposal(tx, id, &row).await?;
    if awaits_decision {
        // No answer that was kept before is given any more.
        super::store::bump_version(tx, id).await?;
    }
    let mut event = AuditEvent::new("fhir_proposal.create", "fhir_proposal", Purpose::Service)
        .entity(proposal_id)
        .detail("awaits_decision", awaits_decision)
        .detail("patient_confirmed", patient_confirmed)
        .discloses(id);
    for status in LineStatus::ALL {
        event = event.detail(status.as_str(), proposal.count(*status));
    }
    audit::record(tx, event).await?;
    view(tx, &opened, row, proposal)
}

/// A proposal, with what would come of it now; audited as a disclosure.
pub async fn get_fhir_proposal(
    tx: &mut VendorTx,
    id: CustomerId,
    proposal_id: ProposalId,
) -> Result<FhirProposal, CustomerError> {
    let opened = profile::open(tx, id).await?;
    let row = store::find_proposal(tx, id, proposal_id).await?.ok_or(CustomerError::ProposalNotFound)?;
    let sealed = open(tx, &opened.stored.key, &row)?;
    let event = AuditEvent::new("fhir_proposal.read", "fhir_proposal", Purpose::Service)
        .entity(proposal_id)
        .discloses(id);
    audit::record(tx, event).await?;
    view(tx, &opened, row, sealed.proposal)
}

/// Applies a proposal to the profile, if it has one of the given versions. What is not decided enters in
/// words and goes on blocking matching, now as a part of the profile.
pub async fn apply_fhir(
    tx: &mut VendorTx,
    id: CustomerId,
    proposal_id: ProposalId,
    decisions: Decisions,
    if_versions: Option<Vec<i64>>,
) -> Result<HealthRecord, CustomerError> {
    // The customer first: whoever changes a profile holds this lock.
    if super::store::lock_masked(tx, id).await?.is_none() {
        return Err(merging::gone(tx, id).await?);
    }
    let row = store::find_proposal(tx, id, proposal_id).await?.ok_or(CustomerError::ProposalNotFound)?;
    let opened = profile::open(tx, id).await?;
    let current = opened.row_version;
    if if_versions.as_ref().is_some_and(|versions| !versions.contains(&current)) {
        return Err(CustomerError::Refused(WriteRefusal::VersionMismatch { current }));
    }
    if row.decided_at.is_some() {
        return Err(CustomerError::ProposalDecided);
    }
    let sealed = open(tx, &opened.stored.key, &row)?;
    let settled = fhir::settle(&sealed.proposal, &decisions, opened.profile.expose(), RulePack::embedded())
        .map_err(CustomerError::DecisionsInvalid)?;
    let decided = Sealed { decisions: Some(decisions), ..sealed };
    let decided = seal(tx, proposal_id, &opened.stored.key, &decided)?;
    store::decide_proposal(tx, proposal_id, &decided, tx.now() + retention::FHIR_PROPOSALS).await?;
    if row.awaits_decision {
        super::store::bump_version(tx, id).await?;
    }
    audit::record(tx, applied(id, proposal_id, &settled)).await?;
    write(tx, id, settled, current).await?;
    get_profile(tx, id).await
}

/// What the trail keeps for as long as it is kept: how many lines were decided how, by whom, about whom.
fn applied(id: CustomerId, proposal_id: ProposalId, settled: &Settled) -> AuditEvent {
    let mut rejected = Map::new();
    for reason in &settled.rejected {
        let count = rejected.get(reason.as_str()).and_then(Value::as_u64).unwrap_or(0);
        rejected.insert(RejectReason::as_str(*reason).to_owned(), (count + 1).into());
    }
    AuditEvent::new("fhir_proposal.apply", "fhir_proposal", Purpose::Service)
        .entity(proposal_id)
        .count(settled.applied as i64)
        .detail("not_food", settled.not_food)
        .detail("left_out", settled.left_out)
        .detail("rejected", rejected)
        .discloses(id)
}

async fn write(
    tx: &mut VendorTx,
    id: CustomerId,
    settled: Settled,
    version: i64,
) -> Result<(), CustomerError> {
    if let Some(birth_date) = settled.birth_date {
        let patch = Map::from_iter([("birth_date".to_owned(), Value::from(birth_date.to_string()))]);
        write_one(tx, CustomerWrite::by_id(id, Change::Merge(Phi::new(patch)))).await?;
    }
    let change = Change::ReplaceProfile(Phi::new(Box::new(settled.profile)));
    let write = CustomerWrite::by_id(id, change);
    write_one(tx, CustomerWrite { if_profile_versions: Some(vec![version]), ..write }).await?;
    Ok(())
}

/// Whether a food allergy of one of the customer's proposals awaits a decision.
pub(super) async fn awaits_decision(tx: &mut VendorTx, id: CustomerId) -> Result<bool, CustomerError> {
    Ok(store::find_awaiting(tx, id).await?.is_some())
}

/// The oldest proposal of this customer in which a food allergy awaits a decision, as the entry that blocks
/// matching. Its words name the proposal and nothing of its content.
pub(super) async fn awaited(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<Option<AllergyEntry>, CustomerError> {
    let waiting = store::find_awaiting(tx, id).await?;
    Ok(waiting.map(|proposal_id| {
        let words = format!("a food allergy of FHIR proposal {proposal_id}");
        fhir::unmapped_allergy(&words)
    }))
}

/// The same for whoever is not told which proposal it is.
pub(super) fn awaited_entry() -> AllergyEntry {
    fhir::unmapped_allergy("a food allergy of a FHIR proposal")
}

/// Deletes the proposals whose time is over, but for vendors under a legal hold; returns how many.
pub async fn purge_fhir_proposals(database: &Database) -> Result<u64, DbError> {
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

/// Reading a large bundle takes a while: it leaves the threads that serve requests alone.
async fn read_off_thread(
    tx: &VendorTx,
    opened: &OpenedProfile,
    bundle: Phi<Vec<u8>>,
    patient_confirmed: bool,
) -> Result<Proposal, CustomerError> {
    let (known, profile) = (known_person(opened), opened.profile.clone());
    let as_of = tx.now().date_naive();
    let thread = tokio::task::spawn_blocking(move || -> Result<Proposal, ProposeError> {
        let bundle = Bundle::read(bundle.expose())?;
        let pack = RulePack::embedded();
        fhir::propose(
            &bundle,
            &ProposalInput { known: &known, patient_confirmed, profile: profile.expose(), as_of, pack },
        )
    });
    let read = thread.await.map_err(|_| DbError::inconsistent("the thread that read a bundle panicked"))?;
    read.map_err(CustomerError::Fhir)
}

fn known_person(opened: &OpenedProfile) -> KnownPerson {
    let customer = &opened.stored.customer;
    let identity = customer.identity.expose();
    let identifiers = std::iter::once(customer.external_id.expose().clone())
        .chain(identity.member_number.clone())
        .collect();
    KnownPerson { identifiers, birth_date: identity.birth_date }
}

/// What would come of a proposal, were every line of it confirmed.
fn view(
    tx: &VendorTx,
    opened: &OpenedProfile,
    row: store::ProposalRow,
    proposal: Proposal,
) -> Result<FhirProposal, CustomerError> {
    let pack = RulePack::embedded();
    let settled = fhir::settle(&proposal, &Decisions::default(), opened.profile.expose(), pack)
        .map_err(CustomerError::DecisionsInvalid)?;
    let input = PolicyInput {
        profile: &settled.profile,
        age_years: opened.age_years(),
        as_of: tx.now().date_naive(),
        never_list: &[],
        allow_list: &[],
        vendor_policy: pack.scoring,
        label_oldest: None,
    };
    let policy = Policy::compile(&input, pack);
    Ok(FhirProposal {
        id: row.id,
        customer_id: opened.stored.customer.id,
        proposal: Phi::new(proposal),
        profile: Phi::new(settled.profile),
        blocked: Phi::new(policy.blocked),
        not_considered: Phi::new(policy.not_considered),
        profile_version: opened.row_version,
        awaits_decision: row.awaits_decision,
        created_at: row.created_at,
        decided_at: row.decided_at,
        expires_at: row.expires_at,
    })
}

fn aad(tx: &VendorTx, id: ProposalId) -> Aad {
    Aad { vendor: tx.vendor_id(), row: id.as_uuid(), column: "fhir_proposals.proposal" }
}

fn seal(tx: &VendorTx, id: ProposalId, key: &PersonKey, sealed: &Sealed) -> Result<Vec<u8>, VaultError> {
    key.seal_json(&aad(tx, id), sealed)
}

/// Opens a proposal; one of a later format is refused and not half read.
fn open(tx: &VendorTx, key: &PersonKey, row: &store::ProposalRow) -> Result<Sealed, VaultError> {
    let sealed: Phi<Sealed> = key.open_json(&aad(tx, row.id), &row.sealed)?;
    let sealed = sealed.into_exposed();
    if sealed.v != FORMAT {
        return Err(VaultError::Format { what: "fhir_proposals.proposal" });
    }
    Ok(sealed)
}
