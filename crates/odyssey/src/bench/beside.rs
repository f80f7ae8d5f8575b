//! `beside`: matches and searches of one vendor while two others import, beside the same requests alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use odyssey_domain::ingestion::{ImportMode, JobView};
use odyssey_domain::tenancy::Vendor;
use sqlx::AssertSqlSafe;

use super::ground::{Ground, Session};
use super::loaded::Loaded;
use super::measure::{Round, drive};
use super::report::{Findings, Temperature};
use super::{CLIENTS, Scale, matching, products_csv, search};

/// Requests of one client in a round.
const EACH: usize = 4;
/// Rounds alone, for each that was asked for: percentiles want more requests than ratios.
const ALONE_FACTOR: u32 = 4;
/// How often the progress of the imports is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Customers who are asked for in turn, at most: later requests may be answered before.
const CUSTOMERS_MAX: usize = 100_000;

struct Rows {
    matches: (usize, usize),
    searches: (usize, usize),
}

/// What is asked, and from where on.
struct Asked {
    session: Session,
    matches: Arc<Vec<String>>,
    searches: Arc<Vec<String>>,
    sent: usize,
}

/// Asks alone, then for as long as two imports of `scale.products` rows take.
pub async fn run(ground: &Ground, loaded: &Loaded, scale: &Scale) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let add = |findings: &mut Findings, what: &str, unit| {
        let alone = findings.add(format!("{what}, alone"), Temperature::Warm, unit);
        let name = format!("{what}, while two vendors import");
        (alone, findings.add_against(alone, name, Temperature::Warm, unit))
    };
    let rows = Rows {
        matches: add(&mut findings, "GET /matches, 16 clients, each customer once", "lists"),
        searches: add(&mut findings, "GET /search, 16 clients, words of three classes", "searches"),
    };
    let file = products_csv(scale)?;
    let vendors = [ground.make_vendor("bench-beside-1").await?, ground.make_vendor("bench-beside-2").await?];
    let outcome = ground.while_serving(async {
        let mut asked = Asked {
            session: ground.sign_in(&loaded.admin).await?,
            matches: matching::fresh_paths(ground, loaded.vendor.id, CUSTOMERS_MAX).await?,
            searches: Arc::new(search::paths(ground, loaded.vendor.id).await?),
            sent: 0,
        };
        // What every connection does once is no part of a warm round.
        asked.round(false).await?;
        asked.round(true).await?;
        for _ in 0..scale.rounds * ALONE_FACTOR {
            findings.rows[rows.matches.0].series.push(asked.round(true).await?);
            findings.rows[rows.searches.0].series.push(asked.round(false).await?);
        }
        let ended = AtomicBool::new(false);
        let asking = async {
            let mut rounds = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                rounds.push((asked.round(true).await?, asked.round(false).await?));
            }
            anyhow::Ok(rounds)
        };
        let importing = async {
            let imported = tokio::try_join!(
                import(ground, &vendors[0], &file),
                import(ground, &vendors[1], &file)
            );
            ended.store(true, Ordering::Relaxed);
            imported
        };
        let watching = watch(ground, &vendors, &ended);
        let (rounds, imported, stood) = tokio::join!(asking, importing, watching);
        for (matches, searches) in rounds? {
            findings.rows[rows.matches.1].series.push(matches);
            findings.rows[rows.searches.1].series.push(searches);
        }
        let imported: [(JobView, Duration); 2] = imported?.into();
        for (nth, ((view, took), stood)) in imported.iter().zip(stood?).enumerate() {
            let totals = view.import.as_ref().context("an import has totals")?.totals;
            findings.notes.push(format!(
                "Import {}: {} rows, {} created, {} refused, {:.1} s ({:.0} rows/s), `{}`; its progress stood still for {:.1} s at most.",
                nth + 1, totals.read, totals.created, totals.rejected, took.as_secs_f64(),
                totals.read as f64 / took.as_secs_f64(), view.record.state.as_str(), stood.as_secs_f64()
            ));
        }
        anyhow::Ok(())
    }).await;
    for vendor in &vendors {
        ground.remove_vendor(vendor.id).await?;
    }
    outcome?;
    findings.notes.push("Clients ask without a pause, so that alone they take both cores: the figures are those of a machine that is full before the imports begin. Server, worker, both imports and the clients run in one process beside PostgreSQL.".to_owned());
    findings.notes.push("Service levels: matches p95 500 ms, search p95 300 ms. Goal: p95 beside two imports at most three times that alone.".to_owned());
    Ok(findings)
}

impl Asked {
    async fn round(&mut self, is_match: bool) -> anyhow::Result<Round> {
        let (session, first) = (self.session.clone(), self.sent);
        let paths = Arc::clone(if is_match { &self.matches } else { &self.searches });
        self.sent += CLIENTS * EACH;
        drive(CLIENTS, EACH, move |nth| {
            let (session, paths) = (session.clone(), Arc::clone(&paths));
            async move { session.read(&paths[(first + nth) % paths.len()]).await }
        })
        .await
    }
}

async fn import(ground: &Ground, vendor: &Vendor, file: &[u8]) -> anyhow::Result<(JobView, Duration)> {
    let started = Instant::now();
    let view = ground.import(vendor.id, None, ImportMode::Products, file).await?;
    Ok((view, started.elapsed()))
}

/// Until the end: for how long the progress of each vendor's import stood still at most.
async fn watch(ground: &Ground, vendors: &[Vendor; 2], ended: &AtomicBool) -> anyhow::Result<[Duration; 2]> {
    let mut seen = [(Instant::now(), 0_i16, Duration::ZERO); 2];
    while !ended.load(Ordering::Relaxed) {
        tokio::time::sleep(LOOK).await;
        for (vendor, (since, progress, stood)) in vendors.iter().zip(&mut seen) {
            let sql = format!(
                "SELECT coalesce(max(progress_permille), 0::smallint) FROM odyssey.jobs WHERE vendor_id = '{}' AND kind = 'run_import'",
                vendor.id
            );
            let now: i16 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&ground.yardstick).await?;
            if now > *progress || now == 1_000 {
                (*since, *progress) = (Instant::now(), now);
            } else {
                *stood = (*stood).max(since.elapsed());
            }
        }
    }
    Ok(seen.map(|(_, _, stood)| stood))
}
