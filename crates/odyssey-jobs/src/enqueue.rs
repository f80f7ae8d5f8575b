//! Putting jobs into the queue, inside the caller's transaction.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Enqueued, Job, NewJob, QueueError, ReadyKey, Unique, UniqueUntil};

/// Adds one job in the caller's transaction: it exists exactly when that commits. One round trip. Works as the
/// vendor role (its own vendor only) and as the platform role. After the commit, hand the answer to
/// [`crate::Wake::enqueued`]; without it the job is found within the poll interval.
pub async fn enqueue(connection: &mut PgConnection, job: NewJob) -> Result<Enqueued, QueueError> {
    insert(connection, job, false).await
}

/// Adds one job of a registered kind, to run at once.
pub async fn enqueue_job<J: Job>(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    created_by: Option<Uuid>,
    job: &J,
    now: DateTime<Utc>,
) -> Result<Enqueued, QueueError> {
    insert(connection, NewJob::of(vendor_id, created_by, job, now)?, false).await
}

/// Adds one job of a registered kind, to run not before `run_at`.
pub async fn enqueue_job_at<J: Job>(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    created_by: Option<Uuid>,
    job: &J,
    run_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Enqueued, QueueError> {
    let mut new_job = NewJob::of(vendor_id, created_by, job, now)?;
    new_job.run_at = Some(run_at);
    insert(connection, new_job, false).await
}

/// Creates the record of a job whose input is still arriving (state `receiving`). It waits for
/// [`enqueue_received`] and can be canceled meanwhile. The job must be followed.
pub async fn open_receiving(connection: &mut PgConnection, job: NewJob) -> Result<Enqueued, QueueError> {
    insert(connection, NewJob { followed: true, ..job }, true).await
}

/// Puts a job whose input has arrived into the queue, in the transaction that closes the input.
pub async fn enqueue_received(
    connection: &mut PgConnection,
    vendor_id: Uuid,
    job_id: Uuid,
    lane: &'static str,
    now: DateTime<Utc>,
) -> Result<Enqueued, QueueError> {
    let row = sqlx::query!(
        r#"
        WITH opened AS (
            UPDATE jobs
            SET state = 'queued'
            WHERE id = $1 AND vendor_id = $2 AND lane = $3 AND state = 'receiving'
            RETURNING id, vendor_id, kind, lane, priority, payload, attempts_max
        )
        INSERT INTO job_ready (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, ready_at)
        SELECT o.lane, o.vendor_id, o.priority, o.id, o.kind, 1, o.attempts_max,
               1 + CASE WHEN u.job_id IS NULL THEN 0 WHEN u.until_start THEN 2 ELSE 4 END, o.payload, $4
        FROM opened o
        LEFT JOIN job_unique u ON u.job_id = o.id
        RETURNING prio, id
        "#,
        job_id,
        vendor_id,
        lane,
        now,
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or(QueueError::NotReceiving(job_id))?;
    let ready = ReadyKey { lane: lane.into(), vendor_id, prio: row.prio, ready_id: row.id };
    Ok(Enqueued { id: job_id, existing: false, ready: Some(ready) })
}

/// Adds many jobs with one statement; the answers are in the order of the jobs.
pub async fn enqueue_many(
    connection: &mut PgConnection,
    jobs: Vec<NewJob>,
) -> Result<Vec<Enqueued>, QueueError> {
    let mut columns = Columns::default();
    for job in &jobs {
        columns.push(job);
    }
    let rows = sqlx::query!(
        r#"
        SELECT e.job_id AS "job_id!", e.existing AS "existing!", e.ready_id
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::jsonb[], $7::smallint[],
                    $8::boolean[], $9::text[], $10::boolean[], $11::timestamptz[], $12::uuid[], $13::uuid[],
                    $14::timestamptz[])
             WITH ORDINALITY AS n (id, vendor_id, kind, lane, prio, payload, attempts_max, followed, unique_key,
                                   until_start, run_at, parent_job_id, created_by, now, place)
        CROSS JOIN LATERAL job_enqueue(n.id, n.vendor_id, n.kind, n.lane, n.prio, n.payload, n.attempts_max, n.followed,
                                       n.unique_key, n.until_start, n.run_at, n.parent_job_id, n.created_by, n.now,
                                       false) e
        ORDER BY n.place
        "#,
        &columns.ids,
        &columns.vendor_ids,
        &columns.kinds as &[&str],
        &columns.lanes as &[&str],
        &columns.prios,
        &columns.payloads as &[&serde_json::Value],
        &columns.attempts_max,
        &columns.followed,
        &columns.unique_keys as &[Option<&str>],
        &columns.until_start,
        &columns.run_ats as &[Option<DateTime<Utc>>],
        &columns.parent_job_ids as &[Option<Uuid>],
        &columns.created_bys as &[Option<Uuid>],
        &columns.nows,
    )
    .fetch_all(&mut *connection)
    .await?;
    let answers = rows.into_iter().zip(&jobs);
    Ok(answers.map(|(row, job)| answer(job, row.job_id, row.existing, row.ready_id)).collect())
}

impl NewJob {
    /// The job of a registered kind with the kind's own lane, priority, limits and unique key.
    pub fn of<J: Job>(
        vendor_id: Uuid,
        created_by: Option<Uuid>,
        job: &J,
        now: DateTime<Utc>,
    ) -> Result<Self, QueueError> {
        let payload =
            serde_json::to_value(job).map_err(|source| QueueError::Payload { kind: J::KIND, source })?;
        let key = if J::UNIQUE { job.unique_key() } else { None };
        Ok(Self {
            vendor_id,
            kind: J::KIND,
            lane: J::LANE,
            payload,
            priority: J::PRIORITY,
            unique: key.map(|key| Unique { key, until: J::UNIQUE_UNTIL }),
            run_at: None,
            attempts_max: J::ATTEMPTS_MAX,
            followed: J::FOLLOWED,
            parent_job_id: None,
            created_by,
            now,
        })
    }
}

async fn insert(connection: &mut PgConnection, job: NewJob, receiving: bool) -> Result<Enqueued, QueueError> {
    let row = sqlx::query!(
        r#"
        SELECT job_id AS "job_id!", existing AS "existing!", ready_id
        FROM job_enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        "#,
        new_id(job.now),
        job.vendor_id,
        job.kind,
        job.lane,
        job.priority.rank(),
        job.payload,
        job.attempts_max,
        job.followed,
        job.unique.as_ref().map(|unique| unique.key.as_str()),
        until_start(&job),
        job.run_at,
        job.parent_job_id,
        job.created_by,
        job.now,
        receiving,
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(answer(&job, row.job_id, row.existing, row.ready_id))
}

fn answer(job: &NewJob, id: Uuid, existing: bool, ready_id: Option<i64>) -> Enqueued {
    let ready = ready_id.map(|ready_id| ReadyKey {
        lane: job.lane.into(),
        vendor_id: job.vendor_id,
        prio: job.priority.rank(),
        ready_id,
    });
    Enqueued { id, existing, ready }
}

fn until_start(job: &NewJob) -> bool {
    job.unique.as_ref().is_some_and(|unique| unique.until == UniqueUntil::Started)
}

/// A time-ordered id (UUIDv7), so that a vendor's list is in order of creation.
fn new_id(now: DateTime<Utc>) -> Uuid {
    odyssey_types::JobId::generate(now).as_uuid()
}

#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    vendor_ids: Vec<Uuid>,
    kinds: Vec<&'a str>,
    lanes: Vec<&'a str>,
    prios: Vec<i16>,
    payloads: Vec<&'a serde_json::Value>,
    attempts_max: Vec<i16>,
    followed: Vec<bool>,
    unique_keys: Vec<Option<&'a str>>,
    until_start: Vec<bool>,
    run_ats: Vec<Option<DateTime<Utc>>>,
    parent_job_ids: Vec<Option<Uuid>>,
    created_bys: Vec<Option<Uuid>>,
    nows: Vec<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, job: &'a NewJob) {
        self.ids.push(new_id(job.now));
        self.vendor_ids.push(job.vendor_id);
        self.kinds.push(job.kind);
        self.lanes.push(job.lane);
        self.prios.push(job.priority.rank());
        self.payloads.push(&job.payload);
        self.attempts_max.push(job.attempts_max);
        self.followed.push(job.followed);
        self.unique_keys.push(job.unique.as_ref().map(|unique| unique.key.as_str()));
        self.until_start.push(until_start(job));
        self.run_ats.push(job.run_at);
        self.parent_job_ids.push(job.parent_job_id);
        self.created_bys.push(job.created_by);
        self.nows.push(job.now);
    }
}
