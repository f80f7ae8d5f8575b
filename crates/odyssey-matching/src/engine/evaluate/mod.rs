//! One product against one policy: the verdict, and why.
//!
//! Owns: no table. Promises: exact integers; every excluded or unverified product has at least one
//! `HX_` reason (or the profile's own block); every reason names its rule and quotes its evidence; the
//! ranking over columns agrees with it. Never: says "safe", never suggests to drop an allergy.

mod change;
mod findings;
mod score;
mod sentences;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use odyssey_types::ProductId;
use serde::Serialize;

use super::{Action, Blocked, Policy, ProductMeta, RuleRef};
use crate::{Derivation, Evidence};

pub(super) use findings::{
    Cause, amount_code, caution_fires, class_code, diet_code, gate_causes, key_code, warning_fires,
};

/// Tiers of reference 8.2, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Tier {
    /// Suitable on complete evidence.
    #[serde(rename = "1")]
    One,
    /// Suitable, with something worth saying.
    #[serde(rename = "2")]
    Two,
    /// Unverified.
    #[serde(rename = "3")]
    Three,
    #[serde(rename = "X")]
    Excluded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    Fits,
    FitsWithCaution,
    CannotVerify,
    Conflict,
}

/// A code, its parameters, and the sentence they make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub code: String,
    /// What the gate is about: an allergen, a diet, `htn sodium_mg`.
    pub subject: String,
    /// What it does to the product.
    pub action: Action,
    pub params: BTreeMap<&'static str, String>,
    pub sentence: String,
    pub evidence: Vec<Evidence>,
    pub source: RuleRef,
}

/// One part of the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScorePart {
    pub code: String,
    pub weight_milli: u32,
    /// 0 to 1000.
    pub sub_score: u16,
    /// False: a needed amount is not stated, so it scores 0 with its weight kept.
    pub known: bool,
    pub params: BTreeMap<&'static str, String>,
    pub source: RuleRef,
}

/// The one thing that would make the product fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SmallestChange {
    pub code: &'static str,
    pub params: BTreeMap<&'static str, String>,
    pub sentence: String,
}

/// The full answer about one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub product_id: ProductId,
    pub verdict: VerdictKind,
    pub tier: Tier,
    pub score_permille: u16,
    pub confidence_permille: u16,
    pub parts: Vec<ScorePart>,
    /// Worst first, in the order of the gates.
    pub reasons: Vec<Reason>,
    /// One paragraph for people; always ends with the advice to check the package.
    pub summary: String,
    pub smallest_change: Option<SmallestChange>,
    /// Whether a product that cannot be verified may stand in the list of the unverified.
    pub unverified_is_listed: bool,
    /// Why the profile is not ranked at all.
    pub blocked: Vec<Blocked>,
}

/// Judges one product.
pub fn evaluate(policy: &Policy, derivation: &Derivation, meta: &ProductMeta) -> Verdict {
    let aged;
    let judged = if policy.is_stale(meta.label_as_of) {
        aged = Derivation { facts: derivation.facts.as_stale(), ..derivation.clone() };
        &aged
    } else {
        derivation
    };
    let findings = findings::findings(policy, &judged.facts, meta);
    let (tier, verdict) = conclude(&findings, policy.is_blocked());
    let unverified_is_listed = verdict == VerdictKind::CannotVerify
        && !policy.is_blocked()
        && findings.iter().all(|f| f.action < Action::Unverified || f.unverified_is_listed(policy));
    let score = score::score(policy, &derivation.facts, meta);
    let mut reasons: Vec<Reason> = findings.iter().map(|f| sentences::reason(f, policy, judged)).collect();
    reasons.extend(
        policy
            .label_oldest
            .filter(|_| policy.is_stale(meta.label_as_of))
            .map(|oldest| sentences::stale_label(policy, meta.label_as_of, oldest)),
    );
    // Stable: equal actions keep the order of the gates.
    reasons.sort_by_key(|r| std::cmp::Reverse(r.action));
    Verdict {
        product_id: meta.id,
        verdict,
        tier,
        score_permille: score.permille,
        confidence_permille: score.confidence,
        parts: score.parts,
        summary: sentences::summary(verdict, &reasons, policy, judged, meta),
        smallest_change: change::smallest_change(&findings, policy, judged),
        reasons,
        unverified_is_listed,
        blocked: policy.blocked.clone(),
    }
}

/// The tier is the worst of all findings; an exclusion whose every cause is an unknown is not a
/// conflict but unverified. A blocked profile never fits anything.
fn conclude(findings: &[findings::Finding<'_>], blocked: bool) -> (Tier, VerdictKind) {
    let worst = findings.iter().map(|f| f.action).max().unwrap_or(Action::Pass);
    let known_conflict = findings.iter().any(|f| f.action == Action::Exclude && f.cause.is_known());
    let (tier, verdict) = match worst {
        Action::Pass | Action::Warn => (Tier::One, VerdictKind::Fits),
        Action::Caution => (Tier::Two, VerdictKind::FitsWithCaution),
        Action::Unverified => (Tier::Three, VerdictKind::CannotVerify),
        Action::Exclude if known_conflict => (Tier::Excluded, VerdictKind::Conflict),
        Action::Exclude => (Tier::Excluded, VerdictKind::CannotVerify),
    };
    if blocked { (tier.max(Tier::Three), verdict.max(VerdictKind::CannotVerify)) } else { (tier, verdict) }
}
