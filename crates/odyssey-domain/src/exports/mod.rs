//! What a vendor takes out again: products, customers, profiles, matches and the audit trail, as a file.
//!
//! Owns: `exports`, `export_parts`. Promises: a file of products, customers or profiles reads back with every row
//! unchanged; a part, its audit and the place where the next one begins are one transaction, so that a worker that
//! dies repeats and loses nothing and no row is in a file twice; a person who was deleted or erased since is left out
//! on the way out, and so is whoever no longer consents from a file of matches; a file is given out for a day. Emits:
//! nothing. Never: keeps a row in the clear.

mod error;
mod file;
mod kinds;
mod run;
mod store;

pub use error::ExportError;
pub use file::{ExportFile, export_file};
pub use run::{EXPORT_LANE, EXPORT_ROWS_MAX, RunExport, run_export};

use chrono::{DateTime, Utc};
pub use odyssey_tabular::export::FileFormat;
use odyssey_types::{JobId, Page, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::{self, AuditEvent, AuditRange};
use crate::catalog::{self, ProductsToExport};
use crate::customers::PeopleToExport;
use crate::db::{Database, DbError, Notice, SystemTx, VendorTx};
use crate::matching::MatchQuery;
use crate::retention::{self, Holds};
use crate::tenancy::{Permission, Purpose};

/// Exports of one vendor that wait or run at once: each reads a whole table.
pub const EXPORTS_UNDER_WAY_MAX: i64 = 5;

/// What a file is about, and which of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "filters", rename_all = "snake_case")]
pub enum ExportOf {
    Products(ProductsToExport),
    /// Who people are.
    Customers(PeopleToExport),
    /// What their health profiles say.
    Profiles(PeopleToExport),
    Matches(MatchQuery),
    Audit(AuditRange),
}

impl ExportOf {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Products(_) => "products",
            Self::Customers(_) => "customers",
            Self::Profiles(_) => "profiles",
            Self::Matches(_) => "matches",
            Self::Audit(_) => "audit",
        }
    }
}

/// Who may ask for a file of this kind, and fetch it.
pub fn permission_for(kind: &str) -> Permission {
    match kind {
        "products" => Permission::ProductsRead,
        "audit" => Permission::AuditRead,
        _ => Permission::HealthRead,
    }
}

/// An export as its vendor sees it.
#[derive(Debug, Clone)]
pub struct Export {
    pub id: JobId,
    pub kind: String,
    pub format: FileFormat,
    /// Of the job; absent where that was deleted.
    pub state: Option<String>,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
    pub row_count: i64,
    pub byte_count: i64,
    pub finished_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// The name of a format as it is stored.
pub(crate) const fn format_name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Csv => "csv",
        FileFormat::Ndjson => "ndjson",
    }
}

/// Queues an export in the caller's transaction.
pub async fn start_export(
    tx: &mut VendorTx,
    of: &ExportOf,
    format: FileFormat,
) -> Result<JobId, ExportError> {
    if let ExportOf::Matches(MatchQuery { q: Some(q), .. }) = of {
        catalog::check_text(q)?;
    }
    store::lock_exports(tx).await?;
    if store::count_under_way(tx).await? >= EXPORTS_UNDER_WAY_MAX {
        return Err(ExportError::TooManyUnderWay);
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(UserId::as_uuid);
    let queued = odyssey_jobs::enqueue_job(tx.connection(), vendor_id, created_by, &RunExport {}, now).await;
    let queued =
        queued.map_err(|error| DbError::inconsistent(format!("an export could not be queued: {error}")))?;
    let job_id = JobId::from_uuid(queued.id);
    store::insert_export(tx, job_id, of, format).await?;
    let event = AuditEvent::new("export.start", "export", Purpose::Operations)
        .entity(job_id)
        .detail("kind", of.kind())
        .detail("format", format_name(format));
    audit::record(tx, event).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(job_id)
}

/// A page of exports, newest first; `before` is the last one of the page before.
pub async fn list_exports(
    tx: &mut VendorTx,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: u32,
) -> Result<Page<Export>, ExportError> {
    let mut items = store::list_exports(tx, None, before, i64::from(limit) + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|last| write_place(last.created_at, last.id));
    Ok(Page { items, next_cursor })
}

fn write_place(created_at: DateTime<Utc>, id: JobId) -> String {
    format!("{}_{}", created_at.timestamp_micros(), id.as_uuid().simple())
}

/// The place in the list that [`list_exports`] wrote.
pub fn read_place(cursor: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (micros, id) = cursor.split_once('_')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, Uuid::try_parse(id).ok()?))
}

/// One export.
pub async fn get_export(tx: &mut VendorTx, id: JobId) -> Result<Export, ExportError> {
    store::list_exports(tx, Some(id), None, 1).await?.pop().ok_or(ExportError::NotFound)
}

/// Deletes an export and what it wrote; one that is under way ends.
pub async fn delete_export(tx: &mut VendorTx, id: JobId) -> Result<(), ExportError> {
    if retention::is_held(tx.database(), tx.vendor_id()).await? {
        return Err(ExportError::UnderLegalHold);
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    odyssey_jobs::cancel(tx.connection(), vendor_id, id.as_uuid(), now)
        .await
        .map_err(|error| DbError::inconsistent(format!("an export could not be ended: {error}")))?;
    store::delete_exports(tx, &[id.as_uuid()]).await?;
    let event = AuditEvent::new("export.delete", "export", Purpose::Operations).entity(id);
    audit::record(tx, event).await?;
    Ok(())
}

/// Those of the given exports that are still kept, so that they could go on.
pub async fn kept_exports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    store::kept_exports(tx, jobs).await
}

/// Deletes what ended exports wrote; jobs that are none are passed over.
pub async fn forget_exports(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    store::delete_exports(tx, jobs).await
}

/// Deletes the exports whose time is over, but for vendors under a legal hold; returns how many parts and exports.
pub async fn purge_exports(database: &Database) -> Result<u64, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let holds = Holds::read(&mut tx).await?;
    if holds.cover_everything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let now = tx.now();
    let purged =
        store::purge_exports(&mut tx, now, now - retention::UNFINISHED_EXPORTS, holds.vendors()).await?;
    tx.commit().await?;
    Ok(purged)
}
