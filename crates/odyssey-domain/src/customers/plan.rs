//! Deciding what becomes of each record, from what is stored and what is wanted. Opens and seals; does
//! no IO.

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_types::{ConsentId, CustomerStatus, HealthProfile, Phi, UserId, VendorId};
use odyssey_vault::{PersonKey, VaultError, VendorKeys, canonical_external_id};
use serde_json::{Map, Value};

use super::merge::{Record, merge_profile, merge_record};
use super::seal::{self, Before, Place, SealedIdentity, Tokens};
use super::store::{CustomerRow, ProfileRow};
use super::validate::{validate_health, validate_identity};
use super::write::{BatchOptions, Change, ConsentChange, CustomerWrite, ImportOptions, Row, Target, WriteResult};
use super::{ConsentPurpose, ConsentSource, ConsentState, Customer, RowOutcome, WriteRefusal};
use crate::catalog::FieldError;

/// A stored customer, opened, with what is needed to seal it again.
#[derive(Debug)]
pub(super) struct Stored {
    pub customer: Customer,
    pub sealed: SealedIdentity,
    pub person_key: Vec<u8>,
    pub key: PersonKey,
    pub deleted: bool,
    /// Loaded only where a record touches it.
    pub profile: Option<StoredProfile>,
}

#[derive(Debug)]
pub(super) struct StoredProfile {
    pub profile: Phi<HealthProfile>,
    pub row_version: i64,
}

/// A consent as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LatestConsent {
    pub purpose: ConsentPurpose,
    pub state: ConsentState,
    pub source: ConsentSource,
    /// Whether the wanted words are the recorded ones is compared by hash of nothing: the text itself.
    pub text: TextVersion,
}

/// A customer that will be written.
#[derive(Debug)]
pub(super) struct Changed {
    pub row: Row,
    pub outcome: RowOutcome,
    pub status: CustomerStatus,
    pub person_key: Vec<u8>,
    pub sealed: SealedIdentity,
    /// Absent when they stay as they are.
    pub tokens: Option<Tokens>,
    pub profile_sealed: Option<Vec<u8>>,
    pub has_profile: bool,
    pub health_consent: ConsentState,
    pub consent_version: i64,
    pub lists_version: i64,
    pub row_version: i64,
    pub edited_at: Option<DateTime<Utc>>,
    /// A person edited the profile, and not a file.
    pub by_person: bool,
    pub source_hash: Option<[u8; 32]>,
    pub deleted: bool,
    /// It was deleted and comes back, without what it had.
    pub returned: bool,
    pub consents: Vec<NewConsent>,
}
