use chrono::TimeDelta;
use odyssey_domain::matching::{
    Audiences, MatchingError, audience, audience_customers, audience_of_label, who_regresses,
};
use odyssey_domain::tenancy::{Actor, VendorScope, begin_at_command_line};
use odyssey_domain::{catalog, customers};
use odyssey_matching::{AudienceCounts, Facts, VerdictKind};
use odyssey_testkit::TestApp;
use odyssey_types::{CustomerId, ProductId};
use serde_json::{Value, json};

use super::{consenting, explain, label, peanut_anaphylaxis, plain, with};

/// More than any test's customers need.
const BUDGET_BYTES: usize = 64 << 20;

async fn scope_of(app: &TestApp, slug: &str) -> VendorScope {
    let tx = begin_at_command_line(app.database(), app.vendor(slug).id(), None).await.expect("a transaction");
    let scope = tx.scope();
    tx.roll_back().await.expect("it ends");
    scope
}

/// An audience of `acme` and who asks.
struct Asking {
    audiences: Audiences,
    scope: VendorScope,
    actor: Actor,
}

impl Asking {
    async fn at(app: &TestApp, slug: &str) -> Self {
        let audiences = Audiences::new(app.database().clone(), BUDGET_BYTES);
        Self { audiences, scope: scope_of(app, slug).await, actor: Actor::command_line() }
    }

    async fn counts(&self, product: &str) -> AudienceCounts {
        let product = product.parse().expect("an id");
        audience(&self.audiences, self.scope, &self.actor, product).await.expect("counts").counts
    }

    async fn ids(&self, product: &str, verdict: VerdictKind) -> Vec<CustomerId> {
        let product = product.parse().expect("an id");
        audience_customers(&self.audiences, self.scope, &self.actor, product, verdict, None, 100)
            .await
            .expect("ids")
    }
}

fn counts(fits: u64, conflict: u64) -> AudienceCounts {
    AudienceCounts { fits, conflict, ..AudienceCounts::default() }
}

async fn facts_of(app: &TestApp, asking: &Asking, product: &str) -> Facts {
    let mut tx = begin_at_command_line(app.database(), asking.scope.vendor_id(), None).await.expect("begin");
    let product = catalog::get_product(&mut tx, product.parse().expect("an id")).await.expect("the product");
    tx.roll_back().await.expect("it ends");
    catalog::derive_product(&product.fields, &[]).facts
}

#[tokio::test]
async fn the_audience_is_who_each_customers_own_explanation_says() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let salty =
        json!({ "nutrition": { "amounts": { "sodium_mg": 1800 } }, "serving_size": { "amount_g": 100 } });
    let products = [
        operator.create_product("rice", plain()).await,
        operator.create_product("satay", label("Rice, peanuts, salt.")).await,
        operator.create_product("salty", with(plain(), salty)).await,
        operator.create_product("silent", with(plain(), json!({ "allergen_data": "unknown" }))).await,
    ];
    let mut people = Vec::new();
    for (name, profile) in [
        ("ada", peanut_anaphylaxis()),
        ("bea", json!({ "conditions": [{ "system": "icd10cm", "code": "I10" }] })),
        ("cem", json!({ "diets": [{ "diet": "vegan", "kind": "ethical" }] })),
        ("dan", json!({ "allergies": [{ "allergen": "milk", "severity": "intolerance" }] })),
        ("eve", json!({})),
    ] {
        people.push(consenting(&operator, name, profile).await);
    }
    let asking = Asking::at(&app, "acme").await;
    for product in &products {
        let mut expected = AudienceCounts::default();
        for person in &people {
            let verdict = explain(&operator, person, product).await["verdict"].clone();
            let one = match verdict.as_str().expect("a verdict") {
                "fits" => &mut expected.fits,
                "fits_with_caution" => &mut expected.fits_with_caution,
                "cannot_verify" => &mut expected.cannot_verify,
                _ => &mut expected.conflict,
            };
            *one += 1;
        }
        assert_eq!(asking.counts(product).await, expected);
    }
}

#[tokio::test]
async fn an_edit_and_a_withdrawal_count_from_the_next_question_on() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let satay = operator.create_product("satay", label("Rice, peanuts, salt.")).await;
    let (ada, bea) = (
        consenting(&operator, "ada", json!({})).await,
        consenting(&operator, "bea", peanut_anaphylaxis()).await,
    );
    let asking = Asking::at(&app, "acme").await;
    assert_eq!(asking.counts(&satay).await, counts(1, 1));
    assert_eq!(asking.ids(&satay, VerdictKind::Conflict).await, [bea.parse().expect("an id")]);

    operator.patch(&format!("/api/v1/customers/{ada}/health"), peanut_anaphylaxis()).await.expect(200);
    assert_eq!(asking.counts(&satay).await, counts(0, 2));

    let consents = format!("/api/v1/customers/{bea}/consents");
    operator.post(&consents, json!({ "purpose": "health_data", "state": "withdrawn" })).await.expect(201);
    assert_eq!(asking.counts(&satay).await, counts(0, 1));
    assert_eq!(asking.ids(&satay, VerdictKind::Conflict).await, [ada.parse().expect("an id")]);

    operator.post(&consents, json!({ "purpose": "health_data", "state": "granted" })).await.expect(201);
    operator.delete(&format!("/api/v1/customers/{ada}")).await;
    assert_eq!(asking.ids(&satay, VerdictKind::Conflict).await, [bea.parse().expect("an id")]);

    // The label itself is the live one too.
    operator.patch(&format!("/api/v1/products/{satay}"), json!({ "status": "inactive" })).await.expect(200);
    consenting(&operator, "cem", json!({})).await;
    assert_eq!(asking.counts(&satay).await, counts(0, 2));
}

