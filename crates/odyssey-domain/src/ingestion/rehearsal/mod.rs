//! A dry run: an import that does everything and keeps nothing, and says what it would have done, to products and to
//! the people whom they suit, or to people and to what protects them.
//!
//! Each batch is written as an import would write it, and rolled back, so that its counts and refusals are those of the
//! import. A dry run whose worker dies begins again: what it found is not kept until its end. Applying it is an
//! import of the same file, of all rows or of all that were not flagged.

mod impact;
mod people;
mod store;

pub use people::{FlaggedPerson, PeopleCounts, PeopleRehearsal, PersonSample};
pub(super) use people::{ObservedPerson, PeopleNotes};

use std::collections::HashSet;

use odyssey_matching::EvidenceKey;
use odyssey_tabular::Mode;
use odyssey_types::{CustomerId, JobId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::import::RunImport;
use super::parameters::StoredParameters;
use super::progress::Run;
use super::{IngestionError, store as ingestion_store};
use crate::audit::{self, AuditEvent};
use crate::catalog::{Observed, RowOutcome, field_differences};
use crate::db::{DbError, Notice, VendorTx};
use crate::matching::Audiences;
use crate::tenancy::Purpose;

/// Rows shown with everything that differs.
const SAMPLES_MAX: usize = 20;
/// Differences shown of one row.
const DIFFERENCES_MAX: usize = 50;
/// Flagged rows that are listed; all of them are kept by number.
const FLAGGED_SHOWN_MAX: usize = 1_000;
/// Flagged rows kept by number; a file that flags more cannot be applied without them.
const FLAGGED_MAX: usize = 200_000;
/// Changed labels judged against all customers; each takes milliseconds per hundred thousand of them.
const JUDGED_MAX: usize = 5_000;

/// What a dry run found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RehearsalView {
    /// Created and changed rows, the first [`SAMPLES_MAX`].
    pub samples: Vec<SampleRow>,
    /// Rows that take something away from somebody, the first [`FLAGGED_SHOWN_MAX`].
    pub flagged: Vec<FlaggedRow>,
    pub flagged_total: u64,
    /// Changed labels that were judged against all customers, and those that were not any more.
    pub labels_judged: u64,
    pub labels_not_judged: u64,
    /// People for whom a product goes from suiting them to a conflict, or to what cannot be verified. Small numbers
    /// are whoever shows them to suppress.
    pub customers_to_conflict: u64,
    pub customers_to_cannot_verify: u64,
    /// Of a whole catalog: products that would be deleted, and how many there are.
    pub would_delete: u64,
    pub catalog_products: u64,
}

/// A row as it would become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    pub row: u64,
    pub external_id: String,
    pub created: bool,
    pub differences: Vec<SampleDifference>,
}

/// A value that would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleDifference {
    pub pointer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A row that takes something away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedRow {
    pub row: u64,
    pub external_id: String,
    /// Allergens that the product contains today and would not any more, by code. They would be held.
    pub allergens_gone: Vec<String>,
    /// People for whom it suits today and would not; see [`RehearsalView::customers_to_conflict`].
    pub to_conflict: u64,
    pub to_cannot_verify: u64,
    /// Too many labels change for this one to be judged; it may turn somebody away.
    pub not_judged: bool,
}

/// As it is stored: the view, and the number of every flagged row.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    view: RehearsalView,
    flagged_rows: Vec<u64>,
}

/// What a dry run has found so far.
#[derive(Debug, Default)]
pub(super) struct Rehearsal {
    stored: Stored,
    to_conflict: HashSet<CustomerId>,
    to_cannot_verify: HashSet<CustomerId>,
}

/// A changed row, on its way to be looked at.
#[derive(Debug)]
pub(super) struct ObservedRow {
    pub row: u64,
    pub external_id: String,
    pub outcome: RowOutcome,
    pub observed: Observed,
}

