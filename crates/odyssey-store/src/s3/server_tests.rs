//! The same against a real server, where one is named: `ODYSSEY_S3_TEST_ENDPOINT`, and if need be `…_BUCKET`,
//! `…_REGION`, `…_KEY_ID` and `…_SECRET`. `cargo xtask soak s3` starts one. Without one these tests say that they skip.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::testing::conformance::{self, folder, names, path_in, put, read, write};
use crate::testing::{hasty, noise};
use crate::{Cause, S3Settings, Store, StorePath, StoreSettings};

const MIB: usize = 1 << 20;
/// Names the file that the process writes which is to be killed.
const CHILD: &str = "ODYSSEY_S3_TEST_CHILD";

fn variable(name: &str, default: &str) -> String {
    std::env::var(format!("ODYSSEY_S3_TEST_{name}")).unwrap_or_else(|_| default.to_owned())
}

/// The server, where there is one.
fn settings(test: &str) -> Option<S3Settings> {
    let endpoint = variable("ENDPOINT", "");
    if endpoint.is_empty() {
        println!("skipped: {test} needs a server, ODYSSEY_S3_TEST_ENDPOINT");
        return None;
    }
    let mut patience = hasty();
    patience.request_max = Duration::from_mins(1);
    patience.silence_max = Duration::from_secs(30);
    Some(S3Settings {
        endpoint,
        region: variable("REGION", "us-east-1"),
        bucket: variable("BUCKET", "odyssey-test"),
        access_key_id: variable("KEY_ID", "test"),
        secret_access_key: SecretString::from(variable("SECRET", "test")),
        allow_http: true,
        patience,
    })
}

fn store(settings: &S3Settings) -> Store {
    Store::new(&StoreSettings::S3(settings.clone())).unwrap()
}

/// Uploads in parts that the server has begun and not ended, in this folder; `None` where it does not say so to
/// strangers.
async fn unfinished(settings: &S3Settings, folder: &StorePath) -> Option<usize> {
    let url = format!("{}/{}?uploads", settings.endpoint, settings.bucket);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(url).send().await.unwrap();
    if !response.status().is_success() {
        return None;
    }
    let text = response.text().await.unwrap();
    Some(text.matches(&format!("<Key>{folder}/")).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_does_what_every_store_must() {
    let Some(settings) = settings("the suite of all stores") else { return };
    conformance::of_real_servers_too(&store(&settings)).await;
}

#[tokio::test]
async fn a_real_server_refuses_a_wrong_secret() {
    let Some(settings) = settings("a wrong secret") else { return };
    let secret_access_key = SecretString::from("wrong-not-a-secret");
    let other = store(&S3Settings { secret_access_key, ..settings });
    match other.check().await {
        Ok(()) => println!("skipped: this server does not check signatures"),
        Err(error) => {
            println!("{error}");
            assert_eq!(error.cause(), Cause::Refused, "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_takes_64_mebibytes_in_parts() {
    let Some(settings) = settings("a multipart upload") else { return };
    let (store, folder) = (store(&settings), folder());
    let (path, bytes) = (path_in(&folder, "large"), noise(64 * MIB, 31));
    assert_eq!(write(&store, &path, &bytes).await, bytes.len() as u64);
    assert!(read(&store, &path, 0).await == bytes);
    assert!(read(&store, &path, 40 * MIB as u64 + 1).await == bytes[40 * MIB + 1..]);
    println!("uploads left: {:?}", unfinished(&settings, &folder).await);
    assert!(unfinished(&settings, &folder).await.unwrap_or(0) == 0);
    store.remove_folder(&folder).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_keeps_nothing_of_what_is_given_up() {
    let Some(settings) = settings("an abort") else { return };
    let (store, folder) = (store(&settings), folder());
    let path = path_in(&folder, "aborted");
    let mut writer = store.create(&path);
    put(&mut writer, &noise(30 * MIB, 32)).await.unwrap();
    let before = unfinished(&settings, &folder).await;
    writer.abort().await.unwrap();
    let after = unfinished(&settings, &folder).await;
    println!("uploads before the abort: {before:?}, after: {after:?}");
    assert!(before.is_none() || (before, after) == (Some(1), Some(0)));
    assert_eq!(store.size(&path).await.unwrap(), None);
}

/// Passes bytes on in both directions, and ends each of the first connections after so many bytes of answers.
async fn cutting_proxy(
    server: SocketAddr,
    after_bytes: usize,
    cuts: usize,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let number = seen.fetch_add(1, Ordering::SeqCst);
            let limit = if number < cuts { after_bytes } else { usize::MAX };
            tokio::spawn(pass_on(client, server, limit));
        }
    });
    (address, connections)
}

async fn pass_on(client: TcpStream, server: SocketAddr, limit: usize) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let (mut buffer, mut passed) = (vec![0; 1 << 16], 0);
    while passed < limit {
        let wanted = buffer.len().min(limit - passed);
        match from_server.read(&mut buffer[..wanted]).await {
            Ok(count @ 1..) if to_client.write_all(&buffer[..count]).await.is_ok() => passed += count,
            _ => break,
        }
    }
    asking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_is_read_on_where_the_line_broke() {
    let Some(settings) = settings("a broken line") else { return };
    let (direct, folder) = (store(&settings), folder());
    let (path, bytes) = (path_in(&folder, "file"), noise(24 * MIB, 33));
    write(&direct, &path, &bytes).await;
    let server = settings.endpoint.strip_prefix("http://").unwrap().parse().unwrap();
    let (address, connections) = cutting_proxy(server, 5 * MIB, 4).await;
    let through = store(&S3Settings { endpoint: format!("http://{address}"), ..settings });
    assert!(read(&through, &path, 0).await == bytes);
    let count = connections.load(Ordering::SeqCst);
    println!("connections: {count}");
    assert!(count >= 5, "{count} connections");
    direct.remove_folder(&folder).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_shows_nothing_of_a_client_that_was_killed() {
    let Some(settings) = settings("a killed client") else { return };
    if let Ok(path) = std::env::var(CHILD) {
        // The process that is killed: it never comes to the end.
        let mut writer = store(&settings).create(&StorePath::parse(&path).unwrap());
        for seed in 1..10_000 {
            put(&mut writer, &noise(MIB, seed)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        return;
    }
    let (store, folder) = (store(&settings), folder());
    let path = path_in(&folder, "killed");
    let test = "s3::server_tests::a_real_server_shows_nothing_of_a_client_that_was_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, path.as_str())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(child.try_wait().unwrap().is_none(), "the client ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    println!("uploads that a killed client left: {:?}", unfinished(&settings, &folder).await);
    assert_eq!(store.size(&path).await.unwrap(), None);
    assert!(names(&store, &folder).await.is_empty());
    // 2100: whatever is open began before.
    let before = chrono::DateTime::from_timestamp(4_102_444_800, 0).unwrap();
    let ended =
        store.end_unfinished(before, |path| path.as_str().starts_with(folder.as_str())).await.unwrap();
    println!("ended of a killed client: {ended}");
    assert_eq!(unfinished(&settings, &folder).await.unwrap_or(0), 0);
    // The same path is written anew as if nothing had been.
    let bytes = noise(20 * MIB, 34);
    write(&store, &path, &bytes).await;
    assert!(read(&store, &path, 0).await == bytes);
    store.remove_folder(&folder).await.unwrap();
}
