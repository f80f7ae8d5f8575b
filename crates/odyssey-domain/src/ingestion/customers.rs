//! Importing customers: sealed values can be neither staged nor joined, so the worker merges them batch by
//! batch as it reads.

use std::collections::HashSet;

use odyssey_tabular::{CustomerRow, RowWarning};
use odyssey_types::{CustomerId, Phi};

use super::ledger::{Codes, Ledger};
use super::merge_fault::MergeFault;
use super::newer::people_changed_by_newer;
use super::pace::Work;
use super::patch;
use super::products::{accept_mapping, excepted};
use super::progress::{Advance, Run};
use super::reading::{self, Line};
use super::rehearsal::{ObservedPerson, PeopleNotes};
use super::rerun::number_in;
use super::row_errors::{FaultSink, Sealing};
use super::store;
use super::{IngestionError, Totals};
use crate::customers::{
    self, BatchOptions, Change, CustomerWrite, ImportConsent, ImportMark, ImportOptions, RowOutcome,
    SinceImport, WriteRefusal,
};
use crate::db::VendorTx;

/// The code and the remedy beside a row that left a merged customer more than it says.
pub(super) const KEPT_MERGED: (&str, &str) = (
    "kept_merged",
    "Another customer was merged into this one. The row was taken, but what protects them and is not in the row stays: \
     allergies, conditions, medications, diets, limits and the like. A person may take it away in the health profile.",
);

/// A row from the reading thread: what identifies it, and what it wants.
struct Read {
    row: u64,
    id: CustomerId,
    source_hash: [u8; 32],
    write: CustomerWrite,
    warnings: Vec<RowWarning>,
}

/// Rows that wait for their batch; the range they end, refused rows included.
#[derive(Default)]
struct Waiting {
    taken: Vec<Read>,
    upto: u64,
}

/// Runs the import. Rows up to the checkpoint are read again (their refusals are found anew) and not
/// merged again.
pub(super) async fn import(run: &mut Run<'_>) -> Result<(), IngestionError> {
    run.context.step("merging").await?;
    let keys = run.database.keys().vendor(run.vendor_id)?;
    let numbers = run.numbers();
    let mut reading = reading::open::<CustomerRow, Read, _>(run, move |row| {
        let id = keys.customer_id(row.external_id.expose());
        let source_hash = keys.row_hash(row.source.expose());
        let size = row.source.expose().len() * 2;
        let changes = patch::of_customer(&row).map_err(|error| {
            IngestionError::inconsistent(format!("a row cannot be written as JSON: {error}"))
        })?;
        let CustomerRow { row, external_id, consent, warnings, .. } = row;
        let mut write =
            CustomerWrite::by_external_id(external_id.into_exposed(), Change::Merge(Phi::new(changes)));
        write.consents = patch::consents_of(&consent);
        let number = numbers.as_deref().map_or(row, |numbers| number_in(numbers, row));
        write.import = Some(ImportMark { row: number, source_hash, edited_since: false });
        Ok((Read { row, id, source_hash, write, warnings }, size))
    })
    .await?;
    let mapping_digest = accept_mapping(run, &reading.opened).await?;
    let sealing = {
        let tx = run.begin().await?;
        let sealing = Sealing::of(&tx, run.job_id)?;
        run.commit_quietly(tx).await?;
        sealing
    };
    let mut faults = FaultSink::new(sealing, run.row_errors_max()).numbered(run.numbers());
    let (mut ledger, mut waiting) = (Ledger::default(), Waiting::default());
    let checkpoint = run.import.records_merged;
    let batch_rows = run.ingestion.settings.customer_batch_rows.clamp(1, customers::CHUNK_ROWS_MAX);
    let mut merge = Merge { mapping_digest, excepted: excepted(run).await?, notes: PeopleNotes::default() };
    while let Some(lines) = reading.next().await? {
        for line in lines {
            match line {
                Line::Taken(read) => {
                    ledger.accept(read.row, &read.warnings);
                    faults.warn(read.row, &read.warnings, &reading.opened.headers)?;
                    if read.row > checkpoint {
                        waiting.upto = read.row;
                        waiting.taken.push(read);
                    }
                }
                Line::Refused(rejected) => {
                    ledger.refuse(&rejected);
                    faults.refuse(&rejected)?;
                    waiting.upto = waiting.upto.max(rejected.row);
                }
            }
            if waiting.taken.len() >= batch_rows || faults.len() >= batch_rows {
                run.check_stop()?;
                let (work, bytes) = (reading.work(), reading.bytes());
                merge.batch(run, &ledger, &mut waiting, &mut faults, work, bytes).await?;
            }
        }
    }
    run.check_stop()?;
    waiting.upto = ledger.rows();
    merge.batch(run, &ledger, &mut waiting, &mut faults, Work::WHOLE, reading.bytes()).await?;
    let mut tx = run.begin().await?;
    store::close_reading(&mut tx, run.job_id, &ledger).await?;
    if run.import.totals.written() > 0 && !run.is_dry() {
        store::analyze(&mut tx, "customers").await?;
    }
    run.commit_quietly(tx).await?;
    run.import.records_total = Some(ledger.rows());
    if run.is_dry() { merge.notes.keep(run).await } else { Ok(()) }
}

