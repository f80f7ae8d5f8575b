//! Statements on a job's own tables in `odyssey_staging`. Their names are made of the job's id, so these
//! statements are put together here and checked when they run.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use odyssey_types::{JobId, ProductId};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::catalog::StoredShape;
use crate::db::{DbError, SystemTx, VendorTx};
use crate::ingestion::whole::Absent;

/// Comparing and analysing take minutes for the largest files; requests never run these.
const LONG_STATEMENT_TIMEOUT: &str = "30min";
/// Bytes of staged rows that one batch may hold. Parsed, merged, derived and sent they take some ten times as much
/// memory, and the next batch is made ready while one is written, so this and not the number of rows bounds an import's.
const BATCH_BYTES_MAX: i64 = 5 << 20;

/// A row that is left to do.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::ingestion) struct TodoRow {
    pub record: i64,
    pub id: Uuid,
    /// A person's edit stands, unless it says the same.
    pub kept: bool,
    pub source_hash: Vec<u8>,
    /// The merge patch as JSON text; absent where the row was taken for unchanged when it was read.
    pub fields: Option<Vec<u8>>,
}

/// Rows that are left to do, and how far they reach.
#[derive(Debug)]
pub(in crate::ingestion) struct NextRows {
    pub rows: Vec<TodoRow>,
    /// The last of them.
    pub upto: u64,
    /// Nothing is left behind them.
    pub complete: bool,
}

pub(in crate::ingestion) async fn create_staging(tx: &mut VendorTx, job_id: JobId) -> Result<(), DbError> {
    drop_staging(tx, job_id).await?;
    sqlx::query!("SELECT odyssey.create_staged_products($1)", job_id.as_uuid())
        .fetch_one(tx.connection())
        .await?;
    Ok(())
}

