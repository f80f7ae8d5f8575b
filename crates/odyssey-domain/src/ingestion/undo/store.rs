//! All SQL on the undoing of imports.

use odyssey_types::JobId;

use super::{LaterChange, Standing, Undone};
use crate::db::{DbError, VendorTx};
use crate::ingestion::store::mode_of;

/// How an import stands, its row locked where it is about to be undone.
pub(super) async fn standing(
    tx: &mut VendorTx,
    job_id: JobId,
    lock: bool,
) -> Result<Option<Standing>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    if lock {
        sqlx::query!(
            "SELECT FROM imports WHERE vendor_id = $1 AND job_id = $2 FOR UPDATE",
            vendor_id,
            job_id.as_uuid()
        )
        .fetch_optional(tx.connection())
        .await?;
    }
    let row = sqlx::query!(
        r#"SELECT mode, finished_at, undo_job_id, undone_at,
                  EXISTS (SELECT FROM jobs j WHERE j.vendor_id = $1 AND j.id = i.undo_job_id AND j.finished_at IS NULL)
                      AS "is_being_undone!",
                  coalesce((parameters->'requested'->>'dry_run')::boolean, false) AS "is_dry!"
           FROM imports i WHERE vendor_id = $1 AND job_id = $2"#,
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    row.map(|row| {
        Ok(Standing {
            mode: mode_of(&row.mode)?,
            finished_at: row.finished_at,
            undo_job_id: row.undo_job_id.map(JobId::from_uuid),
            undone_at: row.undone_at,
            is_being_undone: row.is_being_undone,
            is_dry: row.is_dry,
        })
    })
    .transpose()
}

pub(super) async fn note_undo(tx: &mut VendorTx, job_id: JobId, undo_job_id: JobId) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE imports SET undo_job_id = $3 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        undo_job_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn finish_undo(tx: &mut VendorTx, job_id: JobId) -> Result<(), DbError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE imports SET undone_at = $3 WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        job_id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Products that the import wrote and something changed since: the import made a version that is not the present one,
/// and its undoing did not replace it.
pub(super) async fn later_changes(
    tx: &mut VendorTx,
    job_id: JobId,
    most: i64,
) -> Result<Vec<LaterChange>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT p.id, p.external_id, p.row_version
         FROM product_versions v JOIN products p ON p.vendor_id = $1 AND p.id = v.product_id
         WHERE v.vendor_id = $1
           AND v.former->'lineage'->>'source' = 'import' AND v.former->'lineage'->>'job_id' = $2
           AND NOT EXISTS (SELECT FROM product_versions n
                           WHERE n.vendor_id = $1 AND n.product_id = v.product_id AND n.row_version = v.row_version + 1
                             AND n.former->'lineage'->>'undone_job_id' = $2)
           AND coalesce(p.lineage->>'undone_job_id', '') <> $2
           AND coalesce(p.lineage->>'restored_job_id', '') <> $2
         ORDER BY p.id LIMIT $3",
        vendor_id,
        job_id.to_string(),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    let change = |id: uuid::Uuid, external_id, row_version| LaterChange::Product {
        product_id: id.into(),
        external_id,
        row_version,
    };
    Ok(rows.into_iter().map(|row| change(row.id, row.external_id, row.row_version)).collect())
}

/// What became of what the import wrote, told from the rows as they stand, whatever attempt it was that wrote them.
pub(super) async fn count_undone(tx: &mut VendorTx, job_id: JobId) -> Result<Undone, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE lineage->>'source' = 'undo' AND lineage->>'undone_job_id' = $2 AND deleted_at IS NULL) AS "restored!",
                  count(*) FILTER (WHERE lineage->>'source' = 'undo' AND lineage->>'undone_job_id' = $2 AND deleted_at IS NOT NULL) AS "deleted!",
                  count(*) FILTER (WHERE lineage->>'source' = 'import' AND lineage->>'job_id' = $2 AND deleted_at IS NULL) AS "refused!"
           FROM products WHERE vendor_id = $1"#,
        vendor_id,
        job_id.to_string(),
    )
    .fetch_one(tx.connection())
    .await?;
    let left = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!"
           FROM product_versions v JOIN products p ON p.vendor_id = $1 AND p.id = v.product_id
           WHERE v.vendor_id = $1
             AND v.former->'lineage'->>'source' = 'import' AND v.former->'lineage'->>'job_id' = $2
             AND NOT EXISTS (SELECT FROM product_versions n
                             WHERE n.vendor_id = $1 AND n.product_id = v.product_id AND n.row_version = v.row_version + 1
                               AND n.former->'lineage'->>'undone_job_id' = $2)
             AND coalesce(p.lineage->>'undone_job_id', '') <> $2
             AND coalesce(p.lineage->>'restored_job_id', '') <> $2"#,
        vendor_id,
        job_id.to_string(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Undone { restored: row.restored, deleted: row.deleted, left, refused: row.refused })
}
