//! The engine: rule packs, compiled policies, snapshots, ranking and explaining.
//!
//! Owns: no table. Promises: a hard gate is never relaxed to fill a list; an unknown never passes a
//! gate; the ranking agrees with the explanation of every single product; the same inputs give the
//! same bytes. Emits: nothing. Never: calls a product safe.

mod allergy_codes;
mod codes;
mod curves;
mod evaluate;
mod pack;
mod policy;
mod product;
mod rank;
mod snapshot;
#[cfg(test)]
pub(crate) mod testing;
mod validate;

pub use allergy_codes::{
    AllergyCodeSystem, AllergyMapping, allergens_named_in, coded_allergens, resolve_allergy_code,
};
pub use codes::{Blocked, NotConsidered, ResolvedConditions, resolve_conditions};
pub use evaluate::{Reason, ScorePart, SmallestChange, Tier, Verdict, VerdictKind, evaluate};
pub use pack::{
    CapRule, ConditionTemplate, DailyAmount, Drug, EnergyFigures, EnergyGoal, FitFigures, Goal, Intake,
    IntakeRow, Interaction, PackError, PackText, RequireRule, RulePack, RuleRef, ScoringPolicy, Status,
    TargetRule, WarningRule,
};
pub use policy::{
    ALGORITHM_VERSION, Action, AmountCaution, AmountGate, Assumed, Basis, ClassWarning, Component, DietGate,
    Gate, KeyActions, KeyGate, Part, Policy, PolicyInput, Preferences, Severity,
};
pub use product::{ProductMeta, Role, name_hash};
pub use rank::{Binding, Candidate, Filters, FunnelStep, Query, Ranked, rank};
pub use snapshot::{Snapshot, SnapshotBuilder, SnapshotRow};
pub use validate::{ProfileError, validate_profile};

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
