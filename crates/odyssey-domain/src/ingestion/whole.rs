//! A file that is the whole catalog: what it does not have goes, unless it might be there after all.
//!
//! A product stays when its row was refused, when a person made or changed it after the import began, and, all of them,
//! when a refused row does not say which product it is of. More than [`SHARE_MAX`] of the catalog goes only with
//! the word of whoever starts the import, and is found out before anything is merged.

use odyssey_jobs::LogLevel;
use odyssey_tabular::RejectedRow;
use odyssey_types::VendorId;
use odyssey_vault::product_id;
use uuid::Uuid;

use super::ledger::{Codes, Ledger};
use super::pace::Work;
use super::progress::{Advance, Run};
use super::{IngestionError, Totals, store};
use crate::catalog::{self, BatchOptions, Change, ImportOptions, ProductWrite, RowOutcome, Source};

/// Percent of the catalog that may go without confirmation: a file that was cut off loses more.
const SHARE_MAX: u64 = 20;
/// Products that may go without confirmation though they are more than that share, unless they are more than half.
const FREE_MAX: u64 = 10;
/// Products deleted in one transaction.
const BATCH: usize = 1_000;
/// Absent products and refused rows held in memory; more is no catalog that we serve.
const IDS_MAX: usize = 2_000_000;
/// Progress while products are deleted: everything but the end.
const DELETING_PERMILLE: u16 = 990;

/// Which products the refused rows are of, noted while a whole catalog is read.
#[derive(Debug)]
pub(super) struct Refused {
    vendor_id: VendorId,
    /// Not noted for a file that is not the whole catalog.
    wanted: bool,
    ids: Vec<Uuid>,
    /// Rows that do not say which product they are of.
    unnamed: u64,
}

impl Refused {
    pub fn of(run: &Run<'_>) -> Self {
        let wanted = run.parameters.requested.full;
        Self { vendor_id: run.vendor_id, wanted, ids: Vec::new(), unnamed: 0 }
    }

    pub fn note(&mut self, rejected: &RejectedRow) {
        match &rejected.external_id {
            _ if !self.wanted => {}
            Some(external_id) if self.ids.len() < IDS_MAX => {
                self.ids.push(product_id(self.vendor_id, external_id).as_uuid());
            }
            _ => self.unnamed += 1,
        }
    }
}

/// A product that the file does not have.
#[derive(Debug)]
pub(super) struct Absent {
    pub external_id: String,
}

/// The products that a file does not have, and how many there are.
#[derive(Debug, Default)]
pub(super) struct AbsentOf {
    products: Vec<Absent>,
    pub catalog: u64,
}

impl AbsentOf {
    pub const fn len(&self) -> usize {
        self.products.len()
    }
}

/// The products that a whole catalog does not have, before anything is merged.
pub(super) async fn find_absent(run: &Run<'_>, refused: &Refused) -> Result<AbsentOf, IngestionError> {
    if !refused.wanted {
        return Ok(AbsentOf::default());
    }
    if refused.unnamed > 0 {
        let text = "Nothing is deleted: refused rows do not say which products they are of";
        let fields = serde_json::json!({ "rows": refused.unnamed });
        run.context.log(LogLevel::Warn, text, fields).await?;
        return Ok(AbsentOf::default());
    }
    let mut tx = run.begin().await?;
    let started_at = run.import.created_at;
    let found = store::find_absent(&mut tx, run.job_id, &refused.ids, started_at, IDS_MAX as i64 + 1).await?;
    let catalog = store::count_products(&mut tx).await?.unsigned_abs();
    run.commit_quietly(tx).await?;
    // With those that an earlier attempt deleted: it is one import, and its share that of the catalog it met.
    let deleted = run.import.totals.deleted.unsigned_abs();
    let (absent, catalog) = (found.len() as u64 + deleted, catalog + deleted);
    if found.len() > IDS_MAX {
        return Err(IngestionError::import(
            "too_many_deletes",
            format!("More than {IDS_MAX} products would go."),
        ));
    }
    let is_much = absent * 2 > catalog || absent > FREE_MAX && absent * 100 > catalog * SHARE_MAX;
    // A dry run deletes nothing. A later attempt looks again: the catalog may be another by then.
    if is_much && absent > deleted && !run.is_dry() && !run.parameters.requested.allow_deletes {
        let detail = format!(
            "The file is said to be the whole catalog, and {absent} of {catalog} products are not in it. If they are \
             to go, start the import again with allow_deletes."
        );
        return Err(IngestionError::import("full_deletes_unconfirmed", detail));
    }
    Ok(AbsentOf { products: found, catalog: catalog - deleted })
}

/// Deletes what the file does not have, batch by batch, each counted in its transaction.
pub(super) async fn delete_absent(
    run: &mut Run<'_>,
    ledger: &Ledger,
    mapping_digest: &[u8],
    absent: AbsentOf,
) -> Result<(), IngestionError> {
    if absent.products.is_empty() {
        return Ok(());
    }
    run.context.step("deleting").await?;
    let options = BatchOptions {
        import: Some(ImportOptions {
            job_id: run.job_id,
            started_by: run.started_by(),
            started_at: run.import.created_at,
            mapping_digest: mapping_digest.to_vec(),
            overwrite_edits: run.parameters.requested.overwrite_edits,
        }),
        ..BatchOptions::default()
    };
    for batch in absent.products.chunks(BATCH) {
        run.check_stop()?;
        let mut tx = run.begin().await?;
        // Without a source row: when a later file has the product again, its row is news.
        let forget = |absent: &Absent| ProductWrite {
            must_exist: true,
            source: Some(Source {
                hash: Vec::new(),
                mapping: Vec::new(),
                edited_at: None,
                ..Source::default()
            }),
            ..ProductWrite::new(absent.external_id.clone(), Change::Delete)
        };
        let writes: Vec<ProductWrite> = batch.iter().map(forget).collect();
        let outcome = catalog::write_products(&mut tx, &writes, &options).await?;
        let is_deleted = |result: &&Result<catalog::WriteResult, _>| {
            result.as_ref().is_ok_and(|written| written.outcome == RowOutcome::Deleted)
        };
        let deleted = outcome.results.iter().filter(is_deleted).count() as i64;
        let totals = Totals { deleted, ..Totals::default() };
        let upto = run.import.records_merged;
        let advance = Advance { upto, totals, moved: Vec::new(), codes: Codes::new(), work: Work::default() };
        run.advance(&mut tx, ledger, advance, DELETING_PERMILLE).await?;
        tx.mark_audited();
        tx.commit().await?;
    }
    Ok(())
}
