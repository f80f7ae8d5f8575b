//! The one list of job types and, next to it, the one list of schedules; and the worker that runs them.
//!
//! Owns: nothing but the list. Promises: a kind that anything enqueues is registered here; every line of
//! [`crate::retention`] has its schedule. Emits: nothing. Never: holds what a job does.

use std::sync::Arc;

use chrono::TimeDelta;
use odyssey_jobs::{
    DEFAULT_LANE, Dispatcher, Job, JobContext, JobError, JobOutcome, JobVerdict, LaneOptions, Options,
    QueueError, Registry,
};

pub use odyssey_jobs::RunReport;
pub use odyssey_jobs::{JobState, LogLine, StepRecord, Wake};
use odyssey_types::{JobId, VendorId};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::audit::{self, AuditEvent};
use crate::catalog::{self, JudgeLabelChanges};
use crate::customers;
use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::exports::{self, EXPORT_LANE, RunExport};
use crate::ingestion::{
    self, IMPORT_LANE, ImportObject, Ingestion, IngestionError, RerunErrors, RunImport, UndoImport,
};
use crate::matching::{self, Audiences, BATCH_LANE, MatchingError, RunMatchBatch, Snapshots};
use crate::quality::{self, QualityError, RunLabelRules, SummarizeQuality};
use crate::retention::Holds;
use crate::taxonomy::RederiveCatalog;
use crate::tenancy::{self, Actor, Purpose, TenancyError};
use crate::{outbox, retention, security};

/// What handlers work with.
#[derive(Debug, Clone)]
pub struct Work {
    pub database: Database,
    pub ingestion: Ingestion,
    /// The vendors' compiled customers; shared with the requests where one process does both.
    pub audiences: Audiences,
    /// The vendors' catalogs in memory; shared likewise.
    pub snapshots: Snapshots,
}

/// How this process works the queue.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Short jobs that run at once.
    pub workers: usize,
    /// Imports that run at once; of one vendor there is never more than one.
    pub import_workers: usize,
    /// Short jobs of one vendor that run at once, over all processes.
    pub per_vendor_max: usize,
    /// Lease of an import, in seconds: what a crash costs it at most before another worker goes on.
    pub import_lease_seconds: u32,
    /// Lane options are made of the figures above; whatever stands here for lanes is replaced.
    pub queue: Options,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            workers: 4,
            import_workers: 2,
            per_vendor_max: 2,
            import_lease_seconds: 15,
            queue: Options::default(),
        }
    }
}

/// A job of the platform that says nothing but its name: housekeeping, run by a schedule.
macro_rules! housekeeping {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
        pub struct $name {}

        impl Job for $name {
            const KIND: &'static str = $kind;
            const FOLLOWED: bool = false;
            const ATTEMPTS_MAX: i16 = 3;
            // A firing that finds the last one still waiting adds nothing.
            const UNIQUE: bool = true;

            fn unique_key(&self) -> Option<String> {
                Some(String::new())
            }
        }
    )+};
}

housekeeping! {
    /// Deletes idempotency keys whose day is over.
    PurgeIdempotencyKeys = "purge_idempotency_keys";
    /// Deletes sessions that ended long ago.
    PurgeSessions = "purge_sessions";
    /// Removes files from the spool.
    PurgeUploads = "purge_uploads";
    /// Deletes old errors of imports.
    PurgeRowErrors = "purge_row_errors";
    /// Deletes old jobs and dead letters.
    PurgeJobs = "purge_jobs";
    /// Deletes what is left of imports whose jobs are gone.
    PurgeImports = "purge_imports";
    /// Drops staging tables that ended imports left behind.
    PurgeStaging = "purge_staging";
    /// Deletes old events of the outbox.
    PurgeOutbox = "purge_outbox";
    /// Drops the months of the audit that nobody has to keep.
    RetireAuditMonths = "retire_audit_months";
    /// Lets jobs go on that waited for the end of a suspension.
    ResumeJobs = "resume_jobs";
    /// Deletes proposals made of FHIR bundles whose time is over.
    PurgeFhirProposals = "purge_fhir_proposals";
    /// Deletes receipts whose time is over.
    PurgeReceipts = "purge_receipts";
    /// Deletes the answers of old batches.
    PurgeMatchBatches = "purge_match_batches";
    /// Deletes exports whose time is over.
    PurgeExports = "purge_exports";
    /// Deletes old regressions of labels.
    PurgeRegressions = "purge_regressions";
    /// Deletes former versions whose time is over.
    PurgeVersions = "purge_versions";
    /// Makes the audit's partitions of the months to come.
    EnsureAuditPartitions = "ensure_audit_partitions";
    /// Derives anew, vendor by vendor, what an older program or older tables derived.
    RederiveFacts = "rederive_facts";
}

