//! Running a rule set over the catalog: page by page, a statement a page, in a job.

use std::time::Duration;

use chrono::{DateTime, Utc};
use odyssey_jobs::{Job, JobContext};
use odyssey_types::{JobId, ProductId, VendorId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{QualityError, get_rule_set, judge_store, store};
use crate::audit::{self, AuditEvent};
use crate::catalog;
use crate::db::{Database, DbError, Notice, VendorTx};
use crate::tenancy::{self, Actor, Purpose};

/// Products judged by one statement.
const PAGE: i64 = 5_000;
/// Products named for each rule that some fail.
const EXAMPLES_MAX: usize = 20;

/// Runs a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLabelRules {
    /// Id of the set: letters, digits, hyphens.
    pub rule_set: String,
}

impl Job for RunLabelRules {
    const KIND: &'static str = "run_label_rules";
    const ATTEMPTS_MAX: i16 = 5;
    const TIMEOUT: Duration = Duration::from_hours(1);
}

/// How products did by one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    pub rule: String,
    /// Active products that the rule is asked of.
    pub checked: i64,
    pub failed: i64,
    /// The first that failed, by id; at most 20.
    pub examples: Vec<ProductId>,
}

/// The latest run of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRun {
    pub job_id: JobId,
    pub started_at: DateTime<Utc>,
    /// `None` while it runs, or when its job failed.
    pub finished_at: Option<DateTime<Utc>>,
    /// The catalog it began at; products that changed meanwhile were judged as they then were.
    pub catalog_version: Option<i64>,
    /// In the order of the set's rules; empty until it has finished.
    pub rules: Vec<RuleVerdict>,
}

/// Queues a run and remembers it as the latest; the caller commits.
pub async fn start_run(tx: &mut VendorTx, rule_set: &str) -> Result<JobId, QualityError> {
    let view = get_rule_set(tx, rule_set).await?;
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(odyssey_types::UserId::as_uuid);
    let job = RunLabelRules { rule_set: view.set.id.clone() };
    let queued = odyssey_jobs::enqueue_job(tx.connection(), vendor_id, created_by, &job, now).await?;
    let job_id = JobId::from_uuid(queued.id);
    store::begin_run(tx, &view.set.id, job_id).await?;
    let event = AuditEvent::new("rule_set.run", "label_rule_set", Purpose::Operations)
        .entity(&view.set.id)
        .detail("job_id", job_id.to_string());
    audit::record(tx, event).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(job_id)
}

/// The job. A run that was overtaken by a newer one of its set leaves nothing behind.
pub async fn run_label_rules(
    database: &Database,
    context: &JobContext,
    job: &RunLabelRules,
) -> Result<(i64, i64), QualityError> {
    let vendor_id = VendorId::from_uuid(context.vendor_id());
    let job_id = JobId::from_uuid(context.job_id());
    let scope = tenancy::scope_for_job(database, vendor_id).await.map_err(|error| {
        DbError::inconsistent(format!("the vendor of a rule run cannot be worked for: {error}"))
    })?;
    let begin = || async { VendorTx::begin(database, scope, Actor::job(job_id)).await };
    let mut tx = begin().await?;
    let set = get_rule_set(&mut tx, &job.rule_set).await?.set;
    let version = catalog::catalog_version(&mut tx).await?;
    tx.roll_back().await?;
    let mut verdicts: Vec<RuleVerdict> = set
        .rules
        .iter()
        .map(|rule| RuleVerdict { rule: rule.id.clone(), checked: 0, failed: 0, examples: Vec::new() })
        .collect();
    let mut after: Option<Uuid> = None;
    loop {
        // A transaction a page: nothing is locked for longer, and the queue may stop between two.
        let mut tx = begin().await?;
        let page = judge_store::judge_page(&mut tx, &set, after, PAGE).await?;
        tx.roll_back().await?;
        let Some(last) = page.last else { break };
        for found in page.verdicts {
            let Some(verdict) = verdicts.get_mut(found.rule) else { continue };
            verdict.checked += found.checked;
            verdict.failed += found.failed;
            let room = EXAMPLES_MAX.saturating_sub(verdict.examples.len());
            verdict.examples.extend(found.failing.into_iter().take(room).map(ProductId::from_uuid));
        }
        after = Some(last);
        if context.stop_reason().is_some() {
            break;
        }
    }
    let totals = verdicts.iter().fold((0, 0), |(c, f), v| (c + v.checked, f + v.failed));
    if context.stop_reason().is_some() {
        return Ok(totals);
    }
    let mut tx = begin().await?;
    store::finish_run(&mut tx, &set.id, job_id, version, &verdicts).await?;
    let event = AuditEvent::new("rule_set.finish", "label_rule_set", Purpose::Operations)
        .entity(&set.id)
        .count(totals.0)
        .detail("failed", totals.1);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(totals)
}
