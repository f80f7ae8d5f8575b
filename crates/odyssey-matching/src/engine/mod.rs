//! The engine: rule packs, compiled policies, snapshots, ranking and explaining.
//!
//! Owns: no table. Promises: a hard gate is never relaxed to fill a list; an unknown never passes a
//! gate; the ranking agrees with the explanation of every single product; the same inputs give the
//! same bytes. Emits: nothing. Never: calls a product safe.

mod allergy_codes;
mod codes;
mod curves;
#[cfg(test)]
mod drug_tests;
mod evaluate;
#[cfg(test)]
mod oracle_tests;
mod pack;
mod policy;
mod product;
mod rank;
#[cfg(test)]
mod real_story_tests;
mod reverse;
mod situation;
mod snapshot;
#[cfg(test)]
mod story_tests;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
pub(crate) mod testing;
mod unrecorded;
mod validate;
#[cfg(test)]
mod vector_tests;

pub use allergy_codes::{
    AllergyCodeSystem, AllergyMapping, allergens_named_in, coded_allergens, resolve_allergy_code,
};
pub use codes::{Blocked, NotConsidered, ResolvedConditions, resolve_conditions};
pub use evaluate::{Reason, ScorePart, SmallestChange, Tier, Verdict, VerdictKind, evaluate};
pub use pack::{
    AmountTest, Basis, CapRule, ChangeOrigin, ClassAction, ConditionTemplate, ConflictRule, CrossReaction,
    DailyAmount, Drug, EerEquation, EerGroup, EnergyFigures, EnergyGoal, FitFigures, GateKind, GateRule,
    Goal, GuidelineRules, Intake, IntakeRow, Interaction, MacroRange, MinimumRule, ModelFigures, Need,
    NoticeRule, PackError, PackText, PackView, RULE_CHANGES_MAX, RequireRule, RuleChange, RuleChangeError,
    RulePack, RuleRef, RuleSet, RuleView, Scope, ScoringPolicy, ServingRule, StateGroup, States, Status,
    TargetRule, UnknownAmount, WarningRule,
};
pub(crate) use pack::{UNKNOWN_AGE_YEARS, no_keys};
pub use policy::{
    ALGORITHM_VERSION, Action, AmountCaution, AmountGate, Assumed, ClassGate, ClassWarning, Component,
    DietGate, Gate, KeyActions, KeyGate, Part, Policy, PolicyInput, Preferences, Severity,
};
use product::fat_share_exceeds;
pub use product::{ProductMeta, Role, name_hash};
pub use rank::{
    Binding, Candidate, Comparison, Filters, FunnelStep, Query, Ranked, compare, rank, ranked_bytes,
};
pub use reverse::{Audience, AudienceCounts, AudienceProduct, Judged, Listed, Regressions};
pub(crate) use situation::{InForce, Situation};
pub use situation::{InteractionCheck, Notice};
pub use snapshot::{Snapshot, SnapshotBuilder, SnapshotDecoder, SnapshotError, SnapshotRow, snapshot_layout};
#[cfg(test)]
pub(crate) use validate::overridable_rules;
pub use validate::{ProfileError, ProfileWarning, profile_warnings, validate_profile};

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
