//! Products: set back those that the import changed, delete those that it made.

use std::collections::HashMap;

use odyssey_types::ProductId;
use odyssey_vault::product_id;

use super::Run;
use crate::catalog::{
    self, BatchOptions, Change, Lineage, Made, Product, ProductWrite, Replaced, Source, UndoOptions,
    WriteRefusal,
};
use crate::db::VendorTx;
use crate::ingestion::IngestionError;

/// Products of one transaction.
const BATCH: i64 = 1_000;
/// Products whose way back another product's barcode bars, remembered for a second try.
const BARRED_MAX: usize = 100_000;

pub(super) async fn undo(run: &Run<'_>) -> Result<(), IngestionError> {
    run.context.step("restoring").await?;
    let mut barred: Vec<ProductId> = Vec::new();
    let mut after = None;
    loop {
        run.check_stop()?;
        let mut tx = run.begin().await?;
        let replaced = catalog::replaced_by_import(&mut tx, run.undone_job_id, after, BATCH).await?;
        let Some(last) = replaced.last() else {
            tx.roll_back().await?;
            break;
        };
        after = Some(last.former.id);
        barred.extend(set_back(run, &mut tx, &replaced).await?);
        tx.commit().await?;
    }
    run.context.step("deleting").await?;
    after = None;
    loop {
        run.check_stop()?;
        let mut tx = run.begin().await?;
        let made = catalog::untouched_since_import(&mut tx, run.undone_job_id, after, BATCH).await?;
        let Some(last) = made.last() else {
            tx.roll_back().await?;
            break;
        };
        after = Some(last.id);
        delete(run, &mut tx, made).await?;
        tx.commit().await?;
    }
    // A barcode that stood in the way may be free by now: of a product that was set back later, or is deleted.
    barred.truncate(BARRED_MAX);
    let mut before = usize::MAX;
    while !barred.is_empty() && barred.len() < before {
        before = barred.len();
        barred = again(run, &barred).await?;
    }
    Ok(())
}

async fn again(run: &Run<'_>, barred: &[ProductId]) -> Result<Vec<ProductId>, IngestionError> {
    let mut still = Vec::new();
    for ids in barred.chunks(BATCH as usize) {
        run.check_stop()?;
        let mut tx = run.begin().await?;
        let replaced = catalog::replaced_products(&mut tx, run.undone_job_id, ids).await?;
        still.extend(set_back(run, &mut tx, &replaced).await?);
        tx.commit().await?;
    }
    Ok(still)
}

/// Sets back those that nothing has changed since; gives those that a barcode bars.
async fn set_back(
    run: &Run<'_>,
    tx: &mut VendorTx,
    replaced: &[Replaced],
) -> Result<Vec<ProductId>, IngestionError> {
    let ids: Vec<ProductId> = replaced.iter().map(|r| r.former.id).collect();
    let present: HashMap<ProductId, Product> =
        catalog::lock_products(tx, &ids).await?.into_iter().map(|p| (p.id, p)).collect();
    let mut writes = Vec::new();
    for Replaced { former, source_hash, source_mapping } in replaced {
        let Some(present) = present.get(&former.id) else { continue };
        if !stands_as_imported(run, former, present) {
            continue;
        }
        let change = match former.deleted_at {
            Some(_) => Change::Delete,
            None => Change::Replace(Box::new(former.fields.clone())),
        };
        let source = Source {
            hash: source_hash.clone(),
            mapping: source_mapping.clone(),
            edited_at: former.edited_at,
            attestation: former.attestation.clone(),
            made_by: former.lineage.import_job_id(),
        };
        let write = ProductWrite::new(former.external_id.clone(), change);
        writes.push(ProductWrite { source: Some(source), ..write });
    }
    let results = write_all(run, tx, &writes).await?;
    let barred = writes
        .iter()
        .zip(results)
        .filter(|(_, result)| matches!(result, Err(WriteRefusal::BarcodeTaken { .. })));
    Ok(barred.map(|(write, _)| product_id(run.vendor_id, &write.external_id)).collect())
}

async fn delete(run: &Run<'_>, tx: &mut VendorTx, made: Vec<Made>) -> Result<(), IngestionError> {
    let forget = |made: Made| ProductWrite {
        must_exist: true,
        if_versions: Some(vec![made.row_version]),
        source: Some(Source::default()),
        ..ProductWrite::new(made.external_id, Change::Delete)
    };
    let writes: Vec<ProductWrite> = made.into_iter().map(forget).collect();
    write_all(run, tx, &writes).await?;
    Ok(())
}

async fn write_all(
    run: &Run<'_>,
    tx: &mut VendorTx,
    writes: &[ProductWrite],
) -> Result<Vec<Result<catalog::WriteResult, WriteRefusal>>, IngestionError> {
    let undo =
        UndoOptions { job_id: run.job_id, undone_job_id: run.undone_job_id, started_by: run.started_by };
    let options = BatchOptions { undo: Some(undo), ..BatchOptions::default() };
    Ok(catalog::write_products(tx, writes, &options).await?.results)
}

/// It stands as the import left it: nothing has changed it since, or what did was undone.
fn stands_as_imported(run: &Run<'_>, former: &Product, present: &Product) -> bool {
    match present.lineage {
        Lineage::Import { job_id, .. } => {
            job_id == run.undone_job_id && present.row_version == former.row_version + 1
        }
        Lineage::Undo { restored_job_id, .. } => restored_job_id == Some(run.undone_job_id),
        Lineage::User { .. } | Lineage::System => false,
    }
}
