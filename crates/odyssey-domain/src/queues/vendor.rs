//! A vendor's jobs, changed by its people.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use odyssey_jobs::{ActFilter, CancelOutcome, Chosen, Enqueued, Job, JobAct, JobState};
use odyssey_types::JobId;
use uuid::Uuid;

use super::QueuesError;
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::exports::{self, RunExport};
use crate::ingestion::{self, ImportObject, RunImport};
use crate::matching::{self, RunMatchBatch};
use crate::retention;
use crate::tenancy::Purpose;

/// Jobs that one call changes: what one transaction locks, for seconds at most.
pub const CHANGED_MAX: u32 = 1_000;

/// Which jobs; what is left out narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct JobsFilter {
    pub job_ids: Option<Vec<JobId>>,
    pub state: Option<JobState>,
    pub kind: Option<String>,
    pub lane: Option<String>,
    /// Created at this instant or later.
    pub created_from: Option<DateTime<Utc>>,
    pub created_before: Option<DateTime<Utc>>,
}

/// What is to be done to many jobs.
#[derive(Debug, Clone)]
pub struct JobChange {
    pub act: JobAct,
    pub filter: JobsFilter,
    /// Counts and changes nothing.
    pub dry_run: bool,
    /// At most so many jobs, [`CHANGED_MAX`] at most.
    pub limit: u32,
    /// Only jobs younger than this one: where an earlier call ended.
    pub after: Option<JobId>,
}

/// What became of it.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// Jobs that the filter names and the act fits, at the beginning of this call.
    pub matched: u64,
    pub changed: u64,
    /// Left out since something held them at that moment (their own run that records its progress).
    pub busy: u64,
    /// Left out since what they work on is gone.
    pub refused: u64,
    /// The last job that was looked at, where there are more behind it.
    pub next: Option<JobId>,
    /// To be told to the workers after the commit.
    pub revived: Revived,
    /// Whether somebody who runs was asked to stop; the workers hear of it after the commit.
    pub stops_requested: bool,
}

/// Jobs that are back in the queue, for [`odyssey_jobs::Wake::enqueued`] after the commit.
pub type Revived = Vec<Enqueued>;

/// Runs a failed or canceled job again, with all its attempts; an import goes on behind the rows that are merged.
pub async fn retry_job(tx: &mut VendorTx, job_id: JobId) -> Result<Revived, QueuesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let found = odyssey_jobs::get(tx.connection(), vendor_id, job_id.as_uuid()).await?;
    let record = found.ok_or(QueuesError::JobNotFound)?;
    if !JobAct::Retry.states().contains(&record.state) {
        return Err(QueuesError::NotRetryable("Only a failed or a canceled job runs again."));
    }
    let change = act_on(tx, JobAct::Retry, vec![Chosen { id: record.id, kind: record.kind }]).await?;
    if change.refused > 0 {
        return Err(QueuesError::NotRetryable("What it works on is gone; start it anew."));
    }
    if change.busy > 0 {
        return Err(QueuesError::NotRetryable("Somebody changes it at this moment; try again."));
    }
    audit::record(tx, AuditEvent::new("job.retry", "job", Purpose::Operations).entity(job_id)).await?;
    Ok(change.revived)
}

/// Does one thing to the jobs of a filter, oldest first. Each takes the step that it could take alone; the others are
/// left out and counted.
pub async fn change_jobs(tx: &mut VendorTx, change: &JobChange) -> Result<Changed, QueuesError> {
    if change.act == JobAct::Delete && !change.dry_run {
        refuse_under_hold(tx).await?;
    }
    let ids: Option<Vec<Uuid>> =
        change.filter.job_ids.as_ref().map(|ids| ids.iter().map(|id| id.as_uuid()).collect());
    let filter = ActFilter {
        ids: ids.as_deref(),
        state: change.filter.state,
        kind: change.filter.kind.as_deref(),
        lane: change.filter.lane.as_deref(),
        created_from: change.filter.created_from,
        created_before: change.filter.created_before,
        after: change.after.map(JobId::as_uuid),
    };
    let vendor_id = tx.vendor_id().as_uuid();
    let matched =
        odyssey_jobs::count_for(tx.connection(), vendor_id, change.act, filter).await?.unsigned_abs();
    let mut changed = if change.dry_run {
        Changed::default()
    } else {
        let limit = i64::from(change.limit.min(CHANGED_MAX));
        let chosen = odyssey_jobs::find_for(tx.connection(), vendor_id, change.act, filter, limit).await?;
        let last = chosen.last().map(|job| JobId::from_uuid(job.id));
        let more = matched > chosen.len() as u64;
        Changed { next: last.filter(|_| more), ..act_on(tx, change.act, chosen).await? }
    };
    changed.matched = matched;
    audit::record(tx, event_of(change, &changed)).await?;
    Ok(changed)
}

