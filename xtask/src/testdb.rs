//! A throw-away PostgreSQL for tests: quick instead of durable, on a free loopback port, with its own
//! password. It ends and is deleted when dropped; what a killed run left behind is swept up by the next.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::repo;

/// Newest first.
pub const SUPPORTED: [u32; 3] = [17, 16, 15];
const SUPERUSER: &str = "odyssey_test";

/// Settings that trade durability for speed: nothing in this cluster outlives the run.
const SETTINGS: [&str; 14] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=30min",
    "shared_buffers=256MB",
    "max_connections=200",
    // One test provisions 50 vendors at full size: 17,600 relations.
    "max_locks_per_transaction=512",
    "password_encryption=scram-sha-256",
    "timezone=UTC",
    "log_min_messages=fatal",
];

#[derive(Debug)]
pub struct TestDb {
    folder: PathBuf,
    record: PathBuf,
    bin: PathBuf,
    account: Account,
    url: String,
    keep: bool,
}

/// Who runs the server: ourselves, or as root (whom PostgreSQL refuses) an unprivileged user.
#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
    switched: bool,
}

impl TestDb {
    /// Starts a cluster; `name` tells apart those that may live at the same time.
    pub fn start(name: &str) -> Result<Self> {
        let bin = find_binaries().context("PostgreSQL is not installed: `cargo xtask setup` installs it")?;
        Self::start_with(name, bin)
    }

    /// The same with these binaries, which may lie where the server's user cannot reach them.
    pub fn start_with(name: &str, bin: PathBuf) -> Result<Self> {
        sweep_leftovers()?;
        let record = record_of(name, std::process::id());
        let account = Account::choose()?;
        let folder = std::env::temp_dir().join(format!("odyssey-testdb-{name}-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        account.own(&folder)?;
        if let Some(parent) = record.parent() {
            fs::create_dir_all(parent)?;
        }
        // Recorded before anything runs, so that the next start can sweep up whatever happens now.
        fs::write(&record, format!("{}\n", folder.display()))?;
        let mut database = Self { folder, record, bin, account, url: String::new(), keep: false };
        if database.bin.starts_with(repo::target_dir()) {
            database.bin = database.bring_binaries()?;
        }
        database.boot()?;
        Ok(database)
    }

    /// Folder of the tools that this cluster runs by.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// Copies binaries of ours, libraries included, into the cluster's own folder.
    fn bring_binaries(&self) -> Result<PathBuf> {
        let installation = self.bin.parent().context("the folder of the installation")?;
        let copy = self.folder.join("postgresql");
        let mut command = Command::new("cp");
        command.arg("-a").arg(installation).arg(&copy);
        quietly("cp", command)?;
        Ok(copy.join("bin"))
    }

    /// URL of the superuser on the `postgres` database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same server as another role on another database.
    pub fn url_for(&self, user: &str, password: &str, database: &str) -> String {
        let place = self.url.rsplit_once('@').map_or("", |it| it.1);
        let host = place.split('/').next().unwrap_or_default();
        format!("postgres://{user}:{password}@{host}/{database}")
    }

    /// `psql` of this server, stopping at the first error.
    pub fn psql(&self, url: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command
            .args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", url])
            .stdout(Stdio::null());
        command
    }

    fn boot(&mut self) -> Result<()> {
        let password = random_hex(16)?;
        let data = self.folder.join("data");
        let password_file = self.folder.join("password");
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password_file)?;
        file.write_all(password.as_bytes())?;
        self.account.own(&password_file)?;
        let mut initdb = self.account.command(&self.bin.join("initdb"));
        initdb
            .args([
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                "--auth=scram-sha-256",
                "--username",
                SUPERUSER,
            ])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data);
        quietly("initdb", initdb)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let fixed = SETTINGS.join(" -c ");
        let options = format!("-c {fixed} -c port={port} -c unix_socket_directories=");
        let mut start = self.account.command(&self.bin.join("pg_ctl"));
        start
            .args(["start", "--wait", "--silent", "--timeout=60", "--options", &options, "--pgdata"])
            .arg(&data)
            .arg("--log")
            .arg(self.folder.join("server.log"));
        quietly("pg_ctl start", start)?;
        self.url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres");
        Ok(())
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) =
            stop_and_delete(&self.folder, &self.bin).and_then(|()| Ok(fs::remove_file(&self.record)?))
        {
            eprintln!("warning: the test database in {} was not removed: {error:#}", self.folder.display());
        }
    }
}

