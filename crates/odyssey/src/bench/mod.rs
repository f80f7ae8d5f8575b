//! `odyssey bench`: what we do beside what a good engineer would reach for instead, in the same minutes.
//!
//! Owns: a private server under `<state.dir>/bench`, the vendors on it, the files of `docs/benchmarks`.
//! Promises: a deterministic vendor (seed fixed) through the real import; yardstick and product in turn
//! in every round; both give the same answer where they should, or there is no table; every loop is
//! bounded. Emits: a table, a file for each bench. Never: leaves loopback, touches the configured database,
//! fails on a time.

mod beside;
mod ground;
mod import;
mod load;
mod loaded;
mod machine;
mod matching;
mod measure;
mod report;
mod search;
mod yardstick;

use std::path::Path;

use clap::ValueEnum;

use crate::config::Settings;
use crate::demo::{write_customers_csv, write_products_csv};
use ground::Ground;
use loaded::Loaded;
use machine::Ticks;
pub use matching::print_resident;
use report::Findings;

/// Makes the vendor; the same on every machine.
const SEED: u64 = 20_190_614;
/// Clients of the rows with many.
const CLIENTS: usize = 16;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchName {
    Import,
    /// One large file, stage by stage.
    Load,
    Match,
    Search,
    /// Matches and searches while two other vendors import.
    Beside,
    All,
}

impl BenchName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Load => "load",
            Self::Match => "match",
            Self::Search => "search",
            Self::Beside => "beside",
            Self::All => "all",
        }
    }
}

/// How large and how often.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub products: u64,
    pub customers: u64,
    pub rounds: u32,
}

/// Runs `name` and writes one file for each bench into `out`.
pub async fn run(settings: &Settings, name: BenchName, scale: &Scale, out: &Path) -> anyhow::Result<()> {
    // Asked for first: the tree may move on while a long bench runs.
    let commit = machine::commit().unwrap_or_else(|| "unknown (no git here)".to_owned());
    let ground = Ground::open(settings, commit).await?;
    let outcome = run_on(&ground, name, scale, out).await;
    let closed = ground.close().await;
    outcome.and(closed)
}

async fn run_on(ground: &Ground, name: BenchName, scale: &Scale, out: &Path) -> anyhow::Result<()> {
    let asked = |bench| name == bench || name == BenchName::All;
    if asked(BenchName::Import) {
        let begun = Begun::now(ground)?;
        let findings = import::run(ground, scale).await?;
        finish(ground, BenchName::Import, scale, out, &begun, &findings).await?;
    }
    // Not among `all`: it takes tens of gigabytes of disk.
    if name == BenchName::Load {
        let begun = Begun::now(ground)?;
        let findings = load::run(ground, scale).await?;
        finish(ground, BenchName::Load, scale, out, &begun, &findings).await?;
    }
    if [BenchName::Match, BenchName::Search, BenchName::Beside].into_iter().any(asked) {
        let loaded = loaded::load(ground, scale).await?;
        let outcome = read_benches(ground, &loaded, name, scale, out).await;
        ground.remove_vendor(loaded.vendor.id).await?;
        outcome?;
    }
    Ok(())
}

async fn read_benches(
    ground: &Ground,
    loaded: &Loaded,
    name: BenchName,
    scale: &Scale,
    out: &Path,
) -> anyhow::Result<()> {
    let asked = |bench| name == bench || name == BenchName::All;
    if asked(BenchName::Match) {
        let begun = Begun::now(ground)?;
        let findings = matching::run(ground, loaded, scale).await?;
        finish(ground, BenchName::Match, scale, out, &begun, &findings).await?;
    }
    if asked(BenchName::Search) {
        let begun = Begun::now(ground)?;
        let findings = search::run(ground, loaded, scale).await?;
        finish(ground, BenchName::Search, scale, out, &begun, &findings).await?;
    }
    if asked(BenchName::Beside) {
        let begun = Begun::now(ground)?;
        let findings = beside::run(ground, loaded, scale).await?;
        finish(ground, BenchName::Beside, scale, out, &begun, &findings).await?;
    }
    Ok(())
}

/// The state of the machine when a bench begins.
struct Begun {
    ticks: Ticks,
    load: String,
    memory_reset: bool,
    at: chrono::DateTime<chrono::Utc>,
}

impl Begun {
    fn now(ground: &Ground) -> anyhow::Result<Self> {
        Ok(Self {
            ticks: Ticks::now()?,
            load: machine::load_average(),
            memory_reset: machine::reset_peak_memory(),
            at: ground.node.database.clock().now(),
        })
    }
}

async fn finish(
    ground: &Ground,
    name: BenchName,
    scale: &Scale,
    out: &Path,
    begun: &Begun,
    findings: &Findings,
) -> anyhow::Result<()> {
    let (steal, idle) = begun.ticks.shares_until(Ticks::now()?);
    let took = ground.node.database.clock().now() - begun.at;
    let of_what = if begun.memory_reset { "during this bench" } else { "since the process started" };
    let build = if cfg!(debug_assertions) {
        "debug (the crates that compute are optimised, the rest is not)"
    } else {
        "release"
    };
    let command = format!(
        "odyssey bench {} --products {} --customers {} --rounds {}",
        name.as_str(),
        scale.products,
        scale.customers,
        scale.rounds
    );
    let facts = [
        ("command", format!("`{command}`")),
        ("date", format!("{}, took {} s", begun.at.format("%Y-%m-%d %H:%M UTC"), took.num_seconds())),
        ("commit of the working directory at the start", ground.commit.clone()),
        ("build", build.to_owned()),
        ("cores", machine::cores().to_string()),
        ("processor time stolen / idle during the run", format!("{steal:.1} % / {idle:.1} %")),
        ("load average at begin / end", format!("{} / {}", begun.load, machine::load_average())),
        ("PostgreSQL", machine::postgres(&ground.yardstick).await?),
        (
            "peak resident memory",
            format!(
                "{} MiB, server, worker and load driver in one process, {of_what}",
                machine::peak_memory_mib()?
            ),
        ),
        ("rounds", scale.rounds.to_string()),
    ];
    println!("\n{}\n{}", name.as_str(), findings.table());
    report::write(out, name.as_str(), &facts, findings)
}

fn products_csv(scale: &Scale) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    write_products_csv(&mut file, SEED, scale.products)?;
    Ok(file)
}

fn customers_csv(scale: &Scale) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    write_customers_csv(&mut file, SEED, scale.customers)?;
    Ok(file)
}
