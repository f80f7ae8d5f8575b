//! Before the handler: is there a key, and what does the request amount to. After it: what becomes of the key.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri, header};
use odyssey_domain::db::Database;
use odyssey_domain::security::{self, IdempotencyScope};
use sha2::{Digest, Sha256};

use super::Idempotency;
use super::answer::stored_problem;
use super::extractor::NotFirst;
use crate::operation::Operation;
use crate::problem::{Problem, ProblemCode};
use crate::stack::BufferedBody;
use crate::state::ApiState;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest key, in characters.
const KEY_LENGTH_MAX: usize = 255;
/// Largest problem that is stored; ours are a few kilobytes, a batch's errors at most some hundred.
const STORED_PROBLEM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The key of a request and what the request amounts to, for the extractor.
#[derive(Debug, Clone)]
pub(super) struct PresentedKey {
    pub(super) key: String,
    pub(super) fingerprint: [u8; 32],
    pub(super) held: HeldKey,
}

/// The key that this request has claimed and not yet answered for.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldKey(Arc<Mutex<Option<IdempotencyScope>>>);

impl HeldKey {
    pub(super) fn claim(&self, scope: IdempotencyScope) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(scope);
    }

    /// Takes the claim away: whoever has it answers for it.
    pub(super) fn take(&self) -> Option<IdempotencyScope> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Refuses a keyed operation without a usable key and takes the fingerprint of the request.
pub(crate) async fn require_key(mut request: Request, next: Next) -> Response {
    let keyed = request.extensions().get::<Arc<Operation>>().is_some_and(|operation| operation.keyed);
    if !keyed {
        return next.run(request).await;
    }
    let key = match read_key(request.headers()) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    let body = request.extensions().get::<BufferedBody>().map(|body| body.0.clone()).unwrap_or_default();
    let fingerprint = fingerprint(request.method().as_str(), request.uri(), &body);
    request.extensions_mut().insert(PresentedKey { key, fingerprint, held: HeldKey::default() });
    next.run(request).await
}

/// Stores or gives back what the handler left claimed. The guard does the latter when this future is
/// dropped: by a client that hangs up, or by the limit on time.
pub(crate) async fn settle_key(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let Some(presented) = request.extensions().get::<PresentedKey>() else { return next.run(request).await };
    let guard = ReleaseOnDrop { held: presented.held.clone(), database: state.database().clone() };
    let response = next.run(request).await;
    let Some(scope) = guard.held.take() else { return response };
    if is_worth_keeping(response.status()) {
        return keep(state.database(), &scope, response).await;
    }
    release(state.database(), &scope).await;
    response
}

/// Does the work of a handler that has read its body itself, if it is the first with its key. What is refused gives the
/// key back: the same request may be taken another time.
pub(crate) async fn once<F, Fut>(
    state: &ApiState,
    parts: &mut Parts,
    body: &[u8],
    work: F,
) -> Result<Response, NotFirst>
where
    F: FnOnce(Idempotency) -> Fut,
    Fut: Future<Output = Result<Response, Problem>>,
{
    let key = read_key(&parts.headers)?;
    let fingerprint = fingerprint(parts.method.as_str(), &parts.uri, body);
    let guard = ReleaseOnDrop { held: HeldKey::default(), database: state.database().clone() };
    parts.extensions.insert(PresentedKey { key, fingerprint, held: guard.held.clone() });
    let idempotency = Idempotency::from_request_parts(parts, state).await?;
    let outcome = work(idempotency).await;
    if let Some(scope) = guard.held.take() {
        release(state.database(), &scope).await;
    }
    Ok(outcome?)
}

/// A refusal that the same request will meet again. Not those that depend on who asks and when.
fn is_worth_keeping(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
}

async fn keep(database: &Database, scope: &IdempotencyScope, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, STORED_PROBLEM_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            release(database, scope).await;
            return Problem::internal(&error).into_response();
        }
    };
    let stored = stored_problem(parts.status, parts.headers.get(header::RETRY_AFTER), &body);
    if let Err(error) = security::store_after(database, scope, &stored).await {
        // The refusal stands; a repeat will be judged afresh once the claim's lease is over.
        tracing::warn!(error = %error, "A refusal could not be stored under its idempotency key");
    }
    Response::from_parts(parts, Body::from(body))
}

async fn release(database: &Database, scope: &IdempotencyScope) {
    if let Err(error) = security::release(database, scope).await {
        tracing::warn!(error = %error, "An idempotency key could not be given back; its lease will end");
    }
}

struct ReleaseOnDrop {
    held: HeldKey,
    database: Database,
}

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        let Some(scope) = self.held.take() else { return };
        let database = self.database.clone();
        // Waits, in the database, for the effect if that is just being committed: the row is then
        // answered and is not deleted.
        tokio::spawn(async move { release(&database, &scope).await });
    }
}

/// The key, without the quotes of a structured field where there are some.
fn read_key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Err(Problem::new(ProblemCode::IdempotencyKeyMissing)) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let good = (1..=KEY_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if !good || values.next().is_some() {
        return Err(Problem::new(ProblemCode::IdempotencyKeyInvalid).detail(format!(
            "Send one key of 1 to {KEY_LENGTH_MAX} visible ASCII characters; a UUID is a good one."
        )));
    }
    Ok(text.to_owned())
}

/// SHA-256 over method, path, query and body. Lengths stand between the parts, so that no two requests
/// can be cut differently into the same bytes.
pub(super) fn fingerprint(method: &str, uri: &Uri, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), uri.path().as_bytes(), uri.query().unwrap_or_default().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str) -> Result<String, ProblemCode> {
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY.parse().unwrap(), value.parse().unwrap())]);
        read_key(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(key("\"8e03978e-40d5\""), key("8e03978e-40d5"));
    }

    #[test]
    fn a_key_that_is_empty_long_or_invisible_is_refused() {
        for bad in ["", "\"\"", "two words", &"k".repeat(256)] {
            assert_eq!(key(bad), Err(ProblemCode::IdempotencyKeyInvalid), "{bad}");
        }
        assert_eq!(read_key(&HeaderMap::new()).unwrap_err().code, ProblemCode::IdempotencyKeyMissing);
    }

    #[test]
    fn a_fingerprint_changes_with_each_part_and_with_the_cut_between_them() {
        let of = |method: &str, uri: &str, body: &str| {
            fingerprint(method, &uri.parse::<Uri>().unwrap(), body.as_bytes())
        };
        let all = [
            of("POST", "/a", ""),
            of("PUT", "/a", ""),
            of("POST", "/b", ""),
            of("POST", "/a?b", ""),
            of("POST", "/a", "b"),
            of("POST", "/a?x", "y"),
            of("POST", "/a", "xy"),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn only_refusals_that_will_come_again_are_kept() {
        let kept: Vec<u16> =
            (200..600).filter(|s| is_worth_keeping(StatusCode::from_u16(*s).unwrap())).collect();
        for never in [200, 401, 403, 429, 500, 503] {
            assert!(!kept.contains(&never), "{never}");
        }
        assert!(kept.contains(&404) && kept.contains(&409) && kept.contains(&422));
    }
}
