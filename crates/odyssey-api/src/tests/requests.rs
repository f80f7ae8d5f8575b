use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Request;

use super::house::House;
use super::probe;
use crate::problem::ProblemCode;
use crate::state::ApiSettings;

fn probing() -> House {
    House::with(ApiSettings::default(), Some(probe::routes()))
}

#[tokio::test]
async fn an_unknown_route_and_an_unknown_method_are_problems() {
    let house = House::new();
    assert_eq!(house.get("/api/v1/nothing").await.problem(), "404 route-not-found");
    let refused = house.send("DELETE", "/api/v1/meta", &[], "").await;
    assert_eq!(refused.problem(), "405 method-not-allowed");
    assert_eq!(refused.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_of_ours_and_security_headers() {
    let house = House::new();
    let answer = house.send("GET", "/livez", &[("x-request-id", "chosen-by-the-client")], "").await;
    assert_eq!(answer.status, 200);
    assert!(uuid::Uuid::try_parse(answer.headers["x-request-id"].to_str().unwrap()).is_ok());
    for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"] {
        assert!(answer.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_credential_that_is_absent_wrong_expired_or_of_another_kind_is_unauthenticated() {
    let house = House::new();
    let token = house.token();
    let other_kind = [("authorization", token.as_str()), ("x-appwrite-jwt", "abc")];
    let attempts: [&[(&str, &str)]; 5] = [
        &[],
        &[("authorization", "Bearer nonsense")],
        &[("authorization", "Basic YTpi")],
        &[("x-appwrite-jwt", "abc")],
        &other_kind,
    ];
    for headers in attempts {
        let answer = house.send("GET", "/api/v1/auth/me", headers, "").await;
        assert_eq!(answer.problem(), "401 unauthenticated", "{headers:?}");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    house.clock.advance(chrono::TimeDelta::minutes(10));
    let expired = house.send("GET", "/api/v1/auth/me", &[("authorization", &token)], "").await;
    assert_eq!(expired.problem(), "401 unauthenticated");
}

#[tokio::test]
async fn without_its_database_the_service_says_when_to_come_back() {
    let house = House::new();
    let token = house.token();
    let answer = house.send("GET", "/api/v1/auth/me", &[("authorization", &token)], "").await;
    assert_eq!(answer.problem(), "503 database-unavailable");
    assert_eq!(answer.headers["retry-after"], "2");
    let ready = house.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.json()["status"].as_str()), (503, Some("database")));
}

#[tokio::test]
async fn a_draining_server_lives_and_is_not_ready() {
    let house = House::new();
    house.readiness.drain();
    assert_eq!(house.get("/livez").await.status, 200);
    assert_eq!(house.get("/readyz").await.json()["status"], "draining");
}

#[tokio::test]
async fn an_anonymous_body_is_refused_before_it_is_read() {
    let house = probing();
    let never_ends = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/probe/keyed").header("content-type", "application/json").body(never_ends);
    let answer =
        tokio::time::timeout(Duration::from_secs(2), house.send_request(request.unwrap())).await.unwrap();
    assert_eq!(answer.problem(), "401 unauthenticated");
}

#[tokio::test]
async fn a_body_is_refused_with_the_place_and_without_the_value() {
    let house = probing();
    let table = [
        ("{", "syntax", "#"),
        ("{\"email\":\"ada@example.org\",\"phone\":\"1\"}", "unknown_field", "#/phone"),
        ("{\"email\":\"ada@example.org\",\"ages\":[1,\"ada@example.org\"]}", "wrong_type", "#/ages/1"),
        ("{\"email\":\"ada@example.org\",\"ages\":[-1]}", "invalid_value", "#/ages/0"),
        ("{\"ages\":[]}", "missing_field", "#/email"),
        ("{\"email\":\"a\",\"children\":[{\"email\":\"b\",\"x/y\":1}]}", "unknown_field", "#/children/0/…"),
        ("{\"email\":\"a\"} {}", "syntax", "#"),
    ];
    for (body, code, pointer) in table {
        let answer = house.post_json("/probe/people", body).await;
        assert_eq!(answer.problem(), "400 malformed-request", "{body}");
        let error = answer.first_error();
        assert_eq!(
            (error["code"].as_str(), error["pointer"].as_str()),
            (Some(code), Some(pointer)),
            "{body}"
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("ada@"), "{body}");
    }
}

#[tokio::test]
async fn a_body_is_an_object_and_never_its_fields_in_a_row() {
    for body in ["[]", " [\"ada@example.org\", 1]", "\"ada\"", "7", "null"] {
        let answer = probing().post_json("/probe/people", body).await;
        assert_eq!(answer.problem(), "400 malformed-request", "{body}");
        let error = answer.first_error();
        assert_eq!((&error["code"], &error["pointer"]), (&"wrong_type".into(), &"#".into()), "{body}");
    }
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    let answer = probing().post_json("/probe/people", "{\"email\":\"a\",\"sodium_mgs\":1}").await;
    assert_eq!(answer.first_error()["detail"], "There is no field \"sodium_mgs\" here.");
}

#[tokio::test]
async fn a_body_that_is_too_deep_too_long_or_of_another_type_is_refused() {
    let settings = ApiSettings { body_bytes_max: 4096, ..ApiSettings::default() };
    let house = House::with(settings, Some(probe::routes()));
    let deep = format!("{{\"email\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(house.post_json("/probe/people", &deep).await.problem(), "400 malformed-request");
    let brackets_in_text = format!("{{\"email\":\"{}\\\"\"}}", "[".repeat(100));
    assert_eq!(house.post_json("/probe/people", &brackets_in_text).await.status, 200);
    let long = format!("{{\"email\":\"{}\"}}", "a".repeat(5000));
    assert_eq!(house.post_json("/probe/people", &long).await.problem(), "413 payload-too-large");
    let chunks =
        futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 100]))));
    let unannounced = Request::post("/probe/people").body(Body::from_stream(chunks)).unwrap();
    assert_eq!(house.send_request(unannounced).await.problem(), "413 payload-too-large");
    let form = house.send("POST", "/probe/people", &[("content-type", "text/plain")], "{}").await;
    assert_eq!(form.problem(), "415 unsupported-media-type");
}

