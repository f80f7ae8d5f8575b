//! Where the cluster, its socket and its password live.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::PgError;
use super::account::Account;

/// Longest path of a Unix socket on Linux (108 bytes with the final zero); other systems allow 103.
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// Longest name of the socket file itself.
const SOCKET_NAME: &str = "/.s.PGSQL.65535";
/// Home of clusters whose state folder the server's user cannot reach.
const SHARED_HOME: &str = "/var/lib/odyssey";

/// The folders of one installation's cluster.
#[derive(Debug, Clone)]
pub struct Place {
    /// Folder that holds `pg`, and while it is made `pg.new`.
    pub home: PathBuf,
    pub data_dir: PathBuf,
    /// Whether the data is not in the state folder.
    pub relocated: bool,
}

impl Place {
    /// `<state>/pg`, unless the server's user cannot reach it. A cluster that exists decides: one that once
    /// went to the shared home stays there although its path may have become reachable.
    pub fn decide(state_dir: &Path) -> Result<(Self, Account), PgError> {
        let near = Self::at(state_dir.to_owned(), false);
        let far = Self::at(Path::new(SHARED_HOME).join(short_hash(state_dir, 16)), true);
        for place in [&near, &far] {
            if place.version_file().exists() {
                return Ok((place.clone(), Account::choose(Some(&place.data_dir))?));
            }
        }
        let account = Account::choose(None)?;
        if !account.switched || account.can_enter(state_dir) {
            return Ok((near, account));
        }
        make_folder(Path::new(SHARED_HOME), 0o755)?;
        make_folder(&far.home, 0o700)?;
        account.own(&far.home)?;
        Ok((far, account))
    }

    pub fn version_file(&self) -> PathBuf {
        self.data_dir.join("PG_VERSION")
    }

    /// Major version of the cluster, when there is one.
    pub fn major(&self) -> Result<Option<u32>, PgError> {
        let path = self.version_file();
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(PgError::io("read", &path))?;
        text.trim().parse().map(Some).map_err(|_| PgError::VersionFile { path })
    }

    fn at(home: PathBuf, relocated: bool) -> Self {
        Self { data_dir: home.join("pg"), home, relocated }
    }
}

/// A folder for the socket: short whatever the path of the state folder, the server's user's alone.
pub fn runtime_folder(state_dir: &Path, account: &Account) -> Result<PathBuf, PgError> {
    let name = format!("odyssey-{}", short_hash(state_dir, 12));
    let mut parents: Vec<PathBuf> = Vec::new();
    if account.switched {
        parents.push("/run".into());
    } else if let Some(folder) = std::env::var_os("XDG_RUNTIME_DIR") {
        parents.push(folder.into());
    }
    parents.push("/tmp".into());
    let mut tried = Vec::new();
    for parent in parents {
        let folder = parent.join(&name);
        tried.push(folder.display().to_string());
        if !fits(&folder) || make_folder(&folder, 0o700).is_err() {
            continue;
        }
        // In a folder that everybody may write to, somebody else may have been first.
        account.own(&folder).ok();
        check_ours(&folder, account.uid)?;
        return Ok(folder);
    }
    Err(PgError::NoRuntimeFolder { tried: tried.join(", ") })
}

/// Short enough, and free of what a shell would have to quote.
pub(super) fn fits(folder: &Path) -> bool {
    folder.to_str().is_some_and(|path| {
        path.len() + SOCKET_NAME.len() <= SOCKET_PATH_BYTES_MAX
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte))
    })
}

fn check_ours(folder: &Path, uid: u32) -> Result<(), PgError> {
    let seen = fs::symlink_metadata(folder).map_err(PgError::io("inspect", folder))?;
    if seen.is_dir() && seen.uid() == uid && seen.permissions().mode() & 0o777 == 0o700 {
        return Ok(());
    }
    Err(PgError::RuntimeFolder { path: folder.to_owned(), wanted: uid })
}

/// Makes a folder with a mode; one that exists is left as it is.
pub fn make_folder(folder: &Path, mode: u32) -> Result<(), PgError> {
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(mode))
            .map_err(PgError::io("set the mode of", folder)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(PgError::Io { attempt: "make the folder", path: folder.to_owned(), source }),
    }
}

/// The first hexadecimal digits of the SHA-256 of a path.
pub fn short_hash(path: &Path, digits: usize) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    let hex = hex::encode(digest);
    hex[..digits].to_owned()
}
