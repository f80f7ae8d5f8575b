//! `load`: one large product file, made while it is sent, with what each stage takes; beside `COPY` of the same file,
//! ready-made rows, a plain staging merge, and rows one by one as the earlier service wrote them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use odyssey_domain::ingestion::{ImportMode, JobView};
use odyssey_types::VendorId;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

use super::ground::Ground;
use super::measure::Round;
use super::report::{Findings, Temperature};
use super::{SEED, Scale, machine};
use crate::cli::import::Source;
use crate::demo::{wide_columns, write_wide_products_csv};

const STAGING: &str = "public.bench_load_staging";
/// Rows of the yardsticks that write what we write.
const MERGE_ROWS: u64 = 100_000;
/// Rows of the one that writes them one by one.
const SINGLE_ROWS: u64 = 20_000;
/// Rows that the earlier service took into one transaction.
const SINGLE_BATCH: usize = 10_000;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes handed on at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Loads the file once, and once more; every yardstick once.
pub async fn run(ground: &Ground, scale: &Scale) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let rows = scale.products;
    let name = "COPY of the file into an unlogged table of text columns";
    let copy = findings.add(name, Temperature::Cold, "rows");
    let first = findings.add_against(copy, "first load, end to end", Temperature::Cold, "rows");
    let again = findings.add_against(copy, "the same file again, unchanged", Temperature::Warm, "rows");
    let (copied, bytes) = copy_file(ground, rows).await?;
    findings.rows[copy].series.push(Round::single(copied, rows));

    let merged = merge_staged(ground).await?;
    let single = insert_singly(ground).await?;
    execute(ground, &format!("DROP TABLE {STAGING}")).await?;

    let vendor = ground.make_vendor("bench-load").await?;
    let loaded = Watched::import(ground, vendor.id, rows, bytes).await?;
    let (created, rejected) = loaded.totals()?;
    ensure!(created + rejected == i64::try_from(rows)?, "{created} and {rejected} are not {rows} rows");
    findings.rows[first].series.push(Round::single(loaded.wall, rows));
    let ready = insert_ready_made(ground, vendor.id).await?;
    let repeated = Watched::import(ground, vendor.id, rows, bytes).await?;
    let totals = repeated.view.import.as_ref().context("the second import has totals")?.totals;
    ensure!(totals.unchanged == created && totals.written() == 0, "the second load wrote: {totals:?}");
    findings.rows[again].series.push(Round::single(repeated.wall, rows));
    ground.remove_vendor(vendor.id).await?;

    let ours = rows as f64 / loaded.wall.as_secs_f64();
    findings.sections.push(loaded.table("First load, stage by stage", rows));
    findings.sections.push(repeated.table("Unchanged, stage by stage", rows));
    findings.sections.push(format!(
        "## What else writes rows\n\n| how | rows | rows/s | first load against it |\n| --- | --- | --- | --- |\n{}",
        [
            ("ready-made rows, facts, documents and barcodes, all indexes (`INSERT … SELECT`), no file read", MERGE_ROWS.min(rows), ready),
            ("staged text, `INSERT … ON CONFLICT`, vectors made by PostgreSQL, one table", MERGE_ROWS.min(rows), merged),
            ("one `INSERT … ON CONFLICT` a row, a trigger that counts the version up, 10,000 a transaction", SINGLE_ROWS.min(rows), single),
        ]
        .iter()
        .map(|(name, rows, wall)| {
            let rate = *rows as f64 / wall.as_secs_f64();
            format!("| {name} | {rows} | {rate:.0} | {:.2} × |\n", ours / rate)
        })
        .collect::<String>()
    ));
    findings.notes.push(format!(
        "The file: {:.2} GB, {rows} rows of {} columns, {} of them not mapped; made while it is sent, on one of the two cores. Each first load created {created} and refused {rejected} (a faulty row in every two hundred). One round: it is too long for five.",
        bytes as f64 / 1e9,
        wide_columns().len(),
        wide_columns().len() - 31,
    ));
    findings.notes.push("Peak memory is of this process (server, worker, and the maker of the file), looked at every 50 ms within each stage. PostgreSQL's is apart.".to_owned());
    Ok(findings)
}

