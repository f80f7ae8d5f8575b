//! Statements on `import_mappings`. Versions are written once and never changed.

use chrono::{DateTime, Utc};
use odyssey_tabular::Mode;
use odyssey_types::UserId;
use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, VendorTx};
use crate::ingestion::MappingVersion;

struct Stored {
    version: i64,
    body: Option<Value>,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Stored> for MappingVersion {
    type Error = DbError;

    fn try_from(row: Stored) -> Result<Self, DbError> {
        let mapping = row.body.map(serde_json::from_value).transpose();
        Ok(Self {
            mapping: mapping.map_err(|_| {
                DbError::inconsistent(format!("version {} of a mapping cannot be read", row.version))
            })?,
            version: row.version,
            created_by: row.created_by.map(UserId::from_uuid),
            created_at: row.created_at,
        })
    }
}

/// The newest version, or the one that is named.
pub(in crate::ingestion) async fn find_mapping(
    tx: &mut VendorTx,
    mode: Mode,
    version: Option<i64>,
) -> Result<Option<MappingVersion>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query_as!(
        Stored,
        "SELECT version, body, created_by, created_at FROM import_mappings
         WHERE vendor_id = $1 AND mode = $2 AND ($3::bigint IS NULL OR version = $3)
         ORDER BY version DESC LIMIT 1",
        vendor_id,
        mode.as_str(),
        version,
    )
    .fetch_optional(tx.connection())
    .await?;
    row.map(MappingVersion::try_from).transpose()
}

/// Newest first.
pub(in crate::ingestion) async fn list_mappings(
    tx: &mut VendorTx,
    mode: Mode,
    before: Option<i64>,
    most: i64,
) -> Result<Vec<MappingVersion>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        Stored,
        "SELECT version, body, created_by, created_at FROM import_mappings
         WHERE vendor_id = $1 AND mode = $2 AND ($3::bigint IS NULL OR version < $3)
         ORDER BY version DESC LIMIT $4",
        vendor_id,
        mode.as_str(),
        before,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter().map(MappingVersion::try_from).collect()
}

/// False where the version is there already.
pub(in crate::ingestion) async fn insert_mapping(
    tx: &mut VendorTx,
    mode: Mode,
    version: &MappingVersion,
) -> Result<bool, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let body =
        version.mapping.as_ref().map(serde_json::to_value).transpose().map_err(|error| {
            DbError::inconsistent(format!("a mapping cannot be written as JSON: {error}"))
        })?;
    let done = sqlx::query!(
        "INSERT INTO import_mappings (vendor_id, mode, version, body, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT import_mappings_pkey DO NOTHING",
        vendor_id,
        mode.as_str(),
        version.version,
        body,
        version.created_by.map(UserId::as_uuid),
        version.created_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes the versions up to this one.
pub(in crate::ingestion) async fn delete_mappings(
    tx: &mut VendorTx,
    mode: Mode,
    upto: i64,
) -> Result<(), DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "DELETE FROM import_mappings WHERE vendor_id = $1 AND mode = $2 AND version <= $3",
        vendor_id,
        mode.as_str(),
        upto,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
