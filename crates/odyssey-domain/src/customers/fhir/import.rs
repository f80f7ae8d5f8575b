//! Bundles of many people: each makes or changes one customer, in a transaction of its own.

use chrono::{DateTime, Utc};
use odyssey_matching::RulePack;
use odyssey_matching::fhir::{
    self, Bundle, ImportedPerson, KnownPerson, Line, NotRead, PersonError, ProposalInput, ProposeError,
};
use odyssey_types::{CustomerId, CustomerStatus, HealthProfile, JobId, Phi};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::audit::{self, AuditEvent};
use crate::customers::profile;
use crate::customers::store as customers;
use crate::customers::write::{Change, write_customers};
use crate::customers::{
    BatchOptions, CustomerError, CustomerWrite, ImportConsent, ImportMark, ImportOptions, RowOutcome,
    SinceImport, WriteRefusal, erased_since, unchanged_customers,
};
use crate::db::{DbError, VendorTx};
use crate::json;
use crate::tenancy::Purpose;

/// What holds for all bundles of one import.
#[derive(Debug, Clone)]
pub struct FhirImport {
    /// Names the run in the trail and beside its consents.
    pub run_id: JobId,
    pub started_at: DateTime<Utc>,
    /// The system of the identifier that is the external id; without one it is the patient's own id.
    pub identifier_system: Option<String>,
    /// A vendor admin's word that the people consented to the use of their health data.
    pub consent: Option<ImportConsent>,
    /// Take a bundle in although a person edited the customer since the same one was imported.
    pub overwrite_edits: bool,
}

/// What became of a bundle.
#[derive(Debug, Clone)]
pub struct FhirImported {
    pub customer_id: CustomerId,
    pub outcome: RowOutcome,
    /// Absent where the bundle was not read again.
    pub lines: Phi<Vec<Line>>,
    pub not_read: Vec<NotRead>,
    /// Whether the profile now holds an allergy that nobody has mapped.
    pub blocks_matching: bool,
}

