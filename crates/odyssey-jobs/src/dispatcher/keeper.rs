//! What keeps a process's claims alive and the queue moving: heartbeats, requests to stop, the reaper, promotion,
//! schedules, and the ear for other processes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgListener;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::Shared;
use super::claim::{ReadyRow, promote};
use super::runner::failed;
use super::settle::{Entry, Verdict, settle_in};
use crate::platform::{Mode, platform_tx, set_lock_timeout};
use crate::wake::{Hint, LANES_CHANGED, NOTIFY_CHANNEL};
use crate::{Backoff, QueueError, StopReason, schedule};

/// Expired leases that one round takes back.
const REAP_MAX: i64 = 50;

/// Between two attempts to listen while the database is away.
const LISTEN_RETRY: Duration = Duration::from_secs(1);

/// Extends the process's leases until `cancel`; jobs of a lease that is gone are told so.
pub(super) async fn keep_leases<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, cancel: CancellationToken) {
    let mut beat = tokio::time::interval(shared.options.heartbeat_interval());
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = beat.tick() => {}
        }
        if let Err(error) = extend_leases(&shared).await {
            warn!(error = %error, "Leases could not be extended");
        }
    }
}

/// Extends every lease of this process once.
pub(super) async fn extend_leases<C: Send + Sync + 'static>(
    shared: &Arc<Shared<C>>,
) -> Result<(), QueueError> {
    let leases = shared.leases();
    if leases.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = leases.iter().map(|lease| lease.id).collect();
    let (worker, now) = (shared.worker, shared.clock.now());
    let untils: Vec<DateTime<Utc>> = leases.iter().map(|lease| now + lease.length).collect();
    let held = platform_tx(&shared.pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            // A lease that a settlement has locked is alive and about to end: skipping it spares the wait, and
            // the next beat comes before its time is over.
            let held = sqlx::query!(
                r#"
                WITH mine AS (
                    SELECT id FROM job_leases WHERE id = ANY($1) AND worker = $2 FOR NO KEY UPDATE SKIP LOCKED
                ), extended AS (
                    UPDATE job_leases l
                    SET until = greatest(l.until, u.until)
                    FROM mine JOIN unnest($1::bigint[], $3::timestamptz[]) AS u (id, until) ON u.id = mine.id
                    WHERE l.id = mine.id
                    RETURNING l.id
                )
                SELECT l.id, e.id IS NOT NULL AS "extended!"
                FROM job_leases l
                LEFT JOIN extended e ON e.id = l.id
                WHERE l.id = ANY($1)
                "#,
                &ids,
                worker,
                &untils,
            )
            .fetch_all(connection)
            .await?;
            Ok(held.into_iter().map(|row| (row.id, row.extended)).collect::<HashMap<i64, bool>>())
        })
    })
    .await?;
    for lease in leases {
        match held.get(&lease.id) {
            Some(true) => lease.extend(now + lease.length),
            Some(false) => {}
            // Settled while we asked, or taken back: only in the second case is somebody still running.
            None if shared.holds(lease.id) => lease.lost.cancel(),
            None => {}
        }
    }
    Ok(())
}

/// Passes requests to cancel or pause on to the jobs that run here: each second, and at once when told.
pub(super) async fn watch_stops<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, cancel: CancellationToken) {
    let mut hints = shared.wake.subscribe();
    let mut tick = tokio::time::interval(shared.options.poll_interval.min(Duration::from_secs(1)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
            hint = hints.recv() => match hint {
                Ok(Hint::Stop) | Err(RecvError::Lagged(_)) => {}
                Ok(_) => continue,
                Err(RecvError::Closed) => return,
            },
        }
        if let Err(error) = pass_on_stops(&shared).await {
            warn!(error = %error, "Requests to stop could not be read");
        }
    }
}

async fn pass_on_stops<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) -> Result<(), QueueError> {
    let running = shared.followed();
    if running.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = running.keys().copied().collect();
    let asked = platform_tx(&shared.pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            let rows = sqlx::query!(
                r#"
                SELECT id, cancel_requested_at IS NOT NULL AS "cancel!"
                FROM jobs
                WHERE id = ANY($1) AND (cancel_requested_at IS NOT NULL OR pause_requested_at IS NOT NULL)
                "#,
                &ids,
            )
            .fetch_all(connection)
            .await?;
            Ok(rows.into_iter().map(|row| (row.id, row.cancel)).collect::<Vec<_>>())
        })
    })
    .await?;
    for (job_id, canceled) in asked {
        if let Some(stop) = running.get(&job_id) {
            stop.request(if canceled { StopReason::Cancel } else { StopReason::Pause });
        }
    }
    Ok(())
}

/// Promotes what is due, fires schedules and takes expired leases back, until `cancel`.
pub(super) async fn upkeep<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, cancel: CancellationToken) {
    let mut tick = tokio::time::interval(shared.options.poll_interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = upkeep_once(&shared).await {
            warn!(error = %error, "The queue's upkeep failed; it is tried again");
        }
    }
}