/// Every kind of job, and every schedule (UTC; the minutes are apart so that purges do not meet).
pub fn registry() -> Result<Registry<Work>, QueueError> {
    Registry::new()
        .register::<RunImport, _, _>(run_import)
        .register::<ImportObject, _, _>(run_import_object)
        .register::<RerunErrors, _, _>(run_rerun)
        .register::<RunLabelRules, _, _>(run_label_rules)
        .register::<SummarizeQuality, _, _>(summarize_quality)
        .register::<PurgeIdempotencyKeys, _, _>(purge_idempotency_keys)
        .register::<PurgeSessions, _, _>(purge_sessions)
        .register::<PurgeUploads, _, _>(purge_uploads)
        .register::<PurgeRowErrors, _, _>(purge_row_errors)
        .register::<PurgeJobs, _, _>(purge_jobs)
        .register::<PurgeImports, _, _>(purge_imports)
        .register::<PurgeStaging, _, _>(purge_staging)
        .register::<PurgeOutbox, _, _>(purge_outbox)
        .register::<RetireAuditMonths, _, _>(retire_audit_months)
        .register::<ResumeJobs, _, _>(resume_jobs)
        .register::<PurgeFhirProposals, _, _>(purge_fhir_proposals)
        .register::<PurgeReceipts, _, _>(purge_receipts)
        .register::<PurgeMatchBatches, _, _>(purge_match_batches)
        .register::<RunMatchBatch, _, _>(run_match_batch)
        .register::<RunExport, _, _>(run_export)
        .register::<PurgeExports, _, _>(purge_exports)
        .register::<PurgeRegressions, _, _>(purge_regressions)
        .register::<PurgeVersions, _, _>(purge_versions)
        .register::<UndoImport, _, _>(undo_import)
        .register::<JudgeLabelChanges, _, _>(judge_label_changes)
        .register::<EnsureAuditPartitions, _, _>(ensure_audit_partitions)
        .register::<RederiveFacts, _, _>(rederive_facts)
        .register::<RederiveCatalog, _, _>(rederive_catalog)
        .schedule("purge_idempotency_keys", "7 * * * *", |_| PurgeIdempotencyKeys {})?
        .schedule("purge_fhir_proposals", "27 * * * *", |_| PurgeFhirProposals {})?
        .schedule("purge_receipts", "37 4 * * *", |_| PurgeReceipts {})?
        .schedule("purge_match_batches", "47 4 * * *", |_| PurgeMatchBatches {})?
        .schedule("purge_exports", "57 * * * *", |_| PurgeExports {})?
        .schedule("purge_regressions", "41 4 * * *", |_| PurgeRegressions {})?
        .schedule("purge_versions", "51 4 * * *", |_| PurgeVersions {})?
        .schedule("purge_uploads", "17 * * * *", |_| PurgeUploads {})?
        .schedule("rederive_facts", "*/10 * * * *", |_| RederiveFacts {})?
        .schedule("purge_sessions", "23 3 * * *", |_| PurgeSessions {})?
        .schedule("purge_row_errors", "33 3 * * *", |_| PurgeRowErrors {})?
        .schedule("purge_jobs", "43 3 * * *", |_| PurgeJobs {})?
        .schedule("purge_imports", "3 4 * * *", |_| PurgeImports {})?
        .schedule("purge_staging", "5,15,25,35,45,55 * * * *", |_| PurgeStaging {})?
        .schedule("purge_outbox", "13 4 * * *", |_| PurgeOutbox {})?
        .schedule("retire_audit_months", "28 4 * * *", |_| RetireAuditMonths {})?
        .schedule("resume_jobs", "*/5 * * * *", |_| ResumeJobs {})?
        // Daily, so that a process that was down on the first of the month is no matter.
        .schedule("ensure_audit_partitions", "53 3 * * *", |_| EnsureAuditPartitions {})
}

