//! Importing products: read and stage, compare once, judge barcodes, merge in batches.
//!
//! A row's number is its record number; records are consumed in their order, except for those that hand
//! barcodes on, which merge first and are counted apart. The staging tables are unlogged and made anew by
//! every attempt, so nothing but the catalog and the import's own row has to survive a crash.

use std::time::{Duration, Instant};

use odyssey_tabular::ProductRow;
use odyssey_vault::product_id;
use serde_json::Value;

use super::ahead::{self, Ahead, EXTERNAL_ID, Ready, ReadyRow};
use super::barcodes::{self, Judgement};
use super::holders::{HOLDER_GONE, Holders, holders_of};
use super::known::{Expected, Known};
use super::ledger::Ledger;
use super::merge_fault::MergeFault;
use super::newer::changed_by_newer;
use super::pace::Work;
use super::patch;
use super::progress::{Advance, Run};
use super::reading::{self, Line};
use super::rehearsal::{self, ObservedRow, Rehearsal};
use super::row_errors::{FaultSink, Sealing};
use super::staging::{CopyBuffer, StagedRow};
use super::store::{self, AcceptedMapping};
use super::whole::{self, Refused};
use super::{IngestionError, Totals};
use crate::catalog::{self, BatchOptions, ImportOptions, ProductWrite, RowOutcome, WriteRefusal};
use crate::db::VendorTx;

/// Why a row is not taken that a dry run flagged.
const HELD_BACK: &str = "The dry run found that this row takes something away: an allergen that the product contains, \
                         or the product from somebody whom it suits. Look at it, and import it alone if it is right.";
/// Share of the progress that reading and comparing take, in thousandths; merging has the rest.
const READING_PERMILLE: u32 = 400;
/// Faults written at a time, at most.
const FAULTS_WAITING_MAX: usize = 2_000;
/// How long reading goes on at most without a word of how far it is: of wide rows little may be staged.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// Contested barcodes held in memory while they are judged; more than this is not a product file.
const CONTESTED_MAX: i64 = 1_000_000;
/// Rows that may hand barcodes on in one transaction: they are held in memory together.
const MOVERS_MAX: usize = 20_000;
/// Rows that may hand barcodes on without confirmation, if that is also less than this share of the file: a
/// column that slipped by one row moves every code.
const MOVERS_FREE: usize = 100;
const MOVERS_SHARE_MAX: u64 = 10;

/// A row from the reading thread.
struct Read {
    staged: StagedRow,
    warnings: Vec<odyssey_tabular::RowWarning>,
}

/// Runs the import from wherever the last attempt got to.
pub(super) async fn import(run: &mut Run<'_>) -> Result<(), IngestionError> {
    run.context.step("reading").await?;
    let (mut ledger, mapping_digest, mut refused) = read_and_stage(run, true).await?;
    run.check_stop()?;
    run.context.step("comparing").await?;
    let judgement = match compare(run, &mapping_digest).await? {
        Some(judgement) => judgement,
        None => {
            run.context.step("reading").await?;
            (ledger, _, refused) = read_and_stage(run, false).await?;
            run.context.step("comparing").await?;
            let again = || IngestionError::inconsistent("a row that was staged whole is not");
            compare(run, &mapping_digest).await?.ok_or_else(again)?
        }
    };
    let absent = whole::find_absent(run, &refused).await?;
    run.context.step("merging").await?;
    let excepted = excepted(run).await?;
    let merge = Merge { mapping_digest, ledger, judgement, excepted };
    merge.movers(run).await?;
    if run.is_dry() {
        let mut rehearsal = Rehearsal::default();
        rehearsal.note_deletes(absent.len() as u64, absent.catalog);
        merge.batches(run, Some(&mut rehearsal)).await?;
        return rehearsal.keep(run).await;
    }
    merge.batches(run, None).await?;
    whole::delete_absent(run, &merge.ledger, &merge.mapping_digest, absent).await?;
    run.context.step("finishing").await?;
    if run.import.totals.written() > 0 {
        let mut tx = run.begin().await?;
        store::analyze(&mut tx, "products").await?;
        run.commit_quietly(tx).await?;
    }
    Ok(())
}

