//! Where the test cluster is: `ODYSSEY_TEST_DATABASE_URL`, set by `cargo xtask testdb` and `make test`.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// How to connect to the test cluster as its superuser.
pub fn admin_options() -> PgConnectOptions {
    let url = std::env::var("ODYSSEY_TEST_DATABASE_URL").expect(
        "tests need a PostgreSQL of their own: `make test` starts one, or `cargo xtask testdb start` prints the \
         ODYSSEY_TEST_DATABASE_URL to set",
    );
    PgConnectOptions::from_str(&url).expect("ODYSSEY_TEST_DATABASE_URL is a PostgreSQL URL")
}
