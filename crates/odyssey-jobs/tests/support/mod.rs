//! A PostgreSQL for the queue's tests and bench: the server named by `ODYSSEY_TEST_DATABASE_URL` (an administrator's
//! URL), or else a throw-away cluster that ends with this process. Each test gets a database of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_jobs::{Enqueued, Job, JobRecord, Wake, enqueue_job, get};
use odyssey_types::Clock;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::OnceCell;
use uuid::Uuid;

const LOGIN: &str = "jobs_test_login";
const MIGRATIONS: [&str; 2] = [
    include_str!("../../../../migrations/0040_jobs.sql"),
    include_str!("../../../../migrations/0097_queue_operations.sql"),
];
const BASE: &str = include_str!("../base.sql");

static SERVER: OnceCell<Server> = OnceCell::const_new();

struct Server {
    admin: PgConnectOptions,
    template: String,
    /// Its standard input is the life line: when this process ends, however it does, the cluster stops.
    _cluster: Option<Child>,
}

/// One test's database, worked with as a login that may take the queue's roles.
pub struct Db {
    pub pool: PgPool,
    pub wake: Wake,
    name: String,
}

impl Db {
    pub async fn new() -> Self {
        Self::with_connections(30).await
    }

    pub async fn with_connections(connections: u32) -> Self {
        let server = SERVER.get_or_init(Server::start).await;
        let name = format!("jobs_test_{}", Uuid::now_v7().simple());
        let mut admin = PgConnection::connect_with(&server.admin).await.expect("the test server answers");
        let create = format!("CREATE DATABASE {name} TEMPLATE {} STRATEGY wal_log", server.template);
        admin.execute(AssertSqlSafe(create)).await.expect("a test database is made");
        let options = server.admin.clone().username(LOGIN).password(LOGIN).database(&name).options([
            ("search_path", "odyssey"),
            ("plan_cache_mode", "force_custom_plan"),
            ("jit", "off"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.execute("BEGIN; ROLLBACK").await?;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .expect("the test login connects");
        Self { pool, wake: Wake::new(), name }
    }

    /// A transaction of a vendor's, as the application role.
    pub async fn vendor_tx(&self, vendor_id: Uuid) -> Transaction<'static, Postgres> {
        let mut tx = sqlx::Acquire::begin(&self.pool).await.expect("a transaction begins");
        sqlx::query("SELECT set_config('role', 'odyssey_app', true), set_config('app.vendor_id', $1, true)")
            .bind(vendor_id.to_string())
            .execute(&mut *tx)
            .await
            .expect("the application role is taken");
        tx
    }

    /// A transaction across vendors, as the platform role.
    pub async fn platform_tx(&self) -> Transaction<'static, Postgres> {
        let mut tx = sqlx::Acquire::begin(&self.pool).await.expect("a transaction begins");
        tx.execute("SET LOCAL ROLE odyssey_platform").await.expect("the platform role is taken");
        tx
    }

    /// Enqueues as the vendor, commits, wakes.
    pub async fn enqueue<J: Job>(&self, vendor_id: Uuid, job: &J, now: DateTime<Utc>) -> Enqueued {
        let mut tx = self.vendor_tx(vendor_id).await;
        let enqueued = enqueue_job(&mut tx, vendor_id, None, job, now).await.expect("the job is enqueued");
        tx.commit().await.expect("the enqueue commits");
        self.wake.enqueued(&enqueued);
        enqueued
    }

    pub async fn job(&self, vendor_id: Uuid, id: Uuid) -> JobRecord {
        let mut tx = self.vendor_tx(vendor_id).await;
        get(&mut tx, vendor_id, id).await.expect("the record reads").expect("the record is there")
    }

    /// One number, asked as the platform role.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut tx = self.platform_tx().await;
        sqlx::query_scalar(sql).fetch_one(&mut *tx).await.expect("the question has an answer")
    }

    /// Rows that only unfinished work has.
    pub async fn unfinished(&self) -> i64 {
        self.number(
            "SELECT (SELECT count(*) FROM job_ready) + (SELECT count(*) FROM job_delayed)
                  + (SELECT count(*) FROM job_leases) + (SELECT count(*) FROM job_unique)",
        )
        .await
    }

