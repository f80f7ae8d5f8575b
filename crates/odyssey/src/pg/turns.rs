//! Who may start or stop the server, and who is using it: two lock files, released by the kernel when a
//! process dies, whatever killed it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::PgError;

/// Longest wait for another process that starts or stops the server.
const WAIT_MAX: Duration = Duration::from_secs(150);
const WAIT_STEP: Duration = Duration::from_millis(50);

/// The right to start or stop; one process at a time. Ends when dropped.
#[derive(Debug)]
pub struct Turn {
    _file: File,
}

/// The claim of one process that it uses the server; many at a time.
#[derive(Debug)]
pub struct Claim {
    file: File,
}

impl Turn {
    pub fn take(state_dir: &Path) -> Result<Self, PgError> {
        let path = state_dir.join("pg.lock");
        let file = open(&path)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(source)) => {
                    return Err(PgError::Io { attempt: "lock", path, source });
                }
                Err(TryLockError::WouldBlock) if started.elapsed() > WAIT_MAX => {
                    return Err(PgError::Busy {
                        state_dir: state_dir.to_owned(),
                        seconds: WAIT_MAX.as_secs(),
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(WAIT_STEP),
            }
        }
    }
}

impl Claim {
    /// Never waits long: the exclusive form is only ever held within a [`Turn`], which the caller has.
    pub fn take(state_dir: &Path, _turn: &Turn) -> Result<Self, PgError> {
        let path = state_dir.join("pg.users");
        let file = open(&path)?;
        file.lock_shared().map_err(PgError::io("lock", &path))?;
        Ok(Self { file })
    }

    /// Gives the claim up; true when nobody else has one.
    pub fn release_as_last(self, _turn: &Turn) -> bool {
        self.file.unlock().is_ok() && self.file.try_lock().is_ok()
    }
}

fn open(path: &Path) -> Result<File, PgError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(PgError::io("open", path))
}
