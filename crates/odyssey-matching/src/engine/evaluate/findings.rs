//! What the gates, cautions and warnings find in one product. Written for reading: one product, one
//! gate, one cause after another. The ranking does the same over bitmaps.

use odyssey_types::Nutrient;
use serde::Serialize;

use crate::engine::product::{per_reference, usable};
use crate::engine::{
    Action, AmountCaution, AmountGate, AmountTest, Assumed, Basis, ClassGate, ClassWarning, DietGate, Gate,
    KeyActions, Policy, ProductMeta, fat_share_exceeds,
};
use crate::{Facts, Flag, KeySet, ReferenceSource, Truth};

/// Why a gate acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::engine) enum Cause {
    Inactive,
    NeverListed,
    Contains,
    MayContain,
    Facility,
    Exempt,
    Ambiguous,
    Incomplete,
    Uncertified,
    DietBroken,
    DietPrecaution,
    DietUnproven,
    DietUncertified,
    Above,
    AmountUnknown,
    ReferenceAssumed,
}

impl Cause {
    /// Rests on something known, not on something missing.
    pub const fn is_known(self) -> bool {
        !matches!(
            self,
            Self::Ambiguous
                | Self::Incomplete
                | Self::Uncertified
                | Self::DietUnproven
                | Self::DietUncertified
                | Self::AmountUnknown
                | Self::ReferenceAssumed
        )
    }
}

/// Who found it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finder<'a> {
    Lists,
    Gate(usize),
    Caution(&'a AmountCaution),
    Warning(&'a ClassWarning),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Finding<'a> {
    pub finder: Finder<'a>,
    pub cause: Cause,
    pub action: Action,
}

impl Finding<'_> {
    pub(super) fn unverified_is_listed(&self, policy: &Policy) -> bool {
        match self.finder {
            Finder::Gate(at) => policy.gates[at].unverified_is_listed(),
            _ => true,
        }
    }
}

/// Every finding that does something, in the order of the gates.
pub(super) fn findings<'a>(policy: &'a Policy, facts: &Facts, meta: &ProductMeta) -> Vec<Finding<'a>> {
    let mut found = Vec::new();
    let allowed = policy.lists_allowed(meta.id);
    let lists = [(Cause::Inactive, !meta.active), (Cause::NeverListed, policy.lists_never(meta.id))];
    for (cause, _) in lists.into_iter().filter(|(_, holds)| *holds) {
        found.push(Finding { finder: Finder::Lists, cause, action: Action::Exclude });
    }
    for (at, gate) in policy.gates.iter().enumerate() {
        if allowed && gate.is_preference() {
            continue;
        }
        let causes = gate_causes(gate, facts);
        let finder = Finder::Gate(at);
        found.extend(causes.into_iter().map(|(cause, action)| Finding { finder, cause, action }));
    }
    if !allowed {
        let fired = policy.cautions.iter().filter(|c| caution_fires(c, facts));
        found.extend(fired.map(|c| Finding {
            finder: Finder::Caution(c),
            cause: Cause::Above,
            action: Action::Caution,
        }));
    }
    let fired = policy.warnings.iter().filter(|w| warning_fires(w, facts));
    found.extend(fired.map(|w| Finding {
        finder: Finder::Warning(w),
        cause: Cause::Contains,
        action: Action::Caution,
    }));
    found.retain(|f| f.action > Action::Pass);
    found
}

/// What one gate finds, harmless or not.
pub(in crate::engine) fn gate_causes(gate: &Gate, facts: &Facts) -> Vec<(Cause, Action)> {
    match gate {
        Gate::Keys(gate) => key_causes(gate.keys, &gate.actions, gate.severity.coverage_permille(), facts),
        Gate::Class(gate) => key_causes(gate.keys, &gate.actions, gate.coverage_permille(), facts),
        Gate::Diet(gate) => diet_causes(gate, facts),
        Gate::Amount(gate) => amount_causes(gate, facts),
    }
}