/// `cargo xtask testdb start`: leaves it running and prints how to reach it.
pub fn start_command() -> Result<()> {
    stop_command()?;
    let mut database = TestDb::start("manual")?;
    let kept = manual_record();
    fs::rename(&database.record, &kept)?;
    database.record = kept;
    database.keep = true;
    println!("ODYSSEY_TEST_DATABASE_URL={}", database.url());
    Ok(())
}

/// `cargo xtask testdb stop`
pub fn stop_command() -> Result<()> {
    sweep(&manual_record())
}

/// Folder of the newest supported binaries.
pub fn find_binaries() -> Option<PathBuf> {
    installed().into_iter().next().map(|it| it.1)
}

/// Folder of the binaries of exactly this version.
pub fn find_binaries_of(major: u32) -> Option<PathBuf> {
    installed().into_iter().find(|it| it.0 == major).map(|it| it.1)
}

/// What is installed and supported, newest first.
fn installed() -> Vec<(u32, PathBuf)> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for major in SUPPORTED {
        folders.push(format!("/usr/lib/postgresql/{major}/bin").into());
        folders.push(format!("/usr/pgsql-{major}/bin").into());
        folders.push(format!("/opt/homebrew/opt/postgresql@{major}/bin").into());
    }
    let mut found: Vec<(u32, PathBuf)> =
        folders.into_iter().filter_map(|dir| Some((version(&dir)?, dir))).collect();
    found.sort_by_key(|it| std::cmp::Reverse(it.0));
    found
}

fn version(dir: &Path) -> Option<u32> {
    if !["initdb", "pg_ctl", "postgres", "psql"].iter().all(|tool| dir.join(tool).is_file()) {
        return None;
    }
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_once("(PostgreSQL) ")?.1;
    let major = number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    SUPPORTED.contains(&major).then_some(major)
}

/// Our effective user id, seen from the owner of a file that we just made.
pub fn my_uid() -> Result<u32> {
    let path = std::env::temp_dir().join(format!("odyssey-uid-{}-{}", std::process::id(), random_hex(4)?));
    fs::write(&path, "")?;
    let uid = fs::metadata(&path)?.uid();
    fs::remove_file(&path)?;
    Ok(uid)
}

impl Account {
    fn choose() -> Result<Self> {
        let uid = my_uid()?;
        if uid != 0 {
            return Ok(Self { uid, gid: 0, switched: false });
        }
        let users = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        for name in ["postgres", "nobody"] {
            let Some(line) = users.lines().find(|line| line.split(':').next() == Some(name)) else {
                continue;
            };
            let ids: Vec<u32> = line.split(':').skip(2).take(2).filter_map(|id| id.parse().ok()).collect();
            if let [uid, gid] = ids[..] {
                return Ok(Self { uid, gid, switched: true });
            }
        }
        bail!("PostgreSQL must not run as root, and there is neither a user `postgres` nor `nobody`")
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
        if self.switched {
            command.gid(self.gid).uid(self.uid);
        }
        command
    }

    fn own(self, path: &Path) -> Result<()> {
        if self.switched {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))?;
        }
        Ok(())
    }
}

/// A file that names the folder of a cluster, for the case that its process is killed.
fn record_of(name: &str, process: u32) -> PathBuf {
    repo::target_dir().join(format!("testdb-{name}.{process}"))
}

