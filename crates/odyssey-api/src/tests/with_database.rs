//! Sessions, permissions and idempotency keys against a real PostgreSQL.

use std::sync::atomic::Ordering;
use std::time::Duration;

use odyssey_testkit::{PASSWORD, TestDatabase};

use super::house::{Answered, House};
use super::probe;
use crate::state::ApiSettings;

struct Running {
    house: House,
    test: TestDatabase,
}

impl Running {
    async fn start() -> Self {
        Self::with(ApiSettings::default(), true).await
    }

    async fn with(settings: ApiSettings, probing: bool) -> Self {
        let test = TestDatabase::start().await;
        let routes =
            probing.then(|| probe::routes().merge(crate::auth::routes()).merge(crate::audit::routes()));
        let house = House::on(test.database.clone(), test.clock.clone(), settings, routes);
        Self { house, test }
    }

    /// Signs in and gives the header's value.
    async fn sign_in(&self, email: &str) -> String {
        let answer = self.try_sign_in(email, PASSWORD).await;
        format!("Bearer {}", answer.json()["access_token"].as_str().expect("a token"))
    }

    async fn try_sign_in(&self, email: &str, password: &str) -> Answered {
        let body = serde_json::json!({ "email": email, "password": password }).to_string();
        self.house.post_json("/api/v1/auth/sign-in", &body).await
    }

    async fn change(&self, token: &str, key: &str, what: &str) -> Answered {
        let body = serde_json::json!({ "email": what }).to_string();
        let headers =
            [("authorization", token), ("idempotency-key", key), ("content-type", "application/json")];
        self.house.send("POST", "/probe/keyed", &headers, &body).await
    }

    /// How often this action stands in the trail, as the trail's own route tells it.
    async fn audited(&self, action: &str, outcome: &str) -> usize {
        let token = self.sign_in("vendor_admin@acme.example").await;
        let path = format!("/api/v1/audit?action={action}&outcome={outcome}&limit=200");
        let answer = self.house.send("GET", &path, &[("authorization", &token)], "").await;
        answer.json()["items"].as_array().expect("a page").len()
    }
}

const OPERATOR: &str = "vendor_operator@acme.example";
const VIEWER: &str = "vendor_viewer@acme.example";
const ADMIN: &str = "vendor_admin@acme.example";

