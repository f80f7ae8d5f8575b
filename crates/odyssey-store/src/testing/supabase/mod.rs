//! A double of Supabase Storage on this machine's loopback: one bucket, one key, no disk.
//!
//! It does what the real one is known to do: statuses of 400 with the true one in the body, chunks of exactly 6 MiB,
//! `x-upsert` read from each request, uploads that expire. It fails in the ways of [`Fault`] when told to.

mod answers;
mod faults;
mod objects;
mod state;
mod tus;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use faults::Fault;
use state::Shared;
pub use state::{CHUNK_BYTES, Seen};

use super::hasty;
use crate::{Store, StoreSettings, SupabaseSettings};

const BUCKET: &str = "uploads";
const KEY: &str = "eyJhbGciOi-not-a-secret";

/// Listens on a port of its own; ends when dropped.
#[derive(Debug)]
pub struct SupabaseDouble {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl SupabaseDouble {
    /// Starts one with an empty bucket.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::new(BUCKET, KEY));
        let router = Router::new()
            .nest("/storage/v1", routes(Arc::clone(&shared)))
            .layer(from_fn_with_state(Arc::clone(&shared), admit));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the listener stays");
        });
        Self { address, shared, task }
    }

    /// How this double is reached, without patience for pauses.
    pub fn settings(&self) -> SupabaseSettings {
        SupabaseSettings {
            endpoint: format!("http://{}/storage/v1", self.address),
            bucket: BUCKET.to_owned(),
            service_key: SecretString::from(KEY),
            allow_http: true,
            patience: hasty(),
        }
    }

    /// A store that is this double.
    pub fn store(&self) -> Store {
        Store::new(&StoreSettings::Supabase(self.settings())).expect("the settings are good")
    }

    /// From now on, fails once in this way, or as often as it says.
    pub fn fail(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Makes the bucket public, or private again.
    pub fn set_public(&self, public: bool) {
        self.shared.lock().public = public;
    }

    /// Puts a file into the bucket under any name.
    pub fn plant(&self, name: &str, bytes: &[u8]) {
        self.shared.lock().insert(name, bytes.to_vec().into());
    }

    /// Names of all files, whatever they are.
    pub fn names(&self) -> Vec<String> {
        self.shared.lock().objects.keys().cloned().collect()
    }

    /// Uploads that were begun and neither completed nor ended, by a client or by time.
    pub fn unfinished(&self) -> usize {
        self.shared.lock().uploads.values().filter(|upload| !upload.complete && !upload.expired).count()
    }

    /// The requests so far, and forgets them.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.lock().seen)
    }
}

impl Drop for SupabaseDouble {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/bucket/{bucket}", get(objects::bucket))
        .route("/object/list/{bucket}", post(objects::list))
        .route("/object/info/authenticated/{bucket}/{*path}", get(objects::info))
        .route("/object/authenticated/{bucket}/{*path}", get(objects::download))
        .route("/object/{bucket}", delete(objects::remove_many))
        .route("/object/{bucket}/{*path}", post(objects::upload).delete(objects::remove))
        .route("/upload/resumable", post(tus::create))
        .route(
            "/upload/resumable/{id}",
            axum::routing::patch(tus::append).head(tus::look).delete(tus::terminate),
        )
        .with_state(shared)
}

/// Counts a request in, if it has the key and nothing else is the matter.
async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match refusal(&shared, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

fn refusal(shared: &Shared, request: &Request) -> Option<Response> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bytes = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut inner = shared.lock();
    inner.seen.push(Seen { request: format!("{} {}", request.method(), request.uri().path()), bytes });
    let refusal = faults::of_any_request(&mut inner.faults);
    let has_key = header("authorization") == Some(&*format!("Bearer {}", shared.key))
        && header("apikey") == Some(shared.key);
    refusal.or_else(|| {
        let denied =
            || answers::refused("403", "Unauthorized", "AccessDenied", "jwt malformed").into_response();
        (!has_key).then(denied)
    })
}
