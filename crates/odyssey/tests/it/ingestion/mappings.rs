//! Saved mappings and synonyms: how a vendor's files are understood.

use http::Method;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, SavedMapping, put_mapping};
use odyssey_domain::tenancy::{self, Actor as Who, Role};
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::{Value, json};

use super::harness::{Files, line};

const PRODUCTS: &str = "/api/v1/mappings/products";
/// A file whose headers and values are nobody's but its owner's.
pub(super) const FOREIGN: &str = "Artikelnr;Bezeichnung;Zustand;Eiweiß;Vegan?;Intern\n\
    7;Riegel;auf Lager;1,234;ja;x\n8;Brot;ausgelistet;8,5;nein;y\n;Namenlos;auf Lager;1;ja;z\n";

pub(super) fn foreign_mapping() -> Value {
    json!({ "basis": "per_100g", "columns": [
        { "header": "ARTIKELNR.", "fields": [{ "field": "external_id" }] },
        { "header": "Bezeichnung", "fields": [{ "field": "name" }, { "field": "brand", "transform": "part:1:-" }] },
        { "header": "Eiweiß", "fields": [{ "field": "protein_g", "unit": "g", "decimal": "comma" }] },
        { "header": "Vegan", "fields": [{ "field": "dietary_tags", "transform": "flag:vegan" }] },
        { "header": "intern", "ignore": true },
    ] })
}

async fn put(actor: &Actor<'_>, version: &str, body: Value) -> TestResponse {
    actor.keyed(Method::PUT, PRODUCTS, &[("if-match", version)], body).await
}

pub(super) async fn import(actor: &Actor<'_>, query: &str, file: &str) -> Value {
    let path = format!("/api/v1/ingest/csv?{query}");
    let body = Some(("text/csv", file.as_bytes().to_vec()));
    let started = actor.send_bytes(Method::POST, &path, &[], body).await.expect(202);
    actor.app().run_jobs().await;
    actor.get(started["status_url"].as_str().expect("a job")).await.expect(200)
}

