//! A database a test: a copy of a template that is made once a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_domain::db::{self, Database, DatabaseParts, Logins, PoolSettings};
use odyssey_domain::tenancy::{self, NewUser, NewVendor, PasswordSettings, Role};
use odyssey_types::{FixedClock, UserId, VendorId};
use odyssey_vault::KeyStore;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;

use crate::proxy::Proxy;

/// The password of every person in a test.
pub const PASSWORD: &str = "correct horse battery staple";
/// Key of the lock under which one process makes the template and the others wait.
const TEMPLATE_LOCK: i64 = 0x0d15_5e71;
/// The role that owns every test database; its password is `test`.
pub const OWNER: &str = "odyssey_test_owner";

/// A vendor of the template, with one person in each role.
#[derive(Debug, Clone)]
pub struct VendorSeed {
    pub slug: &'static str,
    pub id: VendorId,
    pub admin: UserId,
    pub operator: UserId,
    pub viewer: UserId,
}

/// A migrated database of one test's own, with two vendors. Dropped with the value.
#[derive(Debug)]
pub struct TestDatabase {
    pub database: Database,
    pub clock: FixedClock,
    pub vendors: Vec<VendorSeed>,
    pub superadmin: UserId,
    pub name: String,
    pub keys_path: PathBuf,
    _keys: TempDir,
}

impl TestDatabase {
    /// Copies the template, making it first if this run has none.
    pub async fn start() -> Self {
        Self::start_with(PoolSettings::default()).await
    }

    /// The same with other pool settings: a pool of one connection shows who leaks.
    pub async fn start_with(settings: PoolSettings) -> Self {
        let template = Template::ensure().await;
        let name = format!("odyssey_test_{}", uuid::Uuid::now_v7().simple());
        let mut admin =
            PgConnection::connect_with(&crate::admin_options()).await.expect("the test cluster answers");
        let copy =
            format!("CREATE DATABASE {name} TEMPLATE {} OWNER {OWNER} STRATEGY wal_log", template.name);
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut admin).await.expect("the template can be copied");
        admin.close().await.expect("the connection closes");

        let keys = TempDir::new().expect("a temporary directory");
        let keys_path = keys.path().join("keys");
        copy_directory(&template.keys, &keys_path);
        let clock = FixedClock::at(start_of_time());
        let database = connect(&crate::admin_options(), &name, None, &keys_path, clock.clone(), settings);
        let (vendors, superadmin) = seeds(&database).await;
        Self { database, clock, vendors, superadmin, name, keys_path, _keys: keys }
    }

    pub fn vendor(&self, slug: &str) -> &VendorSeed {
        self.vendors.iter().find(|v| v.slug == slug).expect("the template has this vendor")
    }

    /// The owner's own connection, for looking where the application may not.
    pub async fn owner_connection(&self) -> PgConnection {
        owner_options(&self.name).connect().await.expect("the owner can connect")
    }

    /// The superuser's connection to this database: sees every row and every lock.
    pub async fn superuser_connection(&self) -> PgConnection {
        crate::admin_options().database(&self.name).connect().await.expect("the superuser can connect")
    }

    /// A second set of pools on the same database, with other settings.
    pub fn reconnect(&self, settings: PoolSettings) -> Database {
        self.connect(&crate::admin_options(), None, settings)
    }

    /// The same, by way of a proxy.
    pub fn reconnect_through(&self, proxy: &Proxy, settings: PoolSettings) -> Database {
        self.connect(&crate::admin_options().host("127.0.0.1").port(proxy.port()), None, settings)
    }

    /// The same, with another copy of the template as its replica: one that has not heard of anything since.
    pub fn reconnect_with_replica(&self, replica: &Self, settings: PoolSettings) -> Database {
        self.connect(&crate::admin_options(), Some(&replica.name), settings)
    }

    fn connect(&self, server: &PgConnectOptions, replica: Option<&str>, settings: PoolSettings) -> Database {
        connect(server, &self.name, replica, &self.keys_path, self.clock.clone(), settings)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A thread and a runtime of its own: the test's may be shutting down.
        let dropping = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                let Ok(mut admin) = PgConnection::connect_with(&crate::admin_options()).await else { return };
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                if let Err(error) = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await {
                    eprintln!("test database {name} was not dropped: {error}");
                }
            });
        });
        if dropping.join().is_err() {
            eprintln!("the thread that drops a test database panicked");
        }
    }
}

/// When every test begins.
pub fn start_of_time() -> DateTime<Utc> {
    "2026-01-15T12:00:00Z".parse().expect("a constant instant")
}

struct Template {
    name: String,
    keys: PathBuf,
}

