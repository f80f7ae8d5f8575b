use proptest::prelude::*;

use crate::limits::URL_BYTES_MAX;
use crate::{Policy, Request};

fn code(policy: &Policy, url: &str) -> &'static str {
    policy.check(url).map_or_else(|error| error.code(), |_| "allowed")
}

#[test]
fn a_url_is_judged_by_what_it_means_and_not_by_how_it_is_written() {
    let production = Policy::default();
    let long = format!("https://shop.example/{}", "a".repeat(URL_BYTES_MAX));
    for (url, expected) in [
        ("https://shop.example/a.jpg", "allowed"),
        ("HTTPS://SHOP.EXAMPLE/a.jpg?size=2#top", "allowed"),
        ("https://shop.example:443/a.jpg", "allowed"),
        ("https://bücher.example/a.jpg", "allowed"),
        ("https://93.184.216.34/a.jpg", "allowed"),
        ("https://[2606:4700::1111]/a.jpg", "allowed"),
        ("", "url-unreadable"),
        ("shop.example/a.jpg", "url-unreadable"),
        ("https://", "url-unreadable"),
        ("https://a b.example/", "url-unreadable"),
        ("https://256.256.256.256/", "url-unreadable"),
        ("https://1.2.3.4.5/", "url-unreadable"),
        ("https://[fe80::1%25eth0]/", "url-unreadable"),
        (&long, "url-too-long"),
        ("http://shop.example/a.jpg", "plain-http-not-allowed"),
        ("ftp://shop.example/a.jpg", "scheme-not-allowed"),
        ("file:///etc/passwd", "scheme-not-allowed"),
        ("gopher://127.0.0.1:6379/_x", "scheme-not-allowed"),
        ("data:image/png;base64,AAAA", "scheme-not-allowed"),
        ("javascript:alert(1)", "scheme-not-allowed"),
        ("https://user@shop.example/", "credentials-in-url"),
        ("https://:word@shop.example/", "credentials-in-url"),
        ("https://shop.example@127.0.0.1/", "credentials-in-url"),
        ("https://shop.example:22/", "port-not-allowed"),
        ("https://shop.example:8443/", "port-not-allowed"),
        ("https://shop.example:0/", "port-not-allowed"),
        ("https://127.0.0.1/", "address-not-public"),
        ("https://127.1/", "address-not-public"),
        ("https://127.0.0.1./", "address-not-public"),
        ("https://2130706433/", "address-not-public"),
        ("https://0x7f000001/", "address-not-public"),
        ("https://0x7f.1/", "address-not-public"),
        ("https://0177.0.0.1/", "address-not-public"),
        ("https://017700000001/", "address-not-public"),
        ("https://①②⑦.⓪.⓪.①/", "address-not-public"),
        ("https://127。0。0。1/", "address-not-public"),
        ("https://%31%32%37.0.0.1/", "address-not-public"),
        ("https:\\\\127.0.0.1\\", "address-not-public"),
        ("ht\ntps://127.\t0.0.1/", "address-not-public"),
        ("https://169.254.169.254/latest/meta-data", "address-not-public"),
        ("https://2852039166/", "address-not-public"),
        ("https://0/", "address-not-public"),
        ("https://[::]/", "address-not-public"),
        ("https://[::1]/", "address-not-public"),
        ("https://[0:0:0:0:0:0:0:1]/", "address-not-public"),
        ("https://[::ffff:127.0.0.1]/", "address-not-public"),
        ("https://[::ffff:7f00:1]/", "address-not-public"),
        ("https://[64:ff9b::a9fe:a9fe]/", "address-not-public"),
        ("https://[2002:a9fe:a9fe::1]/", "address-not-public"),
        ("https://localhost/", "name-local"),
        ("https://LOCALHOST./", "name-local"),
        ("https://a.localhost/", "name-local"),
        ("https://ｌｏｃａｌｈｏｓｔ/", "name-local"),
        ("https://intranet/", "name-local"),
        ("https://nas.local/", "name-local"),
        ("https://metadata.google.internal/", "name-local"),
        ("https://router.home.arpa/", "name-local"),
        ("https://shop.onion/", "name-local"),
        ("https://notlocalhost.example/", "allowed"),
        ("https://mylocal/", "name-local"),
        ("https://shop.mylocal/", "allowed"),
    ] {
        assert_eq!(code(&production, url), expected, "{url}");
    }
    let name = |labels: usize| format!("https://{}example/", "abcdefghi.".repeat(labels));
    assert_eq!(code(&production, &name(24)), "allowed");
    assert_eq!(code(&production, &name(26)), "url-unreadable");
}

