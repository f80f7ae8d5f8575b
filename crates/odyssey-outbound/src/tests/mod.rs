mod addresses;
mod answers;
mod encryption;
mod names;
mod redirects;
mod server;
mod urls;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use server::Server;

use crate::{Answers, Error, Guard, Limits, Lookup, Policy, Request, Response};

/// A policy under which the servers of tests can be reached, and nothing else that is not public.
fn this_machine() -> Policy {
    Policy { plain_http_allowed: true, unsafe_allow_this_machine_for_tests_only: true, ..Policy::default() }
}

/// Limits that a test can wait for. Tests of what works use the default ones.
fn hasty() -> Limits {
    Limits {
        first_byte_time_max: Duration::from_millis(400),
        whole_time_max: Duration::from_millis(800),
        ..Limits::default()
    }
}

fn guard() -> Guard {
    Guard::new(this_machine(), Limits::default()).expect("made")
}

async fn get(guard: &Guard, url: &str) -> Result<Response, Error> {
    guard.fetch(Request::get(guard.check(url)?)).await
}

/// A resolver that answers each question with the next of its answers.
#[derive(Debug, Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Vec<IpAddr>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let addresses =
            |texts: &&[&str]| texts.iter().map(|text| text.parse().expect("an address")).collect();
        Self { answers: Arc::new(Mutex::new(answers.iter().map(addresses).collect())), asked: Arc::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("held").clone()
    }
}

impl Lookup for Script {
    fn lookup(&self, host: &str) -> Answers {
        self.asked.lock().expect("held").push(host.to_owned());
        let next = self.answers.lock().expect("held").pop_front();
        Box::pin(async move { next.ok_or_else(|| io::Error::other("no such name")) })
    }
}

#[tokio::test]
async fn a_picture_is_fetched_with_its_whole_body() {
    let server = Server::start(|_| server::ok(b"picture")).await;

    let response = get(&guard(), &server.url("/a.jpg?x=1")).await.expect("fetched");

    assert_eq!((response.status.as_u16(), &*response.body), (200, &b"picture"[..]));
    let head = &server.heads()[0];
    assert!(head.starts_with("GET /a.jpg?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("accept-encoding: identity"), "{head}");
    for unwanted in ["cookie", "referer", "authorization", "proxy"] {
        assert!(!head.to_ascii_lowercase().contains(unwanted), "{head}");
    }
}

#[tokio::test]
async fn a_body_and_headers_are_sent_to_their_target() {
    let server = Server::start(|_| server::redirect("/elsewhere")).await;
    let guard = guard();
    let target = guard.check(&server.url("/hook")).expect("allowed");
    let header = (http::HeaderName::from_static("webhook-id"), http::HeaderValue::from_static("msg_1"));

    let request = Request::post(target, "{}".into()).header(header.0, header.1).expect("allowed");
    let response = guard.fetch(request).await.expect("answered");

    // What a `Post` carries is meant for its target: the redirect is the answer.
    assert_eq!((response.status.as_u16(), server.heads().len()), (302, 1));
    assert!(server.heads()[0].starts_with("POST /hook"));
    assert!(server.heads()[0].contains("webhook-id: msg_1"));
    assert_eq!(response.into_success().expect_err("no success").code(), "status-unexpected");
}

/// The environment of a process cannot be changed by its tests, so this one runs again as a process of its own.
#[test]
fn no_proxy_of_the_environment_is_asked() {
    const INNER: &str = "ODYSSEY_OUTBOUND_TEST_PROXY";
    let runtime = tokio::runtime::Runtime::new().expect("made");
    if std::env::var_os(INNER).is_some() {
        runtime.block_on(async {
            let server = Server::start(|_| server::ok(b"direct")).await;
            let response = get(&guard(), &server.url("/")).await.expect("fetched");
            assert_eq!(&*response.body, b"direct");
        });
        return;
    }
    let proxy = runtime.block_on(Server::start(|_| server::ok(b"by the proxy")));
    let address = proxy.url("");
    let mut again = std::process::Command::new(std::env::current_exe().expect("known"));
    again.args(["--exact", "tests::no_proxy_of_the_environment_is_asked"]).env(INNER, "1");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, &address);
    }
    for name in ["NO_PROXY", "no_proxy"] {
        again.env_remove(name);
    }
    let output = again.output().expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(proxy.heads().len(), 0);
}