async fn product(actor: &Actor<'_>, external_id: &str) -> Value {
    let listed = actor.get("/api/v1/products").await.expect(200);
    let items = listed["items"].as_array().expect("products");
    items.iter().find(|p| p["external_id"] == external_id).expect("it is there").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_foreign_headers_is_imported_after_a_mapping_was_saved_without_touching_it() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.vendor("acme").admin().await, app.vendor("acme").operator().await);
    let path = "/api/v1/ingest/preview?mode=products";
    let body = Some(("text/csv", FOREIGN.as_bytes().to_vec()));
    let before = operator.send_bytes(Method::POST, path, &[], body).await.expect(200);
    assert_eq!(before["refused"]["code"], "no_identity_column", "{before}");
    let mut mapping = foreign_mapping();
    mapping["columns"][1]["fields"] = json!([{ "field": "name" }, { "field": "description" }]);
    let saved = put(&operator, "\"0\"", mapping).await.expect(200);
    assert_eq!((&saved["version"], &saved["mode"]), (&json!(1), &json!("products")));
    for (written, meant) in [("Auf Lager", "active"), ("ausgelistet", "discontinued")] {
        let word = json!({ "kind": "value", "domain": "status", "synonym": written, "target": meant });
        admin.post("/api/v1/synonyms", word).await.expect(201);
    }
    let word = json!({ "kind": "header", "domain": "products", "synonym": "zustand", "target": "status" });
    admin.post("/api/v1/synonyms", word).await.expect(201);

    let job = import(&operator, "mode=products", FOREIGN).await;
    assert_eq!(job["totals"]["created"], 2, "{job}");
    assert_eq!(job["mapping"]["saved_version"], 1);
    let columns = job["mapping"]["columns"].as_array().expect("columns");
    let told: Vec<(&Value, &Value, &Value)> =
        columns.iter().map(|c| (&c["target"], &c["source"], &c["confidence"])).collect();
    let (saved, hundred) = (json!("saved"), json!(100));
    assert_eq!(told[0], (&json!("external_id"), &saved, &hundred));
    assert_eq!(told[2], (&json!("status"), &json!("synonym"), &json!(99)));
    assert_eq!(told[3], (&json!("protein_g"), &saved, &hundred));
    assert_eq!((told[5].0, &columns[5]["reason"]), (&json!(null), &json!("by_saved")));
    assert_eq!((&columns[6]["index"], &columns[6]["target"]), (&json!(1), &json!("description")));
    let bar = product(&operator, "7").await;
    assert_eq!((&bar["name"], &bar["description"]), (&json!("Riegel"), &json!("Riegel")));
    assert_eq!((&bar["status"], &bar["dietary_tags"]), (&json!("active"), &json!(["vegan"])));
    let bar =
        operator.get(&format!("/api/v1/products/{}", bar["id"].as_str().expect("an id"))).await.expect(200);
    assert!(bar.to_string().contains("\"protein_g\":1.234"), "{bar}");
    assert_eq!(product(&operator, "8").await["status"], "discontinued");
    // A column that is read into several fields stands once in what comes back.
    let csv = operator.get(job["error_url"].as_str().expect("errors")).await.text();
    assert!(csv.starts_with("Artikelnr,Bezeichnung,Zustand,Eiweiß,Vegan?,Intern,error_row,"), "{csv}");
    assert!(csv.contains("\n,Namenlos,auf Lager,1,ja,z,3,identity_missing,"), "{csv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_takes_the_version_or_none_that_it_asks_for() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let column = |field: &str| json!({ "columns": [{ "header": "Text", "fields": [{ "field": field }] }] });
    put(&operator, "\"0\"", column("name")).await.expect(200);
    put(&operator, "\"1\"", column("description")).await.expect(200);
    let file = "sku,Text\n1,Riegel\n";
    for (query, target, version) in [
        ("mode=products", json!("description"), json!(2)),
        ("mode=products&mapping=1", json!("name"), json!(1)),
        ("mode=products&mapping=none", json!(null), json!(null)),
        ("mode=products&map=text%3Dbrand", json!("brand"), json!(2)),
    ] {
        let job = import(&operator, query, file).await;
        let column = &job["mapping"]["columns"][1];
        assert_eq!((&column["target"], &job["mapping"]["saved_version"]), (&target, &version), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_changes_the_next_import_and_not_one_that_has_begun() {
    let files = Files::start().await;
    let save = async |field: &str, versions: &[i64]| {
        let mapping: SavedMapping = serde_json::from_value(
            json!({ "columns": [{ "header": "Text", "fields": [{ "field": field }] }] }),
        )
        .expect("a mapping");
        let mut tx = files.begin(Role::VendorOperator).await;
        put_mapping(&mut tx, ImportMode::Products, mapping, Some(versions)).await.expect("it is saved");
        tx.commit().await.expect("it commits");
    };
    save("name", &[0]).await;
    let file = "sku,Text\n1,Riegel\n";
    let waits = files.upload(ImportMode::Products, file, ImportParameters::default()).await;
    save("description", &[1]).await;
    files.run().await;
    assert_eq!(line(&files.job(waits).await), "completed 1 = 1 + 0 + 0 + 0 + 0");
    assert_eq!(files.product("1", "name").await.as_deref(), Some("Riegel"));
    assert_eq!(files.product("1", "description").await, None);
    files.test.clock.advance(chrono::TimeDelta::seconds(10));
    let next = files.import(ImportMode::Products, file).await;
    assert_eq!(line(&next), "completed 1 = 0 + 1 + 0 + 0 + 0");
    assert_eq!(files.product("1", "description").await.as_deref(), Some("Riegel"));
    // The same file under the same version is nothing new.
    let again = files.import(ImportMode::Products, file).await;
    assert_eq!(line(&again), "completed 1 = 0 + 0 + 1 + 0 + 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saving_what_was_found_leaves_the_next_import_unchanged_and_keeps_edits() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let file = "sku,name,sodium (mg),vegan\n1,Bar,400,yes\n2,Bread,200,no\n";
    import(&operator, "mode=products", file).await;
    let id = product(&operator, "1").await["id"].as_str().expect("an id").to_owned();
    operator.patch(&format!("/api/v1/products/{id}"), json!({ "name": "Better bar" })).await.expect(200);
    let body = Some(("text/csv", file.as_bytes().to_vec()));
    let path = "/api/v1/ingest/preview?mode=products";
    let preview = operator.send_bytes(Method::POST, path, &[], body).await.expect(200);
    put(&operator, "\"0\"", preview["suggested_mapping"].clone()).await.expect(200);
    app.test.clock.advance(chrono::TimeDelta::seconds(10));
    let job = import(&operator, "mode=products", file).await;
    let totals = &job["totals"];
    assert_eq!(
        (&totals["unchanged"], &totals["kept"], &totals["updated"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(product(&operator, "1").await["name"], "Better bar");
}

#[tokio::test]
async fn versions_are_written_by_whoever_read_the_last_one_and_stay_to_be_read() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let (operator, viewer) = (acme.operator().await, acme.viewer().await);
    let column = |field: &str| json!({ "columns": [{ "header": "Text", "fields": [{ "field": field }] }] });
    assert_eq!(operator.get(PRODUCTS).await.problem(), "404 mapping-not-found");
    assert_eq!(put(&operator, "*", column("name")).await.problem(), "404 mapping-not-found");
    assert_eq!(put(&operator, "\"3\"", column("name")).await.problem(), "412 precondition-failed");
    let first = put(&operator, "\"0\"", column("name")).await;
    assert_eq!(first.header("etag"), Some("\"1\""));
    assert_eq!(put(&operator, "\"0\"", column("brand")).await.problem(), "412 precondition-failed");
    assert_eq!(put(&operator, "\"1\"", column("name")).await.expect(200)["version"], 1);
    assert_eq!(put(&operator, "*", column("brand")).await.expect(200)["version"], 2);
    let key = uuid::Uuid::now_v7().to_string();
    let bare = operator.send(Method::PUT, PRODUCTS, &[("idempotency-key", &key)], Some(column("name"))).await;
    assert_eq!(bare.problem(), "428 precondition-required");
    assert_eq!(viewer.get(PRODUCTS).await.expect(200)["mapping"], column("brand"));
    let old = viewer.get(&format!("{PRODUCTS}?version=1")).await.expect(200);
    assert_eq!(old["mapping"], column("name"));
    assert_eq!(put(&viewer, "*", column("name")).await.problem(), "403 forbidden");
    assert_eq!(viewer.delete(PRODUCTS).await.problem(), "403 forbidden");
    assert_eq!(operator.delete(PRODUCTS).await.status.as_u16(), 204);
    assert_eq!(operator.delete(PRODUCTS).await.problem(), "404 mapping-not-found");
    assert_eq!(operator.get(PRODUCTS).await.problem(), "404 mapping-not-found");
    let page = viewer.get(&format!("{PRODUCTS}/versions?limit=2")).await.expect(200);
    let told: Vec<(i64, bool)> = page["items"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|v| (v["version"].as_i64().expect("a number"), v["deleted"].as_bool().expect("known")))
        .collect();
    assert_eq!(told, [(3, true), (2, false)]);
    let next = page["next_cursor"].as_str().expect("more");
    let rest = viewer.get(&format!("{PRODUCTS}/versions?cursor={next}")).await.expect(200);
    assert_eq!((&rest["items"][0]["version"], &rest["next_cursor"]), (&json!(1), &json!(null)));
    assert_eq!(put(&operator, "\"0\"", column("name")).await.expect(200)["version"], 4);
    let trail = app.vendor("acme").admin().await.get("/api/v1/audit?action=mapping.write").await.expect(200);
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn a_mapping_is_one_vendors_and_of_one_kind_of_file() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.vendor("acme").admin().await, app.vendor("rival").admin().await);
    put(&admin, "\"0\"", foreign_mapping_of("name")).await.expect(200);
    assert_eq!(rival.get(PRODUCTS).await.problem(), "404 mapping-not-found");
    assert_eq!(rival.get(&format!("{PRODUCTS}/versions")).await.problem(), "404 mapping-not-found");
    assert_eq!(rival.delete(PRODUCTS).await.problem(), "404 mapping-not-found");
    assert_eq!(admin.get("/api/v1/mappings/customers").await.problem(), "404 mapping-not-found");
    assert_eq!(admin.get("/api/v1/mappings/recipes").await.problem(), "404 mapping-not-found");
    let job = import(&rival, "mode=products", "sku,Text\n1,Riegel\n").await;
    assert_eq!(job["mapping"]["columns"][1]["target"], json!(null));
    let platform = Who { user_id: None, role: Role::System, request_id: None, job_id: None };
    let acme = app.vendor("acme").id();
    tenancy::suspend_vendor(app.database(), &platform, acme).await.expect("it is suspended");
    assert_eq!(admin.get(PRODUCTS).await.problem(), "403 vendor-suspended");
    assert_eq!(put(&admin, "*", foreign_mapping_of("brand")).await.problem(), "403 vendor-suspended");
}

fn foreign_mapping_of(field: &str) -> Value {
    json!({ "columns": [{ "header": "Text", "fields": [{ "field": field }] }] })
}

#[tokio::test]
async fn a_mapping_that_cannot_be_taken_is_refused_with_every_place() {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let refused = put(
        &admin,
        "\"0\"",
        json!({ "columns": [
            { "header": "A", "fields": [{ "field": "taste" }] },
            { "header": "a.", "fields": [{ "field": "name", "transform": "magic" }] },
        ] }),
    )
    .await;
    assert_eq!(refused.problem(), "422 validation-error");
    let text = refused.text();
    for place in ["#/columns/0/fields/0/field", "#/columns/1/header", "#/columns/1/fields/0/transform"] {
        assert!(text.contains(place), "{text}");
    }
    assert!(text.contains("`digits`") && text.contains("`flag:TAG`"), "{text}");
    let unknown = put(&admin, "\"0\"", json!({ "columns": [], "colour": 1 })).await;
    assert_eq!(unknown.problem(), "400 malformed-request");
}

#[tokio::test]
async fn a_synonym_for_a_file_names_a_field_and_a_transform_that_there_are() {
    let app = TestApp::start().await;
    let (admin, root) = (app.vendor("acme").admin().await, app.superadmin().await);
    let good = json!({ "kind": "header", "domain": "products", "synonym": "EAN", "target": "gtin",
        "transform": "digits" });
    for (field, value) in [
        ("transform", "reverse"),
        ("transform", "flag:vegan"),
        ("target", "taste"),
        ("target", "email"),
        ("domain", "recipes"),
        ("synonym", "!?"),
    ] {
        let mut wrong = good.clone();
        wrong[field] = json!(value);
        for answer in [
            admin.post("/api/v1/synonyms", wrong.clone()).await,
            root.post("/api/v1/platform/synonyms", wrong).await,
        ] {
            assert_eq!(answer.problem(), "422 validation-error", "{field} {value}");
            assert!(
                answer.text().contains(&format!("#/{field}")) || value == "flag:vegan",
                "{}",
                answer.text()
            );
            assert!(field != "transform" || value == "flag:vegan" || answer.text().contains("`part:N:X`"));
        }
    }
    admin.post("/api/v1/synonyms", good).await.expect(201);
    let value = json!({ "kind": "value", "domain": "taste", "synonym": "a", "target": "b" });
    assert_eq!(admin.post("/api/v1/synonyms", value).await.problem(), "422 validation-error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_on_labels_is_no_word_for_a_column_and_a_vendors_word_goes_before_the_platforms() {
    let app = TestApp::start().await;
    let (admin, root) = (app.vendor("acme").admin().await, app.superadmin().await);
    let value = |domain: &str, written: &str, meant: &str| json!({ "kind": "value", "domain": domain, "synonym": written, "target": meant });
    root.post("/api/v1/platform/synonyms", value("category", "Riegel", "bars")).await.expect(200);
    root.post("/api/v1/platform/synonyms", value("category", "Brot", "bread")).await.expect(200);
    admin.post("/api/v1/synonyms", value("category", "BROT", "loaves")).await.expect(201);
    admin.post("/api/v1/synonyms", value("allergens", "zorgle", "milk")).await.expect(201);
    admin.post("/api/v1/synonyms", value("contains", "Eizeug", "egg")).await.expect(201);
    let file = "sku,name,category,allergens,free_from\n1,Bar,Riegel,Eizeug,zorgle\n2,Loaf,brot,,\n";
    import(&admin, "mode=products", file).await;
    let read = async |external_id: &str| {
        let id = product(&admin, external_id).await["id"].as_str().expect("an id").to_owned();
        admin.get(&format!("/api/v1/products/{id}")).await.expect(200)
    };
    let bar = read("1").await;
    assert_eq!(bar["category_id"], "bars");
    assert!(bar["allergens"]["contains"].to_string().contains("egg"), "{bar}");
    // It must not become "free from milk".
    assert!(!bar["allergens"]["free_from"].to_string().contains("milk"), "{bar}");
    assert_eq!(read("2").await["category_id"], "loaves");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_waits_reads_with_the_words_of_its_first_attempt() {
    let files = Files::start().await;
    let mut tx = files.begin(Role::VendorAdmin).await;
    let change = odyssey_domain::taxonomy::begin_change(&mut tx).await.expect("a change");
    let word = odyssey_domain::taxonomy::SynonymWrite {
        kind: odyssey_domain::taxonomy::SynonymKind::Header,
        domain: "products".to_owned(),
        synonym: "Artikel".to_owned(),
        target: "name".to_owned(),
        transform: None,
        certainty: None,
    };
    odyssey_domain::taxonomy::create_synonym(&mut tx, &change, &word).await.expect("it is written");
    tx.commit().await.expect("it commits");
    let job = files.import(ImportMode::Products, "sku,Artikel\n1,Riegel\n").await;
    assert_eq!(line(&job), "completed 1 = 1 + 0 + 0 + 0 + 0");
    let mut connection = files.superuser().await;
    let words: Option<Value> = sqlx::query_scalar("SELECT words FROM odyssey.imports")
        .fetch_one(&mut connection)
        .await
        .expect("the import");
    let words = words.expect("what it was read by");
    assert_eq!(words["headers"], json!([{ "header": "Artikel", "field": "name" }]));
    let mut tx = files.begin(Role::VendorAdmin).await;
    assert!(ingestion::find_mapping(&mut tx, ImportMode::Products, None).await.expect("an answer").is_none());
    tx.roll_back().await.expect("it ends");
}
