//! The matches of many customers: a job that answers them part by part, and the file that it leaves.
//!
//! Owns: `match_batches`, `match_batch_parts`. Promises: every list is what the customer's own request would have
//! given at the catalog version it names, judged twice like that; consent is asked for when a customer is answered
//! and again when the file is read; a part, its audit and the place where the next one begins are one transaction, so
//! that a worker that dies repeats and loses nothing. Emits: nothing. Never: keeps an answer in the clear.

mod export;
mod line;
mod rows;
mod run;
mod store;

pub use export::{BatchFile, batch_file};
pub use rows::{MatchedRow, matches_of_many};
pub use run::{BATCH_LANE, RunMatchBatch, run_match_batch};

use odyssey_types::{CustomerId, JobId};
use uuid::Uuid;

use super::{MatchQuery, MatchingError};
use crate::audit::{self, AuditEvent};
use crate::catalog;
use crate::db::{Database, DbError, Notice, SystemTx, VendorTx};
use crate::retention::{self, Holds};
use crate::tenancy::Purpose;

/// Customers that a batch may name; without names it is about everybody.
pub const BATCH_CUSTOMERS_MAX: usize = 10_000;
/// Products of one list of a batch, at most.
pub const BATCH_MATCHES_MAX: usize = 100;

/// Queues a batch in the caller's transaction. Named customers are answered in the order of their ids, each once.
pub async fn start_batch(
    tx: &mut VendorTx,
    customers: Option<Vec<CustomerId>>,
    query: &MatchQuery,
) -> Result<JobId, MatchingError> {
    if let Some(q) = &query.q {
        catalog::check_text(q)?;
    }
    let customers = customers.map(|mut ids| {
        ids.sort_unstable();
        ids.dedup();
        ids
    });
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(odyssey_types::UserId::as_uuid);
    let queued = odyssey_jobs::enqueue_job(tx.connection(), vendor_id, created_by, &RunMatchBatch {}, now);
    let queued = queued
        .await
        .map_err(|error| DbError::inconsistent(format!("a batch could not be queued: {error}")))?;
    let job_id = JobId::from_uuid(queued.id);
    store::insert_batch(tx, job_id, query, customers.as_deref()).await?;
    let event = AuditEvent::new("match_batch.start", "job", Purpose::Service)
        .entity(job_id)
        .count(customers.as_ref().map_or(0, |ids| ids.len() as i64))
        .detail("everybody", customers.is_none());
    audit::record(tx, event).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(job_id)
}

/// Those of the given batches that are still kept, so that they could go on.
pub async fn kept_batches(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    store::kept_batches(tx, jobs).await
}

/// Deletes the answers of ended batches; jobs that are none are passed over.
pub async fn forget_batches(tx: &mut VendorTx, jobs: &[Uuid]) -> Result<(), DbError> {
    store::delete_batches(tx, jobs).await
}

/// Deletes the batches whose time is over, but for vendors under a legal hold; returns how many parts and batches.
pub async fn purge_batches(database: &Database) -> Result<u64, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let holds = Holds::read(&mut tx).await?;
    if holds.cover_everything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let before = tx.now() - retention::MATCH_BATCHES;
    let purged = store::purge_before(&mut tx, before, holds.vendors()).await?;
    tx.commit().await?;
    Ok(purged)
}
