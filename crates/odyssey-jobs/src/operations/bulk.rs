//! Changing many jobs of a vendor at once: each by the step that it could take alone, or not at all.
//!
//! Choose with [`find_for`], then [`lock_for`], then one of the three acts, all in one transaction. A job that its own
//! run holds at that moment is left out by the lock and waited for by nobody.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{CancelOutcome, Enqueued, JobState, QueueError, ReadyKey};

/// What is done to jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAct {
    /// Failed and canceled ones run again, with all their attempts.
    Retry,
    /// Failed ones run again.
    Redrive,
    /// What has not ended is stopped.
    Cancel,
    /// What has ended is deleted.
    Delete,
}

impl JobAct {
    /// The states from which a job can take this step.
    pub const fn states(self) -> &'static [JobState] {
        match self {
            Self::Retry => &[JobState::Failed, JobState::Canceled],
            Self::Redrive => &[JobState::Failed],
            Self::Cancel => &[JobState::Receiving, JobState::Queued, JobState::Running, JobState::Paused],
            Self::Delete => &[
                JobState::Completed,
                JobState::CompletedWithErrors,
                JobState::CompletedNothingWritten,
                JobState::Canceled,
                JobState::Failed,
            ],
        }
    }

    fn words(self, narrowed: Option<JobState>) -> Vec<&'static str> {
        let states = self.states().iter().filter(|state| narrowed.is_none_or(|only| **state == only));
        states.map(|state| state.as_str()).collect()
    }
}

/// Which jobs; what is left out narrows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ActFilter<'a> {
    pub ids: Option<&'a [Uuid]>,
    pub state: Option<JobState>,
    pub kind: Option<&'a str>,
    pub lane: Option<&'a str>,
    /// Created at this instant or later.
    pub created_from: Option<DateTime<Utc>>,
    pub created_before: Option<DateTime<Utc>>,
    /// Keyset: only jobs younger than this one.
    pub after: Option<Uuid>,
}

/// A job that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub id: Uuid,
    pub kind: String,
}

/// How many jobs of the vendor the filter names that could take this step now.
pub async fn count_for(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    act: JobAct,
    filter: ActFilter<'_>,
) -> Result<i64, QueueError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM jobs
           WHERE vendor_id = $1 AND state = ANY ($2) AND (NOT $3 OR cancel_requested_at IS NULL)
             AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR lane = $5)
             AND ($6::timestamptz IS NULL OR created_at >= $6) AND ($7::timestamptz IS NULL OR created_at < $7)
             AND ($8::uuid IS NULL OR id > $8) AND ($9::uuid[] IS NULL OR id = ANY ($9))"#,
        vendor_id,
        &act.words(filter.state) as &[&str],
        act == JobAct::Cancel,
        filter.kind,
        filter.lane,
        filter.created_from,
        filter.created_before,
        filter.after,
        filter.ids,
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// The first `limit` of them, oldest first.
pub async fn find_for(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    act: JobAct,
    filter: ActFilter<'_>,
    limit: i64,
) -> Result<Vec<Chosen>, QueueError> {
    let chosen = sqlx::query_as!(
        Chosen,
        "SELECT id, kind FROM jobs
         WHERE vendor_id = $1 AND state = ANY ($2) AND (NOT $3 OR cancel_requested_at IS NULL)
           AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR lane = $5)
           AND ($6::timestamptz IS NULL OR created_at >= $6) AND ($7::timestamptz IS NULL OR created_at < $7)
           AND ($8::uuid IS NULL OR id > $8) AND ($9::uuid[] IS NULL OR id = ANY ($9))
         ORDER BY id
         LIMIT $10",
        vendor_id,
        &act.words(filter.state) as &[&str],
        act == JobAct::Cancel,
        filter.kind,
        filter.lane,
        filter.created_from,
        filter.created_before,
        filter.after,
        filter.ids,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(chosen)
}

/// Locks those of the given jobs that still can take this step, until the transaction ends; leaves out whatever
/// somebody holds (a run that records its progress).
pub async fn lock_for(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    act: JobAct,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, QueueError> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM jobs
         WHERE vendor_id = $1 AND id = ANY ($2) AND state = ANY ($3) AND (NOT $4 OR cancel_requested_at IS NULL)
         ORDER BY id
         FOR UPDATE SKIP LOCKED",
        vendor_id,
        ids,
        &act.words(None) as &[&str],
        act == JobAct::Cancel,
    )
    .fetch_all(connection)
    .await?;
    Ok(locked)
}

