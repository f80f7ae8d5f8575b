//! What every store must do, whatever it is made of. Each case works in a folder of its own and leaves nothing in it.
//! They panic where a store does something else, since they are for tests.

use std::io::{Read, Write};

use bytes::Bytes;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::noise;
use crate::{Cause, Store, StoreError, StorePath, Writer};

const MIB: usize = 1 << 20;
/// Around the borders of chunks and parts of any store, and beyond several of them.
const SIZES: [usize; 8] = [0, 1, 5 * MIB - 1, 5 * MIB, 6 * MIB + 1, 8 * MIB, 16 * MIB + 1, 40 * MIB];

/// All of it.
pub async fn all(store: &Store) {
    of_real_servers_too(store).await;
    a_folder_is_no_file(store).await;
}

/// What also those servers do that keep objects as files on a disk of theirs.
pub async fn of_real_servers_too(store: &Store) {
    store.check().await.expect("the store is ready");
    files_of_all_sizes_come_back(store).await;
    a_file_is_read_from_any_byte_on(store).await;
    threads_that_block_write_and_read(store).await;
    what_is_given_up_leaves_nothing(store).await;
    a_file_that_is_written_again_is_replaced(store).await;
    folders_are_listed_and_removed(store).await;
    what_is_not_there_is_said_to_be_so(store).await;
    a_file_that_others_replace_is_known_by_its_version(store).await;
}

/// Written in pieces of odd sizes, read as a stream.
pub async fn files_of_all_sizes_come_back(store: &Store) {
    let folder = folder();
    for (index, size) in SIZES.into_iter().enumerate() {
        let (path, bytes) = (path_in(&folder, &format!("{size}.sealed")), noise(size, index as u64 + 1));
        assert_eq!(write(store, &path, &bytes).await, size as u64, "bytes stored of {size}");
        assert_eq!(store.size(&path).await.expect("it can be asked"), Some(size as u64));
        assert!(read(store, &path, 0).await == bytes, "a file of {size} bytes is another one");
    }
    store.remove_folder(&folder).await.expect("it is removed");
}

/// Also from its end on, and from behind it.
pub async fn a_file_is_read_from_any_byte_on(store: &Store) {
    let folder = folder();
    let (path, bytes) = (path_in(&folder, "file"), noise(7 * MIB, 7));
    write(store, &path, &bytes).await;
    for from in [0, 1, 65_536, 6 * MIB, 7 * MIB - 1, 7 * MIB, 8 * MIB] {
        let expected = &bytes[from.min(bytes.len())..];
        assert!(read(store, &path, from as u64).await == expected, "from byte {from} on");
        let reader = store.open_at(&path, from as u64).await.expect("it opens");
        assert_eq!(reader.byte_count(), bytes.len() as u64, "the whole length, from byte {from} on");
    }
    store.remove_folder(&folder).await.expect("it is removed");
}

/// By `std::io`, on a thread of the runtime.
pub async fn threads_that_block_write_and_read(store: &Store) {
    let folder = folder();
    let (path, bytes) = (path_in(&folder, "file"), noise(9 * MIB + 17, 9));
    let (store_there, path_there, bytes_there) = (store.clone(), path.clone(), bytes.clone());
    let back = tokio::task::spawn_blocking(move || {
        let runtime = Handle::current();
        let mut writer = store_there.create_blocking(&runtime, &path_there).expect("it begins");
        for piece in bytes_there.chunks(100_003) {
            writer.write_all(piece).expect("it writes");
        }
        assert_eq!(writer.finish().expect("it finishes"), bytes_there.len() as u64);
        let mut reader = store_there.open_blocking(&runtime, &path_there).expect("it opens");
        assert_eq!(reader.byte_count(), bytes_there.len() as u64);
        let mut back = Vec::new();
        reader.read_to_end(&mut back).expect("it reads");

        let mut writer = store_there.create_blocking(&runtime, &path_there).expect("it begins");
        writer.write_all(&bytes_there[..7 * MIB]).expect("it writes");
        writer.abort().expect("it is given up");
        back
    });
    assert!(back.await.expect("no panic") == bytes);
    assert_eq!(names(store, &folder).await, ["file"], "the one that was finished, and nothing of the other");
    assert_eq!(store.size(&path).await.expect("it can be asked"), Some(bytes.len() as u64));
    store.remove_folder(&folder).await.expect("it is removed");
}