/// Makes the dispatcher of this process; tests drive it by hand.
pub fn dispatcher(work: Work, settings: &WorkerSettings) -> Result<Dispatcher<Work>, QueueError> {
    let mut options = settings.queue.clone();
    options.lanes = lanes(settings);
    let (pool, clock) = (work.database.queue_pool(), Arc::clone(work.database.clock()));
    let wake = work.ingestion.wake.clone();
    Dispatcher::new(pool, Arc::new(work), registry()?, wake, clock, options)
}

/// What each lane is for, and how this process works it until somebody scales it; [`crate::queues::LANES`] by name.
fn lanes(settings: &WorkerSettings) -> Vec<LaneOptions> {
    vec![
        LaneOptions {
            name: DEFAULT_LANE,
            workers: settings.workers,
            vendor_cap: settings.per_vendor_max,
            claim_batch: settings.workers,
            lease_seconds: None,
        },
        // One import a vendor: its files are merged in the order in which they arrived.
        LaneOptions {
            name: IMPORT_LANE,
            workers: settings.import_workers,
            vendor_cap: 1,
            claim_batch: 1,
            lease_seconds: Some(settings.import_lease_seconds),
        },
        // One batch a vendor, one at a time: each uses every core.
        LaneOptions { name: BATCH_LANE, workers: 1, vendor_cap: 1, claim_batch: 1, lease_seconds: None },
        // One export a vendor: each reads a whole table.
        LaneOptions { name: EXPORT_LANE, workers: 2, vendor_cap: 1, claim_batch: 1, lease_seconds: None },
    ]
}

/// Works the queue until `cancel`, then drains.
pub async fn run_worker(
    work: Work,
    settings: &WorkerSettings,
    cancel: CancellationToken,
) -> Result<RunReport, QueueError> {
    Ok(dispatcher(work, settings)?.run(cancel).await)
}

/// Passes wake-ups on to the workers of other processes; for a process that only receives.
pub async fn run_notifier(work: &Work, cancel: CancellationToken) {
    odyssey_jobs::run_notifier(work.database.queue_pool(), work.ingestion.wake.clone(), cancel).await;
}

async fn run_import(work: Arc<Work>, context: JobContext, job: RunImport) -> Result<JobOutcome, JobError> {
    ingestion::run_import(&work.ingestion, &work.database, &work.audiences, context, job).await
}

async fn run_import_object(
    work: Arc<Work>,
    context: JobContext,
    job: ImportObject,
) -> Result<JobOutcome, JobError> {
    ingestion::run_import_object(&work.ingestion, &work.database, &work.audiences, context, job).await
}

async fn undo_import(work: Arc<Work>, context: JobContext, job: UndoImport) -> Result<JobOutcome, JobError> {
    ingestion::run_undo_import(&work.database, &context, job).await
}

async fn run_rerun(work: Arc<Work>, context: JobContext, job: RerunErrors) -> Result<JobOutcome, JobError> {
    ingestion::run_rerun(&work.ingestion, &work.database, &work.audiences, context, job).await
}

async fn run_label_rules(
    work: Arc<Work>,
    context: JobContext,
    job: RunLabelRules,
) -> Result<JobOutcome, JobError> {
    let judged = quality::run_label_rules(&work.database, &context, &job).await;
    let (checked, failed) = match judged {
        // Deleted since it was queued.
        Err(QualityError::RuleSetNotFound) => {
            return Err(JobError::fail(QualityError::RuleSetNotFound).code("rule_set_deleted"));
        }
        judged => judged.map_err(JobError::retry)?,
    };
    if context.stop_reason().is_some() {
        return Err(JobError::stopped());
    }
    let totals = serde_json::json!({ "checked": checked, "failed": failed });
    Ok(JobOutcome::COMPLETED.with_totals(totals))
}