fn event_of(change: &JobChange, changed: &Changed) -> AuditEvent {
    let filter = &change.filter;
    let mut event = AuditEvent::new("job.change", "job", Purpose::Operations)
        .count(i64::try_from(changed.changed).unwrap_or(i64::MAX))
        .detail("act", word_of(change.act))
        .detail("dry_run", change.dry_run)
        .detail("matched", changed.matched)
        .detail("busy", changed.busy)
        .detail("refused", changed.refused);
    if let Some(ids) = &filter.job_ids {
        event = event.detail("job_ids", ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    if let Some(state) = filter.state {
        event = event.detail("state", state.as_str());
    }
    for (name, value) in [("kind", &filter.kind), ("lane", &filter.lane)] {
        if let Some(value) = value {
            event = event.detail(name, value.clone());
        }
    }
    for (name, at) in [("created_from", filter.created_from), ("created_before", filter.created_before)] {
        if let Some(at) = at {
            event = event.detail(name, at.to_rfc3339());
        }
    }
    event
}

const fn word_of(act: JobAct) -> &'static str {
    match act {
        JobAct::Retry => "retry",
        JobAct::Redrive => "redrive",
        JobAct::Cancel => "cancel",
        JobAct::Delete => "delete",
    }
}

async fn act_on(tx: &mut VendorTx, act: JobAct, chosen: Vec<Chosen>) -> Result<Changed, QueuesError> {
    let (vendor_id, now, all) = (tx.vendor_id().as_uuid(), tx.now(), chosen.len());
    let wanted: Vec<Uuid> = match act {
        JobAct::Retry | JobAct::Redrive => startable(tx, chosen).await?,
        JobAct::Cancel => chosen.into_iter().map(|job| job.id).collect(),
        JobAct::Delete => {
            let ids: Vec<Uuid> = chosen.into_iter().map(|job| job.id).collect();
            let needed = ingestion::needed_imports(tx, &ids).await?;
            ids.into_iter().filter(|id| !needed.contains(id)).collect()
        }
    };
    let locked = odyssey_jobs::lock_for(tx.connection(), vendor_id, act, &wanted).await?;
    let mut changed = Changed {
        changed: locked.len() as u64,
        busy: (wanted.len() - locked.len()) as u64,
        refused: (all - wanted.len()) as u64,
        ..Changed::default()
    };
    match act {
        JobAct::Retry | JobAct::Redrive => {
            ingestion::reopen_imports(tx, &locked).await?;
            changed.revived = odyssey_jobs::revive_many(tx.connection(), vendor_id, &locked, now).await?;
        }
        JobAct::Cancel => {
            let outcomes = odyssey_jobs::cancel_many(tx.connection(), vendor_id, &locked, now).await?;
            let ended = outcomes.iter().filter(|(_, outcome)| *outcome == CancelOutcome::Canceled);
            let ended: Vec<Uuid> = ended.map(|(id, _)| *id).collect();
            changed.stops_requested = ended.len() < outcomes.len();
            ingestion::end_imports(tx, &ended).await?;
        }
        JobAct::Delete => {
            let deleted = odyssey_jobs::delete_many(tx.connection(), vendor_id, &locked).await?;
            ingestion::forget_imports(tx, &deleted).await?;
            matching::forget_batches(tx, &deleted).await?;
            exports::forget_exports(tx, &deleted).await?;
        }
    }
    Ok(changed)
}

/// Those whose work is still there: an import without its file, or a batch that was purged, could only fail again.
async fn startable(tx: &mut VendorTx, chosen: Vec<Chosen>) -> Result<Vec<Uuid>, QueuesError> {
    let of_kind = |kind: &str| -> Vec<Uuid> {
        chosen.iter().filter(|job| job.kind == kind).map(|job| job.id).collect()
    };
    let imports = [of_kind(RunImport::KIND), of_kind(ImportObject::KIND)].concat();
    let batches = of_kind(RunMatchBatch::KIND);
    let exports = of_kind(RunExport::KIND);
    let mut gone: HashSet<Uuid> = imports.iter().chain(&batches).chain(&exports).copied().collect();
    for there in ingestion::startable_imports(tx, &imports).await? {
        gone.remove(&there);
    }
    for there in matching::kept_batches(tx, &batches).await? {
        gone.remove(&there);
    }
    for there in exports::kept_exports(tx, &exports).await? {
        gone.remove(&there);
    }
    Ok(chosen.into_iter().map(|job| job.id).filter(|id| !gone.contains(id)).collect())
}

async fn refuse_under_hold(tx: &VendorTx) -> Result<(), QueuesError> {
    let held = retention::is_held(tx.database(), tx.vendor_id()).await?;
    if held { Err(QueuesError::UnderLegalHold) } else { Ok(()) }
}
