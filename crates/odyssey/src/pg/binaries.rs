//! Finds `initdb`, `pg_ctl` and `postgres` of a supported version, or says how to install them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::PgError;

/// Newest first: what a new cluster is made with.
pub const SUPPORTED: [u32; 3] = [17, 16, 15];

/// One installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub dir: PathBuf,
    pub major: u32,
}

impl Binaries {
    pub fn tool(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The newest supported version, or exactly `major` where a cluster of that version exists already.
pub fn find(named: Option<&Path>, major: Option<u32>) -> Result<Binaries, PgError> {
    let folders = named.map_or_else(candidate_folders, |dir| vec![dir.to_owned()]);
    let mut found: Vec<Binaries> = folders.iter().filter_map(|dir| inspect(dir)).collect();
    found.retain(|it| SUPPORTED.contains(&it.major) && major.is_none_or(|major| major == it.major));
    // Stable: among equals the first on PATH stays first.
    found.sort_by_key(|it| std::cmp::Reverse(it.major));
    found.into_iter().next().ok_or_else(|| missing(&folders, major))
}

fn candidate_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for major in SUPPORTED {
        folders.push(format!("/usr/lib/postgresql/{major}/bin").into());
        folders.push(format!("/usr/pgsql-{major}/bin").into());
        folders.push(format!("/opt/homebrew/opt/postgresql@{major}/bin").into());
        folders.push(format!("/usr/local/opt/postgresql@{major}/bin").into());
    }
    folders
}

fn inspect(dir: &Path) -> Option<Binaries> {
    if !["initdb", "pg_ctl", "postgres"].iter().all(|tool| dir.join(tool).is_file()) {
        return None;
    }
    let output = Command::new(dir.join("postgres")).arg("--version").current_dir("/").output().ok()?;
    let major = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { dir: dir.to_owned(), major })
}

/// `postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)` gives 15.
pub(super) fn parse_version(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn missing(folders: &[PathBuf], major: Option<u32>) -> PgError {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let wanted = major
        .map_or_else(|| "15, 16 or 17".to_owned(), |major| format!("{major} (the version of this cluster)"));
    let looked_in = folders.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ");
    PgError::NoBinaries { wanted, looked_in, install: install_command(&system, major) }
}

/// The one command for this system. `system` is the text of `/etc/os-release`, empty where there is none.
pub(super) fn install_command(system: &str, major: Option<u32>) -> String {
    let field = |name: &str| {
        system
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    let family = format!("{} {}", field("ID"), field("ID_LIKE"));
    // What the distribution itself ships in its release.
    let shipped = match (field("ID").as_str(), field("VERSION_ID").as_str()) {
        ("debian", "13") => 17,
        ("ubuntu", version) if version >= "24.04" => 16,
        _ => 15,
    };
    let major = major.unwrap_or(shipped);
    let has = |name: &str| family.split_whitespace().any(|word| word == name);
    if has("debian") || has("ubuntu") {
        format!("sudo apt-get update && sudo apt-get install -y postgresql-{major}")
    } else if has("fedora") || has("rhel") {
        format!("sudo dnf install -y postgresql{major}-server  (or: sudo dnf install -y postgresql-server)")
    } else if has("alpine") {
        format!("sudo apk add postgresql{major}")
    } else if has("arch") {
        "sudo pacman -S postgresql".to_owned()
    } else if system.is_empty() && cfg!(target_os = "macos") {
        format!("brew install postgresql@{major}")
    } else {
        format!("your system's package of PostgreSQL {major} (server and client)")
    }
}
