use odyssey_domain::ingestion::{ConsentAttestation, ImportMode, ImportParameters, IngestionError};
use odyssey_domain::tenancy::Role;
use sqlx::Row;

use super::Files;
use super::harness::line;

const MODE: ImportMode = ImportMode::Customers;
const NEEDLES: [&str; 6] = [
    "Zebulon Quackenbush",
    "zebulon@quack.example",
    "1971-03-09",
    "celiac disease",
    "CUST-77421",
    "Heavyset-9",
];

fn planted() -> String {
    "external_id,name,email,birth_date,conditions,weight_kg\n\
     CUST-77421,Zebulon Quackenbush,zebulon@quack.example,1971-03-09,celiac disease,80\n\
     CUST-77422,Zebulon Quackenbush,zebulon@quack.example,1971-03-09,celiac disease,Heavyset-9\n\
     CUST-77421,Zebulon Quackenbush,zebulon@quack.example,1971-03-09,celiac disease,80\n"
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_import_once_and_unchanged_after_that() {
    let files = Files::start().await;
    let rows: String = (0..110).map(|n| format!("c{n},Person {n},{}\n", 50 + n % 30)).collect();
    let file = format!("external_id,name,weight_kg\n{rows}");
    assert_eq!(line(&files.import(MODE, &file).await), "completed 110 = 110 + 0 + 0 + 0 + 0");
    assert_eq!(line(&files.import(MODE, &file).await), "completed 110 = 0 + 0 + 110 + 0 + 0");
    let changed = file.replace("Person 7,", "Person Seven,");
    assert_eq!(line(&files.import(MODE, &changed).await), "completed 110 = 0 + 1 + 109 + 0 + 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_for_a_whole_file_is_an_admins_word_and_recorded_for_each_person() {
    let files = Files::start().await;
    let consent = ConsentAttestation { text_version: Some("2026-01".to_owned()) };
    let parameters = ImportParameters { consent: Some(consent), ..ImportParameters::default() };
    let refused = files.try_upload(MODE, planted(), parameters.clone(), Role::VendorOperator).await;
    assert!(matches!(refused, Err(IngestionError::ConsentNeedsAdmin)));
    files.import_with(MODE, planted(), parameters).await;
    let mut connection = files.superuser().await;
    let consents = sqlx::query("SELECT state, source, text_version, recorded_by FROM odyssey.consents")
        .fetch_all(&mut connection)
        .await
        .expect("the consents");
    let [consent] = consents.as_slice() else { panic!("one person, one consent: {}", consents.len()) };
    assert_eq!(consent.get::<String, _>("state"), "granted");
    assert_eq!(consent.get::<String, _>("source"), "vendor_attestation");
    assert_eq!(consent.get::<Option<String>, _>("text_version").as_deref(), Some("2026-01"));
    let admin = files.test.vendor("acme").admin.as_uuid();
    assert_eq!(consent.get::<uuid::Uuid, _>("recorded_by"), admin);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_customer_is_in_clear_in_the_spool_or_in_any_table() {
    let files = Files::start().await;
    let job = files.import(MODE, planted()).await;
    assert_eq!(line(&job), "completed_with_errors 3 = 1 + 0 + 0 + 0 + 2");
    let csv = files.errors_csv(job.record.id.into()).await;
    assert!(csv.contains("Heavyset-9") && csv.contains("Zebulon"), "whoever may read it, can: {csv}");

    for folder in std::fs::read_dir(files.spool.path().join("spool")).expect("the spool") {
        for file in std::fs::read_dir(folder.expect("a folder").path()).expect("a folder") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
            let text = String::from_utf8_lossy(&bytes);
            assert!(NEEDLES.iter().all(|needle| !text.contains(needle)));
        }
    }
    let mut connection = files.superuser().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND n.nspname LIKE 'odyssey%'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the tables");
    assert!(tables.len() > 30, "{tables:?}");
    let mut rows_seen = 0;
    for table in tables {
        let statement = format!("SELECT t::text FROM {table} t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_all(&mut connection)
            .await
            .expect("its rows");
        rows_seen += rows.len();
        for row in rows {
            for needle in NEEDLES {
                let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
                assert!(!row.contains(needle) && !row.contains(&hex), "{table} holds {needle}");
            }
        }
    }
    assert!(rows_seen > 20);
}
