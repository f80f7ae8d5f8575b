//! What stores across the network say when they do not do what was asked, sorted into our words.

use crate::error::{Attempt, StoreError};

/// Bytes of an answer that are read to learn its code, at most.
pub(crate) const REFUSAL_BYTES_MAX: usize = 1 << 16;
/// Characters of a code that are repeated.
const CODE_CHARS_MAX: usize = 64;

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The true status, wherever it stood.
    pub status: u16,
    /// The name that the store gives to it: letters, digits and `_` only.
    pub code: Option<String>,
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    NoFile,
    NoBucket,
    /// An upload in parts that the store does not know, or not any more.
    NoUpload,
    Denied,
    /// Come back later.
    Busy,
    /// Somebody else is at it, or we are behind.
    Conflict,
    Full,
    /// The file ends before the byte where reading was to begin.
    Beyond,
    /// None of these.
    Strange,
}

impl Refusal {
    pub fn new(status: u16, code: Option<&str>) -> Self {
        let fits = |code: &&str| {
            !code.is_empty()
                && code.len() <= CODE_CHARS_MAX
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        Self { status, code: code.filter(fits).map(str::to_owned) }
    }

    /// Codes first: several stores answer 400 or 403 to everything.
    pub fn meaning(&self) -> Meaning {
        match self.code.as_deref().unwrap_or_default() {
            "NoSuchKey" | "not_found" => return Meaning::NoFile,
            "NoSuchBucket" => return Meaning::NoBucket,
            "NoSuchUpload" | "InvalidUploadId" => return Meaning::NoUpload,
            "AccessDenied"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "RequestTimeTooSkewed"
            | "ExpiredToken"
            | "InvalidToken"
            | "InvalidJWT"
            | "InvalidSignature"
            | "Unauthorized"
            | "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "TenantNotFound" => {
                return Meaning::Denied;
            }
            "SlowDown"
            | "InternalError"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "OperationAborted"
            | "DatabaseTimeout"
            | "LockTimeout"
            | "DatabaseReadOnly"
            | "too_many_connections" => {
                return Meaning::Busy;
            }
            "ResourceLocked" => return Meaning::Conflict,
            "EntityTooLarge" | "QuotaExceeded" | "InsufficientCapacity" | "XMinioStorageFull" => {
                return Meaning::Full;
            }
            "InvalidRange" => return Meaning::Beyond,
            _ => {}
        }
        match self.status {
            404 => Meaning::NoFile,
            301 | 302 | 307 | 308 | 401 | 403 => Meaning::Denied,
            408 | 425 | 429 | 500 | 502..=504 | 520..=599 => Meaning::Busy,
            409 | 423 => Meaning::Conflict,
            410 => Meaning::NoUpload,
            413 | 507 => Meaning::Full,
            416 => Meaning::Beyond,
            _ => Meaning::Strange,
        }
    }

    pub fn error(&self, attempt: &Attempt<'_>) -> StoreError {
        match self.meaning() {
            Meaning::NoFile => attempt.not_found(),
            Meaning::NoBucket => StoreError::refused(
                attempt,
                format!("{self}; make the bucket, or name another in the settings"),
            ),
            Meaning::Denied => StoreError::refused(
                attempt,
                format!(
                    "{self}; check the key and its rights, the region, the endpoint, and the clock of this machine"
                ),
            ),
            Meaning::Busy | Meaning::Conflict => {
                StoreError::unreachable(attempt, format!("{self}; the store is busy, try again later"))
            }
            Meaning::NoUpload => StoreError::unreachable(attempt, format!("{self}; {BEGIN_AGAIN}")),
            Meaning::Full => StoreError::full(
                attempt,
                format!("{self}; raise the limits of the bucket and the project, or make room"),
            ),
            Meaning::Beyond => {
                StoreError::corrupt(attempt, format!("{self}; the file is shorter than it was"))
            }
            Meaning::Strange => StoreError::refused(
                attempt,
                format!("{self}; check that the endpoint is one of this kind of store"),
            ),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.code {
            Some(code) => write!(f, "it answered {} {code}", self.status),
            None => write!(f, "it answered {}", self.status),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a request or an answer did not get through, without an address in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(pub String);

impl Broken {
    /// The causes one behind the other, since the outermost says nothing.
    pub fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        Self(text)
    }

    pub fn error(&self, attempt: &Attempt<'_>) -> StoreError {
        StoreError::unreachable(attempt, format!("{self}; try again later, then check network and endpoint"))
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Refusal(Refusal),
    Broken(Broken),
    /// An answer that is a success and makes no sense.
    Senseless,
    /// A name in a listing that nobody here can have written, and that is in the way.
    ForeignName,
}

impl Fault {
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Refusal(refusal) => Some(refusal.meaning()),
            Self::Broken(_) | Self::Senseless | Self::ForeignName => None,
        }
    }

    pub fn error(&self, attempt: &Attempt<'_>) -> StoreError {
        match self {
            Self::Refusal(refusal) => refusal.error(attempt),
            Self::Broken(broken) => broken.error(attempt),
            Self::Senseless => StoreError::corrupt(
                attempt,
                "its answer was not understood; check that the endpoint is one of this kind of store",
            ),
            Self::ForeignName => StoreError::corrupt(
                attempt,
                "a name in the bucket is none of ours and cannot be dealt with; give the store a bucket of its own",
            ),
        }
    }
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// An upload that the store has ended: nothing but another one helps.
pub(crate) fn begin_again(attempt: &Attempt<'_>) -> StoreError {
    StoreError::unreachable(attempt, BEGIN_AGAIN)
}

const BEGIN_AGAIN: &str = "the upload is over at the store; write the file again from its beginning";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use crate::path::StorePath;

    #[test]
    fn answers_of_all_stores_have_one_meaning_each() {
        let path = StorePath::parse("v/u").unwrap();
        let attempt = Attempt::at("write", &path);
        for (status, code, cause) in [
            (404, Some("NoSuchKey"), Cause::NotFound),
            (404, None, Cause::NotFound),
            (404, Some("NoSuchBucket"), Cause::Refused),
            (403, Some("SignatureDoesNotMatch"), Cause::Refused),
            (403, None, Cause::Refused),
            (400, Some("InvalidJWT"), Cause::Refused),
            (301, None, Cause::Refused),
            (400, Some("InvalidRequest"), Cause::Refused),
            (503, Some("SlowDown"), Cause::Unreachable),
            (544, Some("DatabaseTimeout"), Cause::Unreachable),
            (409, None, Cause::Unreachable),
            (423, Some("ResourceLocked"), Cause::Unreachable),
            (410, None, Cause::Unreachable),
            (413, None, Cause::Full),
            (400, Some("EntityTooLarge"), Cause::Full),
            (507, None, Cause::Full),
            (416, None, Cause::Corrupt),
        ] {
            assert_eq!(Refusal::new(status, code).error(&attempt).cause(), cause, "{status} {code:?}");
        }
    }

    #[test]
    fn a_code_that_is_none_is_not_repeated() {
        let refusal = Refusal::new(403, Some("see https://x/?token=abc"));
        assert_eq!(refusal.to_string(), "it answered 403");
    }
}