impl Template {
    /// The template of this run: named after the migrations and the cluster, so that neither a change of
    /// schema nor another cluster finds a stale one.
    async fn ensure() -> Self {
        let mut admin =
            PgConnection::connect_with(&crate::admin_options()).await.expect("the test cluster answers");
        let system: i64 = sqlx::query_scalar("SELECT system_identifier FROM pg_control_system()")
            .fetch_one(&mut admin)
            .await
            .expect("the cluster has an identifier");
        let digest = hex_prefix(&[db::migrations_digest().as_bytes(), &system.to_be_bytes()]);
        let name = format!("odyssey_template_{digest}");
        let keys = std::env::temp_dir().join(format!("odyssey-test-keys-{digest}"));
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(TEMPLATE_LOCK)
            .execute(&mut admin)
            .await
            .expect("the lock");
        let ready: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut admin)
            .await
            .expect("the catalog answers");
        if !(ready && keys.exists()) {
            Self::make(&mut admin, &name, &keys).await;
        }
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(TEMPLATE_LOCK)
            .execute(&mut admin)
            .await
            .expect("the lock");
        admin.close().await.expect("the connection closes");
        Self { name, keys }
    }

    async fn make(admin: &mut PgConnection, name: &str, keys: &Path) {
        let building = format!("{name}_building");
        for database in [name, &building] {
            let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *admin).await.expect("a stale template can go");
        }
        if keys.exists() {
            std::fs::remove_dir_all(keys).expect("stale keys can go");
        }
        let password = SecretString::from("test");
        db::bootstrap_owner(&crate::admin_options(), OWNER, &password, &building)
            .await
            .expect("the owner is made");
        db::migrate(&owner_options(&building), &logins()).await.expect("the migrations run from empty");
        KeyStore::create(keys).expect("a key store");
        let clock = FixedClock::at(start_of_time());
        let database =
            connect(&crate::admin_options(), &building, None, keys, clock, PoolSettings::default());
        seed(&database).await;
        database.close().await;
        let rename = format!("ALTER DATABASE {building} RENAME TO {name}");
        sqlx::raw_sql(AssertSqlSafe(rename)).execute(&mut *admin).await.expect("the template is finished");
    }
}

/// Two vendors of two leaves each, a person in each role at each, and a superadmin.
async fn seed(database: &Database) {
    let actor = tenancy::Actor::command_line();
    tenancy::check_key_fingerprints(database).await.expect("fresh fingerprints are recorded");
    for slug in ["acme", "rival"] {
        let new =
            NewVendor { slug: slug.to_owned(), name: slug.to_owned(), product_leaves: 2, customer_leaves: 2 };
        let vendor = tenancy::create_vendor(database, &actor, new).await.expect("a vendor is made");
        for role in [Role::VendorAdmin, Role::VendorOperator, Role::VendorViewer] {
            let user = create_user(database, &format!("{}@{slug}.example", role.as_str()), false).await;
            tenancy::add_membership(database, &actor, vendor.id, user, role)
                .await
                .expect("a membership is made");
        }
    }
    create_user(database, "root@platform.example", true).await;
}

async fn create_user(database: &Database, email: &str, superadmin: bool) -> UserId {
    // The cheapest hash there is: tests sign in often and protect nobody.
    let settings = PasswordSettings { memory_kib: 8, passes: 1 };
    let new = NewUser {
        email: email.to_owned(),
        display_name: email.to_owned(),
        password: SecretString::from(PASSWORD),
        superadmin,
    };
    tenancy::create_user(database, &tenancy::Actor::command_line(), settings, new)
        .await
        .expect("a user is made")
}

async fn seeds(database: &Database) -> (Vec<VendorSeed>, UserId) {
    let mut vendors = Vec::new();
    for slug in ["acme", "rival"] {
        let vendor = tenancy::find_vendor_by_slug(database, slug).await.expect("the database answers");
        let id = vendor.expect("the template has this vendor").id;
        let [admin, operator, viewer] = [
            user(database, &format!("vendor_admin@{slug}.example")).await,
            user(database, &format!("vendor_operator@{slug}.example")).await,
            user(database, &format!("vendor_viewer@{slug}.example")).await,
        ];
        vendors.push(VendorSeed { slug, id, admin, operator, viewer });
    }
    let superadmin = user(database, "root@platform.example").await;
    (vendors, superadmin)
}

async fn user(database: &Database, email: &str) -> UserId {
    let found = tenancy::find_user_by_email(database, email).await.expect("the database answers");
    found.expect("the template has this user")
}

fn connect(
    server: &PgConnectOptions,
    name: &str,
    replica: Option<&str>,
    keys: &Path,
    clock: FixedClock,
    settings: PoolSettings,
) -> Database {
    let login = |user: &str, name: &str| server.clone().database(name).username(user).password("test");
    Database::new(DatabaseParts {
        app: login("odyssey_app_login", name),
        platform: login("odyssey_platform_login", name),
        read: replica.map(|replica| login("odyssey_app_login", replica)),
        settings,
        clock: Arc::new(clock),
        keys: Arc::new(KeyStore::open(keys).expect("the key store opens")),
    })
}

fn owner_options(name: &str) -> PgConnectOptions {
    crate::admin_options()
        .database(name)
        .username(OWNER)
        .password("test")
        .options([("search_path", "odyssey,pg_catalog")])
}

/// The logins of every test database: roles belong to the cluster.
pub fn logins() -> Logins {
    Logins {
        app: "odyssey_app_login".to_owned(),
        app_password: SecretString::from("test"),
        platform: "odyssey_platform_login".to_owned(),
        platform_password: SecretString::from("test"),
    }
}

fn hex_prefix(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()[..6].iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    std::fs::set_permissions(to, std::fs::metadata(from).expect("its permissions").permissions())
        .expect("the same permissions");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a file is copied");
        }
    }
}
