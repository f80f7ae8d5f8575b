//! Pictures of products: drawn anew, in an order, and fetched from nowhere that is not public.

use http::Method;
use odyssey_domain::catalog::PictureFetcher;
use odyssey_testkit::{Actor, TestApp, TestDatabase, TestResponse};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::contract::samples::PICTURE;

const JPEG: &[u8] = include_bytes!("../../../../odyssey-image/src/tests/data/progressive.jpg");
const WEBP: &[u8] = include_bytes!("../../../../odyssey-image/src/tests/data/lossy_alpha.webp");

async fn send(actor: &Actor<'_>, path: &str, media_type: &str, bytes: &[u8]) -> TestResponse {
    let key = uuid::Uuid::now_v7().to_string();
    let key = [("idempotency-key", key.as_str())];
    actor.send_bytes(Method::POST, path, &key, Some((media_type, bytes.to_vec()))).await
}

async fn images_of(actor: &Actor<'_>) -> String {
    let product = actor.create_product("bar", json!({ "name": "Bar" })).await;
    format!("/api/v1/products/{product}/images")
}

fn one(images: &str, image: &Value) -> String {
    format!("{images}/{}", image["id"].as_str().expect("an id"))
}

/// A JPEG with the segments that a camera writes, a place among them.
fn with_notes() -> Vec<u8> {
    let mut bytes = JPEG[..2].to_vec();
    for (marker, text) in [(0xe1, &b"Exif\0\0MM\0*\0\0\0\x08\0\0SECRET-PLACE"[..]), (0xfe, b"SECRET-REMARK")]
    {
        bytes.extend([0xff, marker]);
        bytes.extend((text.len() as u16 + 2).to_be_bytes());
        bytes.extend(text);
    }
    bytes.extend(&JPEG[2..]);
    bytes.extend(b"SECRET-TAIL");
    bytes
}

#[tokio::test]
async fn a_picture_is_drawn_anew_and_given_out_with_its_thumbnail() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, viewer) = (acme.operator().await, acme.viewer().await);
    let images = images_of(&operator).await;
    let path = format!("{images}?alt_text=The%20front.");
    let added = send(&operator, &path, "image/png", &with_notes()).await;
    let image = added.expect(201);
    assert_eq!(
        (&image["alt_text"], &image["position"], &image["source"]),
        (&json!("The front."), &json!(1), &json!("upload"))
    );
    assert_eq!(image["image"]["media_type"], "image/jpeg");
    assert_eq!(added.header("location"), image["image"]["url"].as_str());

    for size in ["image", "thumbnail"] {
        let about = &image[size];
        let file = viewer.get(about["url"].as_str().expect("a path")).await;
        assert_eq!(file.status.as_u16(), 200, "{}", file.text());
        assert_eq!(file.body.len() as u64, about["byte_count"].as_u64().expect("a number"));
        assert!(file.body.starts_with(&[0xff, 0xd8]), "{size} is a JPEG");
        for secret in [&b"SECRET"[..], b"Exif"] {
            assert!(
                !file.body.windows(secret.len()).any(|part| part == secret),
                "{size} holds what was sent"
            );
        }
        let etag = format!("\"{}\"", about["sha256"].as_str().expect("a digest"));
        for (name, value) in [
            ("content-type", "image/jpeg"),
            ("etag", etag.as_str()),
            ("cache-control", "private, max-age=3600"),
            ("x-content-type-options", "nosniff"),
            ("content-disposition", "inline"),
        ] {
            assert_eq!(file.header(name), Some(value), "{name}");
        }
        let url = about["url"].as_str().expect("a path");
        let known = viewer.send(Method::GET, url, &[("if-none-match", &etag)], None).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    }
    let clear = send(&operator, &images, "image/webp", WEBP).await.expect(201);
    assert_eq!((&clear["image"]["media_type"], clear.get("alt_text")), (&json!("image/webp"), None));
    let trail = acme.admin().await.get("/api/v1/audit?action=product_image.add").await.expect(200);
    assert_eq!(trail["items"].as_array().expect("events").len(), 2);
}

