//! The embedded PostgreSQL: a private cluster in the state folder, made and run from installed binaries.
//!
//! Owns: `<state>/pg`, `pg.password`, `pg.port`, `pg.lock`, `pg.users`, `pg.stopped`, and the socket folder.
//! Promises: durable settings; reachable only from this machine and only with its password; one server per
//! state folder however many processes use it, stopped by the last of them that ends, found again after
//! a kill -9 of either side; one that is watched ([`EmbeddedPg::watch`]) and dies is started again where it was, unless a
//! person stopped it, and given up aloud where that does not help; never run as root.
//! Emits: nothing. Never: downloads anything, touches a server that it did not make.

mod account;
mod binaries;
mod cluster;
mod connect;
mod error;
mod place;
mod probe;
pub mod secret;
#[cfg(test)]
mod tests;
mod tuning;
mod turns;
mod watch;

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

pub use binaries::{Binaries, SUPPORTED, find as find_binaries};
pub use connect::{Patience, connect};
pub use error::PgError;
pub use watch::Watching;

use cluster::{Address, Cluster};
use place::Place;
use turns::{Claim, Turn};
use watch::Watch;

/// The superuser of the cluster: for making roles and the database, for nothing else.
pub const ADMIN_USER: &str = "odyssey_admin";

/// A running server and our claim on it. Dropping it (or [`EmbeddedPg::stop`]) gives the claim up, and the
/// last process that does so stops the server.
#[derive(Debug)]
pub struct EmbeddedPg {
    pub host: &'static str,
    pub port: u16,
    /// Folder of the Unix socket; only the server's user and root can enter it.
    pub socket_dir: PathBuf,
    pub data_dir: PathBuf,
    /// `postgresql://…@127.0.0.1:<port>/postgres` of the superuser, for bootstrap only.
    pub admin_url: SecretString,
    /// True when this call started the server, false when it found it running.
    pub started: bool,
    /// True when the data is not under the state folder, which the server's user cannot reach.
    pub relocated: bool,
    password: SecretString,
    cluster: Cluster,
    claim: Option<Claim>,
    watch: Option<Watch>,
}

/// What `odyssey pg status` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    NotCreated,
    Stopped { data_dir: PathBuf },
    Running { data_dir: PathBuf, socket_dir: PathBuf, port: u16 },
}

impl EmbeddedPg {
    /// Finds the server of this state folder running, or starts it, making the cluster on the first call.
    /// Blocks for up to minutes (recovery after a crash): from async code call it on a blocking thread.
    pub fn ensure_running(state_dir: &Path, bin_dir: Option<&Path>) -> Result<Self, PgError> {
        let state_dir = prepare(state_dir)?;
        let turn = Turn::take(&state_dir)?;
        let claim = Claim::take(&state_dir, &turn)?;
        let cluster = open_cluster(state_dir, bin_dir)?;
        let password_file = cluster.state_dir.join("pg.password");
        let exists = cluster.place.version_file().exists();
        let password = if exists {
            secret::read(&password_file)?.ok_or_else(|| PgError::PasswordLost {
                data_dir: cluster.place.data_dir.clone(),
                password_file: password_file.clone(),
            })?
        } else {
            secret::read_or_create(&password_file)?
        };
        if !exists {
            cluster.create(&password)?;
        }
        cluster.mark_stopped(false)?;
        let (address, started) = match cluster.find_running()? {
            Some(address) => (address, false),
            None => (cluster.start()?, true),
        };
        Ok(Self::new(cluster, address, password, claim, started))
    }

    /// From now on, starts the server again when it dies.
    pub fn watch(&mut self, watching: Watching) {
        self.watch = Some(Watch::start(self.cluster.clone(), self.port, watching));
    }