/// Aborted, dropped, and dropped before anything was written.
pub async fn what_is_given_up_leaves_nothing(store: &Store) {
    let folder = folder();
    for size in [0, 1, 5 * MIB, 20 * MIB] {
        let path = path_in(&folder, &format!("aborted-{size}"));
        let mut writer = store.create(&path);
        put(&mut writer, &noise(size, 3)).await.expect("it writes");
        writer.abort().await.expect("it is given up");
        assert_eq!(store.size(&path).await.expect("it can be asked"), None, "aborted after {size} bytes");

        let path = path_in(&folder, &format!("dropped-{size}"));
        let mut writer = store.create(&path);
        put(&mut writer, &noise(size, 4)).await.expect("it writes");
        drop(writer);
        assert_eq!(store.size(&path).await.expect("it can be asked"), None, "dropped after {size} bytes");
    }
    assert!(names(store, &folder).await.is_empty());
    store.remove_folder(&folder).await.expect("it is removed");
}

/// In one step: until then the former one is there, whole.
pub async fn a_file_that_is_written_again_is_replaced(store: &Store) {
    let folder = folder();
    let path = path_in(&folder, "file");
    for (former, next) in [(0, 5 * MIB), (5 * MIB, 17 * MIB), (17 * MIB, 1)] {
        let (former, next) = (noise(former, 5), noise(next, 6));
        write(store, &path, &former).await;
        let mut writer = store.create(&path);
        put(&mut writer, &next).await.expect("it writes");
        assert!(read(store, &path, 0).await == former, "the former file is there while the next is written");
        writer.finish().await.expect("it finishes");
        assert!(read(store, &path, 0).await == next, "the next file is there");

        let mut writer = store.create(&path);
        put(&mut writer, &former).await.expect("it writes");
        writer.abort().await.expect("it is given up");
        assert!(read(store, &path, 0).await == next, "what was given up replaces nothing");
    }
    assert_eq!(names(store, &folder).await, ["file"]);
    store.remove_folder(&folder).await.expect("it is removed");
}

/// Two vendors' worth of files; one of them goes.
pub async fn folders_are_listed_and_removed(store: &Store) {
    let folder = folder();
    let inside = ["a/1.sealed", "a/2/p1.sealed", "a/2/p2.sealed", "ab/3.sealed"];
    for (index, name) in inside.into_iter().enumerate() {
        write(store, &path_in(&folder, name), &noise(index + 1, 8)).await;
    }
    assert_eq!(names(store, &folder).await, inside);
    let files = store.list(Some(&folder)).all().await.expect("it lists");
    for file in files {
        let index = inside.iter().position(|name| path_in(&folder, name) == file.path).expect("one of them");
        assert_eq!(file.byte_count, index as u64 + 1);
        assert!(file.modified_at.timestamp() > 1_700_000_000, "{}", file.modified_at);
    }
    assert_eq!(sorted(store.folders(Some(&folder)).await.expect("it lists")), ["a", "ab"]);
    assert_eq!(sorted(store.folders(Some(&path_in(&folder, "a"))).await.expect("it lists")), ["2"]);
    let top = store.folders(None).await.expect("it lists");
    assert!(top.iter().any(|name| name == folder.as_str()));
    let all = store.list(None).all().await.expect("it lists");
    assert!(all.iter().any(|file| file.path == path_in(&folder, "ab/3.sealed")));

    store.remove(&path_in(&folder, "a/2/p1.sealed")).await.expect("it is removed");
    store.remove(&path_in(&folder, "a/2/p1.sealed")).await.expect("gone is as good");
    assert_eq!(names(store, &folder).await, ["a/1.sealed", "a/2/p2.sealed", "ab/3.sealed"]);

    store.remove_folder(&path_in(&folder, "a")).await.expect("it is removed");
    store.remove_folder(&path_in(&folder, "a")).await.expect("gone is as good");
    assert_eq!(names(store, &folder).await, ["ab/3.sealed"], "a folder is more than the beginning of a name");
    assert_eq!(store.folders(Some(&folder)).await.expect("it lists"), ["ab"]);

    store.remove_folder(&folder).await.expect("it is removed");
    assert!(names(store, &folder).await.is_empty());
    let top = store.folders(None).await.expect("it lists");
    assert!(!top.iter().any(|name| name == folder.as_str()));
}

/// By `None` where that is an answer, by an error that names the path where it is not.
pub async fn what_is_not_there_is_said_to_be_so(store: &Store) {
    let folder = folder();
    let path = path_in(&folder, "nothing");
    assert_eq!(store.size(&path).await.expect("it can be asked"), None);
    let error = store.open(&path).await.expect_err("nothing to open");
    assert_eq!((error.cause(), error.is_retryable()), (Cause::NotFound, false), "{error}");
    assert!(error.to_string().contains(path.as_str()), "{error}");
    let (there, at) = (store.clone(), path.clone());
    let opened =
        tokio::task::spawn_blocking(move || there.open_blocking(&Handle::current(), &at).map(|_| ()));
    let error = opened.await.expect("no panic").expect_err("nothing to open");
    assert_eq!(error.cause(), Cause::NotFound);
    let error = std::io::Error::from(error);
    assert!(matches!(StoreError::of(&error), Some(StoreError::NotFound { .. })));
    assert!(store.folders(Some(&path_in(&folder, "elsewhere"))).await.expect("it lists").is_empty());
    for bad in ["", "..", "a/../b", "/a", "a//b", "a/", ".a", "a b", "ä", "a\0b", "a%2F..", "a\\..\\b"] {
        assert!(StorePath::parse(bad).is_err(), "{bad:?} is a path");
    }
    store.remove_folder(&folder).await.expect("it is removed");
}