#[tokio::test]
async fn a_session_begins_is_refreshed_and_ends() {
    let running = Running::start().await;
    let signed_in = running.try_sign_in(ADMIN, PASSWORD).await;
    assert_eq!(signed_in.status, 200);
    let bearer = |answer: &Answered| format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    let first = bearer(&signed_in);
    let me = running.house.send("GET", "/api/v1/auth/me", &[("authorization", &first)], "").await;
    assert_eq!(me.json()["memberships"][0]["vendor_slug"], "acme");
    assert_eq!(me.json()["memberships"][0]["role"], "vendor_admin");

    let refresh = serde_json::json!({ "refresh_token": signed_in.json()["refresh_token"] }).to_string();
    let refreshed = running.house.post_json("/api/v1/auth/refresh", &refresh).await;
    assert_eq!(refreshed.status, 200);
    let second = bearer(&refreshed);
    let out = running.house.send("POST", "/api/v1/auth/sign-out", &[("authorization", &second)], "").await;
    assert_eq!(out.status, 204);
    for token in [first, second] {
        let after = running.house.send("GET", "/api/v1/auth/me", &[("authorization", &token)], "").await;
        assert_eq!(after.problem(), "401 unauthenticated");
    }
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_password_are_one_answer() {
    let running = Running::start().await;
    let mut bodies = Vec::new();
    for (email, password) in [(ADMIN, "wrong horse battery staple"), ("nobody@acme.example", PASSWORD)] {
        let answer = running.try_sign_in(email, password).await;
        assert_eq!(answer.problem(), "401 unauthenticated");
        let mut body = answer.json();
        body["request_id"] = serde_json::Value::Null;
        body["instance"] = serde_json::Value::Null;
        bodies.push(body);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn guesses_at_the_same_time_are_counted_like_guesses_in_turn() {
    let mut settings = ApiSettings::default();
    settings.rates.sign_ins_per_address = 1_000;
    let running = Running::with(settings, true).await;
    let guesses = (0..30).map(|_| running.try_sign_in(ADMIN, "wrong horse battery staple"));
    let answers = futures::future::join_all(guesses).await;
    let wrong = answers.iter().filter(|answer| answer.problem() == "401 unauthenticated").count();
    assert_eq!(wrong, 10, "more passwords were tried than may be");
    let limited = running.try_sign_in(ADMIN, PASSWORD).await;
    assert_eq!(limited.problem(), "429 sign-in-limited");
    assert_eq!(limited.headers["retry-after"], "900");
    running.test.clock.advance(chrono::TimeDelta::minutes(16));
    assert_eq!(running.try_sign_in(ADMIN, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn another_vendor_and_a_vendor_that_does_not_exist_are_one_answer() {
    let running = Running::start().await;
    let token = running.sign_in(ADMIN).await;
    let rival = running.test.vendor("rival").id.to_string();
    let random = uuid::Uuid::now_v7().to_string();
    let ours = running.test.vendor("acme").id.to_string();
    for (vendor, expected) in [(rival, 404), (random, 404), ("acme".to_owned(), 404), (ours, 200)] {
        let headers = [("authorization", token.as_str()), ("x-vendor-id", vendor.as_str())];
        let answer = running.house.send("GET", "/api/v1/audit", &headers, "").await;
        assert_eq!(answer.status, expected);
        if expected == 404 {
            assert_eq!(answer.problem(), "404 vendor-not-found");
        }
    }
    let root = running.sign_in("root@platform.example").await;
    let answer = running.house.send("GET", "/api/v1/audit", &[("authorization", &root)], "").await;
    assert_eq!(answer.problem(), "400 vendor-required");
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused_and_the_refusal_is_audited() {
    let running = Running::start().await;
    let token = running.sign_in(VIEWER).await;
    assert_eq!(running.change(&token, "k", "go").await.problem(), "403 forbidden");
    let read = running.house.send("GET", "/probe/guarded", &[("authorization", &token)], "").await;
    assert_eq!(read.problem(), "403 forbidden");
    assert_eq!(running.audited("access.refused", "refused").await, 2);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_is_an_act_of_its_own() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    let first = running.change(&token, "k-1", "go").await;
    assert_eq!((first.status.as_u16(), first.headers["etag"].to_str().unwrap()), (201, "\"1\""));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = running.change(&token, "\"k-1\"", "go").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.headers[name], first.headers[name]);
    }
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_ne!(again.headers["x-request-id"], first.headers["x-request-id"]);
    assert_eq!(running.audited("probe.write", "allowed").await, 1);
    assert_eq!(running.audited("idempotency.replay", "allowed").await, 1);
}

#[tokio::test]
async fn a_change_of_the_platform_has_a_key_too_and_its_replay_is_an_act() {
    let running = Running::start().await;
    let root = running.sign_in("root@platform.example").await;
    let change = async |token: &str, key: &str, what: &str| {
        let body = serde_json::json!({ "email": what }).to_string();
        let headers =
            [("authorization", token), ("idempotency-key", key), ("content-type", "application/json")];
        running.house.send("POST", "/probe/platform", &headers, &body).await
    };
    let first = change(&root, "k-1", "go").await;
    assert_eq!(first.status, 201);
    let again = change(&root, "k-1", "go").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(change(&root, "k-1", "other").await.problem(), "422 idempotency-key-reused");
    assert_eq!(change(&root, "k-2", "unaudited").await.problem(), "500 internal");
    assert_eq!(change(&root, "k-2", "go").await.status, 201, "a failure gives the key back");
    let operator = running.sign_in(OPERATOR).await;
    assert_eq!(change(&operator, "k-1", "go").await.problem(), "403 forbidden");
    let mut connection = running.test.superuser_connection().await;
    let trail: Vec<String> = sqlx::query_scalar(
        "SELECT action FROM odyssey.audit_events
         WHERE vendor_id = '00000000-0000-0000-0000-000000000000' AND action IN ('probe.platform', 'idempotency.replay')
         ORDER BY action",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(trail, ["idempotency.replay", "probe.platform", "probe.platform"]);
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT answer_sealed FROM odyssey.idempotency_keys WHERE key = 'k-1'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    let run_id = first.json()["run_id"].as_str().unwrap().to_owned();
    assert!(!sealed.windows(run_id.len()).any(|window| window == run_id.as_bytes()));
}

#[tokio::test]
async fn refusals_are_recorded_and_bounded_and_hold_no_text_of_a_path() {
    let mut settings = ApiSettings::default();
    settings.rates.refusals_per_user = 3;
    let running = Running::with(settings, true).await;
    let token = running.sign_in(OPERATOR).await;
    for key in ["k-1", "k-2", "k-3"] {
        assert_eq!(running.change(&token, key, "missing").await.problem(), "404 customer-not-found");
    }
    // One more is not answered, since it is not recorded either.
    let fourth = running.change(&token, "k-4", "missing").await;
    assert_eq!(fourth.problem(), "429 rate-limited");
    assert_eq!(fourth.headers["ratelimit-policy"], "\"user-refusals\";q=3;w=60");
    assert_eq!(running.change(&token, "k-5", "go").await.status, 201, "only refusals are counted");
    assert_eq!(running.audited("access.refused", "refused").await, 3);
    running.test.clock.advance(chrono::TimeDelta::minutes(1));
    // A suspended vendor's refusal is recorded too, on the platform, where somebody may read it.
    let actor = odyssey_domain::tenancy::Actor::command_line();
    let acme = running.test.vendor("acme").id;
    odyssey_domain::tenancy::suspend_vendor(&running.test.database, &actor, acme).await.unwrap();
    let refused = running.change(&token, "k-6", "go").await;
    assert_eq!(refused.problem(), "403 vendor-suspended");
    let request: uuid::Uuid = refused.headers["x-request-id"].to_str().unwrap().parse().unwrap();
    let mut connection = running.test.superuser_connection().await;
    let (role, code): (String, String) =
        sqlx::query_as("SELECT actor_role, details->>'code' FROM odyssey.audit_events WHERE request_id = $1")
            .bind(request)
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!((&*role, &*code), ("none", "vendor-suspended"));
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller_for_a_day() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    let first = running.change(&token, "k-1", "go").await;
    assert_eq!(running.change(&token, "k-1", "other").await.problem(), "422 idempotency-key-reused");
    let rival = running.sign_in("vendor_operator@rival.example").await;
    let theirs = running.change(&rival, "k-1", "go").await;
    assert_eq!(theirs.status, 201);
    assert_ne!(theirs.body, first.body);
    running.test.clock.advance(chrono::TimeDelta::hours(25));
    let token = running.sign_in(OPERATOR).await;
    let next_day = running.change(&token, "k-1", "go").await;
    assert_eq!(next_day.status, 201);
    assert_ne!(next_day.body, first.body);
}

#[tokio::test]
async fn a_replay_is_authorised_again() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    running.change(&token, "k-1", "go").await;
    let vendor = running.test.vendor("acme");
    let actor = odyssey_domain::tenancy::Actor::command_line();
    odyssey_domain::tenancy::suspend_membership(&running.test.database, &actor, vendor.id, vendor.operator)
        .await
        .unwrap();
    assert_eq!(running.change(&token, "k-1", "go").await.problem(), "404 vendor-not-found");
}

#[tokio::test]
async fn a_refusal_that_will_come_again_is_kept_and_a_failure_is_not() {
    let mut settings = ApiSettings::default();
    settings.rates.import_starts_per_vendor = 60;
    let running = Running::with(settings, true).await;
    let token = running.sign_in(OPERATOR).await;
    let refused = running.change(&token, "k-1", "missing").await;
    assert_eq!(refused.problem(), "404 customer-not-found");
    let again = running.change(&token, "k-1", "missing").await;
    assert_eq!((again.status, &again.body), (refused.status, &refused.body));
    assert_eq!(again.headers["content-type"], "application/problem+json");
    assert_eq!(again.headers["idempotent-replayed"], "true");

    // A server error, and a handler that forgot to audit: the key is free again.
    for (key, what) in [("k-2", "failing"), ("k-3", "unaudited")] {
        assert_eq!(running.change(&token, key, what).await.problem(), "500 internal");
        let again = running.change(&token, key, what).await;
        assert_eq!(again.problem(), "500 internal");
        assert!(!again.headers.contains_key("idempotent-replayed"));
        assert_eq!(running.change(&token, key, "go").await.status, 201);
    }
}

#[tokio::test]
async fn a_change_that_met_another_is_made_again_and_leaves_one_effect() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    assert_eq!(running.change(&token, "k-1", "colliding once").await.status, 201);
    assert_eq!(probe::COLLISIONS.load(Ordering::SeqCst), 2);
    assert_eq!(running.audited("probe.write", "allowed").await, 1, "the first attempt left nothing");
    let again = running.change(&token, "k-1", "colliding once").await;
    assert_eq!(again.headers["idempotent-replayed"], "true", "the key was answered by the second attempt");
}

#[tokio::test]
async fn a_change_that_meets_others_again_and_again_is_told_to_come_back() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    let refused = running.change(&token, "k-1", "colliding").await;
    assert_eq!(refused.problem(), "503 changes-collided");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(probe::COLLISIONS.load(Ordering::SeqCst), 3);
    assert_eq!(running.audited("probe.write", "allowed").await, 0);
    let free = running.change(&token, "k-1", "colliding").await;
    assert_eq!(free.problem(), "503 changes-collided", "the key was given back");
}

#[tokio::test]
async fn a_malformed_body_is_refused_the_same_way_again() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    let headers =
        [("authorization", token.as_str()), ("idempotency-key", "k-1"), ("content-type", "application/json")];
    for replayed in [false, true] {
        let answer = running.house.send("POST", "/probe/keyed", &headers, "{\"mail\":1}").await;
        assert_eq!(answer.json()["code"], "malformed-request");
        assert_eq!(answer.headers.contains_key("idempotent-replayed"), replayed);
    }
}

#[tokio::test]
async fn a_concurrent_repeat_is_told_to_wait_and_a_client_that_hangs_up_gives_its_key_back() {
    let running = Running::start().await;
    let token = running.sign_in(OPERATOR).await;
    {
        let slow = running.change(&token, "k-1", "slow");
        tokio::pin!(slow);
        let begun = tokio::time::timeout(Duration::from_millis(500), &mut slow).await;
        assert!(begun.is_err(), "the slow change ended");
        let concurrent = running.change(&token, "k-1", "slow").await;
        assert_eq!(concurrent.problem(), "409 idempotency-in-progress");
        assert_eq!(concurrent.headers["retry-after"], "1");
        // The future is dropped here, as it is when a client hangs up.
    }
    let mut last = running.change(&token, "k-1", "go").await;
    for _ in 0..100 {
        if last.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        last = running.change(&token, "k-1", "go").await;
    }
    assert_eq!(last.status, 201, "the key was not given back");
}

#[tokio::test]
async fn starts_of_imports_share_the_vendors_budget_and_a_429_is_not_stored() {
    let mut settings = ApiSettings::default();
    settings.rates.import_starts_per_vendor = 2;
    let running = Running::with(settings, true).await;
    let (operator, admin) = (running.sign_in(OPERATOR).await, running.sign_in(ADMIN).await);
    assert_eq!(running.change(&operator, "k-1", "go").await.status, 201);
    assert_eq!(running.change(&admin, "k-2", "go").await.status, 201);
    let refused = running.change(&operator, "k-3", "go").await;
    assert_eq!(refused.problem(), "429 rate-limited");
    assert_eq!(refused.headers["ratelimit-policy"], "\"vendor-imports\";q=2;w=60");
    let rival = running.sign_in("vendor_operator@rival.example").await;
    assert_eq!(running.change(&rival, "k-4", "go").await.status, 201);
    running.test.clock.advance(chrono::TimeDelta::seconds(30));
    assert_eq!(running.change(&operator, "k-3", "go").await.status, 201);
}

#[tokio::test]
async fn the_trail_is_read_page_by_page_and_every_reading_is_in_it() {
    let running = Running::start().await;
    let token = running.sign_in(ADMIN).await;
    let headers = [("authorization", token.as_str())];
    for key in ["a", "b", "c"] {
        running.test.clock.advance(chrono::TimeDelta::seconds(1));
        running.change(&token, key, "go").await;
    }
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let path = format!("/api/v1/audit?action=probe.write&limit=1{cursor}");
        let page = running.house.send("GET", &path, &headers, "").await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|event| event["entity_id"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 3);
    seen.dedup();
    assert_eq!(seen.len(), 3);
    assert_eq!(running.audited("audit.list", "allowed").await, 3);
    let invented = running.house.send("GET", "/api/v1/audit?cursor=abc", &headers, "").await;
    assert_eq!(invented.problem(), "400 cursor-invalid");
}

#[tokio::test]
async fn a_server_whose_database_answers_is_ready() {
    let running = Running::with(ApiSettings::default(), false).await;
    let ready = running.house.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.json()["status"].as_str()), (200, Some("ok")));
}