#[tokio::test]
async fn a_query_names_the_parameter_that_is_wrong() {
    let house = probing();
    let good = house.get("/probe/people?tags.any=a&tags.any=b&limit=200").await;
    assert_eq!(good.json(), serde_json::json!([["a", "b"], 200]));
    for (query, code, parameter) in [
        ("limt=5", "unknown_field", "limt"),
        ("limit=201", "invalid_value", "limit"),
        ("limit=0", "invalid_value", "limit"),
        ("limit=ada", "invalid_value", "limit"),
    ] {
        let answer = house.get(&format!("/probe/people?{query}")).await;
        assert_eq!(answer.problem(), "400 malformed-request", "{query}");
        let error = answer.first_error();
        assert_eq!((error["code"].as_str(), error["parameter"].as_str()), (Some(code), Some(parameter)));
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_a_resource_that_does_not_exist() {
    let house = probing();
    assert_eq!(house.get("/probe/people/7").await.problem(), "404 customer-not-found");
    let id = uuid::Uuid::from_u128(7).to_string();
    assert_eq!(house.get(&format!("/probe/people/{id}")).await.json(), id);
}

#[tokio::test]
async fn a_put_needs_the_version_it_replaces() {
    let house = probing();
    let path = format!("/probe/people/{}", uuid::Uuid::from_u128(7));
    assert_eq!(house.send("PUT", &path, &[], "").await.problem(), "428 precondition-required");
    let stale = house.send("PUT", &path, &[("if-match", "\"6\"")], "").await;
    assert_eq!(stale.problem(), "412 precondition-failed");
    assert_eq!(stale.headers["etag"], "\"7\"");
    assert_eq!(house.send("PUT", &path, &[("if-match", "\"7\"")], "").await.status, 204);
}

#[tokio::test]
async fn a_panic_is_an_internal_problem_that_shows_nothing() {
    let answer = probing().get("/probe/panic").await;
    assert_eq!(answer.problem(), "500 internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("ada"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let settings = ApiSettings { request_timeout: Duration::from_millis(20), ..ApiSettings::default() };
    let answer = House::with(settings, Some(probe::routes())).get("/probe/sleep").await;
    assert_eq!(answer.problem(), "503 timeout");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_request_whose_turn_does_not_come_is_told_so_and_health_checks_need_none() {
    let settings = ApiSettings {
        concurrent_requests_max: 0,
        request_timeout: Duration::from_millis(20),
        ..ApiSettings::default()
    };
    let house = House::with(settings, None);
    let refused = house.get("/api/v1/auth/me").await;
    assert_eq!(refused.problem(), "503 timeout");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(String::from_utf8_lossy(&refused.body).contains("turn"));
    assert_eq!(house.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_turn_is_given_on_when_its_request_was_answered_or_ended() {
    let settings = ApiSettings {
        concurrent_requests_max: 1,
        request_timeout: Duration::from_millis(200),
        ..ApiSettings::default()
    };
    let house = House::with(settings, Some(probe::routes()));
    assert_eq!(house.get("/probe/sleep").await.problem(), "503 timeout");
    assert_eq!(house.get("/probe/panic").await.problem(), "500 internal");
    assert_eq!(house.get("/probe/panic").await.problem(), "500 internal", "a panic keeps no turn");
}

#[tokio::test]
async fn a_change_without_a_key_is_refused_before_the_database_is_asked() {
    let house = probing();
    let token = house.token();
    let mut headers = vec![("authorization", token.as_str()), ("content-type", "application/json")];
    let body = "{\"email\":\"a\"}";
    let missing = house.send("POST", "/probe/keyed", &headers, body).await;
    assert_eq!(missing.problem(), "400 idempotency-key-missing");
    headers.push(("idempotency-key", "two words"));
    let invalid = house.send("POST", "/probe/keyed", &headers, body).await;
    assert_eq!(invalid.problem(), "400 idempotency-key-invalid");
    headers.pop();
    headers.push(("idempotency-key", "k-1"));
    assert_eq!(
        house.send("POST", "/probe/keyed", &headers, body).await.problem(),
        "503 database-unavailable"
    );
}

#[tokio::test]
async fn a_user_has_a_budget_and_is_told_when_it_is_back() {
    let mut settings = ApiSettings::default();
    settings.rates.read_per_user = 3;
    let house = House::with(settings, Some(probe::routes()));
    let token = house.token();
    for left in ["2", "1", "0"] {
        let answer = house.send("GET", "/probe/guarded", &[("authorization", &token)], "").await;
        assert_eq!(answer.problem(), "503 database-unavailable");
        assert_eq!(answer.headers["ratelimit-policy"], "\"user-reads\";q=3;w=60");
        let state = answer.headers["ratelimit"].to_str().unwrap();
        assert!(state.starts_with(&format!("\"user-reads\";r={left};t=")), "{state}");
    }
    let refused = house.send("GET", "/probe/guarded", &[("authorization", &token)], "").await;
    assert_eq!(refused.problem(), "429 rate-limited");
    assert_eq!(refused.headers["retry-after"], "20");
    house.clock.advance(chrono::TimeDelta::seconds(20));
    let admitted = house.send("GET", "/probe/guarded", &[("authorization", &token)], "").await;
    assert_eq!(admitted.problem(), "503 database-unavailable");
}

#[tokio::test]
async fn sign_ins_are_limited_by_address() {
    let mut settings = ApiSettings { trusted_proxies: 1, ..ApiSettings::default() };
    settings.rates.sign_ins_per_address = 1;
    let house = House::with(settings, None);
    let body = "{\"email\":\"ada@example.org\",\"password\":\"correct horse battery\"}";
    let from = |address: &'static str| [("x-forwarded-for", address), ("content-type", "application/json")];
    let path = "/api/v1/auth/sign-in";
    let first = house.send("POST", path, &from("192.0.2.1"), body).await;
    assert_eq!(first.problem(), "503 database-unavailable");
    assert_eq!(house.send("POST", path, &from("192.0.2.1"), body).await.problem(), "429 rate-limited");
    let other = house.send("POST", path, &from("192.0.2.2"), body).await;
    assert_eq!(other.problem(), "503 database-unavailable");
}

#[tokio::test]
async fn other_origins_are_not_invited_unless_they_are_named() {
    let preflight = [("origin", "https://console.example.org"), ("access-control-request-method", "GET")];
    let closed = House::new().send("OPTIONS", "/api/v1/meta", &preflight, "").await;
    assert!(!closed.headers.contains_key("access-control-allow-origin"));
    let cors_origins = vec!["https://console.example.org".parse().unwrap()];
    let open = House::with(ApiSettings { cors_origins, ..ApiSettings::default() }, None);
    let allowed = open.send("OPTIONS", "/api/v1/meta", &preflight, "").await;
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://console.example.org");
    let sent = allowed.headers["access-control-allow-headers"].to_str().expect("text").to_lowercase();
    assert!(sent.contains("upload-offset") && sent.contains("tus-resumable"), "browsers may upload: {sent}");
}

#[tokio::test]
async fn every_problem_has_a_page_and_the_reader_loads_nothing_from_elsewhere() {
    let house = House::new();
    let index = house.get("/problems").await;
    for code in ProblemCode::ALL {
        assert!(String::from_utf8_lossy(&index.body).contains(code.as_str()));
        let page = house.get(&format!("/problems/{}", code.as_str())).await;
        assert_eq!(page.status, 200, "{}", code.as_str());
        assert!(String::from_utf8_lossy(&page.body).contains(code.title()));
    }
    assert_eq!(house.get("/problems/no-such-thing").await.problem(), "404 route-not-found");
    let page = house.get("/docs").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for path in ["/docs", "/docs/reader.js", "/docs/style.css"] {
        let file = house.get(path).await;
        assert_eq!(file.status, 200);
        let text = String::from_utf8_lossy(&file.body).into_owned();
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
        assert!(!text.contains("innerHTML") && !text.contains(" style="), "{path}");
    }
}