impl Rehearsal {
    /// Looks at what a batch would change.
    pub async fn note(
        &mut self,
        run: &Run<'_>,
        audiences: &Audiences,
        rows: Vec<ObservedRow>,
    ) -> Result<(), IngestionError> {
        for row in &rows {
            if self.stored.view.samples.len() == SAMPLES_MAX {
                break;
            }
            let before = row.observed.before.as_ref().map(|product| &product.fields);
            let differences =
                field_differences(before, &row.observed.after).into_iter().take(DIFFERENCES_MAX);
            self.stored.view.samples.push(SampleRow {
                row: row.row,
                external_id: row.external_id.clone(),
                created: row.outcome == RowOutcome::Created,
                differences: differences
                    .map(|d| SampleDifference { pointer: d.pointer, before: d.before, after: d.after })
                    .collect(),
            });
        }
        let left = JUDGED_MAX.saturating_sub(self.stored.view.labels_judged as usize);
        for found in impact::of(run, audiences, rows, left).await? {
            self.take(found);
        }
        Ok(())
    }

    fn take(&mut self, found: impact::Impact) {
        let view = &mut self.stored.view;
        if found.judged {
            view.labels_judged += 1;
        } else if found.may_turn_away {
            view.labels_not_judged += 1;
        }
        let flagged = FlaggedRow {
            row: found.row,
            external_id: found.external_id,
            allergens_gone: found
                .allergens_gone
                .iter()
                .map(|key: &EvidenceKey| key.code().to_owned())
                .collect(),
            to_conflict: found.lost.to_conflict.len() as u64,
            to_cannot_verify: found.lost.to_cannot_verify.len() as u64,
            not_judged: found.may_turn_away && !found.judged,
        };
        self.to_conflict.extend(found.lost.to_conflict);
        self.to_cannot_verify.extend(found.lost.to_cannot_verify);
        let nothing =
            flagged.allergens_gone.is_empty() && flagged.to_conflict + flagged.to_cannot_verify == 0;
        if nothing && !flagged.not_judged {
            return;
        }
        view.flagged_total += 1;
        if self.stored.flagged_rows.len() < FLAGGED_MAX {
            self.stored.flagged_rows.push(flagged.row);
        }
        if view.flagged.len() < FLAGGED_SHOWN_MAX {
            view.flagged.push(flagged);
        }
    }

    /// Of a whole catalog: what would go.
    pub const fn note_deletes(&mut self, would_delete: u64, catalog_products: u64) {
        self.stored.view.would_delete = would_delete;
        self.stored.view.catalog_products = catalog_products;
    }

    /// Keeps what was found.
    pub async fn keep(mut self, run: &Run<'_>) -> Result<(), IngestionError> {
        self.stored.view.customers_to_conflict = self.to_conflict.len() as u64;
        self.stored.view.customers_to_cannot_verify = self.to_cannot_verify.len() as u64;
        let body = serde_json::to_value(&self.stored).map_err(unwritable)?;
        let mut tx = run.begin().await?;
        store::keep(&mut tx, run.job_id, &body).await?;
        run.commit_quietly(tx).await
    }
}

/// Forgets what an earlier attempt of a dry run counted.
pub(super) async fn begin_again(run: &mut Run<'_>) -> Result<(), IngestionError> {
    let mut tx = run.begin().await?;
    store::reset(&mut tx, run.job_id).await?;
    let fresh = ingestion_store::find_import(&mut tx, run.job_id).await?;
    run.commit_quietly(tx).await?;
    run.import = fresh.ok_or_else(|| IngestionError::inconsistent("a dry run has gone"))?;
    Ok(())
}

/// The rows that an import is to pass over, by number, ascending.
pub(super) async fn flagged_rows(tx: &mut VendorTx, job_id: JobId) -> Result<Vec<u64>, IngestionError> {
    let (mut rows, _) = flagged(tx, job_id).await?;
    rows.sort_unstable();
    Ok(rows)
}