async fn summarize_quality(
    work: Arc<Work>,
    context: JobContext,
    _: SummarizeQuality,
) -> Result<JobOutcome, JobError> {
    let vendor_id = VendorId::from_uuid(context.vendor_id());
    let scope = match tenancy::scope_for_job(&work.database, vendor_id).await {
        Ok(scope) => scope,
        // Nobody reads a summary of theirs; the next import counts again.
        Err(TenancyError::VendorSuspended | TenancyError::VendorNotFound) => {
            return Ok(JobOutcome::COMPLETED);
        }
        Err(error) => return Err(JobError::retry(error)),
    };
    let actor = Actor::job(JobId::from_uuid(context.job_id()));
    let mut tx = VendorTx::begin(&work.database, scope, actor).await.map_err(JobError::retry)?;
    quality::refresh_summary(&mut tx).await.map_err(JobError::retry)?;
    tx.commit().await.map_err(JobError::retry)?;
    Ok(JobOutcome::COMPLETED)
}

async fn purge_idempotency_keys(
    work: Arc<Work>,
    _: JobContext,
    _: PurgeIdempotencyKeys,
) -> Result<JobOutcome, JobError> {
    let purged = security::purge_expired(&work.database).await.map_err(JobError::retry)?;
    done("idempotency keys", purged)
}

async fn purge_sessions(
    work: Arc<Work>,
    context: JobContext,
    _: PurgeSessions,
) -> Result<JobOutcome, JobError> {
    let before = context.now() - retention::ENDED_SESSIONS;
    let purged = tenancy::purge_sessions(&work.database, before).await.map_err(JobError::retry)?;
    done("sessions", purged)
}

async fn purge_uploads(work: Arc<Work>, _: JobContext, _: PurgeUploads) -> Result<JobOutcome, JobError> {
    let purged = ingestion::purge_uploads(&work.ingestion, &work.database).await?;
    let whole = purged.finished + purged.unfinished + purged.objects;
    done("uploads", whole + purged.removed_vendors + purged.ended_writes)
}

async fn purge_row_errors(work: Arc<Work>, _: JobContext, _: PurgeRowErrors) -> Result<JobOutcome, JobError> {
    done("errors of imports", ingestion::purge_row_errors(&work.database).await?)
}

/// Jobs deleted in one transaction.
const JOBS_A_TURN: i64 = 1_000;

async fn purge_jobs(work: Arc<Work>, context: JobContext, _: PurgeJobs) -> Result<JobOutcome, JobError> {
    let before = context.now() - retention::FINISHED_JOBS;
    let mut purged = 0;
    loop {
        let mut tx = SystemTx::begin(&work.database).await.map_err(JobError::retry)?;
        let holds = Holds::read(&mut tx).await.map_err(JobError::retry)?;
        if holds.cover_everything() {
            tx.roll_back().await.map_err(JobError::retry)?;
            return done("jobs", purged);
        }
        let turn = odyssey_jobs::purge(tx.connection(), before, holds.vendors(), JOBS_A_TURN).await?;
        tx.commit().await.map_err(JobError::retry)?;
        purged += turn.jobs + turn.dead_letters;
        if turn.jobs.max(turn.dead_letters) < JOBS_A_TURN.unsigned_abs() {
            return done("jobs", purged);
        }
    }
}

async fn purge_imports(work: Arc<Work>, _: JobContext, _: PurgeImports) -> Result<JobOutcome, JobError> {
    done("imports", ingestion::purge_imports(&work.database).await?)
}

async fn purge_staging(work: Arc<Work>, _: JobContext, _: PurgeStaging) -> Result<JobOutcome, JobError> {
    done("staging tables", ingestion::purge_staging(&work.database).await?)
}

async fn purge_outbox(work: Arc<Work>, _: JobContext, _: PurgeOutbox) -> Result<JobOutcome, JobError> {
    done("events of the outbox", outbox::purge_events(&work.database).await?)
}

