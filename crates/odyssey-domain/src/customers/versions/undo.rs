//! Undoing what an import did to customers, batch by batch.

use std::collections::HashMap;

use odyssey_types::{CustomerId, JobId};

pub use super::store::{UndoneCustomers, count_undone};
use super::{content_of, restoring, store};
use crate::customers::write::{
    BatchOptions, Change, ConsentChange, CustomerWrite, UndoOptions, write_customers,
};
use crate::customers::{ConsentPurpose, ConsentState, CustomerError, store as customers_store};
use crate::db::{DbError, VendorTx};

/// Undoes what an import did to the next customers behind `after`, in the order of their ids: those that it changed are
/// as before, those that it made are deleted. Customers that something changed since are not among them, and who was
/// erased is not there any more. Gives the last of them, or `None` when nothing is left. The caller commits.
pub async fn undo_batch(
    tx: &mut VendorTx,
    undo: UndoOptions,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Option<CustomerId>, CustomerError> {
    let keys = tx.keys()?;
    let written = store::written_by_import(tx, undo.undone_job_id, after, most).await?;
    let Some(last) = written.last().copied() else { return Ok(None) };
    let former = store::standing_as_imported(tx, undo.undone_job_id, &written).await?;
    if former.is_empty() {
        // Nothing is written and nothing is to be said of it.
        tx.mark_audited();
        return Ok(Some(last));
    }
    let ids: Vec<CustomerId> = former.iter().map(|row| row.customer_id.into()).collect();
    let mut consents = granted_by(tx, undo.undone_job_id, &ids).await?;
    let present = customers_store::lock_customers(tx, &ids).await?;
    let mut person_keys: HashMap<CustomerId, Vec<u8>> =
        present.into_iter().map(|row| (row.id, row.person_key)).collect();
    let mut writes = Vec::with_capacity(former.len());
    for row in former {
        let id = CustomerId::from_uuid(row.customer_id);
        let Some(person_key) = person_keys.remove(&id) else { continue };
        let key = keys.open_person_key(id, &person_key)?;
        let content = content_of(tx, id, &key, &row)?.filter(|_| row.deleted_at.is_none());
        let write = match content {
            Some(content) => CustomerWrite {
                consents: consents.remove(&id).unwrap_or_default(),
                ..CustomerWrite::by_id(id, restoring(content))
            },
            // Deleting withdraws whatever was granted.
            None => CustomerWrite::by_id(id, Change::Delete),
        };
        writes.push(write);
    }
    let options = BatchOptions { undo: Some(undo), ..BatchOptions::default() };
    for result in write_customers(tx, &writes, &options).await?.results {
        result.map_err(|refusal| DbError::inconsistent(format!("an undo was refused: {refusal}")))?;
    }
    store::give_back_sources(tx, undo.undone_job_id, &ids).await?;
    Ok(Some(last))
}

/// What ends with the import: consents that it granted, that still stand, and that did not stand before.
async fn granted_by(
    tx: &mut VendorTx,
    job_id: JobId,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<ConsentChange>>, CustomerError> {
    let mut granted: HashMap<CustomerId, Vec<ConsentChange>> = HashMap::new();
    for (id, purpose) in store::consents_of_import(tx, job_id, ids).await? {
        let purpose = ConsentPurpose::parse(&purpose)
            .ok_or_else(|| DbError::inconsistent(format!("customer {id} has an unreadable consent")))?;
        let withdrawn = ConsentChange { purpose, state: ConsentState::Withdrawn, text_version: None };
        granted.entry(id).or_default().push(withdrawn);
    }
    Ok(granted)
}