fn key_causes(keys: KeySet, actions: &KeyActions, coverage: u16, facts: &Facts) -> Vec<(Cause, Action)> {
    let any = |flag: Flag| keys.iter().any(|k| facts.flags_of(k).has(flag));
    let causes = [
        (any(Flag::Contains), Cause::Contains, actions.contains),
        (any(Flag::Pal), Cause::MayContain, actions.pal),
        (any(Flag::Facility), Cause::Facility, actions.facility),
        (any(Flag::Exempt), Cause::Exempt, actions.exempt),
        (any(Flag::Ambiguous), Cause::Ambiguous, actions.ambiguous),
        (keys.iter().any(|k| facts.is_incomplete(k, coverage)), Cause::Incomplete, actions.incomplete),
        (
            keys.iter().any(|k| !facts.flags_of(k).has(Flag::CertifiedFree)),
            Cause::Uncertified,
            actions.uncertified,
        ),
    ];
    causes.into_iter().filter(|(holds, ..)| *holds).map(|(_, cause, action)| (cause, action)).collect()
}

fn diet_causes(gate: &DietGate, facts: &Facts) -> Vec<(Cause, Action)> {
    let fact = facts.diets[gate.diet as usize];
    let mut causes = vec![match fact.truth {
        Truth::No => (Cause::DietBroken, gate.action_of(fact.truth)),
        Truth::Unknown => (Cause::DietUnproven, gate.action_of(fact.truth)),
        Truth::Yes if fact.certified => (Cause::DietUncertified, Action::Pass),
        Truth::Yes => (Cause::DietUncertified, gate.uncertified),
    }];
    if fact.precaution {
        causes.push((Cause::DietPrecaution, gate.precaution));
    }
    causes
}

fn amount_causes(gate: &AmountGate, facts: &Facts) -> Vec<(Cause, Action)> {
    let amount = match gate.basis {
        Basis::Reference => per_reference(facts, gate.nutrient),
        Basis::Per100 => usable(&facts.per_100, gate.nutrient),
    };
    let Some(amount) = amount.map(i64::from) else {
        // An amount of something that is known to be absent need not be stated.
        let absent = !gate.absent_lifts.is_empty() && known_absent(gate.absent_lifts, facts);
        return if absent { Vec::new() } else { vec![(Cause::AmountUnknown, gate.unknown)] };
    };
    let assumed = facts.reference_source == ReferenceSource::Assumed;
    match gate.assumed {
        Assumed::Unknown if assumed => vec![(Cause::ReferenceAssumed, gate.unknown)],
        Assumed::PassUpTo(most) if assumed && amount <= most => {
            vec![(Cause::ReferenceAssumed, Action::Caution)]
        }
        Assumed::PassUpTo(_) if assumed => vec![(Cause::ReferenceAssumed, gate.unknown)],
        _ if gate.exclude_above.is_some_and(|above| amount > above) => vec![(Cause::Above, Action::Exclude)],
        _ => Vec::new(),
    }
}

fn known_absent(keys: KeySet, facts: &Facts) -> bool {
    keys.iter().all(|k| {
        let flags = facts.flags_of(k);
        !flags.has(Flag::Contains)
            && !flags.has(Flag::Ambiguous)
            && !facts.is_incomplete(k, AmountGate::ABSENT_COVERAGE_PERMILLE)
    })
}

pub(in crate::engine) fn caution_fires(caution: &AmountCaution, facts: &Facts) -> bool {
    let assumed = facts.reference_source == ReferenceSource::Assumed && caution.basis == Basis::Reference;
    let above = if assumed { caution.assumed_above } else { caution.above };
    let amount = match caution.basis {
        Basis::Reference => per_reference(facts, caution.nutrient),
        Basis::Per100 => usable(&facts.per_100, caution.nutrient),
    };
    amount.is_some_and(|amount| i64::from(amount) > above)
}