/// The file, made on a thread of its own; counts its bytes.
fn file(rows: u64) -> (Pin<Box<dyn AsyncRead + Send>>, Arc<AtomicU64>) {
    let (sender, receiver) = mpsc::channel(4);
    let count = Arc::new(AtomicU64::new(0));
    let mut pieces = Pieces { sender, piece: Vec::with_capacity(PIECE_BYTES), count: Arc::clone(&count) };
    // A reader that is gone ends it; whoever reads to the end counts the rows.
    tokio::task::spawn_blocking(move || write_wide_products_csv(&mut pieces, SEED, rows));
    let pieces = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Bytes>| async move {
        receiver.recv().await.map(|piece| (Ok::<_, std::io::Error>(piece), receiver))
    });
    (Box::pin(StreamReader::new(pieces.boxed())), count)
}

struct Pieces {
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
    count: Arc<AtomicU64>,
}

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES * 2));
        self.count.fetch_add(piece.len() as u64, Ordering::Relaxed);
        self.sender
            .blocking_send(piece.into())
            .map_err(|_| std::io::Error::new(std::io::ErrorKind::BrokenPipe, "nobody reads"))
    }
}

/// A load, and what it took.
struct Watched {
    view: JobView,
    began: DateTime<Utc>,
    wall: Duration,
    /// Resident KiB at a time.
    memory: Vec<(DateTime<Utc>, u64)>,
}

impl Watched {
    async fn import(ground: &Ground, vendor: VendorId, rows: u64, bytes: u64) -> anyhow::Result<Self> {
        let (file, _) = file(rows);
        let clock = ground.node.database.clock();
        let (began, started) = (clock.now(), Instant::now());
        let mut memory = Vec::new();
        let mut import =
            Box::pin(ground.import_from(vendor, None, ImportMode::Products, Source::Stream(file, bytes)));
        let view = loop {
            tokio::select! {
                view = &mut import => break view?,
                () = tokio::time::sleep(LOOK) => memory.push((clock.now(), machine::resident_kib()?)),
            }
        };
        drop(import);
        Ok(Self { view, began, wall: started.elapsed(), memory })
    }

    fn totals(&self) -> anyhow::Result<(i64, i64)> {
        let totals = self.view.import.as_ref().context("an import has totals")?.totals;
        Ok((totals.created, totals.rejected))
    }

    fn table(&self, heading: &str, rows: u64) -> String {
        let mut stages = Vec::new();
        let first = self.view.steps.first().map_or(self.began, |step| step.started_at);
        stages.push(("receiving and sealing", self.began, first));
        for step in &self.view.steps {
            let end = step.finished_at.unwrap_or(self.began + self.wall);
            stages.push((step.name.as_str(), step.started_at, end));
        }
        let mut table =
            format!("## {heading}\n\n| stage | s | rows/s | peak memory, MiB |\n| --- | --- | --- | --- |\n");
        for (name, from, to) in stages {
            let seconds = (to - from).as_seconds_f64();
            let peak =
                self.memory.iter().filter(|(at, _)| (from..=to).contains(at)).map(|(_, kib)| kib).max();
            table.push_str(&format!(
                "| {name} | {seconds:.1} | {:.0} | {} |\n",
                rows as f64 / seconds.max(0.001),
                peak.map_or_else(|| "–".to_owned(), |kib| (kib / 1024).to_string())
            ));
        }
        table.push_str(&format!(
            "| all | {:.1} | {:.0} | |\n",
            self.wall.as_secs_f64(),
            rows as f64 / self.wall.as_secs_f64()
        ));
        table
    }
}

async fn execute(ground: &Ground, statement: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&ground.yardstick).await?;
    Ok(started.elapsed())
}

async fn copy_file(ground: &Ground, rows: u64) -> anyhow::Result<(Duration, u64)> {
    let columns: Vec<String> = wide_columns().iter().map(|name| format!("{name} text")).collect();
    execute(
        ground,
        &format!("DROP TABLE IF EXISTS {STAGING}; CREATE UNLOGGED TABLE {STAGING} ({})", columns.join(", ")),
    )
    .await?;
    let mut connection = ground.yardstick.acquire().await?;
    let (file, count) = file(rows);
    let started = Instant::now();
    let statement = format!("COPY {STAGING} FROM STDIN (FORMAT csv, HEADER true)");
    let mut copy = connection.copy_in_raw(&statement).await?;
    copy.read_from(file).await?;
    let copied = copy.finish().await?;
    ensure!(copied == rows, "COPY counted {copied} rows of {rows}");
    Ok((started.elapsed(), count.load(Ordering::Relaxed)))
}

