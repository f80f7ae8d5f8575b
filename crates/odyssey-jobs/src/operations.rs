//! What people do to jobs: follow, cancel, pause, redrive, count, purge.
//!
//! Each function works in the caller's transaction and role: in a vendor's transaction it sees that vendor's jobs
//! only. [`purge`] and [`depth`] are for the platform role.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    DeadLetter, Enqueued, JobFilter, JobRecord, JobState, LogLevel, LogLine, QueueError, ReadyKey,
    StateCount, StepRecord,
};

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

/// What waits and runs, for one vendor in one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    pub lane: String,
    pub vendor_id: Uuid,
    /// Ready rows, the leased ones included.
    pub ready: i64,
    pub leased: i64,
    pub delayed: i64,
    pub dead: i64,
}

/// One job of a vendor.
pub async fn get(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    id: Uuid,
) -> Result<Option<JobRecord>, QueueError> {
    let row = sqlx::query_as!(
        JobRow,
        "SELECT id, vendor_id, kind, lane, state, priority, payload, progress_permille, totals, step, attempt, attempts_max,
                parent_job_id, created_by, created_at, run_at, started_at, finished_at, cancel_requested_at,
                pause_requested_at, error_code, error_detail
         FROM jobs
         WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(JobRecord::try_from).transpose()
}

/// A vendor's jobs, newest first, at most `limit`.
pub async fn list(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    filter: JobFilter<'_>,
    limit: i64,
) -> Result<Vec<JobRecord>, QueueError> {
    let rows = sqlx::query_as!(
        JobRow,
        "SELECT id, vendor_id, kind, lane, state, priority, payload, progress_permille, totals, step, attempt, attempts_max,
                parent_job_id, created_by, created_at, run_at, started_at, finished_at, cancel_requested_at,
                pause_requested_at, error_code, error_detail
         FROM jobs
         WHERE vendor_id = $1
           AND ($2::uuid IS NULL OR id < $2)
           AND ($3::text IS NULL OR state = $3)
           AND ($4::text IS NULL OR kind = $4)
         ORDER BY id DESC
         LIMIT $5",
        vendor_id,
        filter.before,
        filter.state.map(JobState::as_str),
        filter.kind,
        limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(JobRecord::try_from).collect()
}

/// A job's log in order, from after the line `after` on, at most `limit` lines.
pub async fn log_lines(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    job_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<LogLine>, QueueError> {
    let rows = sqlx::query!(
        "SELECT id, at, level, message, fields
         FROM job_log
         WHERE vendor_id = $1 AND job_id = $2 AND id > $3
         ORDER BY id
         LIMIT $4",
        vendor_id,
        job_id,
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let level = LogLevel::parse(&row.level)?;
            Ok(LogLine { id: row.id, at: row.at, level, message: row.message, fields: row.fields })
        })
        .collect()
}

/// A job's steps in order.
pub async fn steps(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    job_id: Uuid,
) -> Result<Vec<StepRecord>, QueueError> {
    let rows = sqlx::query_as!(
        StepRecord,
        "SELECT position, name, attempt, started_at, finished_at
         FROM job_steps
         WHERE vendor_id = $1 AND job_id = $2
         ORDER BY position",
        vendor_id,
        job_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
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

/// A vendor's dead letters, newest first, at most `limit`.
pub async fn dead_letters(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    limit: i64,
) -> Result<Vec<DeadLetter>, QueueError> {
    let rows = sqlx::query_as!(
        DeadLetter,
        "SELECT job_id, vendor_id, kind, payload, attempt, error_code, error_detail, died_at
         FROM job_dead
         WHERE vendor_id = $1
         ORDER BY died_at DESC, job_id DESC
         LIMIT $2",
        vendor_id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
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

pub async fn is_vendor_paused(connection: &mut PgConnection, vendor_id: Uuid) -> Result<bool, QueueError> {
    let paused = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM job_paused WHERE vendor_id = $1) AS "paused!""#,
        vendor_id
    )
    .fetch_one(connection)
    .await?;
    Ok(paused)
}

/// Followed jobs by vendor and state; of one vendor, or of all that the role may see.
pub async fn counts(
    connection: &mut PgConnection,
    vendor_id: Option<Uuid>,
) -> Result<Vec<StateCount>, QueueError> {
    let rows = sqlx::query!(
        r#"
        SELECT vendor_id, state, count(*) AS "count!"
        FROM jobs
        WHERE $1::uuid IS NULL OR vendor_id = $1
        GROUP BY vendor_id, state
        ORDER BY vendor_id, state
        "#,
        vendor_id,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StateCount { vendor_id: row.vendor_id, state: JobState::parse(&row.state)?, count: row.count })
        })
        .collect()
}

/// What waits and runs, by lane and vendor. For the platform role: leases belong to no vendor.
pub async fn depth(connection: &mut PgConnection) -> Result<Vec<Depth>, QueueError> {
    let rows = sqlx::query_as!(
        Depth,
        r#"
        SELECT lane AS "lane!", vendor_id AS "vendor_id!",
               count(*) FILTER (WHERE place = 'ready')   AS "ready!",
               count(*) FILTER (WHERE place = 'leased')  AS "leased!",
               count(*) FILTER (WHERE place = 'delayed') AS "delayed!",
               count(*) FILTER (WHERE place = 'dead')    AS "dead!"
        FROM (
            SELECT lane, vendor_id, 'ready' AS place FROM job_ready
            UNION ALL SELECT l.lane, u.vendor_id, 'leased' FROM job_leases l CROSS JOIN LATERAL unnest(l.vendor_ids) AS u (vendor_id)
            UNION ALL SELECT lane, vendor_id, 'delayed' FROM job_delayed
            UNION ALL SELECT lane, vendor_id, 'dead' FROM job_dead
        ) AS everywhere
        GROUP BY lane, vendor_id
        ORDER BY lane, vendor_id
        "#,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Removes at most `limit` ended jobs (with steps and log) and `limit` dead letters that ended before `before`.
/// Call until both figures are below the limit. For the platform role.
pub async fn purge(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Purged, QueueError> {
    // Ids are in order of creation and a job ends after it was created: the walk starts at the oldest and the
    // record needs no index on its changing columns.
    let newest = odyssey_types::JobId::generate(before).as_uuid();
    let jobs = sqlx::query!(
        "DELETE FROM jobs
         WHERE id IN (
             SELECT j.id FROM jobs j
             WHERE j.id < $1 AND j.finished_at < $2
               AND NOT EXISTS (SELECT FROM job_dead d WHERE d.job_id = j.id AND d.died_at >= $2)
             ORDER BY j.id
             LIMIT $3)",
        newest,
        before,
        limit,
    )
    .execute(&mut *connection)
    .await?;
    let dead = sqlx::query!(
        "DELETE FROM job_dead
         WHERE job_id IN (SELECT d.job_id FROM job_dead d WHERE d.died_at < $1 ORDER BY d.died_at LIMIT $2)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(Purged { jobs: jobs.rows_affected(), dead_letters: dead.rows_affected() })
}

struct JobRow {
    id: Uuid,
    vendor_id: Uuid,
    kind: String,
    lane: String,
    state: String,
    priority: i16,
    payload: serde_json::Value,
    progress_permille: i16,
    totals: Option<serde_json::Value>,
    step: Option<String>,
    attempt: i16,
    attempts_max: i16,
    parent_job_id: Option<Uuid>,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    run_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    cancel_requested_at: Option<DateTime<Utc>>,
    pause_requested_at: Option<DateTime<Utc>>,
    error_code: Option<String>,
    error_detail: Option<String>,
}

impl TryFrom<JobRow> for JobRecord {
    type Error = QueueError;

    fn try_from(row: JobRow) -> Result<Self, QueueError> {
        Ok(Self {
            id: row.id,
            vendor_id: row.vendor_id,
            kind: row.kind,
            lane: row.lane,
            state: JobState::parse(&row.state)?,
            priority: row.priority,
            payload: row.payload,
            progress_permille: row.progress_permille,
            totals: row.totals,
            step: row.step,
            attempt: row.attempt,
            attempts_max: row.attempts_max,
            parent_job_id: row.parent_job_id,
            created_by: row.created_by,
            created_at: row.created_at,
            run_at: row.run_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            cancel_requested_at: row.cancel_requested_at,
            pause_requested_at: row.pause_requested_at,
            error_code: row.error_code,
            error_detail: row.error_detail,
        })
    }
}