#[test]
fn plain_http_is_a_setting_and_so_is_its_port() {
    let only_http = Policy { plain_http_allowed: true, ..Policy::default() };
    assert_eq!(code(&only_http, "http://shop.example/"), "port-not-allowed");
    let both = Policy { ports: vec![80, 443], ..only_http };
    assert_eq!(code(&both, "http://shop.example/"), "allowed");
    assert_eq!(code(&both, "http://127.0.0.1/"), "address-not-public");
    assert_eq!(code(&both, "http://localhost/"), "name-local");
}

#[test]
fn what_is_sent_is_what_was_judged() {
    let target = Policy::default().check("https://Shop.Example:443/a/../b.jpg?x=1#part").expect("allowed");
    assert_eq!(target.as_str(), "https://shop.example/b.jpg?x=1");
    assert_eq!((target.host(), &*target.origin()), ("shop.example", "https://shop.example"));
}

#[test]
fn nothing_shows_a_path_a_query_or_a_header() {
    let target = Policy::default().check("https://shop.example/hidden1?key=hidden2").expect("allowed");
    let name = http::header::AUTHORIZATION;
    let request = Request::post(target.clone(), "hidden3".into())
        .header(name, http::HeaderValue::from_static("hidden4"))
        .expect("allowed");
    let shown = format!("{target:?} {request:?}");
    assert!(shown.contains("shop.example") && shown.contains("authorization"), "{shown}");
    assert!(!shown.contains("hidden"), "{shown}");
}

#[test]
fn headers_of_the_connection_cannot_be_chosen() {
    let target = Policy::default().check("https://shop.example/").expect("allowed");
    for name in ["host", "connection", "transfer-encoding", "content-length", "cookie", "proxy-connection"] {
        let name = http::HeaderName::from_static(name);
        let request = Request::get(target.clone()).header(name, http::HeaderValue::from_static("x"));
        assert_eq!(request.expect_err("refused").code(), "header-not-allowed");
    }
}

proptest! {
    /// Secrets stand in user names, passwords, paths, queries and fragments. None comes back in a refusal.
    #[test]
    fn a_refusal_repeats_nothing_but_the_host(
        secret in "zq[a-z0-9]{12}",
        scheme in prop::sample::select(vec!["https", "http", "ftp", "file", "data"]),
        host in prop::sample::select(vec!["127.0.0.1", "localhost", "shop.example", "shop.example:81", "[::1]", "x y"]),
    ) {
        for url in [
            format!("{scheme}://{secret}@{host}/"),
            format!("{scheme}://u:{secret}@{host}/"),
            format!("{scheme}://{host}/{secret}"),
            format!("{scheme}://{host}/?token={secret}"),
            format!("{scheme}://{host}/#{secret}"),
        ] {
            if let Err(error) = Policy::default().check(&url) {
                prop_assert!(!format!("{error} {error:?}").contains(&secret), "{url}: {error:?}");
            }
        }
    }

    #[test]
    fn no_text_makes_a_panic_or_a_target_outside_of_the_policy(url in "\\PC{0,60}", host in "[\\PC]{1,20}") {
        let policy = Policy::default();
        for url in [url, format!("https://{host}/"), format!("https://{host}:443/a?b#c")] {
            let Ok(target) = policy.check(&url) else { continue };
            prop_assert!(target.as_str().starts_with("https://"));
            prop_assert!(policy.check(target.as_str()).is_ok(), "judged twice, {url:?} is judged alike");
        }
    }
}