pub(in crate::ingestion) async fn drop_staging(tx: &mut VendorTx, job_id: JobId) -> Result<(), DbError> {
    sqlx::query!("SELECT odyssey.drop_product_staging($1)", job_id.as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Which run of the server this is. Staging tables are unlogged: a crash empties them and forgets the statistics, with
/// the postmaster or without it, and the next run says another time here.
pub(in crate::ingestion) async fn server_run(tx: &mut VendorTx) -> Result<String, DbError> {
    let run = sqlx::query_scalar!(
        r#"SELECT concat(pg_postmaster_start_time(), ' ', (SELECT stats_reset FROM pg_stat_bgwriter)) AS "run!""#
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(run)
}

/// Jobs that have staging tables and have ended, or are not known any more.
pub(in crate::ingestion) async fn left_staging(tx: &mut SystemTx) -> Result<Vec<Uuid>, DbError> {
    let jobs = sqlx::query_scalar!(
        r#"SELECT s.job_id AS "job_id!" FROM odyssey.staging_jobs() AS s (job_id)
           WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = s.job_id AND j.finished_at IS NULL)"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(jobs)
}

/// Drops the tables of a job that has ended.
pub(in crate::ingestion) async fn purge_staging(tx: &mut SystemTx, job_id: Uuid) -> Result<(), DbError> {
    sqlx::query!("SELECT odyssey.purge_staging($1)", job_id).execute(tx.connection()).await?;
    Ok(())
}

/// Copies rows in PostgreSQL's binary format.
pub(in crate::ingestion) async fn copy_staged(
    tx: &mut VendorTx,
    job_id: JobId,
    bytes: Vec<u8>,
) -> Result<(), DbError> {
    let table = staged(job_id);
    let statement = format!(
        "COPY {table} (record, row_number, id, source_hash, gtin, fields) FROM STDIN (FORMAT binary)"
    );
    let mut copy = tx.connection().copy_in_raw(&statement).await?;
    copy.send(bytes).await?;
    copy.finish().await?;
    Ok(())
}

/// Compares the staged rows with the catalog; see the function in the migrations.
pub(in crate::ingestion) async fn create_todo(
    tx: &mut VendorTx,
    job_id: JobId,
    mapping_digest: &[u8],
    overwrite_edits: bool,
    after: u64,
    moved: &[i64],
) -> Result<i64, DbError> {
    allow_long_statements(tx).await?;
    let rows = sqlx::query_scalar!(
        r#"SELECT odyssey.create_product_todo($1, $2, $3, $4, $5) AS "rows!""#,
        job_id.as_uuid(),
        mapping_digest,
        overwrite_edits,
        after as i64,
        moved,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(rows)
}

/// The next rows behind the checkpoint, in their order, but for those that have merged out of turn.
pub(in crate::ingestion) async fn next_todo(
    tx: &mut VendorTx,
    job_id: JobId,
    after: u64,
    moved: &[i64],
    most: i64,
) -> Result<NextRows, DbError> {
    let (todo, staged) = (todo(job_id), staged(job_id));
    // The running sum keeps a batch of extraordinary rows within memory. It is of what the rows have in memory: stored,
    // a text that repeats itself has next to nothing.
    let statement = format!(
        "SELECT record, id, kept, source_hash, fields
         FROM (SELECT t.record, t.id, t.kept, s.source_hash, s.fields,
                      sum(coalesce(octet_length(s.fields), 0)) OVER (ORDER BY t.record)
                          - coalesce(octet_length(s.fields), 0) AS before
               FROM (SELECT record, id, kept FROM {todo}
                     WHERE record > $1 AND record <> ALL ($2) ORDER BY record LIMIT $3) t
               JOIN {staged} s ON s.record = t.record) sized
         WHERE before < $4
         ORDER BY record"
    );
    let rows: Vec<TodoRow> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(after as i64)
        .bind(moved)
        .bind(most)
        .bind(BATCH_BYTES_MAX)
        .fetch_all(tx.connection())
        .await?;
    let upto = rows.last().map_or(after, |row| row.record.unsigned_abs());
    let left = format!("SELECT EXISTS (SELECT FROM {todo} WHERE record > $1 AND record <> ALL ($2))");
    let left: bool = sqlx::query_scalar(AssertSqlSafe(left))
        .bind(upto as i64)
        .bind(moved)
        .fetch_one(tx.connection())
        .await?;
    Ok(NextRows { rows, upto, complete: !left })
}

/// Whether a row that is left to do was taken for unchanged when it was read, and so not kept.
pub(in crate::ingestion) async fn lacks_fields(tx: &mut VendorTx, job_id: JobId) -> Result<bool, DbError> {
    let (todo, staged) = (todo(job_id), staged(job_id));
    let statement = format!(
        "SELECT EXISTS (SELECT FROM {todo} t JOIN {staged} s ON s.record = t.record WHERE s.fields IS NULL)"
    );
    allow_long_statements(tx).await?;
    Ok(sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(tx.connection()).await?)
}

/// Id and source hash of every live product that an import wrote by this mapping and nobody edited since.
pub(in crate::ingestion) fn imported_rows<'t>(
    tx: &'t mut VendorTx,
    mapping_digest: &'t [u8],
) -> BoxStream<'t, Result<(Uuid, Vec<u8>), DbError>> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        r#"SELECT id, source_hash AS "source_hash!" FROM products
           WHERE vendor_id = $1 AND source_mapping = $2 AND source_hash IS NOT NULL AND edited_at IS NULL
             AND deleted_at IS NULL"#,
        vendor_id,
        mapping_digest,
    )
    .fetch(tx.connection())
    .map_ok(|row| (row.id, row.source_hash))
    .map_err(DbError::from)
    .boxed()
}

/// Live products that no staged row and none of the `refused` ids is of, but for those that were made, or that a person
/// changed, since `started_at`.
pub(in crate::ingestion) async fn find_absent(
    tx: &mut VendorTx,
    job_id: JobId,
    refused: &[Uuid],
    started_at: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Absent>, DbError> {
    allow_long_statements(tx).await?;
    let staged = staged(job_id);
    let statement = format!(
        "SELECT p.external_id FROM products p
         WHERE p.vendor_id = $1 AND p.deleted_at IS NULL AND p.created_at < $3
           AND (p.edited_at IS NULL OR p.edited_at < $3)
           AND NOT EXISTS (SELECT FROM {staged} s WHERE s.id = p.id)
           AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS r (id) WHERE r.id = p.id)
         ORDER BY p.id LIMIT $4"
    );
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(vendor_id)
        .bind(refused)
        .bind(started_at)
        .bind(most)
        .fetch_all(tx.connection())
        .await?;
    Ok(ids.into_iter().map(|external_id| Absent { external_id }).collect())
}

/// Live products of the vendor.
pub(in crate::ingestion) async fn count_products(tx: &mut VendorTx) -> Result<i64, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM products WHERE vendor_id = $1 AND deleted_at IS NULL"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

/// The given rows, as far as they are left to do.
pub(in crate::ingestion) async fn find_todo(
    tx: &mut VendorTx,
    job_id: JobId,
    records: &[i64],
) -> Result<Vec<TodoRow>, DbError> {
    let (todo, staged) = (todo(job_id), staged(job_id));
    let statement = format!(
        "SELECT t.record, t.id, t.kept, s.source_hash, s.fields FROM {todo} t JOIN {staged} s ON s.record = t.record
         WHERE t.record = ANY ($1) ORDER BY t.record"
    );
    let rows = sqlx::query_as(AssertSqlSafe(statement)).bind(records).fetch_all(tx.connection()).await?;
    Ok(rows)
}

/// Which objects the given products have; products that are deleted count as not stored.
pub(in crate::ingestion) async fn stored_shapes(
    tx: &mut VendorTx,
    ids: &[Uuid],
) -> Result<HashMap<ProductId, StoredShape>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT id, nutrition->>'basis' AS basis, serving_size IS NOT NULL AS "has_serving!",
                  allergens IS NOT NULL AS "has_allergens!"
           FROM products
           WHERE vendor_id = $1 AND id = ANY($2) AND deleted_at IS NULL"#,
        vendor_id,
        ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let shape = StoredShape {
                basis: row.basis,
                has_serving: row.has_serving,
                has_allergens: row.has_allergens,
            };
            (row.id.into(), shape)
        })
        .collect())
}

/// Fresh statistics for the vendor's leaves of `products` or `customers`.
pub(in crate::ingestion) async fn analyze(tx: &mut VendorTx, what: &'static str) -> Result<(), DbError> {
    allow_long_statements(tx).await?;
    sqlx::query!("SELECT odyssey.analyze_vendor($1)", what).execute(tx.connection()).await?;
    Ok(())
}

pub(super) async fn allow_long_statements(tx: &mut VendorTx) -> Result<(), DbError> {
    sqlx::query!("SELECT set_config('statement_timeout', $1, true)", LONG_STATEMENT_TIMEOUT)
        .fetch_one(tx.connection())
        .await?;
    Ok(())
}

pub(super) fn staged(job_id: JobId) -> String {
    format!("odyssey_staging.products_{}", job_id.as_uuid().simple())
}

pub(super) fn todo(job_id: JobId) -> String {
    format!("odyssey_staging.todo_{}", job_id.as_uuid().simple())
}