#[tokio::test]
async fn pictures_have_an_order_and_a_text_and_their_number_is_bounded() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let images = images_of(&operator).await;
    let order = async || -> Vec<(Value, Value)> {
        let page = operator.get(&images).await.expect(200);
        let items = page["items"].as_array().expect("items").iter();
        items.map(|image| (image["position"].clone(), image["alt_text"].clone())).collect()
    };
    for (text, position) in [("a", ""), ("b", ""), ("c", "&position=1"), ("d", "&position=9")] {
        send(&operator, &format!("{images}?alt_text={text}{position}"), "image/gif", PICTURE)
            .await
            .expect(201);
    }
    let places = |texts: &[&str]| -> Vec<(Value, Value)> {
        texts.iter().enumerate().map(|(at, text)| (json!(at + 1), json!(text))).collect()
    };
    assert_eq!(order().await, places(&["c", "a", "b", "d"]));
    let page = operator.get(&images).await.expect(200);
    let last = one(&images, &page["items"][3]);
    let moved = operator.patch(&last, json!({ "position": 2, "alt_text": "D" })).await.expect(200);
    assert_eq!((&moved["position"], &moved["alt_text"]), (&json!(2), &json!("D")));
    assert_eq!(order().await, places(&["c", "D", "a", "b"]));
    let stale =
        operator.keyed(Method::PATCH, &last, &[("if-match", "\"1\"")], json!({ "alt_text": "E" })).await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    assert_eq!(operator.delete(&one(&images, &page["items"][0])).await.status.as_u16(), 204);
    assert_eq!(order().await, places(&["D", "a", "b"]));
    let without = operator.patch(&last, json!({ "alt_text": null })).await.expect(200);
    assert_eq!(without.get("alt_text"), None);
    for wrong in [
        json!({ "position": 0 }),
        json!({ "position": 11 }),
        json!({ "alt_text": " " }),
        json!({ "alt_text": "x".repeat(501) }),
    ] {
        assert_eq!(operator.patch(&last, wrong).await.problem(), "422 validation-error");
    }
    for _ in 3..10 {
        send(&operator, &images, "image/gif", PICTURE).await.expect(201);
    }
    assert_eq!(send(&operator, &images, "image/gif", PICTURE).await.problem(), "409 product-images-full");
    assert_eq!(operator.delete(&last).await.status.as_u16(), 204);
    assert_eq!(operator.delete(&last).await.problem(), "404 product-image-not-found");
    assert_eq!(operator.get(&last).await.problem(), "404 product-image-not-found");
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused_by_its_content() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let images = images_of(&operator).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let mut bomb = PICTURE.to_vec();
    bomb[6..10].copy_from_slice(&[0xff; 4]);
    let large = [PICTURE, &vec![0; 10 << 20]].concat();
    for (media_type, bytes, problem) in [
        ("image/svg+xml", &svg[..], "415 image-unsupported"),
        ("image/png", b"<!doctype html><html><body></body></html>", "415 image-unsupported"),
        ("image/png", b"nothing in particular", "415 image-unsupported"),
        ("image/jpeg", &JPEG[..100], "415 image-unsupported"),
        ("image/png", b"", "415 image-unsupported"),
        ("image/gif", &bomb, "413 image-too-large"),
        ("image/gif", &large, "413 image-too-large"),
        ("text/html", PICTURE, "415 unsupported-media-type"),
    ] {
        let refused = send(&operator, &images, media_type, bytes).await;
        assert_eq!(refused.problem(), problem, "{media_type} {}", refused.text());
    }
    assert_eq!(operator.get(&images).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn pictures_are_for_who_may() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, viewer) = (acme.operator().await, acme.viewer().await);
    let images = images_of(&operator).await;
    let image = send(&operator, &images, "image/gif", PICTURE).await.expect(201);
    let path = one(&images, &image);
    assert_eq!(send(&viewer, &images, "image/gif", PICTURE).await.problem(), "403 forbidden");
    assert_eq!(viewer.patch(&path, json!({ "position": 1 })).await.problem(), "403 forbidden");
    assert_eq!(viewer.delete(&path).await.problem(), "403 forbidden");
    let rival = app.vendor("rival").admin().await;
    assert_eq!(rival.get(&images).await.problem(), "404 product-not-found");
    assert_eq!(rival.get(&path).await.problem(), "404 product-not-found");
    assert_eq!(send(&rival, &images, "image/gif", PICTURE).await.problem(), "404 product-not-found");
    assert_eq!(rival.patch(&path, json!({ "position": 1 })).await.problem(), "404 product-not-found");
    assert_eq!(rival.delete(&path).await.problem(), "404 product-not-found");
    // Under a product of its own it is nobody's either.
    let own = one(&images_of(&rival).await, &image);
    assert_eq!(rival.get(&own).await.problem(), "404 product-image-not-found");
    let product = images.trim_end_matches("/images");
    assert_eq!(operator.delete(product).await.status.as_u16(), 204);
    assert_eq!(operator.get(&path).await.problem(), "404 product-not-found");
}

