//! What an import would make of a file, and that it does so.

use std::io::Read;

use http::Method;
use odyssey_testkit::{Actor, TestApp, TestResponse};
use serde_json::{Value, json};

use super::harness::gtin;
use super::mappings::{FOREIGN, foreign_mapping, import};

async fn preview(actor: &Actor<'_>, query: &str, file: &[u8]) -> TestResponse {
    let path = format!("/api/v1/ingest/preview?{query}");
    actor.send_bytes(Method::POST, &path, &[], Some(("text/csv", file.to_vec()))).await
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_three = |three: &[u8]| {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        let letter = move |at: usize| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]);
        let said = three.len() + 1;
        (0..4).map(move |at| if at < said { letter(at) } else { '=' })
    };
    text.as_bytes().chunks(3).flat_map(of_three).collect()
}

/// Whether everything that `part` says is said by `whole` too; null and absent are the same.
fn says(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Null) => whole.is_null(),
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(name, value)| {
            says(whole.get(name).unwrap_or(&Value::Null), value)
                || (value.is_object() && value.as_object().is_some_and(|v| v.values().all(Value::is_null)))
        }),
        (whole, part) => whole == part,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_shows_what_the_import_of_the_same_file_then_does() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("held", json!({ "name": "Holder", "gtin": gtin(4) })).await;
    let file = format!(
        "sku,name,gtin,fat_g,serving_size,allergens,vegan,price,currency\n\
         1,Bar,{},1.5,30 g,milk,yes,1.99,EUR\n2,Bread,,heavy,,,no,,\n3,Cake,{},2,,,,,\n1,Again,,,,,,,\n,Nobody,,,,,,,\n\
         6,Soup,12,abc,,,maybe,x,\n7,Rich,,120,,,,,\n",
        gtin(1),
        gtin(4)
    );
    let shown = preview(&operator, "mode=products", file.as_bytes()).await.expect(200);
    assert_eq!(operator.get("/api/v1/products").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(operator.get("/api/v1/jobs").await.expect(200)["items"], json!([]));

    let job = import(&operator, "mode=products", &file).await;
    let url = format!("/api/v1/jobs/{}/errors?limit=200", job["job_id"].as_str().expect("an id"));
    let faults = operator.get(&url).await.expect(200)["items"].clone();
    let faults = faults.as_array().expect("faults");
    let products = operator.get("/api/v1/products").await.expect(200)["items"].clone();
    let rows = shown["rows"].as_array().expect("rows");
    assert_eq!(rows.len() as i64, job["totals"]["read"].as_i64().expect("a count"));
    for row in rows {
        let of_row: Vec<&Value> = faults.iter().filter(|fault| fault["row"] == row["row"]).collect();
        let expected: Vec<&Value> = row["faults"].as_array().expect("faults").iter().collect();
        assert_eq!(of_row, expected, "row {}", row["row"]);
        let refused = of_row.iter().any(|fault| fault["severity"] == "error");
        assert_eq!(row["status"], if refused { "rejected" } else { "accepted" });
        if !refused {
            let external_id = &row["fields"]["external_id"];
            let listed = products.as_array().expect("products").iter();
            let id = listed.clone().find(|p| p["external_id"] == *external_id).expect("it was written")["id"]
                .clone();
            let stored =
                operator.get(&format!("/api/v1/products/{}", id.as_str().expect("an id"))).await.expect(200);
            for (name, value) in row["fields"].as_object().expect("fields") {
                assert!(says(&stored[name], value), "{name}: {} is not {value}", stored[name]);
            }
        }
    }
    let accepted = rows.iter().filter(|row| row["status"] == "accepted").count();
    assert_eq!(
        (json!(accepted), job["totals"]["rejected"].as_i64()),
        (job["totals"]["created"].clone(), Some(5))
    );
    let taken = rows.iter().flat_map(|row| row["faults"].as_array().into_iter().flatten());
    let taken: Vec<&Value> = taken.filter(|error| error["code"] == "barcode_taken").collect();
    assert!(!taken.is_empty());
    for error in taken {
        let remedy = error["remedy"].as_str().expect("a remedy");
        assert!(remedy.contains("external id held holds this barcode"), "{remedy}");
    }
    let columns = job["mapping"]["columns"].as_array().expect("columns");
    for (shown, recorded) in shown["columns"].as_array().expect("columns").iter().zip(columns) {
        for part in ["header", "target", "status", "source", "confidence", "unit", "reason"] {
            assert_eq!(shown[part], recorded[part], "{part} of {recorded}");
        }
    }
    assert_eq!(shown["columns"][1]["samples"], json!(["Bar", "Bread", "Cake"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_of_customers_shows_what_their_import_then_does() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let file =
        "member_id,name,weight_kg,allergies,consent_health_data\nM-1,Ada,60,milk,yes\nM-2,Bea,heavy,,\n";
    let shown = preview(&operator, "mode=customers", file.as_bytes()).await.expect(200);
    assert_eq!(shown["masked"], false);
    assert_eq!(operator.get("/api/v1/customers").await.expect(200)["items"], json!([]));
    let job = import(&operator, "mode=customers", file).await;
    let url = format!("/api/v1/jobs/{}/errors", job["job_id"].as_str().expect("an id"));
    let faults = operator.get(&url).await.expect(200)["items"].clone();
    assert_eq!(shown["rows"][1]["faults"], faults);
    let fields = &shown["rows"][0]["fields"];
    let found = operator.get("/api/v1/customers").await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("an id").to_owned();
    let stored = operator.get(&format!("/api/v1/customers/{id}")).await.expect(200);
    assert_eq!((&stored["name"], &stored["external_id"]), (&fields["name"], &fields["external_id"]));
    let profile = operator.get(&format!("/api/v1/customers/{id}/health")).await.expect(200);
    assert!(profile.to_string().contains("\"weight_kg\":60"), "{profile}");
    assert_eq!(fields["profile"]["weight_kg"], 60.0);
}

#[tokio::test]
async fn nobody_who_may_not_import_sees_a_preview() {
    let app = TestApp::start().await;
    let acme = app.vendor("acme");
    let file = b"member_id,name\nM-1,Ada\n";
    let viewer = preview(&acme.viewer().await, "mode=customers", file).await;
    assert_eq!(viewer.problem(), "403 forbidden");
    assert!(!viewer.text().contains("Ada"));
    let admin = acme.admin().await;
    preview(&admin, "mode=customers", file).await.expect(200);
    let trail = admin.get("/api/v1/audit?action=import.preview").await.expect(200);
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(1));
    assert!(!trail.to_string().contains("Ada"), "{trail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_tried_before_it_is_saved() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let bare = preview(&operator, "mode=products", FOREIGN.as_bytes()).await.expect(200);
    assert_eq!(bare["refused"]["code"], "no_identity_column");
    let path = "/api/v1/ingest/preview?mode=products";
    let body = json!({ "file_base64": base64(FOREIGN), "mapping": foreign_mapping() });
    let tried = operator.send(Method::POST, path, &[], Some(body.clone())).await.expect(200);
    assert_eq!((&tried["refused"], &tried["saved_version"]), (&json!(null), &json!(null)));
    assert_eq!(tried["rows"][0]["fields"]["name"], "Riegel");
    assert_eq!(tried["columns"][0]["source"], "saved");
    let mapping = "/api/v1/mappings/products";
    assert_eq!(operator.get(mapping).await.problem(), "404 mapping-not-found");
    let wrong = json!({ "file_base64": base64("a\n1\n"),
        "mapping": { "columns": [{ "header": "a", "fields": [{ "field": "taste" }] }] } });
    let refused = operator.send(Method::POST, path, &[], Some(wrong)).await;
    assert!(refused.text().contains("#/mapping/columns/0/fields/0/field"), "{}", refused.text());
    for body in [
        json!({}),
        json!({ "file_base64": "!" }),
        json!({ "file_base64": "YQ==", "upload_id": uuid::Uuid::nil() }),
    ] {
        assert_eq!(
            operator.send(Method::POST, path, &[], Some(body)).await.problem(),
            "422 validation-error"
        );
    }
    // What was suggested can be sent as it is, and shows the same rows.
    let suggested = tried["suggested_mapping"].clone();
    operator.keyed(Method::PUT, mapping, &[("if-match", "\"0\"")], suggested).await.expect(200);
    let saved = preview(&operator, "mode=products", FOREIGN.as_bytes()).await.expect(200);
    assert_eq!((&saved["rows"], &saved["saved_version"]), (&tried["rows"], &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_looked_at_as_far_as_it_has_come() {
    let app = TestApp::start().await;
    let (operator, rival) = (app.vendor("acme").operator().await, app.vendor("rival").admin().await);
    let about = json!({ "file_name": "products.csv", "byte_length": 40 });
    let path = "/api/v1/ingest/csv?mode=products";
    let begun = operator.send(Method::POST, path, &[], Some(about)).await.expect(201);
    let url = begun["upload_url"].as_str().expect("an address").to_owned();
    let headers = [("tus-resumable", "1.0.0"), ("upload-offset", "0")];
    let bytes = Some(("application/offset+octet-stream", b"sku,name\n1,Bar\n2,Br".to_vec()));
    assert_eq!(operator.send_bytes(Method::PATCH, &url, &headers, bytes).await.status.as_u16(), 204);
    let body = json!({ "upload_id": begun["upload_id"] });
    let path = "/api/v1/ingest/preview?mode=products";
    let shown = operator.send(Method::POST, path, &[], Some(body.clone())).await.expect(200);
    assert_eq!(shown["rows"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(rival.send(Method::POST, path, &[], Some(body)).await.problem(), "404 upload-not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_is_told_so_and_costs_little() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    assert_eq!(preview(&operator, "mode=products", b"").await.problem(), "415 unsupported-file");
    let garbage: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let answer = preview(&operator, "mode=products", &garbage).await;
    assert!(answer.status.is_success() || answer.problem() == "415 unsupported-file", "{}", answer.text());
    if answer.status.is_success() {
        assert_eq!(answer.json()["refused"]["code"], "no_identity_column");
    }
    let too_much = vec![b'a'; (4 << 20) + 1];
    assert_eq!(preview(&operator, "mode=products", &too_much).await.problem(), "413 payload-too-large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_in_a_mebibyte_is_not_unpacked() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let zeros = std::io::repeat(b'a').take(1 << 30);
    let bomb = zstd::encode_all(zeros, 1).expect("into memory");
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let begun = std::time::Instant::now();
    let answer = preview(&operator, "mode=products", &bomb).await;
    assert_eq!(answer.problem(), "415 unsupported-file", "{}", answer.text());
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_upload_is_begun_by_saying_what_file_will_come() {
    let app = TestApp::start().await;
    let (operator, viewer) = (app.vendor("acme").operator().await, app.vendor("acme").viewer().await);
    let path = "/api/v1/ingest/csv?mode=products";
    let about = json!({ "file_name": "Ada's products.csv", "byte_length": 15 });
    let begun = operator.send(Method::POST, path, &[], Some(about.clone())).await;
    let url = begun.header("location").expect("where to send it").to_owned();
    let begun = begun.expect(201);
    assert_eq!((&begun["upload_url"], &begun["byte_length"]), (&json!(url), &json!(15)));
    assert!(begun["job_id"].is_string() && begun["expires_at"].is_string(), "{begun}");
    let headers = [("tus-resumable", "1.0.0"), ("upload-offset", "0")];
    let bytes = Some(("application/offset+octet-stream", b"sku,name\n1,Bar\n".to_vec()));
    assert_eq!(operator.send_bytes(Method::PATCH, &url, &headers, bytes).await.status.as_u16(), 204);
    app.run_jobs().await;
    let job = operator.get(begun["status_url"].as_str().expect("a job")).await.expect(200);
    assert_eq!(job["totals"]["created"], 1, "{job}");
    let head = operator.send_bytes(Method::HEAD, &url, &[("tus-resumable", "1.0.0")], None).await;
    assert!(head.header("upload-metadata").is_some_and(|metadata| metadata.starts_with("filename ")));
    assert_eq!(viewer.send(Method::POST, path, &[], Some(about)).await.problem(), "403 forbidden");
    let long = json!({ "file_name": "a".repeat(300) });
    assert_eq!(operator.send(Method::POST, path, &[], Some(long)).await.problem(), "422 validation-error");
    let large = json!({ "byte_length": u64::MAX });
    assert_eq!(operator.send(Method::POST, path, &[], Some(large)).await.problem(), "413 upload-too-large");
    let bad = "/api/v1/ingest/csv?mode=products&encoding=klingon";
    assert_eq!(
        operator.send(Method::POST, bad, &[], Some(json!({}))).await.problem(),
        "422 validation-error"
    );
}