#[tokio::test]
async fn lists_speak_for_their_product_alone() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let (rice, oats) =
        (operator.create_product("rice", plain()).await, operator.create_product("oats", plain()).await);
    let ada = consenting(&operator, "ada", json!({})).await;
    consenting(&operator, "bea", json!({})).await;
    let asking = Asking::at(&app, "acme").await;
    assert_eq!(asking.counts(&rice).await, counts(2, 0));
    let mut tx = begin_at_command_line(app.database(), app.vendor("acme").id(), None).await.expect("begin");
    let never = customers::ListKind::NeverShow;
    let (ada, product) = (ada.parse().expect("an id"), rice.parse().expect("an id"));
    customers::put_list_entry(&mut tx, ada, product, never, None).await.expect("an entry");
    tx.commit().await.expect("a commit");
    assert_eq!(asking.counts(&rice).await, counts(1, 1));
    assert_eq!(asking.counts(&oats).await, counts(2, 0));
}

#[tokio::test]
async fn who_regresses_is_who_loses_the_product_by_the_new_label() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let (rice, satay) = (
        operator.create_product("rice", plain()).await,
        operator.create_product("satay", label("Rice, peanuts, salt.")).await,
    );
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    consenting(&operator, "bea", json!({})).await;
    let asking = Asking::at(&app, "acme").await;
    let (before, after) = (facts_of(&app, &asking, &rice).await, facts_of(&app, &asking, &satay).await);
    let product: ProductId = rice.parse().expect("an id");
    let lost = who_regresses(&asking.audiences, asking.scope, &asking.actor, product, before, after.clone())
        .await
        .expect("an answer");
    assert_eq!(lost.to_conflict, [ada.parse().expect("an id")]);
    assert_eq!(lost.to_cannot_verify, []);
    let draft = audience_of_label(&asking.audiences, asking.scope, &asking.actor, product, after, true).await;
    assert_eq!(draft.expect("counts"), counts(1, 1));
}

#[tokio::test]
async fn building_and_asking_are_on_record_and_another_vendor_has_an_audience_of_its_own() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let bea = consenting(&operator, "bea", json!({})).await;
    let asking = Asking::at(&app, "acme").await;
    asking.counts(&rice).await;
    asking.counts(&rice).await;
    asking.ids(&rice, VerdictKind::Fits).await;
    let trail = app.vendor("acme").admin().await.get("/api/v1/audit").await.expect(200);
    let events: Vec<&Value> = trail["items"].as_array().expect("events").iter().collect();
    let of = |action: &str| -> Vec<&&Value> { events.iter().filter(|e| e["action"] == action).collect() };
    let built = of("audience.build");
    assert_eq!((built.len(), &built[0]["count"]), (1, &json!(2)), "{trail}");
    assert_eq!(of("audience.read").len(), 2);
    assert_eq!(of("audience.list").len(), 1);
    let of_bea =
        app.vendor("acme").admin().await.get(&format!("/api/v1/audit?customer_id={bea}")).await.expect(200);
    assert!(
        of_bea["items"].as_array().expect("events").iter().any(|e| e["action"] == "audience.list"),
        "{of_bea}"
    );

    let rival = Asking { scope: scope_of(&app, "rival").await, ..asking };
    let foreign = audience(&rival.audiences, rival.scope, &rival.actor, rice.parse().expect("an id")).await;
    assert!(matches!(foreign, Err(MatchingError::Catalog(_))), "{foreign:?}");
    assert_eq!(rival.audiences.usage().0, 1, "nobody was opened for a product that is not there");
}

#[tokio::test]
async fn a_new_day_is_a_new_audience_since_people_grow_older() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let record = json!({ "external_id": "ada", "birth_date": "2024-01-16",
                         "consents": [{ "purpose": "health_data", "state": "granted" }] });
    operator.post("/api/v1/customers", record).await.expect(201);
    let asking = Asking::at(&app, "acme").await;
    let infant = AudienceCounts { cannot_verify: 1, ..AudienceCounts::default() };
    assert_eq!(asking.counts(&rice).await, infant);
    app.clock().advance(TimeDelta::days(1));
    assert_eq!(asking.counts(&rice).await, counts(1, 0));
}
