//! Notes on a customer: what a vendor's people write down, about the person or about a product for the person.
//!
//! Owns: `customer_notes`. Promises: a text is sealed under the person's key, so it ends with it; it is read only with
//! an audit row that names the person; a note keeps its author and its time through changes and merges. Emits:
//! nothing, since no match depends on a note. Never: puts a text into an error, a log line or the trail.

mod store;

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, LIST_LIMIT_MAX, NoteId, Page, Phi, ProductId, UserId};
use odyssey_vault::{Aad, PersonKey, VaultError};

use super::store::CustomerRow;
use super::validate::check_text;
use super::{CustomerError, WriteRefusal, merging, store as customers_store};
use crate::audit::{self, AuditEvent};
// Edge: a note may be about a product, and only the catalog knows whether there is one.
use crate::catalog;
use crate::db::VendorTx;
use crate::field::FieldError;
use crate::tenancy::Purpose;

/// Longest text of a note, in characters: about a page.
pub const NOTE_LENGTH_MAX: usize = 4_000;
/// Notes on one customer at most, those on products included: a merge opens and seals all of them.
pub const NOTES_MAX: usize = 500;

/// A note, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: NoteId,
    pub customer_id: CustomerId,
    /// The product that it is about; `None` where it is about the customer alone.
    pub product_id: Option<ProductId>,
    pub text: Phi<String>,
    pub row_version: i64,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
    /// Who changed the text last, and when; as created where nobody did.
    pub updated_by: Option<UserId>,
    pub updated_at: DateTime<Utc>,
}

