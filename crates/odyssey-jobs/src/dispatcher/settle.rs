//! Recording how runs ended, fenced by the lease: whoever lost it records nothing.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use tracing::warn;
use uuid::Uuid;

use super::claim::ReadyRow;
use crate::context::Lease;
use crate::platform::{Mode, platform_tx, set_lock_timeout};
use crate::{JobState, QueueError};

/// Between two tries to record results while the database is away.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// What becomes of one job of a lease; the words of `job_settle`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Ended in this state.
    Done(JobState, Option<Value>),
    /// Waits until the instant; one attempt more.
    Retry(DateTime<Utc>),
    /// Waits until the instant; the attempt does not count.
    Requeue(DateTime<Utc>, Option<Value>),
    /// The job itself waits for a person.
    Pause(Option<Value>),
    /// A person asked it to wait.
    Park,
    /// Failed for good.
    Dead,
    /// Ended while it waited.
    Drop,
    /// Handed back as it was.
    Release,
}

impl Verdict {
    const fn word(&self) -> &'static str {
        match self {
            Self::Done(..) => "done",
            Self::Retry(_) => "retry",
            Self::Requeue(..) => "requeue",
            Self::Pause(_) => "pause",
            Self::Park => "park",
            Self::Dead => "dead",
            Self::Drop => "drop",
            Self::Release => "release",
        }
    }

    const fn state(&self) -> JobState {
        match self {
            Self::Done(state, _) => *state,
            Self::Dead => JobState::Failed,
            Self::Pause(_) | Self::Park => JobState::Paused,
            Self::Retry(_) | Self::Requeue(..) | Self::Drop | Self::Release => JobState::Queued,
        }
    }

    const fn run_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Retry(at) | Self::Requeue(at, _) => Some(*at),
            Self::Done(..) | Self::Pause(_) | Self::Park | Self::Dead | Self::Drop | Self::Release => None,
        }
    }

    const fn totals(&self) -> Option<&Value> {
        match self {
            Self::Done(_, totals) | Self::Requeue(_, totals) | Self::Pause(totals) => totals.as_ref(),
            Self::Retry(_) | Self::Park | Self::Dead | Self::Drop | Self::Release => None,
        }
    }
}

/// One job's end.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) vendor_id: Uuid,
    pub(super) prio: i16,
    pub(super) ready_id: i64,
    pub(super) job_id: Uuid,
    pub(super) flags: i16,
    pub(super) verdict: Verdict,
    pub(super) error_code: Option<String>,
    pub(super) error_detail: Option<String>,
}

impl Entry {
    pub(super) fn new(row: &ReadyRow, verdict: Verdict) -> Self {
        Self {
            vendor_id: row.vendor_id,
            prio: row.prio,
            ready_id: row.ready_id,
            job_id: row.job_id,
            flags: row.flags,
            verdict,
            error_code: None,
            error_detail: None,
        }
    }

    pub(super) fn with_error(mut self, code: impl Into<String>, detail: Option<String>) -> Self {
        self.error_code = Some(code.into());
        self.error_detail = detail;
        self
    }
}

/// Records the entries of one lease, however long the database is away, until the lease is over. Gives back the
/// entries that were recorded; those of a lost lease are not.
pub(super) async fn settle(
    pool: &PgPool,
    lease: &Arc<Lease>,
    entries: Vec<Entry>,
    now: impl Fn() -> DateTime<Utc>,
) -> Vec<Entry> {
    // One long-held record may not hold up the others of its lease: together with little patience first, then
    // each by itself.
    let mut groups = vec![(entries, "250ms")];
    let mut recorded = Vec::new();
    while let Some((group, patience)) = groups.pop() {
        match settle_once(pool, lease.id, group.clone(), now(), patience).await {
            Ok(true) => recorded.extend(group),
            Ok(false) => {
                lease.lost.cancel();
                warn!(
                    lease = lease.id,
                    "The lease {} was lost; {} results are not recorded",
                    lease.id,
                    group.len()
                );
                return recorded;
            }
            Err(error) if error.is_lock_timeout() && group.len() > 1 => {
                groups.extend(group.into_iter().map(|entry| (vec![entry], "5s")));
            }
            Err(error) => {
                if lease.lost.is_cancelled() || lease.is_over(now()) {
                    warn!(error = %error, lease = lease.id, "Results of lease {} could not be recorded in time", lease.id);
                    return recorded;
                }
                groups.push((group, patience));
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }
    recorded
}

/// Records entries once. False: the lease is gone.
async fn settle_once(
    pool: &PgPool,
    lease_id: i64,
    entries: Vec<Entry>,
    now: DateTime<Utc>,
    patience: &'static str,
) -> Result<bool, QueueError> {
    platform_tx(pool, Mode::Durable, move |connection| {
        Box::pin(async move {
            set_lock_timeout(connection, patience).await?;
            settle_in(connection, lease_id, &entries, now).await
        })
    })
    .await
}

/// The statement itself, in the caller's transaction.
pub(super) async fn settle_in(
    connection: &mut PgConnection,
    lease_id: i64,
    entries: &[Entry],
    now: DateTime<Utc>,
) -> Result<bool, QueueError> {
    let column = |pick: fn(&Entry) -> Uuid| entries.iter().map(pick).collect::<Vec<_>>();
    let prios: Vec<i16> = entries.iter().map(|entry| entry.prio).collect();
    let ready_ids: Vec<i64> = entries.iter().map(|entry| entry.ready_id).collect();
    let flags: Vec<i16> = entries.iter().map(|entry| entry.flags).collect();
    let verdicts: Vec<&str> = entries.iter().map(|entry| entry.verdict.word()).collect();
    let states: Vec<&str> = entries.iter().map(|entry| entry.verdict.state().as_str()).collect();
    let run_ats: Vec<Option<DateTime<Utc>>> = entries.iter().map(|entry| entry.verdict.run_at()).collect();
    let totals: Vec<Option<&Value>> = entries.iter().map(|entry| entry.verdict.totals()).collect();
    let codes: Vec<Option<&str>> = entries.iter().map(|entry| entry.error_code.as_deref()).collect();
    let details: Vec<Option<&str>> = entries.iter().map(|entry| entry.error_detail.as_deref()).collect();
    let held = sqlx::query_scalar!(
        r#"SELECT job_settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS "held!""#,
        lease_id,
        now,
        &column(|entry| entry.vendor_id),
        &prios,
        &ready_ids,
        &column(|entry| entry.job_id),
        &flags,
        &verdicts as &[&str],
        &states as &[&str],
        &run_ats as &[Option<DateTime<Utc>>],
        &totals as &[Option<&Value>],
        &codes as &[Option<&str>],
        &details as &[Option<&str>],
    )
    .fetch_one(connection)
    .await?;
    Ok(held)
}