async fn upkeep_once<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) -> Result<(), QueueError> {
    let now = shared.clock.now();
    for enqueued in schedule::fire_due(&shared.pool, Arc::clone(&shared.schedules), now).await? {
        shared.wake.enqueued(&enqueued);
    }
    reap(shared).await?;
    for ready in promote(&shared.pool, now).await? {
        shared.wake.ready(ready);
    }
    Ok(())
}

/// Takes expired leases back: each of their jobs has used up an attempt, whatever became of its worker. Says how
/// many leases were taken.
pub(super) async fn reap<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) -> Result<usize, QueueError> {
    let now = shared.clock.now();
    let expired = platform_tx(&shared.pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            let ids = sqlx::query_scalar!(
                "SELECT id FROM job_leases WHERE until < $1 ORDER BY id LIMIT $2",
                now,
                REAP_MAX
            )
            .fetch_all(connection)
            .await?;
            Ok(ids)
        })
    })
    .await?;
    let mut taken = 0;
    for lease_id in expired {
        match reap_lease(shared, lease_id).await {
            Ok(true) => taken += 1,
            Ok(false) => {}
            // Somebody works under this lease at this very moment (a fenced transaction): next round.
            Err(error) if error.is_lock_timeout() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

async fn reap_lease<C: Send + Sync + 'static>(
    shared: &Arc<Shared<C>>,
    lease_id: i64,
) -> Result<bool, QueueError> {
    let now = shared.clock.now();
    let this = Arc::clone(shared);
    platform_tx(&shared.pool, Mode::Durable, move |connection| {
        Box::pin(async move {
            set_lock_timeout(connection, "250ms").await?;
            let locked = sqlx::query_scalar!(
                "SELECT id FROM job_leases WHERE id = $1 AND until < $2 FOR UPDATE SKIP LOCKED",
                lease_id,
                now,
            )
            .fetch_optional(&mut *connection)
            .await?;
            if locked.is_none() {
                return Ok(false);
            }
            let rows = sqlx::query_as!(
                ReadyRow,
                r#"
                SELECT r.vendor_id AS "vendor_id!", r.prio AS "prio!", r.id AS "ready_id!", r.job_id AS "job_id!",
                       r.kind AS "kind!", r.attempt AS "attempt!", r.attempts_max AS "attempts_max!", r.flags AS "flags!",
                       r.payload AS "payload!"
                FROM job_leases l
                CROSS JOIN LATERAL unnest(l.vendor_ids, l.prios, l.ready_ids) AS u (vendor_id, prio, ready_id)
                CROSS JOIN LATERAL (
                    SELECT * FROM job_ready r
                    WHERE r.lane = l.lane AND r.vendor_id = u.vendor_id AND r.prio = u.prio AND r.id = u.ready_id
                ) r
                WHERE l.id = $1
                "#,
                lease_id,
            )
            .fetch_all(&mut *connection)
            .await?;
            let entries: Vec<Entry> = rows.iter().map(|row| expired_entry(&this, row)).collect();
            info!(lease = lease_id, jobs = entries.len(), "Lease {lease_id} ran out; its jobs are taken back");
            settle_in(connection, lease_id, &entries, now).await?;
            // Whatever the lease names beyond its ready rows is nobody's work any more.
            sqlx::query!("DELETE FROM job_leases WHERE id = $1", lease_id).execute(connection).await?;
            Ok(true)
        })
    })
    .await
}

fn expired_entry<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>, row: &ReadyRow) -> Entry {
    let backoff =
        shared.registry.handlers.get(row.kind.as_str()).map_or(Backoff::STANDARD, |handler| handler.backoff);
    let entry = failed(shared, row, backoff, "lease_expired", None);
    debug_assert!(matches!(entry.verdict, Verdict::Retry(_) | Verdict::Dead));
    entry
}

/// Hears other processes' notifications until `cancel`, on a connection that it keeps.
pub(super) async fn listen<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, cancel: CancellationToken) {
    loop {
        let heard = tokio::select! {
            () = cancel.cancelled() => return,
            heard = hear(&shared) => heard,
        };
        if let Err(error) = heard {
            warn!(error = %error, "Notifications of jobs are not heard; polling goes on");
        }
        // What was said meanwhile was not heard.
        shared.wake.send(Hint::Remote(None));
        shared.wake.send(Hint::Lanes);
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(LISTEN_RETRY) => {}
        }
    }
}

async fn hear<C: Send + Sync + 'static>(shared: &Arc<Shared<C>>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(&shared.pool).await?;
    listener.listen(NOTIFY_CHANNEL).await?;
    // `None` is a lost connection: the caller listens anew.
    while let Some(notification) = listener.try_recv().await? {
        match notification.payload() {
            "" => shared.wake.send(Hint::Remote(None)),
            LANES_CHANGED => shared.wake.send(Hint::Lanes),
            _ => {}
        }
        for vendor in notification.payload().split(',').filter_map(|text| Uuid::parse_str(text).ok()) {
            shared.wake.send(Hint::Remote(Some(vendor)));
        }
    }
    Ok(())
}
