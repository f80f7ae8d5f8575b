//! The queue's statements for taking work: claim, start, sweep, promote.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::hints::ClaimHints;
use crate::platform::{Mode, platform_tx};
use crate::{QueueError, ReadyKey};

/// Rows that one promotion moves.
const PROMOTE_MAX: i32 = 1000;

pub(super) const FOLLOWED: i16 = 1;
pub(super) const UNIQUE_UNTIL_START: i16 = 2;

/// A claimed row.
#[derive(Debug, Clone)]
pub(super) struct ReadyRow {
    pub(super) vendor_id: Uuid,
    pub(super) prio: i16,
    pub(super) ready_id: i64,
    pub(super) job_id: Uuid,
    pub(super) kind: String,
    pub(super) attempt: i16,
    pub(super) attempts_max: i16,
    pub(super) flags: i16,
    pub(super) payload: Value,
}

impl ReadyRow {
    pub(super) fn is_followed(&self) -> bool {
        self.flags & FOLLOWED != 0
    }
}

/// What one claim asks for.
#[derive(Debug)]
pub(super) struct ClaimRequest {
    pub(super) lane: &'static str,
    pub(super) worker: Uuid,
    pub(super) now: DateTime<Utc>,
    pub(super) lease_length: TimeDelta,
    pub(super) limit: i32,
    pub(super) vendor_cap: i32,
    pub(super) kinds: Vec<String>,
    pub(super) hints: ClaimHints,
}

/// What one claim got: a lease and its rows.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) lease_id: i64,
    pub(super) oldest_lease: i64,
    pub(super) rows: Vec<ReadyRow>,
}

/// Where a lane's ready rows of one vendor and priority begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct SweptPair {
    pub(super) vendor_id: Uuid,
    pub(super) prio: i16,
    pub(super) lowest_id: i64,
}

/// Claims up to `limit` jobs, fair between vendors and within the cap. `None`: nothing may run now.
pub(super) async fn claim(pool: &PgPool, request: ClaimRequest) -> Result<Option<Claim>, QueueError> {
    if request.hints.prios.is_empty() {
        return Ok(None);
    }
    platform_tx(pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            // The lock has a statement of its own: the next one's snapshot is taken after it was granted.
            sqlx::query!(
                "SELECT pg_advisory_xact_lock(hashtextextended('odyssey.jobs.claim.' || $1, 0))",
                request.lane
            )
            .execute(&mut *connection)
            .await?;
            let rows = sqlx::query!(
                r#"
                SELECT lease_id AS "lease_id!", oldest_lease AS "oldest_lease!", vendor_id AS "vendor_id!",
                       prio AS "prio!", id AS "ready_id!", job_id AS "job_id!", kind AS "kind!", attempt AS "attempt!",
                       attempts_max AS "attempts_max!", flags AS "flags!", payload AS "payload!"
                FROM job_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                "#,
                request.lane,
                request.worker,
                request.now,
                request.now + request.lease_length,
                request.limit,
                request.vendor_cap,
                &request.kinds,
                request.hints.oldest_lease,
                &request.hints.vendor_ids,
                &request.hints.prios,
                &request.hints.after_ids,
                &request.hints.served,
            )
            .fetch_all(connection)
            .await?;
            let Some(first) = rows.first() else { return Ok(None) };
            let (lease_id, oldest_lease) = (first.lease_id, first.oldest_lease);
            let rows = rows
                .into_iter()
                .map(|row| ReadyRow {
                    vendor_id: row.vendor_id,
                    prio: row.prio,
                    ready_id: row.ready_id,
                    job_id: row.job_id,
                    kind: row.kind,
                    attempt: row.attempt,
                    attempts_max: row.attempts_max,
                    flags: row.flags,
                    payload: row.payload,
                })
                .collect();
            Ok(Some(Claim { lease_id, oldest_lease, rows }))
        })
    })
    .await
}

/// How a followed job stood when it was to start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started {
    pub(super) job_id: Uuid,
    pub(super) finished: bool,
    pub(super) cancel_requested: bool,
    pub(super) pause_requested: bool,
}

/// Marks followed jobs as running. Jobs whose record another transaction holds are left out when `skip_locked`,
/// and otherwise waited for up to five seconds.
pub(super) async fn start(
    pool: &PgPool,
    lease_id: i64,
    jobs: Vec<(Uuid, i16)>,
    now: DateTime<Utc>,
    skip_locked: bool,
) -> Result<Vec<Started>, QueueError> {
    let (job_ids, attempts): (Vec<Uuid>, Vec<i16>) = jobs.into_iter().unzip();
    platform_tx(pool, Mode::RelaxedPatient, move |connection| {
        Box::pin(async move {
            let rows = sqlx::query_as!(
                Started,
                r#"
                SELECT job_id AS "job_id!", finished AS "finished!", cancel_requested AS "cancel_requested!",
                       pause_requested AS "pause_requested!"
                FROM job_start($1, $2, $3, $4, $5)
                "#,
                lease_id,
                &job_ids,
                &attempts,
                now,
                skip_locked,
            )
            .fetch_all(connection)
            .await?;
            Ok(rows)
        })
    })
    .await
}

/// Lets go of the unique key of a job that is about to start. Waits up to five seconds for transactions that
/// found the key held: their change must be visible to the run.
pub(super) async fn release_key(pool: &PgPool, job_id: Uuid) -> Result<(), QueueError> {
    platform_tx(pool, Mode::RelaxedPatient, move |connection| {
        Box::pin(async move {
            sqlx::query!("DELETE FROM job_unique WHERE job_id = $1", job_id).execute(connection).await?;
            Ok(())
        })
    })
    .await
}

/// Looks where the lane's ready rows begin.
pub(super) async fn sweep(pool: &PgPool, lane: &'static str) -> Result<Vec<SweptPair>, QueueError> {
    platform_tx(pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            let rows = sqlx::query_as!(
                SweptPair,
                r#"SELECT vendor_id AS "vendor_id!", prio AS "prio!", lowest_id AS "lowest_id!" FROM job_sweep($1)"#,
                lane,
            )
            .fetch_all(connection)
            .await?;
            Ok(rows)
        })
    })
    .await
}

/// Moves what is due to the ready rows. Says what was moved; a full hand of [`PROMOTE_MAX`] means there is more.
pub(super) async fn promote(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<ReadyKey>, QueueError> {
    platform_tx(pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            let rows = sqlx::query!(
                r#"SELECT lane AS "lane!", vendor_id AS "vendor_id!", prio AS "prio!", ready_id AS "ready_id!"
                   FROM job_promote($1, $2)"#,
                now,
                PROMOTE_MAX,
            )
            .fetch_all(connection)
            .await?;
            let key = |lane: String, vendor_id, prio, ready_id| ReadyKey {
                lane: lane.into(),
                vendor_id,
                prio,
                ready_id,
            };
            Ok(rows.into_iter().map(|row| key(row.lane, row.vendor_id, row.prio, row.ready_id)).collect())
        })
    })
    .await
}
