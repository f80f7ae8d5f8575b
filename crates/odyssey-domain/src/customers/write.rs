//! Writing customers: one path for the API, for profiles, for consents and for imports.
//!
//! Order of locks, everywhere: customer rows sorted by id; profiles, tokens, consents and lists are
//! written only under the lock of their customer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, CustomerIdentity, CustomerStatus, HealthProfile, JobId, Phi, UserId};
use odyssey_vault::VendorKeys;
use serde_json::{Map, Value};

use super::plan::{Changed, Plan, Stored};
use super::{
    BATCH_ROWS_MAX, CHUNK_ROWS_MAX, ConsentPurpose, ConsentState, CustomerError, Observed, Replacing,
    WriteRefusal, merging, notes, store, versions,
};
use crate::audit::{self, AuditEvent};
use crate::db::{DbError, VendorTx};
use crate::field::FieldError;
use crate::outbox;
use crate::tenancy::Purpose;

/// Rounds of a chunk whose new customers somebody else was creating at the same moment. The second round
/// finds them stored and locks them, so a third is a fault.
const ROUNDS_MAX: usize = 3;
/// Records up to which opening and sealing run where they are; a larger chunk leaves the async worker.
const INLINE_ROWS_MAX: usize = 32;

/// Which customer a record speaks of.
#[derive(Debug, Clone)]
pub enum Target {
    /// The one with this external id, stored or not.
    ExternalId(Phi<String>),
    /// A stored one. An external id given beside it must be the stored one: it never changes.
    Id { id: CustomerId, external_id: Option<Phi<String>> },
}

/// What one record wants to become.
#[derive(Debug, Clone)]
pub enum Change {
    /// PUT: exactly this identity and status. The profile is a resource of its own and stays.
    Replace { identity: Phi<CustomerIdentity>, status: CustomerStatus },
    /// PATCH and upsert (RFC 7396) over the fields of the identity, `status` and `profile`: absent keeps,
    /// null is unknown.
    Merge(Phi<Map<String, Value>>),
    /// PUT of the health profile.
    ReplaceProfile(Phi<Box<HealthProfile>>),
    /// PATCH of the health profile.
    MergeProfile(Phi<Map<String, Value>>),
    /// Exactly this record and this profile, as they were before.
    Restore { identity: Phi<CustomerIdentity>, status: CustomerStatus, profile: Phi<Box<HealthProfile>> },
    /// Nothing but the consents of the record.
    ConsentsOnly,
    /// The customer goes out of lists, searches and matches; the external id may come back.
    Delete,
}

/// A consent that a record states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentChange {
    pub purpose: ConsentPurpose,
    pub state: ConsentState,
    /// The version of the words that were agreed to: a short name, stored in clear.
    pub text_version: Option<String>,
}

/// Longest version of a text, in characters.
const TEXT_VERSION_MAX: usize = 100;

impl ConsentChange {
    /// Everything about the change that cannot be taken, with pointers into it.
    pub fn check(&self) -> Result<(), FieldError> {
        if self.state == ConsentState::Missing {
            return Err(FieldError::new("/state", "unreadable", "a consent is `granted` or `withdrawn`"));
        }
        let Some(text) = &self.text_version else { return Ok(()) };
        if text.chars().count() > TEXT_VERSION_MAX || text.chars().any(char::is_control) {
            let detail =
                format!("a version has at most {TEXT_VERSION_MAX} characters, all of them printable");
            return Err(FieldError::new("/text_version", "out_of_range", detail));
        }
        Ok(())
    }
}

/// One record of a write.
#[derive(Debug, Clone)]
pub struct CustomerWrite {
    pub target: Target,
    pub change: Change,
    pub consents: Vec<ConsentChange>,
    /// Refuse when the customer exists.
    pub must_not_exist: bool,
    /// Refuse when it does not; implied by [`Target::Id`].
    pub must_exist: bool,
    /// Refuse unless the stored row has one of these versions.
    pub if_versions: Option<Vec<i64>>,
    /// Refuse unless the stored profile has one of these versions; 0 where there is none yet.
    pub if_profile_versions: Option<Vec<i64>>,
    /// The file row it comes from, for imports.
    pub import: Option<ImportMark>,
}