/// The numbers of flagged rows, and how many are flagged.
async fn flagged(tx: &mut VendorTx, job_id: JobId) -> Result<(Vec<u64>, u64), IngestionError> {
    let found = match super::view::mode_of(tx, job_id).await? {
        Mode::Products => find(tx, job_id).await?.map(|s| (s.flagged_rows, s.view.flagged_total)),
        Mode::Customers => people::flagged_rows(tx, job_id).await?,
    };
    found.ok_or(IngestionError::NoRehearsal)
}

async fn find(tx: &mut VendorTx, job_id: JobId) -> Result<Option<Stored>, IngestionError> {
    let body = store::find(tx, job_id).await?;
    let read = |body| {
        serde_json::from_value(body)
            .map_err(|_| IngestionError::inconsistent(format!("dry run {job_id} is not readable")))
    };
    body.map(read).transpose()
}

/// What a dry run found, of products or of people.
#[derive(Debug, Clone)]
pub enum Rehearsed {
    Products(RehearsalView),
    Customers(PeopleRehearsal),
}

/// What a dry run found, or [`IngestionError::NoRehearsal`]. Rows of people are told where it is `opened`, to those who
/// may read health data. Audited; the caller commits.
pub async fn rehearsal(tx: &mut VendorTx, job_id: JobId, opened: bool) -> Result<Rehearsed, IngestionError> {
    if super::view::mode_of(tx, job_id).await? == Mode::Customers {
        return Ok(Rehearsed::Customers(people::people_rehearsal(tx, job_id, opened).await?));
    }
    let view = find(tx, job_id).await?.ok_or(IngestionError::NoRehearsal)?.view;
    let event = AuditEvent::new("rehearsal.read", "job", Purpose::Operations).entity(job_id);
    audit::record(tx, event).await?;
    Ok(Rehearsed::Products(view))
}

/// Queues the import that a dry run was of, of all rows or of those that were not flagged; says which job it is. The
/// file is the dry run's. Audited.
pub async fn apply_rehearsal(
    tx: &mut VendorTx,
    job_id: JobId,
    except_flagged: bool,
    allow_deletes: bool,
) -> Result<JobId, IngestionError> {
    let (flagged_rows, flagged_total) = flagged(tx, job_id).await?;
    if except_flagged && flagged_total > flagged_rows.len() as u64 {
        return Err(IngestionError::ParameterInvalid {
            pointer: "/except_flagged",
            detail: format!("more than {FLAGGED_MAX} rows are flagged; split the file, or apply all of it"),
        });
    }
    let source = store::lock_source(tx, job_id).await?.ok_or(IngestionError::JobNotFound)?;
    if !source.is_there {
        return Err(IngestionError::UploadNotFound);
    }
    let mut parameters: StoredParameters = serde_json::from_value(source.parameters)
        .map_err(|_| IngestionError::inconsistent(format!("dry run {job_id} has unreadable parameters")))?;
    parameters.requested.dry_run = false;
    parameters.requested.allow_deletes |= allow_deletes;
    // A trial attests nothing: whoever applies it does, and must be somebody who may.
    parameters = parameters.accepted_by(source.mode, tx.actor(), tx.now())?;
    parameters.except_flagged_of = except_flagged.then_some(job_id);
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    let job = RunImport { upload_id: source.upload_id };
    let queued = odyssey_jobs::enqueue_job(tx.connection(), vendor_id, created_by, &job, now).await?;
    let applied = JobId::from_uuid(queued.id);
    let body = serde_json::to_value(&parameters).map_err(unwritable)?;
    let mode: Mode = source.mode;
    let (upload_id, bytes) = (source.upload_id, source.byte_count);
    ingestion_store::insert_import(tx, applied, upload_id, mode, bytes, &body).await?;
    store::note_source(tx, applied, job_id).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    let event = AuditEvent::new("import.apply", "job", Purpose::Operations)
        .entity(applied)
        .detail("rehearsed_job_id", job_id.to_string())
        .detail("except_flagged", except_flagged);
    audit::record(tx, event).await?;
    Ok(applied)
}

fn unwritable(error: serde_json::Error) -> DbError {
    DbError::inconsistent(format!("a dry run cannot be written as JSON: {error}"))
}
