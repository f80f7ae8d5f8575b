//! The gates and what each cause means to them: the table of reference 8.2 with the strictness rules.

use odyssey_types::{AllergyEntry, AllergySeverity, DietEntry, DietKind, Nutrient, Strictness};
use serde::{Deserialize, Serialize};

use super::{Assumed, Code, RuleRef};
use crate::engine::{Basis, GateKind, GateRule};
use crate::{Diet, DietRule, EvidenceKey, KeySet, Truth, keys_of_allergen};

/// What one cause does to a product, from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Pass,
    /// Tier 1, with a warning shown.
    Warn,
    /// Tier 2.
    Caution,
    /// Tier 3.
    Unverified,
    /// Tier X.
    Exclude,
}

/// How badly a key harms, from worst to least. Also the order of key gates in the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Anaphylaxis,
    /// A medical gluten-free diet.
    Celiac,
    Allergy,
    Intolerance,
    Preference,
}

impl Severity {
    /// Recognised share of the ingredient list that a constraint of this severity asks for.
    pub const fn coverage_permille(self) -> u16 {
        match self {
            Self::Anaphylaxis | Self::Celiac => 1000,
            Self::Allergy => 980,
            Self::Intolerance => 950,
            Self::Preference => 900,
        }
    }

    /// Whether what this gate cannot verify may stand in the list of the unverified.
    pub const fn unverified_is_listed(self) -> bool {
        matches!(self, Self::Intolerance | Self::Preference)
    }
}

/// What each kind of evidence about a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyActions {
    pub contains: Action,
    pub ambiguous: Action,
    pub pal: Action,
    pub facility: Action,
    pub exempt: Action,
    /// Silence that proves nothing.
    pub incomplete: Action,
    /// No current certified claim.
    pub uncertified: Action,
}

/// A gate on allergens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyGate {
    pub severity: Severity,
    /// The allergen code as written: `peanut`, `gluten`.
    pub subject: String,
    pub keys: KeySet,
    pub actions: KeyActions,
    pub rule: RuleRef,
}

impl KeyGate {
    pub(super) fn of_allergy(
        entry: &AllergyEntry,
        subject: &str,
        keys: KeySet,
        rule: RuleRef,
    ) -> Option<Self> {
        let severity = match entry.severity {
            Some(AllergySeverity::Anaphylaxis) => Severity::Anaphylaxis,
            Some(AllergySeverity::Allergy) | None => Severity::Allergy,
            Some(AllergySeverity::Intolerance) => Severity::Intolerance,
            Some(AllergySeverity::Preference) if entry.never => Severity::Preference,
            Some(AllergySeverity::Preference) => return None,
        };
        let actions = key_actions(severity, entry.strictness, entry.exempt_allowed);
        Some(Self { severity, subject: subject.to_owned(), keys, actions, rule })
    }

    /// A medical use of a diet is a gate on what the diet is about, as an allergy or coeliac disease is.
    pub(super) fn of_medical_diet(rule: &DietRule) -> Option<Self> {
        let medical = rule.medical.as_ref()?;
        let keys = keys_of_allergen(&medical.allergen)?;
        let actions = key_actions(medical.severity, None, false);
        let (severity, subject) = (medical.severity, medical.allergen.clone());
        Some(Self { severity, subject, keys, actions, rule: rule.source.clone() })
    }

    /// A gate on an allergen that a condition asks for. `traces_caution` is a clinician's opt-in.
    pub(super) fn of_condition(
        severity: Severity,
        subject: &str,
        keys: KeySet,
        traces_caution: bool,
        rule: RuleRef,
    ) -> Self {
        let mut actions = key_actions(severity, None, false);
        if traces_caution {
            (actions.pal, actions.facility) = (Action::Caution, Action::Caution);
        }
        Self { severity, subject: subject.to_owned(), keys, actions, rule }
    }

    /// The allergen's name in a sentence.
    pub fn label(&self) -> &str {
        match self.subject.as_str() {
            "nut" => "nuts",
            "gluten" => "gluten",
            "shellfish" => "shellfish",
            "seafood" => "seafood",
            code => match EvidenceKey::from_code(code) {
                Some(key) => key.label(),
                None => code,
            },
        }
    }
}

