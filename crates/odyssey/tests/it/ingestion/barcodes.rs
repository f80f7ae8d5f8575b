use odyssey_domain::ingestion::{ImportMode, ImportParameters};

use super::harness::line;
use super::{Files, gtin};

const MODE: ImportMode = ImportMode::Products;

fn file(rows: &[(&str, u64)]) -> String {
    let row = |(id, code): &(&str, u64)| format!("{id},{}\n", gtin(*code));
    format!("external_id,gtin\n{}", rows.iter().map(row).collect::<String>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_move_along_a_chain_and_around_a_ring() {
    let files = Files::start().await;
    files.import(MODE, file(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)])).await;
    // a takes b's, b takes c's, c takes a new one; nobody waits for anybody.
    let chain = files.import(MODE, file(&[("a", 2), ("b", 3), ("c", 9)])).await;
    assert_eq!(line(&chain), "completed 3 = 0 + 3 + 0 + 0 + 0");
    assert_eq!(files.product("a", "gtin").await, Some(gtin(2)));
    let ring = files.import(MODE, file(&[("a", 3), ("b", 9), ("c", 2)])).await;
    assert_eq!(line(&ring), "completed 3 = 0 + 3 + 0 + 0 + 0");
    assert_eq!(files.product("c", "gtin").await, Some(gtin(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_stays_where_its_holder_does_not_give_it_up() {
    let files = Files::start().await;
    files.import(MODE, file(&[("a", 1), ("b", 2), ("c", 3)])).await;
    // c keeps its code although its row comes later; who counted on a code of c's is refused along the chain.
    let job = files.import(MODE, file(&[("a", 2), ("b", 3), ("c", 3), ("new", 1), ("free", 7)])).await;
    assert_eq!(line(&job), "completed_with_errors 5 = 1 + 0 + 1 + 0 + 3");
    assert_eq!(job.import.expect("an import").codes.get("barcode_taken"), Some(&3));
    for (id, code) in [("a", 1), ("b", 2), ("c", 3), ("free", 7)] {
        assert_eq!(files.product(id, "gtin").await, Some(gtin(code)), "{id}");
    }
    let csv = files.errors_csv(job.record.id.into()).await;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.contains(&format!("a,{},1,barcode_taken,gtin,", gtin(2))), "{csv}");
    // Whoever holds it, in words of the file: b counts on c, which keeps its code, and new on a.
    for (row, holder) in [
        ("a,", "Row 2 of this file (external id b)"),
        ("b,", "Row 3 of this file (external id c)"),
        ("new,", "Row 1 of this file (external id a)"),
    ] {
        let line = csv.lines().find(|line| line.starts_with(row)).expect("a refused row");
        assert!(line.contains(holder), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_is_named_by_its_external_id_and_by_its_row_even_where_that_is_unchanged() {
    let files = Files::start().await;
    files.import(MODE, file(&[("a", 1), ("b", 2)])).await;
    let job = files.import(MODE, file(&[("x", 1), ("b", 2), ("y", 2)])).await;
    assert_eq!(line(&job), "completed_with_errors 3 = 0 + 0 + 1 + 0 + 2");
    let csv = files.errors_csv(job.record.id.into()).await;
    let remedy =
        |row: &str| csv.lines().find(|line| line.starts_with(row)).expect("a refused row").to_owned();
    assert!(remedy("x,").contains("The product with the external id a holds this barcode."), "{csv}");
    assert!(remedy("y,").contains("Row 2 of this file (external id b) has this barcode."), "{csv}");
    for id in ["a", "b"] {
        let id = odyssey_vault::product_id(files.test.vendor("acme").id, id).to_string();
        assert!(!csv.contains(&id), "an id that no file has: {csv}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rows_that_claim_a_new_code_the_first_wins() {
    let files = Files::start().await;
    let job = files.import(MODE, file(&[("a", 1), ("b", 1), ("c", 1)])).await;
    assert_eq!(line(&job), "completed_with_errors 3 = 1 + 0 + 0 + 0 + 2");
    assert_eq!(files.product("a", "gtin").await, Some(gtin(1)));
    let csv = files.errors_csv(job.record.id.into()).await;
    assert_eq!(csv.matches("Row 1 of this file (external id a)").count(), 2, "{csv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_slipped_by_one_row_stops_before_it_moves_every_code() {
    let files = Files::start().await;
    let ids: Vec<String> = (0..300).map(|n| format!("p{n:03}")).collect();
    let rows: Vec<(&str, u64)> = ids.iter().map(String::as_str).zip(1..).collect();
    files.import(MODE, file(&rows)).await;
    let slipped: Vec<(&str, u64)> = ids.iter().map(String::as_str).zip(2..).collect();
    let job = files.import(MODE, file(&slipped)).await;
    assert_eq!(job.record.error_code.as_deref(), Some("barcode_moves_unconfirmed"));
    assert_eq!(files.product("p000", "gtin").await, Some(gtin(1)));
    let confirmed = ImportParameters { allow_barcode_moves: true, ..ImportParameters::default() };
    let job = files.import_with(MODE, file(&slipped), confirmed).await;
    assert_eq!(line(&job), "completed 300 = 0 + 300 + 0 + 0 + 0");
    assert_eq!(files.product("p000", "gtin").await, Some(gtin(2)));
}