/// Reads the file to its end into the staging table, and its refusals into `row_errors`.
/// `trust_prints`: what the catalog seems to have already is staged without its fields.
async fn read_and_stage(
    run: &mut Run<'_>,
    trust_prints: bool,
) -> Result<(Ledger, Vec<u8>, Refused), IngestionError> {
    let vendor_id = run.vendor_id;
    let expected = Expected::default();
    let promise = expected.promise();
    let attestation = run.parameters.requested.attestation;
    let mut reading = reading::open::<ProductRow, Read, _>(run, move |mut row| {
        let (number, source_hash) = (row.row, row.source_hash);
        let id = product_id(vendor_id, &row.external_id).as_uuid();
        let gtin = row.fields.gtin.map(|gtin| gtin.to_string());
        let warnings = std::mem::take(&mut row.warnings);
        if expected.wait().has(id, &source_hash) {
            let staged = StagedRow { row: number, id, source_hash, gtin, fields: None };
            return Ok((Read { staged, warnings }, 0));
        }
        let external_id = row.external_id.clone();
        let fields = patch::of_product(row, attestation.as_ref()).and_then(|mut patch| {
            patch.insert(EXTERNAL_ID.to_owned(), Value::String(external_id));
            serde_json::to_vec(&patch)
        });
        let fields = fields.map_err(|error| {
            IngestionError::inconsistent(format!("a row cannot be written as JSON: {error}"))
        })?;
        let size = fields.len();
        let staged = StagedRow { row: number, id, source_hash, gtin, fields: Some(fields) };
        Ok((Read { staged, warnings }, size))
    })
    .await?;
    let mapping_digest = accept_mapping(run, &reading.opened).await?;
    let known = if trust_prints { Known::load(run, &mapping_digest).await? } else { Known::default() };
    promise.keep(known);
    let mut tx = run.begin().await?;
    store::create_staging(&mut tx, run.job_id).await?;
    let mut faults =
        FaultSink::new(Sealing::of(&tx, run.job_id)?, run.row_errors_max()).numbered(run.numbers());
    run.commit_quietly(tx).await?;

    let (mut ledger, mut copy, mut noted) = (Ledger::default(), CopyBuffer::new(), Instant::now());
    let mut refused = Refused::of(run);
    while let Some(lines) = reading.next().await? {
        for line in lines {
            match line {
                Line::Taken(read) => {
                    ledger.accept(read.staged.row, &read.warnings);
                    faults.warn(read.staged.row, &read.warnings, &reading.opened.headers)?;
                    copy.push(&read.staged);
                }
                Line::Refused(rejected) => {
                    ledger.refuse(&rejected);
                    refused.note(&rejected);
                    faults.refuse(&rejected)?;
                }
            }
        }
        if copy.is_full() || faults.len() >= FAULTS_WAITING_MAX || noted.elapsed() >= NOTED_EVERY {
            noted = Instant::now();
            run.check_stop()?;
            stage(run, &mut copy, &mut faults, (reading.work(), reading.bytes(), ledger.rows())).await?;
        }
    }
    stage(run, &mut copy, &mut faults, (Work::WHOLE, reading.bytes(), ledger.rows())).await?;
    let mut tx = run.begin().await?;
    store::close_reading(&mut tx, run.job_id, &ledger).await?;
    run.commit_quietly(tx).await?;
    run.import.records_total = Some(ledger.rows());
    Ok((ledger, mapping_digest, refused))
}

