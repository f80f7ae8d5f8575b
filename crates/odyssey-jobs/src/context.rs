//! What a handler holds while its job runs: progress, log, steps, and when to stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_types::Clock;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::platform::{Mode, platform_tx};
use crate::{JobError, LogLevel, QueueError};

/// Why a running job should stop soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody canceled it: answer [`crate::JobOutcome::CANCELED`].
    Cancel,
    /// Somebody paused it: answer [`crate::JobOutcome::PAUSED`].
    Pause,
    /// The process shuts down: the job runs again elsewhere, and the attempt does not count.
    Drain,
    /// The lease is lost: another worker may run the job now, and nothing this one says is recorded.
    LeaseLost,
}

/// One claim's lease, shared by the jobs that it covers.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: i64,
    /// Microseconds since 1970, UTC.
    until_us: AtomicI64,
    /// What a heartbeat adds.
    pub(crate) length: TimeDelta,
    pub(crate) lost: CancellationToken,
}

impl Lease {
    pub(crate) fn new(id: i64, until: DateTime<Utc>, length: TimeDelta) -> Self {
        let until_us = AtomicI64::new(until.timestamp_micros());
        Self { id, until_us, length, lost: CancellationToken::new() }
    }

    pub(crate) fn extend(&self, until: DateTime<Utc>) {
        self.until_us.fetch_max(until.timestamp_micros(), Ordering::Relaxed);
    }

    /// Past its time a lease may be taken at any moment, whether or not the database can be asked.
    pub(crate) fn is_over(&self, now: DateTime<Utc>) -> bool {
        now.timestamp_micros() >= self.until_us.load(Ordering::Relaxed)
    }
}

/// The switch by which a running job is asked to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    token: CancellationToken,
    reason: AtomicU8,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { token: CancellationToken::new(), reason: AtomicU8::new(0) }
    }

    /// The first reason counts, except that a cancel overrides a pause or a drain.
    pub(crate) fn request(&self, reason: StopReason) {
        let wanted = code(reason);
        let change = |held: u8| (held == 0 || wanted < held).then_some(wanted);
        if self.reason.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok() {
            self.token.cancel();
        }
    }

    pub(crate) fn reason(&self) -> Option<StopReason> {
        [StopReason::LeaseLost, StopReason::Cancel, StopReason::Pause, StopReason::Drain]
            .into_iter()
            .find(|reason| code(*reason) == self.reason.load(Ordering::Acquire))
    }

    pub(crate) async fn requested(&self) {
        self.token.cancelled().await;
    }
}

const fn code(reason: StopReason) -> u8 {
    match reason {
        StopReason::LeaseLost => 1,
        StopReason::Cancel => 2,
        StopReason::Pause => 3,
        StopReason::Drain => 4,
    }
}

/// The running job, for its handler. Clones are the same job.
#[derive(Clone)]
pub struct JobContext {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: PgPool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) job_id: Uuid,
    pub(crate) vendor_id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) attempt: i16,
    pub(crate) followed: bool,
}

impl JobContext {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    pub fn job_id(&self) -> Uuid {
        self.inner.job_id
    }

    /// Whose job it is; [`crate::PLATFORM_VENDOR`] when nobody's.
    pub fn vendor_id(&self) -> Uuid {
        self.inner.vendor_id
    }

