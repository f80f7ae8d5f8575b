//! How connections end before their time.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;

/// No answer: the connection ends before a byte of one was sent.
pub(crate) fn hang_up() -> Response {
    broken_body(Bytes::new())
}

/// An answer that ends with the connection, after these bytes.
pub(crate) fn broken_body(bytes: Bytes) -> Response {
    let chunks = futures::stream::unfold((bytes, false), |(bytes, given)| async move {
        let ended = io::Error::from(io::ErrorKind::ConnectionReset);
        if given || bytes.is_empty() {
            if given {
                // What was given is on its way before the connection ends.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            return Some((Err(ended), (Bytes::new(), false)));
        }
        Some((Ok(bytes), (Bytes::new(), true)))
    });
    Response::new(Body::from_stream(chunks))
}

/// An answer that falls silent after these bytes, and does not end.
pub(crate) fn held_body(bytes: Bytes) -> Response {
    let given = futures::stream::once(std::future::ready(Ok::<_, io::Error>(bytes)));
    Response::new(Body::from_stream(futures::StreamExt::chain(given, futures::stream::pending())))
}
