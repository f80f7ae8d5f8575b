//! An S3 store, as its double has it, in good times and bad. What a real server does is in `server_tests.rs`.

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

use crate::testing::conformance::{self, folder, names, path_in, put, read, write};
use crate::testing::{S3Double, S3Fault, noise, silent};
use crate::{Cause, Store, StoreError, StorePath, StoreSettings};

const MIB: usize = 1 << 20;

fn path() -> StorePath {
    path_in(&folder(), "file.sealed")
}

async fn try_writing(store: &Store, path: &StorePath, bytes: &[u8]) -> Result<u64, StoreError> {
    let mut writer = store.create(path);
    put(&mut writer, bytes).await?;
    writer.finish().await
}

/// Writes files of one part and of three while something goes wrong, and reads them back.
async fn survives(faults: &[S3Fault], sizes: &[usize]) {
    for size in sizes {
        let double = S3Double::start().await;
        let (store, path, bytes) = (double.store(), path(), noise(*size, 21));
        for fault in faults {
            double.fail(fault.clone());
        }
        let stored = try_writing(&store, &path, &bytes).await;
        assert_eq!(stored.unwrap_or_else(|error| panic!("{faults:?}: {error}")), *size as u64);
        assert!(read(&store, &path, 0).await == bytes, "{faults:?}: another file");
        assert_eq!(double.unfinished(), 0, "{faults:?}: an upload is left");
    }
}

/// How writing fails; nothing is left behind.
async fn fails(fault: S3Fault, size: usize) -> StoreError {
    let double = S3Double::start().await;
    double.fail(fault.clone());
    let error = try_writing(&double.store(), &path(), &noise(size, 22)).await.unwrap_err();
    ends_with_no_upload(&double).await;
    assert!(double.names().is_empty(), "{fault:?} leaves a file");
    error
}

async fn ends_with_no_upload(double: &S3Double) {
    for _ in 0..500 {
        if double.unfinished() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} uploads are left", double.unfinished());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_does_what_every_store_must() {
    let double = S3Double::start().await;
    conformance::all(&double.store()).await;
    ends_with_no_upload(&double).await;
    assert!(double.names().is_empty());
}

