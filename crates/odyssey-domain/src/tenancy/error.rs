//! What callers of this area can act on.

use odyssey_vault::VaultError;

use super::Permission;
use crate::db::DbError;

#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// No valid credential; nothing says which part was wrong.
    #[error("the credential is not valid")]
    Unauthenticated,
    /// Too many failed sign-ins of this account: wait for the named seconds.
    #[error("too many failed sign-ins; try again in {retry_after_seconds} seconds")]
    SignInLimited { retry_after_seconds: u64 },
    /// A person of several vendors did not say which.
    #[error("the request must say which vendor it is for")]
    VendorRequired,
    /// The vendor does not exist, is removed, or is not the caller's.
    #[error("there is no such vendor")]
    VendorNotFound,
    #[error("the vendor is suspended")]
    VendorSuspended,
    #[error("the role {role} may not do this ({permission:?})")]
    Forbidden { role: &'static str, permission: Permission },
    #[error("the name {0} is taken")]
    SlugTaken(String),
    #[error("somebody with this e-mail address exists already")]
    EmailTaken,
    #[error("there is no such user")]
    UserNotFound,
    /// A password or a name that breaks a rule; the text says which.
    #[error("{0}")]
    Invalid(String),
    #[error("a legal hold covers this; nothing of it may be removed while it lasts")]
    UnderLegalHold,
    /// The key store of this node is not the one the database was sealed under.
    #[error("the key store does not fit this database: {0}")]
    KeyStoreMismatch(String),
    #[error("the password could not be hashed")]
    Hashing,
    #[error("a token could not be made or read")]
    Token(#[source] jsonwebtoken::errors::Error),
    #[error("the queue did not answer")]
    Queue(#[from] odyssey_jobs::QueueError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for TenancyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
