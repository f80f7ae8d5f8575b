//! A customer as it is stored, and what belongs to one.

use chrono::{DateTime, Utc};
use odyssey_types::{ConsentId, CustomerId, CustomerIdentity, CustomerStatus, JobId, Phi, ProductId, UserId};

/// A closed list of codes, as stored and as spoken.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == code)
            }
        }
    };
}

codes! {
    /// What somebody consents to.
    ConsentPurpose { HealthData = "health_data", Marketing = "marketing", Analytics = "analytics" }
}

codes! {
    /// Where a consent stands; only `granted` lets anything happen.
    ConsentState { Missing = "missing", Granted = "granted", Withdrawn = "withdrawn" }
}

codes! {
    /// How we came to know of a consent.
    ConsentSource {
        /// Recorded by a person through the API.
        Person = "person",
        /// A vendor admin attested it for the rows of a file.
        VendorAttestation = "vendor_attestation",
        /// A column of a file.
        Column = "column",
        /// Withdrawn because the customer was deleted.
        Deletion = "deletion",
        /// Withdrawn because the import that granted it was undone.
        Undo = "undo",
    }
}

codes! {
    /// Which list of a customer a product is on.
    ListKind {
        /// Shown although a preference speaks against it; lifts no allergen, condition or drug gate.
        AlwaysAllow = "always_allow",
        NeverShow = "never_show",
    }
}

/// A customer, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    /// Trimmed and in Unicode NFC; case and leading zeros as written.
    pub external_id: Phi<String>,
    pub identity: Phi<CustomerIdentity>,
    pub status: CustomerStatus,
    /// Whether anything is recorded in the health profile.
    pub has_profile: bool,
    pub health_consent: ConsentState,
    /// Changes with every change of this record, of the profile and of the consents, and when a food allergy of
    /// a FHIR proposal begins or ceases to await a decision.
    pub row_version: i64,
    pub lists_version: i64,
    pub consent_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When a person last edited identity, status or profile; absent when a file wrote it since.
    pub edited_at: Option<DateTime<Utc>>,
}

/// What a viewer may see of a customer. Making one opens no sealed data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedCustomer {
    pub id: CustomerId,
    pub status: CustomerStatus,
    pub has_profile: bool,
    pub health_consent: ConsentState,
    pub row_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// One record of consent. The newest of a purpose counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub id: ConsentId,
    pub customer_id: CustomerId,
    /// Its place in the customer's history, counting from 1 over all purposes.
    pub version: i64,
    pub purpose: ConsentPurpose,
    pub state: ConsentState,
    /// The version of the words that were agreed to.
    pub text_version: Option<String>,
    pub source: ConsentSource,
    /// The person who recorded or attested it.
    pub recorded_by: Option<UserId>,
    pub job_id: Option<JobId>,
    pub recorded_at: DateTime<Utc>,
}

/// A product on a customer's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    pub product_id: ProductId,
    pub list: ListKind,
    pub added_by: Option<UserId>,
    pub added_at: DateTime<Utc>,
}

/// Whole years lived at an instant, by the UTC calendar. `None` for a birth date in the future.
pub(super) fn age_on(birth_date: chrono::NaiveDate, now: DateTime<Utc>) -> Option<u8> {
    now.date_naive().years_since(birth_date).and_then(|years| u8::try_from(years).ok())
}
