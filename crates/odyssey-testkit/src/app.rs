//! The whole service in a process, on a database of the test's own.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use chrono::TimeDelta;
use http::Request;
use odyssey_api::health::Readiness;
use odyssey_api::limits::RateSettings;
use odyssey_api::{ApiParts, ApiSettings, ApiState};
use odyssey_domain::catalog::PictureFetcher;
use odyssey_domain::db::Database;
use odyssey_domain::ingestion::{Ingestion, IngestionSettings, Spool, Wake};
use odyssey_domain::jobs::{self, Work, WorkerSettings};
use odyssey_domain::matching::{Audiences, ReceiptSigner, Snapshots};
use odyssey_domain::tenancy::{LocalIdentityProvider, TokenIssuer, TokenSettings};
use odyssey_store::Store;
use odyssey_types::{FixedClock, RequestId, UserId, VendorId};
use secrecy::{ExposeSecret, SecretString};
use tower::ServiceExt;

use crate::actor::{Actor, TestVendor};
use crate::database::{PASSWORD, TestDatabase};
use crate::response::TestResponse;

/// More than any test's catalogs need.
const SNAPSHOT_BUDGET_BYTES: usize = 512 * 1024 * 1024;

/// Odyssey under test: real router, real PostgreSQL, a clock of the test's own.
#[derive(Debug)]
pub struct TestApp {
    pub test: TestDatabase,
    pub router: Router,
    pub ingestion: Ingestion,
    /// Where uploads wait; removed with the value.
    pub spool: tempfile::TempDir,
    issuer: Arc<TokenIssuer>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With other settings of the API than a test usually wants (which are: no rate limit is ever met).
    pub async fn start_with(change: impl FnOnce(&mut ApiSettings)) -> Self {
        Self::on(TestDatabase::start().await, change)
    }

    /// On a database that is there: one reached by another road, or with a replica.
    pub fn on(test: TestDatabase, change: impl FnOnce(&mut ApiSettings)) -> Self {
        Self::with_pictures(test, PictureFetcher::open().expect("a client"), change)
    }

    /// With another way to fetch pictures: one that reaches servers of the test.
    pub fn with_pictures(
        test: TestDatabase,
        pictures: PictureFetcher,
        change: impl FnOnce(&mut ApiSettings),
    ) -> Self {
        // Sessions of a test last as long as the test moves its clock.
        let settings = TokenSettings { access_ttl: TimeDelta::days(400), refresh_ttl: TimeDelta::days(400) };
        let issuer = Arc::new(TokenIssuer::open(test.database.keys(), settings).expect("a signing key"));
        let clock: Arc<dyn odyssey_types::Clock> = Arc::new(test.clock.clone());
        let mut api = ApiSettings { rates: unlimited(), ..ApiSettings::default() };
        change(&mut api);
        let spool = tempfile::TempDir::new().expect("a temporary directory");
        let ingestion = Ingestion {
            spool: Spool::new(Store::on_disk(spool.path().to_owned())),
            settings: IngestionSettings::default(),
            wake: Wake::new(),
        };
        let state = ApiState::new(ApiParts {
            database: test.database.clone(),
            identity: Arc::new(LocalIdentityProvider::new(Arc::clone(&issuer), clock)),
            issuer: Arc::clone(&issuer),
            readiness: Readiness::default(),
            ingestion: ingestion.clone(),
            receipts: Arc::new(ReceiptSigner::open(test.database.keys()).expect("a signing key")),
            snapshots: Snapshots::new(test.database.clone(), SNAPSHOT_BUDGET_BYTES),
            audiences: Audiences::new(test.database.clone(), SNAPSHOT_BUDGET_BYTES),
            pictures,
            settings: api,
        });
        let router = odyssey_api::router(state).expect("every operation is registered");
        Self { test, router, ingestion, spool, issuer }
    }

    pub const fn database(&self) -> &Database {
        &self.test.database
    }

    pub const fn clock(&self) -> &FixedClock {
        &self.test.clock
    }

    /// A vendor of the template: `acme` or `rival`.
    pub fn vendor(&self, slug: &str) -> TestVendor<'_> {
        TestVendor { app: self, seed: self.test.vendor(slug).clone() }
    }

    /// Somebody without a credential.
    pub const fn anonymous(&self) -> Actor<'_> {
        Actor { app: self, token: None, vendor_id: None }
    }

    pub async fn superadmin(&self) -> Actor<'_> {
        self.signed_in("root@platform.example", None).await
    }

    /// Signs in for real.
    pub async fn signed_in(&self, email: &str, vendor_id: Option<VendorId>) -> Actor<'_> {
        let request_id = RequestId::from_uuid(uuid::Uuid::nil());
        let password = SecretString::from(PASSWORD);
        let signed_in =
            odyssey_domain::tenancy::sign_in(self.database(), &self.issuer, email, &password, request_id)
                .await
                .expect("the person of the template can sign in");
        Actor { app: self, token: Some(signed_in.access_token.expose_secret().to_owned()), vendor_id }
    }

    /// Works the queue until it is empty; fails the test when a job fails.
    pub async fn run_jobs(&self) -> odyssey_domain::jobs::RunReport {
        let report = self.run_jobs_that_may_fail().await;
        assert_eq!(report.failed, 0, "a job failed: {report:?}");
        report
    }

    /// Works the queue until it is empty, whatever becomes of the jobs.
    pub async fn run_jobs_that_may_fail(&self) -> odyssey_domain::jobs::RunReport {
        let work = Work {
            database: self.database().clone(),
            ingestion: self.ingestion.clone(),
            audiences: Audiences::new(self.database().clone(), SNAPSHOT_BUDGET_BYTES),
            snapshots: Snapshots::new(self.database().clone(), SNAPSHOT_BUDGET_BYTES),
        };
        let dispatcher = jobs::dispatcher(work, &WorkerSettings::default()).expect("a dispatcher");
        dispatcher.run_until_empty().await.expect("the queue answers")
    }

    /// Sends a request through the router, without a socket.
    pub async fn send(&self, request: Request<Body>) -> TestResponse {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        TestResponse::read(response).await
    }

    /// The user with this address, for looking at what was recorded of them.
    pub async fn user_id(&self, email: &str) -> UserId {
        let found =
            odyssey_domain::tenancy::find_user_by_email(self.database(), email).await.expect("an answer");
        found.expect("the user exists")
    }
}

/// Budgets that no test meets by accident.
fn unlimited() -> RateSettings {
    const MANY: u32 = 1_000_000;
    RateSettings {
        standard_per_user: MANY,
        standard_per_vendor: MANY,
        read_per_user: MANY,
        import_starts_per_vendor: MANY,
        upload_parts_per_vendor: MANY,
        refusals_per_user: MANY,
        sign_ins_per_address: MANY,
    }
}