/// Puts ended jobs that are locked back into the queue with all their attempts. A canceled job whose ready row no
/// worker has dropped yet keeps that row: it is in the queue once. Unique keys are not taken again: to run a job
/// again is a person's deliberate act.
pub async fn revive_many(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, QueueError> {
    let rows = sqlx::query!(
        r#"
        WITH dead AS (
            DELETE FROM job_dead WHERE vendor_id = $1 AND job_id = ANY ($2)
        ), left_over AS MATERIALIZED (
            SELECT r.job_id FROM job_ready r
            WHERE r.vendor_id = $1 AND r.job_id = ANY ($2)
              AND r.lane IN (SELECT j.lane FROM jobs j WHERE j.vendor_id = $1 AND j.id = ANY ($2))
        ), record AS (
            UPDATE jobs
            SET state = 'queued', attempt = 0, finished_at = NULL, error_code = NULL, error_detail = NULL,
                cancel_requested_at = NULL, pause_requested_at = NULL, run_at = NULL
            WHERE vendor_id = $1 AND id = ANY ($2) AND state IN ('failed', 'canceled')
            RETURNING id, lane, priority, kind, attempts_max, payload
        ), ready AS (
            INSERT INTO job_ready (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, ready_at)
            SELECT r.lane, $1, r.priority, r.id, r.kind, 1, r.attempts_max, 1, r.payload, $3
            FROM record r
            WHERE NOT EXISTS (SELECT FROM left_over l WHERE l.job_id = r.id)
            ORDER BY r.id
            RETURNING id, job_id
        )
        SELECT r.id, r.lane, r.priority, y.id AS "ready_id?"
        FROM record r LEFT JOIN ready y ON y.job_id = r.id
        ORDER BY r.id
        "#,
        vendor_id,
        ids,
        now,
    )
    .fetch_all(connection)
    .await?;
    let ready = |lane: String, prio, ready_id| ReadyKey { lane: lane.into(), vendor_id, prio, ready_id };
    Ok(rows
        .into_iter()
        .map(|row| Enqueued {
            id: row.id,
            existing: false,
            ready: row.ready_id.map(|ready_id| ready(row.lane, row.priority, ready_id)),
        })
        .collect())
}

/// Cancels jobs that are locked, like [`crate::cancel`] each; call [`crate::Wake::stop_requested`] after the commit.
pub async fn cancel_many(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, CancelOutcome)>, QueueError> {
    let rows = sqlx::query!(
        "UPDATE jobs
         SET cancel_requested_at = coalesce(cancel_requested_at, $3),
             finished_at         = CASE WHEN state = 'running' THEN finished_at ELSE $3 END,
             state               = CASE WHEN state = 'running' THEN state ELSE 'canceled' END
         WHERE vendor_id = $1 AND id = ANY ($2) AND finished_at IS NULL
         RETURNING id, state",
        vendor_id,
        ids,
        now,
    )
    .fetch_all(&mut *connection)
    .await?;
    let outcomes: Vec<(Uuid, CancelOutcome)> = rows
        .into_iter()
        .map(|row| match JobState::parse(&row.state)? {
            JobState::Running => Ok((row.id, CancelOutcome::Requested)),
            _ => Ok((row.id, CancelOutcome::Canceled)),
        })
        .collect::<Result<_, QueueError>>()?;
    let ended: Vec<Uuid> =
        outcomes.iter().filter(|(_, it)| *it == CancelOutcome::Canceled).map(|(id, _)| *id).collect();
    sqlx::query!("DELETE FROM job_delayed WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, &ended)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM job_unique WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, &ended)
        .execute(connection)
        .await?;
    Ok(outcomes)
}

/// Deletes ended jobs that are locked, with their steps, logs and dead letters; says which.
pub async fn delete_many(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, QueueError> {
    sqlx::query!("DELETE FROM job_dead WHERE vendor_id = $1 AND job_id = ANY ($2)", vendor_id, ids)
        .execute(&mut *connection)
        .await?;
    let deleted = sqlx::query_scalar!(
        "DELETE FROM jobs WHERE vendor_id = $1 AND id = ANY ($2) AND finished_at IS NOT NULL RETURNING id",
        vendor_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(deleted)
}
