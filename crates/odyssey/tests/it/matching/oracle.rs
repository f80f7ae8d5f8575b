//! The list against the plain judgement of every product: nothing sampled, nothing lost, nothing added.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use odyssey_domain::catalog::derive_product;
use odyssey_matching::{Policy, PolicyInput, ProductMeta, Role, RulePack, Verdict, VerdictKind, evaluate};
use odyssey_testkit::{Actor, TestApp};
use odyssey_types::{HealthProfile, ProductFields, ProductStatus};
use serde_json::{Value, json};

use super::{consenting, in_order, label, matches, peanut_anaphylaxis, plain, reconcile, removed, with};

const PRODUCTS: usize = 50;

/// Labels that differ in everything the engine looks at, told apart by small numbers without a common factor.
fn varied(at: usize) -> Value {
    const LISTS: [&str; 9] = [
        "Rice, water, salt.",
        "Wheat flour, butter, sugar, eggs.",
        "Peanuts, sugar, salt. May contain milk.",
        "Beef, salt.",
        "Rice, honey, salt. Made in a facility that also processes peanuts.",
        "Corn, salt, zorgle.",
        "Tomatoes, water, salt, spices.",
        "Milk.",
        "Corn, salt, sugar (",
    ];
    let mut product = label(LISTS[at % LISTS.len()]);
    let sodium = [5, 90, 400, 1200, 1800];
    let over = json!({
        "external_id": format!("p{at:02}"), "name": format!("Product {at}"), "brand": format!("b{}", at % 4),
        "nutrition": { "amounts": { "sodium_mg": sodium[at % 5], "fiber_g": at % 7, "added_sugars_g": at % 3,
                                    "saturated_fat_g": at % 4 } },
        "serving_size": { "amount_g": 20 + 10 * (at % 6) },
    });
    product = with(product, over);
    for (every, over) in [
        (4, json!({ "allergen_data": null })),
        (7, json!({ "nutrition": { "amounts": { "sodium_mg": null } } })),
        (11, json!({ "ingredients": null })),
        (13, json!({ "serving_size": null })),
        (17, json!({ "status": "inactive" })),
        (10, json!({ "allergens": { "contains": ["soy"], "may_contain": ["peanut"] } })),
        (19, json!({ "nutrition": null })),
    ] {
        if at % every == every - 1 {
            product = with(product, over);
        }
    }
    product
}

fn profiles() -> Vec<Value> {
    vec![
        json!({}),
        peanut_anaphylaxis(),
        json!({ "conditions": [{ "system": "icd10cm", "code": "I10" }], "diets": [{ "diet": "vegan" }],
                "allergies": [{ "allergen": "peanut", "severity": "intolerance" }] }),
        json!({ "conditions": [{ "system": "icd10cm", "code": "E11.9" }], "goals": ["more_fiber"],
                "height_cm": 170, "weight_kg": 70, "sex": "female", "activity_level": "moderate",
                "liked_brands": ["b1"], "disliked_brands": ["b2"] }),
        json!({ "limits": [{ "nutrient": "sodium_mg", "max": 300, "period": "serving" },
                           { "nutrient": "sodium_mg", "max": 1000, "period": "per_100" },
                           { "nutrient": "added_sugars_g", "max": 25, "period": "day" }],
                "diets": [{ "diet": "gluten_free", "kind": "medical" }, { "diet": "vegetarian" }] }),
        json!({ "allergies": [{ "allergen": "milk", "severity": "preference", "never": true },
                              { "allergen": "egg", "strictness": "contains" }] }),
    ]
}

/// Every product judged one by one, best first.
struct Judged(Vec<(String, Verdict, i64)>);

impl Judged {
    async fn of(operator: &Actor<'_>, profile: &Value) -> Self {
        let profile: HealthProfile = serde_json::from_value(profile.clone()).expect("a profile");
        let pack = RulePack::embedded();
        let input = PolicyInput {
            profile: &profile,
            age_years: Some(40),
            as_of: NaiveDate::from_ymd_opt(2026, 1, 15).expect("a day"),
            never_list: &[],
            allow_list: &[],
            vendor_policy: pack.scoring,
            label_oldest: None,
        };
        let policy = Policy::compile(&input, pack);
        let page = operator.get("/api/v1/products?limit=200").await.expect(200);
        let mut judged = Vec::new();
        for stored in page["items"].as_array().expect("items") {
            let (external_id, meta, fields) = read(stored);
            let verdict = evaluate(&policy, &derive_product(&fields, &[]), &meta);
            judged.push((external_id, verdict, meta.changed_at_seconds));
        }
        assert_eq!(judged.len(), PRODUCTS);
        judged.sort_by_key(|(_, v, changed)| {
            let (score, confidence) =
                (std::cmp::Reverse(v.score_permille), std::cmp::Reverse(v.confidence_permille));
            (v.tier, score, confidence, std::cmp::Reverse(*changed), v.product_id)
        });
        Self(judged)
    }

