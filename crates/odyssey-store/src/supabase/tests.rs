//! Supabase Storage, as its double has it, in good times and bad.

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

use super::refusal_of;
use crate::answer::Meaning;
use crate::testing::conformance::{self, folder, names, path_in, put, read, write};
use crate::testing::supabase::{CHUNK_BYTES, Seen};
use crate::testing::{Fault, SupabaseDouble, noise, silent};
use crate::{Cause, Store, StoreError, StorePath, StoreSettings};

const MIB: usize = 1 << 20;

/// Requests of one method and one kind of route.
fn count(seen: &[Seen], method: &str, route: &str) -> usize {
    seen.iter().filter(|seen| is(seen, method, route)).count()
}

fn is(seen: &Seen, method: &str, route: &str) -> bool {
    seen.request.starts_with(&format!("{method} /storage/v1/{route}"))
}

fn path() -> StorePath {
    path_in(&folder(), "file.sealed")
}

#[test]
fn the_true_status_stands_in_the_body() {
    for (status, body, meaning) in [
        (
            400,
            r#"{"statusCode":"404","error":"not_found","message":"Object not found","code":"NoSuchKey"}"#,
            Meaning::NoFile,
        ),
        (
            400,
            r#"{"statusCode":"404","error":"Bucket not found","message":"Bucket not found"}"#,
            Meaning::NoBucket,
        ),
        (400, r#"{"statusCode":"403","error":"Unauthorized","message":"jwt malformed"}"#, Meaning::Denied),
        (
            400,
            r#"{"statusCode":"413","error":"Payload too large","message":"The object exceeded"}"#,
            Meaning::Full,
        ),
        (400, r#"{"statusCode":423,"code":"ResourceLocked"}"#, Meaning::Conflict),
        (544, r#"{"statusCode":"544","error":"DatabaseTimeout"}"#, Meaning::Busy),
        (409, "Upload-Offset conflict\n", Meaning::Conflict),
        (410, "The file for this url no longer exists\n", Meaning::NoUpload),
        (503, "acquiring lock timeout", Meaning::Busy),
        (400, "Request aborted due to lock acquired", Meaning::Strange),
        (502, "<html>bad gateway</html>", Meaning::Busy),
    ] {
        assert_eq!(refusal_of(status, body.as_bytes()).meaning(), meaning, "{body}");
    }
}

/// Writes a file while something goes wrong, and reads it back.
async fn survives(double: &SupabaseDouble, size: usize, faults: Vec<Fault>) -> Vec<Seen> {
    let (store, path, bytes) = (double.store(), path(), noise(size, 11));
    let what = format!("{faults:?}");
    double.take_seen();
    for fault in faults {
        double.fail(fault);
    }
    let mut writer = store.create(&path);
    put(&mut writer, &bytes).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let stored = writer.finish().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(stored, size as u64, "{what}");
    let seen = double.take_seen();
    assert!(read(&store, &path, 0).await == bytes, "{what}: another file");
    assert_eq!(double.unfinished(), 0, "{what}: an upload is left");
    seen
}

/// Writes a file of this size; says how that failed.
async fn fails(double: &SupabaseDouble, size: usize, faults: Vec<Fault>) -> StoreError {
    let (store, path) = (double.store(), path());
    for fault in faults {
        double.fail(fault);
    }
    try_writing(&store, &path, &noise(size, 12)).await.unwrap_err()
}

async fn try_writing(store: &Store, path: &StorePath, bytes: &[u8]) -> Result<u64, StoreError> {
    let mut writer = store.create(path);
    put(&mut writer, bytes).await?;
    writer.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn supabase_does_what_every_store_must() {
    let double = SupabaseDouble::start().await;
    conformance::all(&double.store()).await;
    ends_with_no_upload(&double).await;
    assert!(double.names().is_empty());
}

async fn ends_with_no_upload(double: &SupabaseDouble) {
    for _ in 0..500 {
        if double.unfinished() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} uploads are left", double.unfinished());
}

#[tokio::test]
async fn chunks_have_six_mebibytes_and_what_fits_one_is_sent_at_once() {
    let double = SupabaseDouble::start().await;
    for (size, posts, patches) in
        [(0, 1, vec![]), (1, 1, vec![]), (6 * MIB, 1, vec![]), (6 * MIB + 1, 0, vec![CHUNK_BYTES, 1])]
            .into_iter()
            .chain([
                (12 * MIB, 0, vec![CHUNK_BYTES; 2]),
                (16 * MIB, 0, vec![CHUNK_BYTES, CHUNK_BYTES, 4 << 20]),
            ])
    {
        let seen = survives(&double, size, vec![]).await;
        let sizes: Vec<u64> =
            seen.iter().filter(|seen| is(seen, "PATCH", "upload")).map(|seen| seen.bytes).collect();
        assert_eq!(sizes, patches, "{size} bytes");
        assert_eq!(count(&seen, "POST", "object/uploads/"), posts, "{size} bytes");
        assert_eq!(
            count(&seen, "POST", "upload/resumable"),
            usize::from(!patches.is_empty()),
            "{size} bytes"
        );
    }
}

#[tokio::test]
async fn a_broken_chunk_is_taken_up_where_the_store_stands() {
    let double = SupabaseDouble::start().await;
    for kept_bytes in [0, 1, 2 << 20, CHUNK_BYTES - 1] {
        // The last has 4 MiB only.
        for number in (1..=3).filter(|number| *number < 3 || kept_bytes < 4 << 20) {
            let double = SupabaseDouble::start().await;
            let seen = survives(&double, 16 * MIB, vec![Fault::BreakPatch { number, kept_bytes }]).await;
            assert_eq!(count(&seen, "POST", "upload"), 1, "PATCH {number} kept {kept_bytes}");
            assert_eq!(count(&seen, "HEAD", "upload"), 1, "PATCH {number} kept {kept_bytes}");
        }
    }
    // Again and again, as long as it comes further.
    let faults = (1..=12).map(|number| Fault::BreakPatch { number, kept_bytes: 1 << 20 }).collect();
    survives(&double, 20 * MIB, faults).await;
}

#[tokio::test]
async fn a_lost_answer_costs_nothing_but_a_question() {
    for number in 1..=3 {
        let double = SupabaseDouble::start().await;
        let seen = survives(&double, 16 * MIB, vec![Fault::LoseAnswer { number }]).await;
        assert_eq!(count(&seen, "PATCH", "upload"), 3, "no byte of PATCH {number} is sent twice");
    }
}

#[tokio::test]
async fn locks_of_others_are_waited_for() {
    for status in [409, 423, 503, 500, 544, 400] {
        for number in 1..=3 {
            let double = SupabaseDouble::start().await;
            survives(&double, 13 * MIB, vec![Fault::Conflict { number, status, times: 3 }]).await;
        }
    }
    let double = SupabaseDouble::start().await;
    survives(&double, MIB, vec![Fault::Busy { status: 429, times: 3 }]).await;
    survives(&double, 13 * MIB, vec![Fault::Busy { status: 544, times: 3 }]).await;
    // And not for ever.
    let error = fails(&double, 13 * MIB, vec![Fault::Conflict { number: 1, status: 409, times: 1000 }]).await;
    assert_eq!((error.cause(), error.is_retryable()), (Cause::Unreachable, true), "{error}");
    ends_with_no_upload(&double).await;
}

#[tokio::test]
async fn an_upload_that_expires_before_a_byte_is_kept_begins_again() {
    let double = SupabaseDouble::start().await;
    let seen = survives(&double, 16 * MIB, vec![Fault::Expire { number: 1 }]).await;
    assert_eq!(count(&seen, "POST", "upload"), 2);
}

#[tokio::test]
async fn an_upload_that_expires_later_is_for_its_writer_to_begin_again() {
    for number in [2, 3] {
        let double = SupabaseDouble::start().await;
        let error = fails(&double, 16 * MIB, vec![Fault::Expire { number }]).await;
        assert_eq!((error.cause(), error.is_retryable()), (Cause::Unreachable, true), "{error}");
        assert!(error.to_string().contains("from its beginning"), "{error}");
        survives(&double, 16 * MIB, vec![]).await;
    }
}

#[tokio::test]
async fn a_file_that_the_store_took_and_did_not_record_is_not_believed() {
    let double = SupabaseDouble::start().await;
    let error = fails(&double, 16 * MIB, vec![Fault::LoseFile]).await;
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    let error = fails(&double, 16 * MIB, vec![Fault::KeepNothing { number: 1 }]).await;
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused_as_such() {
    for size in [MIB, 16 * MIB] {
        let double = SupabaseDouble::start().await;
        let error = fails(&double, size, vec![Fault::Limit { bytes_max: (size - 1) as u64 }]).await;
        assert_eq!(error.cause(), Cause::Full, "{error}");
        ends_with_no_upload(&double).await;
        assert!(double.names().is_empty());
    }
}

#[tokio::test]
async fn whoever_has_no_key_is_told_so_and_nothing_else() {
    let double = SupabaseDouble::start().await;
    let mut settings = double.settings();
    settings.service_key = SecretString::from("another-key-not-a-secret");
    let other = Store::new(&StoreSettings::Supabase(settings)).unwrap();
    let path = path();
    let mut errors = vec![
        other.check().await.unwrap_err(),
        other.size(&path).await.unwrap_err(),
        other.open(&path).await.map(|_| ()).unwrap_err(),
        other.remove(&path).await.unwrap_err(),
        other.remove_folder(&path).await.unwrap_err(),
        other.folders(None).await.unwrap_err(),
        other.list(None).all().await.unwrap_err(),
    ];
    for size in [MIB, 16 * MIB] {
        errors.push(try_writing(&other, &path, &noise(size, 1)).await.unwrap_err());
    }
    errors.push(fails(&double, 16 * MIB, vec![Fault::RefuseKey]).await);
    for error in &errors {
        assert_eq!((error.cause(), error.is_retryable()), (Cause::Refused, false), "{error}");
    }
    for text in errors.iter().map(|error| format!("{error} {error:?}")).chain([format!("{other:?}")]) {
        for secret in ["not-a-secret", "Bearer", "127.0.0.1", "http"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_told_from_one_that_refuses() {
    let double = SupabaseDouble::start().await;
    let mut settings = double.settings();
    settings.endpoint = "http://127.0.0.1:1/storage/v1".to_owned();
    let away = Store::new(&StoreSettings::Supabase(settings)).unwrap();
    let path = path();
    for error in [
        away.check().await.unwrap_err(),
        away.open(&path).await.map(|_| ()).unwrap_err(),
        away.list(None).all().await.unwrap_err(),
    ] {
        assert_eq!((error.cause(), error.is_retryable()), (Cause::Unreachable, true), "{error}");
        assert!(!error.to_string().contains("127.0.0.1/"), "{error}");
        assert!(!error.to_string().contains("http"), "{error}");
    }
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_ended() {
    let double = SupabaseDouble::start().await;
    let (store, path, bytes) = (double.store(), path(), noise(5 * MIB, 13));
    write(&store, &path, &bytes).await;
    double.take_seen();
    double.fail(Fault::BreakRead { after_bytes: 700_001, times: 3 });
    assert!(read(&store, &path, 0).await == bytes);
    assert_eq!(count(&double.take_seen(), "GET", "object/authenticated"), 4);
    // By a thread that blocks.
    double.fail(Fault::BreakRead { after_bytes: 1_000, times: 2 });
    let (there, at) = (store.clone(), path.clone());
    let back = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Handle::current();
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut there.open_blocking(&runtime, &at).unwrap(), &mut back).unwrap();
        back
    });
    assert!(back.await.unwrap() == bytes);
    // Not without end, where it comes no further.
    double.fail(Fault::BreakRead { after_bytes: 10, times: 1_000 });
    let mut reader = store.open(&path).await.unwrap();
    let error = loop {
        match reader.chunk().await {
            Ok(chunk) => assert!(chunk.is_some(), "it ended as if whole"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    assert!(count(&double.take_seen(), "GET", "object/authenticated") < 20);
}

#[tokio::test]
async fn what_is_replaced_while_it_is_read_is_not_mixed() {
    let double = SupabaseDouble::start().await;
    let (store, path) = (double.store(), path());
    write(&store, &path, &noise(2 * MIB, 14)).await;
    for fault in [Fault::ReplaceInRead { after_bytes: MIB }, Fault::IgnoreRange] {
        if fault == Fault::IgnoreRange {
            double.fail(Fault::BreakRead { after_bytes: MIB, times: 1 });
        }
        double.fail(fault);
        let mut reader = store.open(&path).await.unwrap();
        let error = loop {
            match reader.chunk().await {
                Ok(chunk) => assert!(chunk.is_some(), "it ended as if whole"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.cause(), Cause::Corrupt, "{error}");
    }
}

#[tokio::test]
async fn a_public_bucket_or_none_is_not_ready() {
    let double = SupabaseDouble::start().await;
    double.store().check().await.unwrap();
    double.set_public(true);
    let error = double.store().check().await.unwrap_err();
    assert!(error.to_string().contains("private"), "{error}");
    let mut settings = double.settings();
    settings.bucket = "elsewhere".to_owned();
    let elsewhere = Store::new(&StoreSettings::Supabase(settings)).unwrap();
    let path = path();
    let mut errors =
        vec![elsewhere.check().await.unwrap_err(), elsewhere.list(None).all().await.unwrap_err()];
    for size in [1, 7 * MIB] {
        errors.push(try_writing(&elsewhere, &path, &noise(size, 1)).await.unwrap_err());
    }
    for error in errors {
        assert_eq!(error.cause(), Cause::Refused, "{error}");
        assert!(error.to_string().contains("bucket"), "{error}");
    }
}

#[tokio::test]
async fn listings_of_more_than_a_page_are_whole_and_removed_whole() {
    let double = SupabaseDouble::start().await;
    let (store, folder) = (double.store(), folder());
    for index in 0..1_050 {
        double.plant(&format!("{folder}/{index:05}"), b"x");
        double.plant(&format!("{folder}/f{index:05}/file"), b"x");
    }
    assert_eq!(names(&store, &folder).await.len(), 2 * 1_050);
    assert_eq!(store.folders(Some(&folder)).await.unwrap().len(), 1_050);
    store.remove_folder(&folder).await.unwrap();
    assert!(double.names().is_empty());
}

#[tokio::test]
async fn names_that_are_none_of_ours_are_passed_over_and_removed_with_their_folder() {
    let double = SupabaseDouble::start().await;
    let (store, folder) = (double.store(), folder());
    for name in ["file", "two words", ".emptyFolderPlaceholder", "a b/c", "c/.emptyFolderPlaceholder"] {
        double.plant(&format!("{folder}/{name}"), b"x");
    }
    assert_eq!(names(&store, &folder).await, ["file"]);
    assert_eq!(store.folders(Some(&folder)).await.unwrap(), ["c"]);
    store.remove_folder(&folder).await.unwrap();
    assert!(double.names().is_empty());
    // The store does not tell upper from lower case in the name of a folder, and we do.
    double.plant("VENDOR/file", b"x");
    let error = store.remove_folder(&StorePath::parse("vendor").unwrap()).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Refused, "{error}");
    assert_eq!(double.names(), ["VENDOR/file"]);
    double.fail(Fault::RemoveNothing);
    let error = store.remove_folder(&StorePath::parse("VENDOR").unwrap()).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Refused, "{error}");
}

#[tokio::test]
async fn whoever_writes_waits_while_the_store_is_behind() {
    let mut settings = SupabaseDouble::start().await.settings();
    settings.endpoint = format!("http://{}/storage/v1", silent().await);
    let store = Store::new(&StoreSettings::Supabase(settings)).unwrap();
    let mut writer = store.create(&path());
    let piece = Bytes::from(noise(64 << 10, 1));
    let mut taken = 0;
    while tokio::time::timeout(Duration::from_millis(300), writer.write(piece.clone())).await.is_ok() {
        taken += piece.len();
    }
    // A chunk, what gathers behind it, and what waits in between.
    assert!((6 * MIB..14 * MIB).contains(&taken), "{taken} bytes were taken");
    let begun = std::time::Instant::now();
    writer.abort().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "an answer is not waited for without end");
}

#[tokio::test]
async fn silence_has_an_end() {
    let mut settings = SupabaseDouble::start().await.settings();
    settings.endpoint = format!("http://{}/storage/v1", silent().await);
    settings.patience.request_max = Duration::from_millis(50);
    let store = Store::new(&StoreSettings::Supabase(settings)).unwrap();
    for error in [store.check().await.unwrap_err(), store.open(&path()).await.map(|_| ()).unwrap_err()] {
        assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_to_a_writer_that_pauses() {
    let double = SupabaseDouble::start().await;
    let (store, path) = (double.store(), path());
    double.fail(Fault::Limit { bytes_max: 1 });
    let mut writer = store.create(&path);
    put(&mut writer, &noise(6 * MIB + 1, 1)).await.unwrap();
    // Nothing more is said until the refusal has come back.
    let error = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if let Err(error) = writer.write(Bytes::from_static(b"x")).await {
                break error;
            }
        }
    });
    assert_eq!(error.await.unwrap().cause(), Cause::Full);
}