/// The cluster that a person started and will stop: no process belongs to it.
fn manual_record() -> PathBuf {
    repo::target_dir().join("testdb-manual.kept")
}

/// Sweeps up after processes that are gone; those of living ones are left alone.
fn sweep_leftovers() -> Result<()> {
    let Ok(entries) = fs::read_dir(repo::target_dir()) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let process =
            name.strip_prefix("testdb-").and_then(|rest| rest.rsplit_once('.')?.1.parse::<u32>().ok());
        if process.is_some_and(|process| !is_alive(process)) {
            sweep(&path)?;
        }
    }
    Ok(())
}

fn is_alive(process: u32) -> bool {
    if Path::new("/proc/self").exists() {
        return Path::new("/proc").join(process.to_string()).exists();
    }
    repo::answers("kill", &["-0", &process.to_string()])
}

/// Ends and deletes what the record names, if anything.
fn sweep(record: &Path) -> Result<()> {
    let Ok(text) = fs::read_to_string(record) else { return Ok(()) };
    let folder = PathBuf::from(text.trim());
    // Only ever a folder of the kind that this module makes.
    let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("odyssey-testdb-"));
    if ours && folder.exists() {
        let bin = find_binaries().context("PostgreSQL is not installed")?;
        stop_and_delete(&folder, &bin)?;
    }
    gone(fs::remove_file(record)).context("remove the record of a test database")
}

fn stop_and_delete(folder: &Path, bin: &Path) -> Result<()> {
    let data = folder.join("data");
    if data.join("postmaster.pid").exists() {
        let account = Account::choose()?;
        let mut stop = account.command(&bin.join("pg_ctl"));
        stop.args(["stop", "--mode=immediate", "--wait", "--silent", "--pgdata"]).arg(&data);
        // A stale pid file of a server that is gone is no reason to keep its folder.
        if let Err(error) = quietly("pg_ctl stop", stop) {
            eprintln!("note: {error:#}");
        }
    }
    gone(fs::remove_dir_all(folder)).with_context(|| format!("remove {}", folder.display()))
}

/// Two processes may sweep up the same leftovers at once.
fn gone(outcome: std::io::Result<()>) -> std::io::Result<()> {
    match outcome {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn quietly(name: &str, mut command: Command) -> Result<()> {
    let output = command.output().with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0_u8; bytes];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .context("read /dev/urandom")?;
    Ok(random.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test: both sides of it sweep the same folder.
    #[test]
    fn a_test_database_answers_leaves_nothing_behind_and_sweeps_up_only_after_the_dead() {
        if find_binaries().is_none() {
            println!("skipped: no PostgreSQL binaries");
            return;
        }
        let make = |process: u32| {
            let folder = std::env::temp_dir().join(format!("odyssey-testdb-sweep-{process}"));
            fs::create_dir_all(&folder).expect("made");
            let record = record_of("sweep", process);
            fs::create_dir_all(repo::target_dir()).expect("made");
            fs::write(&record, format!("{}\n", folder.display())).expect("written");
            (folder, record)
        };
        // Above every process number of Linux.
        let (dead, living) = (make(4_194_305), make(std::process::id()));
        let database = TestDb::start("selftest").expect("starts");
        assert!(!dead.0.exists() && !dead.1.exists());
        assert!(living.0.exists() && living.1.exists());
        fs::remove_dir_all(living.0).expect("removed");
        fs::remove_file(living.1).expect("removed");
        let url = database.url().to_owned();
        let answer = database.psql(&url).args(["--command", "SELECT 1"]).status().expect("runs");
        assert!(answer.success());
        assert_eq!(database.url_for("u", "p", "d").split('@').next(), Some("postgres://u:p"));
        let (folder, record) = (database.folder.clone(), database.record.clone());
        drop(database);
        assert!(!folder.exists() && !record.exists());
    }
}
