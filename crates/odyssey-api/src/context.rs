//! What is known about the request being served, for its log line, its problems and its audit.
//!
//! Owns: the task-local [`RequestContext`]. Promises: exactly one log line a request, with a fixed set
//! of fields. Emits: that line, target `odyssey::request`. Never: a path with its ids, a query, a
//! header or a body in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{HeaderName, HeaderValue, StatusCode};
use odyssey_types::{RequestId, UserId, VendorId};

tokio::task_local! {
    static CONTEXT: Arc<RequestContext>;
}

/// Stands in a log field for "nobody" and "nowhere".
const NONE: &str = "-";

/// What gathers while a request is served.
#[derive(Debug)]
pub(crate) struct RequestContext {
    pub(crate) request_id: RequestId,
    began: Instant,
    rows_read: AtomicU64,
    rows_written: AtomicU64,
    who: Mutex<Who>,
}

#[derive(Debug, Default)]
struct Who {
    user_id: Option<UserId>,
    vendor_id: Option<VendorId>,
    role: Option<&'static str>,
    rate_headers: Vec<(HeaderName, HeaderValue)>,
}

/// Counts rows that this request read, for its log line. Outside of a request it does nothing.
pub fn count_rows_read(rows: u64) {
    with(|context| context.rows_read.fetch_add(rows, Ordering::Relaxed));
}

/// Counts rows that this request wrote, for its log line. Outside of a request it does nothing.
pub fn count_rows_written(rows: u64) {
    with(|context| context.rows_written.fetch_add(rows, Ordering::Relaxed));
}

/// The id of the request being served; the nil id outside of one.
pub fn request_id_or_nil() -> RequestId {
    with(|context| context.request_id).unwrap_or_else(|| RequestId::from_uuid(uuid::Uuid::nil()))
}

pub(crate) fn set_user(user_id: UserId) {
    with(|context| context.who().user_id = Some(user_id));
}

pub(crate) fn set_standing(vendor_id: Option<VendorId>, role: &'static str) {
    with(|context| {
        let mut who = context.who();
        who.vendor_id = vendor_id;
        who.role = Some(role);
    });
}

/// Where the caller stands, as far as has been found out.
pub(crate) fn standing() -> (Option<VendorId>, Option<&'static str>) {
    with(|context| {
        let who = context.who();
        (who.vendor_id, who.role)
    })
    .unwrap_or_default()
}

/// Headers that go out with the answer whatever becomes of it.
pub(crate) fn set_rate_headers(headers: Vec<(HeaderName, HeaderValue)>) {
    with(|context| context.who().rate_headers = headers);
}

fn with<T>(f: impl FnOnce(&RequestContext) -> T) -> Option<T> {
    CONTEXT.try_with(|context| f(context)).ok()
}

impl RequestContext {
    /// The latency is a span on the monotonic clock; no rule depends on it.
    pub(crate) fn new(request_id: RequestId) -> Arc<Self> {
        Arc::new(Self {
            request_id,
            began: Instant::now(),
            rows_read: AtomicU64::new(0),
            rows_written: AtomicU64::new(0),
            who: Mutex::new(Who::default()),
        })
    }

    /// Serves a request inside this context.
    pub(crate) async fn scope<F: Future>(self: Arc<Self>, serve: F) -> F::Output {
        CONTEXT.scope(self, serve).await
    }

    pub(crate) fn take_rate_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        std::mem::take(&mut self.who().rate_headers)
    }

    /// The one line. `route` is the template, never the path.
    pub(crate) fn log(&self, route: &str, status: StatusCode) {
        let who = self.who();
        let latency_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let user_id = who.user_id.map_or_else(|| NONE.to_owned(), |id| id.to_string());
        let vendor_id = who.vendor_id.map_or_else(|| NONE.to_owned(), |id| id.to_string());
        tracing::info!(
            target: "odyssey::request",
            request_id = %self.request_id,
            user_id,
            vendor_id,
            role = who.role.unwrap_or(NONE),
            route,
            status = status.as_u16(),
            latency_ms,
            rows_read = self.rows_read.load(Ordering::Relaxed),
            rows_written = self.rows_written.load(Ordering::Relaxed),
        );
    }

    fn who(&self) -> MutexGuard<'_, Who> {
        self.who.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