    pub async fn admin(&self) -> PgConnection {
        let server = SERVER.get_or_init(Server::start).await;
        PgConnection::connect_with(&server.admin.clone().database(&self.name))
            .await
            .expect("the administrator connects")
    }

    /// Removes the database; a test that fails leaves it to be looked at.
    pub async fn drop(self) {
        self.pool.close().await;
        let server = SERVER.get_or_init(Server::start).await;
        let mut admin = PgConnection::connect_with(&server.admin).await.expect("the test server answers");
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        admin.execute(AssertSqlSafe(drop)).await.expect("the test database goes");
    }
}

pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(odyssey_types::SystemClock)
}

impl Server {
    async fn start() -> Self {
        let (admin, cluster) = match std::env::var("ODYSSEY_TEST_DATABASE_URL") {
            Ok(url) => (PgConnectOptions::from_str(&url).expect("ODYSSEY_TEST_DATABASE_URL is a URL"), None),
            Err(_) => {
                let (options, child) = start_cluster();
                (options, Some(child))
            }
        };
        let template = make_template(&admin).await;
        Self { admin, template, _cluster: cluster }
    }
}

/// Makes the template database once for each version of the schema; several test processes may try at once.
async fn make_template(admin: &PgConnectOptions) -> String {
    let mut hasher = DefaultHasher::new();
    (MIGRATIONS, BASE).hash(&mut hasher);
    let name = format!("jobs_template_{:016x}", hasher.finish());
    let mut connection = PgConnection::connect_with(admin).await.expect("the test server answers");
    connection.execute("SELECT pg_advisory_lock(7040)").await.expect("the template lock is granted");
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .expect("the catalog reads");
    if !exists {
        let remake = format!("DROP DATABASE IF EXISTS {name}");
        connection.execute(AssertSqlSafe(remake)).await.expect("a half-made template goes");
        connection
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("the template is made");
        let mut inside =
            PgConnection::connect_with(&admin.clone().database(&name)).await.expect("the template opens");
        inside.execute(BASE).await.expect("the base is laid");
        for migration in MIGRATIONS {
            inside.execute(migration).await.expect("the migration applies");
        }
        inside.close().await.expect("the template closes");
        let done = format!("ALTER DATABASE {name} IS_TEMPLATE true");
        connection.execute(AssertSqlSafe(done)).await.expect("the template is marked");
    }
    connection.close().await.expect("the administrator's connection closes");
    name
}

/// Starts a cluster on a free loopback port; as root it runs as an unprivileged user, since initdb refuses root.
fn start_cluster() -> (PgConnectOptions, Child) {
    let bin = [
        "/usr/lib/postgresql/17/bin",
        "/usr/lib/postgresql/16/bin",
        "/usr/lib/postgresql/15/bin",
        "/usr/bin",
    ]
    .into_iter()
    .find(|bin| Path::new(bin).join("initdb").exists())
    .expect("PostgreSQL 15 to 17 is installed (apt-get install postgresql)");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let script = format!(
        r#"
        dir=$(mktemp -d /tmp/odyssey-jobs-pg.XXXXXX) && cd "$dir" || exit 1
        {bin}/initdb -D "$dir/data" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 || exit 1
        {bin}/postgres -D "$dir/data" -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
            -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB >"$dir/server.log" 2>&1 </dev/null &
        server=$!
        for i in $(seq 100); do {bin}/pg_isready -q -h 127.0.0.1 -p {port} && break; sleep 0.1; done
        echo ready
        cat >/dev/null
        kill -INT $server; wait $server
        rm -rf "$dir"
        "#
    );
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    let mut command = if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh", "-c", &script]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        command
    };
    let mut child = command
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the shell that keeps the cluster starts");
    let mut line = String::new();
    let output = child.stdout.take().expect("the shell's output is piped");
    BufReader::new(output).read_line(&mut line).expect("the shell's output reads");
    assert_eq!(line, "ready\n", "the throw-away cluster did not start");
    let options =
        PgConnectOptions::new().host("127.0.0.1").port(port).username("postgres").database("postgres");
    (options, child)
}
