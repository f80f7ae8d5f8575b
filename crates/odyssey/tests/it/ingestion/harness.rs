//! A vendor that uploads, a worker that is run by hand, and ways to look at what is left behind.

use odyssey_domain::db::{VendorTx, testing};
use odyssey_domain::ingestion::{
    self, ImportMode, ImportParameters, Ingestion, IngestionError, IngestionSettings, JobView, Spool,
    StartedImport,
};
use odyssey_domain::jobs::{self, Work, WorkerSettings};
use odyssey_domain::tenancy::{self, Actor, Role};
use odyssey_store::Store;
use odyssey_testkit::TestDatabase;
use odyssey_types::JobId;
use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;

pub(crate) struct Files {
    pub test: TestDatabase,
    pub work: Work,
    pub spool: TempDir,
}

impl Files {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Batches are small, so that a few hundred rows are many of them.
    pub async fn start_with(change: impl FnOnce(&mut IngestionSettings)) -> Self {
        let spool = TempDir::new().expect("a temporary directory");
        let store = Store::on_disk(spool.path().join("spool"));
        Self::start_on(store, spool, change).await
    }

    /// On a store that lies elsewhere.
    pub async fn start_in(store: Store) -> Self {
        Self::start_on(store, TempDir::new().expect("a temporary directory"), |_| {}).await
    }

    async fn start_on(store: Store, spool: TempDir, change: impl FnOnce(&mut IngestionSettings)) -> Self {
        let test = TestDatabase::start().await;
        let mut settings =
            IngestionSettings { batch_rows: 50, customer_batch_rows: 20, ..IngestionSettings::default() };
        change(&mut settings);
        let ingestion = Ingestion { spool: Spool::new(store), settings, wake: jobs::Wake::new() };
        let audiences = odyssey_domain::matching::Audiences::new(test.database.clone(), 1 << 20);
        let snapshots = odyssey_domain::matching::Snapshots::new(test.database.clone(), 1 << 20);
        let work = Work { database: test.database.clone(), ingestion, audiences, snapshots };
        Self { test, work, spool }
    }

    pub async fn begin(&self, role: Role) -> VendorTx {
        let vendor = self.test.vendor("acme");
        let user_id = match role {
            Role::VendorAdmin => vendor.admin,
            Role::VendorOperator => vendor.operator,
            _ => vendor.viewer,
        };
        let scope = tenancy::scope_for_job(&self.test.database, vendor.id).await.expect("the vendor works");
        let actor = Actor { user_id: Some(user_id), role, request_id: None, job_id: None };
        testing::begin_vendor(&self.test.database, scope, actor).await.expect("it begins")
    }

    pub async fn try_upload(
        &self,
        mode: ImportMode,
        file: impl AsRef<[u8]>,
        parameters: ImportParameters,
        role: Role,
    ) -> Result<StartedImport, IngestionError> {
        let tx = self.begin(role).await;
        let mut sink = ingestion::begin_upload(&self.work.ingestion, tx, mode, parameters).await?;
        for piece in file.as_ref().chunks(10_007) {
            sink.write(piece.to_vec().into()).await?;
        }
        sink.finish().await
    }

    pub async fn upload(
        &self,
        mode: ImportMode,
        file: impl AsRef<[u8]>,
        parameters: ImportParameters,
    ) -> JobId {
        let started = self.try_upload(mode, file, parameters, Role::VendorAdmin).await;
        started.expect("the upload is taken").job_id
    }

    /// Runs whatever is queued to its end.
    pub async fn run(&self) {
        let dispatcher =
            jobs::dispatcher(self.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
        dispatcher.run_until_empty().await.expect("the queue answers");
    }

    pub async fn job(&self, id: JobId) -> JobView {
        let mut tx = self.begin(Role::VendorViewer).await;
        let job = ingestion::get_job(&mut tx, id).await.expect("the job is there");
        tx.roll_back().await.expect("it ends");
        job
    }

    /// Uploads, runs, and gives back the job.
    pub async fn import(&self, mode: ImportMode, file: impl AsRef<[u8]>) -> JobView {
        self.import_with(mode, file, ImportParameters::default()).await
    }

    pub async fn import_with(
        &self,
        mode: ImportMode,
        file: impl AsRef<[u8]>,
        parameters: ImportParameters,
    ) -> JobView {
        let id = self.upload(mode, file, parameters).await;
        self.run().await;
        self.test.clock.advance(chrono::TimeDelta::seconds(10));
        self.job(id).await
    }

    pub async fn errors_csv(&self, id: JobId) -> String {
        let tx = self.begin(Role::VendorAdmin).await;
        let stream = ingestion::errors_csv(tx, id, true).await.expect("the errors are there");
        let pieces: Vec<_> = futures::StreamExt::collect(stream).await;
        let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.expect("a piece").to_vec()).collect();
        String::from_utf8(bytes).expect("UTF-8")
    }

    pub async fn superuser(&self) -> PgConnection {
        self.test.superuser_connection().await
    }

    /// Everything about the catalog but times, versions and batches.
    pub async fn catalog_digest(&self) -> String {
        let mut connection = self.superuser().await;
        let digest: Option<String> = sqlx::query_scalar(
            "SELECT md5(string_agg(md5((to_jsonb(p) - 'batch_id' - 'row_version' - 'created_at' - 'updated_at' - 'lineage'
                                        - 'attestation')::text), '' ORDER BY p.id))
                    || (SELECT md5(string_agg(b.gtin || b.product_id, '' ORDER BY b.gtin)) FROM odyssey.product_barcodes b)
             FROM odyssey.products p WHERE p.deleted_at IS NULL",
        )
        .fetch_one(&mut connection)
        .await
        .expect("a digest");
        connection.close().await.expect("it closes");
        digest.unwrap_or_default()
    }

    pub async fn catalog_version(&self) -> i64 {
        let mut connection = self.superuser().await;
        let row = sqlx::query("SELECT catalog_version FROM odyssey.vendors WHERE slug = 'acme'")
            .fetch_one(&mut connection)
            .await
            .expect("the vendor");
        row.get(0)
    }

    /// One value of a product's column as text.
    pub async fn product(&self, external_id: &str, column: &'static str) -> Option<String> {
        let mut connection = self.superuser().await;
        let statement = format!(
            "SELECT {column}::text FROM odyssey.products WHERE external_id = $1 AND deleted_at IS NULL"
        );
        let value = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(external_id)
            .fetch_optional(&mut connection)
            .await
            .expect("an answer");
        value.flatten()
    }
}

/// A valid GTIN of the given number.
pub(crate) fn gtin(number: u64) -> String {
    let first = format!("{number:013}");
    let sum: u32 = first
        .bytes()
        .enumerate()
        .map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 })
        .sum();
    format!("{first}{}", (10 - sum % 10) % 10)
}

/// State and totals in one line: read, created, updated, unchanged, kept, rejected.
pub(crate) fn line(job: &JobView) -> String {
    let totals = job.import.as_ref().expect("an import").totals;
    assert!(totals.reconciles(), "{totals:?}");
    format!(
        "{} {} = {} + {} + {} + {} + {}",
        job.record.state,
        totals.read,
        totals.created,
        totals.updated,
        totals.unchanged,
        totals.kept,
        totals.rejected
    )
}
