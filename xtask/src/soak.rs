//! The long tests: those with `soak` in their name run for as long as they are told; then everything that
//! needs PostgreSQL runs once more on the newest version that is supported.

use anyhow::Result;

use crate::testdb::TestDb;
use crate::{newest, repo, setup};

const MINUTES_DEFAULT: &str = "30";

/// Whatever asks PostgreSQL: the integration tests, the API's own, and the embedded server.
const ASKS_POSTGRES: &str = "(kind(test) | package(odyssey-api) | test(/^pg::/)) - test(soak)";

pub fn run() -> Result<()> {
    setup::everything()?;
    long_tests()?;
    on_newest(&[])
}

/// The migrations from empty (the template of the test databases) and the tests that ask PostgreSQL, on its
/// newest supported version; only those that this filter expression names, where there is one.
pub fn on_newest(filter: &[&str]) -> Result<()> {
    let database = TestDb::start_with("newest", newest::binaries()?)?;
    repo::run(&database.bin().join("postgres").to_string_lossy(), &["--version"], &[])?;
    // The embedded server takes the newest that it finds.
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", database.bin().display());
    let tests = match filter {
        [] => ASKS_POSTGRES.to_owned(),
        words => format!("({ASKS_POSTGRES}) & ({})", words.join(" ")),
    };
    repo::run(
        "cargo",
        &["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "-E", &tests],
        &[("ODYSSEY_TEST_DATABASE_URL", database.url()), ("PATH", &path)],
    )
}

fn long_tests() -> Result<()> {
    let database = TestDb::start("soak")?;
    let minutes = std::env::var("ODYSSEY_SOAK_MINUTES").unwrap_or_else(|_| MINUTES_DEFAULT.to_owned());
    // One at a time: each uses the whole machine. The runner fails when no test has the name.
    repo::run(
        "cargo",
        &["nextest", "run", "--workspace", "--locked", "--test-threads=1", "-E", "test(soak)"],
        &[
            ("ODYSSEY_TEST_DATABASE_URL", database.url()),
            ("ODYSSEY_SOAK_MINUTES", &minutes),
            ("ODYSSEY_SOAK", "1"),
        ],
    )
}