/// Notes on a customer, newest first, of all or of one product; audited as a disclosure.
pub async fn list_notes(
    tx: &mut VendorTx,
    id: CustomerId,
    product_id: Option<ProductId>,
    before: Option<NoteId>,
    limit: u32,
) -> Result<Page<Note>, CustomerError> {
    let Some(customer) = customers_store::find_customers(tx, &[id]).await?.pop() else {
        return Err(merging::gone(tx, id).await?);
    };
    let limit = limit.clamp(1, LIST_LIMIT_MAX) as usize;
    let mut rows = store::page_of_notes(tx, id, product_id, before, limit as i64 + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let key = key_of(tx, &customer)?;
    let items = open_all(tx, &key, rows)?;
    let event = AuditEvent::new("customer_note.list", "customer", Purpose::Service)
        .entity(id)
        .count(items.len() as i64)
        .discloses(id);
    audit::record(tx, event).await?;
    let next_cursor = items.last().filter(|_| more).map(|note| note.id.to_string());
    Ok(Page { items, next_cursor })
}

/// Writes a note down; audited. The caller commits.
pub async fn create_note(
    tx: &mut VendorTx,
    id: CustomerId,
    product_id: Option<ProductId>,
    text: Phi<String>,
) -> Result<Note, CustomerError> {
    check(&text)?;
    let customer = lock(tx, id).await?;
    if let Some(product_id) = product_id {
        let product = catalog::find_product(tx, product_id).await?;
        product.ok_or(CustomerError::ProductNotFound(product_id))?;
    }
    if store::count_notes(tx, id).await? >= NOTES_MAX as i64 {
        return Err(CustomerError::NotesFull { max: NOTES_MAX });
    }
    let (now, by) = (tx.now(), tx.actor().user_id);
    let note = Note {
        id: NoteId::generate(now),
        customer_id: id,
        product_id,
        text,
        row_version: 1,
        created_by: by,
        created_at: now,
        updated_by: by,
        updated_at: now,
    };
    let key = key_of(tx, &customer)?;
    let sealed = seal(tx, &key, note.id, &note.text)?;
    store::insert_note(tx, &note, &sealed).await?;
    record(tx, "customer_note.create", &note, true).await?;
    Ok(note)
}

/// Changes the text of a note; audited. `None` for the text leaves it as it is. The caller commits.
pub async fn update_note(
    tx: &mut VendorTx,
    id: CustomerId,
    note_id: NoteId,
    text: Option<Phi<String>>,
    if_versions: Option<Vec<i64>>,
) -> Result<Note, CustomerError> {
    if let Some(text) = &text {
        check(text)?;
    }
    let customer = lock(tx, id).await?;
    let row = store::find_note(tx, id, note_id).await?.ok_or(CustomerError::NoteNotFound)?;
    check_version(&row, if_versions)?;
    let key = key_of(tx, &customer)?;
    let mut note = open(tx, &key, row)?;
    if let Some(text) = text.filter(|text| *text != note.text) {
        note.text = text;
        note.row_version += 1;
        (note.updated_by, note.updated_at) = (tx.actor().user_id, tx.now());
        let sealed = seal(tx, &key, note.id, &note.text)?;
        store::update_note(tx, &note, &sealed).await?;
    }
    record(tx, "customer_note.update", &note, true).await?;
    Ok(note)
}

/// Deletes a note; audited. The caller commits.
pub async fn delete_note(
    tx: &mut VendorTx,
    id: CustomerId,
    note_id: NoteId,
    if_versions: Option<Vec<i64>>,
) -> Result<(), CustomerError> {
    let customer = lock(tx, id).await?;
    let row = store::find_note(tx, id, note_id).await?.ok_or(CustomerError::NoteNotFound)?;
    check_version(&row, if_versions)?;
    let key = key_of(tx, &customer)?;
    let note = open(tx, &key, row)?;
    store::delete_note(tx, id, note_id).await?;
    record(tx, "customer_note.delete", &note, false).await
}

/// Every note of a customer, newest first. The caller audits.
pub(super) async fn notes_of(
    tx: &mut VendorTx,
    id: CustomerId,
    key: &PersonKey,
) -> Result<Vec<Note>, CustomerError> {
    let rows = store::page_of_notes(tx, id, None, None, NOTES_MAX as i64).await?;
    open_all(tx, key, rows)
}

/// Gives notes to another customer, with their authors and times, sealed under that one's key.
pub(super) async fn move_notes(
    tx: &mut VendorTx,
    notes: &[Note],
    to: CustomerId,
    key: &PersonKey,
) -> Result<(), CustomerError> {
    for note in notes {
        let sealed = seal(tx, key, note.id, &note.text)?;
        store::move_note(tx, note, to, &sealed).await?;
    }
    Ok(())
}

pub(super) use store::delete_notes;

async fn record(
    tx: &mut VendorTx,
    action: &'static str,
    note: &Note,
    discloses: bool,
) -> Result<(), CustomerError> {
    let mut event = AuditEvent::new(action, "customer", Purpose::Service)
        .entity(note.customer_id)
        .detail("note_id", note.id.to_string());
    if let Some(product_id) = note.product_id {
        event = event.detail("product_id", product_id.to_string());
    }
    if discloses {
        event = event.discloses(note.customer_id);
    }
    audit::record(tx, event).await?;
    Ok(())
}

/// Locks the customer, as every writer does.
async fn lock(tx: &mut VendorTx, id: CustomerId) -> Result<CustomerRow, CustomerError> {
    let row = customers_store::lock_customers(tx, &[id]).await?.pop();
    match row.filter(|row| row.deleted_at.is_none()) {
        Some(row) => Ok(row),
        None => Err(merging::gone(tx, id).await?),
    }
}

fn check(text: &Phi<String>) -> Result<(), CustomerError> {
    let mut errors = Vec::new();
    check_text(&mut errors, "/text", text.expose(), NOTE_LENGTH_MAX);
    if text.expose().trim().is_empty() {
        errors.push(FieldError::new("/text", "blank", "a note is not blank"));
    }
    if errors.is_empty() { Ok(()) } else { Err(WriteRefusal::Invalid(errors).into()) }
}

fn check_version(row: &store::NoteRow, if_versions: Option<Vec<i64>>) -> Result<(), CustomerError> {
    match if_versions {
        Some(wanted) if !wanted.contains(&row.row_version) => {
            Err(WriteRefusal::VersionMismatch { current: row.row_version }.into())
        }
        _ => Ok(()),
    }
}

fn key_of(tx: &VendorTx, customer: &CustomerRow) -> Result<PersonKey, CustomerError> {
    Ok(tx.keys()?.open_person_key(customer.id, &customer.person_key)?)
}

fn aad(tx: &VendorTx, id: NoteId) -> Aad {
    Aad { vendor: tx.vendor_id(), row: id.as_uuid(), column: "customer_notes.text" }
}

fn seal(tx: &VendorTx, key: &PersonKey, id: NoteId, text: &Phi<String>) -> Result<Vec<u8>, VaultError> {
    key.seal(&aad(tx, id), text.expose().as_bytes())
}

fn open(tx: &VendorTx, key: &PersonKey, row: store::NoteRow) -> Result<Note, VaultError> {
    let id = NoteId::from_uuid(row.id);
    let aad = aad(tx, id);
    let plaintext = key.open(&aad, &row.text_sealed)?;
    let text = std::str::from_utf8(&plaintext).map_err(|_| VaultError::Format { what: aad.column })?;
    Ok(Note {
        id,
        customer_id: row.customer_id.into(),
        product_id: row.product_id.map(Into::into),
        text: Phi::new(text.to_owned()),
        row_version: row.row_version,
        created_by: row.created_by.map(Into::into),
        created_at: row.created_at,
        updated_by: row.updated_by.map(Into::into),
        updated_at: row.updated_at,
    })
}

fn open_all(tx: &VendorTx, key: &PersonKey, rows: Vec<store::NoteRow>) -> Result<Vec<Note>, CustomerError> {
    let notes = rows.into_iter().map(|row| open(tx, key, row));
    Ok(notes.collect::<Result<_, _>>()?)
}
