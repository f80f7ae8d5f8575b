//! Making, starting and stopping one cluster by its own tools, as its own user.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::account::Account;
use super::binaries::{self, Binaries};
use super::place::{self, Place};
use super::probe::{Answer, probe};
use super::{ADMIN_USER, PgError, tuning};

/// Longest wait until a starting server answers. Recovery after a crash replays at most a few GB of log, and syncs every
/// file twice: some 600 a vendor, which took three minutes for 50 vendors on a shared disk.
const START_TIMEOUT: Duration = Duration::from_mins(15);
/// Longest wait for sessions to end in a fast shutdown, its checkpoint included.
const STOP_TIMEOUT_SECONDS: &str = "60";
/// Attempts of a start: orphans of a killed server hold its shared memory for a moment.
const START_ATTEMPTS: u32 = 3;
const STEP: Duration = Duration::from_millis(50);

/// One cluster on disk.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub state_dir: PathBuf,
    pub place: Place,
    pub account: Account,
    pub bin_dir: Option<PathBuf>,
}

/// Where a running server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub socket_dir: PathBuf,
    pub port: u16,
}

impl Cluster {
    /// The server of this cluster, if it is up: through what its pid file says, proven by an answer.
    pub fn find_running(&self) -> Result<Option<Address>, PgError> {
        let started = Instant::now();
        loop {
            let Some(pid_file) = PidFile::read(&self.place.data_dir)? else { return Ok(None) };
            let answer = pid_file
                .address
                .as_ref()
                .map_or(Answer::Silent, |address| probe(&address.socket_dir, address.port, ADMIN_USER));
            match answer {
                Answer::Ready => return Ok(pid_file.address),
                // Silent and no such process: the file is what kill -9 or a power cut left behind.
                Answer::Silent if !pid_file.is_our_postgres(&self.place.data_dir) => {
                    pid_file.remove(&self.place.data_dir)?;
                    return Ok(None);
                }
                _ if started.elapsed() > START_TIMEOUT => return Err(self.not_answering()),
                _ => std::thread::sleep(STEP),
            }
        }
    }

