//! Objects of inboxes on stores of every kind, and whatever dies, fails or changes while they are fetched.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use odyssey_domain::ingestion::{self, ImportMode, ImportParameters, IngestionError, StartedObject};
use odyssey_domain::jobs::{self, WorkerSettings};
use odyssey_domain::queues;
use odyssey_domain::tenancy::{self, Role};
use odyssey_store::testing::{Fault, S3Double, S3Fault, SupabaseDouble};
use odyssey_types::JobId;
use tokio_util::sync::CancellationToken;

use super::Files;
use super::harness::line;

const MODE: ImportMode = ImportMode::Products;
const NAME: &str = "drop/products.csv";
const MIB: usize = 1 << 20;
/// Bytes of a cell that is not read.
const PADDING: usize = 16 << 10;

fn csv(rows: usize) -> String {
    let rows: String = (0..rows).map(|row| format!("p{row},Bar {row}\n")).collect();
    format!("external_id,name\n{rows}")
}

/// Over two pieces of 16 MiB.
fn large_csv() -> String {
    let padding = "x".repeat(PADDING);
    let rows: String = (0..2_200).map(|row| format!("q{row},Bar {row},{padding}\n")).collect();
    format!("external_id,name,unread_column\n{rows}")
}

fn key(files: &Files) -> String {
    format!("inbox/{}/{NAME}", files.test.vendor("acme").id)
}

/// Where it lies on a disk.
fn place(files: &Files) -> PathBuf {
    files.spool.path().join("spool").join(key(files))
}

fn put(files: &Files, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(place(files).parent().expect("a folder")).expect("made");
    std::fs::write(place(files), bytes).expect("written");
}

async fn try_start(files: &Files) -> Result<StartedObject, IngestionError> {
    let work = &files.work.ingestion;
    let object = ingestion::find_object(work, files.test.vendor("acme").id, NAME).await?;
    let mut tx = files.begin(Role::VendorOperator).await;
    let started = ingestion::start_object(work, &mut tx, MODE, ImportParameters::default(), &object).await?;
    tx.commit().await.expect("it commits");
    Ok(started)
}

async fn start(files: &Files) -> JobId {
    try_start(files).await.expect("it is queued").job_id
}

/// State of the upload, bytes that lie here, pieces, and whether its object is known still.
async fn upload_of(files: &Files, id: JobId) -> (String, i64, i64, bool) {
    let mut connection = files.superuser().await;
    sqlx::query_as(
        "SELECT u.state, u.byte_count, (SELECT count(*) FROM odyssey.upload_pieces p WHERE p.upload_id = u.id),
                u.source_sealed IS NOT NULL
         FROM odyssey.uploads u WHERE u.job_id = $1",
    )
    .bind(id.as_uuid())
    .fetch_one(&mut connection)
    .await
    .expect("the upload")
}