async fn retire_audit_months(
    work: Arc<Work>,
    context: JobContext,
    _: RetireAuditMonths,
) -> Result<JobOutcome, JobError> {
    let before = (context.now() - retention::AUDIT).date_naive();
    let retired = audit::retire_months(&work.database, before).await?;
    done("months of the audit", u64::try_from(retired).unwrap_or(0))
}

async fn resume_jobs(work: Arc<Work>, _: JobContext, _: ResumeJobs) -> Result<JobOutcome, JobError> {
    done("jobs resumed", tenancy::resume_paused_jobs(&work.database).await.map_err(JobError::retry)?)
}

async fn purge_fhir_proposals(
    work: Arc<Work>,
    _: JobContext,
    _: PurgeFhirProposals,
) -> Result<JobOutcome, JobError> {
    let purged = customers::purge_fhir_proposals(&work.database).await.map_err(JobError::retry)?;
    done("FHIR proposals", purged)
}

async fn purge_receipts(work: Arc<Work>, _: JobContext, _: PurgeReceipts) -> Result<JobOutcome, JobError> {
    done("receipts", customers::purge_receipts(&work.database).await.map_err(JobError::retry)?)
}

async fn purge_match_batches(
    work: Arc<Work>,
    _: JobContext,
    _: PurgeMatchBatches,
) -> Result<JobOutcome, JobError> {
    done("rows of batches", matching::purge_batches(&work.database).await.map_err(JobError::retry)?)
}

async fn run_match_batch(
    work: Arc<Work>,
    context: JobContext,
    _: RunMatchBatch,
) -> Result<JobOutcome, JobError> {
    matching::run_match_batch(&work.database, &work.snapshots, &context).await
}

async fn purge_exports(work: Arc<Work>, _: JobContext, _: PurgeExports) -> Result<JobOutcome, JobError> {
    done("rows of exports", exports::purge_exports(&work.database).await.map_err(JobError::retry)?)
}

async fn run_export(work: Arc<Work>, context: JobContext, _: RunExport) -> Result<JobOutcome, JobError> {
    exports::run_export(&work.database, &work.snapshots, &context).await
}

async fn purge_regressions(
    work: Arc<Work>,
    _: JobContext,
    _: PurgeRegressions,
) -> Result<JobOutcome, JobError> {
    done("regressions", matching::purge_regressions(&work.database).await.map_err(JobError::retry)?)
}

async fn purge_versions(work: Arc<Work>, _: JobContext, _: PurgeVersions) -> Result<JobOutcome, JobError> {
    let kept = retention::FORMER_VERSIONS;
    let people = customers::purge_versions(&work.database, kept).await.map_err(JobError::retry)?;
    let purged = catalog::purge_versions(&work.database, kept).await.map(|products| products + people);
    done("former versions", purged.map_err(JobError::retry)?)
}

/// How long labels of a suspended vendor wait before somebody looks whether it is back.
const LOOK_WHETHER_BACK: TimeDelta = TimeDelta::minutes(10);

async fn judge_label_changes(
    work: Arc<Work>,
    context: JobContext,
    _: JudgeLabelChanges,
) -> Result<JobOutcome, JobError> {
    let vendor_id = VendorId::from_uuid(context.vendor_id());
    let actor = Actor::job(JobId::from_uuid(context.job_id()));
    let mut products = 0;
    loop {
        if context.stop_reason().is_some() {
            return Err(JobError::stopped());
        }
        match matching::judge_label_changes(&work.database, &work.audiences, vendor_id, &actor).await {
            Ok(Some(turn)) => products += turn.regressed,
            Ok(None) => return done("products that somebody lost", products),
            // Nobody is told anything now; what changed before is judged when the vendor is back.
            Err(MatchingError::Tenancy(TenancyError::VendorSuspended)) => {
                return Ok(JobOutcome::new(JobVerdict::Requeue(LOOK_WHETHER_BACK)));
            }
            Err(MatchingError::Tenancy(TenancyError::VendorNotFound)) => return Ok(JobOutcome::COMPLETED),
            Err(error) => return Err(JobError::retry(error)),
        }
    }
}

