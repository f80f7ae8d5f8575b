//! Secrets of an installation in files of their own, mode 0600.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use secrecy::SecretString;

use super::PgError;

/// Reads a secret, or makes one of 192 random bits. Whoever asks first makes it: two processes that start
/// together end with the same secret.
pub fn read_or_create(path: &Path) -> Result<SecretString, PgError> {
    match read(path)? {
        Some(secret) => Ok(secret),
        None => {
            create(path)?;
            read(path)?.ok_or_else(|| PgError::Io {
                attempt: "read back",
                path: path.to_owned(),
                source: std::io::ErrorKind::NotFound.into(),
            })
        }
    }
}

/// Reads a secret; one that others can read is refused.
pub fn read(path: &Path) -> Result<Option<SecretString>, PgError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PgError::Io { attempt: "read", path: path.to_owned(), source }),
    };
    let mode = fs::metadata(path).map_err(PgError::io("inspect", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PgError::SecretExposed { path: path.to_owned(), mode });
    }
    Ok(Some(SecretString::from(text.trim().to_owned())))
}

/// Written beside and linked into place, so that nobody ever reads half a secret and an existing one is
/// never replaced.
fn create(path: &Path) -> Result<(), PgError> {
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random).map_err(PgError::Random)?;
    let text = hex::encode(random);
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(PgError::io("make", &draft))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(PgError::io("write", &draft))?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(PgError::io("remove", &draft))?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(PgError::Io { attempt: "make", path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
