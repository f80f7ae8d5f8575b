//! `import`: a product file end to end, beside `COPY` of the same bytes into an unlogged text table.

use std::time::Instant;

use anyhow::{Context, ensure};
use odyssey_domain::ingestion::{ImportMode, JobView};
use odyssey_domain::tenancy;
use odyssey_types::VendorId;
use sqlx::AssertSqlSafe;

use super::ground::Ground;
use super::measure::Round;
use super::report::{Findings, Temperature};
use super::{Scale, products_csv};

const STAGING: &str = "public.bench_copy_staging";

/// Runs the rounds; each loads into a vendor of its own, so that every first load is one.
pub async fn run(ground: &Ground, scale: &Scale) -> anyhow::Result<Findings> {
    let file = products_csv(scale)?;
    let mut findings = Findings::default();
    let name = "COPY of the file into an unlogged table of text columns";
    let copy = findings.add(name, Temperature::Cold, "rows");
    let first = findings.add_against(copy, "first load, end to end", Temperature::Cold, "rows");
    let again = findings.add_against(copy, "the same file again, unchanged", Temperature::Warm, "rows");
    let mut last = None;
    for _ in 0..scale.rounds {
        let vendor = ground.make_vendor("bench-import").await?;
        findings.rows[copy].series.push(copy_round(ground, &file, scale.products).await?);

        let started = Instant::now();
        let loaded = ground.import(vendor.id, None, ImportMode::Products, &file).await?;
        findings.rows[first].series.push(Round::single(started.elapsed(), scale.products));

        let version = catalog_version(ground, vendor.id).await?;
        let started = Instant::now();
        let repeated = ground.import(vendor.id, None, ImportMode::Products, &file).await?;
        findings.rows[again].series.push(Round::single(started.elapsed(), scale.products));

        let after = catalog_version(ground, vendor.id).await?;
        ensure!(
            version > 0 && version == after,
            "an unchanged load moved the catalog from {version} to {after}"
        );
        last = Some(check(&loaded, &repeated, scale.products)?);
        ground.remove_vendor(vendor.id).await?;
    }
    let (created, rejected) = last.context("there was no round")?;
    findings.notes.push(format!(
        "Same answer: COPY counted {} rows; each first load created {created} and refused {rejected} (the file has a faulty row in every two hundred), each second one found the {created} unchanged and left the catalog's version as it was.",
        scale.products
    ));
    findings.notes.push(format!(
        "End to end: sealed spool, parse, validation, facts, search vector, staging, merge, catalog version, statistics, until the job is seen finished (looked at every 200 ms, which weighs on small files). The file has {:.1} MiB and is in memory; its making is not counted. One import at a time.",
        file.len() as f64 / f64::from(1 << 20)
    ));
    Ok(findings)
}

/// What both imports say of themselves: accepted and refused rows.
fn check(loaded: &JobView, repeated: &JobView, rows: u64) -> anyhow::Result<(i64, i64)> {
    let (loaded, repeated) = (
        &loaded.import.as_ref().context("the first import has totals")?.totals,
        &repeated.import.as_ref().context("the second import has totals")?.totals,
    );
    let rows = i64::try_from(rows)?;
    ensure!(
        loaded.read == rows && loaded.created + loaded.rejected == rows,
        "the first load does not reconcile with {rows} rows: {loaded:?}"
    );
    ensure!(
        repeated.unchanged == loaded.created && repeated.rejected == loaded.rejected,
        "the second load is not an unchanged one: {repeated:?}"
    );
    Ok((loaded.created, loaded.rejected))
}

async fn catalog_version(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<i64> {
    Ok(tenancy::get_vendor(&ground.node.database, vendor_id).await?.catalog_version)
}

async fn copy_round(ground: &Ground, file: &[u8], rows: u64) -> anyhow::Result<Round> {
    let mut connection = ground.yardstick.acquire().await?;
    let header = file.split(|byte| *byte == b'\n').next().context("the file has a header")?;
    let columns = std::str::from_utf8(header)?.split(',').map(|name| format!("{name} text"));
    let columns: Vec<String> = columns.collect();
    let make =
        format!("DROP TABLE IF EXISTS {STAGING}; CREATE UNLOGGED TABLE {STAGING} ({})", columns.join(", "));
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *connection).await?;
    let started = Instant::now();
    let statement = format!("COPY {STAGING} FROM STDIN (FORMAT csv, HEADER true)");
    let mut copy = connection.copy_in_raw(&statement).await?;
    for piece in file.chunks(1 << 20) {
        copy.send(piece).await?;
    }
    let copied = copy.finish().await?;
    let wall = started.elapsed();
    ensure!(copied == rows, "COPY counted {copied} rows of {rows}");
    sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {STAGING}"))).execute(&mut *connection).await?;
    Ok(Round::single(wall, rows))
}
