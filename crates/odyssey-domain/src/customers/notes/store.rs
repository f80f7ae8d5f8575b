//! All SQL on `customer_notes`. Texts pass here sealed.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, NoteId, ProductId, UserId};
use uuid::Uuid;

use super::Note;
use crate::customers::CustomerError;
use crate::db::VendorTx;

/// A note as stored.
#[derive(Debug)]
pub(super) struct NoteRow {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub product_id: Option<Uuid>,
    pub text_sealed: Vec<u8>,
    pub row_version: i64,
    pub created_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub updated_by: Option<Uuid>,
    pub updated_at: DateTime<Utc>,
}

/// One column list for the statements that read notes.
macro_rules! notes {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            NoteRow,
            "SELECT id, customer_id, product_id, text_sealed, row_version, created_by, created_at, updated_by, updated_at
             FROM customer_notes " + $tail,
            $($argument),+
        )
    };
}

/// Notes on a customer before an id, newest first.
pub(super) async fn page_of_notes(
    tx: &mut VendorTx,
    id: CustomerId,
    product_id: Option<ProductId>,
    before: Option<NoteId>,
    most: i64,
) -> Result<Vec<NoteRow>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = notes!(
        "WHERE vendor_id = $1 AND customer_id = $2 AND ($3::uuid IS NULL OR product_id = $3)
           AND ($4::uuid IS NULL OR id < $4)
         ORDER BY id DESC LIMIT $5",
        vendor_id,
        id.as_uuid(),
        product_id.map(ProductId::as_uuid),
        before.map(NoteId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

pub(super) async fn find_note(
    tx: &mut VendorTx,
    id: CustomerId,
    note_id: NoteId,
) -> Result<Option<NoteRow>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = notes!(
        "WHERE vendor_id = $1 AND customer_id = $2 AND id = $3",
        vendor_id,
        id.as_uuid(),
        note_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

pub(super) async fn count_notes(tx: &mut VendorTx, id: CustomerId) -> Result<i64, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM customer_notes WHERE vendor_id = $1 AND customer_id = $2"#,
        vendor_id,
        id.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

pub(super) async fn insert_note(tx: &mut VendorTx, note: &Note, sealed: &[u8]) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "INSERT INTO customer_notes (vendor_id, customer_id, id, product_id, text_sealed, row_version, created_by,
                created_at, updated_by, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        vendor_id,
        note.customer_id.as_uuid(),
        note.id.as_uuid(),
        note.product_id.map(ProductId::as_uuid),
        sealed,
        note.row_version,
        note.created_by.map(UserId::as_uuid),
        note.created_at,
        note.updated_by.map(UserId::as_uuid),
        note.updated_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn update_note(tx: &mut VendorTx, note: &Note, sealed: &[u8]) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE customer_notes SET text_sealed = $4, row_version = $5, updated_by = $6, updated_at = $7
         WHERE vendor_id = $1 AND customer_id = $2 AND id = $3",
        vendor_id,
        note.customer_id.as_uuid(),
        note.id.as_uuid(),
        sealed,
        note.row_version,
        note.updated_by.map(UserId::as_uuid),
        note.updated_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Gives a note to another customer, sealed anew; nobody has changed it.
pub(super) async fn move_note(
    tx: &mut VendorTx,
    note: &Note,
    to: CustomerId,
    sealed: &[u8],
) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE customer_notes SET customer_id = $4, text_sealed = $5
         WHERE vendor_id = $1 AND customer_id = $2 AND id = $3",
        vendor_id,
        note.customer_id.as_uuid(),
        note.id.as_uuid(),
        to.as_uuid(),
        sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn delete_note(
    tx: &mut VendorTx,
    id: CustomerId,
    note_id: NoteId,
) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "DELETE FROM customer_notes WHERE vendor_id = $1 AND customer_id = $2 AND id = $3",
        vendor_id,
        id.as_uuid(),
        note_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Deletes all notes of the given customers.
pub(in crate::customers) async fn delete_notes(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<(), CustomerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "DELETE FROM customer_notes WHERE vendor_id = $1 AND customer_id = ANY ($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