/// The row of the table for a severity, tightened or loosened by the strictness. Only the cells that
/// the table opens to opt-in are ever loosened, and none for anaphylaxis and coeliac disease.
fn key_actions(severity: Severity, strictness: Option<Strictness>, exempt_allowed: bool) -> KeyActions {
    use Action::{Caution, Exclude, Pass, Unverified, Warn};
    let row = match severity {
        Severity::Anaphylaxis => {
            let exempt = if exempt_allowed { Caution } else { Exclude };
            [Exclude, Exclude, Exclude, Exclude, exempt, Exclude]
        }
        Severity::Celiac | Severity::Allergy => [Exclude, Exclude, Exclude, Exclude, Caution, Exclude],
        Severity::Intolerance => [Exclude, Unverified, Caution, Caution, Warn, Unverified],
        Severity::Preference => [Exclude, Pass, Pass, Pass, Pass, Warn],
    };
    let [contains, ambiguous, pal, facility, exempt, incomplete] = row;
    let mut actions =
        KeyActions { contains, ambiguous, pal, facility, exempt, incomplete, uncertified: Pass };
    match strictness {
        Some(Strictness::Contains) if severity == Severity::Allergy => {
            actions.pal = Caution;
            actions.facility = Caution;
        }
        Some(Strictness::MayContain) if severity == Severity::Allergy => actions.facility = Caution,
        None | Some(Strictness::Contains) => {}
        Some(Strictness::MayContain) => actions.pal = Exclude,
        Some(Strictness::Facility) => {
            actions.pal = Exclude;
            actions.facility = Exclude;
        }
        Some(Strictness::ConfirmedFree) => {
            return KeyActions {
                contains: Exclude,
                ambiguous: Exclude,
                pal: Exclude,
                facility: Exclude,
                exempt: Exclude,
                incomplete: Exclude,
                uncertified: Exclude,
            };
        }
    }
    actions
}

/// A gate on a diet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DietGate {
    #[serde(serialize_with = "super::serialize_diet", deserialize_with = "super::deserialize_diet")]
    pub diet: Diet,
    pub kind: DietKind,
    pub no: Action,
    pub unknown: Action,
    /// A precautionary statement names an excluded class.
    pub precaution: Action,
    /// `yes` without a certificate, for diets whose process a label cannot prove.
    pub uncertified: Action,
    /// Whether what cannot be verified may stand in the list of the unverified: not where the diet is a
    /// treatment of an allergy or of coeliac disease.
    pub unverified_is_listed: bool,
    /// The keys that the diet excludes, for quoting evidence.
    pub excludes: KeySet,
    pub rule: RuleRef,
}

impl DietGate {
    /// `None` for a preference that is no gate, and for a pattern of eating (DASH, Mediterranean): that
    /// is a part of the score, whatever kind it is stored with, and excludes nothing.
    pub(super) fn of_entry(entry: &DietEntry, rule: &DietRule) -> Option<Self> {
        // A diet without a kind is kept as if it were a matter of conscience.
        let kind = entry.kind.unwrap_or(DietKind::Ethical);
        let preference = kind == DietKind::Preference;
        if rule.pattern || (preference && !entry.never) {
            return None;
        }
        Some(Self {
            diet: rule.diet,
            kind,
            no: Action::Exclude,
            unknown: if preference { Action::Warn } else { Action::Unverified },
            precaution: match (entry.refuse_may_contain, preference) {
                (true, _) => Action::Exclude,
                (false, false) => Action::Caution,
                (false, true) => Action::Pass,
            },
            uncertified: if rule.process { Action::Warn } else { Action::Pass },
            unverified_is_listed: kind != DietKind::Medical
                || rule.medical.as_ref().is_none_or(|m| m.severity.unverified_is_listed()),
            excludes: rule.quoted(),
            rule: rule.source.clone(),
        })
    }

    pub(crate) const fn action_of(&self, truth: Truth) -> Action {
        match truth {
            Truth::Unknown => self.unknown,
            Truth::No => self.no,
            Truth::Yes => Action::Pass,
        }
    }

    pub const fn is_preference(&self) -> bool {
        matches!(self.kind, DietKind::Preference)
    }
}

/// A gate on ingredients that a condition, a drug or an age asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClassGate {
    pub kind: GateKind,
    /// `HX_CONDITION_INGREDIENT`, `HX_DRUG`, `HX_PREGNANCY`, `HX_AGE`.
    #[serde(deserialize_with = "super::deserialize_code")]
    pub code: Code,
    /// The template or the interaction.
    pub subject: String,
    /// The drugs on record, where it is an interaction.
    pub drug: Option<String>,
    /// What is meant, in a sentence.
    pub about: String,
    pub advice: Option<String>,
    pub keys: KeySet,
    pub actions: KeyActions,
    /// Let through by a stored override, with a caution.
    pub overridden: bool,
    pub rule: RuleRef,
}