async fn stage(
    run: &Run<'_>,
    copy: &mut CopyBuffer,
    faults: &mut FaultSink,
    (work, bytes_read, rows_read): (Work, u64, u64),
) -> Result<(), IngestionError> {
    let mut tx = run.begin().await?;
    if copy.rows() > 0 {
        store::copy_staged(&mut tx, run.job_id, copy.take()).await?;
    }
    store::insert_row_errors(&mut tx, run.job_id, faults.take()).await?;
    store::note_reading(&mut tx, run.job_id, bytes_read, rows_read).await?;
    let permille = run.overall(share(work.permille(), 0, READING_PERMILLE));
    run.context.progress_in(tx.connection(), permille, None).await?;
    run.commit_quietly(tx).await
}

/// Records how the file is read, or holds a later attempt to it: its counters must mean the same.
pub(super) async fn accept_mapping(
    run: &mut Run<'_>,
    opened: &reading::Opened,
) -> Result<Vec<u8>, IngestionError> {
    if !opened.has_identity {
        let (code, detail) = no_identity(opened.has_header);
        return Err(IngestionError::import(code, detail));
    }
    let digest = run.parameters.digest(opened.mapping_digest);
    match &run.import.mapping_digest {
        Some(former) if *former != digest => Err(IngestionError::import(
            "mapping_changed",
            "The program that reads files changed while this import was under way. Start it again.",
        )),
        Some(_) => Ok(digest),
        None => {
            let mut tx = run.begin().await?;
            let sealing = Sealing::of(&tx, run.job_id)?;
            let headers = opened.written.as_ref().map(|headers| sealing.seal_headers(headers)).transpose()?;
            let reading = opened.record.as_ref().map(|record| sealing.seal_reading(record)).transpose()?;
            let words = (!run.words.is_empty()).then(|| serde_json::to_value(&run.words)).transpose();
            let words = words.map_err(|error| {
                IngestionError::inconsistent(format!("words cannot be written as JSON: {error}"))
            })?;
            let accepted = AcceptedMapping {
                mapping: &opened.mapping,
                detected: &opened.detected,
                digest: &digest,
                headers_sealed: headers.as_deref(),
                reading_sealed: reading.as_deref(),
                words: words.as_ref(),
            };
            store::save_mapping(&mut tx, run.job_id, &accepted).await?;
            run.commit_quietly(tx).await?;
            run.import.mapping_digest = Some(digest.clone());
            Ok(digest)
        }
    }
}

/// Why a file without a column that names its rows is refused as a whole.
pub(super) fn no_identity(has_header: bool) -> (&'static str, String) {
    let detail = if has_header {
        "No column could be read as an external id (or, for products, a GTIN). Name one in the mapping."
    } else {
        "The first row does not look like headers, so the columns are column_1, column_2 and so on, and none \
         of them is known to be an external id (or, for products, a GTIN). Name one in the mapping, by its \
         number, or by its header if the first row is one."
    };
    ("no_identity_column", detail.to_owned())
}

/// Compares the file with the catalog, once, and judges its barcodes. `None` when a row that was taken for unchanged is
/// not: a person edited its product meanwhile, say.
async fn compare(run: &Run<'_>, mapping_digest: &[u8]) -> Result<Option<Judgement>, IngestionError> {
    let mut tx = run.begin().await?;
    let overwrite = run.parameters.requested.overwrite_edits;
    let (after, moved) = (run.import.records_merged, &run.import.moved_records);
    store::create_todo(&mut tx, run.job_id, mapping_digest, overwrite, after, moved).await?;
    if store::lacks_fields(&mut tx, run.job_id).await? {
        tx.roll_back().await?;
        return Ok(None);
    }
    let rivals = store::rival_claims(&mut tx, run.job_id, CONTESTED_MAX + 1).await?;
    let held = store::held_claims(&mut tx, run.job_id, CONTESTED_MAX + 1).await?;
    run.commit_quietly(tx).await?;
    if rivals.len().max(held.len()) as i64 > CONTESTED_MAX {
        return Err(IngestionError::import(
            "too_many_contested_barcodes",
            "More than a million rows contest a barcode.",
        ));
    }
    let judgement = barcodes::judge(rivals, held);
    let movers = judgement.movers.len();
    if movers > MOVERS_MAX {
        let detail =
            format!("{movers} rows hand barcodes on to each other; one file can do so for {MOVERS_MAX}.");
        return Err(IngestionError::import("too_many_barcode_moves", detail));
    }
    let rows = run.import.records_total.unwrap_or(0);
    let many = movers > MOVERS_FREE && movers as u64 * 100 > rows * MOVERS_SHARE_MAX;
    if many && !run.parameters.requested.allow_barcode_moves {
        let detail = format!(
            "{movers} of {rows} rows take a barcode from another product. If that is meant, start the import again \
             with allow_barcode_moves."
        );
        return Err(IngestionError::import("barcode_moves_unconfirmed", detail));
    }
    Ok(Some(judgement))
}

