//! What a customer was before: former versions of record and profile, what differs between two, and the way back.
//!
//! Owns: `customer_versions`. Promises: every change of a customer's row keeps the row as it was, sealed as it lay there,
//! in the transaction of the change; see [`crate::retention`] for how long. Setting back is a write like any other and
//! makes a version of its own. Consents are never set back: what a person withdrew stays withdrawn. Lists, notes and
//! FHIR proposals are no part of a version, and a deleted customer has none to show. Emits: what the write emits.
//! Never: keeps a key beside what it opens.

mod imported_store;
mod store;
mod undo;

pub use imported_store::{ImportedSince, imported_since};
pub use store::{ChangedSince, changed_since_import, purge_versions};
pub(super) use store::{delete_versions, keep_versions, note_beginnings};
pub use undo::{UndoneCustomers, count_undone, undo_batch};

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, CustomerIdentity, CustomerStatus, HealthProfile, JobId, Page, Phi, UserId};
use odyssey_vault::PersonKey;
use serde_json::{Map, Value};

use super::plan::Stored;
use super::seal::{self, Place};
use super::write::{BatchOptions, Change, CustomerWrite, WriteResult, write_one};
use super::{CustomerError, WriteRefusal, merging, store as customers_store};
use crate::audit::{self, AuditEvent};
use crate::db::{DbError, VendorTx};
use crate::differences::{Difference, compare, leaves_of};
use crate::field::FieldError;
use crate::json;
use crate::tenancy::Purpose;
use store::VersionRow;

/// Who or what replaces a version by the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replacing {
    pub user_id: Option<UserId>,
    /// An import, or the undoing of one.
    pub job_id: Option<JobId>,
    /// The import that is undone by it.
    pub undone_job_id: Option<JobId>,
}

impl Replacing {
    pub(super) fn of(tx: &VendorTx, options: &BatchOptions) -> Self {
        match (&options.import, &options.undo) {
            (Some(import), _) => {
                Self { user_id: import.started_by, job_id: Some(import.job_id), undone_job_id: None }
            }
            (None, Some(undo)) => Self {
                user_id: undo.started_by,
                job_id: Some(undo.job_id),
                undone_job_id: Some(undo.undone_job_id),
            },
            (None, None) => Self { user_id: tx.actor().user_id, ..Self::default() },
        }
    }
}

/// What a version says of the person.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerContent {
    pub identity: CustomerIdentity,
    pub status: CustomerStatus,
    /// Empty where nothing was recorded.
    pub profile: HealthProfile,
}

impl Default for CustomerContent {
    /// Nobody in particular.
    fn default() -> Self {
        Self {
            identity: CustomerIdentity::default(),
            status: CustomerStatus::Active,
            profile: HealthProfile::default(),
        }
    }
}

/// It is personal, whoever prints it.
impl std::fmt::Debug for CustomerContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerContent(…)")
    }
}

/// A customer as it was, or is.
#[derive(Debug, Clone)]
pub struct CustomerVersion {
    pub row_version: i64,
    pub made_at: DateTime<Utc>,
    /// Who made it; `None` where that is not known any more.
    pub made_by: Option<Replacing>,
    /// When the next version took its place; `None` for the present one.
    pub replaced_at: Option<DateTime<Utc>>,
    /// The customer was deleted then.
    pub deleted: bool,
    pub content: Phi<CustomerContent>,
    /// What differs from the version before; `None` where that is not kept any more, or there is none.
    pub changes: Option<Phi<Vec<Difference>>>,
}

/// A version, and what differs between it and another one.
#[derive(Debug, Clone)]
pub struct ComparedVersion {
    pub version: CustomerVersion,
    /// The number of the other one.
    pub against: i64,
    pub differences: Phi<Vec<Difference>>,
}