/// Works until the upload stands so, then dies without a word.
async fn die_when(files: &Files, id: JobId, is_so: impl Fn(&str, i64) -> bool) {
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    let worker = tokio::spawn(async move { dispatcher.run(CancellationToken::new()).await });
    for _ in 0..2_000 {
        let (state, byte_count, ..) = upload_of(files, id).await;
        if is_so(&state, byte_count) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Far enough for what hangs to hang.
    tokio::time::sleep(Duration::from_millis(300)).await;
    worker.abort();
    worker.await.expect_err("it was aborted");
    tokio::time::sleep(Duration::from_millis(200)).await;
    // The lease of the dead worker runs out, and the next attempt has waited its time.
    files.test.clock.advance(TimeDelta::seconds(20));
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    assert_eq!(dispatcher.reap_expired().await.expect("a look"), 1);
    files.test.clock.advance(TimeDelta::minutes(3));
}

/// The copying falls silent behind its first piece. The look before it is a download too.
fn hold_behind_a_piece(double: &S3Double) {
    for _ in 0..2 {
        double.fail(S3Fault::HoldRead { after_bytes: 17 * MIB });
    }
}

async fn purge(files: &Files) -> ingestion::PurgeCounts {
    ingestion::purge_uploads(&files.work.ingestion, &files.test.database).await.expect("a purge")
}

async fn jobs_count(files: &Files) -> usize {
    let mut tx = files.begin(Role::VendorViewer).await;
    let jobs = ingestion::list_jobs(&mut tx, None, None, 50).await.expect("a page").items;
    tx.roll_back().await.expect("it ends");
    jobs.len()
}

/// Why a job failed; nothing was imported.
async fn failed_with(files: &Files, id: JobId) -> String {
    files.run().await;
    let job = files.job(id).await;
    assert_eq!(job.record.state.as_str(), "failed", "{:?}", job.record);
    assert_eq!(job.import.expect("an import").totals.read, 0);
    let detail = job.record.error_detail.unwrap_or_default();
    assert!(detail.contains("nothing of it was imported") && !detail.contains("drop"), "{detail}");
    job.record.error_code.expect("a code")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_object_of_s3_comes_through_breaks_sealed_in_pieces() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    let bytes = large_csv();
    double.plant(&key(&files), bytes.as_bytes());
    let id = start(&files).await;
    double.fail(S3Fault::BreakRead { after_bytes: 3 * MIB, times: 4 });
    double.fail(S3Fault::Answer { status: 503, code: "SlowDown", times: 2 });
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 2200 = 2200 + 0 + 0 + 0 + 0");
    assert_eq!(upload_of(&files, id).await, ("finished".to_owned(), bytes.len() as i64, 3, false));
    let names = double.names();
    assert!(names.len() == 3 && names.iter().all(|name| name.ends_with(".sealed")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_never_goes_back_and_is_whole_at_the_end_only() {
    let files = Files::start().await;
    let mut connection = files.superuser().await;
    let watch = "CREATE TABLE public.seen (at serial, permille integer, finished boolean);
        CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN
            INSERT INTO public.seen (permille, finished) VALUES (NEW.progress_permille, NEW.finished_at IS NOT NULL);
            RETURN NEW; END';
        CREATE TRIGGER see AFTER UPDATE OF progress_permille ON odyssey.jobs FOR EACH ROW EXECUTE FUNCTION public.see();
        CREATE TABLE public.foreseen (rows_read bigint, bytes_read bigint, finishes_at timestamptz, error bigint);
        CREATE FUNCTION public.foresee() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN
            INSERT INTO public.foreseen
            VALUES (NEW.rows_read, NEW.bytes_read, NEW.finish_estimated_at, NEW.finish_error_seconds); RETURN NEW; END';
        CREATE TRIGGER foresee AFTER UPDATE ON odyssey.imports FOR EACH ROW EXECUTE FUNCTION public.foresee()";
    sqlx::raw_sql(watch).execute(&mut connection).await.expect("it is watched");
    put(&files, large_csv());
    let id = start(&files).await;
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 2200 = 2200 + 0 + 0 + 0 + 0");
    let seen: Vec<(i32, bool)> = sqlx::query_as("SELECT permille, finished FROM public.seen ORDER BY at")
        .fetch_all(&mut connection)
        .await
        .expect("what was seen");
    // Fetched in three pieces, read, and merged in many batches.
    assert!(seen.len() > 10 && seen.is_sorted(), "{seen:?}");
    assert!(seen.iter().all(|(permille, finished)| (*permille == 1_000) == *finished), "{seen:?}");

    // Its end was foreseen as soon as there were batches to tell it from.
    let steps = "SELECT count(DISTINCT rows_read), count(DISTINCT bytes_read), count(finishes_at) FROM public.foreseen";
    let steps: (i64, i64, i64) = sqlx::query_as(steps).fetch_one(&mut connection).await.expect("steps");
    assert!(steps.0 > 1 && steps.1 > 1 && steps.2 > 3, "{steps:?}");
    let import = files.job(id).await.import.expect("an import");
    let length = large_csv().len() as u64;
    assert_eq!((import.rows_read, import.rows_total), (2_200, Some(2_200)));
    assert_eq!((import.bytes_read, import.bytes_total, import.estimate), (length, Some(length), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_supabase_storage_comes_through_and_one_that_is_replaced_meanwhile_does_not() {
    let double = SupabaseDouble::start().await;
    let files = Files::start_in(double.store()).await;
    double.plant(&key(&files), csv(120).as_bytes());
    let id = start(&files).await;
    double.fail(Fault::BreakRead { after_bytes: 100, times: 3 });
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 120 = 120 + 0 + 0 + 0 + 0");
    assert!(!double.names().contains(&key(&files)), "{:?}", double.names());

    double.plant(&key(&files), large_csv().as_bytes());
    let id = start(&files).await;
    // The look before the copying is a download too.
    double.fail(Fault::BreakRead { after_bytes: 0, times: 1 });
    double.fail(Fault::ReplaceInRead { after_bytes: 5 * MIB });
    assert_eq!(failed_with(&files, id).await, "object_changed");
    assert!(double.names().contains(&key(&files)), "what was put there since is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_was_replaced_written_to_or_taken_away_is_not_imported() {
    let files = Files::start().await;
    put(&files, csv(10));
    let id = start(&files).await;
    // The same length, and other bytes.
    tokio::time::sleep(Duration::from_millis(20)).await;
    put(&files, csv(10).replace("Bar", "Bas"));
    assert_eq!(failed_with(&files, id).await, "object_changed");
    assert!(place(&files).exists());
    // Whoever tries it again is told the same; what lies there is another import.
    let mut tx = files.begin(Role::VendorOperator).await;
    queues::retry_job(&mut tx, id).await.expect("it can be tried");
    tx.commit().await.expect("it commits");
    assert_eq!(failed_with(&files, id).await, "object_changed");
    let second = start(&files).await;
    std::fs::remove_file(place(&files)).expect("taken away");
    assert_eq!(failed_with(&files, second).await, "object_missing");
    put(&files, csv(10));
    let third = start(&files).await;
    files.run().await;
    assert_eq!(line(&files.job(third).await), "completed 10 = 10 + 0 + 0 + 0 + 0");

    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.plant(&key(&files), large_csv().as_bytes());
    let id = start(&files).await;
    hold_behind_a_piece(&double);
    die_when(&files, id, |_, byte_count| byte_count > 0).await;
    double.plant(&key(&files), large_csv().replace("Bar", "Bas").as_bytes());
    assert_eq!(
        failed_with(&files, id).await,
        "object_changed",
        "half of one and half of another are no file"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_written_to_while_it_is_copied_is_not_imported() {
    let files = Files::start().await;
    put(&files, vec![b'x'; 80 * MIB]);
    let id = start(&files).await;
    // Behind the first piece somebody writes to what is copied already; the length stays.
    let writing = async {
        while upload_of(&files, id).await.1 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let file = std::fs::OpenOptions::new().write(true).open(place(&files)).expect("it is there");
        std::os::unix::fs::FileExt::write_at(&file, b"y", MIB as u64).expect("written");
    };
    let (code, ()) = tokio::join!(failed_with(&files, id), writing);
    assert_eq!(code, "object_changed");
    let (_, byte_count, ..) = upload_of(&files, id).await;
    assert!(byte_count > 0, "it was found out at the end, not before the copying");
    assert!(place(&files).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_program_of_before_has_purged_is_taken_for_no_object_that_was_imported() {
    let files = Files::start().await;
    put(&files, csv(3));
    let id = start(&files).await;
    let mut connection = files.superuser().await;
    sqlx::raw_sql("UPDATE odyssey.uploads SET state = 'purged', purged_at = now()")
        .execute(&mut connection)
        .await
        .expect("as a purge did that knows of no inbox");
    assert_eq!(purge(&files).await.objects, 0);
    files.run().await;
    assert_eq!(files.job(id).await.record.error_code.as_deref(), Some("upload_purged"));
    assert!(place(&files).exists(), "nothing of it is sealed here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_it_fetches_costs_the_piece_in_hand() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.plant(&key(&files), large_csv().as_bytes());
    let id = start(&files).await;
    hold_behind_a_piece(&double);
    die_when(&files, id, |_, byte_count| byte_count > 0).await;
    assert_eq!(upload_of(&files, id).await, ("receiving".to_owned(), 16 * MIB as i64, 1, true));
    let half = files.job(id).await.record;
    assert!((1..200).contains(&half.progress_permille), "{half:?}");
    files.run().await;
    let job = files.job(id).await;
    assert_eq!(line(&job), "completed 2200 = 2200 + 0 + 0 + 0 + 0");
    let went_on = job.log.iter().find(|line| line.fields["bytes_fetched"] == 16 * MIB);
    assert!(went_on.is_some() && job.record.attempt == 2, "{:?}", job.log);
    assert_eq!(upload_of(&files, id).await.2, 3);
    assert_eq!(jobs_count(&files).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_between_the_last_seal_and_the_removal_imports_once_and_leaves_nothing() {
    for carried_out in [false, true] {
        let double = S3Double::start().await;
        let files = Files::start_in(double.store()).await;
        double.plant(&key(&files), csv(120).as_bytes());
        let id = start(&files).await;
        double.fail(S3Fault::HoldRemoval { carried_out });
        die_when(&files, id, |state, _| state == "finished").await;
        assert!(upload_of(&files, id).await.3, "it is not known to be gone");
        files.run().await;
        let job = files.job(id).await;
        assert_eq!((line(&job).as_str(), job.record.attempt), ("completed 120 = 120 + 0 + 0 + 0 + 0", 2));
        assert!(!double.names().contains(&key(&files)) && !upload_of(&files, id).await.3);
        assert_eq!(jobs_count(&files).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_cannot_be_removed_keeps_no_import_waiting_and_goes_with_a_purge() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.plant(&key(&files), csv(120).as_bytes());
    let id = start(&files).await;
    double.fail(S3Fault::KeepFile { times: 2 });
    files.run().await;
    assert_eq!(line(&files.job(id).await), "completed 120 = 120 + 0 + 0 + 0 + 0");
    assert!(double.names().contains(&key(&files)) && upload_of(&files, id).await.3);
    assert_eq!(purge(&files).await.objects, 0, "it cannot yet");
    assert!(upload_of(&files, id).await.3, "it is not forgotten");
    assert_eq!(purge(&files).await.objects, 1);
    assert!(!double.names().contains(&key(&files)) && !upload_of(&files, id).await.3);

    // One that was replaced meanwhile is not ours to remove.
    double.plant(&key(&files), csv(120).as_bytes());
    let second = start(&files).await;
    double.fail(S3Fault::KeepFile { times: 1 });
    files.run().await;
    double.plant(&key(&files), csv(5).as_bytes());
    assert_eq!(purge(&files).await.objects, 1);
    assert!(double.names().contains(&key(&files)), "the next file of the vendor");
    assert!(!upload_of(&files, second).await.3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_over_the_limit_or_the_quota_is_refused_before_a_byte_of_it_is_read() {
    let files = Files::start_with(|settings| {
        settings.file_bytes_max = 2_000;
        settings.vendor_bytes_max = 2_500;
    })
    .await;
    put(&files, vec![b'x'; 2_001]);
    assert!(matches!(try_start(&files).await, Err(IngestionError::TooLarge { limit: 2_000 })));
    put(&files, vec![b'x'; 1_500]);
    start(&files).await;
    // Room is taken from the moment on in which the object is named.
    let second = try_start(&files).await;
    assert!(matches!(second, Err(IngestionError::QuotaExceeded { limit: 2_500 })), "{second:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspension_pauses_a_fetch_and_no_purge_takes_it_while_it_waits() {
    let files = Files::start().await;
    put(&files, csv(3));
    let id = start(&files).await;
    let actor = tenancy::Actor::command_line();
    let (database, vendor_id) = (&files.test.database, files.test.vendor("acme").id);
    tenancy::suspend_vendor(database, &actor, vendor_id).await.expect("suspended");
    files.run().await;
    files.test.clock.advance(TimeDelta::days(40));
    assert_eq!(purge(&files).await.unfinished, 0);
    assert!(place(&files).exists());
    tenancy::unsuspend_vendor(database, &actor, vendor_id).await.expect("back");
    files.run().await;
    let job = files.job(id).await;
    assert_eq!((line(&job).as_str(), job.record.attempt), ("completed 3 = 3 + 0 + 0 + 0 + 0", 1));
    assert!(!place(&files).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_fetched_of_a_failed_job_is_purged_after_a_day_and_the_object_is_the_vendors() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.plant(&key(&files), large_csv().as_bytes());
    let id = start(&files).await;
    hold_behind_a_piece(&double);
    die_when(&files, id, |_, byte_count| byte_count > 0).await;
    double.plant(&key(&files), b"external_id\n");
    files.test.clock.advance(TimeDelta::days(3));
    assert_eq!(failed_with(&files, id).await, "object_changed");
    assert_eq!(purge(&files).await.unfinished, 0, "a retry could go on behind it");
    files.test.clock.advance(TimeDelta::hours(25));
    assert_eq!(purge(&files).await.unfinished, 1);
    assert_eq!(double.names(), [key(&files)]);
    assert_eq!(upload_of(&files, id).await, ("purged".to_owned(), 16 * MIB as i64, 0, false));
    let mut tx = files.begin(Role::VendorOperator).await;
    assert!(queues::retry_job(&mut tx, id).await.is_err(), "there is nothing to go on with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_canceled_while_it_fetches_ends_and_goes_on_when_it_is_retried() {
    let double = S3Double::start().await;
    let files = Files::start_in(double.store()).await;
    double.plant(&key(&files), large_csv().as_bytes());
    let id = start(&files).await;
    // Silent again and again, for as long as a stop takes to be heard of.
    hold_behind_a_piece(&double);
    for _ in 0..2 {
        double.fail(S3Fault::HoldRead { after_bytes: MIB });
    }
    let stop = CancellationToken::new();
    let dispatcher = jobs::dispatcher(files.work.clone(), &WorkerSettings::default()).expect("a dispatcher");
    let worker = tokio::spawn({
        let stop = stop.clone();
        async move { dispatcher.run(stop).await }
    });
    while upload_of(&files, id).await.1 == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut tx = files.begin(Role::VendorOperator).await;
    ingestion::cancel_job(&mut tx, id).await.expect("it can be canceled");
    tx.commit().await.expect("it commits");
    files.work.ingestion.wake.stop_requested();
    while !files.job(id).await.record.state.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    worker.await.expect("the worker ends");
    assert_eq!(files.job(id).await.record.state.as_str(), "canceled");
    assert!(double.names().contains(&key(&files)));
    let mut tx = files.begin(Role::VendorOperator).await;
    queues::retry_job(&mut tx, id).await.expect("it can be tried");
    tx.commit().await.expect("it commits");
    files.run().await;
    let job = files.job(id).await;
    assert_eq!(line(&job), "completed 2200 = 2200 + 0 + 0 + 0 + 0");
    assert!(job.log.iter().any(|line| line.fields["bytes_fetched"] == 16 * MIB), "{:?}", job.log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inbox_of_a_removed_vendor_goes_with_its_files() {
    let files = Files::start().await;
    put(&files, csv(3));
    start(&files).await;
    let actor = tenancy::Actor::command_line();
    let (database, vendor_id) = (&files.test.database, files.test.vendor("acme").id);
    assert_eq!(purge(&files).await.removed_vendors, 0);
    tenancy::suspend_vendor(database, &actor, vendor_id).await.expect("suspended");
    tenancy::remove_vendor(database, &actor, vendor_id).await.expect("removed");
    assert_eq!(purge(&files).await.removed_vendors, 1);
    assert!(!place(&files).parent().and_then(std::path::Path::parent).expect("an inbox").exists());
}
