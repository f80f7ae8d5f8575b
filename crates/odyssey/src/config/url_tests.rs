//! The table of connection strings: what managed servers hand out, and what becomes of it.

use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::database_url::{DatabaseUrlError, Login, connect_options_as, parse_url};
use super::{DatabaseConfig, load_from};

const SUPABASE_DIRECT: &str = "postgresql://postgres:pw@db.abcdefghij.supabase.co:5432/postgres";
const SUPABASE_SESSION: &str =
    "postgres://postgres.abcdefghij:pw@aws-0-eu-central-1.pooler.supabase.com:5432/postgres";
const NEON_DIRECT: &str = "postgresql://alex:pw@ep-cool-rain-123456.us-east-2.aws.neon.tech/shop?sslmode=require&channel_binding=require";

fn config() -> DatabaseConfig {
    load_from(None, std::iter::empty()).expect("defaults").settings.database
}

fn parse(url: &str) -> Result<PgConnectOptions, DatabaseUrlError> {
    parse_url(&config(), &SecretString::from(url))
}

/// `user@host:port/database mode`, or the refusal.
fn check(url: &str, expected: &str) {
    let seen = match parse(url) {
        Ok(options) => {
            let place = options
                .get_socket()
                .map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
            format!(
                "{}@{place}:{}/{} {:?}",
                options.get_username(),
                options.get_port(),
                options.get_database().unwrap_or("-"),
                options.get_ssl_mode(),
            )
        }
        Err(error) => format!("{error}"),
    };
    assert!(seen.contains(expected), "{url}\n  gives {seen}\n  wanted {expected}");
    assert!(!seen.contains("s3cr3t"), "a password is printed: {seen}");
}

#[test]
fn strings_of_managed_servers_connect_directly_with_full_verification() {
    check(SUPABASE_DIRECT, "postgres@db.abcdefghij.supabase.co:5432/postgres VerifyFull");
    check(
        SUPABASE_SESSION,
        "postgres.abcdefghij@aws-0-eu-central-1.pooler.supabase.com:5432/postgres VerifyFull",
    );
    check(NEON_DIRECT, "alex@ep-cool-rain-123456.us-east-2.aws.neon.tech:5432/shop VerifyFull");
}

#[test]
fn a_transaction_pooler_is_refused_with_the_string_that_works() {
    check(
        "postgres://postgres.abcdefghij:s3cr3t@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
        "postgres://postgres.abcdefghij:****@aws-0-eu-central-1.pooler.supabase.com:5432/postgres",
    );
    check(
        "postgresql://postgres:s3cr3t@db.abcdefghij.supabase.co:6543/postgres?pgbouncer=true",
        "postgresql://postgres:****@db.abcdefghij.supabase.co:5432/postgres",
    );
    check(
        "postgresql://alex:s3cr3t@ep-cool-rain-123456-pooler.us-east-2.aws.neon.tech/shop?sslmode=require",
        "postgresql://alex:****@ep-cool-rain-123456.us-east-2.aws.neon.tech:5432/shop?sslmode=require",
    );
    check("postgresql://u:s3cr3t@db.example.com:6543/shop", "database.allow_transaction_pooler");
    check("postgresql://u:s3cr3t@db.example.com/shop?pgbouncer=true", "u:****@db.example.com:5432/shop");
}

#[test]
fn the_named_setting_lets_a_pooler_through() {
    let config = DatabaseConfig { allow_transaction_pooler: true, ..config() };
    let url = SecretString::from("postgres://u.ref:pw@aws-0-x.pooler.supabase.com:6543/postgres");
    assert_eq!(parse_url(&config, &url).expect("allowed").get_port(), 6543);
}

#[test]
fn what_a_refusal_recommends_is_accepted() {
    for refused in [
        "postgres://postgres.abc:pw@aws-0-x.pooler.supabase.com:6543/postgres?supa=base",
        "postgresql://alex:pw@ep-cool-rain-1-pooler.us-east-2.aws.neon.tech/shop?sslmode=require&channel_binding=require",
        "postgresql://alex:pw@ep-cool-1-pooler.us-east-2.aws.neon.tech/shop?options=endpoint%3Dep-cool-1",
    ] {
        match parse(refused) {
            Err(DatabaseUrlError::TransactionPooler { works }) => {
                parse(&works).unwrap_or_else(|error| panic!("{works}: {error}"));
            }
            other => panic!("{refused} gives {other:?}"),
        }
    }
}