/// Why a bundle was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FhirImportError {
    #[error(transparent)]
    Person(#[from] PersonError),
    #[error(transparent)]
    Fhir(#[from] ProposeError),
    #[error(transparent)]
    Customers(#[from] CustomerError),
}

/// Takes one bundle into the customer it is about, made where there is none. Nothing that the profile holds
/// is taken away; an allergy that means nothing to us, or that only words name, enters in words and blocks
/// matching. The caller commits.
pub async fn import_fhir(
    tx: &mut VendorTx,
    import: &FhirImport,
    row: u64,
    bytes: &Phi<Vec<u8>>,
) -> Result<FhirImported, FhirImportError> {
    let bundle = Bundle::read(bytes.expose()).map_err(ProposeError::from)?;
    let person = fhir::imported_person(&bundle, import.identifier_system.as_deref())?;
    let keys = tx.keys().map_err(CustomerError::from)?;
    let (id, source_hash) = (keys.customer_id(&person.external_id), keys.row_hash(bytes.expose()));
    let digest = digest(import);
    let since = unchanged_customers(tx, &[(id, source_hash)], &digest).await?.remove(&id);
    // A person who was erased after the import began does not come back by it.
    let erased = erased_since(tx, &[id], import.started_at).await?.contains(&id);
    let outcome = match since {
        _ if erased => Some(RowOutcome::Kept),
        Some(SinceImport::Untouched) => Some(RowOutcome::Unchanged),
        Some(SinceImport::Edited) if !import.overwrite_edits => Some(RowOutcome::Kept),
        Some(SinceImport::Edited) | None => None,
    };
    if let Some(outcome) = outcome {
        record(tx, import, id, 0).await?;
        let lines = Phi::new(Vec::new());
        return Ok(FhirImported {
            customer_id: id,
            outcome,
            lines,
            not_read: Vec::new(),
            blocks_matching: false,
        });
    }
    let (exists, current) = stored_profile(tx, id).await?;
    let known =
        KnownPerson { identifiers: vec![person.external_id.clone()], birth_date: person.identity.birth_date };
    let input = ProposalInput {
        known: &known,
        // Whoever imports says by that whose bundle it is.
        patient_confirmed: true,
        profile: current.expose(),
        as_of: tx.now().date_naive(),
        pack: RulePack::embedded(),
    };
    let proposal = fhir::propose(&bundle, &input)?;
    let settled = fhir::settle_unattended(&proposal, current.expose());
    let blocks_matching = settled.profile.allergies.iter().any(|entry| entry.allergen.is_none());
    let patch = patch_of(&person, &settled.profile).map_err(CustomerError::from)?;
    let write = CustomerWrite {
        must_not_exist: !exists,
        import: Some(ImportMark { row, source_hash, edited_since: false }),
        ..CustomerWrite::by_external_id(person.external_id, Change::Merge(Phi::new(patch)))
    };
    let outcome = write_one(tx, import, write, digest).await?;
    record(tx, import, id, settled.applied).await?;
    Ok(FhirImported {
        customer_id: id,
        outcome,
        lines: Phi::new(proposal.lines),
        not_read: proposal.not_read,
        blocks_matching,
    })
}

/// Everything but the bundle that decides what it becomes.
fn digest(import: &FhirImport) -> Vec<u8> {
    let mut hash = Sha256::new_with_prefix(b"odyssey/fhir/v1\0");
    hash.update(import.identifier_system.as_deref().unwrap_or_default());
    hash.update([0, u8::from(import.consent.is_some())]);
    hash.update(RulePack::embedded().digest.as_bytes());
    hash.finalize().to_vec()
}

/// Whether the customer exists, and the profile under its lock.
async fn stored_profile(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<(bool, Phi<HealthProfile>), CustomerError> {
    match customers::lock_masked(tx, id).await? {
        Some(_) => Ok((true, profile::open(tx, id).await?.profile)),
        None => Ok((false, Phi::default())),
    }
}

async fn write_one(
    tx: &mut VendorTx,
    import: &FhirImport,
    write: CustomerWrite,
    mapping_digest: Vec<u8>,
) -> Result<RowOutcome, CustomerError> {
    let options = ImportOptions {
        job_id: import.run_id,
        started_by: tx.actor().user_id,
        started_at: import.started_at,
        mapping_digest,
        consent: import.consent.clone(),
    };
    let options = BatchOptions { import: Some(options), ..BatchOptions::default() };
    let mut outcome = write_customers(tx, &[write], &options).await?;
    match outcome.results.pop() {
        Some(Ok(result)) => Ok(result.outcome),
        Some(Err(refusal)) => Err(refusal.into()),
        None => Err(DbError::inconsistent("a write of one record has no result").into()),
    }
}

/// What the bundle says of the person, and the whole of the profile that came of it.
fn patch_of(person: &ImportedPerson, profile: &HealthProfile) -> Result<Map<String, Value>, WriteRefusal> {
    let unreadable = |error: json::Error| {
        WriteRefusal::Invalid(vec![crate::field::FieldError::new(
            error.pointer,
            "unreadable",
            "cannot be written",
        )])
    };
    let mut patch = json::to_object(&person.identity).map_err(unreadable)?;
    // What the bundle does not say is kept.
    patch.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    // Somebody who is served no more does not come back by a bundle.
    if person.status == CustomerStatus::Inactive {
        patch.insert("status".to_owned(), Value::from(person.status.as_str()));
    }
    let profile = json::to_object(profile).map_err(unreadable)?;
    patch.insert("profile".to_owned(), Value::Object(profile));
    Ok(patch)
}

async fn record(
    tx: &mut VendorTx,
    import: &FhirImport,
    id: CustomerId,
    applied: usize,
) -> Result<(), CustomerError> {
    let event = AuditEvent::new("fhir.import", "customer", Purpose::Operations)
        .entity(id)
        .count(applied as i64)
        .detail("run_id", import.run_id.to_string());
    audit::record(tx, event).await?;
    Ok(())
}