#[tokio::test]
async fn a_url_that_leads_inside_is_refused_and_says_nothing_of_it() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let images = images_of(&operator).await;
    for (url, code) in [
        ("https://127.0.0.1/a.png", "host_not_public"),
        ("https://localhost/a.png", "host_not_public"),
        ("https://[::ffff:10.0.0.1]/a.png", "host_not_public"),
        ("https://169.254.169.254/latest/meta-data/", "host_not_public"),
        ("http://shop.example/a.png", "scheme_not_allowed"),
        ("https://shop.example:5432/a.png", "port_not_allowed"),
        ("ftp://shop.example/a.png", "scheme_not_allowed"),
        ("a.png", "url_unreadable"),
    ] {
        let refused = operator.post(&images, json!({ "url": url })).await;
        assert_eq!(refused.problem(), "422 image-url-refused", "{url}");
        assert_eq!(refused.json()["errors"][0]["code"], code, "{url}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "#/url");
        assert!(
            !refused.text().contains("169.254") && !refused.text().contains("127.0.0"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(operator.get(&images).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_url_is_fetched_and_each_redirect_is_judged() {
    let pictures = PictureFetcher::on_this_machine().expect("a client");
    let app = TestApp::with_pictures(TestDatabase::start().await, pictures, |_| {});
    let operator = app.vendor("acme").operator().await;
    let images = images_of(&operator).await;
    let shop = shop().await;
    for (path, problem) in [
        ("/inside", "422 image-url-refused"),
        ("/metadata", "422 image-url-refused"),
        ("/around", "422 image-url-refused"),
        ("/missing", "422 image-url-refused"),
        ("/page", "415 image-unsupported"),
        ("/broken", "502 image-url-unreachable"),
    ] {
        let refused = operator.post(&images, json!({ "url": format!("{shop}{path}") })).await;
        assert_eq!(refused.problem(), problem, "{path}: {}", refused.text());
        assert!(
            !refused.text().contains("127.0.0.2") && !refused.text().contains("169.254"),
            "{}",
            refused.text()
        );
    }
    for (at, path) in ["/picture.gif?token=secret", "/moved"].into_iter().enumerate() {
        let body = json!({ "url": format!("{shop}{path}"), "alt_text": "The back.", "position": 1 });
        let image = operator.post(&images, body).await.expect(201);
        assert_eq!((&image["source"], &image["position"]), (&json!("url"), &json!(1)), "{at}");
        assert!(!image.to_string().contains("token"), "{image}");
    }
    let mut connection = app.test.superuser_connection().await;
    let kept: bool =
        sqlx::query_scalar("SELECT bool_or(i::text LIKE '%secret%') FROM odyssey.product_images i")
            .fetch_one(&mut connection)
            .await
            .expect("rows");
    assert!(!kept, "the URL is kept");
}

/// A server of this machine that answers by path, whatever else is asked.
async fn shop() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let port = address.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4_096];
            let Ok(count) = stream.read(&mut asked).await else { continue };
            let asked = String::from_utf8_lossy(&asked[..count]).into_owned();
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let moved = |to: String| (format!("302 Found\r\nlocation: {to}"), &b""[..]);
            let (head, body) = match path.split('?').next().unwrap_or_default() {
                "/picture.gif" => ("200 OK\r\ncontent-type: text/html".to_owned(), PICTURE),
                "/moved" => moved("/picture.gif".to_owned()),
                "/around" => moved("/around".to_owned()),
                "/inside" => moved(format!("http://127.0.0.2:{port}/picture.gif")),
                "/metadata" => moved("http://169.254.169.254/latest/meta-data/".to_owned()),
                "/page" => {
                    ("200 OK\r\ncontent-type: image/png".to_owned(), &b"<!doctype html><p>Hello</p>"[..])
                }
                "/broken" => ("503 Service Unavailable".to_owned(), &b""[..]),
                _ => ("404 Not Found".to_owned(), &b""[..]),
            };
            let head =
                format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let answer = [head.as_bytes(), body].concat();
            // A client that has gone away is no fault of the test's.
            stream.write_all(&answer).await.unwrap_or_default();
        }
    });
    format!("http://{address}")
}
