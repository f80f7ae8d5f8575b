//! Does a request again whose transaction PostgreSQL rolled back because it met another.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::BufferedBody;
use crate::operation::Operation;
use crate::problem::Collided;

/// Pauses before each further attempt. In a deadlock one transaction is sacrificed and the other goes on, so
/// whoever comes back a moment later finds the way free.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(200)];

/// Repeats what ended in `changes-collided`; after the last attempt that is the answer.
///
/// Safe, because a handler has one transaction and this answer means that PostgreSQL undid it; an idempotency
/// key was given back on the way out. A body that was streamed is gone and is not repeated. Each attempt is
/// authorised, and charged to the vendor, anew.
pub(crate) async fn repeat_collided(request: Request, next: Next) -> Response {
    let guarded = request.extensions().get::<Arc<Operation>>().is_some_and(|it| it.permission.is_some());
    let Some(BufferedBody(bytes)) = request.extensions().get().cloned() else {
        return next.run(request).await;
    };
    if !guarded {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let run = || next.clone().run(Request::from_parts(parts.clone(), Body::from(bytes.clone())));
    let mut response = run().await;
    for pause in PAUSES {
        if response.extensions().get::<Collided>().is_none() {
            break;
        }
        tokio::time::sleep(pause).await;
        response = run().await;
    }
    response
}
