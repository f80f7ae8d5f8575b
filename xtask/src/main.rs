//! The project's own commands. `make test` and CI run `cargo xtask ci` and nothing else.

mod ci;
mod generate;
mod licences;
mod newest;
mod repo;
mod s3;
mod secrets;
mod setup;
mod soak;
mod testdb;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;

const HELP: &str = "cargo xtask <command>

  ci                 every check and every test, timed; what `make test` runs
  tidy               the project's own rules about its files
  secrets            scan the tree and the whole history for secrets
  licences           licences, sources and bans of all dependencies against deny.toml
  generate [--check] write openapi.json and .sqlx anew, or fail where they are stale
  generate queries   write .sqlx only
  testdb start|stop  a throw-away PostgreSQL for tests; start prints its ODYSSEY_TEST_DATABASE_URL
  setup [demo]       install what is missing: PostgreSQL and cargo-nextest (demo: PostgreSQL only)
  soak               the long tests; ODYSSEY_SOAK_MINUTES sets how long (30); then `soak newest`
  soak s3            the store's tests against moto, an S3 server that pip installs; needs python3
  soak newest [TESTS] migrations and integration tests on PostgreSQL 17, which npm has where it is not installed;
                     TESTS is a filter expression of nextest";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<()> {
    match words {
        ["ci"] => ci::run(),
        ["tidy"] => tidy::run(),
        ["secrets"] => secrets::run(),
        ["licences"] => licences::run(),
        ["generate"] => generate::run(generate::Mode::Write),
        ["generate", "--check"] => generate::run(generate::Mode::Check),
        ["generate", "queries"] => generate::write_queries(),
        ["testdb", "start"] => testdb::start_command(),
        ["testdb", "stop"] => testdb::stop_command(),
        ["setup"] => setup::everything(),
        ["setup", "demo"] => setup::postgres(),
        ["soak"] => soak::run(),
        ["soak", "s3"] => s3::run(),
        ["soak", "newest", filter @ ..] => soak::on_newest(filter),
        ["help" | "--help"] | [] => {
            println!("{HELP}");
            Ok(())
        }
        other => anyhow::bail!("there is no command `{}`\n\n{HELP}", other.join(" ")),
    }
}
