//! Files that are sent as parts side by side, and how much a vendor may have here.

use http::Method;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, IngestionError};
use odyssey_domain::tenancy::Role;
use odyssey_testkit::{Actor, TestApp, TestResponse};

use super::Files;

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: &str = "application/offset+octet-stream";
/// SHA-1 of "hello world" in Base64.
const WRONG: (&str, &str) = ("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
const UPLOADS: &str = "/api/v1/uploads?mode=products";

async fn part(actor: &Actor<'_>, bytes: &[u8]) -> String {
    let length = bytes.len().to_string();
    let headers = [TUS, ("upload-concat", "partial"), ("upload-length", &length)];
    let begun = actor.send_bytes(Method::POST, UPLOADS, &headers, Some((BYTES, bytes.to_vec()))).await;
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text());
    begun.header("location").expect("a location").to_owned()
}

async fn join(actor: &Actor<'_>, parts: &[&str]) -> TestResponse {
    let value = format!("final;{}", parts.join(" "));
    actor.send_bytes(Method::POST, UPLOADS, &[TUS, ("upload-concat", &value)], None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_sent_side_by_side_are_imported_once_they_are_joined_in_the_order_of_the_file() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    // The cut goes through a row.
    let (second, first) = (
        part(&operator, b"bread\np3,Cake\n").await,
        part(&operator, b"external_id,name\np1,Bar\np2,Rye ").await,
    );
    assert_eq!(app.run_jobs().await.completed, 0, "a part is no import");
    let joined = join(&operator, &[&first, &second]).await;
    assert_eq!(joined.status.as_u16(), 201, "{}", joined.text());
    let job = joined.json()["status_url"].as_str().expect("a job").to_owned();
    // A client that lost the answer asks again and gets the same.
    let again = join(&operator, &[&first, &second]).await;
    assert_eq!(again.json()["upload_id"], joined.json()["upload_id"]);
    let location = joined.header("location").expect("a location");
    let head = operator.send_bytes(Method::HEAD, location, &[TUS], None).await;
    assert_eq!(
        (head.header("upload-concat"), head.header("upload-length"), head.header("upload-offset")),
        (Some(format!("final;{first} {second}").as_str()), Some("45"), Some("45"))
    );
    app.run_jobs().await;
    let job = operator.get(&job).await.expect(200);
    assert_eq!((&job["status"], &job["totals"]["created"]), (&"completed".into(), &3.into()), "{job}");
    let listed = operator.get("/api/v1/jobs").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "parts leave no job: {listed}");

    // The files stay as long as the joined upload, and go behind it.
    let files = || {
        std::fs::read_dir(app.spool.path())
            .expect("the spool")
            .flatten()
            .flat_map(|vendor| {
                std::fs::read_dir(vendor.path())
                    .expect("a vendor")
                    .flatten()
                    .map(|upload| std::fs::read_dir(upload.path()).map_or(1, Iterator::count))
            })
            .sum::<usize>()
    };
    assert_eq!(files(), 2);
    app.clock().advance(chrono::TimeDelta::days(2));
    let purge = || ingestion::purge_uploads(&app.ingestion, app.database());
    assert_eq!(purge().await.expect("it purges"), ingestion::PurgeCounts::default());
    assert_eq!(files(), 2);
    app.clock().advance(chrono::TimeDelta::days(6));
    purge().await.expect("it purges");
    assert_eq!(purge().await.expect("it purges").unfinished, 0);
    assert_eq!(files(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_parts_that_are_whole_and_ones_own_are_joined() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let rival = app.vendor("rival").operator().await;
    let (mine, foreign) = (part(&operator, b"external_id,name\n").await, part(&rival, b"p1,Bar\n").await);
    let random = "/api/v1/uploads/0198c0de-7000-7000-8000-000000000000";
    for stranger in [foreign.as_str(), random, "/elsewhere/1", "https://a.example/x"] {
        let refused = join(&operator, &[&mine, stranger]).await;
        assert_eq!(refused.status.as_u16(), 400, "{stranger}: {}", refused.text());
        assert!(refused.text().contains("does not exist"), "{}", refused.text());
    }
    let headers = [TUS, ("upload-concat", "partial"), ("upload-length", "7")];
    let open = operator.send_bytes(Method::POST, UPLOADS, &headers, None).await;
    let open = open.header("location").expect("a location").to_owned();
    let refused = join(&operator, &[&mine, &open]).await;
    assert!(refused.text().contains("is not finished"), "{}", refused.text());
    let whole = operator.send_bytes(Method::POST, UPLOADS, &[TUS, ("upload-length", "7")], None).await;
    let whole = whole.header("location").expect("a location").to_owned();
    let refused = join(&operator, &[&mine, &whole]).await;
    assert!(refused.text().contains("partial"), "{}", refused.text());
    // Twice the same, and a part that is in another already.
    let twice = join(&operator, &[&mine, &mine]).await;
    assert_eq!(twice.problem(), "400 malformed-request");
    assert!(twice.text().contains("upload 2 of Upload-Concat is named before already"), "{}", twice.text());
    let rest = part(&operator, b"p1,Bar\n").await;
    assert_eq!(join(&operator, &[&mine, &rest]).await.status.as_u16(), 201);
    let other = part(&operator, b"p2,Bar\n").await;
    let taken = join(&operator, &[&other, &rest]).await;
    assert_eq!(taken.problem(), "409 upload-part-joined");
    assert!(taken.text().contains("upload 2 of Upload-Concat was joined"), "{}", taken.text());
    let terminated = operator.send_bytes(Method::DELETE, &mine, &[TUS], None).await;
    assert_eq!(terminated.status.as_u16(), 409, "its bytes are another upload's now: {}", terminated.text());
    // A part that nobody joined can be given up, and goes by itself after a day.
    let left = part(&operator, b"p9,Left\n").await;
    assert_eq!(operator.send_bytes(Method::DELETE, &left, &[TUS], None).await.status.as_u16(), 204);
    app.run_jobs().await;
    let purged = ingestion::purge_uploads(&app.ingestion, app.database()).await.expect("it purges");
    assert_eq!(purged.unfinished, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_was_given_up_is_joined_to_nothing() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    let kept = part(&operator, b"external_id,name\n").await;
    let left = part(&operator, b"p1,Bar\n").await;
    assert_eq!(operator.send_bytes(Method::DELETE, &left, &[TUS], None).await.status.as_u16(), 204);
    let head = operator.send_bytes(Method::HEAD, &left, &[TUS], None).await;
    assert_eq!(head.status.as_u16(), 410);
    for when in ["before", "after"] {
        let refused = join(&operator, &[&kept, &left]).await;
        assert_eq!(refused.problem(), "410 upload-expired", "{when} the purge");
        assert!(refused.text().contains("upload 2 of Upload-Concat"), "{}", refused.text());
        ingestion::purge_uploads(&app.ingestion, app.database()).await.expect("it purges");
    }
    assert_eq!(operator.send_bytes(Method::DELETE, &left, &[TUS], None).await.status.as_u16(), 410);
    // What joins parts may be given up as well, once it is imported; who asks for it again is told so.
    let rest = part(&operator, b"p2,Rye\n").await;
    let joined = join(&operator, &[&kept, &rest]).await;
    app.run_jobs().await;
    let location = joined.header("location").expect("a location").to_owned();
    assert_eq!(operator.send_bytes(Method::DELETE, &location, &[TUS], None).await.status.as_u16(), 204);
    assert_eq!(join(&operator, &[&kept, &rest]).await.problem(), "410 upload-expired");
}

#[tokio::test]
async fn many_parts_and_their_final_are_one_start_of_an_import() {
    let app = TestApp::start_with(|settings| {
        settings.rates.import_starts_per_vendor = 2;
        settings.rates.upload_parts_per_vendor = 10;
    })
    .await;
    let operator = app.vendor("acme").operator().await;
    let mut parts = vec![part(&operator, b"external_id,name\n").await];
    for number in 1..8 {
        parts.push(part(&operator, format!("p{number},Bar\n").as_bytes()).await);
    }
    let named: Vec<&str> = parts.iter().map(String::as_str).collect();
    // What is refused costs nothing: neither a start nor a part.
    for _ in 0..5 {
        assert_eq!(join(&operator, &[&parts[0], &parts[0]]).await.problem(), "400 malformed-request");
        let wrong = [TUS, ("upload-concat", "partial"), ("upload-length", "5"), WRONG];
        let wrong =
            operator.send_bytes(Method::POST, UPLOADS, &wrong, Some((BYTES, b"p9,Ba".to_vec()))).await;
        assert_eq!(wrong.problem(), "460 upload-checksum-mismatch");
        let huge = [TUS, ("upload-length", "999999999999")];
        let huge = operator.send_bytes(Method::POST, UPLOADS, &huge, None).await;
        assert_eq!(huge.problem(), "413 upload-too-large");
    }
    assert_eq!(join(&operator, &named).await.status.as_u16(), 201);
    let whole = [TUS, ("upload-length", "9")];
    let second = operator.send_bytes(Method::POST, UPLOADS, &whole, None).await;
    assert_eq!(second.status.as_u16(), 201, "{}", second.text());
    let third = operator.send_bytes(Method::POST, UPLOADS, &whole, None).await;
    assert_eq!(third.problem(), "429 rate-limited");
    assert_eq!(third.header("tus-resumable"), Some("1.0.0"));
    for number in 8..10 {
        part(&operator, format!("p{number},Bar\n").as_bytes()).await;
    }
    let headers = [TUS, ("upload-concat", "partial"), ("upload-length", "9")];
    let eleventh = operator.send_bytes(Method::POST, UPLOADS, &headers, None).await;
    assert_eq!(eleventh.problem(), "429 rate-limited");
    assert!(eleventh.text().contains("vendor-upload-parts"), "{}", eleventh.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_has_so_much_room_and_makes_it_by_letting_files_go() {
    let files = Files::start_with(|settings| settings.vendor_bytes_max = 100).await;
    let upload = |bytes: Vec<u8>| {
        let files = &files;
        async move {
            let started = files
                .try_upload(ImportMode::Products, bytes, ImportParameters::default(), Role::VendorOperator)
                .await;
            started.map(|started| started.upload_id)
        }
    };
    let csv = |name: &str| format!("external_id,name\np1,{name}\n").into_bytes();
    upload(csv(&"x".repeat(40))).await.expect("there is room");
    let refused = upload(csv(&"y".repeat(40))).await;
    assert!(matches!(refused, Err(IngestionError::QuotaExceeded { limit: 100 })), "{refused:?}");
    // What is announced counts before a byte of it is there.
    let begin = |length: Option<u64>| {
        let files = &files;
        async move {
            let tx = files.begin(Role::VendorOperator).await;
            let parameters = ImportParameters::default();
            let ingestion = &files.work.ingestion;
            ingestion::begin_resumable(ingestion, tx, ImportMode::Products, parameters, length, None, false)
                .await
        }
    };
    let announced = begin(Some(30)).await.expect("there is room");
    assert!(matches!(begin(Some(30)).await, Err(IngestionError::QuotaExceeded { .. })));
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::terminate_resumable(&mut tx, announced.id).await.expect("it is given up");
    tx.commit().await.expect("it commits");
    // Of unknown length: it ends where the room does.
    let endless = begin(None).await.expect("there is room");
    let tx = files.begin(Role::VendorOperator).await;
    let mut appending =
        ingestion::append_to(&files.work.ingestion, tx, endless.id, None, false).await.expect("it is open");
    appending.write(vec![b'x'; 60].into()).await.expect("a piece in hand");
    let refused = appending.end(false).await;
    assert!(matches!(refused, Err(IngestionError::QuotaExceeded { .. })), "{refused:?}");

    // An upload whose import has ended is let go before its seven days.
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::terminate_resumable(&mut tx, endless.id).await.expect("it is given up");
    tx.commit().await.expect("it commits");
    files.run().await;
    ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("it purges");
    assert!(matches!(begin(Some(60)).await, Err(IngestionError::QuotaExceeded { .. })));
    files.test.clock.advance(chrono::TimeDelta::days(8));
    ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("it purges");
    begin(Some(60)).await.expect("there is room");
}
