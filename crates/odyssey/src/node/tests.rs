//! The first connection to a server that is slow to wake.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpListener;

use super::Server;
use crate::config::{Settings, load_from};

fn settings(state: &std::path::Path, url: String, attempts: &str) -> Settings {
    let variables = [
        ("ODYSSEY__STATE__DIR", OsString::from(state)),
        ("ODYSSEY__DATABASE__URL", OsString::from(url)),
        ("ODYSSEY__DATABASE__CONNECT_ATTEMPTS_MAX", OsString::from(attempts)),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    load_from(None, variables.into_iter()).expect("valid").settings
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_tried_as_often_as_was_set_before_keys_are_made() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let seen = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&seen);
    let asleep = tokio::spawn(async move {
        // Takes each connection and drops it, as a proxy does whose server is not up yet.
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let state = tempfile::tempdir().expect("a folder");
    let settings = settings(state.path(), format!("postgres://u:s3cr3t@127.0.0.1:{port}/x"), "2");

    let error = Server::open(&settings).await.expect_err("nobody is there");

    asleep.abort();
    assert_eq!(seen.load(Ordering::SeqCst), 2, "{error:#}");
    let message = format!("{error:#}");
    assert!(message.contains("database.url") && !message.contains("s3cr3t"), "{message}");
    assert!(!settings.keys_dir().exists(), "a key store was made for a database that nobody has seen");
}