/// Rows that the import passes over, ascending: those that its dry run flagged.
pub(super) async fn excepted(run: &Run<'_>) -> Result<Vec<u64>, IngestionError> {
    let Some(rehearsed) = run.parameters.except_flagged_of else { return Ok(Vec::new()) };
    let mut tx = run.begin().await?;
    let rows = rehearsal::flagged_rows(&mut tx, rehearsed).await?;
    tx.roll_back().await?;
    Ok(rows)
}

struct Merge {
    mapping_digest: Vec<u8>,
    ledger: Ledger,
    judgement: Judgement,
    excepted: Vec<u64>,
}

/// What a batch did: counts, and what is to be written about its rows.
struct Batch {
    totals: Totals,
    codes: super::ledger::Codes,
    faults: FaultSink,
    /// Of a dry run: what its rows would change.
    observed: Vec<ObservedRow>,
}

impl Merge {
    /// Rows that hand barcodes on: one transaction, before all others, so that no code is ever held twice.
    async fn movers(&self, run: &mut Run<'_>) -> Result<(), IngestionError> {
        if self.judgement.movers.is_empty() {
            return Ok(());
        }
        let mut records: Vec<i64> = self.judgement.movers.iter().map(|row| *row as i64).collect();
        records.sort_unstable();
        let mut tx = run.begin().await?;
        let rows = store::find_todo(&mut tx, run.job_id, &records).await?;
        let rows = ahead::ready(rows, run.numbers(), None).await?;
        let mut batch = self.write(run, &mut tx, rows).await?;
        let mut tx = run.keep_or_forget(tx).await?;
        store::insert_row_errors(&mut tx, run.job_id, batch.faults.take()).await?;
        let advance = Advance {
            upto: run.import.records_merged,
            totals: batch.totals,
            moved: records,
            codes: batch.codes,
            work: Work::default(),
        };
        run.advance(&mut tx, &self.ledger, advance, READING_PERMILLE as u16).await?;
        tx.mark_audited();
        Ok(tx.commit().await?)
    }

    /// Writes batch after batch; while one is written the next is made ready.
    async fn batches(
        &self,
        run: &mut Run<'_>,
        mut rehearsal: Option<&mut Rehearsal>,
    ) -> Result<(), IngestionError> {
        let total = self.ledger.rows();
        if run.import.records_merged >= total {
            return Ok(());
        }
        let ahead = Ahead::of(run);
        let mut next = ahead.fetch(run.import.records_merged).await?;
        while run.import.records_merged < total {
            run.check_stop()?;
            // Everything behind the last row that is left to do is unchanged or refused.
            let upto = if next.complete { total } else { next.upto };
            let rows = std::mem::take(&mut next.rows);
            let following =
                async { if upto < total { ahead.fetch(upto).await } else { Ok(Ready::default()) } };
            let (merged, following) =
                tokio::join!(self.batch(run, rows, upto, rehearsal.as_deref_mut()), following);
            merged?;
            next = following?;
        }
        Ok(())
    }

