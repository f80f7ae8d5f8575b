//! Lanes as the platform runs them: figures, pause, resume, scale, and dead letters put back. For the platform role.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::wake::LANES_CHANGED;
use crate::{Enqueued, NOTIFY_CHANNEL, QueueError, ReadyKey};

/// A process that has not said anything for this long is not counted.
const SILENT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// What somebody decided about a lane; all empty where nobody did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneControl {
    pub row_version: i64,
    pub paused_at: Option<DateTime<Utc>>,
    pub paused_by: Option<Uuid>,
    pub pause_reason: Option<String>,
    /// Jobs at once in each process; `None`: as the process is set up.
    pub workers: Option<i32>,
    /// Jobs at once over all processes; `None`: no bound of its own.
    pub running_max: Option<i32>,
}

/// What a lane holds at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFigures {
    pub lane: String,
    /// May run now and is not claimed.
    pub waiting: i64,
    /// Claimed.
    pub running: i64,
    /// Wait for their time, never started.
    pub scheduled: i64,
    /// Wait for another attempt.
    pub retrying: i64,
    /// Wait until somebody or something lets them go on.
    pub paused: i64,
    /// Dead letters that nobody has put back.
    pub dead: i64,
    /// Those of them that died in the last 24 hours.
    pub failed_24h: i64,
    /// Since when the oldest waits that may run now.
    pub oldest_waiting_at: Option<DateTime<Utc>>,
    /// Processes that work this lane.
    pub nodes: i64,
    /// Jobs at once that they would run together.
    pub workers: i64,
    /// Jobs that ended in the last minute, whatever became of them.
    pub ended_per_minute: i64,
}

/// A dead letter as the platform sees it: no payload, no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneDeadLetter {
    pub job_id: Uuid,
    pub vendor_id: Uuid,
    pub kind: String,
    pub attempt: i16,
    pub attempts_max: i16,
    pub error_code: String,
    pub died_at: DateTime<Utc>,
}

/// The figures of the named lanes and of every other that holds something, by name.
pub async fn lane_figures(
    connection: &mut PgConnection,
    names: &[&str],
    now: DateTime<Utc>,
) -> Result<Vec<LaneFigures>, QueueError> {
    let figures = sqlx::query_as!(
        LaneFigures,
        r#"
        WITH leased AS MATERIALIZED (
            SELECT l.lane, u.ready_id FROM job_leases l CROSS JOIN LATERAL unnest(l.ready_ids) AS u (ready_id)
        ), running AS (
            SELECT lane, count(*) AS running FROM leased GROUP BY lane
        ), ready AS (
            SELECT r.lane, count(*) AS waiting, min(r.ready_at) AS oldest FROM job_ready r
            WHERE NOT EXISTS (SELECT FROM leased l WHERE l.ready_id = r.id)
            GROUP BY r.lane
        ), held AS (
            SELECT d.lane, count(*) FILTER (WHERE d.run_at = 'infinity') AS paused,
                   count(*) FILTER (WHERE d.run_at <> 'infinity' AND d.attempt = 1) AS scheduled,
                   count(*) FILTER (WHERE d.run_at <> 'infinity' AND d.attempt > 1) AS retrying
            FROM job_delayed d GROUP BY d.lane
        ), dead AS (
            SELECT d.lane, count(*) AS dead, count(*) FILTER (WHERE d.died_at >= $2) AS failed
            FROM job_dead d GROUP BY d.lane
        ), node AS (
            SELECT n.lane, count(*) AS nodes, sum(n.workers) AS workers, sum(n.ended_per_minute) AS ended
            FROM job_nodes n WHERE n.seen_at >= $3 GROUP BY n.lane
        ), name AS (
            SELECT unnest($1::text[]) AS lane UNION SELECT lane FROM running UNION SELECT lane FROM ready
            UNION SELECT lane FROM held UNION SELECT lane FROM dead
        )
        SELECT n.lane AS "lane!", coalesce(ready.waiting, 0) AS "waiting!", coalesce(running.running, 0) AS "running!",
               coalesce(held.scheduled, 0) AS "scheduled!", coalesce(held.retrying, 0) AS "retrying!",
               coalesce(held.paused, 0) AS "paused!", coalesce(dead.dead, 0) AS "dead!", coalesce(dead.failed, 0) AS "failed_24h!",
               ready.oldest AS oldest_waiting_at, coalesce(node.nodes, 0) AS "nodes!",
               coalesce(node.workers, 0) AS "workers!", coalesce(node.ended, 0) AS "ended_per_minute!"
        FROM name n
        LEFT JOIN ready ON ready.lane = n.lane LEFT JOIN running ON running.lane = n.lane
        LEFT JOIN held ON held.lane = n.lane LEFT JOIN dead ON dead.lane = n.lane LEFT JOIN node ON node.lane = n.lane
        ORDER BY n.lane
        "#,
        names as &[&str],
        now - TimeDelta::hours(24),
        now - SILENT_AFTER,
    )
    .fetch_all(connection)
    .await?;
    Ok(figures)
}

