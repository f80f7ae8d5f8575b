//! All SQL on former versions of customers. They are copied as they lie and pass here sealed.

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_types::{CustomerId, JobId, UserId};
use uuid::Uuid;

use super::Replacing;
use crate::customers::CustomerError;
use crate::customers::seal::SealedIdentity;
use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::Holds;

/// Versions deleted in one transaction.
const VERSIONS_A_TURN: i64 = 10_000;

/// A version as stored.
#[derive(Debug, Clone)]
pub(super) struct VersionRow {
    pub customer_id: Uuid,
    pub row_version: i64,
    pub replaced_at: DateTime<Utc>,
    pub replaced_by: Option<Uuid>,
    pub job_id: Option<Uuid>,
    pub undone_job_id: Option<Uuid>,
    /// Absent where there was nobody.
    pub status: Option<String>,
    pub external_id_sealed: Option<Vec<u8>>,
    pub name_sealed: Option<Vec<u8>>,
    pub email_sealed: Option<Vec<u8>>,
    pub phone_sealed: Option<Vec<u8>>,
    pub birth_date_sealed: Option<Vec<u8>>,
    pub address_sealed: Option<Vec<u8>>,
    pub member_number_sealed: Option<Vec<u8>>,
    pub tags_sealed: Option<Vec<u8>>,
    pub notes_sealed: Option<Vec<u8>>,
    pub profile_sealed: Option<Vec<u8>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl VersionRow {
    /// The sealed identity; `None` where there was nobody.
    pub fn sealed(&self) -> Option<SealedIdentity> {
        Some(SealedIdentity {
            external_id: self.external_id_sealed.clone()?,
            name: self.name_sealed.clone(),
            email: self.email_sealed.clone(),
            phone: self.phone_sealed.clone(),
            birth_date: self.birth_date_sealed.clone(),
            address: self.address_sealed.clone(),
            member_number: self.member_number_sealed.clone(),
            tags: self.tags_sealed.clone(),
            notes: self.notes_sealed.clone(),
        })
    }
}

/// Keeps the rows of the given customers as they stand, which are about to change.
pub(in crate::customers) async fn keep_versions(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    by: Replacing,
) -> Result<(), CustomerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO customer_versions (vendor_id, customer_id, row_version, replaced_at, replaced_by, job_id, undone_job_id,
                status, external_id_sealed, name_sealed, email_sealed, phone_sealed, birth_date_sealed, address_sealed,
                member_number_sealed, tags_sealed, notes_sealed, profile_sealed, source_hash, source_mapping, updated_at,
                edited_at, profile_edited_at, deleted_at)
         SELECT $1, c.id, c.row_version, $3, $4, $5, $6, c.status, c.external_id_sealed, c.name_sealed, c.email_sealed,
                c.phone_sealed, c.birth_date_sealed, c.address_sealed, c.member_number_sealed, c.tags_sealed,
                c.notes_sealed, h.profile_sealed, c.source_hash, c.source_mapping, c.updated_at, c.edited_at,
                h.edited_at, c.deleted_at
         FROM customers c LEFT JOIN health_profiles h ON h.vendor_id = $1 AND h.customer_id = c.id AND h.customer_id = ANY ($2)
         WHERE c.vendor_id = $1 AND c.id = ANY ($2)",
        vendor_id,
        &ids,
        now,
        by.user_id.map(UserId::as_uuid),
        by.job_id.map(JobId::as_uuid),
        by.undone_job_id.map(JobId::as_uuid),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes that before the given customers there was nobody.
pub(in crate::customers) async fn note_beginnings(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    by: Replacing,
) -> Result<(), CustomerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "INSERT INTO customer_versions (vendor_id, customer_id, row_version, replaced_at, replaced_by, job_id)
         SELECT $1, r.id, 0, $3, $4, $5 FROM unnest($2::uuid[]) AS r (id)",
        vendor_id,
        &ids,
        now,
        by.user_id.map(UserId::as_uuid),
        by.job_id.map(JobId::as_uuid),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// One column list for the statements that read versions.
macro_rules! versions {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            VersionRow,
            "SELECT v.customer_id, v.row_version, v.replaced_at, v.replaced_by, v.job_id, v.undone_job_id, v.status,
                    v.external_id_sealed, v.name_sealed, v.email_sealed, v.phone_sealed, v.birth_date_sealed,
                    v.address_sealed, v.member_number_sealed, v.tags_sealed, v.notes_sealed, v.profile_sealed,
                    v.updated_at, v.deleted_at
             FROM customer_versions v " + $tail,
            $($argument),+
        )
    };
}

