//! Which store, and how it is reached. The binary fills these in; nothing here reads the environment.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::patience::Patience;

/// One of the kinds of stores.
#[derive(Debug, Clone)]
pub enum StoreSettings {
    Disk(DiskSettings),
    S3(S3Settings),
    Supabase(SupabaseSettings),
}

/// A folder of this machine, or one that several machines mount.
#[derive(Debug, Clone)]
pub struct DiskSettings {
    /// Made on first use, mode 0700.
    pub root: PathBuf,
}

/// Any store that speaks the protocol of S3. It is addressed by paths, signed by version 4 over whole bodies, and
/// asked for nothing but single and multipart puts, ranged gets, heads, deletes and listings.
///
/// Let the bucket end multipart uploads that are a day old (`AbortIncompleteMultipartUpload`): a process that is
/// killed cannot.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Without the bucket: `https://s3.eu-central-1.amazonaws.com`, `https://<ref>.storage.supabase.co/storage/v1/s3`.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    /// Lets the endpoint be `http://`: everything but the secret is then readable on the way. For this machine only.
    pub allow_http: bool,
    pub patience: Patience,
}

/// Supabase Storage, by its own endpoints.
#[derive(Debug, Clone)]
pub struct SupabaseSettings {
    /// With the path: `https://<ref>.storage.supabase.co/storage/v1`.
    pub endpoint: String,
    /// A private bucket. Its limit of a file's size is the limit here.
    pub bucket: String,
    /// The key of the service role, or a secret key.
    pub service_key: SecretString,
    /// Lets the endpoint be `http://`: the key is then readable on the way. For this machine only.
    pub allow_http: bool,
    pub patience: Patience,
}

/// Settings that no store can be opened with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the endpoint of the store is no address: `https://`, a host and a path, nothing else")]
    Endpoint,
    #[error("the endpoint of the store is `http://`, which `allow_http` does not allow")]
    PlainHttp,
    #[error("the name of the bucket has 1 to 100 of A-Z, a-z, 0-9, `_`, `.` and `-`")]
    Bucket,
    #[error("{0} of the store is empty or has characters that no header can carry")]
    Credential(&'static str),
    #[error("the client of the store could not be made: {0}")]
    Client(String),
}

/// Bytes of a bucket's name, at most.
const BUCKET_BYTES_MAX: usize = 100;

pub(crate) fn check_bucket(name: &str) -> Result<(), SettingsError> {
    let fits = name.len() <= BUCKET_BYTES_MAX && crate::path::is_segment(name);
    if fits { Ok(()) } else { Err(SettingsError::Bucket) }
}

pub(crate) fn check_credential(which: &'static str, value: &str) -> Result<(), SettingsError> {
    let fits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(()) } else { Err(SettingsError::Credential(which)) }
}