/// A staged file into one indexed table, its vectors made by PostgreSQL.
async fn merge_staged(ground: &Ground) -> anyhow::Result<Duration> {
    make_plain(ground, "").await?;
    let took = execute(ground, &format!(
        "INSERT INTO public.bench_plain (sku, gtin, product_name, brand, description, category_id, ingredients, price, nutrition)
         SELECT DISTINCT ON (sku) sku, gtin, product_name, brand, description, category_id, ingredients, nullif(price, '')::numeric,
                jsonb_build_object('energy_kcal', energy_kcal, 'fat_g', fat_g, 'sugars_g', sugars_g, 'sodium_mg', sodium_mg)
         FROM (SELECT * FROM {STAGING} LIMIT {MERGE_ROWS}) s WHERE sku <> ''
         ON CONFLICT (sku) DO UPDATE SET product_name = excluded.product_name"
    )).await?;
    execute(ground, "DROP TABLE public.bench_plain").await?;
    Ok(took)
}

/// Row by row, in transactions of ten thousand, with the version counted up by a trigger.
async fn insert_singly(ground: &Ground) -> anyhow::Result<Duration> {
    make_plain(ground, "
        CREATE TABLE public.bench_version (version bigint); INSERT INTO public.bench_version VALUES (0);
        CREATE OR REPLACE FUNCTION public.bench_bump() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN UPDATE public.bench_version SET version = version + 1; RETURN NEW; END';
        CREATE TRIGGER bench_bump BEFORE INSERT OR UPDATE ON public.bench_plain FOR EACH ROW EXECUTE FUNCTION public.bench_bump();
    ").await?;
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT sku, gtin, product_name, brand, description, category_id, ingredients, price, energy_kcal FROM {STAGING}
         WHERE sku <> '' LIMIT {SINGLE_ROWS}"
    )))
    .fetch_all(&ground.yardstick)
    .await?;
    let mut connection = ground.yardstick.acquire().await?;
    let started = Instant::now();
    for batch in rows.chunks(SINGLE_BATCH) {
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
        for row in batch {
            let mut query = sqlx::query(
                "INSERT INTO public.bench_plain (sku, gtin, product_name, brand, description, category_id, ingredients, price, nutrition)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, '')::numeric, jsonb_build_object('energy_kcal', $9::text))
                 ON CONFLICT (sku) DO UPDATE SET product_name = excluded.product_name",
            );
            for at in 0..9 {
                query = query.bind(row.try_get::<Option<String>, _>(at)?);
            }
            query.execute(&mut *connection).await?;
        }
        sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    }
    let took = started.elapsed();
    execute(
        ground,
        "DROP TABLE public.bench_plain; DROP TABLE public.bench_version; DROP FUNCTION public.bench_bump",
    )
    .await?;
    Ok(took)
}

async fn make_plain(ground: &Ground, more: &str) -> anyhow::Result<()> {
    execute(ground, &format!(
        "DROP TABLE IF EXISTS public.bench_plain; DROP TABLE IF EXISTS public.bench_version;
         CREATE TABLE public.bench_plain (
             sku text PRIMARY KEY, gtin text, product_name text, brand text, description text, category_id text,
             ingredients text, price numeric, nutrition jsonb, updated_at timestamptz DEFAULT now(),
             document tsvector GENERATED ALWAYS AS (
                 setweight(to_tsvector('simple', coalesce(product_name, '')), 'A') || setweight(to_tsvector('simple', coalesce(brand, '')), 'B')
                 || setweight(to_tsvector('simple', coalesce(description, '')), 'D')) STORED);
         CREATE INDEX ON public.bench_plain (brand, updated_at); CREATE INDEX ON public.bench_plain (category_id, updated_at);
         CREATE INDEX ON public.bench_plain (gtin); CREATE INDEX ON public.bench_plain USING gin (document);
         {more}"
    ))
    .await?;
    Ok(())
}

/// The rows that we wrote, written by PostgreSQL alone into tables with the same indexes.
async fn insert_ready_made(ground: &Ground, vendor: VendorId) -> anyhow::Result<Duration> {
    let mut took = Duration::ZERO;
    for table in ["products", "product_facts", "product_documents", "product_barcodes"] {
        let made = format!(
            "DROP TABLE IF EXISTS public.bench_ready; CREATE TABLE public.bench_ready (LIKE odyssey.{table} INCLUDING ALL)"
        );
        execute(ground, &made).await?;
        took += execute(ground, &format!(
            "INSERT INTO public.bench_ready SELECT * FROM odyssey.{table} WHERE vendor_id = '{vendor}' LIMIT {MERGE_ROWS}"
        ))
        .await?;
        execute(ground, "DROP TABLE public.bench_ready").await?;
    }
    Ok(took)
}
