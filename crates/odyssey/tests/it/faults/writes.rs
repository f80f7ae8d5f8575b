use odyssey_testkit::TestApp;
use serde_json::{Map, Value, json};

/// Products of the property: enough that every pair of fields is together and apart.
const SUBSETS: u64 = 64;

/// A value for each field that has no other field's say in it.
fn fields() -> Map<String, Value> {
    let fields = json!({
        "name": "Bar", "brand": "Acme", "description": "A bar.", "category_id": "snacks", "cuisine": "american",
        "market": "US", "ingredients": "Oats, salt.", "status": "inactive",
        "nutrition": { "basis": "per_100g", "amounts": { "sodium_mg": 0, "protein_g": 5.25 } },
        "serving_size": { "amount_g": 40, "text": "1 bar" }, "package_weight_g": 240.5, "package_text": "6 x 40 g",
        "dietary_tags": ["vegan", "high-protein"],
        "allergens": { "contains": [], "may_contain": ["milk"], "facility": [], "free_from": [] },
        "certifications": [], "regulatory_codes": ["FDA-1"], "images": ["https://example.org/a.png"],
        "source_url": "https://example.org/a", "label_jurisdiction": "CA", "label_as_of": "2025-06-01",
        "allergen_data": "partial",
    });
    fields.as_object().expect("an object").clone()
}

/// Fields that answer with a default where nothing was written.
fn unsaid(field: &str) -> Value {
    match field {
        "status" => json!("active"),
        "label_jurisdiction" | "allergen_data" => json!("unknown"),
        _ => Value::Null,
    }
}

/// A choice of fields that looks random and is the same every time (splitmix64).
fn chosen(subset: u64, field: usize) -> bool {
    let mut bits = subset.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) >> field & 1 == 1
}

fn subset(number: u64) -> Map<String, Value> {
    let all = fields().into_iter().enumerate();
    all.filter(|(at, _)| chosen(number, *at)).map(|(_, field)| field).collect()
}

#[tokio::test]
async fn whatever_part_of_a_product_is_written_reads_back_and_nothing_else_does() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let records: Vec<Value> = (0..SUBSETS)
        .map(|number| {
            let mut record = subset(number);
            record.insert("external_id".to_owned(), json!(format!("p{number}")));
            Value::Object(record)
        })
        .collect();
    let results = operator.post("/api/v1/products", json!({ "products": records })).await.expect(207);
    for (number, result) in (0..SUBSETS).zip(results["results"].as_array().expect("results")) {
        assert_eq!(result["status"], 201, "{result}");
        let path = format!("/api/v1/products/{}", result["id"].as_str().expect("an id"));
        let (written, read) = (subset(number), operator.get(&path).await.expect(200));
        for field in fields().keys() {
            let expected = written.get(field).cloned().unwrap_or_else(|| unsaid(field));
            let read = read.get(field).cloned().unwrap_or_default();
            assert_eq!(read, expected, "{field} of {written:?}");
        }
    }
}

