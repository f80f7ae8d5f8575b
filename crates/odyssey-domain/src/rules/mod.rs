//! A vendor's own rules and scoring policy, over the rule pack that ships.
//!
//! Owns: `vendor_rules`, `scoring_policies`, `vendor_policies`. Promises: what is in force has one version,
//! which changes with every publication; a version is never changed once published; a change that loosens
//! carries its justification. Emits: audit events of every change. Never: loosens an allergy, changes the
//! pack itself.

mod effective;
mod error;
mod label_age;
mod ruleset;
mod scoring;
mod store;

pub use effective::{EffectiveRules, effective_rules, effective_with_changes, policy_version};
pub use error::RulesError;
pub use label_age::{LABEL_AGE_DAYS_MAX, LabelAge, current_label_age, put_label_age};
pub use ruleset::{
    RuleSetState, RuleSetVersion, current_rules, find_rules, list_rules, publish_rules, put_draft,
    roll_back_rules,
};
pub use scoring::{CurrentScoring, current_scoring, put_scoring};

/// Versions of a page at most.
pub const VERSIONS_MAX: u32 = 200;
/// Characters of a note at most.
pub const NOTE_MAX: usize = 500;
