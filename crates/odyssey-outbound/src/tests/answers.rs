use std::time::{Duration, Instant};

use super::server::{self, Server, Step, text};
use super::{get, guard, hasty, this_machine};
use crate::{Error, Guard, Limits, Request, Stage};

const MIB: u64 = 1 << 20;

fn with(limits: Limits) -> Guard {
    Guard::new(this_machine(), limits).expect("made")
}

fn small() -> Limits {
    Limits { body_bytes_max: MIB, ..Limits::default() }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let server = Server::start(|_| {
        vec![
            text(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40)),
            Step::Endless(vec![7; 1 << 16]),
        ]
    })
    .await;

    let error = get(&with(small()), &server.url("/")).await.expect_err("too large");

    assert!(matches!(error, Error::BodyTooLarge { bytes_max: MIB, .. }), "{error:?}");
    assert!(server.bytes_sent() < 16 * MIB, "{} bytes went out", server.bytes_sent());
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_where_it_becomes_too_large() {
    for head in ["transfer-encoding: chunked\r\n", ""] {
        let piece = match head {
            "" => vec![7; 1 << 16],
            _ => [b"10000\r\n".to_vec(), vec![7; 1 << 16], b"\r\n".to_vec()].concat(),
        };
        let server = Server::start(move |_| {
            vec![text(&format!("HTTP/1.1 200 OK\r\n{head}\r\n")), Step::Endless(piece.clone())]
        })
        .await;

        let error = get(&with(small()), &server.url("/")).await.expect_err("too large");

        assert_eq!(error.code(), "body-too-large");
        // What lay in the buffers of both sides, and not the endless rest.
        assert!(server.bytes_sent() < 16 * MIB, "{} bytes went out", server.bytes_sent());
    }
}

#[tokio::test]
async fn the_limit_of_a_request_counts_where_it_is_lower() {
    let server = Server::start(|_| server::ok(&[7; 1_000])).await;
    let guard = with(Limits { body_bytes_max: 2_000, ..Limits::default() });
    let target = guard.check(&server.url("/")).expect("allowed");
    for (bytes_max, fits) in [(1_000, true), (999, false), (u64::MAX, true)] {
        let response = guard.fetch(Request::get(target.clone()).body_bytes_max(bytes_max)).await;
        assert_eq!(response.is_ok(), fits, "{bytes_max}");
    }
}

#[tokio::test]
async fn a_slow_body_is_cut_when_the_time_is_up() {
    let server = Server::start(|_| {
        let drops = (0..100).flat_map(|_| [text("x"), Step::Wait(Duration::from_millis(100))]);
        [text("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")].into_iter().chain(drops).collect()
    })
    .await;
    let begun = Instant::now();

    let error = get(&with(hasty()), &server.url("/")).await.expect_err("too slow");

    assert!(matches!(error, Error::TooSlow { stage: Stage::Whole, .. }), "{error:?}");
    assert!(error.may_pass() && begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_server_that_does_not_begin_to_answer_is_left() {
    let waits = || vec![Step::Wait(Duration::from_secs(20))];
    let drips = || {
        let drops = (0..200)
            .flat_map(|_| [text("HTTP/1.1 100 Continue\r\n\r\n"), Step::Wait(Duration::from_millis(50))]);
        drops.collect::<Vec<_>>()
    };
    let answers: [fn() -> Vec<Step>; 2] = [waits, drips];
    for answer in answers {
        let server = Server::start(move |_| answer()).await;
        let error = get(&with(hasty()), &server.url("/")).await.expect_err("too slow");
        assert!(matches!(error, Error::TooSlow { stage: Stage::FirstByte, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn redirects_together_have_one_time() {
    let server = Server::start(|_| {
        let mut steps = vec![Step::Wait(Duration::from_millis(250))];
        steps.extend(server::redirect("/again"));
        steps
    })
    .await;
    let error = get(&with(hasty()), &server.url("/")).await.expect_err("too slow");
    assert!(matches!(error, Error::TooSlow { stage: Stage::Whole, .. }), "{error:?}");
}

#[tokio::test]
async fn headers_have_limits() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(40_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: a\r\n".repeat(150));
    for (head, code) in [(long, "headers-too-large"), (many, "answer-unreadable")] {
        let server = Server::start(move |_| vec![text(&head)]).await;
        assert_eq!(get(&guard(), &server.url("/")).await.expect_err("refused").code(), code);
    }
    let endless =
        Server::start(|_| vec![text("HTTP/1.1 200 OK\r\nx: "), Step::Endless(vec![b'a'; 1 << 16])]).await;
    assert_eq!(get(&guard(), &endless.url("/")).await.expect_err("refused").code(), "answer-unreadable");
    assert!(endless.bytes_sent() < 16 * MIB, "{} bytes went out", endless.bytes_sent());
}

#[tokio::test]
async fn a_compressed_body_is_neither_unpacked_nor_taken() {
    for (value, code) in [("gzip", "body-compressed"), ("identity, br", "body-compressed"), ("Identity", "")]
    {
        let server = Server::start(move |_| {
            vec![text(&format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: {value}\r\ncontent-length: 2\r\n\r\nab"
            ))]
        })
        .await;
        let response = get(&guard(), &server.url("/")).await;
        assert_eq!(response.map_or_else(|error| error.code(), |_| ""), code);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    for answer in [
        "",
        "HTTP/1.1 2",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let server = Server::start(move |_| vec![text(answer)]).await;
        let error = get(&guard(), &server.url("/?key=hidden")).await.expect_err("broken");
        assert_eq!(error.code(), "answer-unreadable", "{answer:?}: {error:?}");
        let mut chain = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(!chain.contains("hidden"), "{chain}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told() {
    let gone =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound").local_addr().expect("known");
    let error = get(&guard(), &format!("http://{gone}/?key=hidden")).await.expect_err("nobody there");
    assert!(matches!(error, Error::NoConnection { .. }), "{error:?}");
    assert!(error.may_pass() && !format!("{error:?}").contains("hidden"));
}

#[tokio::test]
async fn a_status_is_told_and_says_whether_to_try_again() {
    for (status, again) in [(404, false), (403, false), (429, true), (503, true), (304, false)] {
        let server =
            Server::start(move |_| vec![text(&format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"))])
                .await;
        let response = get(&guard(), &server.url("/")).await.expect("answered");
        let error = response.into_success().expect_err("no success");
        assert_eq!(
            error.to_string(),
            format!("127.0.0.1 answers with status {status}: use a link that anybody can open")
        );
        assert_eq!(error.may_pass(), again, "{status}");
    }
}
