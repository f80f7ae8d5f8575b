//! What a reason rests on.

use chrono::NaiveDate;
use odyssey_matching::{Evidence, EvidenceSource};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::dto::text;

/// What on the label a reason rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EvidenceDto {
    /// Allergen or class: `milk`.
    pub key: String,
    #[schema(value_type = String)]
    pub flag: Value,
    /// `declared`, `statement`, `term`, `claim` or `hold`.
    #[schema(value_type = String)]
    pub source: Value,
    /// The product field.
    pub field: String,
    /// The text on the label.
    pub matched: String,
    /// The term of our tables.
    pub term: String,
    /// Byte offset in the field.
    pub offset: u32,
    /// The day of the label that it stands on; null where none is stated.
    pub as_of: Option<NaiveDate>,
    pub stated_by: StatedBy,
}

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatedBy {
    /// A named person says that the declaration is complete.
    Attested,
    /// Declared, without that.
    Vendor,
    /// Read out of the label's text.
    Label,
}

impl From<Evidence> for EvidenceDto {
    fn from(evidence: Evidence) -> Self {
        Self {
            key: evidence.key,
            flag: text(&evidence.flag),
            source: text(&evidence.source),
            field: evidence.field,
            matched: evidence.matched,
            term: evidence.term,
            offset: evidence.offset,
            as_of: None,
            stated_by: match evidence.source {
                EvidenceSource::Declared | EvidenceSource::Hold => StatedBy::Vendor,
                EvidenceSource::Statement | EvidenceSource::Term | EvidenceSource::Claim => StatedBy::Label,
            },
        }
    }
}