/// Why a row is not taken that a dry run flagged. What it is of the person is told by the dry run, to those who may know.
const HELD_BACK: &str = "The dry run found that this row takes away or weakens what protects the person. Look at it, and \
                         import it alone if it is right.";

struct Merge {
    mapping_digest: Vec<u8>,
    /// Rows that are passed over, ascending.
    excepted: Vec<u64>,
    /// What a dry run finds.
    notes: PeopleNotes,
}

impl Merge {
    /// Merges what waits and moves the checkpoint, in one transaction.
    async fn batch(
        &mut self,
        run: &mut Run<'_>,
        ledger: &Ledger,
        waiting: &mut Waiting,
        faults: &mut FaultSink,
        work: Work,
        bytes_read: u64,
    ) -> Result<(), IngestionError> {
        let Waiting { taken, upto } = std::mem::take(waiting);
        let after = run.import.records_merged;
        let upto = upto.max(after);
        let mut tx = run.begin().await?;
        let mut totals = Totals { rejected: ledger.refused_between(after, upto) as i64, ..Totals::default() };
        let mut codes = Codes::new();
        let taken = self.hold_back(taken, &mut totals, &mut codes, faults)?;
        let fresh = self.sort_out(run, &mut tx, taken, &mut totals, faults).await?;
        let observed = if fresh.is_empty() {
            Vec::new()
        } else {
            self.write(run, &mut tx, fresh, &mut totals, &mut codes, faults).await?
        };
        let mut tx = if run.is_dry() {
            // Before the next transaction: what was observed asks for people as they are, and one of ours at a time.
            tx.roll_back().await?;
            self.notes.note(run, observed).await?;
            run.begin().await?
        } else {
            tx
        };
        store::insert_row_errors(&mut tx, run.job_id, faults.take()).await?;
        totals.read = (upto - after) as i64;
        if !totals.reconciles() {
            return Err(IngestionError::inconsistent("a batch of customers lost count of its rows"));
        }
        store::note_reading(&mut tx, run.job_id, bytes_read, ledger.rows()).await?;
        let advance = Advance { upto, totals, moved: Vec::new(), codes, work };
        run.advance(&mut tx, ledger, advance, work.permille()).await?;
        run.commit_quietly(tx).await
    }

    /// Refuses the rows that the dry run flagged, where they are not wanted.
    fn hold_back(
        &self,
        rows: Vec<Read>,
        totals: &mut Totals,
        codes: &mut Codes,
        faults: &mut FaultSink,
    ) -> Result<Vec<Read>, IngestionError> {
        let mut wanted = Vec::with_capacity(rows.len());
        for row in rows {
            if self.excepted.binary_search(&row.row).is_err() {
                wanted.push(row);
                continue;
            }
            totals.rejected += 1;
            *codes.entry("held_back".to_owned()).or_default() += 1;
            faults.refuse_merge(row.row, &[MergeFault::other("held_back", HELD_BACK)])?;
        }
        Ok(wanted)
    }

    /// Drops the rows that this mapping has written before and, of a rerun, those that a later import overtook; marks those that a person has edited since.
    async fn sort_out(
        &self,
        run: &Run<'_>,
        tx: &mut VendorTx,
        rows: Vec<Read>,
        totals: &mut Totals,
        faults: &mut FaultSink,
    ) -> Result<Vec<Read>, IngestionError> {
        let keys: Vec<(CustomerId, [u8; 32])> = rows.iter().map(|row| (row.id, row.source_hash)).collect();
        let known = customers::unchanged_customers(tx, &keys, &self.mapping_digest).await?;
        let ids: Vec<CustomerId> = rows.iter().map(|row| row.id).collect();
        let erased = customers::erased_since(tx, &ids, run.import.created_at).await?;
        let newer = people_changed_by_newer(run, tx, &ids).await?;
        let overwrite = run.parameters.requested.overwrite_edits;
        let mut fresh = Vec::with_capacity(rows.len());
        for mut row in rows {
            // A person who was erased after the import began does not come back by it.
            if erased.contains(&row.id) {
                totals.kept += 1;
                faults.keep_erased(row.row);
                continue;
            }
            if let Some(job_id) = newer.get(&row.id) {
                totals.kept += 1;
                faults.keep_newer(row.row, *job_id);
                continue;
            }
            match known.get(&row.id) {
                Some(SinceImport::Untouched) => totals.unchanged += 1,
                Some(SinceImport::Edited) | None => {
                    let edited = known.contains_key(&row.id) && !overwrite;
                    if let Some(mark) = row.write.import.as_mut() {
                        mark.edited_since = edited;
                    }
                    fresh.push(row);
                }
            }
        }
        Ok(fresh)
    }

