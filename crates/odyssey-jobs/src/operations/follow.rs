//! Reading: jobs, their logs and steps, dead letters, counts.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    DeadLetter, JobFilter, JobRecord, JobState, LogLevel, LogLine, QueueError, StateCount, StepRecord,
};

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
        r#"SELECT s.position, s.name, s.attempt, s.started_at,
                  -- The last one ends with its job.
                  coalesce(s.finished_at, j.finished_at) AS "finished_at?"
           FROM job_steps s
           JOIN jobs j ON j.id = s.job_id
           WHERE s.vendor_id = $1 AND s.job_id = $2
           ORDER BY s.position"#,
        vendor_id,
        job_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
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

/// Whether the vendor's queue stands still; see [`super::pause_vendor`].
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
