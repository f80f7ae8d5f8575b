//! Which user the server runs as: PostgreSQL refuses root.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::PgError;

/// Users tried when this process is root, best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The user of the server's processes and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    /// Whether this process must change to it.
    pub switched: bool,
}

impl Account {
    /// Ourselves, or as root an unprivileged user. An existing cluster decides: its files have an owner.
    pub fn choose(data_dir: Option<&Path>) -> Result<Self, PgError> {
        let (uid, gid) = myself()?;
        let owner = data_dir.and_then(|dir| std::fs::metadata(dir).ok()).map(|it| (it.uid(), it.gid()));
        match (uid, owner) {
            (0, Some((owner, group))) if owner != 0 => Ok(Self { uid: owner, gid: group, switched: true }),
            (0, _) => unprivileged(),
            (_, Some((owner, _))) if owner != uid => Err(PgError::OtherOwner {
                data_dir: data_dir.map(Path::to_owned).unwrap_or_default(),
                owner,
                me: uid,
            }),
            _ => Ok(Self { uid, gid, switched: false }),
        }
    }

    /// A command that runs as this user, without the PG* variables of ours that would redirect it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if self.switched {
            // The standard library drops the supplementary groups of root along with the user id.
            command.gid(self.gid).uid(self.uid);
        }
        command
    }

    /// Whether this user can enter a folder: asked of the system, which knows every rule on the way.
    pub fn can_enter(&self, dir: &Path) -> bool {
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", "cd -- \"$1\"", "sh"]).arg(dir).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Hands a file or folder to this user.
    pub fn own(&self, path: &Path) -> Result<(), PgError> {
        if !self.switched {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .map_err(PgError::io("change the owner of", path))
    }
}

/// Our own effective ids, seen from the owner of a file that we just made: no unsafe call, on every Unix.
fn myself() -> Result<(u32, u32), PgError> {
    let file = tempfile::tempfile().map_err(PgError::io("make a temporary file in", std::env::temp_dir()))?;
    let seen = file.metadata().map_err(PgError::io("inspect a temporary file in", std::env::temp_dir()))?;
    Ok((seen.uid(), seen.gid()))
}

fn unprivileged() -> Result<Account, PgError> {
    let users = std::fs::read_to_string("/etc/passwd").map_err(PgError::io("read", "/etc/passwd"))?;
    UNPRIVILEGED.iter().find_map(|name| find_user(&users, name)).ok_or(PgError::NoAccount)
}

/// A line of `/etc/passwd`: `name:password:uid:gid:…`.
pub(super) fn find_user(users: &str, name: &str) -> Option<Account> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account { uid, gid, switched: true })
}