/// Former versions of a customer up to one, newest first.
pub(super) async fn former_versions(
    tx: &mut VendorTx,
    id: CustomerId,
    upto: i64,
    most: i64,
) -> Result<Vec<VersionRow>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = versions!(
        "WHERE v.vendor_id = $1 AND v.customer_id = $2 AND v.row_version <= $3 ORDER BY v.row_version DESC LIMIT $4",
        vendor_id,
        id.as_uuid(),
        upto,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Customers behind `after` that an import wrote, by id.
pub(super) async fn written_by_import(
    tx: &mut VendorTx,
    job_id: JobId,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Vec<CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        "SELECT customer_id FROM customer_versions
         WHERE vendor_id = $1 AND job_id = $2 AND ($3::uuid IS NULL OR customer_id > $3)
         GROUP BY customer_id ORDER BY customer_id LIMIT $4",
        vendor_id,
        job_id.as_uuid(),
        after.map(CustomerId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(CustomerId::from_uuid).collect())
}

/// Those of the given customers that stand as an import left them, as they were before it; by id, their rows locked in
/// that order.
pub(super) async fn standing_as_imported(
    tx: &mut VendorTx,
    job_id: JobId,
    ids: &[CustomerId],
) -> Result<Vec<VersionRow>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    // An import may have written somebody more than once: all of the versions behind the first are its own then.
    let rows = versions!(
        "JOIN (SELECT customer_id, min(row_version) AS first, max(row_version) AS last, count(*) AS writes
               FROM customer_versions WHERE vendor_id = $1 AND job_id = $2 AND customer_id = ANY ($3)
               GROUP BY customer_id) w ON w.customer_id = v.customer_id AND w.first = v.row_version
         JOIN customers c ON c.vendor_id = $1 AND c.id = v.customer_id AND c.id = ANY ($3)
         WHERE v.vendor_id = $1 AND v.customer_id = ANY ($3)
           AND w.writes = w.last - w.first + 1 AND c.row_version = w.last + 1
         ORDER BY v.customer_id
         FOR UPDATE OF c",
        vendor_id,
        job_id.as_uuid(),
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Gives customers the source row and the marks of edits back that they had before an import.
pub(super) async fn give_back_sources(
    tx: &mut VendorTx,
    job_id: JobId,
    ids: &[CustomerId],
) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "UPDATE customers c SET source_hash = v.source_hash, source_mapping = v.source_mapping, edited_at = v.edited_at
         FROM (SELECT DISTINCT ON (customer_id) customer_id, source_hash, source_mapping, edited_at FROM customer_versions
               WHERE vendor_id = $1 AND job_id = $2 AND customer_id = ANY ($3) ORDER BY customer_id, row_version) v
         WHERE c.vendor_id = $1 AND c.id = v.customer_id AND c.id = ANY ($3)",
        vendor_id,
        job_id.as_uuid(),
        &ids,
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE health_profiles h SET edited_at = v.profile_edited_at
         FROM (SELECT DISTINCT ON (customer_id) customer_id, profile_edited_at FROM customer_versions
               WHERE vendor_id = $1 AND job_id = $2 AND customer_id = ANY ($3) ORDER BY customer_id, row_version) v
         WHERE h.vendor_id = $1 AND h.customer_id = v.customer_id AND h.customer_id = ANY ($3)",
        vendor_id,
        job_id.as_uuid(),
        &ids,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Consents that an import granted and that still stand, where none stood before it: customer and purpose.
pub(super) async fn consents_of_import(
    tx: &mut VendorTx,
    job_id: JobId,
    ids: &[CustomerId],
) -> Result<Vec<(CustomerId, String)>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        "SELECT n.customer_id, n.purpose
         FROM (SELECT DISTINCT ON (customer_id, purpose) customer_id, purpose, state, job_id FROM consents
               WHERE vendor_id = $1 AND customer_id = ANY ($3)
               ORDER BY customer_id, purpose, version DESC) n
         LEFT JOIN (SELECT DISTINCT ON (customer_id, purpose) customer_id, purpose, state FROM consents
                    WHERE vendor_id = $1 AND customer_id = ANY ($3) AND job_id IS DISTINCT FROM $2
                    ORDER BY customer_id, purpose, version DESC) b ON b.customer_id = n.customer_id AND b.purpose = n.purpose
         WHERE n.job_id = $2 AND n.state = 'granted' AND b.state IS DISTINCT FROM 'granted'",
        vendor_id,
        job_id.as_uuid(),
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.customer_id.into(), row.purpose)).collect())
}