/// Versions of a customer, the present one first; the cursor is the number of the last. Audited as a disclosure.
pub async fn list_versions(
    tx: &mut VendorTx,
    id: CustomerId,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<CustomerVersion>, CustomerError> {
    let (present, key) = present(tx, id).await?;
    let (before, limit) = (before.unwrap_or(i64::MAX), limit as usize);
    let mut entries = Vec::new();
    // One more: what stood before the last.
    for row in store::former_versions(tx, id, before.saturating_sub(1), limit as i64 + 1).await? {
        entries.push(open(tx, id, &key, row)?);
    }
    if present.row_version < before {
        entries.insert(0, present);
    }
    let more = entries.get(limit).is_some_and(|entry| entry.content.is_some());
    let items: Vec<CustomerVersion> =
        (0..entries.len().min(limit)).filter_map(|at| version_at(&entries, at)).collect();
    let event = AuditEvent::new("customer_version.list", "health_profile", Purpose::Service)
        .entity(id)
        .count(items.len() as i64)
        .discloses(id);
    audit::record(tx, event).await?;
    let next_cursor = items.last().filter(|_| more).map(|last| last.row_version.to_string());
    Ok(Page { items, next_cursor })
}

/// A customer as it was at a version, or is, and what differs from another one, or from the present one. Audited as a
/// disclosure.
pub async fn get_version(
    tx: &mut VendorTx,
    id: CustomerId,
    row_version: i64,
    against: Option<i64>,
) -> Result<ComparedVersion, CustomerError> {
    let (present, key) = present(tx, id).await?;
    let other = match against {
        Some(number) => content_at(tx, id, &key, &present, number).await?,
        None => present.content.clone().ok_or(CustomerError::VersionNotFound)?,
    };
    let mut entries = Vec::new();
    for row in store::former_versions(tx, id, row_version, 2).await? {
        entries.push(open(tx, id, &key, row)?);
    }
    let against = against.unwrap_or(present.row_version);
    if present.row_version == row_version {
        entries.insert(0, present);
    }
    let version = version_at(&entries, 0).filter(|version| version.row_version == row_version);
    let version = version.ok_or(CustomerError::VersionNotFound)?;
    let event = AuditEvent::new("customer_version.read", "health_profile", Purpose::Service)
        .entity(id)
        .detail("row_version", row_version)
        .detail("against", against)
        .discloses(id);
    audit::record(tx, event).await?;
    let differences = Phi::new(differences(version.content.expose(), &other));
    Ok(ComparedVersion { version, against, differences })
}

/// Sets record and profile of a customer back to a former version, as a write of the person who asks. Consents, lists and
/// notes stay as they are.
pub async fn restore_version(
    tx: &mut VendorTx,
    id: CustomerId,
    row_version: i64,
    if_versions: Option<Vec<i64>>,
) -> Result<WriteResult, CustomerError> {
    let (present, key) = present(tx, id).await?;
    let former =
        if present.row_version == row_version { present } else { find(tx, id, &key, row_version).await? };
    if former.deleted {
        let detail = "the customer was deleted at this version; choose one before or after it";
        let error = FieldError::new("/row_version", "deleted", detail);
        return Err(WriteRefusal::Invalid(vec![error]).into());
    }
    let content = former.content.ok_or(CustomerError::VersionNotFound)?;
    let write = CustomerWrite { if_versions, ..CustomerWrite::by_id(id, restoring(content)) };
    let result = write_one(tx, write).await?;
    let event = AuditEvent::new("customer.restore", "health_profile", Purpose::Service)
        .entity(id)
        .detail("row_version", row_version)
        .discloses(id);
    audit::record(tx, event).await?;
    Ok(result)
}

fn restoring(content: CustomerContent) -> Change {
    let CustomerContent { identity, status, profile } = content;
    Change::Restore { identity: Phi::new(identity), status, profile: Phi::new(Box::new(profile)) }
}

/// A version, opened.
struct Entry {
    row_version: i64,
    made_at: DateTime<Utc>,
    deleted: bool,
    replaced: Option<(DateTime<Utc>, Replacing)>,
    /// Absent where there was nobody.
    content: Option<CustomerContent>,
}

/// The version at a place of a list that is in order, newest first.
fn version_at(entries: &[Entry], at: usize) -> Option<CustomerVersion> {
    let entry = entries.get(at)?;
    let content = entry.content.clone()?;
    let older = entries.get(at + 1).filter(|older| older.row_version + 1 == entry.row_version);
    let changes = older.and_then(|older| older.content.as_ref()).map(|older| differences(older, &content));
    Some(CustomerVersion {
        row_version: entry.row_version,
        made_at: entry.made_at,
        made_by: older.and_then(|older| older.replaced).map(|(_, by)| by),
        replaced_at: entry.replaced.map(|(at, _)| at),
        deleted: entry.deleted,
        content: Phi::new(content),
        changes: changes.map(Phi::new),
    })
}

/// The values that differ, in the order of their pointers; lists are compared whole.
pub(super) fn differences(before: &CustomerContent, after: &CustomerContent) -> Vec<Difference> {
    compare(leaves_of(values_of(before)), leaves_of(values_of(after)))
}

fn values_of(content: &CustomerContent) -> Map<String, Value> {
    // Both are written as JSON by every write of a customer; what cannot be has no values to compare.
    let mut values = json::to_object(&content.identity).unwrap_or_default();
    let mut profile = json::to_object(&content.profile).unwrap_or_default();
    // An empty list says no more than none.
    for fields in [&mut values, &mut profile] {
        fields.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    values.insert("status".to_owned(), Value::from(content.status.as_str()));
    values.insert("profile".to_owned(), Value::Object(profile));
    values
}

/// The customer as it is, and the key that opens what it was.
async fn present(tx: &mut VendorTx, id: CustomerId) -> Result<(Entry, PersonKey), CustomerError> {
    let (keys, vendor_id) = (tx.keys()?, tx.vendor_id());
    let Some(row) = customers_store::find_customers(tx, &[id]).await?.pop() else {
        return Err(merging::gone(tx, id).await?);
    };
    let profile = customers_store::find_profiles(tx, &[id]).await?.remove(&id);
    let Stored { customer, key, profile, .. } = Stored::open(&keys, vendor_id, row, profile)?;
    let content = CustomerContent {
        identity: customer.identity.into_exposed(),
        status: customer.status,
        profile: profile.map(|stored| stored.profile.into_exposed()).unwrap_or_default(),
    };
    let entry = Entry {
        row_version: customer.row_version,
        made_at: customer.updated_at,
        deleted: false,
        replaced: None,
        content: Some(content),
    };
    Ok((entry, key))
}

async fn content_at(
    tx: &mut VendorTx,
    id: CustomerId,
    key: &PersonKey,
    present: &Entry,
    row_version: i64,
) -> Result<CustomerContent, CustomerError> {
    let content = if present.row_version == row_version {
        present.content.clone()
    } else {
        find(tx, id, key, row_version).await?.content
    };
    content.ok_or(CustomerError::VersionNotFound)
}

async fn find(
    tx: &mut VendorTx,
    id: CustomerId,
    key: &PersonKey,
    row_version: i64,
) -> Result<Entry, CustomerError> {
    let row = store::former_versions(tx, id, row_version, 1).await?.pop();
    let row = row.filter(|row| row.row_version == row_version).ok_or(CustomerError::VersionNotFound)?;
    open(tx, id, key, row)
}

fn open(tx: &VendorTx, id: CustomerId, key: &PersonKey, row: VersionRow) -> Result<Entry, CustomerError> {
    let replacing = Replacing {
        user_id: row.replaced_by.map(Into::into),
        job_id: row.job_id.map(Into::into),
        undone_job_id: row.undone_job_id.map(Into::into),
    };
    Ok(Entry {
        row_version: row.row_version,
        made_at: row.updated_at.unwrap_or(row.replaced_at),
        deleted: row.deleted_at.is_some(),
        replaced: Some((row.replaced_at, replacing)),
        content: content_of(tx, id, key, &row)?,
    })
}

/// What a version holds; `None` where there was nobody.
fn content_of(
    tx: &VendorTx,
    id: CustomerId,
    key: &PersonKey,
    row: &VersionRow,
) -> Result<Option<CustomerContent>, CustomerError> {
    let (Some(sealed), Some(status)) = (row.sealed(), row.status.as_deref()) else { return Ok(None) };
    let status = CustomerStatus::parse(status).ok_or_else(|| {
        DbError::inconsistent(format!("a version of customer {id} has an unreadable status"))
    })?;
    let place = Place { vendor: tx.vendor_id(), customer: id };
    let (_, identity) = seal::open_identity(place, key, &sealed)?;
    let profile =
        row.profile_sealed.as_deref().map(|sealed| seal::open_profile(place, key, sealed)).transpose()?;
    Ok(Some(CustomerContent {
        identity: identity.into_exposed(),
        status,
        profile: profile.map(Phi::into_exposed).unwrap_or_default(),
    }))
}