    fn ids(&self, keep: impl Fn(&Verdict) -> bool) -> Vec<String> {
        self.0.iter().filter(|(_, v, _)| keep(v)).map(|(id, ..)| id.clone()).collect()
    }
}

/// A product as the API gives it, as the engine wants it.
fn read(stored: &Value) -> (String, ProductMeta, ProductFields) {
    let of_the_row =
        ["id", "external_id", "attestation", "lineage", "row_version", "created_at", "updated_at"];
    let mut fields = stored.as_object().expect("an object").clone();
    fields.retain(|name, _| !of_the_row.contains(&name.as_str()));
    let fields: ProductFields = serde_json::from_value(Value::Object(fields)).expect("the fields");
    let changed: DateTime<Utc> =
        stored["updated_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
    let meta = ProductMeta {
        id: stored["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"),
        active: fields.status == ProductStatus::Active,
        brand: fields.brand.clone(),
        category: fields.category_id.clone(),
        role: Role::Snack,
        label_as_of: fields.label_as_of,
        changed_at_seconds: changed.timestamp(),
    };
    (stored["external_id"].as_str().expect("an id").to_owned(), meta, fields)
}

#[tokio::test]
async fn the_list_is_what_judging_each_product_alone_gives() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    // Several batches at several times: the snapshot is one load and some deltas.
    let products: Vec<Value> = (0..PRODUCTS).map(varied).collect();
    let first = consenting(&operator, "first", json!({})).await;
    for batch in products.chunks(13) {
        let written = operator.post("/api/v1/products", json!({ "products": batch })).await.expect(207);
        assert_eq!(written["created"].as_u64(), Some(batch.len() as u64), "{written}");
        matches(&operator, &first, "").await;
        app.clock().advance(TimeDelta::seconds(60));
    }
    let mut fitting = 0;
    for (at, profile) in profiles().into_iter().enumerate() {
        let person = consenting(&operator, &format!("person-{at}"), profile.clone()).await;
        let answer = matches(&operator, &person, "?k=1000&include=cannot_verify").await;
        let judged = Judged::of(&operator, &profile).await;
        let fits = |v: &Verdict| matches!(v.verdict, VerdictKind::Fits | VerdictKind::FitsWithCaution);
        assert_eq!(in_order(&answer, "items"), judged.ids(fits), "{profile}");
        assert_eq!(in_order(&answer, "cannot_verify"), judged.ids(|v| v.unverified_is_listed), "{profile}");
        assert_eq!(answer["considered"].as_u64(), Some(PRODUCTS as u64));
        reconcile(&answer);
        for (item, (id, verdict, _)) in
            answer["items"].as_array().expect("items").iter().zip(judged.0.iter().filter(|(_, v, _)| fits(v)))
        {
            let told = (&item["score_permille"], &item["confidence_permille"], &item["summary"]);
            let (score, confidence) = (json!(verdict.score_permille), json!(verdict.confidence_permille));
            assert_eq!(told, (&score, &confidence, &json!(verdict.summary)), "{id}: {profile}");
        }
        fitting += judged.ids(fits).len();
    }
    assert!(fitting > PRODUCTS, "too few products fit for the comparison to mean much: {fitting}");
}

#[tokio::test]
async fn the_best_product_is_found_in_the_oldest_row_of_six_hundred() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator
        .create_product("oldest", with(plain(), json!({ "nutrition": { "amounts": { "sodium_mg": 1 } } })))
        .await;
    for batch in 0..3 {
        app.clock().advance(TimeDelta::days(1));
        let products: Vec<Value> = (0..200)
            .map(|at| {
                let salty = json!({ "external_id": format!("p{batch}-{at}"), "nutrition": { "amounts": { "sodium_mg": 900 } } });
                let ingredients = if at % 2 == 0 { "Rice, peanuts, salt." } else { "Rice, water, salt." };
                with(label(ingredients), salty)
            })
            .collect();
        operator.post("/api/v1/products", json!({ "products": products })).await.expect(207);
    }
    let ada = consenting(&operator, "ada", peanut_anaphylaxis()).await;
    let answer = matches(&operator, &ada, "?k=5").await;
    assert_eq!(
        (in_order(&answer, "items")[0].as_str(), answer["considered"].as_u64()),
        ("oldest", Some(601))
    );
    assert_eq!(
        (answer["fits_total"].as_u64(), removed(&answer, "HX_ALLERGEN_CONTAINS", "peanut")),
        (Some(301), 300)
    );
}