    /// Of a rerun behind which another file has been imported: leaves alone whoever would have less of what protects them.
    /// That file may have said the same of them as what stands, and left no trace.
    async fn spare_protection(
        &self,
        run: &Run<'_>,
        tx: &mut VendorTx,
        rows: Vec<Read>,
        options: &BatchOptions,
        totals: &mut Totals,
        faults: &mut FaultSink,
    ) -> Result<Vec<Read>, IngestionError> {
        if run.rerun.is_none() || !run.overtaken || run.parameters.overwrite_newer {
            return Ok(rows);
        }
        let writes: Vec<CustomerWrite> = rows.iter().map(|row| row.write.clone()).collect();
        store::begin_trial(tx).await?;
        let tried = customers::write_customers(tx, &writes, options).await?;
        store::end_trial(tx).await?;
        let losing: HashSet<usize> = tried
            .observed
            .iter()
            .filter(|observed| customers::loses_protection(observed))
            .map(|observed| observed.at)
            .collect();
        let mut spared = Vec::with_capacity(rows.len());
        for (at, row) in rows.into_iter().enumerate() {
            if losing.contains(&at) {
                totals.kept += 1;
                faults.keep_newer(row.row, None);
            } else {
                spared.push(row);
            }
        }
        Ok(spared)
    }

    async fn write(
        &self,
        run: &Run<'_>,
        tx: &mut VendorTx,
        rows: Vec<Read>,
        totals: &mut Totals,
        codes: &mut Codes,
        faults: &mut FaultSink,
    ) -> Result<Vec<ObservedPerson>, IngestionError> {
        let consent = match (&run.parameters.requested.consent, run.parameters.attested_by) {
            (Some(consent), Some(attested_by)) => {
                Some(ImportConsent { attested_by, text_version: consent.text_version.clone() })
            }
            _ => None,
        };
        let options = BatchOptions {
            import: Some(ImportOptions {
                job_id: run.job_id,
                started_by: run.started_by(),
                started_at: run.import.created_at,
                mapping_digest: self.mapping_digest.clone(),
                consent,
            }),
            observe: true,
            ..BatchOptions::default()
        };
        let rows = self.spare_protection(run, tx, rows, &options, totals, faults).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, writes): (Vec<u64>, Vec<CustomerWrite>) =
            rows.into_iter().map(|row| (row.row, row.write)).unzip();
        let outcome = customers::write_customers(tx, &writes, &options).await?;
        let row_of = |at: usize| numbers.get(at).copied();
        if !run.is_dry() {
            for removed in outcome.observed.iter().filter(|observed| customers::loses_protection(observed)) {
                row_of(removed.at).into_iter().for_each(|row| faults.remove_protection(row));
            }
        }
        let observed = outcome.observed.into_iter();
        let observed =
            observed.filter_map(|observed| Some(ObservedPerson { row: row_of(observed.at)?, observed }));
        let mut observed: Vec<ObservedPerson> = observed.collect();
        // Written in the order of ids, shown in that of the file.
        observed.sort_unstable_by_key(|person| person.row);
        for (at, (row, result)) in numbers.into_iter().zip(outcome.results).enumerate() {
            if result.is_ok() && outcome.united.contains(&at) {
                faults.keep_merged(row);
            }
            match result {
                Ok(written) => match written.outcome {
                    RowOutcome::Created => totals.created += 1,
                    RowOutcome::Updated => totals.updated += 1,
                    RowOutcome::Unchanged => totals.unchanged += 1,
                    RowOutcome::Kept => {
                        totals.kept += 1;
                        faults.keep(row);
                    }
                    RowOutcome::Deleted => {
                        return Err(IngestionError::inconsistent("an import deleted a customer"));
                    }
                },
                Err(refusal) => {
                    let found = faults_of(&refusal);
                    totals.rejected += 1;
                    for fault in &found {
                        *codes.entry(fault.code.clone()).or_default() += 1;
                    }
                    faults.refuse_merge(row, &found)?;
                }
            }
        }
        Ok(observed)
    }
}

/// Field errors of customers say where and what was expected, never what was there.
pub(super) fn faults_of(refusal: &WriteRefusal) -> Vec<MergeFault> {
    match refusal {
        WriteRefusal::Invalid(errors) => MergeFault::of_fields(errors),
        WriteRefusal::DuplicateInRequest => vec![MergeFault::other(
            "duplicate_in_file",
            "An earlier row of this file is the same customer under another spelling of the external id.",
        )],
        other => vec![MergeFault::other("not_taken", other.to_string())],
    }
}
