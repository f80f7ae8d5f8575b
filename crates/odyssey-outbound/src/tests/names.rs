use std::time::Duration;

use super::server::{self, Server};
use super::{Script, get, guard, this_machine};
use crate::{Answers, Error, Guard, Limits, Lookup, Policy, Stage, SystemLookup};

fn scripted(script: &Script) -> Guard {
    Guard::with_lookup(this_machine(), Limits::default(), script.clone()).expect("made")
}

/// In these tests an address of this machine stands for a public one: it is what the policy admits.
#[tokio::test]
async fn a_name_is_resolved_once_for_the_judgement_and_the_connection() {
    let server = Server::start(|_| server::ok(b"picture")).await;
    let script = Script::new(&[&["127.0.0.1"], &["10.0.0.1"]]);

    let response = get(&scripted(&script), &server.url_at("pictures.example", "/")).await.expect("fetched");

    assert_eq!(&*response.body, b"picture");
    assert_eq!(script.asked(), ["pictures.example"]);
    assert!(server.heads()[0].contains(&format!("host: pictures.example:{}", server.address.port())));
}

#[tokio::test]
async fn a_name_that_turns_private_is_refused_at_its_next_connection() {
    let server = Server::start(|_| server::ok(b"picture")).await;
    for private in ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00:ec2::254", "0.0.0.0"] {
        let script = Script::new(&[&["127.0.0.1"], &[private]]);
        let guard = scripted(&script);
        let url = server.url_at("pictures.example", "/");
        get(&guard, &url).await.expect("public at first");

        let error = get(&guard, &url).await.expect_err("private by now");

        assert!(matches!(&error, Error::NotPublic { host } if host == "pictures.example"), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(private), "tells what the name resolves to");
        assert!(!error.may_pass());
        assert_eq!(script.asked().len(), 2);
    }
    assert_eq!(server.heads().len(), 5);
}

#[tokio::test]
async fn a_name_that_turns_private_behind_a_redirect_is_refused() {
    let server = Server::start(|_| server::redirect("/again")).await;
    let script = Script::new(&[&["127.0.0.1"], &["169.254.169.254"]]);

    let error = get(&scripted(&script), &server.url_at("pictures.example", "/")).await.expect_err("refused");

    assert_eq!(error.code(), "address-not-public");
    assert_eq!((server.heads().len(), script.asked().len()), (1, 2));
}

#[tokio::test]
async fn one_private_address_among_others_refuses_the_name() {
    let server = Server::start(|_| server::ok(b"picture")).await;
    for answer in [&["127.0.0.1", "10.0.0.1"], &["10.0.0.1", "127.0.0.1"], &["127.0.0.1", "fe80::1"]] {
        let script = Script::new(&[answer]);
        let error =
            get(&scripted(&script), &server.url_at("pictures.example", "/")).await.expect_err("refused");
        assert_eq!(error.code(), "address-not-public", "{answer:?}");
    }
    assert_eq!(server.heads().len(), 0, "nobody was asked");
}

#[tokio::test]
async fn a_name_without_an_address_is_unknown() {
    for script in [Script::new(&[&[]]), Script::new(&[])] {
        let error = get(&scripted(&script), "http://pictures.example:8080/").await.expect_err("unknown");
        assert!(matches!(error, Error::NameUnknown { .. }), "{error:?}");
        assert!(error.may_pass());
    }
}

#[tokio::test]
async fn an_address_is_judged_without_a_resolver() {
    let script = Script::new(&[&["127.0.0.1"]]);
    let production = Policy { plain_http_allowed: true, ports: vec![80], ..Policy::default() };
    let guard = Guard::with_lookup(production, Limits::default(), script.clone()).expect("made");
    for url in ["http://10.1.2.3/", "http://[::ffff:10.1.2.3]/", "http://0xa010203/"] {
        assert_eq!(get(&guard, url).await.expect_err("refused").code(), "address-not-public", "{url}");
    }
    assert_eq!(script.asked().len(), 0);
}

/// Judged by another road: what the client is made to connect to behind the back of the resolver is found out by
/// the address of its connection.
#[tokio::test]
async fn the_address_of_the_connection_is_judged_too() {
    let server = Server::start(|_| server::ok(b"private")).await;
    let address = server.address;
    let policy = Policy { plain_http_allowed: true, ports: vec![address.port()], ..Policy::default() };
    let behind_its_back = |client: reqwest::ClientBuilder| client.resolve("pictures.example", address);
    let guard = Guard::build(policy, Limits::default(), SystemLookup, behind_its_back).expect("made");

    let error = get(&guard, &server.url_at("pictures.example", "/")).await.expect_err("refused");

    assert!(matches!(error, Error::NotPublic { .. }), "{error:?}");
}

#[tokio::test]
async fn a_target_of_a_looser_policy_is_judged_again() {
    let target = guard().check("http://127.0.0.1:8080/").expect("allowed to tests");
    let production = Guard::new(Policy::default(), Limits::default()).expect("made");
    let error = production.fetch(crate::Request::get(target)).await.expect_err("refused");
    assert_eq!(error.code(), "plain-http-not-allowed");
}

#[tokio::test]
async fn this_machine_is_found_by_the_resolver_of_the_system() {
    let server = Server::start(|_| server::ok(b"picture")).await;
    let response = get(&guard(), &server.url_at("localhost", "/")).await.expect("fetched");
    assert_eq!(&*response.body, b"picture");
    // The same name under the policy of production.
    let error = Policy::default().check("https://localhost/").expect_err("refused");
    assert_eq!(error.code(), "name-local");
}

#[derive(Debug)]
struct Silent;

impl Lookup for Silent {
    fn lookup(&self, _: &str) -> Answers {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_resolver_that_never_answers_is_left() {
    let limits = Limits { connect_time_max: Duration::from_millis(100), ..Limits::default() };
    let guard = Guard::with_lookup(this_machine(), limits, Silent).expect("made");
    let error = get(&guard, "http://pictures.example:8080/").await.expect_err("too slow");
    assert!(matches!(error, Error::TooSlow { stage: Stage::Connect, .. }), "{error:?}");
}
