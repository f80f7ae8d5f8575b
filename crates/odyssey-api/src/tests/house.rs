//! An application whose database is not there, and verbs to talk to it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, Request, StatusCode};
use odyssey_domain::db::{Database, DatabaseParts, PoolSettings};
use odyssey_domain::tenancy::{LocalIdentityProvider, TokenIssuer, TokenSettings, VerifiedIdentity};
use odyssey_types::{Clock, FixedClock, SessionId, UserId};
use odyssey_vault::KeyStore;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::health::Readiness;
use crate::router;
use crate::state::{ApiParts, ApiSettings, ApiState};

pub(crate) struct House {
    pub(crate) clock: FixedClock,
    pub(crate) readiness: Readiness,
    pub(crate) user_id: UserId,
    router: Router,
    issuer: Arc<TokenIssuer>,
    _keys: Option<tempfile::TempDir>,
}

pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(ApiSettings::default(), None)
    }

    pub(crate) fn with(settings: ApiSettings, routes: Option<OpenApiRouter<ApiState>>) -> Self {
        let clock = FixedClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let keys = Arc::new(KeyStore::create(directory.path().join("keys")).unwrap());
        // Port 1 refuses; nobody waits long for that.
        let nowhere = || sqlx::postgres::PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
        let database = Database::new(DatabaseParts {
            app: nowhere(),
            platform: nowhere(),
            read: None,
            settings: PoolSettings { acquire_timeout: Duration::from_millis(50), ..PoolSettings::default() },
            clock: Arc::new(clock.clone()),
            keys,
        });
        Self { _keys: Some(directory), ..Self::on(database, clock, settings, routes) }
    }

    /// The application on a database that is there.
    pub(crate) fn on(
        database: Database,
        clock: FixedClock,
        settings: ApiSettings,
        routes: Option<OpenApiRouter<ApiState>>,
    ) -> Self {
        let issuer = Arc::new(TokenIssuer::open(database.keys(), TokenSettings::default()).unwrap());
        let readiness = Readiness::default();
        let identity = LocalIdentityProvider::new(Arc::clone(&issuer), Arc::clone(database.clock()));
        let state = ApiState::new(ApiParts {
            snapshots: odyssey_domain::matching::Snapshots::new(database.clone(), 1 << 20),
            audiences: odyssey_domain::matching::Audiences::new(database.clone(), 1 << 20),
            receipts: Arc::new(odyssey_domain::matching::ReceiptSigner::open(database.keys()).unwrap()),
            database,
            identity: Arc::new(identity),
            issuer: Arc::clone(&issuer),
            readiness: readiness.clone(),
            ingestion: odyssey_domain::ingestion::Ingestion {
                spool: odyssey_domain::ingestion::Spool::new(odyssey_store::Store::on_disk(
                    std::env::temp_dir(),
                )),
                settings: odyssey_domain::ingestion::IngestionSettings::default(),
                wake: odyssey_domain::ingestion::Wake::new(),
            },
            pictures: odyssey_domain::catalog::PictureFetcher::open().unwrap(),
            settings,
        });
        let router = match routes {
            Some(routes) => router::serve(routes, state).unwrap(),
            None => router::router(state).unwrap(),
        };
        let user_id = UserId::from_uuid(Uuid::from_u128(0xa11ce));
        Self { clock, readiness, user_id, router, issuer, _keys: None }
    }

    /// A token of a user whom no database knows.
    pub(crate) fn token(&self) -> String {
        let session_id = SessionId::from_uuid(Uuid::from_u128(1));
        let identity = VerifiedIdentity { user_id: self.user_id, session_id };
        format!("Bearer {}", self.issuer.issue(identity, self.clock.now()).unwrap())
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send_request(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn send_request(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answered { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Answered {
        self.send("POST", path, &[("content-type", "application/json")], body).await
    }
}

impl Answered {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code, as in a table of decisions; fails when the answer is not a whole problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["type"], format!("/problems/{}", body["code"].as_str().unwrap()));
        assert_eq!(body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        format!("{} {}", self.status.as_u16(), body["code"].as_str().unwrap())
    }

    pub(crate) fn first_error(&self) -> serde_json::Value {
        self.json()["errors"][0].clone()
    }
}
