//! A known caller who is told no leaves one row in the trail, and nothing else.

use http::Method;
use odyssey_api::operation::Operation;
use odyssey_domain::tenancy::{Permission, Role};
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::samples::call;
use super::tenancy::resources_of;

/// An event of the trail.
#[derive(Debug, sqlx::FromRow)]
struct Event {
    vendor_id: Uuid,
    actor_id: Option<Uuid>,
    actor_role: String,
    action: String,
    outcome: String,
    entity_id: Option<String>,
    details: Value,
}

async fn trail_of(connection: &mut PgConnection, answer: &TestResponse) -> Vec<Event> {
    let request: Uuid = answer.header("x-request-id").and_then(|id| id.parse().ok()).expect("a request id");
    sqlx::query_as(
        "SELECT vendor_id, actor_id, actor_role, action, outcome, entity_id, details FROM odyssey.audit_events
         WHERE request_id = $1",
    )
    .bind(request)
    .fetch_all(connection)
    .await
    .expect("the trail answers")
}

fn walked() -> Vec<Operation> {
    let contract = odyssey_api::operations().expect("the contract");
    contract.iter().filter(|o| o.permission.is_some() && !o.path.ends_with("/sign-out")).cloned().collect()
}

/// The names of a path's parameters.
fn names_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

fn is_id(value: &str) -> bool {
    Uuid::try_parse(value).is_ok()
}

#[tokio::test]
async fn a_foreign_and_an_unknown_id_leave_one_refusal_each_in_the_callers_own_trail() {
    let app = TestApp::start().await;
    let ids = resources_of(&app).await;
    let rival = app.vendor("rival");
    let intruder = rival.admin().await;
    let mut connection = app.test.superuser_connection().await;
    let mut met = 0;
    // What a path of the platform names is no vendor's: whoever may not, is told so whatever the name.
    let of_vendors = |operation: &&Operation| operation.permission != Some(Permission::VendorsManage);
    for operation in walked().iter().filter(of_vendors).filter(|operation| operation.path.contains('{')) {
        let foreign = |name: &str| {
            let known = ids.iter().find(|(n, _)| *n == name);
            known.map(|(_, id)| id.clone()).unwrap_or_else(|| panic!("no resource for `{name}`"))
        };
        let random = Uuid::now_v7().to_string();
        let answers = [
            // Only what has the form of an id of ours is recorded: a code in a path may be anybody's words.
            (
                call(&intruder, operation, foreign).await,
                names_of(&operation.path).any(|n| is_id(&foreign(n))),
            ),
            (call(&intruder, operation, |_| random.clone()).await, true),
            (call(&intruder, operation, |_| "ada@example.org".to_owned()).await, false),
        ];
        for (answer, has_ids) in answers {
            let what = format!("{} {}: {}", operation.method, operation.path, answer.text());
            assert_eq!(answer.status.as_u16(), 404, "{what}");
            let trail = trail_of(&mut connection, &answer).await;
            let [event] = trail.as_slice() else { panic!("{trail:?}: {what}") };
            assert_eq!((&*event.action, &*event.outcome), ("access.refused", "refused"), "{what}");
            assert_eq!(event.vendor_id, rival.id().as_uuid(), "{what}");
            assert_eq!(event.actor_id, Some(rival.seed.admin.as_uuid()), "{what}");
            assert_eq!(event.actor_role, "vendor_admin", "{what}");
            assert_eq!(event.entity_id.as_deref(), operation.permission.map(|p| p.as_str()), "{what}");
            assert_eq!(event.details["operation"], operation.id.as_str(), "{what}");
            assert_eq!(event.details["code"], answer.json()["code"], "{what}");
            assert_eq!(event.details["ids"].is_object(), has_ids, "{}: {what}", event.details);
            assert!(!event.details.to_string().contains("ada@"), "{}: {what}", event.details);
        }
        met += 1;
    }
    assert!(met > 15, "the walk met only {met} operations with an id");
}

#[tokio::test]
async fn a_role_that_may_not_leaves_one_refusal_whatever_the_operation() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let people: [(Role, Actor<'_>); 2] =
        [(Role::VendorViewer, acme.viewer().await), (Role::Superadmin, app.superadmin().await.at(acme.id()))];
    let mut connection = app.test.superuser_connection().await;
    let mut met = 0;
    for operation in walked() {
        let permission = operation.permission.expect("filtered above");
        for (role, actor) in people.iter().filter(|(role, _)| !role.may(permission)) {
            let answer = call(actor, &operation, |_| Uuid::now_v7().to_string()).await;
            let what = format!("{role:?} {} {}: {}", operation.method, operation.path, answer.text());
            let trail = trail_of(&mut connection, &answer).await;
            let [event] = trail.as_slice() else { panic!("{trail:?}: {what}") };
            assert_eq!((&*event.action, &*event.outcome), ("access.refused", "refused"), "{what}");
            // What is asked of the platform, and of no vendor, is refused in the platform's trail.
            let is_platforms = permission == Permission::VendorsManage;
            let vendor_id = if is_platforms { Uuid::nil() } else { acme.id().as_uuid() };
            assert_eq!(event.vendor_id, vendor_id, "{what}");
            assert_eq!(event.actor_role, role.as_str(), "{what}");
            assert_eq!(event.entity_id.as_deref(), Some(permission.as_str()), "{what}");
            met += 1;
        }
    }
    assert!(met > 15, "the walk met only {met} refusals");
}

#[tokio::test]
async fn somebody_elses_vendor_is_a_refusal_on_the_platform_and_not_in_that_vendors_trail() {
    let app = TestApp::start().await;
    let (acme, rival) = (app.vendor("acme"), app.vendor("rival"));
    let answer = acme.admin().await.at(rival.id()).get("/api/v1/products").await;
    assert_eq!(answer.problem(), "404 vendor-not-found");
    let mut connection = app.test.superuser_connection().await;
    let trail = trail_of(&mut connection, &answer).await;
    let [event] = trail.as_slice() else { panic!("{trail:?}") };
    assert_eq!((event.vendor_id, &*event.actor_role), (Uuid::nil(), "none"));
    assert_eq!(event.details["wanted_vendor_id"], rival.id().to_string());
    assert_eq!(event.actor_id, Some(acme.seed.admin.as_uuid()));
}

#[tokio::test]
async fn a_record_with_a_profile_that_the_caller_may_not_write_names_the_permission_that_was_missing() {
    // No role writes customers and not health today; this holds the two apart should one ever.
    for role in Role::PEOPLE {
        use odyssey_domain::tenancy::Permission as P;
        assert_eq!(role.may(P::CustomersWrite), role.may(P::HealthWrite), "{role:?}: test its refusal here");
    }
}

#[tokio::test]
async fn what_is_allowed_or_malformed_is_no_refusal() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let operator = acme.operator().await;
    let mut connection = app.test.superuser_connection().await;
    let allowed = operator.get("/api/v1/products").await;
    let malformed = operator.post("/api/v1/products", serde_json::json!({ "products": 7 })).await;
    let lost = operator.send(Method::GET, "/api/v1/nowhere", &[], None).await;
    for answer in [allowed, malformed, lost] {
        assert!(trail_of(&mut connection, &answer).await.is_empty(), "{}", answer.text());
    }
}
