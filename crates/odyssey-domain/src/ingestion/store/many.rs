//! Statements on what hangs on many jobs at once.

use uuid::Uuid;

use crate::db::{DbError, VendorTx};

/// Those of the given jobs whose import could start (again): the file is whole and still there, or is fetched from the
/// inbox and was not given up; and nobody has asked for its undoing, which could not be asked for a second time. Their rows are locked: whoever asks for it now waits.
pub(in crate::ingestion) async fn startable_imports(
    tx: &mut VendorTx,
    jobs: &[Uuid],
) -> Result<Vec<Uuid>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let startable = sqlx::query_scalar!(
        "SELECT i.job_id FROM imports i JOIN uploads u ON u.vendor_id = i.vendor_id AND u.id = i.upload_id
         WHERE i.vendor_id = $1 AND i.job_id = ANY ($2)
           AND (u.state = 'finished' OR (u.state = 'receiving' AND u.fetched AND u.failed_code IS NULL))
           AND i.undo_job_id IS NULL
         FOR UPDATE OF i",
        vendor_id,
        jobs,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(startable)
}

/// Notes that imports have not ended after all. One that is undone has.
pub(in crate::ingestion) async fn reopen_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET finished_at = NULL
         WHERE vendor_id = $1 AND job_id = ANY ($2) AND finished_at IS NOT NULL AND undo_job_id IS NULL",
        vendor_id,
        jobs,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes the end of imports that ended while they waited.
pub(in crate::ingestion) async fn end_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE imports SET finished_at = $3 WHERE vendor_id = $1 AND job_id = ANY ($2) AND finished_at IS NULL",
        vendor_id,
        jobs,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Those of the given jobs that work which has not ended needs: dry runs that are being applied, imports whose refused
/// rows run again or that are being undone, and the jobs that undo them.
pub(in crate::ingestion) async fn needed_imports(
    tx: &mut VendorTx,
    jobs: &[Uuid],
) -> Result<Vec<Uuid>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let needed = sqlx::query_scalar!(
        r#"SELECT needed.id AS "id!"
           FROM unnest($2::uuid[]) AS needed (id)
           WHERE EXISTS (SELECT FROM imports i JOIN jobs j ON j.vendor_id = $1 AND j.id = i.job_id
                         WHERE i.vendor_id = $1 AND j.finished_at IS NULL
                           AND needed.id IN (i.rehearsed_job_id, i.parent_job_id))
              OR EXISTS (SELECT FROM imports i JOIN jobs j ON j.vendor_id = $1 AND j.id = i.undo_job_id
                         WHERE i.vendor_id = $1 AND j.finished_at IS NULL AND i.job_id = needed.id)"#,
        vendor_id,
        jobs,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(needed)
}

/// Deletes what imports left in the database, and lets the time of their files be over.
pub(in crate::ingestion) async fn forget_imports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!("DELETE FROM row_errors WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, jobs)
        .execute(tx.connection())
        .await?;
    sqlx::query!("DELETE FROM imports WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, jobs)
        .execute(tx.connection())
        .await?;
    sqlx::query!(
        "UPDATE uploads
         SET expires_at = least(expires_at, $3),
             failed_code = CASE WHEN state = 'receiving' THEN coalesce(failed_code, 'job_deleted') ELSE failed_code END
         WHERE vendor_id = $1 AND job_id = ANY ($2) AND purged_at IS NULL",
        vendor_id,
        jobs,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