impl CustomerWrite {
    pub const fn new(target: Target, change: Change) -> Self {
        Self {
            target,
            change,
            consents: Vec::new(),
            must_not_exist: false,
            must_exist: false,
            if_versions: None,
            if_profile_versions: None,
            import: None,
        }
    }

    /// A record that names a customer by its id.
    pub const fn by_id(id: CustomerId, change: Change) -> Self {
        Self::new(Target::Id { id, external_id: None }, change)
    }

    /// A record that names a customer by its external id.
    pub const fn by_external_id(external_id: String, change: Change) -> Self {
        Self::new(Target::ExternalId(Phi::new(external_id)), change)
    }
}

/// Which file row a record is, and its keyed hash.
#[derive(Debug, Clone)]
pub struct ImportMark {
    pub row: u64,
    pub source_hash: [u8; 32],
    /// This very row wrote the customer once, and a person edited them since: their edit stands.
    pub edited_since: bool,
}

/// What holds for a whole batch.
#[derive(Debug, Clone, Default)]
pub struct BatchOptions {
    /// Set for imports.
    pub import: Option<ImportOptions>,
    /// Set when an import is undone.
    pub undo: Option<UndoOptions>,
    /// Give back what changes, for a write that is tried and rolled back.
    pub observe: bool,
}

/// What an undo says about its batches.
#[derive(Debug, Clone, Copy)]
pub struct UndoOptions {
    pub job_id: JobId,
    pub undone_job_id: JobId,
    pub started_by: Option<UserId>,
}

/// What an import says about its batches.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    pub job_id: JobId,
    pub started_by: Option<UserId>,
    pub started_at: DateTime<Utc>,
    /// See [`super::unchanged_customers`] for what it covers.
    pub mapping_digest: Vec<u8>,
    /// Consent to the use of health data, attested for every row of the file.
    pub consent: Option<ImportConsent>,
}

/// A vendor admin's word that the people in a file have consented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportConsent {
    pub attested_by: UserId,
    pub text_version: Option<String>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    Created,
    Updated,
    Unchanged,
    /// A person's edit stands; the file's row was not taken.
    Kept,
    Deleted,
}

/// A record that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteResult {
    pub id: CustomerId,
    pub outcome: RowOutcome,
    pub row_version: i64,
}

/// The results, in the order of the records.
#[derive(Debug)]
pub struct BatchOutcome {
    pub results: Vec<Result<WriteResult, WriteRefusal>>,
    /// Records of consent that were written.
    pub consents_recorded: usize,
    /// Consents of a file that were not taken, because the person had withdrawn.
    pub consents_withheld: usize,
    /// Where it was asked for, the records that changed somebody.
    pub observed: Vec<Observed>,
    /// Records of a file, by their place, that left a merged customer more of what protects them than they say.
    pub united: HashSet<usize>,
}

/// Writes up to [`BATCH_ROWS_MAX`] records in the caller's transaction; a refused record leaves the others
/// alone. Nothing is committed and the batch is audited as one event.
pub async fn write_customers(
    tx: &mut VendorTx,
    writes: &[CustomerWrite],
    options: &BatchOptions,
) -> Result<BatchOutcome, CustomerError> {
    if writes.len() > BATCH_ROWS_MAX {
        return Err(CustomerError::TooManyRecords { max: BATCH_ROWS_MAX });
    }
    let mut batch = Batch {
        keys: tx.keys()?,
        now: tx.now(),
        writes,
        options,
        results: vec![None; writes.len()],
        changed: Vec::new(),
        consents_recorded: 0,
        consents_withheld: 0,
        observed: Vec::new(),
        united: HashSet::new(),
    };
    let rows = batch.sort_rows();
    if rows.len() > CHUNK_ROWS_MAX {
        // All of them before the first is written: chunk by chunk, a writer could hold a customer that it
        // has just made while it waits for one that the other writer has locked.
        let ids: Vec<CustomerId> = rows.iter().map(|r| r.id).collect();
        store::lock_ids(tx, &ids).await?;
    }
    for chunk in rows.chunks(CHUNK_ROWS_MAX) {
        batch.write_chunk(tx, chunk.to_vec()).await?;
    }
    batch.finish(tx).await
}

