//! The originals of rows that were refused while merging: their cells are fetched from the file once more,
//! since neither staging nor memory keeps the cells of every row in case one is refused.

use super::progress::Run;
use super::row_errors::Sealing;
use super::{IngestionError, reading, store};

/// Rows looked up in one pass over the file: bounds the cells held in memory.
const ROWS_A_PASS: i64 = 2_000;

/// Adds the cells to the faults that lack them. Safe to repeat: a fault that has its cells is passed over.
pub(super) async fn fill_in(run: &Run<'_>) -> Result<(), IngestionError> {
    loop {
        run.check_stop()?;
        let mut tx = run.begin().await?;
        let places = store::faults_without_original(&mut tx, run.job_id, ROWS_A_PASS).await?;
        let sealing = Sealing::of(&tx, run.job_id)?;
        run.commit_quietly(tx).await?;
        if places.is_empty() {
            return Ok(());
        }
        let wanted = places.iter().map(|(row, _)| row.unsigned_abs()).collect();
        let found = reading::originals(run, wanted).await?;
        if found.len() != places.len() {
            return Err(IngestionError::inconsistent("a refused row is not in its file"));
        }
        let mut tx = run.begin().await?;
        for ((row, ordinal), original) in places.into_iter().zip(found) {
            let sealed = sealing.seal_original(row, ordinal, original.cells.expose())?;
            store::set_original(&mut tx, run.job_id, row, ordinal, &sealed).await?;
        }
        run.commit_quietly(tx).await?;
    }
}
