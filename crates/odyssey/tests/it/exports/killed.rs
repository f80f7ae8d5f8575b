//! A worker that dies in the middle of a file.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures::StreamExt;
use odyssey_domain::catalog::ProductsToExport;
use odyssey_domain::exports::{self, ExportOf, FileFormat};
use odyssey_domain::ingestion::ImportMode;
use odyssey_domain::jobs::{self, WorkerSettings};
use odyssey_domain::tenancy::Role;
use tokio_util::sync::CancellationToken;

use crate::ingestion::harness::Files;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_worker_dies_has_every_row_once() {
    let files = Files::start_with(|settings| settings.batch_rows = 5_000).await;
    let rows = 6_000;
    let csv: String = (0..rows).map(|row| format!("p{row},Bar {row}\n")).collect();
    files.import(ImportMode::Products, format!("external_id,name\n{csv}")).await;
    let mut tx = files.begin(Role::VendorAdmin).await;
    let of = ExportOf::Products(ProductsToExport::default());
    let id = exports::start_export(&mut tx, &of, FileFormat::Csv).await.expect("it is queued");
    tx.commit().await.expect("it commits");
    let mut connection = files.superuser().await;
    let mut parts_at_death = Vec::new();
    for parts in [1, 3] {
        let dispatcher =
            jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
        let worker = tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await });
        for _ in 0..4_000 {
            let done: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.export_parts")
                .fetch_one(&mut connection)
                .await
                .expect("a count");
            if done >= parts {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        worker.abort();
        drop(worker.await);
        let done: i64 = sqlx::query_scalar("SELECT count(*) FROM odyssey.export_parts")
            .fetch_one(&mut connection)
            .await
            .expect("a count");
        parts_at_death.push(done);
        files.test.clock.advance(TimeDelta::minutes(5));
    }
    assert!(parts_at_death[0] >= 1, "it died behind its first part: {parts_at_death:?}");
    files.run().await;
    let mut tx = files.begin(Role::VendorAdmin).await;
    let export = exports::get_export(&mut tx, id).await.expect("it is there");
    assert_eq!((export.state.as_deref(), export.row_count), (Some("completed"), rows));
    let file = exports::export_file(&mut tx, &export).await.expect("a file");
    tx.commit().await.expect("it commits");
    let pieces: Vec<_> = file.collect().await;
    let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.expect("a piece").to_vec()).collect();
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert_eq!(text.len() as i64, export.byte_count);
    let ids: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!((ids.len() as i64, once.len() as i64), (rows, rows), "every row, and each once");
    let again = files.import(ImportMode::Products, text).await;
    let totals = again.import.expect("an import").totals;
    assert_eq!((totals.unchanged, totals.read), (rows, rows));
}