#[test]
fn a_weaker_mode_in_the_string_is_raised_and_no_tls_is_refused() {
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        check(&format!("postgres://u:s3cr3t@db.example.com/x?sslmode={mode}"), "VerifyFull");
    }
    for mode in ["disable", "allow"] {
        check(&format!("postgres://u:s3cr3t@db.example.com/x?sslmode={mode}"), "tls_allow_plaintext");
    }
    check("postgres://u:s3cr3t@db.example.com/x?sslmode=maybe", "sslmode");
}

#[test]
fn only_named_settings_weaken_tls() {
    let unverified = DatabaseConfig { tls_allow_unverified: true, ..config() };
    let plaintext = DatabaseConfig { tls_allow_plaintext: true, ..config() };
    let mode = |config: &DatabaseConfig, query: &str| {
        let url = SecretString::from(format!("postgres://u:pw@db.example.com/x{query}"));
        parse_url(config, &url).map(|options| format!("{:?}", options.get_ssl_mode()))
    };
    assert_eq!(mode(&unverified, "").as_deref(), Ok("Require"));
    assert_eq!(mode(&unverified, "?sslmode=prefer").as_deref(), Ok("Require"));
    assert_eq!(mode(&unverified, "?sslmode=verify-ca").as_deref(), Ok("VerifyCa"));
    assert!(mode(&unverified, "?sslmode=disable").is_err());
    assert_eq!(mode(&plaintext, "?sslmode=disable").as_deref(), Ok("Disable"));
    assert_eq!(mode(&plaintext, "").as_deref(), Ok("VerifyFull"));
    assert_eq!(
        mode(&unverified, "?channel_binding=require"),
        Err(DatabaseUrlError::ChannelBinding),
        "binding was asked for and verification, which makes it unnecessary, is off"
    );
}

#[test]
fn this_machine_needs_no_tls() {
    check("postgres://u:pw@127.0.0.1:5433/x", "u@127.0.0.1:5433/x Disable");
    check("postgres://u:pw@localhost/x", "u@localhost:5432/x Disable");
    check("postgres://u:pw@[::1]/x", "u@::1:5432/x Disable");
    check("postgres://u:pw@LOCALHOST/x?sslmode=verify-full", "u@localhost:5432/x VerifyFull");
    check("postgres://u@%2Fvar%2Frun%2Fpostgresql/x", "u@/var/run/postgresql:5432/x Disable");
    check("postgres:///x?host=/run/pg&user=u", "u@/run/pg:5432/x Disable");
    check("postgres://u:pw@localhost.example.com/x", "VerifyFull");
    check("postgres://u:pw@127.0.0.1.example.com/x", "VerifyFull");
}

#[test]
fn a_string_that_cannot_be_read_is_refused_without_repeating_it() {
    check("mysql://u:s3cr3t@db.example.com/x", "scheme");
    check("not a url s3cr3t", "is not a PostgreSQL URL");
    check("postgres:///x?user=u&password=s3cr3t", "names no host");
    check("postgres://:s3cr3t@db.example.com/x", "names no user");
    check("postgres://u:s3cr3t@a,b/x", "several hosts");
    check("postgres://u:s3cr3t@db.example.com/x?sslmod=require", "`sslmod`");
    check("postgres://u:s3cr3t@ep-x.neon.tech/x?options[endpoint]=ep-x", "options=endpoint%3D");
}

#[test]
fn routing_words_in_options_arrive_as_written() {
    let options = parse("postgres://u:pw@ep-x.eu.aws.neon.tech/x?options=endpoint%3Dep-x").expect("accepted");
    assert!(
        options
            .get_options()
            .is_some_and(|raw| raw.contains("endpoint=ep-x") && !raw.contains("-c endpoint"))
    );
}

#[test]
fn another_role_keeps_server_and_project() {
    let login = Login { name: "odyssey_app_login".to_owned(), password: SecretString::from("pw") };
    let session = connect_options_as(&parse(SUPABASE_SESSION).expect("accepted"), &login);
    assert_eq!(session.get_username(), "odyssey_app_login.abcdefghij");
    let direct = connect_options_as(&parse(SUPABASE_DIRECT).expect("accepted"), &login);
    assert_eq!(direct.get_username(), "odyssey_app_login");
    assert!(matches!(direct.get_ssl_mode(), PgSslMode::VerifyFull));
}
