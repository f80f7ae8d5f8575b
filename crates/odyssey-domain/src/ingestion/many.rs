//! Imports among many jobs that somebody retries, cancels or deletes.

use uuid::Uuid;

use super::store;
use crate::db::{DbError, VendorTx};

/// Those of the given jobs that others need which have not ended: they are not to be deleted now.
pub async fn needed_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    store::needed_imports(tx, jobs).await
}

/// Those of the given imports that could start again: their files are whole and still there, and they were not undone.
pub async fn startable_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    store::startable_imports(tx, jobs).await
}

/// Lets imports go on behind the rows that are merged; jobs that import nothing are passed over.
pub async fn reopen_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    store::reopen_imports(tx, jobs).await
}

/// Notes the end of imports that ended while they waited.
pub async fn end_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    store::end_imports(tx, jobs).await
}

/// Deletes what ended imports left: totals, refused rows with their values, and, at the next purge, their files and
/// staging tables. What they merged stays, and so does the trail.
pub async fn forget_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    store::forget_imports(tx, jobs).await
}
