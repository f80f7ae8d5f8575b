//! A product as it is stored.

use chrono::{DateTime, Utc};
use odyssey_types::{JobId, ProductFields, ProductId, UserId};
use serde::{Deserialize, Serialize};

/// Who attested that the allergen declaration is complete, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    pub by: UserId,
    pub at: DateTime<Utc>,
}

/// What wrote a row last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Lineage {
    /// A person through the API.
    User { user_id: UserId },
    /// A row of a file.
    Import {
        job_id: JobId,
        /// 0 where the file of a whole catalog has no row of it.
        row: u64,
        /// Who started the import.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        user_id: Option<UserId>,
    },
    /// An import that was undone.
    Undo {
        /// The job that undid it.
        job_id: JobId,
        undone_job_id: JobId,
        /// The import whose work stands again.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        restored_job_id: Option<JobId>,
        /// Who asked for it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        user_id: Option<UserId>,
    },
    /// Work of our own.
    System,
}

impl Lineage {
    /// The import whose work this is, done by it or standing again since a later one was undone.
    pub const fn import_job_id(&self) -> Option<JobId> {
        match self {
            Self::Import { job_id, .. } => Some(*job_id),
            Self::Undo { restored_job_id, .. } => *restored_job_id,
            Self::User { .. } | Self::System => None,
        }
    }

    /// The person behind the change, where there is one.
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id } => Some(*user_id),
            Self::Import { user_id, .. } | Self::Undo { user_id, .. } => *user_id,
            Self::System => None,
        }
    }
}

/// A product of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub external_id: String,
    pub fields: ProductFields,
    /// Present exactly when `fields.allergen_data` is `complete`.
    pub attestation: Option<Attestation>,
    pub lineage: Lineage,
    pub row_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
}
