use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};

use super::server::{self, Server, text};
use super::{Script, get, guard, this_machine};
use crate::{Error, Guard, Limits, Request};

#[tokio::test]
async fn a_redirect_is_followed_and_the_answer_says_where_it_came_from() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(move |head| match head.starts_with("GET /old ") {
            true => vec![text(&format!(
                "HTTP/1.1 {status} Moved\r\nlocation: new?a=b#c\r\ncontent-length: 0\r\n\r\n"
            ))],
            false => server::ok(b"picture"),
        })
        .await;

        let response = get(&guard(), &server.url("/old")).await.expect("followed");

        assert_eq!(response.target.as_str(), server.url("/new?a=b"));
        assert_eq!(&*response.body, b"picture");
    }
}

#[tokio::test]
async fn a_redirect_to_what_is_not_allowed_is_refused_unasked() {
    for (location, code) in [
        ("http://10.0.0.1/", "address-not-public"),
        ("http://169.254.169.254/latest/meta-data/", "address-not-public"),
        ("http://[::ffff:169.254.169.254]/", "address-not-public"),
        ("//2852039166/", "address-not-public"),
        ("http://metadata.google.internal/", "name-local"),
        ("http://user:hidden@shop.example/", "credentials-in-url"),
        ("file:///etc/passwd", "scheme-not-allowed"),
        ("ftp://shop.example/", "scheme-not-allowed"),
        ("http://", "redirect-unreadable"),
    ] {
        let server = Server::start(move |_| server::redirect(location)).await;
        let error = get(&guard(), &server.url("/")).await.expect_err("refused");
        assert_eq!(error.code(), code, "{location}: {error:?}");
        assert!(!error.to_string().contains("hidden"), "{error}");
        assert_eq!(server.heads().len(), 1);
    }
}

#[tokio::test]
async fn a_name_that_resolves_inside_is_refused_behind_a_redirect() {
    let server = Server::start(|_| server::redirect("http://inside.example/")).await;
    let script = Script::new(&[&["192.168.1.1"]]);
    let guard = Guard::with_lookup(this_machine(), Limits::default(), script.clone()).expect("made");

    let error = get(&guard, &server.url("/")).await.expect_err("refused");

    assert!(matches!(&error, Error::Redirected { host, .. } if host == "127.0.0.1"), "{error:?}");
    assert_eq!(
        error.to_string(),
        "127.0.0.1 redirects to another URL, which is not fetched: inside.example is not on the public internet: \
         use a server that everybody can reach"
    );
    assert_eq!(script.asked(), ["inside.example"]);
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let server = Server::start(|_| server::redirect("/round")).await;

    let error = get(&guard(), &server.url("/round")).await.expect_err("endless");

    assert!(matches!(error, Error::TooManyRedirects { redirects_max: 5, .. }), "{error:?}");
    assert_eq!(server.heads().len(), 6);
}

#[tokio::test]
async fn exactly_as_many_redirects_as_allowed_are_followed() {
    let server = Server::start(|head| match head.split(' ').nth(1).and_then(|path| path[1..].parse().ok()) {
        Some(0) | None => server::ok(b"picture"),
        Some(left) => server::redirect(&format!("/{}", left - 1_u32)),
    })
    .await;
    assert!(get(&guard(), &server.url("/5")).await.is_ok());
    assert_eq!(get(&guard(), &server.url("/6")).await.expect_err("too many").code(), "redirects-too-many");
}

async fn ask_with_headers(url: &str) {
    let guard = guard();
    let request = Request::get(guard.check(url).expect("allowed"))
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer hidden"))
        .and_then(|request| request.header(ACCEPT, HeaderValue::from_static("image/webp")))
        .expect("allowed");
    guard.fetch(request).await.expect("fetched");
}

#[tokio::test]
async fn headers_stay_at_the_origin_they_are_for() {
    let other = Server::start(|_| server::ok(b"picture")).await;
    let (there, port) = (other.url("/there"), other.address.port());
    let server = Server::start(move |head| match head {
        head if head.starts_with("GET /a ") => server::redirect("/b"),
        _ => server::redirect(&there),
    })
    .await;

    ask_with_headers(&server.url("/a")).await;

    for head in server.heads() {
        assert!(
            head.contains("authorization: Bearer hidden") && head.contains("accept: image/webp"),
            "{head}"
        );
        assert!(!head.contains("cookie"), "the cookie of the redirect is not kept: {head}");
    }
    assert_eq!(server.heads().len(), 2);
    let head = &other.heads()[0];
    assert!(!head.contains("hidden") && !head.contains("image/webp") && !head.contains("referer"), "{head}");
    assert!(head.contains(&format!("host: 127.0.0.1:{port}")), "{head}");
}

#[tokio::test]
async fn headers_do_not_come_back_with_a_redirect_to_the_first_origin() {
    let (back, mut forth) = (std::sync::Arc::new(std::sync::OnceLock::<String>::new()), None);
    let to = std::sync::Arc::clone(&back);
    let other = Server::start(move |_| server::redirect(to.get().expect("known"))).await;
    let there = forth.insert(other.url("/")).clone();
    let server = Server::start(move |head| match head.starts_with("GET /a ") {
        true => server::redirect(&there),
        false => server::ok(b"picture"),
    })
    .await;
    back.set(server.url("/b")).expect("once");

    ask_with_headers(&server.url("/a")).await;

    let heads = server.heads();
    assert!(heads[0].contains("hidden") && !heads[1].contains("hidden"), "{heads:?}");
}
