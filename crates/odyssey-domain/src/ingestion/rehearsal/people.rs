//! A dry run of customers: what would become of the people of a file, and who would lose what protects them.
//!
//! Everything about single rows is kept sealed under the vendor's key; what would differ of a person who is there is
//! sealed under the person's own key besides, so that erasing the person ends it. It is opened for those who may read
//! health data, with an audit row that names whoever is shown; others are told numbers.

use std::collections::{HashMap, HashSet};

use odyssey_types::{CustomerId, JobId, Phi};
use serde::{Deserialize, Serialize};

use super::{DIFFERENCES_MAX, FLAGGED_MAX, FLAGGED_SHOWN_MAX, SAMPLES_MAX, store};
use crate::audit::{self, AuditEvent};
use crate::customers::{self, Losses, Observed, RowOutcome};
use crate::db::VendorTx;
use crate::differences::Difference;
use crate::ingestion::IngestionError;
use crate::ingestion::progress::Run;
use crate::ingestion::row_errors::Sealing;
use crate::tenancy::Purpose;

const COLUMN: &str = "imports.rehearsal";

/// What a dry run of customers found.
#[derive(Debug, Clone, Default)]
pub struct PeopleRehearsal {
    /// Created and changed rows, the first [`SAMPLES_MAX`]; none for who may not read health data, nor of who was erased
    /// since.
    pub samples: Vec<PersonSample>,
    /// Rows by which somebody loses what protects them, the first [`FLAGGED_SHOWN_MAX`]; none for who may not read
    /// health data.
    pub flagged: Vec<FlaggedPerson>,
    pub counts: PeopleCounts,
    /// The lists were left out.
    pub masked: bool,
}

/// Numbers of people. Small ones are whoever shows them to suppress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleCounts {
    pub flagged_total: u64,
    /// People whose matches would go by another policy than today.
    pub policies_changed: u64,
    /// People of whom an allergy would go, or be held less strictly.
    pub lose_allergies: u64,
    /// People of whom a condition, a medication, a diet, a limit or a pregnancy would go, or hold less.
    pub lose_other_protection: u64,
}

/// A row as it would become.
#[derive(Debug, Clone)]
pub struct PersonSample {
    pub row: u64,
    /// `None` for somebody who would be new.
    pub customer_id: Option<CustomerId>,
    pub differences: Phi<Vec<Difference>>,
}

/// A row by which somebody loses what protects them.
#[derive(Debug, Clone)]
pub struct FlaggedPerson {
    pub row: u64,
    pub customer_id: CustomerId,
    pub losses: Losses,
}

/// As it is stored, sealed.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    counts: PeopleCounts,
    samples: Vec<StoredSample>,
    flagged: Vec<StoredFlag>,
    /// The number of every flagged row.
    flagged_rows: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredSample {
    row: u64,
    customer_id: CustomerId,
    /// Under the key of the person who is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Vec<u8>>,
    /// Of somebody who would be new: what the file says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    new: Vec<Difference>,
}

#[derive(Serialize, Deserialize)]
struct StoredFlag {
    row: u64,
    customer_id: CustomerId,
    losses: Losses,
}

/// What a dry run has found so far.
#[derive(Default)]
pub(in crate::ingestion) struct PeopleNotes {
    stored: Stored,
}

/// A changed row, on its way to be looked at.
#[derive(Debug)]
pub(in crate::ingestion) struct ObservedPerson {
    pub row: u64,
    pub observed: Observed,
}

impl PeopleNotes {
    /// Looks at what a batch would change; the batch has been rolled back.
    pub async fn note(&mut self, run: &Run<'_>, rows: Vec<ObservedPerson>) -> Result<(), IngestionError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (numbers, observed): (Vec<u64>, Vec<Observed>) =
            rows.into_iter().map(|row| (row.row, row.observed)).unzip();
        let mut tx = run.begin().await?;
        let impacts = customers::impact_of(&mut tx, &observed).await?;
        let mut samples = Vec::new();
        for ((row, observed), impact) in numbers.into_iter().zip(&observed).zip(impacts) {
            self.count(row, observed.id, &impact);
            if self.stored.samples.len() + samples.len() < SAMPLES_MAX {
                let shown = impact.differences.map(|mut found| {
                    found.truncate(DIFFERENCES_MAX);
                    found
                });
                samples.push((row, observed.outcome == RowOutcome::Created, observed.id, shown));
            }
        }
        let known: Vec<(CustomerId, Phi<Vec<Difference>>)> = samples
            .iter()
            .filter(|(_, is_new, ..)| !is_new)
            .map(|(_, _, id, found)| (*id, found.clone()))
            .collect();
        let mut sealed = customers::seal_differences(&mut tx, &known).await?;
        tx.roll_back().await?;
        for (row, is_new, customer_id, found) in samples {
            let sealed = sealed.remove(&customer_id);
            // Whoever was erased just now is not shown.
            if is_new || sealed.is_some() {
                let new = if is_new { found.into_exposed() } else { Vec::new() };
                self.stored.samples.push(StoredSample { row, customer_id, sealed, new });
            }
        }
        Ok(())
    }