/// A customer that an import wrote and something changed since: it is not as the import left it, and the undoing of the
/// import did not set it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedSince {
    pub customer_id: CustomerId,
    pub row_version: i64,
}

/// Customers that an import wrote and something changed since, by id, and how many there are.
pub async fn changed_since_import(
    tx: &mut VendorTx,
    job_id: JobId,
    most: i64,
) -> Result<(Vec<ChangedSince>, i64), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT c.id, c.row_version, count(*) OVER () AS "total!"
           FROM (SELECT customer_id, min(row_version) AS first, max(row_version) AS last, count(*) AS writes
                 FROM customer_versions WHERE vendor_id = $1 AND job_id = $2 GROUP BY customer_id) w
           JOIN customers c ON c.vendor_id = $1 AND c.id = w.customer_id
           WHERE (c.row_version <> w.last + 1 OR w.writes <> w.last - w.first + 1)
             AND NOT EXISTS (SELECT FROM customer_versions n
                             WHERE n.vendor_id = $1 AND n.customer_id = w.customer_id AND n.undone_job_id = $2)
           ORDER BY c.id LIMIT $3"#,
        vendor_id,
        job_id.as_uuid(),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    let changed = |id: Uuid, row_version| ChangedSince { customer_id: id.into(), row_version };
    Ok((rows.into_iter().map(|row| changed(row.id, row.row_version)).collect(), total))
}

/// What the undoing of an import did, told from the versions, whatever attempt it was that wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndoneCustomers {
    pub restored: i64,
    pub deleted: i64,
}

pub async fn count_undone(tx: &mut VendorTx, job_id: JobId) -> Result<UndoneCustomers, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE f.status IS NOT NULL AND f.deleted_at IS NULL) AS "restored!",
                  count(*) FILTER (WHERE f.status IS NULL OR f.deleted_at IS NOT NULL) AS "deleted!"
           FROM customer_versions n
           JOIN (SELECT DISTINCT ON (customer_id) customer_id, status, deleted_at FROM customer_versions
                 WHERE vendor_id = $1 AND job_id = $2 ORDER BY customer_id, row_version) f ON f.customer_id = n.customer_id
           WHERE n.vendor_id = $1 AND n.undone_job_id = $2"#,
        vendor_id,
        job_id.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(UndoneCustomers { restored: row.restored, deleted: row.deleted })
}

/// Deletes the versions of the given customers: they are erased.
pub(in crate::customers) async fn delete_versions(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "DELETE FROM customer_versions WHERE vendor_id = $1 AND customer_id = ANY ($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Deletes versions that were replaced longer ago than they are kept; says how many.
pub async fn purge_versions(database: &Database, kept: TimeDelta) -> Result<u64, DbError> {
    let mut deleted = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(deleted);
        }
        let before: DateTime<Utc> = tx.now() - kept;
        let turn = sqlx::query!(
            "DELETE FROM customer_versions v USING (
                 SELECT vendor_id, customer_id, row_version FROM customer_versions
                 WHERE replaced_at < $1 AND vendor_id <> ALL ($2) LIMIT $3) gone
             WHERE v.vendor_id = gone.vendor_id AND v.customer_id = gone.customer_id AND v.row_version = gone.row_version",
            before,
            holds.vendors(),
            VERSIONS_A_TURN,
        )
        .execute(tx.connection())
        .await?
        .rows_affected();
        tx.commit().await?;
        if turn == 0 {
            return Ok(deleted);
        }
        deleted += turn;
    }
}