/// What somebody decided about lanes, by name.
pub async fn lane_controls(connection: &mut PgConnection) -> Result<Vec<(String, LaneControl)>, QueueError> {
    let rows = sqlx::query!(
        "SELECT lane, row_version, paused_at, paused_by, pause_reason, workers, running_max FROM job_lanes ORDER BY lane"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let control = LaneControl {
                row_version: row.row_version,
                paused_at: row.paused_at,
                paused_by: row.paused_by,
                pause_reason: row.pause_reason,
                workers: row.workers,
                running_max: row.running_max,
            };
            (row.lane, control)
        })
        .collect())
}

/// The lane's row, locked until the transaction ends.
pub async fn lock_lane(
    connection: &mut PgConnection,
    lane: &str,
    now: DateTime<Utc>,
) -> Result<LaneControl, QueueError> {
    sqlx::query!(
        "INSERT INTO job_lanes (lane, changed_at) VALUES ($1, $2) ON CONFLICT (lane) DO NOTHING",
        lane,
        now
    )
    .execute(&mut *connection)
    .await?;
    let control = sqlx::query_as!(
        LaneControl,
        "SELECT row_version, paused_at, paused_by, pause_reason, workers, running_max
         FROM job_lanes WHERE lane = $1 FOR UPDATE",
        lane,
    )
    .fetch_one(connection)
    .await?;
    Ok(control)
}

/// Writes what was decided about a lane that [`lock_lane`] locked, and tells every process at the commit. A lane that
/// is paused claims nothing from then on; what runs goes on.
pub async fn write_lane(
    connection: &mut PgConnection,
    lane: &str,
    control: &LaneControl,
    now: DateTime<Utc>,
) -> Result<LaneControl, QueueError> {
    let written = sqlx::query_as!(
        LaneControl,
        "UPDATE job_lanes
         SET row_version = row_version + 1, paused_at = $2, paused_by = $3, pause_reason = $4, workers = $5,
             running_max = $6, changed_at = $7
         WHERE lane = $1
         RETURNING row_version, paused_at, paused_by, pause_reason, workers, running_max",
        lane,
        control.paused_at,
        control.paused_by,
        control.pause_reason,
        control.workers,
        control.running_max,
        now,
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("SELECT pg_notify($1, $2)", NOTIFY_CHANNEL, LANES_CHANGED).execute(connection).await?;
    Ok(written)
}

/// Which dead letters of a lane.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadFilter<'a> {
    pub vendor_id: Option<Uuid>,
    pub kind: Option<&'a str>,
}

/// How many dead letters of the lane there are.
pub async fn count_dead(
    connection: &mut PgConnection,
    lane: &str,
    filter: DeadFilter<'_>,
) -> Result<i64, QueueError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM job_dead
           WHERE lane = $1 AND ($2::uuid IS NULL OR vendor_id = $2) AND ($3::text IS NULL OR kind = $3)"#,
        lane,
        filter.vendor_id,
        filter.kind,
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// The dead letters of a lane, those that died last first, from behind `before` on.
pub async fn lane_dead_letters(
    connection: &mut PgConnection,
    lane: &str,
    filter: DeadFilter<'_>,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<LaneDeadLetter>, QueueError> {
    let rows = sqlx::query_as!(
        LaneDeadLetter,
        "SELECT job_id, vendor_id, kind, attempt, attempts_max, error_code, died_at FROM job_dead
         WHERE lane = $1 AND ($2::uuid IS NULL OR vendor_id = $2) AND ($3::text IS NULL OR kind = $3)
           AND ($4::timestamptz IS NULL OR (died_at, job_id) < ($4, $5::uuid))
         ORDER BY died_at DESC, job_id DESC
         LIMIT $6",
        lane,
        filter.vendor_id,
        filter.kind,
        before.map(|it| it.0),
        before.map(|it| it.1),
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Puts at most `limit` dead letters of a lane back into the queue with all their attempts, the oldest first. Those that
/// somebody else is about are left out.
pub async fn redrive_lane(
    connection: &mut PgConnection,
    lane: &str,
    filter: DeadFilter<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, QueueError> {
    let rows = sqlx::query!(
        "WITH chosen AS MATERIALIZED (
             SELECT job_id FROM job_dead
             WHERE lane = $1 AND ($2::uuid IS NULL OR vendor_id = $2) AND ($3::text IS NULL OR kind = $3)
             ORDER BY died_at, job_id
             LIMIT $4
             FOR UPDATE SKIP LOCKED
         ), dead AS (
             DELETE FROM job_dead d USING chosen c WHERE d.job_id = c.job_id RETURNING d.*
         ), record AS (
             UPDATE jobs j
             SET state = 'queued', attempt = 0, finished_at = NULL, error_code = NULL, error_detail = NULL,
                 cancel_requested_at = NULL, pause_requested_at = NULL, run_at = NULL
             FROM dead d
             WHERE j.vendor_id = d.vendor_id AND j.id = d.job_id
         )
         INSERT INTO job_ready (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, ready_at)
         SELECT d.lane, d.vendor_id, d.prio, d.job_id, d.kind, 1, d.attempts_max, d.flags & 1, d.payload, $5
         FROM dead d
         ORDER BY d.died_at, d.job_id
         RETURNING lane, vendor_id, prio, id, job_id",
        lane,
        filter.vendor_id,
        filter.kind,
        limit,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Enqueued {
            id: row.job_id,
            existing: false,
            ready: Some(ReadyKey {
                lane: row.lane.into(),
                vendor_id: row.vendor_id,
                prio: row.prio,
                ready_id: row.id,
            }),
        })
        .collect())
}
