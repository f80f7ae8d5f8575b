//! What only a disk does.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::conformance::{self, names, path_in, put, write};
use crate::testing::noise;
use crate::{Cause, Store, Version};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_disk(dir.path().join("store"));
    (dir, store)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Everything below a folder, drafts too.
fn everything(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        found.extend(if path.is_dir() { everything(&path) } else { vec![path.display().to_string()] });
    }
    found
}

/// Until what was dropped has cleared up behind itself.
async fn settled(folder: &Path, files: usize) {
    for _ in 0..500 {
        if everything(folder).len() == files {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", everything(folder));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_does_what_every_store_must() {
    let (dir, store) = store();
    conformance::all(&store).await;
    settled(dir.path(), 0).await;
}

#[tokio::test]
async fn a_runtime_of_one_thread_is_enough() {
    let (_dir, store) = store();
    conformance::threads_that_block_write_and_read(&store).await;
    conformance::what_is_given_up_leaves_nothing(&store).await;
}

#[tokio::test]
async fn only_the_owner_gets_at_files_and_folders() {
    let (dir, store) = store();
    let path = StorePath::parse("vendor/upload/piece.sealed").unwrap();
    let mut writer = store.create(&path);
    put(&mut writer, &noise(300_000, 1)).await.unwrap();
    let root = dir.path().join("store");
    settled(&root, 1).await;
    for file in everything(&root) {
        assert_eq!(mode(Path::new(&file)), 0o600, "a draft");
    }
    writer.finish().await.unwrap();
    for folder in ["", "vendor", "vendor/upload"] {
        assert_eq!(mode(&root.join(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&root.join(path.as_str())), 0o600);
    assert_eq!(everything(&root).len(), 1, "no draft is left");
}

#[tokio::test]
async fn what_a_killed_process_left_goes_with_its_path_or_its_folder() {
    let (dir, store) = store();
    let root = dir.path().join("store");
    let folder = StorePath::parse("vendor").unwrap();
    let (one, other) = (path_in(&folder, "one.sealed"), path_in(&folder, "one"));
    for path in [&one, &other] {
        // As a killed process would leave it: nobody drops it.
        std::mem::forget(Disk::new(root.clone()).draft(path).unwrap());
    }
    assert!(names(&store, &folder).await.is_empty(), "a draft is not listed");
    assert_eq!(store.size(&one).await.unwrap(), None);
    store.remove(&other).await.unwrap();
    assert_eq!(everything(&root).len(), 1, "the draft of another path stays");
    store.remove_folder(&folder).await.unwrap();
    assert!(everything(&root).is_empty());
}

#[tokio::test]
async fn a_file_whose_folder_is_removed_while_it_is_written_is_not_there_and_says_so() {
    let (dir, store) = store();
    let folder = StorePath::parse("vendor").unwrap();
    let path = path_in(&folder, "file");
    let mut writer = store.create(&path);
    put(&mut writer, &noise(600_000, 1)).await.unwrap();
    settled(dir.path(), 1).await;
    store.remove_folder(&folder).await.unwrap();
    let error = writer.finish().await.unwrap_err();
    assert_eq!(error.cause(), Cause::NotFound, "{error}");
    settled(dir.path(), 0).await;
}

#[tokio::test]
async fn names_that_are_none_of_ours_are_passed_over() {
    use std::os::unix::ffi::OsStrExt;

    let (dir, store) = store();
    let folder = StorePath::parse("vendor").unwrap();
    write(&store, &path_in(&folder, "file"), b"x").await;
    let there = dir.path().join("store/vendor");
    for name in [b"\xff\xfe".as_slice(), b"two words", b".hidden", b"\xc3\xa4"] {
        fs::write(there.join(std::ffi::OsStr::from_bytes(name)), b"x").unwrap();
        fs::create_dir(there.join(std::ffi::OsStr::from_bytes(&[name, b" folder"].concat()))).unwrap();
    }
    std::os::unix::fs::symlink("/", there.join("elsewhere")).unwrap();
    assert_eq!(names(&store, &folder).await, ["file"]);
    assert!(store.folders(Some(&folder)).await.unwrap().is_empty());
    store.remove_folder(&folder).await.unwrap();
    assert!(everything(dir.path()).is_empty());
}

#[tokio::test]
async fn a_disk_that_is_none_is_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"x").unwrap();
    let store = Store::on_disk(file.join("store"));
    assert!(store.check().await.is_err());
    let path = StorePath::parse("a/b").unwrap();
    assert!(store.create(&path).finish().await.is_err());
}

#[test]
fn faults_of_a_disk_have_our_causes() {
    let path = StorePath::parse("a/b").unwrap();
    let attempt = Attempt::at("write", &path);
    for (kind, cause) in [
        (ErrorKind::NotFound, Cause::NotFound),
        (ErrorKind::PermissionDenied, Cause::Refused),
        (ErrorKind::ReadOnlyFilesystem, Cause::Refused),
        (ErrorKind::StorageFull, Cause::Full),
        (ErrorKind::QuotaExceeded, Cause::Full),
        (ErrorKind::FileTooLarge, Cause::Full),
        (ErrorKind::UnexpectedEof, Cause::Corrupt),
        (ErrorKind::Other, Cause::Unreachable),
    ] {
        assert_eq!(fault(&attempt, &kind.into()).cause(), cause, "{kind}");
    }
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_read_is_no_shorter_file() {
    let (dir, store) = store();
    let path = StorePath::parse("a/b").unwrap();
    write(&store, &path, &noise(3_000_000, 1)).await;
    let mut reader = store.open(&path).await.unwrap();
    reader.chunk().await.unwrap();
    let file = OpenOptions::new().write(true).open(dir.path().join("store/a/b")).unwrap();
    file.set_len(300_000).unwrap();
    let error = loop {
        match reader.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if whole"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.cause(), Cause::Corrupt, "{error}");
}

#[test]
fn a_thread_that_blocks_is_told_the_same() {
    use std::io::Read as _;

    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path().join("store"));
    let path = StorePath::parse("a/b").unwrap();
    let draft = disk.draft(&path).unwrap().append(&noise(1_000_000, 1)).unwrap();
    assert_eq!(draft.publish().unwrap(), 1_000_000);
    let mut reader = disk.open_blocking(&path).unwrap();
    reader.read_exact(&mut [0; 10]).unwrap();
    OpenOptions::new().write(true).open(dir.path().join("store/a/b")).unwrap().set_len(500_000).unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(StoreError::of(&error).map(StoreError::cause), Some(Cause::Corrupt), "{error}");
}

/// On the one disk that is always full, where there is one.
#[test]
fn a_full_disk_is_told_as_such() {
    use std::io::Write as _;

    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: there is no /dev/full");
        return;
    };
    let path = StorePath::parse("a/b").unwrap();
    let error = (&full).write_all(b"x").unwrap_err();
    assert_eq!(fault(&Attempt::at("write", &path), &error).cause(), Cause::Full, "{error}");
}

#[tokio::test]
async fn what_is_no_plain_file_of_one_name_below_plain_folders_is_not_read_for_others() {
    let (dir, store) = store();
    let root = dir.path().join("store");
    fs::create_dir_all(root.join("inbox/acme/sub")).unwrap();
    fs::create_dir_all(root.join("inbox/rival")).unwrap();
    fs::write(root.join("inbox/rival/file"), b"of somebody else").unwrap();
    fs::write(dir.path().join("secret"), b"of the server").unwrap();
    let inbox = root.join("inbox/acme");
    std::os::unix::fs::symlink("../rival/file", inbox.join("link")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret"), inbox.join("far")).unwrap();
    std::os::unix::fs::symlink("../rival", inbox.join("folder")).unwrap();
    fs::hard_link(dir.path().join("secret"), inbox.join("second_name")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(inbox.join("pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(inbox.join("socket")).unwrap();
    let folder = StorePath::parse("inbox/acme").unwrap();
    let known = Version { byte_count: 13, tag: String::new() };
    for name in ["link", "far", "folder/file", "second_name", "pipe", "socket", "sub", "none", "link/x"] {
        let path = StorePath::named_by_others(&folder, name).unwrap();
        assert_eq!(store.version(&path).await.unwrap(), None, "{name}");
        assert_eq!(
            store.open_version(&path, &known, 0).await.unwrap_err().cause(),
            Cause::NotFound,
            "{name}"
        );
        assert!(store.remove_version(&path, &known).await.unwrap(), "{name}");
    }
    assert_eq!(everything(&root.join("inbox/rival")).len(), 1, "nothing of others was removed");
    assert!(dir.path().join("secret").exists());
}

#[tokio::test]
async fn a_file_that_grows_or_is_written_to_is_another_version() {
    let (dir, store) = store();
    let root = dir.path().join("store");
    fs::create_dir_all(root.join("inbox")).unwrap();
    fs::write(root.join("inbox/file"), b"first").unwrap();
    let path = StorePath::parse("inbox/file").unwrap();
    let first = store.version(&path).await.unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut file = OpenOptions::new().write(true).open(root.join("inbox/file")).unwrap();
    io::Write::write_all(&mut file, b"fir5t").unwrap();
    let second = store.version(&path).await.unwrap().unwrap();
    assert_ne!(first, second, "the same length, and other bytes");
    assert_eq!(store.open_version(&path, &first, 0).await.unwrap_err().cause(), Cause::Corrupt);
    let mut reader = store.open_version(&path, &second, 2).await.unwrap();
    assert_eq!(&reader.chunk().await.unwrap().unwrap()[..], b"r5t");
}
