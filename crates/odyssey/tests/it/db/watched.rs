//! A node whose own PostgreSQL is killed under it: it starts it again, says meanwhile that it is not ready, and what it
//! was importing goes on.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use odyssey::config::load_from;
use odyssey::node::Node;
use odyssey::pg::{ADMIN_USER, find_binaries};
use odyssey_api::health::Readiness;
use odyssey_domain::db::testing;
use odyssey_domain::ingestion::{
    self, ImportMode, ImportParameters, Ingestion, IngestionSettings, JobView, Spool, Wake,
};
use odyssey_domain::jobs::{self, Work, WorkerSettings};
use odyssey_domain::tenancy::{self, Actor, NewVendor, VendorScope};
use odyssey_store::Store;
use odyssey_types::JobId;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const ROWS: i64 = 4_000;
/// A recovery and a lease on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(3);

fn postmaster(state: &Path) -> String {
    let text = std::fs::read_to_string(state.join("pg/postmaster.pid")).expect("it runs");
    text.lines().next().expect("a number").to_owned()
}

async fn job(node: &Node, scope: VendorScope, id: JobId) -> Option<JobView> {
    let mut tx = testing::begin_vendor(&node.database, scope, Actor::command_line()).await.ok()?;
    let job = ingestion::get_job(&mut tx, id).await.ok()?;
    tx.roll_back().await.ok()?;
    Some(job)
}

/// A node with a server of its own, a vendor, and an import under way.
struct Importing {
    _folder: tempfile::TempDir,
    state: PathBuf,
    node: Node,
    scope: VendorScope,
    id: JobId,
    stop: CancellationToken,
    worker: JoinHandle<()>,
}

impl Importing {
    /// Once some rows are merged and not all; `None` where there is no PostgreSQL.
    async fn start() -> Option<Self> {
        if find_binaries(None, None).is_err() {
            println!("skipped: no PostgreSQL binaries");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        // The server's own user must reach it.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
        let state = folder.path().join("state");
        let variables = [("ODYSSEY__STATE__DIR".to_owned(), OsString::from(&state))];
        let settings = load_from(None, variables.into_iter()).expect("valid").settings;
        let node = Node::open(&settings).await.expect("a node of its own");
        let new =
            NewVendor { slug: "acme".into(), name: "Acme".into(), product_leaves: 2, customer_leaves: 2 };
        let vendor =
            tenancy::create_vendor(&node.database, &Actor::command_line(), new).await.expect("a vendor");
        let scope = tenancy::scope_for_job(&node.database, vendor.id).await.expect("it works");
        let ingestion = Ingestion {
            spool: Spool::new(Store::on_disk(folder.path().join("spool"))),
            settings: IngestionSettings { batch_rows: 50, ..IngestionSettings::default() },
            wake: Wake::new(),
        };
        let work = Work {
            database: node.database.clone(),
            ingestion: ingestion.clone(),
            audiences: node.audiences.clone(),
            snapshots: node.snapshots.clone(),
        };
        let stop = CancellationToken::new();
        let worker = tokio::spawn({
            let (stop, settings) = (stop.clone(), WorkerSettings::default());
            async move {
                jobs::run_worker(work, &settings, stop).await.expect("it ends");
            }
        });
        let rows: String = (0..ROWS).map(|row| format!("p{row},Bar {row}\n")).collect();
        let tx =
            testing::begin_vendor(&node.database, scope, Actor::command_line()).await.expect("it begins");
        let parameters = ImportParameters::default();
        let sink = ingestion::begin_upload(&ingestion, tx, ImportMode::Products, parameters).await;
        let mut sink = sink.expect("it begins");
        sink.write(format!("external_id,name\n{rows}").into()).await.expect("it is taken");
        let id = sink.finish().await.expect("it is queued").job_id;
        let started = Instant::now();
        loop {
            let import = job(&node, scope, id).await.and_then(|job| job.import);
            let merged = import.map_or(0, |import| import.totals.created);
            if (1..ROWS).contains(&merged) {
                return Some(Self { _folder: folder, state, node, scope, id, stop, worker });
            }
            assert!(
                merged == 0 && started.elapsed() < PATIENCE,
                "{merged} rows: it cannot be caught under way"
            );
        }
    }

    /// All rows are merged, once, however often it was begun.
    async fn ends_whole(self) {
        let started = Instant::now();
        let ended = loop {
            match job(&self.node, self.scope, self.id).await {
                Some(job) if job.record.state.is_finished() => break job,
                _ => assert!(started.elapsed() < PATIENCE, "the import does not go on"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let totals = ended.import.as_ref().expect("an import").totals;
        assert!(totals.reconciles() && totals.created == ROWS, "{totals:?} {:?}", ended.record);
        assert_eq!(ended.record.state.as_str(), "completed", "{:?}", ended.record);
        assert!(ended.record.attempt > 1, "{:?}", ended.record);
        self.stop.cancel();
        self.worker.await.expect("no panic");
        self.node.close().await.expect("closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_its_killed_postgres_again_and_the_import_under_way_goes_on() {
    let Some(importing) = Importing::start().await else { return };
    let (state, node) = (&importing.state, &importing.node);
    let killed = postmaster(state);
    assert!(Command::new("kill").args(["-9", &killed]).status().is_ok_and(|it| it.success()));
    let (readiness, started) = (Readiness::default(), Instant::now());
    // Backends outlive their postmaster for a moment; then nobody is told that all is well.
    while readiness.check(&node.database).await.is_ok() {
        assert!(started.elapsed() < PATIENCE, "it never went away");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while readiness.check(&node.database).await.is_err() {
        assert!(started.elapsed() < PATIENCE, "it is not started again");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_ne!(postmaster(state), killed);
    importing.ends_whole().await;
}

/// What a crash leaves that nobody was in the middle of a transaction in: nobody meets an error.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_waited_through_a_crash_does_not_take_its_lost_rows_for_unchanged_ones() {
    let Some(importing) = Importing::start().await else { return };
    let read =
        |name: &str| std::fs::read_to_string(importing.state.join(name)).expect("a file").trim().to_owned();
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(read("pg.port").parse().expect("a port"))
        .ssl_mode(PgSslMode::Disable)
        .username(ADMIN_USER)
        .password(&read("pg.password"))
        .database("odyssey");
    let mut admin = PgConnection::connect_with(&options).await.expect("connects");
    let mut tx = admin.begin().await.expect("begins");
    // From here on the import is between two of its transactions.
    sqlx::query("SELECT FROM odyssey.jobs WHERE id = $1 FOR UPDATE")
        .bind(importing.id.as_uuid())
        .execute(&mut *tx)
        .await
        .expect("locked");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'odyssey_staging' AND c.relkind = 'r'",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("the staging tables");
    assert_eq!(tables.len(), 2, "{tables:?}");
    let empty = format!("TRUNCATE {}; SELECT pg_stat_reset_shared('bgwriter')", tables.join(", "));
    sqlx::raw_sql(sqlx::AssertSqlSafe(empty)).execute(&mut *tx).await.expect("empty");
    tx.commit().await.expect("let go");
    importing.ends_whole().await;
}
