use odyssey_domain::ingestion::{self, ImportMode, IngestionError};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::TestApp;
use serde_json::json;

use super::Files;
use super::harness::line;

const FILE: &str = "external_id,name,notes,sodium_mg\n\
    p1,Bar,\"with, comma\",5\n\
    ,Nameless,\"says \"\"so\"\"\",5\n\
    p3,Salty,plain,-7\n\
    p1,Twice,again,5\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_come_back_as_the_file_had_them_and_corrected_they_import() {
    let files = Files::start().await;
    let job = files.import(ImportMode::Products, FILE).await;
    assert_eq!(line(&job), "completed_with_errors 4 = 1 + 0 + 0 + 0 + 3");
    let csv = files.errors_csv(job.record.id.into()).await;
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 4, "{csv}");
    assert!(rows[0].starts_with("external_id,name,notes,sodium_mg,error_row,error_code,error_column"));
    assert!(rows[1].starts_with(",Nameless,\"says \"\"so\"\"\",5,2,identity_missing,"), "{csv}");
    assert!(rows[2].starts_with("p3,Salty,plain,-7,3,nutrient_negative,sodium_mg,-7,"), "{csv}");
    assert!(rows[3].starts_with("p1,Twice,again,5,4,duplicate_in_file,external_id,p1,"), "{csv}");
    assert!(rows[3].contains("The first one is row 1."), "{csv}");

    let corrected = csv
        .replace("\n,Nameless", "\np2,Nameless")
        .replace("plain,-7", "plain,7")
        .replace("\np1,Twice", "\np4,Twice");
    let again = files.import(ImportMode::Products, corrected).await;
    assert_eq!(line(&again), "completed 3 = 3 + 0 + 0 + 0 + 0", "the error columns are read past");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_read_health_sees_codes_and_places_of_customers_rows_and_no_value() {
    let files = Files::start().await;
    let job = files.import(ImportMode::Customers, "external_id,name,weight_kg\nc1,Ada Secret,heavy\n").await;
    assert_eq!(line(&job), "completed_nothing_written 1 = 0 + 0 + 0 + 0 + 1");
    let mut tx = files.begin(Role::VendorViewer).await;
    let page = ingestion::list_errors(&mut tx, job.record.id.into(), None, 50, false).await.expect("a page");
    tx.commit().await.expect("it commits: reading is audited");
    assert!(page.masked);
    assert_eq!((page.items[0].row, page.items[0].code.as_str()), (1, "number_unreadable"));
    assert_eq!(page.items[0].values, None);
    let tx = files.begin(Role::VendorViewer).await;
    let refused = ingestion::errors_csv(tx, job.record.id.into(), false).await.err().expect("refused");
    assert!(matches!(refused, IngestionError::ValuesForbidden));

    let mut tx = files.begin(Role::VendorOperator).await;
    let page = ingestion::list_errors(&mut tx, job.record.id.into(), None, 50, true).await.expect("a page");
    tx.commit().await.expect("it commits");
    assert_eq!(page.items[0].values.as_ref().and_then(|v| v.expose().value.as_deref()), Some("heavy"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_limit_errors_are_counted_and_not_kept() {
    let files = Files::start_with(|settings| settings.row_errors_max = 10).await;
    let rows: String = (0..30).map(|n| format!(",Nameless {n}\n")).collect();
    let job = files.import(ImportMode::Products, format!("external_id,name\n{rows}p1,Named\n")).await;
    assert_eq!(line(&job), "completed_with_errors 31 = 1 + 0 + 0 + 0 + 30");
    assert_eq!(files.errors_csv(job.record.id.into()).await.lines().count(), 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_odd_throughout_does_not_crowd_out_other_oddities() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rows: String = (1..=300).map(|n| format!("p{n},1.0000000{n:03},,\n")).collect();
    let file = format!("external_id,fat_g,sodium_mg,gtin\n{rows}salt,1,20000,36000291452\n");
    let path = "/api/v1/ingest/csv?mode=products";
    let body = Some(("text/csv", file.into_bytes()));
    let accepted = operator.send_bytes(http::Method::POST, path, &[], body).await.expect(202);
    app.run_jobs().await;
    let job = accepted["status_url"].as_str().expect("a job").to_owned();
    let view = operator.get(&job).await.expect(200);
    // All are counted.
    assert_eq!(view["totals"]["warnings"], json!(302), "{view}");
    let counted = json!({ "gtin_zero_restored": 1, "number_rounded": 300, "sodium_high": 1 });
    assert_eq!(view["warning_codes"], counted, "{view}");
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("{job}/errors?limit=50{cursor}")).await.expect(200);
        listed.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    // A few are listed, each with what stands in the file.
    let of = |code: &str| listed.iter().filter(|w| w["code"] == code).collect::<Vec<_>>();
    let rounded = of("number_rounded");
    assert_eq!((rounded.len(), &rounded[99]["row"]), (100, &json!(100)));
    assert_eq!((&rounded[7]["column"], &rounded[7]["value"]), (&json!("fat_g"), &json!("1.0000000008")));
    assert_eq!(
        (&of("sodium_high")[0]["row"], &of("sodium_high")[0]["value"]),
        (&json!(301), &json!("20000"))
    );
    let restored = of("gtin_zero_restored")[0];
    assert_eq!(
        (&restored["value"], &restored["suggestion"]),
        (&json!("36000291452"), &json!("036000291452"))
    );

    // Of people there is no value.
    let path = "/api/v1/ingest/csv?mode=customers";
    let body = Some(("text/csv", b"external_id,age,height_cm\nada,40,240\n".to_vec()));
    let accepted = operator.send_bytes(http::Method::POST, path, &[], body).await.expect(202);
    app.run_jobs().await;
    let job = accepted["status_url"].as_str().expect("a job");
    let page = operator.get(&format!("{job}/errors")).await.expect(200);
    assert_eq!(
        (&page["items"][0]["code"], &page["items"][0]["value"]),
        (&json!("unusual_height"), &json!(null))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_table_is_named_for_what_it_is_and_a_list_of_objects_is_taken() {
    let files = Files::start().await;
    let fhir = "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"7\"\n}\n";
    for (file, code, says) in [
        ("<?xml version=\"1.0\"?>\n<items><item>1</item></items>\n", "file_is_xml", "XML"),
        (fhir, "file_is_fhir", "/customers/{customer_id}/fhir"),
        ("{\n  \"sku\": 1,\n  \"name\": \"Bar\"\n}\n", "json_not_one_object_a_line", "one object a line"),
        ("[\n  { \"sku\": \"a\", \"name\": \"Bar\" },\n", "json_list_cut", "cut"),
        ("[{ \"sku\": \"a\" } { \"sku\": \"b\" }]\n", "json_list_damaged", "line 1"),
    ] {
        for mode in [ImportMode::Products, ImportMode::Customers] {
            let job = files.import(mode, file).await;
            assert_eq!(job.record.error_code.as_deref(), Some(code), "{file}");
            let detail = job.record.error_detail.as_deref().expect("what to do");
            assert!(detail.contains(says), "{detail}");
            assert_eq!(job.import.expect("an import").totals.written(), 0, "{file}");
        }
    }
    let list = "[\n  { \"sku\": \"a\", \"name\": \"Bar\" },\n  { \"sku\": \"b\", \"sodium_mg\": -7 }\n]\n";
    let job = files.import(ImportMode::Products, list).await;
    assert_eq!(line(&job), "completed_with_errors 2 = 1 + 0 + 0 + 0 + 1");
    assert_eq!(files.product("a", "name").await.as_deref(), Some("Bar"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_the_list_hold_every_error_once() {
    let files = Files::start().await;
    let rows: String = (0..25).map(|n| format!(",Nameless {n}\n")).collect();
    let job = files.import(ImportMode::Products, format!("external_id,name\n{rows}")).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let mut tx = files.begin(Role::VendorOperator).await;
        let page = ingestion::list_errors(&mut tx, job.record.id.into(), cursor.as_deref(), 10, true).await;
        let page = page.expect("a page");
        tx.roll_back().await.expect("it ends");
        seen.extend(page.items.iter().map(|fault| fault.row));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).collect::<Vec<u64>>());
}

/// Everything that is kept of imports in the clear, as text.
async fn kept_in_clear(files: &Files) -> String {
    let mut connection = files.superuser().await;
    sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(to_jsonb(i)::text, ' ') FROM odyssey.imports i),
                       (SELECT string_agg(to_jsonb(u)::text, ' ') FROM odyssey.uploads u),
                       (SELECT string_agg(to_jsonb(e)::text, ' ') FROM odyssey.row_errors e),
                       (SELECT string_agg(to_jsonb(j)::text, ' ') FROM odyssey.jobs j))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("what is kept")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_row_of_a_customer_file_without_headers_is_read_as_a_row_and_kept_nowhere_in_clear() {
    let files = Files::start().await;
    // Words that head columns elsewhere, a gap below: all that once made a header of it.
    let file = "M-77,Wilhelmina Secretson,vegan,peanut\nM-78,Otto Hiddenman,,\n";
    let job = files.import(ImportMode::Customers, file).await;
    assert_eq!(job.record.error_code.as_deref(), Some("no_identity_column"));
    assert!(job.record.error_detail.as_deref().is_some_and(|detail| detail.contains("column_1")));

    let mapping = ["column_1=external_id", "column_2=full_name"].map(|decision| {
        let (header, target) = decision.split_once('=').expect("a decision");
        ingestion::ColumnOverride {
            header: header.to_owned(),
            target: Some(target.to_owned()),
            unit: None,
            basis: None,
        }
    });
    let parameters = ingestion::ImportParameters { mapping: mapping.to_vec(), ..Default::default() };
    let job = files.import_with(ImportMode::Customers, file, parameters).await;
    assert_eq!(line(&job), "completed 2 = 2 + 0 + 0 + 0 + 0", "the first row is a customer too");
    let kept = kept_in_clear(&files).await;
    assert!(!kept.contains("Wilhelmina") && !kept.contains("M-77"), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_could_be_a_cell_is_sealed_and_comes_back_in_the_errors_alone() {
    let files = Files::start().await;
    // Rows and columns changed places: the identity's header stands beside what belongs to people.
    let file = "patient id,Wilhelmina Secretson,weight_kg\nc1,Otto Hiddenman,heavy\n";
    let job = files.import(ImportMode::Customers, file).await;
    assert_eq!(line(&job), "completed_nothing_written 1 = 0 + 0 + 0 + 0 + 1");
    let mapping = job.import.as_ref().and_then(|import| import.mapping.clone()).expect("a mapping");
    let headers: Vec<&str> =
        mapping["columns"].as_array().expect("columns").iter().filter_map(|c| c["header"].as_str()).collect();
    assert_eq!(headers, ["patient id", "column_2", "weight_kg"]);
    let kept = kept_in_clear(&files).await;
    assert!(!kept.contains("Wilhelmina"), "{kept}");
    let csv = files.errors_csv(job.record.id.into()).await;
    assert!(csv.starts_with("patient id,Wilhelmina Secretson,weight_kg,error_row"), "{csv}");
}
