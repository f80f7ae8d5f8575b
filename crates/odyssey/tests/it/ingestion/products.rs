use odyssey_domain::catalog::{self, Change, ProductWrite};
use odyssey_domain::ingestion::{ImportMode, ImportParameters, LabelAttestation};
use odyssey_domain::tenancy::Role;
use odyssey_types::{Jurisdiction, ProductFields};
use serde_json::{Value, json};

use super::harness::line;
use super::{Files, gtin};

const MODE: ImportMode = ImportMode::Products;

/// Of each hundred rows one has no identity, one repeats another and one has an impossible amount.
fn mixed(rows: usize) -> String {
    let mut file = String::from("external_id,name,brand,ingredients,sodium_mg,gtin\n");
    for row in 1..=rows {
        let id = match row % 100 {
            10 => String::new(),
            20 => format!("p{}", row - 1),
            _ => format!("p{row}"),
        };
        let sodium = if row % 100 == 30 { "-5" } else { "12.5" };
        let code = if id.is_empty() { String::new() } else { gtin(row as u64) };
        file.push_str(&format!("{id},Name {row},Brand {},\"oats, salt\",{sodium},{code}\n", row % 7));
    }
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_reconcile_and_a_second_import_changes_nothing() {
    let files = Files::start().await;
    let first = files.import(MODE, mixed(1_000)).await;
    assert_eq!(line(&first), "completed_with_errors 1000 = 970 + 0 + 0 + 0 + 30");
    let codes = first.import.as_ref().expect("an import").codes.clone();
    assert_eq!(codes.get("duplicate_in_file"), Some(&10));
    assert_eq!(codes.get("nutrient_negative"), Some(&10));
    assert_eq!(codes.values().sum::<i64>(), 30, "{codes:?}");
    let (version, digest) = (files.catalog_version().await, files.catalog_digest().await);
    assert!(version >= 19, "one version a batch: {version}");

    let second = files.import(MODE, mixed(1_000)).await;
    assert_eq!(line(&second), "completed_with_errors 1000 = 0 + 0 + 970 + 0 + 30");
    assert_eq!(
        second.import.expect("an import").codes,
        codes,
        "the same rows are refused under the same codes"
    );
    assert_eq!(files.catalog_version().await, version, "nothing is bumped");
    assert_eq!(files.catalog_digest().await, digest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_then_b_then_a_ends_as_a() {
    let files = Files::start().await;
    let file = |brand: &str| format!("external_id,brand\np1,{brand}\np2,Same\n");
    assert_eq!(line(&files.import(MODE, file("A")).await), "completed 2 = 2 + 0 + 0 + 0 + 0");
    let digest = files.catalog_digest().await;
    assert_eq!(line(&files.import(MODE, file("B")).await), "completed 2 = 0 + 1 + 1 + 0 + 0");
    assert_eq!(files.product("p1", "brand").await.as_deref(), Some("B"));
    assert_eq!(line(&files.import(MODE, file("A")).await), "completed 2 = 0 + 1 + 1 + 0 + 0");
    assert_eq!(files.product("p1", "brand").await.as_deref(), Some("A"));
    assert_eq!(files.catalog_digest().await, digest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_not_mapped_keeps_and_an_empty_cell_forgets() {
    let files = Files::start().await;
    let full =
        "external_id,name,brand,sodium_mg,protein_g,allergens,may_contain\np1,Bar,Brand,5,2,milk,soy\n";
    files.import(MODE, full).await;
    assert_eq!(
        line(&files.import(MODE, "external_id,name,sodium_mg\np1,NULL,6\n").await),
        "completed 1 = 0 + 1 + 0 + 0 + 0"
    );
    assert_eq!(files.product("p1", "name").await, None);
    assert_eq!(files.product("p1", "brand").await.as_deref(), Some("Brand"));
    let nutrition: Value = json_of(&files, "nutrition").await;
    assert_eq!(
        (&nutrition["amounts"]["sodium_mg"], &nutrition["amounts"]["protein_g"]),
        (&json!(6), &json!(2))
    );
    files.import(MODE, "external_id,allergens\np1,\n").await;
    let allergens: Value = json_of(&files, "allergens").await;
    assert_eq!(allergens["contains"], json!([]));
    assert_eq!(allergens["may_contain"], json!(["soy"]), "the other statements are not the file's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_on_another_basis_do_not_mix_with_what_is_stored() {
    let files = Files::start().await;
    files.import(MODE, "external_id,sodium_100g,proteins_100g\np1,0.1,2\n").await;
    let parameters = ImportParameters {
        basis: Some(odyssey_types::NutritionBasis::PerServing),
        ..ImportParameters::default()
    };
    files.import_with(MODE, "external_id,sodium_mg\np1,40\n", parameters).await;
    let nutrition: Value = json_of(&files, "nutrition").await;
    assert_eq!(nutrition["basis"], "per_serving");
    assert_eq!(nutrition["amounts"], json!({ "sodium_mg": 40 }), "what was per 100 g is not per serving");
}

async fn json_of(files: &Files, column: &'static str) -> Value {
    let text = files.product("p1", column).await.expect("a value");
    serde_json::from_str(&text).expect("JSON")
}

async fn edit(files: &Files, external_id: &str, name: &str) {
    let mut tx = files.begin(Role::VendorOperator).await;
    let Value::Object(patch) = json!({ "name": name }) else { panic!("an object") };
    let write = ProductWrite::new(external_id.to_owned(), Change::Merge(patch));
    catalog::write_one(&mut tx, write).await.expect("the edit is taken");
    tx.commit().await.expect("it commits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_corrected_is_kept_counted_and_listed() {
    let files = Files::start().await;
    let file = "external_id,name\np1,Misspelt\np2,Fine\n";
    files.import(MODE, file).await;
    edit(&files, "p1", "Correct").await;
    files.test.clock.advance(chrono::TimeDelta::seconds(10));
    let version = files.catalog_version().await;

    let kept = files.import(MODE, file).await;
    assert_eq!(line(&kept), "completed 2 = 0 + 0 + 1 + 1 + 0");
    assert_eq!(files.product("p1", "name").await.as_deref(), Some("Correct"));
    assert_eq!(files.catalog_version().await, version);
    let mut tx = files.begin(Role::VendorViewer).await;
    let listed =
        odyssey_domain::ingestion::list_errors(&mut tx, kept.record.id.into(), None, 50, false).await;
    let listed = listed.expect("a page").items;
    tx.roll_back().await.expect("it ends");
    assert_eq!(listed.iter().map(|f| (f.row, f.code.as_str())).collect::<Vec<_>>(), [(1, "kept_edits")]);

    let overwrite = ImportParameters { overwrite_edits: true, ..ImportParameters::default() };
    let overwritten = files.import_with(MODE, file, overwrite).await;
    assert_eq!(line(&overwritten), "completed 2 = 0 + 1 + 1 + 0 + 0");
    assert_eq!(files.product("p1", "name").await.as_deref(), Some("Misspelt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_edits_after_the_import_began_is_kept_even_when_the_file_has_changed() {
    let files = Files::start().await;
    files.import(MODE, "external_id,name\np1,Old\n").await;
    let overwrite = ImportParameters { overwrite_edits: true, ..ImportParameters::default() };
    let id = files.upload(MODE, "external_id,name\np1,New\n", overwrite).await;
    files.test.clock.advance(chrono::TimeDelta::seconds(1));
    edit(&files, "p1", "By hand").await;
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 1 = 0 + 0 + 0 + 1 + 0");
    assert_eq!(files.product("p1", "name").await.as_deref(), Some("By hand"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attestation_for_the_whole_file_is_stored_with_who_and_when_and_audited() {
    let files = Files::start().await;
    let file = "external_id,name,allergen_data\np1,Bar,\np2,Pie,partial\n";
    files.import(MODE, file).await;
    assert_eq!(files.product("p1", "allergen_data").await.as_deref(), Some("unknown"), "nothing infers it");
    let attestation = LabelAttestation {
        label_jurisdiction: Jurisdiction::Us,
        label_as_of: "2019-06-14".parse().expect("a date"),
    };
    let parameters = ImportParameters { attestation: Some(attestation), ..ImportParameters::default() };
    let job = files.import_with(MODE, file, parameters).await;
    assert_eq!(line(&job), "completed 2 = 0 + 2 + 0 + 0 + 0", "the same rows mean something else now");
    assert_eq!(files.product("p1", "allergen_data").await.as_deref(), Some("complete"));
    assert_eq!(files.product("p1", "label_as_of").await.as_deref(), Some("2019-06-14"));
    assert_eq!(
        files.product("p2", "allergen_data").await.as_deref(),
        Some("partial"),
        "a row's own word counts"
    );
    let attested: Value =
        serde_json::from_str(&files.product("p1", "attestation").await.expect("an attestation"))
            .expect("JSON");
    let admin = files.test.vendor("acme").admin.to_string();
    assert_eq!(attested["by"], json!(admin));
    assert!(attested["at"].is_string());
    let mut connection = files.superuser().await;
    let audited: Vec<String> = sqlx::query_scalar(
        "SELECT details->>'label_as_of' FROM odyssey.audit_events
         WHERE action = 'import.start' AND details->>'allergen_data' = 'complete' AND actor_id::text = $1",
    )
    .bind(admin)
    .fetch_all(&mut connection)
    .await
    .expect("the trail");
    assert_eq!(audited, ["2019-06-14"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_an_identity_fails_and_says_what_to_do() {
    let files = Files::start().await;
    let job = files.import(MODE, "colour,taste\nred,sweet\n").await;
    assert_eq!(job.record.state.as_str(), "failed");
    assert_eq!(job.record.error_code.as_deref(), Some("no_identity_column"));
    assert!(job.record.error_detail.is_some_and(|detail| detail.contains("mapping")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_that_the_catalog_refuses_is_refused_by_row_with_its_original() {
    let files = Files::start().await;
    let full = ProductFields {
        price: Some("2.00".to_owned()),
        currency: Some("USD".to_owned()),
        ..ProductFields::default()
    };
    let mut tx = files.begin(Role::VendorOperator).await;
    let write = ProductWrite::new("p1".to_owned(), Change::Replace(Box::new(full)));
    catalog::write_one(&mut tx, write).await.expect("a product");
    tx.commit().await.expect("it commits");
    // The stored fat is below this row's saturated fat, which only the merge can see.
    files.import(MODE, "external_id,fat_g\np2,1\n").await;
    let job = files
        .import(MODE, "external_id,saturated_fat_g,remark\np2,5,as the vendor wrote it\np3,1,fine\n")
        .await;
    assert_eq!(line(&job), "completed_with_errors 2 = 1 + 0 + 0 + 0 + 1");
    let csv = files.errors_csv(job.record.id.into()).await;
    assert!(csv.lines().nth(1).is_some_and(|row| row.starts_with("p2,5,as the vendor wrote it,1,")), "{csv}");
}

/// An edit that comes after the file was looked at for rows that are there already, and before it is compared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_while_an_unchanged_file_is_read_is_kept() {
    let files = Files::start().await;
    let file = "external_id,name\np1,Misspelt\np2,Fine\n";
    files.import(MODE, file).await;
    let mut superuser = files.superuser().await;
    let meanwhile = "
        CREATE FUNCTION public.edit_meanwhile() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            UPDATE odyssey.products SET name = 'Correct', edited_at = now() WHERE external_id = 'p1';
        END $$;
        CREATE EVENT TRIGGER edit_meanwhile ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
            EXECUTE FUNCTION public.edit_meanwhile();";
    sqlx::raw_sql(meanwhile).execute(&mut superuser).await.expect("the trigger");

    let job = files.import(MODE, file).await;
    assert_eq!(line(&job), "completed 2 = 0 + 0 + 1 + 1 + 0");
    assert_eq!(files.product("p1", "name").await.as_deref(), Some("Correct"));
    let steps: Vec<&str> = job.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["reading", "comparing", "reading", "comparing", "merging", "finishing"]);
}

/// Text that repeats itself takes no room in the database, and all the same much in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_bounded_by_what_its_rows_have_in_memory() {
    let files = Files::start_with(|settings| settings.batch_rows = 5_000).await;
    let mut file = String::from("external_id,description\n");
    for row in 0..500 {
        file.push_str(&format!("p{row},{}\n", "oats and salt ".repeat(1_400)));
    }
    assert_eq!(line(&files.import(MODE, file).await), "completed 500 = 500 + 0 + 0 + 0 + 0");
    assert_eq!(files.catalog_version().await, 2, "9.8 MB are more than a batch may hold");
}