/// Writes one record; a refusal is the error.
pub async fn write_one(tx: &mut VendorTx, write: CustomerWrite) -> Result<WriteResult, CustomerError> {
    let mut outcome = write_customers(tx, std::slice::from_ref(&write), &BatchOptions::default()).await?;
    match outcome.results.pop() {
        Some(result) => Ok(result?),
        None => Err(DbError::inconsistent("a write of one record has no result").into()),
    }
}

/// A record and the customer it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Its place in the request.
    pub at: usize,
    pub id: CustomerId,
}

struct Batch<'a> {
    keys: Arc<VendorKeys>,
    now: DateTime<Utc>,
    writes: &'a [CustomerWrite],
    options: &'a BatchOptions,
    results: Vec<Option<Result<WriteResult, WriteRefusal>>>,
    changed: Vec<CustomerId>,
    consents_recorded: usize,
    consents_withheld: usize,
    observed: Vec<Observed>,
    united: HashSet<usize>,
}

impl Batch<'_> {
    /// The records in the order of their ids, without those that name a customer a second time.
    fn sort_rows(&mut self) -> Vec<Row> {
        let mut seen = HashSet::with_capacity(self.writes.len());
        let mut rows = Vec::with_capacity(self.writes.len());
        for (at, write) in self.writes.iter().enumerate() {
            let id = match &write.target {
                Target::Id { id, .. } => *id,
                Target::ExternalId(external_id) => self.keys.customer_id(external_id.expose()),
            };
            if seen.insert(id) {
                rows.push(Row { at, id });
            } else {
                self.results[at] = Some(Err(WriteRefusal::DuplicateInRequest));
            }
        }
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }

    async fn write_chunk(&mut self, tx: &mut VendorTx, mut rows: Vec<Row>) -> Result<(), CustomerError> {
        let (keys, writes) = (Arc::clone(&self.keys), self.writes);
        for _ in 0..ROUNDS_MAX {
            let stored = self.load(tx, &rows).await?;
            self.refuse_merged(tx, &mut rows, &stored).await?;
            let latest = store::latest_consents(tx, &self.consent_ids(&rows)).await?;
            let mut plan = Plan::new(&keys, self.now, self.options, tx.actor().user_id);
            compute(rows.len(), || {
                rows.iter().try_for_each(|row| {
                    let stored = stored.get(&row.id);
                    let latest = latest.get(&row.id).map(Vec::as_slice).unwrap_or_default();
                    plan.consider(*row, &writes[row.at], stored, latest)
                })
            })?;
            rows = self.apply(tx, plan).await?;
            if rows.is_empty() {
                return Ok(());
            }
        }
        Err(DbError::inconsistent("a customer could neither be inserted nor be locked").into())
    }

    /// Whoever observes wants to see the profile that stands, also where a record does not touch it.
    fn needs_profile(&self, at: usize) -> bool {
        self.options.observe || touches_profile(&self.writes[at])
    }

    /// Locks and opens what is stored of the given customers.
    async fn load(
        &self,
        tx: &mut VendorTx,
        rows: &[Row],
    ) -> Result<HashMap<CustomerId, Stored>, CustomerError> {
        let vendor_id = tx.vendor_id();
        let ids: Vec<CustomerId> = rows.iter().map(|r| r.id).collect();
        let with_profile: Vec<CustomerId> =
            rows.iter().filter(|r| self.needs_profile(r.at)).map(|r| r.id).collect();
        let stored = store::lock_customers(tx, &ids).await?;
        let mut profiles = store::find_profiles(tx, &with_profile).await?;
        let absorbing = match &self.options.import {
            Some(_) => merging::absorbing(tx, &ids).await?,
            None => HashSet::new(),
        };
        compute(stored.len(), || {
            stored
                .into_iter()
                .map(|row| {
                    let (profile, absorbed) = (profiles.remove(&row.id), absorbing.contains(&row.id));
                    let stored = Stored { absorbed, ..Stored::open(&self.keys, vendor_id, row, profile)? };
                    Ok((stored.customer.id, stored))
                })
                .collect()
        })
    }

    /// Whoever went into another customer does not come back beside it.
    async fn refuse_merged(
        &mut self,
        tx: &mut VendorTx,
        rows: &mut Vec<Row>,
        stored: &HashMap<CustomerId, Stored>,
    ) -> Result<(), CustomerError> {
        let deleted: Vec<CustomerId> =
            stored.values().filter(|stored| stored.deleted).map(|stored| stored.customer.id).collect();
        if deleted.is_empty() {
            return Ok(());
        }
        let merges = merging::merges_of(tx, &deleted).await?;
        rows.retain(|row| match merges.get(&row.id) {
            Some(into) => {
                self.results[row.at] = Some(Err(WriteRefusal::Merged { into: *into }));
                false
            }
            None => true,
        });
        Ok(())
    }

    /// Customers whose present consents matter to what is written.
    fn consent_ids(&self, rows: &[Row]) -> Vec<CustomerId> {
        let attested = self.options.import.as_ref().is_some_and(|i| i.consent.is_some());
        let matters = |write: &CustomerWrite| {
            attested || !write.consents.is_empty() || matches!(write.change, Change::Delete)
        };
        rows.iter().filter(|r| matters(&self.writes[r.at])).map(|r| r.id).collect()
    }

    /// Writes a plan; gives back the records whose customer somebody else created in the meantime.
    async fn apply(&mut self, tx: &mut VendorTx, plan: Plan<'_>) -> Result<Vec<Row>, CustomerError> {
        for (at, result) in plan.settled {
            self.results[at] = Some(result);
        }
        if !plan.marks.is_empty() {
            let mapping =
                self.options.import.as_ref().map(|i| i.mapping_digest.as_slice()).unwrap_or_default();
            store::mark_sources(tx, &plan.marks, mapping).await?;
        }
        self.consents_withheld += plan.consents_withheld;
        self.united.extend(plan.united);
        if plan.changed.is_empty() {
            return Ok(Vec::new());
        }
        let by = Replacing::of(tx, self.options);
        let (new, known): (Vec<&Changed>, Vec<&Changed>) = plan.changed.iter().partition(|c| c.is_new());
        let known: Vec<CustomerId> = known.iter().map(|c| c.row.id).collect();
        let new: Vec<CustomerId> = new.iter().map(|c| c.row.id).collect();
        versions::keep_versions(tx, &known, by).await?;
        let written = store::upsert_customers(tx, self.now, &plan.changed, self.options).await?;
        let made: Vec<CustomerId> = new.into_iter().filter(|id| written.contains(id)).collect();
        versions::note_beginnings(tx, &made, by).await?;
        self.observed.extend(plan.observed.into_iter().filter(|row| written.contains(&row.id)));
        let (done, raced): (Vec<Changed>, Vec<Changed>) =
            plan.changed.into_iter().partition(|c| written.contains(&c.row.id));
        self.write_dependents(tx, &done).await?;
        for change in done {
            self.changed.push(change.row.id);
            let result =
                WriteResult { id: change.row.id, outcome: change.outcome, row_version: change.row_version };
            self.results[change.row.at] = Some(Ok(result));
        }
        Ok(raced.into_iter().map(|c| c.row).collect())
    }

    /// What hangs on the customers just written.
    async fn write_dependents(&mut self, tx: &mut VendorTx, done: &[Changed]) -> Result<(), CustomerError> {
        store::upsert_profiles(tx, self.now, done).await?;
        store::upsert_tokens(tx, done).await?;
        let gone: Vec<CustomerId> = done.iter().filter(|c| c.deleted).map(|c| c.row.id).collect();
        store::delete_tokens(tx, &gone).await?;
        store::delete_proposals(tx, &gone).await?;
        merging::end(tx, &gone).await?;
        let is_new = |change: &&Changed| change.outcome == RowOutcome::Created;
        let created: Vec<CustomerId> = done.iter().filter(is_new).map(|c| c.row.id).collect();
        merging::part(tx, &created).await?;
        let returned: Vec<CustomerId> = done.iter().filter(|c| c.returned).map(|c| c.row.id).collect();
        store::delete_lists(tx, &returned).await?;
        notes::delete_notes(tx, &returned).await?;
        let job_id = self.options.import.as_ref().map(|i| i.job_id);
        self.consents_recorded += store::insert_consents(tx, self.now, job_id, done).await?;
        if !done.is_empty() {
            let ids: Vec<String> = done.iter().map(|c| c.row.id.to_string()).collect();
            outbox::emit(tx, "customer.updated", serde_json::json!({ "customer_ids": ids })).await?;
        }
        Ok(())
    }

    async fn finish(self, tx: &mut VendorTx) -> Result<BatchOutcome, CustomerError> {
        let results = self
            .results
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| DbError::inconsistent("a record of a write has no result"))?;
        let (action, entity_kind) = act_of(self.writes);
        let is_work = self.options.import.is_some() || self.options.undo.is_some();
        let purpose = if is_work { Purpose::Operations } else { Purpose::Service };
        let event = AuditEvent::new(action, entity_kind, purpose)
            .count(self.changed.len() as i64)
            .detail("records", results.len())
            .detail("refused", results.iter().filter(|r| r.is_err()).count())
            .detail("consents_recorded", self.consents_recorded)
            .detail("consents_withheld", self.consents_withheld)
            .detail("united", self.united.len());
        let event = match results.as_slice() {
            [Ok(only)] => event.entity(only.id),
            _ => event,
        };
        audit::record(tx, event).await?;
        Ok(BatchOutcome {
            results,
            consents_recorded: self.consents_recorded,
            consents_withheld: self.consents_withheld,
            observed: self.observed,
            united: self.united,
        })
    }
}

/// What the audit trail calls the act, and what it is done to.
fn act_of(writes: &[CustomerWrite]) -> (&'static str, &'static str) {
    let all = |is: fn(&Change) -> bool| !writes.is_empty() && writes.iter().all(|w| is(&w.change));
    if all(|c| matches!(c, Change::Delete)) {
        ("customer.delete", "customer")
    } else if all(|c| matches!(c, Change::ReplaceProfile(_) | Change::MergeProfile(_))) {
        ("health_profile.write", "health_profile")
    } else if all(|c| matches!(c, Change::ConsentsOnly)) {
        ("consent.write", "consent")
    } else {
        ("customer.write", "customer")
    }
}

fn touches_profile(write: &CustomerWrite) -> bool {
    match &write.change {
        Change::Merge(patch) => patch.expose().contains_key("profile"),
        Change::ReplaceProfile(_) | Change::MergeProfile(_) | Change::Restore { .. } => true,
        Change::Replace { .. } | Change::ConsentsOnly | Change::Delete => false,
    }
}

/// Runs a computation over many records without holding up the other tasks of this thread.
fn compute<T>(rows: usize, work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let threads = Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if rows > INLINE_ROWS_MAX && threads { tokio::task::block_in_place(work) } else { work() }
}