/// Read and removed as what it was when it was looked at, and as nothing else.
pub async fn a_file_that_others_replace_is_known_by_its_version(store: &Store) {
    let folder = folder();
    let path = StorePath::named_by_others(&folder, "theirs/ada.csv").expect("a path");
    assert_eq!(store.version(&path).await.expect("it can be asked"), None);
    let (first, second) = (noise(3 * MIB, 11), noise(3 * MIB, 12));
    write(store, &path, &first).await;
    let version = store.version(&path).await.expect("it can be asked").expect("it is there");
    assert_eq!(version.byte_count, first.len() as u64);
    assert_eq!(
        store.version(&path).await.expect("it can be asked").as_ref(),
        Some(&version),
        "it stands still"
    );
    for from in [0, 1, 2 * MIB] {
        let mut reader = store.open_version(&path, &version, from as u64).await.expect("it opens");
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.chunk().await.expect("it reads") {
            bytes.extend_from_slice(&chunk);
        }
        assert!(bytes == first[from..], "from byte {from} on");
    }
    write(store, &path, &second).await;
    for from in [0, 1] {
        let error = store.open_version(&path, &version, from).await.expect_err("another file");
        assert_eq!(error.cause(), Cause::Corrupt, "{error}");
        assert!(!error.to_string().contains("ada"), "{error}");
    }
    assert!(!store.remove_version(&path, &version).await.expect("it can be asked"), "another file is left");
    assert!(read(store, &path, 0).await == second);
    let version = store.version(&path).await.expect("it can be asked").expect("it is there");
    assert!(store.remove_version(&path, &version).await.expect("it is removed"));
    assert!(store.remove_version(&path, &version).await.expect("gone is as good"));
    let error = store.open_version(&path, &version, 0).await.expect_err("nothing to open");
    assert_eq!(error.cause(), Cause::NotFound);
    assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
    store.remove_folder(&folder).await.expect("it is removed");
}

/// A path with files below it is itself none.
pub async fn a_folder_is_no_file(store: &Store) {
    let folder = folder();
    write(store, &path_in(&folder, "inner/file"), b"x").await;
    let path = path_in(&folder, "inner");
    assert_eq!(store.size(&path).await.expect("it can be asked"), None);
    assert_eq!(store.open(&path).await.expect_err("no file").cause(), Cause::NotFound);
    store.remove_folder(&folder).await.expect("it is removed");
}

/// A folder that nobody else uses.
pub fn folder() -> StorePath {
    StorePath::parse(&Uuid::now_v7().to_string()).expect("an id is a path")
}

/// A path in a folder, for tests that know it to be one.
pub fn path_in(folder: &StorePath, name: &str) -> StorePath {
    StorePath::parse(&format!("{folder}/{name}")).expect("a path")
}

/// Stores bytes, in pieces of odd sizes.
pub async fn write(store: &Store, path: &StorePath, bytes: &[u8]) -> u64 {
    let mut writer = store.create(path);
    put(&mut writer, bytes).await.expect("it writes");
    writer.finish().await.expect("it finishes")
}

/// Hands bytes to a writer, in pieces of odd sizes.
pub async fn put(writer: &mut Writer, bytes: &[u8]) -> Result<(), StoreError> {
    for piece in bytes.chunks(99_991) {
        writer.write(Bytes::copy_from_slice(piece)).await?;
    }
    Ok(())
}

/// Reads a file from a byte on.
pub async fn read(store: &Store, path: &StorePath, from: u64) -> Vec<u8> {
    let mut reader = store.open_at(path, from).await.expect("it opens");
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.chunk().await.expect("it reads") {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

/// Names of the files in a folder, sorted, without the folder.
pub async fn names(store: &Store, folder: &StorePath) -> Vec<String> {
    let files = store.list(Some(folder)).all().await.expect("it lists");
    let begin = format!("{folder}/");
    sorted(
        files.iter().filter_map(|file| Some(file.path.as_str().strip_prefix(&begin)?.to_owned())).collect(),
    )
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}
