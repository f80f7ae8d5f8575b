use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::server::{self, Server};
use super::{Script, get};
use crate::{Error, Guard, Limits, Policy};

/// A certificate for `pictures.example` until 2120, signed by itself, and its key, which opens nothing else.
const CERTIFICATE: &str = concat!(
    "MIIBdDCCARmgAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBwaWN0dXJlcy5leGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoY",
    "DzIxMjAwMTAxMDAwMDAwWjAbMRkwFwYDVQQDDBBwaWN0dXJlcy5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErKYK",
    "CIetkF8uNgIxUiI92OReM9LefKvN2zOgYRH+VrB3mohi2sUNVOJnLeJwQbE+UKp4w99BohwSkXlxVaeFO6NMMEowDAYDVR0TAQH/",
    "BAIwADAbBgNVHREEFDASghBwaWN0dXJlcy5leGFtcGxlMB0GA1UdDgQWBBQlXP5k+L+qX4b/+72J2Yn6/A3ARDAKBggqhkjOPQQD",
    "AgNJADBGAiEAvkDFO2Kaznx9Lry2UrXej2qC3L5Gd1ma+BtAZYEZKH0CIQCDR57XAsNjG4HZbwuXr1NpqUrdoU+xmvCygHX63jfv",
    "ww==",
);
const KEY: &str = concat!(
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVwVXISlCK7uRIRBDTrmMyLh9fQ4jDpqOGGK4bqRVnlChRANCAASs", // not-a-secret
    "pgoIh62QXy42AjFSIj3Y5F4z0t58q83bM6BhEf5WsHeaiGLaxQ1U4mct4nBBsT5QqnjD30GiHBKReXFVp4U7", // not-a-secret
);

fn certificate() -> Vec<u8> {
    BASE64_STANDARD.decode(CERTIFICATE).expect("base64")
}

fn acceptor() -> TlsAcceptor {
    let key = BASE64_STANDARD.decode(KEY).expect("base64");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate())], PrivatePkcs8KeyDer::from(key).into())
        .expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

/// The policy of production but for this machine, and a resolver that sends every name here.
fn guard(trusting: bool) -> Guard {
    let policy = Policy { unsafe_allow_this_machine_for_tests_only: true, ..Policy::default() };
    let here: &[&str] = &["127.0.0.1"];
    let trust = |client: reqwest::ClientBuilder| {
        let certificate = reqwest::Certificate::from_der(&certificate()).expect("a certificate");
        if trusting { client.tls_certs_only([certificate]) } else { client }
    };
    Guard::build(policy, Limits::default(), Script::new(&[here, here, here]), trust).expect("made")
}

fn url(server: &Server, host: &str) -> String {
    format!("https://{host}:{}/", server.address.port())
}

#[tokio::test]
async fn the_name_is_proven_although_the_connection_goes_to_an_address() {
    let server = Server::start_tls(acceptor(), |_| server::ok(b"picture")).await;
    let response = get(&guard(true), &url(&server, "pictures.example")).await.expect("fetched");
    assert_eq!(&*response.body, b"picture");
}

#[tokio::test]
async fn another_name_or_an_unknown_authority_is_refused() {
    let server = Server::start_tls(acceptor(), |_| server::ok(b"picture")).await;
    for (trusting, host) in [(true, "other.example"), (true, "127.0.0.1"), (false, "pictures.example")] {
        let error = get(&guard(trusting), &url(&server, host)).await.expect_err("refused");
        assert!(matches!(error, Error::Encryption { .. }), "{host}: {error:?}");
        assert!(!error.may_pass());
    }
    assert_eq!(server.heads().len(), 0);
}

#[tokio::test]
async fn a_server_without_tls_is_told_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("known").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("asked");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await.expect("sent");
    });
    let error = get(&guard(true), &format!("https://pictures.example:{port}/")).await.expect_err("refused");
    assert!(matches!(error, Error::Encryption { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let server =
        Server::start_tls(acceptor(), |_| server::redirect("http://pictures.example/?key=hidden")).await;
    let error = get(&guard(true), &url(&server, "pictures.example")).await.expect_err("refused");
    assert_eq!(error.code(), "plain-http-not-allowed");
    assert!(matches!(error, Error::Redirected { .. }) && !format!("{error:?}").contains("hidden"));
}
