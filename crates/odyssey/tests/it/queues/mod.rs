//! Jobs retried, canceled and deleted by a vendor's people; queues run by the platform's.

mod lanes;
mod vendor_jobs;

use odyssey_domain::jobs::{self, RunReport, Work, WorkerSettings};
use odyssey_domain::matching::{Audiences, Snapshots};
use odyssey_testkit::{Actor, TestApp};
use serde_json::Value;
use sqlx::PgConnection;

/// A file that no attempt can read: it begins like gzip and is none.
pub const DAMAGED: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3];
pub const TWO_ROWS: &[u8] = b"external_id,name\np1,Bar\n,Nameless\n";

/// Queues an import; gives its job.
pub async fn import(actor: &Actor<'_>, file: &[u8]) -> String {
    let (path, body) = ("/api/v1/ingest/csv?mode=products", Some(("text/csv", file.to_vec())));
    let started = actor.send_bytes(http::Method::POST, path, &[], body).await.expect(202);
    started["job_id"].as_str().expect("a job").to_owned()
}

/// Works the queue until nothing is left that may run, whatever becomes of it.
pub async fn work(app: &TestApp) -> RunReport {
    let work = Work {
        database: app.database().clone(),
        ingestion: app.ingestion.clone(),
        audiences: Audiences::new(app.database().clone(), 1 << 20),
        snapshots: Snapshots::new(app.database().clone(), 1 << 20),
    };
    let dispatcher = jobs::dispatcher(work, &WorkerSettings::default()).expect("a dispatcher");
    dispatcher.run_until_empty().await.expect("the queue answers")
}

pub async fn status(actor: &Actor<'_>, job: &str) -> Value {
    actor.get(&format!("/api/v1/jobs/{job}")).await.expect(200)["status"].clone()
}

/// Events of this action, oldest first: whose trail, count and details.
pub async fn trail(connection: &mut PgConnection, action: &str) -> Vec<(uuid::Uuid, i64, Value)> {
    sqlx::query_as(
        "SELECT vendor_id, count, details FROM odyssey.audit_events WHERE action = $1 ORDER BY occurred_at, id",
    )
    .bind(action)
    .fetch_all(connection)
    .await
    .expect("the trail answers")
}
