//! The real catalog, through the API: imported, attested, matched, and checked by a naive second opinion.
//!
//! The data is not part of the project; without it these tests say that they skip. The whole file runs with
//! `ODYSSEY_SOAK=1` (`make soak`), a cut of it otherwise.

mod naive;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

const FILE: &str = "products/lifyzer_off_us_213592.csv.zst";
/// Rows of the cut: what one test may cost in `make test`.
const CUT_ROWS: usize = 6_000;

/// Whole file: rows, accepted rows, and refused rows by code. Counted by a script of its own, in another
/// language, that shares no code with the importer.
const WHOLE_ROWS: i64 = 213_592;
const WHOLE_ACCEPTED: i64 = 208_205;
const WHOLE_CODES: [(&str, i64); 7] = [
    ("duplicate_in_file", 145),
    ("gtin_check_digit", 2_101),
    ("gtin_length", 1_923),
    ("nutrient_negative", 12),
    ("nutrient_out_of_range", 560),
    ("saturated_fat_exceeds_fat", 183),
    ("sugars_exceed_carbohydrate", 495),
];

#[tokio::test]
async fn the_real_catalog_imports_and_its_matches_hold_no_forbidden_word() {
    let Some(path) = data(FILE) else { return };
    check(&path, Some(CUT_ROWS)).await;
}

#[tokio::test]
async fn soak_the_whole_real_catalog_imports_and_its_matches_hold_no_forbidden_word() {
    if std::env::var_os("ODYSSEY_SOAK").is_none() {
        eprintln!("skipped: the whole file is for `make soak`");
        return;
    }
    let Some(path) = data(FILE) else { return };
    check(&path, None).await;
}

async fn check(path: &std::path::Path, rows: Option<usize>) {
    let app = TestApp::start().await;
    let admin = app.vendor("acme").admin().await;
    let csv = read(path, rows);

    // Not attested: a silent label clears nobody with an allergy, and the answer says so.
    let plain = import(&app, &admin, "/api/v1/ingest/csv?mode=products", &csv).await;
    reconcile(&plain["totals"]);
    if rows.is_none() {
        assert_eq!(plain["totals"]["read"], WHOLE_ROWS);
        assert_eq!(plain["totals"]["created"], WHOLE_ACCEPTED);
        for (code, count) in WHOLE_CODES {
            assert_eq!(plain["error_codes"][code], count, "{code}: {}", plain["error_codes"]);
        }
    }
    let customer = person(&admin).await;
    let silent = admin.get(&format!("/api/v1/matches/{customer}?k=1000")).await.expect(200);
    assert_eq!(silent["items"], json!([]));
    assert!(funnel(&silent, "HX_ALLERGEN_UNKNOWN") > 0, "{}", silent["funnel"]);

    // The same file again: every accepted row unchanged, the same rows refused, no new version.
    let version = silent["provenance"]["catalog_version"].clone();
    let again = import(&app, &admin, "/api/v1/ingest/csv?mode=products", &csv).await;
    assert_eq!(again["totals"]["unchanged"], plain["totals"]["created"]);
    assert_eq!(again["totals"]["rejected"], plain["totals"]["rejected"]);
    assert_eq!(again["error_codes"], plain["error_codes"]);
    let unmoved = admin.get(&format!("/api/v1/matches/{customer}")).await.expect(200);
    assert_eq!(unmoved["provenance"]["catalog_version"], version);

    // Attested complete: now there are matches, and a naive reader finds nothing forbidden in them.
    let attested = "/api/v1/ingest/csv?mode=products&allergen_data=complete&label_jurisdiction=US&label_as_of=2019-06-14";
    import(&app, &admin, attested, &csv).await;
    let matches = admin.get(&format!("/api/v1/matches/{customer}?k=1000")).await.expect(200);
    let fits = matches["fits_total"].as_u64().expect("a count");
    let wanted = if rows.is_none() { 500 } else { 50 };
    println!("{fits} of {} products fit", matches["considered"]);
    assert!(fits >= wanted, "only {fits} fit: {}", matches["funnel"]);
    for item in matches["items"].as_array().expect("items") {
        let ingredients = item["product"]["ingredients"].as_str().unwrap_or_default();
        let length = ingredients.chars().count();
        assert!(!(254..=255).contains(&length), "a truncated list fits: {}", item["product"]["external_id"]);
        let found = naive::forbidden_words(ingredients);
        assert_eq!(found, Vec::<&str>::new(), "{}: {ingredients}", item["product"]["external_id"]);
    }
}

/// Read = created + updated + unchanged + kept + rejected.
fn reconcile(totals: &Value) {
    let of = |name: &str| totals[name].as_i64().expect("a count");
    let parts: i64 = ["created", "updated", "unchanged", "kept", "rejected"].into_iter().map(of).sum();
    assert_eq!(of("read"), parts, "{totals}");
}

fn funnel(matches: &Value, code: &str) -> u64 {
    let steps = matches["funnel"].as_array().expect("a funnel");
    steps.iter().filter(|s| s["code"] == code).filter_map(|s| s["total"].as_u64()).sum()
}

/// A peanut allergy, hypertension and a vegan diet.
async fn person(admin: &Actor<'_>) -> String {
    let body = json!({ "customers": [{
        "external_id": "peanut-htn-vegan", "name": "Somebody",
        "profile": { "age_years": 45, "sex": "female", "height_cm": 170, "weight_kg": 70,
                     "allergies": [{ "allergen": "peanut", "severity": "anaphylaxis" }],
                     "conditions": [{ "system": "icd10cm", "code": "I10" }],
                     "diets": [{ "diet": "vegan", "kind": "ethical" }] },
        "consents": [{ "purpose": "health_data", "state": "granted" }] }] });
    let answer = admin.post("/api/v1/customers", body).await.expect(207);
    answer["results"][0]["id"].as_str().unwrap_or_else(|| panic!("no customer: {answer}")).to_owned()
}

async fn import(app: &TestApp, admin: &Actor<'_>, path: &str, csv: &[u8]) -> Value {
    let body = Some(("text/csv", csv.to_vec()));
    let accepted = admin.send_bytes(http::Method::POST, path, &[], body).await.expect(202);
    app.run_jobs().await;
    let job = accepted["job_id"].as_str().expect("a job").to_owned();
    admin.get(&format!("/api/v1/jobs/{job}")).await.expect(200)
}

/// The file's header and its first rows. No field of it holds a line break.
fn read(path: &std::path::Path, rows: Option<usize>) -> Vec<u8> {
    let file = std::fs::File::open(path).expect("the file opens");
    let lines = BufReader::new(zstd::Decoder::new(file).expect("zstd")).split(b'\n');
    let take = rows.map_or(usize::MAX, |rows| rows + 1);
    let mut csv = Vec::new();
    for line in lines.take(take) {
        csv.extend_from_slice(&line.expect("a line"));
        csv.push(b'\n');
    }
    csv
}

fn data(file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ODYSSEY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(file);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("skipped: shared data not present");
        None
    }
}