#[tokio::test]
async fn what_fits_a_part_is_put_and_what_does_not_goes_in_parts() {
    for (size, puts, parts) in
        [(0, 1, 0), (1, 1, 0), (8 * MIB, 1, 0), (8 * MIB + 1, 0, 2), (16 * MIB, 0, 2), (20 * MIB, 0, 3)]
    {
        let double = S3Double::start().await;
        try_writing(&double.store(), &path(), &noise(size, 23)).await.unwrap();
        let seen = double.take_seen();
        let count = |words: [&str; 2]| {
            seen.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
        };
        assert_eq!(count(["PUT ", "partNumber"]), parts, "{size} bytes");
        assert_eq!(count(["PUT ", "sealed"]) - parts, puts, "{size} bytes");
        assert_eq!(count(["POST ", "uploads"]), 2 * usize::from(parts > 0), "{size} bytes: {seen:?}");
    }
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    for (status, code) in
        [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests"), (409, "OperationAborted")]
    {
        survives(&[S3Fault::Answer { status, code, times: 3 }], &[MIB, 20 * MIB]).await;
    }
    survives(&[S3Fault::LosePut], &[MIB, 20 * MIB]).await;
    survives(&[S3Fault::CompleteInError { times: 2 }], &[20 * MIB]).await;
    // And not for ever.
    for size in [MIB, 20 * MIB] {
        let error = fails(S3Fault::Answer { status: 503, code: "SlowDown", times: 5 }, size).await;
        assert_eq!((error.cause(), error.is_retryable()), (Cause::Unreachable, true), "{error}");
    }
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_found_to_be_done() {
    survives(&[S3Fault::LoseComplete], &[20 * MIB]).await;
}

#[tokio::test]
async fn an_upload_that_the_store_forgot_is_for_its_writer_to_begin_again() {
    for part in [1, 2, 3] {
        let error = fails(S3Fault::ForgetUpload { part }, 20 * MIB).await;
        assert_eq!((error.cause(), error.is_retryable()), (Cause::Unreachable, true), "{error}");
        assert!(error.to_string().contains("from its beginning"), "{error}");
    }
}

#[tokio::test]
async fn what_the_store_refuses_is_told_by_its_cause() {
    for (status, code, cause) in [
        (403, "AccessDenied", Cause::Refused),
        (403, "SignatureDoesNotMatch", Cause::Refused),
        (400, "EntityTooLarge", Cause::Full),
        (507, "QuotaExceeded", Cause::Full),
        (404, "NoSuchBucket", Cause::Refused),
        (301, "PermanentRedirect", Cause::Refused),
    ] {
        for size in [MIB, 20 * MIB] {
            let error = fails(S3Fault::Answer { status, code, times: 1 }, size).await;
            assert_eq!(error.cause(), cause, "{error}");
            assert!(error.to_string().contains(code), "{error}");
        }
    }
    let error = fails(S3Fault::LoseByte, 20 * MIB).await;
    assert_eq!((error.cause(), error.may_pass()), (Cause::NotKept, true), "{error}");
}

#[tokio::test]
async fn what_a_killed_process_left_is_ended_once_it_is_old() {
    let double = S3Double::start().await;
    let (store, old) = (double.store(), "2027-01-14T08:00:00.000Z");
    for number in 0..1_050 {
        double.leave(&format!("ours/{number:04}.sealed"), old);
    }
    double.leave("ours/young.sealed", "2027-01-15T07:59:59.000Z");
    double.leave("theirs/old.sealed", old);
    double.leave("no path of ours", old);
    let before = "2027-01-15T07:00:00Z".parse().unwrap();
    let is_ours = |path: &StorePath| path.as_str().starts_with("ours/");
    double.fail(S3Fault::Answer { status: 503, code: "SlowDown", times: 2 });
    assert_eq!(store.end_unfinished(before, is_ours).await.unwrap(), 1_050, "over more than a page");
    assert_eq!(double.unfinished(), 3);
    assert_eq!(store.end_unfinished(before, is_ours).await.unwrap(), 0);
    double.fail(S3Fault::Answer { status: 403, code: "AccessDenied", times: 1 });
    let error = store.end_unfinished(before, is_ours).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Refused, "{error}");
}

#[tokio::test]
async fn no_error_shows_a_key_or_an_address() {
    let double = S3Double::start().await;
    let mut settings = double.settings();
    settings.access_key_id = "AKIA-another-not-a-secret".to_owned();
    settings.secret_access_key = SecretString::from("hunter2-not-a-secret");
    let other = Store::new(&StoreSettings::S3(settings.clone())).unwrap();
    let path = path();
    let mut errors = vec![
        other.check().await.unwrap_err(),
        other.open(&path).await.map(|_| ()).unwrap_err(),
        other.size(&path).await.unwrap_err(),
        other.remove(&path).await.unwrap_err(),
        other.remove_folder(&path).await.unwrap_err(),
        other.folders(None).await.unwrap_err(),
        other.list(None).all().await.unwrap_err(),
    ];
    for size in [MIB, 20 * MIB] {
        errors.push(try_writing(&other, &path, &noise(size, 1)).await.unwrap_err());
    }
    for error in &errors {
        assert_eq!((error.cause(), error.is_retryable()), (Cause::Refused, false), "{error}");
    }
    settings.endpoint = "http://127.0.0.1:1".to_owned();
    let away = Store::new(&StoreSettings::S3(settings.clone())).unwrap();
    let error = away.check().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    errors.push(error);
    let shown = errors.iter().map(|error| format!("{error} {error:?}"));
    for text in shown.chain([format!("{other:?} {settings:?}")]) {
        for secret in ["hunter2", "AWS4", "Credential", "/storage/v1/s3"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    for error in errors {
        assert!(!error.to_string().contains("AKIA"), "{error}");
        assert!(!error.to_string().contains("http"), "{error}");
    }
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_ended() {
    let double = S3Double::start().await;
    let (store, path, bytes) = (double.store(), path(), noise(5 * MIB, 24));
    write(&store, &path, &bytes).await;
    double.fail(S3Fault::BreakRead { after_bytes: 700_001, times: 3 });
    double.take_seen();
    assert!(read(&store, &path, 0).await == bytes);
    assert_eq!(double.take_seen().len(), 4);
    double.fail(S3Fault::BreakRead { after_bytes: 10, times: 1_000 });
    let error = read_to_fault(&store, &path).await;
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    assert!(double.take_seen().len() < 20, "not without end");
}

async fn read_to_fault(store: &Store, path: &StorePath) -> StoreError {
    let mut reader = store.open(path).await.unwrap();
    loop {
        match reader.chunk().await {
            Ok(chunk) => assert!(chunk.is_some(), "it ended as if whole"),
            Err(error) => return error,
        }
    }
}

#[tokio::test]
async fn what_is_replaced_while_it_is_read_is_not_mixed() {
    let double = S3Double::start().await;
    let (store, path) = (double.store(), path());
    write(&store, &path, &noise(2 * MIB, 25)).await;
    double.fail(S3Fault::ReplaceInRead { after_bytes: MIB });
    let error = read_to_fault(&store, &path).await;
    assert_eq!(error.cause(), Cause::Corrupt, "{error}");
}

#[tokio::test]
async fn listings_of_more_than_a_page_are_whole_and_removed_whole() {
    let double = S3Double::start().await;
    let (store, folder) = (double.store(), folder());
    for index in 0..1_050 {
        double.plant(&format!("{folder}/{index:05}"), b"x");
        double.plant(&format!("{folder}/f{index:05}/file"), b"x");
    }
    double.plant(&format!("{folder}/two words"), b"x");
    assert_eq!(names(&store, &folder).await.len(), 2 * 1_050);
    assert_eq!(store.folders(Some(&folder)).await.unwrap().len(), 1_050);
    store.remove_folder(&folder).await.unwrap();
    assert!(double.names().is_empty(), "what is not ours, too");
    // One that nobody can have written by us.
    double.plant("a//b", b"x");
    let error = store.list(None).all().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Corrupt, "{error}");
    assert!(error.to_string().contains("bucket of its own"), "{error}");
}

#[tokio::test]
async fn whoever_writes_waits_while_the_store_is_behind() {
    let mut settings = S3Double::start().await.settings();
    settings.endpoint = format!("http://{}", silent().await);
    let store = Store::new(&StoreSettings::S3(settings)).unwrap();
    let mut writer = store.create(&path());
    let piece = Bytes::from(noise(64 << 10, 1));
    let mut taken = 0;
    while tokio::time::timeout(Duration::from_millis(300), writer.write(piece.clone())).await.is_ok() {
        taken += piece.len();
    }
    // A part, and what waits behind it.
    assert!((8 * MIB..18 * MIB).contains(&taken), "{taken} bytes were taken");
    let begun = std::time::Instant::now();
    writer.abort().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "an answer is not waited for without end");
}

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    use crate::settings::SettingsError as E;

    let settings = crate::S3Settings {
        endpoint: "https://s3.example".to_owned(),
        region: "eu-central-1".to_owned(),
        bucket: "uploads".to_owned(),
        access_key_id: "id".to_owned(),
        secret_access_key: SecretString::from("not-a-secret"),
        allow_http: false,
        patience: crate::Patience::default(),
    };
    let refusal = |change: fn(&mut crate::S3Settings)| {
        let mut settings = settings.clone();
        change(&mut settings);
        Store::new(&StoreSettings::S3(settings)).err()
    };
    assert!(refusal(|_| ()).is_none());
    assert!(matches!(refusal(|s| s.endpoint = "http://s3.example".to_owned()), Some(E::PlainHttp)));
    assert!(matches!(refusal(|s| s.endpoint = "s3.example".to_owned()), Some(E::Endpoint)));
    assert!(matches!(refusal(|s| s.bucket = "../x".to_owned()), Some(E::Bucket)));
    assert!(matches!(refusal(|s| s.region = String::new()), Some(E::Credential(_))));
    assert!(matches!(refusal(|s| s.secret_access_key = SecretString::from("")), Some(E::Credential(_))));
    assert!(matches!(refusal(|s| s.access_key_id = "a\nb".to_owned()), Some(E::Credential(_))));
}
