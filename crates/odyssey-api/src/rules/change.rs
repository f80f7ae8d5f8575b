//! A change of the rule pack as it goes in and out.

use odyssey_matching::{ClassAction, RuleChange};
use odyssey_types::Nutrient;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One change. Amounts are decimal texts in the nutrient's own unit, per day.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RuleChangeDto {
    /// Another ceiling for a cap of the pack. A higher one needs a justification.
    SetCap {
        /// Id of the cap's rule: `htn.sodium`.
        rule: String,
        amount: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        justification: Option<String>,
    },
    /// Makes a soft cap hard: one reference amount above half of it excludes, unknown is not verified.
    Harden { rule: String },
    /// Makes a hard cap soft.
    Soften { rule: String, justification: String },
    /// A further ceiling for people with a condition.
    AddCap {
        /// Id of the template: `htn`.
        condition: String,
        #[schema(value_type = String, example = "sodium_mg")]
        nutrient: Nutrient,
        amount: String,
        #[serde(default)]
        hard: bool,
    },
    /// Ingredients that people with a condition are kept from.
    AddGate {
        condition: String,
        /// An allergen or a class: `class.alcohol`.
        class: String,
        #[schema(inline)]
        action: ClassActionDto,
    },
}

/// What a class of ingredients does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClassActionDto {
    Exclude,
    /// Excludes unless a person's stored override says otherwise.
    ExcludeUnlessOverridden,
}

impl From<RuleChange> for RuleChangeDto {
    fn from(change: RuleChange) -> Self {
        match change {
            RuleChange::SetCap { rule, amount, justification } => {
                Self::SetCap { rule, amount, justification }
            }
            RuleChange::Harden { rule } => Self::Harden { rule },
            RuleChange::Soften { rule, justification } => Self::Soften { rule, justification },
            RuleChange::AddCap { condition, nutrient, amount, hard } => {
                Self::AddCap { condition, nutrient, amount, hard }
            }
            RuleChange::AddGate { condition, class, action } => Self::AddGate {
                condition,
                class,
                action: match action {
                    ClassAction::Exclude => ClassActionDto::Exclude,
                    ClassAction::ExcludeUnlessOverridden => ClassActionDto::ExcludeUnlessOverridden,
                },
            },
        }
    }
}

impl From<RuleChangeDto> for RuleChange {
    fn from(change: RuleChangeDto) -> Self {
        match change {
            RuleChangeDto::SetCap { rule, amount, justification } => {
                Self::SetCap { rule, amount, justification }
            }
            RuleChangeDto::Harden { rule } => Self::Harden { rule },
            RuleChangeDto::Soften { rule, justification } => Self::Soften { rule, justification },
            RuleChangeDto::AddCap { condition, nutrient, amount, hard } => {
                Self::AddCap { condition, nutrient, amount, hard }
            }
            RuleChangeDto::AddGate { condition, class, action } => Self::AddGate {
                condition,
                class,
                action: match action {
                    ClassActionDto::Exclude => ClassAction::Exclude,
                    ClassActionDto::ExcludeUnlessOverridden => ClassAction::ExcludeUnlessOverridden,
                },
            },
        }
    }
}