#[tokio::test]
async fn five_kinds_of_statement_about_an_allergen_stay_five() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let silent: [&str; 0] = [];
    let said = |contains: &[&str], may: &[&str], facility: &[&str], free: &[&str]| {
        let free: Vec<Value> = free.iter().map(|a| json!({ "allergen": a, "certified": false })).collect();
        json!({ "contains": contains, "may_contain": may, "facility": facility, "free_from": free })
    };
    let states = [
        ("contains", said(&["peanut"], &silent, &silent, &silent)),
        ("may contain", said(&silent, &["peanut"], &silent, &silent)),
        ("facility", said(&silent, &silent, &["peanut"], &silent)),
        ("free from", said(&silent, &silent, &silent, &["peanut"])),
        ("none", said(&silent, &silent, &silent, &silent)),
        ("not stated", Value::Null),
    ];
    for (at, (state, allergens)) in states.iter().enumerate() {
        let id = operator.create_product(state, json!({ "name": "Bar", "allergens": allergens })).await;
        let path = format!("/api/v1/products/{id}");
        let of = |product: &Value| without_absent(product["allergens"].clone());
        let expected = without_absent(allergens.clone());
        assert_eq!(of(&operator.get(&path).await.expect(200)), expected, "{state}: created");
        // Another field is changed, and a batch writes again what it has read.
        operator.patch(&path, json!({ "name": "Other" })).await.expect(200);
        assert_eq!(of(&operator.get(&path).await.expect(200)), expected, "{state}: patched");
        let listed = operator.get("/api/v1/products?limit=200").await.expect(200)["items"].clone();
        let listed = listed.as_array().expect("items").iter().find(|p| p["external_id"] == *state).cloned();
        assert_eq!(of(&listed.expect("the product is listed")), expected, "{state}: listed");
        let found = operator.get("/api/v1/search/products?q=other").await.expect(200)["items"].clone();
        let found = found.as_array().expect("items").iter().find(|p| p["external_id"] == *state).cloned();
        assert_eq!(of(&found.expect("the product is found")), expected, "{state}: found");
        operator.put(&path, json!({ "name": "Put", "allergens": allergens })).await.expect(200);
        assert_eq!(of(&operator.get(&path).await.expect(200)), expected, "{state}: replaced");
        // And from each state to the next one.
        let (_, next) = &states[(at + 1) % states.len()];
        operator.patch(&path, json!({ "allergens": null })).await.expect(200);
        operator.patch(&path, json!({ "allergens": next })).await.expect(200);
        assert_eq!(
            of(&operator.get(&path).await.expect(200)),
            without_absent(next.clone()),
            "{state}: restated"
        );
    }
}

/// Empty lists of a statement that was made, whether they are shown or left out.
fn without_absent(statement: Value) -> Value {
    match statement {
        Value::Object(lists) => {
            Value::Object(lists.into_iter().filter(|(_, list)| *list != json!([])).collect())
        }
        other => other,
    }
}

#[tokio::test]
async fn a_then_b_then_a_again_ends_as_a() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let send = |name: &str| json!({ "products": [{ "external_id": "bar", "name": name }] });
    let mut outcomes = Vec::new();
    let mut id = String::new();
    for name in ["A", "B", "A", "A"] {
        let result = operator.post("/api/v1/products", send(name)).await.expect(207)["results"][0].clone();
        id = result["id"].as_str().expect("an id").to_owned();
        outcomes.push(result["outcome"].as_str().expect("an outcome").to_owned());
    }
    assert_eq!(outcomes, ["created", "updated", "updated", "unchanged"]);
    assert_eq!(operator.get(&format!("/api/v1/products/{id}")).await.expect(200)["name"], "A");
    for (name, outcome) in [("A", "created"), ("B", "updated"), ("A", "updated")] {
        let body = json!({ "mode": "upsert", "customers": [{ "external_id": "0007", "name": name }] });
        let result = operator.post("/api/v1/customers", body).await.expect(207)["results"][0].clone();
        assert_eq!(result["outcome"], outcome, "{result}");
    }
    let found = operator.post("/api/v1/customers/search", json!({ "external_id": "0007" })).await.expect(200);
    assert_eq!(found["items"][0]["name"], "A");
}

#[tokio::test]
async fn a_batch_takes_one_catalog_version_and_a_refused_one_none() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let version = || async {
        let mut connection = app.test.superuser_connection().await;
        let found: i64 =
            sqlx::query_scalar("SELECT catalog_version FROM odyssey.vendors WHERE slug = 'acme'")
                .fetch_one(&mut connection)
                .await
                .expect("the vendor");
        found
    };
    let batch = |name: &str| -> Value {
        let products: Vec<Value> = (0..100)
            .map(|at| json!({ "external_id": format!("p{at}"), "name": format!("{name} {at}") }))
            .collect();
        json!({ "products": products })
    };
    for (body, expected, what) in [
        (batch("A"), 1, "a hundred are created"),
        (batch("B"), 2, "a hundred are changed"),
        (batch("B"), 2, "nothing is changed"),
        (json!({ "products": [{ "external_id": "p1", "price": "x" }] }), 2, "everything is refused"),
    ] {
        operator.post("/api/v1/products", body).await.expect(207);
        assert_eq!(version().await, expected, "{what}");
    }
}
