//! Roles, schema and migrations. Runs on the owner's own connection, never on a pool of the server.

use sha2::{Digest, Sha256};
use sqlx::migrate::{Migrate, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::DbError;

/// What the owner's connection runs with: a role that exists already is no news.
const OWNER_OPTIONS: [(&str, &str); 2] =
    [("search_path", "odyssey,pg_catalog"), ("client_min_messages", "warning")];

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Key of the session lock that lets one migration run at a time in a database's cluster.
const MIGRATION_LOCK: i64 = 0x0d15_5e70;

/// The two roles that the server connects as, and their passwords.
#[derive(Debug, Clone)]
pub struct Logins {
    pub app: String,
    pub app_password: secrecy::SecretString,
    pub platform: String,
    pub platform_password: secrecy::SecretString,
}

/// One migration and whether it has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    pub version: i64,
    pub description: String,
    pub applied: bool,
}

/// A digest of all migrations of this binary: a database migrated under another one is another database.
pub fn migrations_digest() -> String {
    let mut hasher = Sha256::new();
    for migration in MIGRATIONS.iter() {
        hasher.update(migration.version.to_be_bytes());
        hasher.update(&migration.checksum);
    }
    hex::encode(hasher.finalize())
}

/// On a cluster we own: makes the role that owns the schema, and the database. `admin` is a superuser.
pub async fn bootstrap_owner(
    admin: &PgConnectOptions,
    owner: &str,
    owner_password: &secrecy::SecretString,
    database: &str,
) -> Result<(), DbError> {
    let mut connection = PgConnection::connect_with(admin).await?;
    // Commands may start at the same moment, and a role is changed by one at a time. Held until the connection ends.
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut connection).await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(owner)
        .fetch_one(&mut connection)
        .await?;
    let password = quote_literal(secrecy::ExposeSecret::expose_secret(owner_password));
    let owner = quote_identifier(owner);
    let verb = if exists { "ALTER" } else { "CREATE" };
    run(&mut connection, format!("{verb} ROLE {owner} LOGIN CREATEROLE CREATEDB PASSWORD {password}"))
        .await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(database)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        let database = quote_identifier(database);
        run(
            &mut connection,
            format!("CREATE DATABASE {database} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0"),
        )
        .await?;
    }
    connection.close().await?;
    Ok(())
}

/// Makes the roles and runs what has not run yet, one process at a time; returns how many ran.
pub async fn migrate(owner: &PgConnectOptions, logins: &Logins) -> Result<usize, DbError> {
    let mut connection = PgConnection::connect_with(&owner.clone().options(OWNER_OPTIONS)).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut connection).await?;
    let outcome = migrate_locked(&mut connection, logins).await;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(MIGRATION_LOCK).execute(&mut connection).await?;
    connection.close().await?;
    outcome
}

async fn migrate_locked(connection: &mut PgConnection, logins: &Logins) -> Result<usize, DbError> {
    make_roles(connection, logins).await?;
    run(connection, "CREATE SCHEMA IF NOT EXISTS odyssey".to_owned()).await?;
    let before = applied(connection).await?.len();
    MIGRATIONS.run(&mut *connection).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => DbError::from(error),
        sqlx::migrate::MigrateError::ExecuteMigration(error, version) => {
            tracing::error!(version, "a migration failed");
            DbError::from(error)
        }
        other => DbError::inconsistent(format!("the migrations do not fit this database: {other}")),
    })?;
    sqlx::query("SELECT odyssey.ensure_audit_partitions((current_date - interval '1 month')::date, 4)")
        .execute(&mut *connection)
        .await?;
    Ok(applied(connection).await?.len() - before)
}

/// Every migration of this binary, and whether this database has it.
pub async fn migration_status(owner: &PgConnectOptions) -> Result<Vec<MigrationStatus>, DbError> {
    let mut connection = PgConnection::connect_with(&owner.clone().options(OWNER_OPTIONS)).await?;
    let applied = applied(&mut connection).await?;
    connection.close().await?;
    Ok(MIGRATIONS
        .iter()
        .map(|migration| MigrationStatus {
            version: migration.version,
            description: migration.description.to_string(),
            applied: applied.contains(&migration.version),
        })
        .collect())
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, DbError> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('odyssey._sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    let applied = connection
        .list_applied_migrations("_sqlx_migrations")
        .await
        .map_err(|error| DbError::inconsistent(format!("the list of migrations cannot be read: {error}")))?;
    Ok(applied.into_iter().map(|m| m.version).collect())
}

/// Roles belong to the cluster: made once, whoever migrates. The logins inherit nothing and may only
/// take their one role.
async fn make_roles(connection: &mut PgConnection, logins: &Logins) -> Result<(), DbError> {
    for role in ["odyssey_app", "odyssey_platform", "odyssey_search"] {
        create_role(connection, role, "NOLOGIN").await?;
        run(connection, format!("GRANT {role} TO CURRENT_USER")).await?;
    }
    for (login, role, password) in [
        (&logins.app, "odyssey_app", &logins.app_password),
        (&logins.platform, "odyssey_platform", &logins.platform_password),
    ] {
        create_role(connection, login, "LOGIN NOINHERIT").await?;
        let quoted = quote_identifier(login);
        let password = quote_literal(secrecy::ExposeSecret::expose_secret(password));
        run(connection, format!("ALTER ROLE {quoted} LOGIN NOINHERIT PASSWORD {password}")).await?;
        run(connection, format!("ALTER ROLE {quoted} SET plan_cache_mode = 'force_custom_plan'")).await?;
        run(connection, format!("ALTER ROLE {quoted} SET jit = 'off'")).await?;
        run(connection, format!("GRANT {role} TO {quoted}")).await?;
    }
    let database: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut *connection).await?;
    let database = quote_identifier(&database);
    // Vendors' transactions make no temporary tables.
    run(connection, format!("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")).await?;
    Ok(())
}

async fn create_role(connection: &mut PgConnection, role: &str, options: &str) -> Result<(), DbError> {
    let quoted = quote_identifier(role);
    let statement = format!("CREATE ROLE {quoted} {options}");
    match run(connection, statement).await {
        Ok(()) => Ok(()),
        // 42710: it exists; 23505: another database's migration has just made it.
        Err(DbError::Statement(sqlx::Error::Database(error)))
            if error.code().is_some_and(|code| matches!(&*code, "42710" | "23505")) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), DbError> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quote_literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
