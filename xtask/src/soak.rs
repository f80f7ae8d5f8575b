//! The long tests: those with `soak` in their name run for as long as they are told.

use anyhow::Result;

use crate::testdb::TestDb;
use crate::{repo, setup};

const MINUTES_DEFAULT: &str = "30";

pub fn run() -> Result<()> {
    setup::everything()?;
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
