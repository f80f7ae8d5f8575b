//! Against real binaries; each such test says so and ends when there are none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::account::find_user;
use super::binaries::{install_command, parse_version};
use super::connect::{may_pass, pause_after};
use super::place::{fits, short_hash};
use super::tuning::{parse_meminfo, settings};
use super::{EmbeddedPg, PgError, Status, Watching, find_binaries, secret, status, stop_now};

/// A state folder that the server's user can pass through.
fn state() -> Option<(tempfile::TempDir, PathBuf)> {
    if find_binaries(None, None).is_err() {
        println!("skipped: no PostgreSQL binaries");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("passable");
    let state_dir = folder.path().join("state");
    Some((folder, state_dir))
}

fn start(state_dir: &Path) -> EmbeddedPg {
    EmbeddedPg::ensure_running(state_dir, None).unwrap_or_else(|error| panic!("{error}"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn scalar(server: &EmbeddedPg, sql: &'static str) -> String {
    runtime().block_on(async {
        let mut connection = PgConnection::connect_with(&server.admin_options()).await.expect("connects");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("answers")
    })
}

fn execute(server: &EmbeddedPg, sql: &'static str) {
    runtime().block_on(async {
        let mut connection = PgConnection::connect_with(&server.admin_options()).await.expect("connects");
        sqlx::query(sql).execute(&mut connection).await.expect("runs");
    });
}

fn postmaster(server: &EmbeddedPg) -> String {
    let text = fs::read_to_string(server.data_dir.join("postmaster.pid")).expect("a pid file");
    text.lines().next().expect("a first line").to_owned()
}

/// A process that has ended but waits to be reaped counts as dead.
fn is_alive(pid: &str) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

#[test]
fn a_server_starts_is_durable_and_stops_with_its_last_user() {
    let Some((_folder, state_dir)) = state() else { return };
    let first = start(&state_dir);
    assert!(first.started && !first.relocated);
    for setting in ["fsync", "full_page_writes", "synchronous_commit", "data_checksums"] {
        let value: &'static str = match setting {
            "fsync" => "SELECT current_setting('fsync')",
            "full_page_writes" => "SELECT current_setting('full_page_writes')",
            "synchronous_commit" => "SELECT current_setting('synchronous_commit')",
            _ => "SELECT current_setting('data_checksums')",
        };
        assert_eq!(scalar(&first, value), "on", "{setting}");
    }
    assert_eq!(scalar(&first, "SELECT current_setting('listen_addresses')"), "127.0.0.1");
    let mode = fs::metadata(state_dir.join("pg.password")).expect("a password").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = start(&state_dir);
    assert!(!second.started, "the second user attaches");
    assert_eq!(second.port, first.port);
    assert!(!first.stop().expect("released"), "somebody still uses it");
    assert_eq!(scalar(&second, "SELECT 'up'::text"), "up");
    let pid = postmaster(&second);
    let socket_dir = second.socket_dir.clone();
    assert!(second.stop().expect("stopped"));
    assert!(!is_alive(&pid));
    assert!(!socket_dir.exists(), "nothing is left behind");
    assert!(matches!(status(&state_dir), Ok(Status::Stopped { .. })));
}

#[test]
fn a_server_that_was_killed_recovers_and_keeps_what_was_committed() {
    let Some((_folder, state_dir)) = state() else { return };
    let server = start(&state_dir);
    execute(&server, "CREATE TABLE kept AS SELECT 'kept'::text AS word");
    let pid = postmaster(&server);
    assert!(Command::new("kill").args(["-9", &pid]).status().is_ok_and(|it| it.success()));
    while is_alive(&pid) {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The claim of the first is still held, as it would be by a process whose server died underneath it.
    let again = start(&state_dir);
    assert!(again.started);
    assert_eq!(again.port, server.port, "what was connected finds it again");
    assert_eq!(scalar(&again, "SELECT word FROM kept"), "kept");
}

#[test]
fn a_new_owner_finds_the_server_that_a_killed_one_left_running() {
    let Some((_folder, state_dir)) = state() else { return };
    let left = start(&state_dir);
    let pid = postmaster(&left);
    // What kill -9 does to the owner: its locks are gone and nothing of its code runs.
    let mut left = std::mem::ManuallyDrop::new(left);
    drop(left.claim.take());
    let found = start(&state_dir);
    assert!(!found.started);
    assert_eq!(postmaster(&found), pid);
    assert!(found.stop().expect("stopped"), "it is the last user now");
    assert!(!is_alive(&pid));
}

#[test]
fn the_socket_path_stays_short_however_deep_the_state_folder_is() {
    let Some((folder, _)) = state() else { return };
    let deep = folder.path().join("d".repeat(60)).join("e".repeat(60));
    let server = start(&deep.join("state"));
    assert!(fits(&server.socket_dir), "{}", server.socket_dir.display());
    assert!(server.socket_dir.join(format!(".s.PGSQL.{}", server.port)).exists());
}

#[test]
fn as_root_the_server_is_another_users_and_an_unreachable_path_moves_its_data() {
    let Some((folder, state_dir)) = state() else { return };
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata(folder.path()).expect("a folder").uid() != 0 {
        println!("skipped: not root");
        return;
    }
    let near = start(&state_dir);
    assert_ne!(fs::metadata(&near.data_dir).expect("data").uid(), 0);
    drop(near);

    let private = folder.path().join("home");
    fs::create_dir(&private).expect("made");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).expect("private");
    let far = start(&private.join("state"));
    assert!(far.relocated);
    assert!(far.data_dir.starts_with("/var/lib/odyssey"), "{}", far.data_dir.display());
    assert!(far.notice().is_some_and(|text| text.contains("/var/lib/odyssey")));
    let home = far.data_dir.parent().expect("a parent").to_owned();
    far.stop().expect("stopped");

    fs::set_permissions(&private, fs::Permissions::from_mode(0o711)).expect("opened");
    let again = start(&private.join("state"));
    assert!(again.relocated, "a cluster stays where it was made");
    drop(again);
    fs::remove_dir_all(home).expect("removed");
}

#[test]
fn a_lost_password_is_refused_rather_than_replaced() {
    let Some((_folder, state_dir)) = state() else { return };
    drop(start(&state_dir));
    fs::remove_file(state_dir.join("pg.password")).expect("removed");
    assert!(matches!(EmbeddedPg::ensure_running(&state_dir, None), Err(PgError::PasswordLost { .. })));
}

#[test]
fn a_pid_file_of_another_process_does_not_keep_the_server_down() {
    let Some((_folder, state_dir)) = state() else { return };
    let server = start(&state_dir);
    let (data_dir, port) = (server.data_dir.clone(), server.port);
    server.stop().expect("stopped");
    // After a power cut the number in the file may belong to anything: here to this very test.
    let text =
        format!("{}\n{}\n1\n{port}\n/nonexistent\n127.0.0.1\n", std::process::id(), data_dir.display());
    fs::write(data_dir.join("postmaster.pid"), text).expect("written");
    assert_eq!(scalar(&start(&state_dir), "SELECT 'up'::text"), "up");
}

#[test]
fn a_taken_port_is_left_to_its_holder() {
    let Some((_folder, state_dir)) = state() else { return };
    let first = start(&state_dir);
    let port = first.port;
    first.stop().expect("stopped");
    let _holder = std::net::TcpListener::bind(("127.0.0.1", port)).expect("free again");
    assert_ne!(start(&state_dir).port, port);
}

#[test]
fn a_person_can_stop_it_whoever_uses_it() {
    let Some((_folder, state_dir)) = state() else { return };
    let server = start(&state_dir);
    assert!(stop_now(&state_dir, None).expect("stopped"));
    assert!(!stop_now(&state_dir, None).expect("nothing to stop"));
    server.stop().expect("nothing is left to do");
}

/// Gives up soon.
const CLOSELY: Watching = Watching {
    look: Duration::from_millis(300),
    starts_max: 2,
    pause_first: Duration::from_millis(50),
    pause_max: Duration::from_millis(100),
    steady: Duration::from_hours(1),
};

fn kill(server: &EmbeddedPg) -> String {
    let pid = postmaster(server);
    assert!(Command::new("kill").args(["-9", &pid]).status().is_ok_and(|it| it.success()));
    while is_alive(&pid) {
        std::thread::sleep(Duration::from_millis(10));
    }
    pid
}

fn is_running(state_dir: &Path) -> bool {
    matches!(status(state_dir), Ok(Status::Running { .. }))
}

/// For as long as a recovery takes on a busy machine.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_watched_server_that_is_killed_comes_back_where_it_was_and_stays_down_once_it_is_stopped() {
    let Some((_folder, state_dir)) = state() else { return };
    let mut server = start(&state_dir);
    server.watch(CLOSELY);
    execute(&server, "CREATE TABLE kept AS SELECT 'kept'::text AS word");
    let pid = kill(&server);
    wait_until("it is started again", || is_running(&state_dir));
    assert_ne!(postmaster(&server), pid);
    assert_eq!(scalar(&server, "SELECT word FROM kept"), "kept", "at the address of before");
    assert!(server.stop().expect("stopped"));
    std::thread::sleep(CLOSELY.look * 3);
    assert!(!is_running(&state_dir), "nobody watches it any more");
}

#[test]
fn a_watched_server_that_a_person_stops_stays_down_until_somebody_asks_for_it() {
    let Some((_folder, state_dir)) = state() else { return };
    let mut server = start(&state_dir);
    server.watch(CLOSELY);
    assert!(stop_now(&state_dir, None).expect("stopped"));
    std::thread::sleep(CLOSELY.look * 4);
    assert!(!is_running(&state_dir), "it was started against somebody's will");
    let again = start(&state_dir);
    assert!(again.started);
    kill(&again);
    wait_until("from then on it is watched as before", || is_running(&state_dir));
    assert_eq!(scalar(&server, "SELECT 'up'::text"), "up");
}

#[test]
fn a_watched_server_that_does_not_start_again_is_given_up_and_says_why() {
    let Some((_folder, state_dir)) = state() else { return };
    let mut server = start(&state_dir);
    // Before the first look somebody else takes the port.
    server.watch(Watching { look: Duration::from_secs(3), ..CLOSELY });
    let lost = server.lost();
    kill(&server);
    let mut holder = std::net::TcpListener::bind(("127.0.0.1", server.port));
    for _ in 0..100 {
        if holder.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        holder = std::net::TcpListener::bind(("127.0.0.1", server.port));
    }
    let _holder = holder.expect("free, as nobody listens any more");
    let why = runtime().block_on(async { tokio::time::timeout(Duration::from_mins(2), lost).await });
    let why = why.expect("it is given up after two starts");
    let port = format!("port {} of 127.0.0.1", server.port);
    assert!(
        why.contains("after 2 starts") && why.contains(&port) && why.contains("start Odyssey again"),
        "{why}"
    );
    assert!(!is_running(&state_dir));
}

#[test]
fn missing_binaries_are_answered_with_the_command_that_installs_them() {
    let empty = tempfile::tempdir().expect("a folder");
    let message = find_binaries(Some(empty.path()), None).expect_err("nothing there").to_string();
    assert!(message.contains("Install it with:"), "{message}");
    let bookworm = "ID=debian\nVERSION_ID=\"12\"\n";
    assert!(install_command(bookworm, None).ends_with("apt-get install -y postgresql-15"));
    assert!(install_command(bookworm, Some(16)).ends_with("postgresql-16"));
    assert!(install_command("ID=debian\nVERSION_ID=\"13\"\n", None).ends_with("postgresql-17"));
    assert!(install_command("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", None).contains("apt-get"));
    assert!(install_command("ID=alpine\n", None).contains("apk add"));
}

#[test]
fn versions_users_and_memory_are_read_from_what_systems_print() {
    assert_eq!(parse_version("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"), Some(15));
    assert_eq!(parse_version("postgres (PostgreSQL) 17beta1"), Some(17));
    assert_eq!(parse_version("something else"), None);
    let users = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\n";
    let account = find_user(users, "postgres").expect("listed");
    assert_eq!((account.uid, account.gid), (101, 104));
    assert_eq!(find_user(users, "post"), None);
    assert_eq!(parse_meminfo("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2_097_152));
}

#[test]
fn settings_are_durable_on_every_size_of_machine() {
    for memory in [128 << 20, 2_u64 << 30, 512 << 30] {
        let settings = settings(Path::new("/run/x"), 5432, memory);
        let value = |key: &str| settings.iter().find(|it| it.0 == key).map(|it| it.1.clone());
        assert_eq!(value("fsync").as_deref(), Some("on"));
        assert_eq!(value("full_page_writes").as_deref(), Some("on"));
        let buffers = value("shared_buffers").expect("set");
        let megabytes: u64 = buffers.trim_end_matches("MB").parse().expect("a number");
        assert!((64..=1_024).contains(&megabytes), "{buffers}");
    }
}

#[test]
fn a_secret_file_is_made_once_and_refused_when_others_can_read_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("login.password");
    let read = |path: &Path| {
        secrecy::ExposeSecret::expose_secret(&secret::read_or_create(path).expect("readable")).to_owned()
    };
    let first = read(&path);
    assert_eq!(first.len(), 48);
    assert_eq!(read(&path), first);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "no draft is left");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("exposed");
    assert!(matches!(secret::read(&path), Err(PgError::SecretExposed { .. })));
}

#[test]
fn long_or_odd_socket_folders_do_not_fit() {
    assert!(fits(Path::new("/run/odyssey-0123456789ab")));
    assert!(!fits(Path::new(&format!("/{}", "x".repeat(92)))));
    assert!(fits(Path::new(&format!("/{}", "x".repeat(91)))));
    assert!(!fits(Path::new("/run/it's")));
    assert_eq!(short_hash(Path::new("/a"), 12).len(), 12);
    assert_ne!(short_hash(Path::new("/a"), 12), short_hash(Path::new("/b"), 12));
}

#[test]
fn only_what_may_pass_is_tried_again_and_pauses_grow() {
    assert!(may_pass(&sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into())));
    assert!(!may_pass(&sqlx::Error::PoolClosed));
    assert!(pause_after(1) <= Duration::from_millis(250));
    assert!(pause_after(4) >= Duration::from_millis(1_500));
    assert!(pause_after(30) <= Duration::from_secs(8));
    let started = Instant::now();
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let patience = super::Patience { timeout: Duration::from_secs(1), attempts: 2 };
    assert!(runtime().block_on(super::connect(&options, patience)).is_err());
    assert!(started.elapsed() >= Duration::from_millis(180), "it paused before the second attempt");
}
