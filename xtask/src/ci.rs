//! The whole suite in order, every step timed. Steps go on after a failure, so that one run tells all.

use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::testdb::TestDb;
use crate::{generate, licences, repo, secrets, setup, tidy};

/// Cold, on two cores. Above the goal the report says so.
const GOAL: Duration = Duration::from_mins(35);
/// Above this the suite fails by its own report: a suite that nobody waits for protects nobody.
const LIMIT: Duration = Duration::from_mins(50);

struct Outcome {
    name: &'static str,
    took: Duration,
    error: Option<anyhow::Error>,
}

pub fn run() -> Result<()> {
    let started = Instant::now();
    let mut summary = Vec::new();
    let mut outcomes = Vec::new();
    let mut step = |name: &'static str, check: &mut dyn FnMut() -> Result<()>| {
        println!("\n==> {name}");
        let started = Instant::now();
        let error = check().err();
        if let Some(error) = &error {
            eprintln!("error: {error:#}");
        }
        outcomes.push(Outcome { name, took: started.elapsed(), error });
    };
    step("set-up", &mut setup::everything);
    step("format", &mut || repo::run("cargo", &["fmt", "--all", "--check"], &[]));
    step("tidy", &mut tidy::run);
    step("secrets", &mut secrets::run);
    step("licences", &mut licences::run);
    step("clippy", &mut || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        repo::run("cargo", &arguments, &[])
    });
    step("generated files", &mut || generate::run(generate::Mode::Check));
    step("tests", &mut || tests(&mut summary));

    let total = started.elapsed();
    print_table(&outcomes, total);
    // The runner's own lines come last: who reads only the end reads what the tests said.
    for line in &summary {
        println!("{line}");
    }
    let failed: Vec<&str> = outcomes.iter().filter(|it| it.error.is_some()).map(|it| it.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if total > LIMIT {
        bail!("the suite took {}, above its limit of {}", minutes(total), minutes(LIMIT));
    }
    Ok(())
}

/// Unit and integration tests against a throw-away PostgreSQL, which ends with them however they end.
fn tests(summary: &mut Vec<String>) -> Result<()> {
    let database = TestDb::start("ci")?;
    let mut command = Command::new("cargo");
    command
        .args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
        .env("ODYSSEY_TEST_DATABASE_URL", database.url())
        // The same cases every time: a check that fails by luck of the draw tells nobody anything. `make soak`
        // draws anew.
        .env("PROPTEST_RNG_SEED", "20190614")
        .current_dir(repo::root())
        .stderr(Stdio::piped());
    if std::io::stderr().is_terminal() {
        command.arg("--color=always");
    }
    let mut child = command.spawn().context("start cargo nextest")?;
    let output = child.stderr.take().context("the runner's output")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("read the runner's output")?;
        eprintln!("{line}");
        if line.contains("Summary") && line.contains('[') {
            summary.clear();
            summary.push(line);
        } else if !summary.is_empty() {
            summary.push(line);
        }
    }
    let status = child.wait().context("wait for the runner")?;
    drop(database);
    if !status.success() {
        bail!("the tests failed ({status})");
    }
    Ok(())
}

fn print_table(outcomes: &[Outcome], total: Duration) {
    println!("\n{:<18} {:>8}  outcome", "step", "time");
    for outcome in outcomes {
        let verdict = if outcome.error.is_some() { "FAILED" } else { "ok" };
        println!("{:<18} {:>8}  {verdict}", outcome.name, minutes(outcome.took));
    }
    let verdict = match total {
        total if total > LIMIT => "ABOVE THE LIMIT of 50 minutes",
        total if total > GOAL => "above the goal of 35 minutes",
        _ => "within the goal of 35 minutes",
    };
    println!("{:<18} {:>8}  {verdict}", "total", minutes(total));
}

fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}