    fn count(&mut self, row: u64, customer_id: CustomerId, impact: &customers::Impact) {
        let counts = &mut self.stored.counts;
        counts.policies_changed += u64::from(impact.policy_changes);
        let losses = impact.losses;
        if losses.is_none() {
            return;
        }
        counts.flagged_total += 1;
        let allergies = losses.allergies_gone + losses.allergies_weakened;
        counts.lose_allergies += u64::from(allergies > 0);
        let others = Losses { allergies_gone: 0, allergies_weakened: 0, ..losses };
        counts.lose_other_protection += u64::from(!others.is_none());
        if self.stored.flagged_rows.len() < FLAGGED_MAX {
            self.stored.flagged_rows.push(row);
        }
        if self.stored.flagged.len() < FLAGGED_SHOWN_MAX {
            self.stored.flagged.push(StoredFlag { row, customer_id, losses });
        }
    }

    /// Keeps what was found.
    pub async fn keep(self, run: &Run<'_>) -> Result<(), IngestionError> {
        let mut tx = run.begin().await?;
        let sealed = Sealing::of(&tx, run.job_id)?.seal(0, 0, COLUMN, &self.stored)?;
        store::keep_sealed(&mut tx, run.job_id, &sealed).await?;
        run.commit_quietly(tx).await
    }
}

/// The number of every flagged row, and how many are flagged.
pub(super) async fn flagged_rows(
    tx: &mut VendorTx,
    job_id: JobId,
) -> Result<Option<(Vec<u64>, u64)>, IngestionError> {
    let stored = find(tx, job_id).await?;
    Ok(stored.map(|stored| (stored.flagged_rows, stored.counts.flagged_total)))
}

async fn find(tx: &mut VendorTx, job_id: JobId) -> Result<Option<Stored>, IngestionError> {
    let Some(sealed) = store::find_sealed(tx, job_id).await? else { return Ok(None) };
    let sealing = Sealing::of(tx, job_id)?;
    let stored: Phi<Stored> = sealing.keys.open_vendor_json(&sealing.place(0, 0, COLUMN), &sealed)?;
    Ok(Some(stored.into_exposed()))
}

/// What a dry run of customers found, or [`IngestionError::NoRehearsal`]. Unless it is `opened` only numbers are told.
/// Audited; the caller commits.
pub async fn people_rehearsal(
    tx: &mut VendorTx,
    job_id: JobId,
    opened: bool,
) -> Result<PeopleRehearsal, IngestionError> {
    let stored = find(tx, job_id).await?.ok_or(IngestionError::NoRehearsal)?;
    let mut event = AuditEvent::new("rehearsal.read", "job", Purpose::Operations).entity(job_id);
    let mut found = PeopleRehearsal { counts: stored.counts, masked: !opened, ..PeopleRehearsal::default() };
    if opened {
        let began = store::began_at(tx, job_id).await?.ok_or(IngestionError::NoRehearsal)?;
        let named: Vec<CustomerId> = stored
            .samples
            .iter()
            .map(|sample| sample.customer_id)
            .chain(stored.flagged.iter().map(|flag| flag.customer_id))
            .collect();
        let erased = customers::erased_since(tx, &named, began).await?;
        found.samples = samples(tx, stored.samples, &erased).await?;
        let flagged = stored.flagged.into_iter().filter(|flag| !erased.contains(&flag.customer_id));
        found.flagged = flagged
            .map(|StoredFlag { row, customer_id, losses }| FlaggedPerson { row, customer_id, losses })
            .collect();
        let shown = found.samples.iter().filter_map(|sample| sample.customer_id);
        let mut subjects: Vec<CustomerId> =
            shown.chain(found.flagged.iter().map(|flag| flag.customer_id)).collect();
        subjects.sort_unstable();
        subjects.dedup();
        event = event.count(subjects.len() as i64).discloses_all(subjects);
    }
    audit::record(tx, event.detail("masked", !opened)).await?;
    Ok(found)
}

async fn samples(
    tx: &mut VendorTx,
    stored: Vec<StoredSample>,
    erased: &HashSet<CustomerId>,
) -> Result<Vec<PersonSample>, IngestionError> {
    let sealed: Vec<(CustomerId, Vec<u8>)> =
        stored.iter().filter_map(|sample| Some((sample.customer_id, sample.sealed.clone()?))).collect();
    let mut opened: HashMap<CustomerId, Phi<Vec<Difference>>> =
        customers::open_differences(tx, &sealed).await?;
    let mut samples = Vec::with_capacity(stored.len());
    for StoredSample { row, customer_id, sealed, new } in stored {
        if erased.contains(&customer_id) {
            continue;
        }
        let (customer_id, differences) = match sealed {
            None => (None, Phi::new(new)),
            Some(_) => match opened.remove(&customer_id) {
                Some(differences) => (Some(customer_id), differences),
                None => continue,
            },
        };
        samples.push(PersonSample { row, customer_id, differences });
    }
    Ok(samples)
}
