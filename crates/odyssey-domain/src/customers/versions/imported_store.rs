//! Which imports changed a customer since a moment, told from former versions.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, JobId};
use uuid::Uuid;

use crate::customers::CustomerError;
use crate::db::VendorTx;

/// A customer that was changed since a moment, and an import that did so, as far as versions tell: one that was undone is
/// passed over. One for each such import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedSince {
    pub customer_id: CustomerId,
    pub job_id: Option<JobId>,
    /// Deleted since, and not by undoing what had made them.
    pub deleted: bool,
}

/// Which of the given customers were changed since a moment.
pub async fn imported_since(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    since: DateTime<Utc>,
) -> Result<Vec<ImportedSince>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT c.id, i.job_id AS "job_id?",
                  (c.deleted_at IS NOT NULL AND c.deleted_at > $3
                   AND NOT EXISTS (SELECT FROM customer_merges m WHERE m.vendor_id = $1 AND m.merged_id = c.id)
                   AND NOT EXISTS (SELECT FROM customer_versions u
                                   WHERE u.vendor_id = $1 AND u.customer_id = c.id AND u.row_version = c.row_version - 1
                                     AND u.undone_job_id IS NOT NULL)) AS "deleted!"
           FROM customers c
           LEFT JOIN LATERAL (
               SELECT DISTINCT v.job_id FROM customer_versions v
               WHERE v.vendor_id = $1 AND v.customer_id = c.id AND v.replaced_at > $3
                 AND v.job_id IS NOT NULL AND v.undone_job_id IS NULL
                 AND NOT EXISTS (SELECT FROM customer_versions u
                                 WHERE u.vendor_id = $1 AND u.customer_id = c.id AND u.undone_job_id = v.job_id)) i ON true
           WHERE c.vendor_id = $1 AND c.id = ANY ($2) AND c.updated_at > $3"#,
        vendor_id,
        &ids,
        since,
    )
    .fetch_all(tx.connection())
    .await?;
    let imported = |id: Uuid, job_id: Option<Uuid>, deleted| ImportedSince {
        customer_id: id.into(),
        job_id: job_id.map(JobId::from_uuid),
        deleted,
    };
    Ok(rows.into_iter().map(|row| imported(row.id, row.job_id, row.deleted)).collect())
}