async fn ensure_audit_partitions(
    work: Arc<Work>,
    context: JobContext,
    _: EnsureAuditPartitions,
) -> Result<JobOutcome, JobError> {
    let made =
        audit::ensure_partitions(&work.database, context.now().date_naive(), retention::AUDIT_MONTHS_AHEAD);
    done("audit partitions made", u64::try_from(made.await.map_err(JobError::retry)?).unwrap_or(0))
}

/// Products derived anew in one transaction.
const STALE_A_TURN: i64 = 1_000;

/// Vendor by vendor; one that is suspended or removed waits or needs nothing more.
async fn rederive_facts(
    work: Arc<Work>,
    context: JobContext,
    _: RederiveFacts,
) -> Result<JobOutcome, JobError> {
    let vendors = tenancy::list_vendors(&work.database).await.map_err(JobError::retry)?;
    let mut derived = 0;
    for vendor in vendors.iter().filter(|vendor| vendor.suspended_at.is_none()) {
        derived += rederive_vendor(&work, &context, vendor.id).await?;
    }
    done("products derived anew", derived)
}

/// One vendor's, right after a change of its synonyms.
async fn rederive_catalog(
    work: Arc<Work>,
    context: JobContext,
    _: RederiveCatalog,
) -> Result<JobOutcome, JobError> {
    let derived = rederive_vendor(&work, &context, VendorId::from_uuid(context.vendor_id())).await?;
    done("products derived anew", derived)
}

/// Batch by batch until nothing is stale; says how many products.
async fn rederive_vendor(work: &Work, context: &JobContext, vendor_id: VendorId) -> Result<u64, JobError> {
    let mut derived = 0;
    loop {
        if context.stop_reason().is_some() {
            return Err(JobError::stopped());
        }
        match rederive_some(&work.database, vendor_id, JobId::from_uuid(context.job_id())).await {
            Ok(0) => return Ok(derived),
            Ok(some) => derived += some,
            Err(IngestionError::Tenancy(TenancyError::VendorSuspended | TenancyError::VendorNotFound)) => {
                return Ok(derived);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn rederive_some(
    database: &Database,
    vendor_id: VendorId,
    job_id: JobId,
) -> Result<u64, IngestionError> {
    let scope = tenancy::scope_for_job(database, vendor_id).await?;
    let mut tx = VendorTx::begin(database, scope, Actor::job(job_id)).await?;
    let stale = catalog::stale_products(&mut tx, STALE_A_TURN).await?;
    if stale.is_empty() {
        tx.roll_back().await?;
        return Ok(0);
    }
    catalog::rederive_products(&mut tx, &stale).await?;
    let event = AuditEvent::new("product.rederive", "product", Purpose::Operations).count(stale.len() as i64);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(stale.len() as u64)
}

fn done(what: &'static str, count: u64) -> Result<JobOutcome, JobError> {
    if count > 0 {
        tracing::info!(count, what, "Housekeeping: {count} {what}");
    }
    Ok(JobOutcome::COMPLETED)
}

impl From<DbError> for JobError {
    fn from(error: DbError) -> Self {
        IngestionError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_kept_for_a_time_has_a_schedule_that_purges_it() {
        let registry = registry().expect("every pattern is one");
        let schedules: Vec<&str> = registry.schedule_names().collect();
        for line in retention::TABLE {
            assert!(schedules.contains(&line.schedule), "{} are never purged", line.what);
        }
    }

    #[test]
    fn every_lane_that_is_worked_can_be_seen_and_paused() {
        let worked: Vec<&str> = lanes(&WorkerSettings::default()).iter().map(|lane| lane.name).collect();
        assert_eq!(worked, crate::queues::LANES);
    }

    #[test]
    fn every_schedule_enqueues_a_kind_that_is_registered() {
        let registry = registry().expect("every pattern is one");
        let kinds: Vec<&str> = registry.kinds().collect();
        assert!(registry.schedule_names().all(|name| kinds.contains(&name)));
        assert!(kinds.contains(&RunImport::KIND));
    }
}