fn amount_of(facts: &Facts, nutrient: Nutrient) -> Option<i64> {
    per_reference(facts, nutrient).map(i64::from)
}

pub(in crate::engine) fn warning_fires(warning: &ClassWarning, facts: &Facts) -> bool {
    (!warning.drinks_only || facts.is_volume)
        && (warning.keys.is_empty() || warning.keys.iter().any(|k| facts.flags_of(k).has(Flag::Contains)))
        && warning.test.is_none_or(|test| test_holds(test, facts).unwrap_or(!warning.keys.is_empty()))
}

/// `None` where the amount is not stated.
fn test_holds(test: AmountTest, facts: &Facts) -> Option<bool> {
    match test {
        AmountTest::AtLeast { nutrient, amount } => Some(amount_of(facts, nutrient)? >= amount),
        AmountTest::FatAbovePercentOfEnergy { percent } => {
            let (fat, energy) = (amount_of(facts, Nutrient::Fat)?, amount_of(facts, Nutrient::Energy)?);
            Some(fat_share_exceeds(fat, energy, percent))
        }
    }
}

/// The code of what a gate on ingredients found.
pub(in crate::engine) fn class_code(gate: &ClassGate, cause: Cause, action: Action) -> &'static str {
    match (cause, action) {
        (Cause::Contains, Action::Exclude) => gate.code,
        (Cause::Contains, _) => "WN_OVERRIDDEN",
        (Cause::MayContain | Cause::Facility | Cause::Exempt, Action::Exclude) => gate.code,
        (Cause::Exempt, _) => "WN_EXEMPT_DERIVATIVE",
        (Cause::MayContain | Cause::Facility, _) => "WN_PAL",
        (Cause::Ambiguous, Action::Exclude | Action::Unverified) => "HX_INGREDIENT_AMBIGUOUS",
        (Cause::Ambiguous, _) => "WN_INGREDIENT_AMBIGUOUS",
        (_, Action::Exclude | Action::Unverified) => "HX_INGREDIENT_UNKNOWN",
        _ => "DQ_LOW_COVERAGE",
    }
}

/// The code of what a key gate found.
pub(in crate::engine) fn key_code(cause: Cause, action: Action) -> &'static str {
    match (cause, action) {
        (Cause::Contains, _) => "HX_ALLERGEN_CONTAINS",
        (Cause::MayContain | Cause::Facility | Cause::Exempt, Action::Exclude | Action::Unverified) => {
            "HX_ALLERGEN_MAY"
        }
        (Cause::Exempt, _) => "WN_EXEMPT_DERIVATIVE",
        (Cause::MayContain | Cause::Facility, _) => "WN_PAL",
        (Cause::Ambiguous, _) => "HX_ALLERGEN_AMBIGUOUS",
        (_, Action::Exclude | Action::Unverified) => "HX_ALLERGEN_UNKNOWN",
        _ => "DQ_LOW_COVERAGE",
    }
}

/// The code of what a diet gate found.
pub(in crate::engine) fn diet_code(cause: Cause, action: Action) -> &'static str {
    match (cause, action) {
        (Cause::DietBroken, _) | (Cause::DietPrecaution, Action::Exclude) => "HX_DIET",
        (Cause::DietUnproven, Action::Exclude | Action::Unverified) => "HX_DIET_UNPROVEN",
        (Cause::DietPrecaution, _) => "WN_PAL",
        (Cause::DietUnproven, _) => "DQ_DIET_UNPROVEN",
        _ => "WN_DIET_NOT_CERTIFIED",
    }
}

/// The code of what an amount gate found.
pub(in crate::engine) fn amount_code(gate: &AmountGate, cause: Cause, action: Action) -> &'static str {
    match (cause, action) {
        (Cause::Above, _) => gate.code,
        (_, Action::Exclude | Action::Unverified) => "HX_NUTRIENT_UNKNOWN",
        _ => "DQ_SERVING_ASSUMED",
    }
}