    async fn batch(
        &self,
        run: &mut Run<'_>,
        rows: Vec<ReadyRow>,
        upto: u64,
        rehearsal: Option<&mut Rehearsal>,
    ) -> Result<(), IngestionError> {
        let (after, total) = (run.import.records_merged, self.ledger.rows());
        let mut tx = run.begin().await?;
        if run.is_dry() && !run.import.moved_records.is_empty() {
            // They were rolled back, and the rows of this batch may want the barcodes that they hand on.
            let movers = store::find_todo(&mut tx, run.job_id, &run.import.moved_records).await?;
            let movers = ahead::ready(movers, run.numbers(), None).await?;
            self.write(run, &mut tx, movers).await?;
        }
        let mut batch = self.write(run, &mut tx, rows).await?;
        let mut tx = run.keep_or_forget(tx).await?;
        if let (Some(rehearsal), Some(audiences)) = (rehearsal, &run.audiences) {
            tx.roll_back().await?;
            rehearsal.note(run, audiences, std::mem::take(&mut batch.observed)).await?;
            tx = run.begin().await?;
        }
        store::insert_row_errors(&mut tx, run.job_id, batch.faults.take()).await?;
        self.count_rest(run, after, upto, &mut batch.totals);
        let work = Work { done: upto, total };
        let permille = share(work.permille(), READING_PERMILLE, 1000);
        let advance = Advance { upto, totals: batch.totals, moved: Vec::new(), codes: batch.codes, work };
        run.advance(&mut tx, &self.ledger, advance, permille).await?;
        tx.mark_audited();
        Ok(tx.commit().await?)
    }

    /// Counts the rows of a range that were not left to do: refused while reading, or unchanged.
    fn count_rest(&self, run: &Run<'_>, after: u64, upto: u64, totals: &mut Totals) {
        let within = |row: &i64| (after + 1..=upto).contains(&row.unsigned_abs());
        let moved = run.import.moved_records.iter().filter(|row| within(row)).count() as i64;
        let rows = (upto - after) as i64 - moved;
        totals.rejected += self.ledger.refused_between(after, upto) as i64;
        totals.unchanged +=
            rows - totals.rejected - totals.created - totals.updated - totals.unchanged - totals.kept;
        totals.read = rows;
    }

    /// Faults go on being kept where reading and earlier batches left off.
    fn sink(&self, run: &Run<'_>, tx: &VendorTx) -> Result<FaultSink, IngestionError> {
        let refused = self.ledger.refused_between(0, self.ledger.rows()) as i64
            + run.import.merge_codes.values().sum::<i64>();
        let warnings = self.ledger.warnings().listed() + run.import.totals.kept.unsigned_abs();
        Ok(FaultSink::new(Sealing::of(tx, run.job_id)?, run.row_errors_max())
            .after(refused.unsigned_abs(), warnings)
            .numbered(run.numbers()))
    }

    /// Merges the given rows, but for those that were refused their barcode or held back. A person's edit stands; where it
    /// says what the row says, the row is unchanged.
    async fn write(
        &self,
        run: &Run<'_>,
        tx: &mut VendorTx,
        rows: Vec<ReadyRow>,
    ) -> Result<Batch, IngestionError> {
        let mut batch = Batch {
            totals: Totals::default(),
            codes: super::ledger::Codes::new(),
            faults: self.sink(run, tx)?,
            observed: Vec::new(),
        };
        let mut writes: Vec<(u64, ProductWrite)> = Vec::with_capacity(rows.len());
        let ids: Vec<uuid::Uuid> = rows.iter().map(|row| row.id).collect();
        let newer = changed_by_newer(run, tx, &ids).await?;
        for ReadyRow { record, id, kept, write } in rows {
            if let Some(job_id) = newer.get(&id) {
                batch.totals.kept += 1;
                batch.faults.keep_newer(record, Some(*job_id));
            } else if !kept && self.excepted.binary_search(&record).is_ok() {
                batch.refuse(record, &[MergeFault::other("held_back", HELD_BACK)])?;
            } else if let Some((gtin, holder)) = self.judgement.refused.get(&record).filter(|_| !kept) {
                batch.refuse(record, &[holder.fault(gtin, |row| run.number_of(row))])?;
            } else {
                writes.push((record, write));
            }
        }
        if !writes.is_empty() {
            self.write_products(run, tx, writes, &mut batch).await?;
        }
        let totals = &mut batch.totals;
        totals.read = totals.accepted() + totals.rejected;
        Ok(batch)
    }

