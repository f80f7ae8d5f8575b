//! Rules as they go in and out.

use chrono::{DateTime, Utc};
use odyssey_domain::rules::{RuleSetState, RuleSetVersion};
use odyssey_types::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::RuleChangeDto;

/// Where a version stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RuleSetStateDto {
    /// In force nowhere; there is one at most.
    Draft,
    /// In force.
    Published,
    /// Was in force, or was replaced before it ever was.
    Retired,
}

/// One version of the vendor's rules. The changes are all there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleSetDto {
    pub version: i32,
    #[schema(inline)]
    pub state: RuleSetStateDto,
    pub changes: Vec<RuleChangeDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The version that this one repeats: a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<DateTime<Utc>>,
}

/// The rules in force and the draft, where there are such.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CurrentRulesDto {
    /// Null: the rule pack as it ships.
    pub published: Option<RuleSetDto>,
    pub draft: Option<RuleSetDto>,
}

/// A new draft: all the changes, not a difference to the version before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesDraft {
    #[schema(max_items = 200)]
    pub changes: Vec<RuleChangeDto>,
    /// Why, in your words; at most 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Which version.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesVersionChoice {
    pub version: i32,
}

impl From<RuleSetVersion> for RuleSetDto {
    fn from(rules: RuleSetVersion) -> Self {
        Self {
            version: rules.version,
            state: match rules.state {
                RuleSetState::Draft => RuleSetStateDto::Draft,
                RuleSetState::Published => RuleSetStateDto::Published,
                RuleSetState::Retired => RuleSetStateDto::Retired,
            },
            changes: rules.changes.into_iter().map(Into::into).collect(),
            note: rules.note,
            repeats: rules.repeats,
            created_by: rules.created_by,
            created_at: rules.created_at,
            published_at: rules.published_at,
        }
    }
}