    /// `initdb` beside, then one rename: a crash half-way leaves no half cluster.
    pub fn create(&self, password: &SecretString) -> Result<(), PgError> {
        let binaries = self.binaries()?;
        let draft = self.place.home.join("pg.new");
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(PgError::io("remove", &draft))?;
        }
        place::make_folder(&draft, 0o700)?;
        self.account.own(&draft)?;
        let password_file = self.write_password_file(password)?;
        let mut command = self.account.command(&binaries.tool("initdb"));
        command
            .arg("--pgdata")
            .arg(&draft)
            .arg("--pwfile")
            .arg(&password_file)
            .args(["--username", ADMIN_USER, "--encoding=UTF8", "--locale=C", "--data-checksums"])
            .args(["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"]);
        let outcome = run("initdb", command);
        fs::remove_file(&password_file).map_err(PgError::io("remove", &password_file))?;
        outcome?;
        fs::rename(&draft, &self.place.data_dir).map_err(PgError::io("rename to", &self.place.data_dir))
    }

    /// Starts the server on a free port and waits until it answers.
    pub fn start(&self) -> Result<Address, PgError> {
        self.start_at_port(|| self.free_port())
    }

    /// Starts it where it was: whoever has its address finds it again.
    pub fn start_on(&self, port: u16) -> Result<Address, PgError> {
        self.start_at_port(|| match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => Ok(port),
            Err(_) => Err(PgError::PortTaken { port }),
        })
    }

    /// Whether a process of this cluster is there, ready or not.
    pub fn is_alive(&self) -> bool {
        match PidFile::read(&self.place.data_dir) {
            Ok(Some(pid_file)) => pid_file.is_our_postgres(&self.place.data_dir),
            Ok(None) => false,
            // In doubt it is left alone.
            Err(_) => true,
        }
    }

    /// Whether a person stopped the server, and nobody has started it since.
    pub fn is_stopped_on_purpose(&self) -> bool {
        self.stop_mark().exists()
    }

    /// Notes that a person wants the server down, or that it may run again.
    pub fn mark_stopped(&self, stopped: bool) -> Result<(), PgError> {
        let mark = self.stop_mark();
        if stopped {
            return fs::write(&mark, b"").map_err(PgError::io("write", &mark));
        }
        remove_file(mark)
    }

    fn stop_mark(&self) -> PathBuf {
        self.state_dir.join("pg.stopped")
    }

    fn start_at_port(&self, port: impl Fn() -> Result<u16, PgError>) -> Result<Address, PgError> {
        let binaries = self.binaries()?;
        let socket_dir = place::runtime_folder(&self.state_dir, &self.account)?;
        let mut attempt = 1;
        loop {
            let address = Address { socket_dir: socket_dir.clone(), port: port()? };
            match self.start_at(&binaries, &address) {
                Ok(()) => return Ok(address),
                Err(error) if attempt == START_ATTEMPTS => return Err(error),
                Err(error) => {
                    tracing::warn!(attempt, %error, "The embedded PostgreSQL did not start, trying again");
                    std::thread::sleep(Duration::from_secs(attempt.into()));
                    attempt += 1;
                }
            }
        }
    }

    /// Ends sessions, writes a checkpoint, stops; the folder of the socket goes too.
    pub fn stop(&self) -> Result<(), PgError> {
        let address = PidFile::read(&self.place.data_dir)?.and_then(|pid_file| pid_file.address);
        let mut command = self.account.command(&self.binaries()?.tool("pg_ctl"));
        command
            .args(["stop", "--mode=fast", "--wait", "--timeout", STOP_TIMEOUT_SECONDS, "--pgdata"])
            .arg(&self.place.data_dir);
        run("pg_ctl stop", command)?;
        // Only ever an empty folder of the kind that `runtime_folder` makes; one left behind harms nobody.
        if let Some(Address { socket_dir, .. }) = address
            && socket_dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with("odyssey-"))
            && let Err(error) = fs::remove_dir(&socket_dir)
        {
            tracing::debug!(%error, "The folder of the socket stays");
        }
        Ok(())
    }

    fn start_at(&self, binaries: &Binaries, address: &Address) -> Result<(), PgError> {
        let settings: Vec<String> =
            tuning::settings(&address.socket_dir, address.port, tuning::memory_bytes())
                .into_iter()
                // pg_ctl hands this to a shell; no value has a quote in it (the socket folder is checked).
                .map(|(key, value)| format!("-c {key}='{value}'"))
                .collect();
        let mut command = self.account.command(&binaries.tool("pg_ctl"));
        command
            .args(["start", "--wait", "--silent", "--timeout", &START_TIMEOUT.as_secs().to_string()])
            .arg("--pgdata")
            .arg(&self.place.data_dir)
            .arg("--log")
            .arg(self.place.data_dir.join("startup.log"))
            .args(["--options", &settings.join(" ")]);
        run("pg_ctl start", command).map_err(|error| match error {
            PgError::Command { command, output } => {
                PgError::Command { command, output: format!("{output}\n{}", self.log_tail()) }
            }
            other => other,
        })?;
        match probe(&address.socket_dir, address.port, ADMIN_USER) {
            Answer::Ready => Ok(()),
            _ => Err(self.not_answering()),
        }
    }

    fn binaries(&self) -> Result<Binaries, PgError> {
        binaries::find(self.bin_dir.as_deref(), self.place.major()?)
    }

    /// The port of last time while it is free, so that what was pointed at it keeps working.
    fn free_port(&self) -> Result<u16, PgError> {
        let path = self.state_dir.join("pg.port");
        let last = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u16>().ok());
        if let Some(port) = last
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            return Ok(port);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(PgError::io("find a free port for", &path))?;
        let port = listener.local_addr().map_err(PgError::io("find a free port for", &path))?.port();
        fs::write(&path, format!("{port}\n")).map_err(PgError::io("write", &path))?;
        Ok(port)
    }

    /// `initdb` reads the password as its own user, so it gets a file of its own for that moment.
    fn write_password_file(&self, password: &SecretString) -> Result<PathBuf, PgError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.place.home.join("pg.pwfile");
        if path.exists() {
            fs::remove_file(&path).map_err(PgError::io("remove", &path))?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(PgError::io("make", &path))?;
        file.write_all(password.expose_secret().as_bytes()).map_err(PgError::io("write", &path))?;
        self.account.own(&path)?;
        Ok(path)
    }

    fn not_answering(&self) -> PgError {
        PgError::NotAnswering {
            data_dir: self.place.data_dir.clone(),
            seconds: START_TIMEOUT.as_secs(),
            log: self.log_tail(),
        }
    }

    /// The last lines of the newest log.
    fn log_tail(&self) -> String {
        let folder = self.place.data_dir.join("log");
        let newest = fs::read_dir(folder).ok().and_then(|files| {
            files
                .flatten()
                .max_by_key(|file| file.metadata().and_then(|it| it.modified()).ok())
                .map(|it| it.path())
        });
        let files = [Some(self.place.data_dir.join("startup.log")), newest];
        let text: Vec<String> =
            files.iter().flatten().filter_map(|path| fs::read_to_string(path).ok()).collect();
        let lines: Vec<&str> = text.iter().flat_map(|text| text.lines()).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// What a server wrote into `postmaster.pid`.
#[derive(Debug)]
struct PidFile {
    pid: u32,
    address: Option<Address>,
}

impl PidFile {
    fn read(data_dir: &Path) -> Result<Option<Self>, PgError> {
        let path = data_dir.join("postmaster.pid");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PgError::Io { attempt: "read", path, source }),
        };
        // Lines: pid, data folder, start time, port, socket folder, listen address, …; written in steps.
        let mut lines = text.lines();
        let Some(pid) = lines.next().and_then(|line| line.trim().parse().ok()) else { return Ok(None) };
        let port = lines.nth(2).and_then(|line| line.trim().parse().ok());
        let socket_dir = lines.next().map(str::trim).filter(|line| !line.is_empty());
        let address = port.zip(socket_dir).map(|(port, dir)| Address { socket_dir: dir.into(), port });
        Ok(Some(Self { pid, address }))
    }

    /// Whether the process of that number lives and is the server of this folder: numbers are used again.
    fn is_our_postgres(&self, data_dir: &Path) -> bool {
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        if Path::new("/proc/self").exists() {
            return match fs::read_link(process.join("cwd")) {
                Ok(cwd) => fs::canonicalize(data_dir).is_ok_and(|data_dir| cwd == data_dir),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
                // Root of a container may not look into another user's process. Its name is readable; in
                // doubt the server counts as alive, since two on one folder would destroy it.
                Err(_) => {
                    fs::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("postgres"))
                }
            };
        }
        Command::new("kill")
            .args(["-0", &self.pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn remove(&self, data_dir: &Path) -> Result<(), PgError> {
        let path = data_dir.join("postmaster.pid");
        tracing::warn!(
            pid = self.pid,
            "The embedded PostgreSQL did not stop cleanly last time; it recovers by itself"
        );
        remove_file(path)?;
        // The lock of the socket says the same number. Where nobody waits for the dead process (as the first of a
        // container, we should have), the number counts as taken, and a server does not start beside it.
        match &self.address {
            Some(Address { socket_dir, port }) => {
                remove_file(socket_dir.join(format!(".s.PGSQL.{port}.lock")))
            }
            None => Ok(()),
        }
    }
}

/// One that is gone already is as good.
fn remove_file(path: PathBuf) -> Result<(), PgError> {
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(PgError::Io { attempt: "remove", path, source: error })
        }
        _ => Ok(()),
    }
}

fn run(name: &'static str, mut command: Command) -> Result<(), PgError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(PgError::io("run", PathBuf::from(command.get_program())))?;
    if output.status.success() {
        return Ok(());
    }
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    Err(PgError::Command { command: name, output: text.trim().to_owned() })
}