impl ClassGate {
    pub(super) fn of_rule(
        rule: &GateRule,
        subject: &str,
        drug: Option<String>,
        overridden: bool,
        traces_overridden: bool,
    ) -> Self {
        Self {
            kind: rule.kind,
            code: rule.code,
            subject: subject.to_owned(),
            drug,
            about: rule.about.clone(),
            advice: rule.advice.clone(),
            keys: rule.keys,
            actions: class_actions(rule, overridden, traces_overridden),
            overridden,
            rule: rule.source.clone(),
        }
    }

    /// Recognised share of the ingredient list that the gate asks for.
    pub const fn coverage_permille(&self) -> u16 {
        match self.kind {
            GateKind::Celiac | GateKind::Metabolic => 1000,
            GateKind::Allergy | GateKind::Drug | GateKind::Condition => 980,
            GateKind::Overridable => 950,
        }
    }

    /// Whether what this gate cannot verify may stand in the list of the unverified.
    pub const fn unverified_is_listed(&self) -> bool {
        !matches!(self.kind, GateKind::Celiac | GateKind::Metabolic | GateKind::Allergy)
    }
}

/// The row of the table for a kind of gate.
fn class_actions(rule: &GateRule, overridden: bool, traces_overridden: bool) -> KeyActions {
    use Action::{Caution, Exclude, Pass, Unverified};
    let [contains, ambiguous, pal, exempt, incomplete] = match rule.kind {
        GateKind::Celiac | GateKind::Metabolic | GateKind::Allergy => {
            [Exclude, Exclude, Exclude, Caution, Exclude]
        }
        GateKind::Drug => [Exclude, Unverified, Pass, Pass, Unverified],
        GateKind::Condition | GateKind::Overridable => [Exclude, Caution, Pass, Pass, Unverified],
    };
    let traces = if rule.traces_caution || traces_overridden { Caution } else { pal };
    let ambiguous = if rule.ambiguous_excludes { Exclude } else { ambiguous };
    let most = if overridden { Caution } else { Exclude };
    KeyActions {
        contains: contains.min(most),
        ambiguous: ambiguous.min(most),
        pal: traces.min(most),
        facility: traces.min(most),
        exempt: exempt.min(most),
        incomplete: incomplete.min(most),
        uncertified: Pass,
    }
}

/// A gate on an amount. Unknown is tier 3 unless the rule says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AmountGate {
    /// `HX_LIMIT` or `HX_CONDITION_NUTRIENT`.
    #[serde(deserialize_with = "super::deserialize_code")]
    pub code: Code,
    /// The condition, or the period of an explicit limit.
    pub subject: String,
    pub nutrient: Nutrient,
    pub basis: Basis,
    /// Excludes above this; `None` only asks that the amount is stated. µg (energy: J).
    pub exclude_above: Option<i64>,
    /// The limit that stands behind it.
    pub limit: Option<i64>,
    pub assumed: Assumed,
    /// What an amount does that is not stated, or that counts for an assumed reference amount.
    pub unknown: Action,
    /// An unknown amount does not matter where these keys are known to be absent.
    #[serde(default, skip_serializing_if = "crate::engine::no_keys")]
    pub absent_lifts: KeySet,
    pub rule: RuleRef,
}

impl AmountGate {
    /// Recognised share of the ingredient list that lets keys count as absent.
    pub const ABSENT_COVERAGE_PERMILLE: u16 = 950;
}

/// A hard gate. The order of the variants, then of their fields, is the order of the funnel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    Keys(KeyGate),
    Class(ClassGate),
    Diet(DietGate),
    Amount(AmountGate),
}

impl Gate {
    /// Lifted by an always-allow entry.
    pub fn is_preference(&self) -> bool {
        match self {
            Self::Keys(gate) => gate.severity == Severity::Preference,
            Self::Diet(gate) => gate.is_preference(),
            Self::Class(_) | Self::Amount(_) => false,
        }
    }

    /// Whether what this gate cannot verify may be listed as such.
    pub fn unverified_is_listed(&self) -> bool {
        match self {
            Self::Keys(gate) => gate.severity.unverified_is_listed(),
            Self::Class(gate) => gate.unverified_is_listed(),
            Self::Diet(gate) => gate.unverified_is_listed,
            Self::Amount(gate) => gate.unknown < Action::Exclude,
        }
    }

    /// What the gate is about: an allergen, a diet, `htn sodium_mg`.
    pub fn subject(&self) -> String {
        match self {
            Self::Keys(gate) => gate.subject.clone(),
            Self::Class(gate) => gate.subject.clone(),
            Self::Diet(gate) => gate.diet.code().to_owned(),
            Self::Amount(gate) => format!("{} {}", gate.subject, gate.nutrient.field()),
        }
    }
}