    async fn write_products(
        &self,
        run: &Run<'_>,
        tx: &mut VendorTx,
        writes: Vec<(u64, ProductWrite)>,
        batch: &mut Batch,
    ) -> Result<(), IngestionError> {
        let options = BatchOptions {
            undo: None,
            observe: run.is_dry(),
            import: Some(ImportOptions {
                job_id: run.job_id,
                started_by: run.started_by(),
                started_at: run.import.created_at,
                mapping_digest: self.mapping_digest.clone(),
                overwrite_edits: run.parameters.requested.overwrite_edits,
            }),
        };
        let (records, writes): (Vec<u64>, Vec<ProductWrite>) = writes.into_iter().unzip();
        let outcome = catalog::write_products(tx, &writes, &options).await?;
        for observed in outcome.observed {
            let (Some(record), Some(write)) = (records.get(observed.at), writes.get(observed.at)) else {
                continue;
            };
            let Some(Ok(written)) = outcome.results.get(observed.at) else { continue };
            let (external_id, outcome) = (write.external_id.clone(), written.outcome);
            batch.observed.push(ObservedRow { row: *record, external_id, outcome, observed });
        }
        let rows = records.iter().map(|row| run.number_of(*row));
        let rows = rows.zip(writes.iter().map(|write| write.external_id.as_str()));
        let holders = holders_of(tx, &outcome.results, rows).await?;
        for (record, result) in records.into_iter().zip(outcome.results) {
            match result {
                Ok(written) => match written.outcome {
                    RowOutcome::Created => batch.totals.created += 1,
                    RowOutcome::Updated => batch.totals.updated += 1,
                    RowOutcome::Unchanged => batch.totals.unchanged += 1,
                    RowOutcome::Kept => batch.kept(record),
                    RowOutcome::Deleted => {
                        return Err(IngestionError::inconsistent("an import deleted a product"));
                    }
                },
                Err(refusal) => batch.refuse(record, &faults_of(&refusal, &holders))?,
            }
        }
        Ok(())
    }
}

impl Batch {
    fn kept(&mut self, record: u64) {
        self.totals.kept += 1;
        self.faults.keep(record);
    }

    fn refuse(&mut self, record: u64, faults: &[MergeFault]) -> Result<(), IngestionError> {
        self.totals.rejected += 1;
        let codes: std::collections::BTreeSet<&str> =
            faults.iter().map(|fault| fault.code.as_str()).collect();
        for code in codes {
            *self.codes.entry(code.to_owned()).or_default() += 1;
        }
        self.faults.refuse_merge(record, faults)
    }
}

pub(super) fn faults_of(refusal: &WriteRefusal, holders: &Holders) -> Vec<MergeFault> {
    match refusal {
        WriteRefusal::BarcodeTaken { gtin, holder } => vec![match holders.get(holder) {
            Some(holder) => holder.fault(gtin, |row| row),
            None => MergeFault::barcode_taken(gtin, HOLDER_GONE.to_owned()),
        }],
        WriteRefusal::Invalid(errors) => MergeFault::of_fields(errors),
        WriteRefusal::DuplicateInRequest => vec![MergeFault::other(
            "duplicate_in_file",
            "An earlier row of this file is the same product under another spelling of its external id.",
        )],
        WriteRefusal::NotFound | WriteRefusal::Exists { .. } | WriteRefusal::VersionMismatch { .. } => {
            vec![MergeFault::other("not_taken", refusal.to_string())]
        }
    }
}

/// A part of the whole progress.
fn share(permille: u16, from: u32, to: u32) -> u16 {
    (from + u32::from(permille.min(1000)) * (to - from) / 1000) as u16
}
