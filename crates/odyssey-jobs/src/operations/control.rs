//! Changing: cancel, pause, resume, redrive, purge.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::get;
use crate::{Enqueued, JobState, QueueError, ReadyKey};

/// What a cancel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It had not started and never will.
    Canceled,
    /// It runs and has been asked to stop; call [`crate::Wake::stop_requested`] after the commit.
    Requested,
    /// It had ended before.
    AlreadyFinished,
}

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    pub jobs: u64,
    pub dead_letters: u64,
}

/// Cancels a job: at once when it has not started, else by asking it to stop. `None`: no such job.
pub async fn cancel(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<CancelOutcome>, QueueError> {
    // The record's row lock decides the race with a start: whoever comes second sees what the first did. A ready
    // row is left where it is; the worker that claims it finds the record ended and drops it.
    let state = sqlx::query_scalar!(
        "UPDATE jobs
         SET cancel_requested_at = coalesce(cancel_requested_at, $3),
             finished_at         = CASE WHEN state = 'running' THEN finished_at ELSE $3 END,
             state               = CASE WHEN state = 'running' THEN state ELSE 'canceled' END
         WHERE vendor_id = $1 AND id = $2 AND finished_at IS NULL
         RETURNING state",
        vendor_id,
        id,
        now,
    )
    .fetch_optional(&mut *connection)
    .await?;
    match state.as_deref().map(JobState::parse).transpose()? {
        Some(JobState::Running) => Ok(Some(CancelOutcome::Requested)),
        Some(_) => {
            sqlx::query!("DELETE FROM job_delayed WHERE vendor_id = $1 AND job_id = $2", vendor_id, id)
                .execute(&mut *connection)
                .await?;
            sqlx::query!("DELETE FROM job_unique WHERE vendor_id = $1 AND job_id = $2", vendor_id, id)
                .execute(connection)
                .await?;
            Ok(Some(CancelOutcome::Canceled))
        }
        None => Ok(get(connection, vendor_id, id).await?.map(|_| CancelOutcome::AlreadyFinished)),
    }
}

/// Pauses one job that waits, or asks one that runs to pause. False: no such job, or it has ended.
pub async fn pause_job(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, QueueError> {
    let done = sqlx::query!(
        "UPDATE jobs
         SET pause_requested_at = coalesce(pause_requested_at, $3),
             state              = CASE WHEN state = 'queued' THEN 'paused' ELSE state END
         WHERE vendor_id = $1 AND id = $2 AND state IN ('queued', 'running', 'paused')",
        vendor_id,
        id,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE job_delayed SET run_at = 'infinity' WHERE vendor_id = $1 AND job_id = $2",
        vendor_id,
        id
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets a paused job go on. False: it is not paused.
pub async fn resume_job(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, QueueError> {
    let done = sqlx::query!(
        "UPDATE jobs
         SET pause_requested_at = NULL,
             error_code         = CASE WHEN state = 'paused' THEN NULL ELSE error_code END,
             state              = CASE WHEN state = 'paused' THEN 'queued' ELSE state END
         WHERE vendor_id = $1 AND id = $2 AND pause_requested_at IS NOT NULL AND finished_at IS NULL",
        vendor_id,
        id,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE job_delayed SET run_at = $3 WHERE vendor_id = $1 AND job_id = $2 AND run_at = 'infinity'",
        vendor_id,
        id,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets every job of the vendor go on that paused itself for this reason ([`crate::JobOutcome::paused_for`]);
/// says how many. Jobs that a person paused stay. They are found at the next poll.
pub async fn resume_paused(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<u64, QueueError> {
    let done = sqlx::query!(
        "WITH resumed AS (
             UPDATE jobs
             SET pause_requested_at = NULL, state = 'queued', error_code = NULL
             WHERE vendor_id = $1 AND state = 'paused' AND error_code = $2
             RETURNING id
         ), due AS (
             UPDATE job_delayed d SET run_at = $3 FROM resumed r WHERE d.vendor_id = $1 AND d.job_id = r.id
         )
         SELECT id FROM resumed",
        vendor_id,
        reason,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(done.len() as u64)
}

/// The vendors that have jobs which paused themselves for this reason. For the platform role.
pub async fn vendors_paused_for(
    connection: &mut PgConnection,
    reason: &str,
) -> Result<Vec<Uuid>, QueueError> {
    let vendors = sqlx::query_scalar!(
        "SELECT DISTINCT d.vendor_id FROM job_delayed d JOIN jobs j ON j.id = d.job_id
         WHERE d.run_at = 'infinity' AND j.state = 'paused' AND j.error_code = $1",
        reason,
    )
    .fetch_all(connection)
    .await?;
    Ok(vendors)
}

/// Puts a dead letter back into the queue with all its attempts. `None`: no such dead letter. Its unique key is
/// not taken again: a redrive is a person's deliberate act.
pub async fn redrive(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Enqueued>, QueueError> {
    let row = sqlx::query!(
        r#"
        WITH dead AS (
            DELETE FROM job_dead WHERE vendor_id = $1 AND job_id = $2 RETURNING *
        ), record AS (
            UPDATE jobs j
            SET state = 'queued', attempt = 0, finished_at = NULL, error_code = NULL, error_detail = NULL,
                cancel_requested_at = NULL, pause_requested_at = NULL, run_at = NULL
            FROM dead d
            WHERE j.vendor_id = d.vendor_id AND j.id = d.job_id
        )
        INSERT INTO job_ready (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, ready_at)
        SELECT d.lane, d.vendor_id, d.prio, d.job_id, d.kind, 1, d.attempts_max, d.flags & 1, d.payload, $3
        FROM dead d
        RETURNING lane, prio, id
        "#,
        vendor_id,
        id,
        now,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let ready = ReadyKey { lane: row.lane.into(), vendor_id, prio: row.prio, ready_id: row.id };
        Enqueued { id, existing: false, ready: Some(ready) }
    }))
}

/// Lets no further job of the vendor start; those that run go on. Enqueuing still works.
pub async fn pause_vendor(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    paused_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), QueueError> {
    sqlx::query!(
        "INSERT INTO job_paused (vendor_id, paused_at, paused_by) VALUES ($1, $2, $3) ON CONFLICT (vendor_id) DO NOTHING",
        vendor_id,
        now,
        paused_by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Undoes [`pause_vendor`]. False: it was not paused. Waiting jobs are found at the next poll.
pub async fn resume_vendor(connection: &mut PgConnection, vendor_id: Uuid) -> Result<bool, QueueError> {
    let done =
        sqlx::query!("DELETE FROM job_paused WHERE vendor_id = $1", vendor_id).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// Removes at most `limit` ended jobs (with steps and log) and `limit` dead letters that ended before `before`,
/// but for those of the vendors in `kept`. Call until both figures are below the limit. For the platform role.
pub async fn purge(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    kept: &[Uuid],
    limit: i64,
) -> Result<Purged, QueueError> {
    // Ids are in order of creation and a job ends after it was created: the walk starts at the oldest and the
    // record needs no index on its changing columns.
    let newest = odyssey_types::JobId::generate(before).as_uuid();
    let jobs = sqlx::query!(
        "DELETE FROM jobs
         WHERE id IN (
             SELECT j.id FROM jobs j
             WHERE j.id < $1 AND j.finished_at < $2 AND j.vendor_id <> ALL ($4)
               AND NOT EXISTS (SELECT FROM job_dead d WHERE d.job_id = j.id AND d.died_at >= $2)
             ORDER BY j.id
             LIMIT $3)",
        newest,
        before,
        limit,
        kept,
    )
    .execute(&mut *connection)
    .await?;
    let dead = sqlx::query!(
        "DELETE FROM job_dead
         WHERE job_id IN (SELECT d.job_id FROM job_dead d WHERE d.died_at < $1 AND d.vendor_id <> ALL ($3)
                          ORDER BY d.died_at LIMIT $2)",
        before,
        limit,
        kept,
    )
    .execute(connection)
    .await?;
    Ok(Purged { jobs: jobs.rows_affected(), dead_letters: dead.rows_affected() })
}