    pub fn kind(&self) -> &'static str {
        self.inner.kind
    }

    /// 1 for the first.
    pub fn attempt(&self) -> i16 {
        self.inner.attempt
    }

    /// The present instant, by the dispatcher's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    /// Why the job should stop, if it should. Work in loops asks between batches, and after `Some` returns
    /// [`JobError::stopped`] or an outcome of its own. Requests arrive here within about a second.
    pub fn stop_reason(&self) -> Option<StopReason> {
        if self.inner.lease.lost.is_cancelled() {
            Some(StopReason::LeaseLost)
        } else {
            self.inner.stop.reason()
        }
    }

    pub fn is_cancel_requested(&self) -> bool {
        self.stop_reason() == Some(StopReason::Cancel)
    }

    /// Resolves when the job should stop; see [`JobContext::stop_reason`].
    pub async fn stopped(&self) {
        tokio::select! {
            () = self.inner.lease.lost.cancelled() => {}
            () = self.inner.stop.requested() => {}
        }
    }

    /// Fails when the lease is known to be lost or has run out by the clock. Cheap: asks memory only.
    pub fn ensure_lease(&self) -> Result<(), JobError> {
        let lease = &self.inner.lease;
        if lease.lost.is_cancelled() || lease.is_over(self.now()) {
            Err(JobError::lease_lost())
        } else {
            Ok(())
        }
    }

    /// Extends the lease now. The dispatcher does so by itself while the process lives; this is for a handler
    /// that wants to know before a long piece of work that the job is still its own.
    pub async fn heartbeat(&self) -> Result<(), JobError> {
        let until = self.now() + self.inner.lease.length;
        let lease_id = self.inner.lease.id;
        let extended = platform_tx(&self.inner.pool, Mode::Relaxed, move |connection| {
            Box::pin(async move {
                let done = sqlx::query!(
                    "UPDATE job_leases SET until = greatest(until, $2) WHERE id = $1",
                    lease_id,
                    until
                )
                .execute(connection)
                .await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await?;
        if !extended {
            self.inner.lease.lost.cancel();
            return Err(JobError::lease_lost());
        }
        self.inner.lease.extend(until);
        Ok(())
    }

    /// Locks the job's record for the rest of the caller's transaction and fails when this worker no longer holds
    /// the job: until that transaction ends, nobody can take the job away. What the transaction writes is thereby
    /// written by exactly one attempt. Works as the vendor role. Only for followed jobs.
    pub async fn fence(&self, connection: &mut PgConnection) -> Result<(), JobError> {
        self.require_followed()?;
        let held = sqlx::query_scalar!(
            r#"
            SELECT true AS "held!"
            FROM jobs
            WHERE id = $1 AND vendor_id = $2 AND lease_id = $3 AND attempt = $4
            FOR NO KEY UPDATE
            "#,
            self.inner.job_id,
            self.inner.vendor_id,
            self.inner.lease.id,
            self.inner.attempt,
        )
        .fetch_optional(connection)
        .await
        .map_err(QueueError::from)?;
        if held.is_some() { Ok(()) } else { Err(JobError::lease_lost()) }
    }

    /// Records progress (0 to 1000) and totals (`None` keeps the former) in the caller's transaction, fenced as
    /// [`JobContext::fence`]: batch and figure commit together.
    pub async fn progress_in(
        &self,
        connection: &mut PgConnection,
        permille: u16,
        totals: Option<&Value>,
    ) -> Result<(), JobError> {
        self.require_followed()?;
        let done = sqlx::query!(
            "UPDATE jobs
             SET progress_permille = $4, totals = coalesce($5, totals)
             WHERE id = $1 AND vendor_id = $2 AND lease_id = $3",
            self.inner.job_id,
            self.inner.vendor_id,
            self.inner.lease.id,
            i16::try_from(permille.min(1000)).unwrap_or(1000),
            totals,
        )
        .execute(connection)
        .await
        .map_err(QueueError::from)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(JobError::lease_lost()) }
    }

    /// Records progress and totals in a transaction of its own.
    pub async fn progress(&self, permille: u16, totals: Option<Value>) -> Result<(), JobError> {
        let context = self.clone();
        self.own_tx(move |connection| {
            Box::pin(async move { Ok(context.progress_in(connection, permille, totals.as_ref()).await) })
        })
        .await
    }

    /// Begins a named step; the one before it ends.
    pub async fn step(&self, name: &'static str) -> Result<(), JobError> {
        self.require_followed()?;
        let context = self.clone();
        self.own_tx(move |connection| {
            Box::pin(async move {
                if let Err(lost) = context.fence(connection).await {
                    return Ok(Err(lost));
                }
                let (job_id, vendor_id, now) = (context.job_id(), context.vendor_id(), context.now());
                sqlx::query!(
                    "UPDATE job_steps SET finished_at = $2 WHERE job_id = $1 AND finished_at IS NULL",
                    job_id,
                    now
                )
                .execute(&mut *connection)
                .await?;
                sqlx::query!(
                    "INSERT INTO job_steps (job_id, vendor_id, position, name, attempt, started_at)
                     SELECT $1, $2, coalesce(max(s.position), 0) + 1, $3, $4, $5 FROM job_steps s WHERE s.job_id = $1",
                    job_id,
                    vendor_id,
                    name,
                    context.attempt(),
                    now,
                )
                .execute(&mut *connection)
                .await?;
                sqlx::query!("UPDATE jobs SET step = $2 WHERE id = $1", job_id, name).execute(connection).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// Adds a line to the job's log, which whoever follows the job reads: nothing personal.
    pub async fn log(&self, level: LogLevel, message: &str, fields: Value) -> Result<(), JobError> {
        self.require_followed()?;
        let (job_id, vendor_id, now, message) =
            (self.job_id(), self.vendor_id(), self.now(), message.to_owned());
        self.own_tx(move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO job_log (job_id, vendor_id, at, level, message, fields) VALUES ($1, $2, $3, $4, $5, $6)",
                    job_id,
                    vendor_id,
                    now,
                    level.as_str(),
                    message,
                    fields,
                )
                .execute(connection)
                .await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    async fn own_tx<F>(&self, work: F) -> Result<(), JobError>
    where
        F: for<'c> FnOnce(
                &'c mut PgConnection,
            )
                -> futures::future::BoxFuture<'c, Result<Result<(), JobError>, QueueError>>
            + Send
            + 'static,
    {
        platform_tx(&self.inner.pool, Mode::Relaxed, work).await?
    }

    fn require_followed(&self) -> Result<(), JobError> {
        if self.inner.followed {
            return Ok(());
        }
        Err(JobError::fail("a job that is not followed has no record to write to").code("not_followed"))
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("job_id", &self.inner.job_id)
            .field("kind", &self.inner.kind)
            .field("attempt", &self.inner.attempt)
            .finish_non_exhaustive()
    }
}
