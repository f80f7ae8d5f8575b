//! What can keep the embedded server from running, each with what to do about it.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum PgError {
    #[error("cannot {attempt} {}", path.display())]
    Io {
        attempt: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "no PostgreSQL {wanted} is installed (looked in {looked_in}).\nInstall it with:  {install}\nor name its \
         folder in database.bin_dir, or set database.url to use a server of your own"
    )]
    NoBinaries { wanted: String, looked_in: String, install: String },
    #[error(
        "{} belongs to user id {owner}, and this process is user id {me}: run as that user, or use another state.dir",
        data_dir.display()
    )]
    OtherOwner { data_dir: PathBuf, owner: u32, me: u32 },
    #[error(
        "PostgreSQL must not run as root and this machine has neither a user `postgres` nor `nobody`: \
         create one, run Odyssey as another user, or set database.url"
    )]
    NoAccount,
    #[error(
        "{} holds a database but its password file {} is gone: restore the file from a backup; \
         it is refused rather than replaced",
        data_dir.display(), password_file.display()
    )]
    PasswordLost { data_dir: PathBuf, password_file: PathBuf },
    #[error("{} can be read by others (mode {mode:o}): chmod 600 it", path.display())]
    SecretExposed { path: PathBuf, mode: u32 },
    #[error("{} is not ours alone: it must be a folder of user id {wanted} with mode 0700", path.display())]
    RuntimeFolder { path: PathBuf, wanted: u32 },
    #[error("no folder short enough for a socket (107 bytes) can be made; tried {tried}")]
    NoRuntimeFolder { tried: String },
    #[error("`{command}` failed: {output}")]
    Command { command: &'static str, output: String },
    #[error("PostgreSQL in {} does not answer after {seconds} s; its log ends with:\n{log}", data_dir.display())]
    NotAnswering { data_dir: PathBuf, seconds: u64, log: String },
    #[error("port {port} of 127.0.0.1, where the server was, is taken by another process: end that")]
    PortTaken { port: u16 },
    #[error("another process has started the server on port {to}, and here it is looked for on port {from}")]
    Moved { from: u16, to: u16 },
    #[error("another process has been starting or stopping the server of {} for {seconds} s", state_dir.display())]
    Busy { state_dir: PathBuf, seconds: u64 },
    #[error("{} is not readable as a PostgreSQL version file", path.display())]
    VersionFile { path: PathBuf },
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}

impl PgError {
    /// For `map_err`: says what was being attempted and on which path.
    pub(super) fn io(attempt: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { attempt, path, source }
    }
}
