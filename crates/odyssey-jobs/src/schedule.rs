//! Work that comes round by the clock: cron patterns in UTC, each firing enqueued by exactly one process.

use std::collections::HashMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use sqlx::{PgConnection, PgPool};
use tracing::info;

use crate::enqueue::enqueue;
use crate::platform::{Mode, platform_tx};
use crate::{Enqueued, Job, NewJob, PLATFORM_VENDOR, QueueError};

/// One line of the list of schedules.
pub(crate) struct Schedule {
    name: &'static str,
    pattern: &'static str,
    cron: Cron,
    make: Box<dyn Fn(DateTime<Utc>, DateTime<Utc>) -> Result<NewJob, QueueError> + Send + Sync>,
}

impl Schedule {
    pub(crate) fn new<J: Job>(
        name: &'static str,
        pattern: &'static str,
        make: impl Fn(DateTime<Utc>) -> J + Send + Sync + 'static,
    ) -> Result<Self, QueueError> {
        let cron = Cron::from_str(pattern).map_err(|error| QueueError::Schedule {
            name,
            pattern,
            reason: error.to_string(),
        })?;
        let make = move |fire_at, now| NewJob::of(PLATFORM_VENDOR, None, &make(fire_at), now);
        Ok(Self { name, pattern, cron, make: Box::new(make) })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The latest firing after `last_run_at` and not after `now`: what was missed while nobody ran is caught up
    /// once, not as often as it was missed.
    fn due(&self, last_run_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let latest = self.cron.find_previous_occurrence(&now, true).ok()?;
        (latest > last_run_at).then_some(latest)
    }
}

/// Enqueues every schedule that is due. One process at a time: who does not get the lock has nothing to do, as
/// the holder is doing it.
pub(crate) async fn fire_due(
    pool: &PgPool,
    schedules: std::sync::Arc<Vec<Schedule>>,
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, QueueError> {
    if schedules.is_empty() {
        return Ok(Vec::new());
    }
    platform_tx(pool, Mode::Durable, move |connection| {
        Box::pin(async move {
            let locked = sqlx::query_scalar!(
                r#"SELECT pg_try_advisory_xact_lock(hashtextextended('odyssey.jobs.schedules', 0)) AS "locked!""#
            )
            .fetch_one(&mut *connection)
            .await?;
            if locked { fire_locked(connection, &schedules, now).await } else { Ok(Vec::new()) }
        })
    })
    .await
}

async fn fire_locked(
    connection: &mut PgConnection,
    schedules: &[Schedule],
    now: DateTime<Utc>,
) -> Result<Vec<Enqueued>, QueueError> {
    let rows =
        sqlx::query!("SELECT name, cron, last_run_at FROM job_schedules").fetch_all(&mut *connection).await?;
    let known: HashMap<String, (String, DateTime<Utc>)> =
        rows.into_iter().map(|row| (row.name, (row.cron, row.last_run_at))).collect();
    let mut enqueued = Vec::new();
    for schedule in schedules {
        match known.get(schedule.name) {
            // A schedule that is new here, or whose pattern changed, starts from now: nothing was missed.
            None => store(connection, schedule, now).await?,
            Some((pattern, _)) if pattern != schedule.pattern => store(connection, schedule, now).await?,
            Some((_, last_run_at)) => {
                if let Some(fire_at) = schedule.due(*last_run_at, now) {
                    enqueued.push(enqueue(connection, (schedule.make)(fire_at, now)?).await?);
                    store(connection, schedule, fire_at).await?;
                    info!(schedule = schedule.name, fire_at = %fire_at, "Schedule {} fired", schedule.name);
                }
            }
        }
    }
    Ok(enqueued)
}

async fn store(
    connection: &mut PgConnection,
    schedule: &Schedule,
    at: DateTime<Utc>,
) -> Result<(), QueueError> {
    sqlx::query!(
        "INSERT INTO job_schedules (name, cron, last_run_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, last_run_at = excluded.last_run_at",
        schedule.name,
        schedule.pattern,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