    /// Why the server was given up; waits for ever while it is not, or is not watched.
    pub fn lost(&self) -> impl Future<Output = String> + Send + use<> {
        let lost = self.watch.as_ref().map(Watch::lost);
        async move {
            match lost {
                Some(lost) => lost.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Gives up the claim; when it was the last, stops the server. Returns whether it stopped it.
    pub fn stop(mut self) -> Result<bool, PgError> {
        self.release()
    }

    /// Options of the superuser.
    pub fn admin_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(self.host)
            .port(self.port)
            .ssl_mode(PgSslMode::Disable)
            .username(ADMIN_USER)
            .password(self.password.expose_secret())
            .database("postgres")
            .application_name("odyssey")
    }

    /// What the person at the terminal should know about where the data is; empty when nothing is special.
    pub fn notice(&self) -> Option<String> {
        self.relocated.then(|| {
            format!(
                "The user that PostgreSQL runs as cannot reach {}; its data is in {}",
                self.cluster.state_dir.display(),
                self.data_dir.display()
            )
        })
    }

    fn new(cluster: Cluster, address: Address, password: SecretString, claim: Claim, started: bool) -> Self {
        let host = "127.0.0.1";
        let admin_url = SecretString::from(format!(
            "postgresql://{ADMIN_USER}:{}@{host}:{}/postgres?sslmode=disable",
            password.expose_secret(),
            address.port
        ));
        Self {
            host,
            port: address.port,
            socket_dir: address.socket_dir,
            data_dir: cluster.place.data_dir.clone(),
            admin_url,
            started,
            relocated: cluster.place.relocated,
            password,
            cluster,
            claim: Some(claim),
            watch: None,
        }
    }

    fn release(&mut self) -> Result<bool, PgError> {
        // Nobody is to start it again while it is stopped.
        drop(self.watch.take());
        let Some(claim) = self.claim.take() else { return Ok(false) };
        let turn = Turn::take(&self.cluster.state_dir)?;
        if !claim.release_as_last(&turn) {
            return Ok(false);
        }
        if self.cluster.find_running()?.is_some() {
            self.cluster.stop()?;
        }
        Ok(true)
    }
}

impl Drop for EmbeddedPg {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::error!(%error, "The embedded PostgreSQL was not stopped");
        }
    }
}

/// Whether there is a cluster and whether it runs; changes nothing.
pub fn status(state_dir: &Path) -> Result<Status, PgError> {
    let Ok(state_dir) = state_dir.canonicalize() else { return Ok(Status::NotCreated) };
    let cluster = open_cluster(state_dir, None)?;
    let data_dir = cluster.place.data_dir.clone();
    if !cluster.place.version_file().exists() {
        return Ok(Status::NotCreated);
    }
    Ok(match cluster.find_running()? {
        Some(Address { socket_dir, port }) => Status::Running { data_dir, socket_dir, port },
        None => Status::Stopped { data_dir },
    })
}

/// Stops the server whoever uses it, for a person who wants it gone. Returns whether one was running.
pub fn stop_now(state_dir: &Path, bin_dir: Option<&Path>) -> Result<bool, PgError> {
    let Ok(state_dir) = state_dir.canonicalize() else { return Ok(false) };
    let _turn = Turn::take(&state_dir)?;
    let cluster = open_cluster(state_dir, bin_dir)?;
    // Whoever watches it leaves it alone, until somebody asks for it again.
    cluster.mark_stopped(true)?;
    if cluster.find_running()?.is_none() {
        return Ok(false);
    }
    cluster.stop()?;
    Ok(true)
}

fn open_cluster(state_dir: PathBuf, bin_dir: Option<&Path>) -> Result<Cluster, PgError> {
    let (place, account) = Place::decide(&state_dir)?;
    Ok(Cluster { state_dir, place, account, bin_dir: bin_dir.map(Path::to_owned) })
}

/// The state folder, absolute, made when missing. Others may pass through it (the server's user must), not
/// list it; each secret in it has a mode of its own.
fn prepare(state_dir: &Path) -> Result<PathBuf, PgError> {
    if let Some(parent) = state_dir.parent()
        && !parent.as_os_str().is_empty()
    {
        std::fs::create_dir_all(parent).map_err(PgError::io("make the folder", parent))?;
    }
    place::make_folder(state_dir, 0o711)?;
    state_dir.canonicalize().map_err(PgError::io("find", state_dir))
}
