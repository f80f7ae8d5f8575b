//! Ids are newtypes, so that two ids in one signature cannot be swapped.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A vendor: the tenant.
    VendorId,
    /// A person (or service) who signs in.
    UserId,
    /// A product; derived from vendor and external id (UUIDv8).
    ProductId,
    /// A customer of a vendor; derived with a keyed hash (UUIDv8).
    CustomerId,
    /// One run of background work that a caller can follow.
    JobId,
    /// One uploaded file.
    UploadId,
    /// One audit event.
    AuditEventId,
    /// One request, in logs, problems and audit.
    RequestId,
    /// One sign-in.
    SessionId,
    /// One record of consent.
    ConsentId,
    /// One allergen hold.
    HoldId,
    /// One proposal made of a FHIR bundle.
    ProposalId,
    /// One receipt; the same as the id of the answer that it proves, which is that of its audit event.
    ReceiptId,
    /// One note on a customer.
    NoteId,
    /// One picture of a product.
    ProductImageId,
    /// One change of a label by which somebody lost a product.
    RegressionId,
}

macro_rules! v7 {
    ($($name:ident),+) => {$(
        impl $name {
            /// A new time-ordered id (UUIDv7) for the instant `now`.
            pub fn generate(now: chrono::DateTime<chrono::Utc>) -> Self {
                let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
                let ts = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
                Self(Uuid::new_v7(ts))
            }
        }
    )+};
}

v7!(
    VendorId,
    UserId,
    JobId,
    UploadId,
    AuditEventId,
    RequestId,
    SessionId,
    ConsentId,
    HoldId,
    ProposalId,
    NoteId,
    ProductImageId,
    RegressionId
);
