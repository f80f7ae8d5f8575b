//! Compiling a profile: gates from allergies, diets, limits, conditions, drugs and ages.

use odyssey_types::{AllergyEntry, AllergySeverity, DietKind, HealthProfile, LimitPeriod, ProductId};

use super::gates::{Action, AmountGate, ClassGate, DietGate, Gate, KeyGate, Severity};
use super::scoring::{self, Preferences};
use super::{ALGORITHM_VERSION, AmountCaution, Assumed, ClassWarning, Policy, PolicyInput};
use crate::derive_profile::{CapInForce, caps_in_force, derive, strictest_caps};
use crate::engine::codes::unsafe_profile;
use crate::engine::{
    Basis, Blocked, GateKind, GateRule, InForce, NotConsidered, RulePack, Scope, ServingRule, Situation,
    Status, UnknownAmount, WarningRule,
};
use crate::{Diet, EvidenceKey, KeySet, keys_of_allergen};

/// Below this age a product is never ranked, only checked.
const RANKED_FROM_YEARS: u8 = 2;

pub(super) fn compile(input: &PolicyInput<'_>, pack: &RulePack, scored: bool) -> Policy {
    let situation = Situation::new(input.profile, input.age_years.or(input.profile.age_years), pack);
    let derived = derive(&situation);
    let caps = caps_in_force(&situation, &derived);
    // What holds for this person: diets and goals that are switched off are gone from it.
    let profile = &situation.profile;
    let mut draft = Draft { blocked: situation.blocked.clone(), ..Draft::default() };
    draft.not_considered.clone_from(&situation.not_considered);
    draft.ages(derived.age_years);
    draft.allergies(&situation);
    draft.diets(profile, pack);
    draft.limits(profile, pack);
    draft.stars(&situation, &caps);
    for set in situation.in_force() {
        draft.rules(&set, &situation);
    }
    draft.goals(profile, pack);
    draft.cautions(&caps, situation.hides_numbers());
    sort_unique(&mut draft.gates);
    sort_unique(&mut draft.cautions);
    sort_unique(&mut draft.warnings);
    sort_unique(&mut draft.blocked);
    sort_unique(&mut draft.not_considered);
    let mut notices = situation.notices.clone();
    sort_unique(&mut notices);
    let preferences = if scored { Preferences::of_profile(profile, pack) } else { Preferences::default() };
    let parts = match scored {
        true => scoring::parts(&situation, &derived, &caps, input.vendor_policy, &preferences),
        false => Vec::new(),
    };
    Policy {
        algorithm_version: ALGORITHM_VERSION,
        pack_version: pack.version.clone(),
        pack_digest: pack.digest.clone(),
        parts,
        gates: draft.gates,
        cautions: draft.cautions,
        warnings: draft.warnings,
        preferences,
        fit: pack.fit,
        never_list: sorted_ids(input.never_list),
        allow_list: sorted_ids(input.allow_list),
        blocked: draft.blocked,
        not_considered: draft.not_considered,
        notices,
        interactions_checked: situation.interactions_checked(),
        label_oldest: input.label_oldest,
        as_of: input.as_of,
    }
}

fn sort_unique<T: Ord>(list: &mut Vec<T>) {
    list.sort();
    list.dedup();
}

fn sorted_ids(ids: &[ProductId]) -> Vec<ProductId> {
    let mut ids = ids.to_vec();
    sort_unique(&mut ids);
    ids
}

#[derive(Default)]
struct Draft {
    gates: Vec<Gate>,
    cautions: Vec<AmountCaution>,
    warnings: Vec<ClassWarning>,
    blocked: Vec<Blocked>,
    not_considered: Vec<NotConsidered>,
}

impl Draft {
    fn ages(&mut self, age_years: Option<u8>) {
        if let Some(age) = age_years.filter(|age| *age < RANKED_FROM_YEARS) {
            let blocked = unsafe_profile("age_years", &age.to_string(), "is below two years");
            self.blocked.push(Blocked { code: "HX_AGE".to_owned(), ..blocked });
        }
    }

    fn allergies(&mut self, situation: &Situation<'_>) {
        let pack = situation.pack;
        let rule = pack.rule("allergy.decision", "labels", Status::Policy);
        for entry in &situation.profile.allergies {
            let code = entry.allergen.as_deref().unwrap_or_default();
            if pack.airborne.iter().any(|a| a == code) {
                // No food: it gates nothing, and warns of what people with it react to.
                self.cross_reactions(situation, code, KeySet::EMPTY);
                continue;
            }
            let Some((code, keys)) = group_of(entry) else {
                let words = entry.allergen.as_deref().or(entry.text.as_deref()).unwrap_or("(empty)");
                let why = "is an allergy that nobody has mapped to an allergen";
                let blocked = unsafe_profile("allergies", words, why);
                self.blocked.push(Blocked { code: "DQ_ALLERGY_UNMAPPED".to_owned(), ..blocked });
                continue;
            };
            if let Some(gate) = KeyGate::of_allergy(entry, code, keys, rule.clone()) {
                let severe = !gate.severity.unverified_is_listed();
                self.gates.push(Gate::Keys(gate));
                if severe {
                    self.cross_reactions(situation, entry.allergen.as_deref().unwrap_or_default(), keys);
                }
            }
        }
    }

    fn cross_reactions(&mut self, situation: &Situation<'_>, code: &str, keys: KeySet) {
        for other in situation.pack.cross_reactions.get(code).into_iter().flatten() {
            // What the gate itself excludes needs no warning.
            let others = other.keys.without(keys);
            if others.is_empty() {
                continue;
            }
            let about = key_label(&other.subject);
            if other.excludes {
                let rule = GateRule {
                    kind: GateKind::Overridable,
                    code: "HX_CONDITION_INGREDIENT",
                    subjects: vec![other.subject.clone()],
                    keys: others,
                    about: about.to_owned(),
                    ambiguous_excludes: false,
                    traces_caution: false,
                    advice: Some("Some people with this allergy react to it as well.".to_owned()),
                    scope: Scope {
                        when: Vec::new(),
                        unless: Vec::new(),
                        drugs: Vec::new(),
                        ages: (0, u8::MAX),
                    },
                    source: other.source.clone(),
                };
                let overridden = situation.is_overridden(&other.source.rule);
                self.gates.push(Gate::Class(ClassGate::of_rule(&rule, code, None, overridden, false)));
                continue;
            }
            self.warnings.push(ClassWarning {
                code: "WN_CROSS_REACT".to_owned(),
                subject: other.subject.clone(),
                drug: None,
                about: about.to_owned(),
                advice: None,
                keys: others,
                drinks_only: false,
                test: None,
                rule: other.source.clone(),
            });
        }
    }

    fn diets(&mut self, profile: &HealthProfile, pack: &RulePack) {
        for entry in &profile.diets {
            let Some(diet) = Diet::from_code(&entry.diet) else {
                if entry.kind == Some(DietKind::Preference) && !entry.never {
                    let value = entry.diet.clone();
                    self.not_considered.push(NotConsidered { field: "diets".to_owned(), value });
                } else {
                    self.blocked.push(unsafe_profile("diets", &entry.diet, "is a diet without rules"));
                }
                continue;
            };
            let rule = pack.diets.rule(diet);
            if entry.kind == Some(DietKind::Medical) {
                self.gates.extend(KeyGate::of_medical_diet(rule).map(Gate::Keys));
            }
            self.gates.extend(DietGate::of_entry(entry, rule).map(Gate::Diet));
        }
    }

    fn limits(&mut self, profile: &HealthProfile, pack: &RulePack) {
        for limit in &profile.limits {
            let (basis, assumed) = match limit.period {
                LimitPeriod::Serving => (Basis::Reference, Assumed::Unknown),
                LimitPeriod::Per100 => (Basis::Per100, Assumed::Ignore),
                LimitPeriod::Day => (Basis::Reference, Assumed::PassUpTo(limit.max / 5)),
            };
            self.gates.push(Gate::Amount(AmountGate {
                code: "HX_LIMIT",
                subject: limit.period.as_str().to_owned(),
                nutrient: limit.nutrient,
                basis,
                exclude_above: Some(limit.max),
                limit: Some(limit.max),
                assumed,
                unknown: Action::Unverified,
                absent_lifts: KeySet::EMPTY,
                rule: pack.rule("customer.limit", "customer", Status::Policy),
            }));
        }
    }

    /// One product above half of a starred cap, unless overridden; what is not stated is not verified.
    fn stars(&mut self, situation: &Situation<'_>, caps: &[CapInForce]) {
        for cap in caps.iter().filter(|c| c.star) {
            let excludes = !situation.is_overridden(&cap.rule.rule);
            self.gates.push(Gate::Amount(AmountGate {
                code: "HX_CONDITION_NUTRIENT",
                subject: cap.condition.clone().unwrap_or_default(),
                nutrient: cap.nutrient,
                basis: Basis::Reference,
                exclude_above: excludes.then_some(cap.limit / 2),
                limit: Some(cap.limit),
                assumed: if excludes { Assumed::PassUpTo(cap.limit / 5) } else { Assumed::Ignore },
                unknown: Action::Unverified,
                absent_lifts: cap.absent_lifts,
                rule: cap.rule.clone(),
            }));
        }
    }

    fn rules(&mut self, set: &InForce<'_>, situation: &Situation<'_>) {
        if !set.soft_only {
            for rule in set.rules.gates.iter().filter(|r| situation.holds(&r.scope)) {
                self.gates.push(gate_of(rule, set, situation));
            }
            for rule in set.rules.requires.iter().filter(|r| situation.holds(&r.scope)) {
                self.gates.push(Gate::Amount(AmountGate {
                    code: "HX_CONDITION_NUTRIENT",
                    subject: set.owner.to_owned(),
                    nutrient: rule.nutrient,
                    basis: Basis::Reference,
                    exclude_above: None,
                    limit: None,
                    assumed: Assumed::Ignore,
                    unknown: Action::Unverified,
                    absent_lifts: KeySet::EMPTY,
                    rule: rule.source.clone(),
                }));
            }
        }
        for rule in set.rules.servings.iter().filter(|r| situation.holds(&r.scope)) {
            self.serving(rule, set, situation);
        }
        for rule in set.rules.warnings.iter().filter(|r| situation.holds(&r.scope)) {
            self.warnings.push(warning_of(rule, set, situation));
        }
    }

    fn serving(&mut self, rule: &ServingRule, set: &InForce<'_>, situation: &Situation<'_>) {
        if let Some(above) = rule.mark_above {
            self.cautions.push(AmountCaution {
                code: format!("WN_RED_{}", rule.nutrient.field()),
                nutrient: rule.nutrient,
                basis: rule.basis,
                above,
                // Without a serving size 100 g or ml count, which is a serving that may well be eaten.
                assumed_above: above,
                limit: None,
                rule: rule.source.clone(),
            });
        }
        let Some(above) = rule.exclude_above.filter(|_| !set.soft_only) else { return };
        let own = situation.profile.limits.iter().any(|l| l.nutrient == rule.nutrient);
        let replaced = (rule.replaced_by_limit && own) || situation.is_overridden(&rule.source.rule);
        let unknown = match rule.unknown {
            UnknownAmount::Pass => Action::Pass,
            UnknownAmount::Unverified => Action::Unverified,
            UnknownAmount::Exclude => Action::Exclude,
        };
        self.gates.push(Gate::Amount(AmountGate {
            code: "HX_CONDITION_NUTRIENT",
            subject: set.owner.to_owned(),
            nutrient: rule.nutrient,
            basis: rule.basis,
            exclude_above: (!replaced).then_some(above),
            limit: (!replaced).then_some(above),
            assumed: if rule.basis == Basis::Reference && !replaced {
                Assumed::Unknown
            } else {
                Assumed::Ignore
            },
            unknown,
            absent_lifts: KeySet::EMPTY,
            rule: rule.source.clone(),
        }));
    }

    fn goals(&mut self, profile: &HealthProfile, pack: &RulePack) {
        let unknown = profile.goals.iter().filter(|g| pack.goal(g).is_none());
        self.not_considered
            .extend(unknown.map(|g| NotConsidered { field: "goals".to_owned(), value: g.clone() }));
    }

    /// A soft cap cautions above a half; a red mark, at its own share. `quiet`: what only counts a day for
    /// everybody is not pointed out.
    fn cautions(&mut self, caps: &[CapInForce], quiet: bool) {
        for cap in strictest_caps(caps).into_iter().filter(|c| !(quiet && c.general)) {
            self.cautions.push(AmountCaution {
                code: format!("WN_CAP_{}", cap.nutrient.field()),
                nutrient: cap.nutrient,
                basis: Basis::Reference,
                above: cap.limit / 2,
                assumed_above: cap.limit / 5,
                limit: Some(cap.limit),
                rule: cap.rule.clone(),
            });
        }
        for cap in caps {
            let Some(bp) = cap.red_above_bp else { continue };
            // share > bp  ⇔  amount > floor(limit × bp / 10,000)
            let above = (i128::from(cap.limit) * i128::from(bp) / 10_000) as i64;
            self.cautions.push(AmountCaution {
                code: format!("WN_RED_{}", cap.nutrient.field()),
                nutrient: cap.nutrient,
                basis: Basis::Reference,
                above,
                assumed_above: above.min(cap.limit / 5),
                limit: Some(cap.limit),
                rule: cap.rule.clone(),
            });
        }
    }
}

/// The code and keys of an allergy. One tree nut means all of them, unless the person opted for the one; an
/// intolerance or a dislike is about the one.
fn group_of(entry: &AllergyEntry) -> Option<(&str, KeySet)> {
    let code = entry.allergen.as_deref()?;
    let keys = keys_of_allergen(code)?;
    let severe = !matches!(entry.severity, Some(AllergySeverity::Intolerance | AllergySeverity::Preference));
    if code.starts_with("tree_nut.") && severe && !entry.species_only {
        return Some(("tree_nut", keys_of_allergen("tree_nut")?.union(keys)));
    }
    Some((code, keys))
}

fn gate_of(rule: &GateRule, set: &InForce<'_>, situation: &Situation<'_>) -> Gate {
    let traces = rule.kind.may_let_traces_through()
        && situation.is_overridden(&format!("{}.traces", rule.source.rule));
    let by_allergen = match (rule.kind, rule.subjects.as_slice()) {
        (GateKind::Celiac, [one, ..]) => Some((Severity::Celiac, one)),
        (GateKind::Allergy, [one]) => Some((Severity::Allergy, one)),
        _ => None,
    };
    match by_allergen {
        Some((severity, subject)) => {
            Gate::Keys(KeyGate::of_condition(severity, subject, rule.keys, traces, rule.source.clone()))
        }
        None => {
            let overridden = rule.kind.is_overridable() && situation.is_overridden(&rule.source.rule);
            let drug = set.drug.as_ref().map(|_| situation.drugs_named(set, &rule.scope.drugs));
            Gate::Class(ClassGate::of_rule(rule, set.owner, drug, overridden, traces))
        }
    }
}

fn warning_of(rule: &WarningRule, set: &InForce<'_>, situation: &Situation<'_>) -> ClassWarning {
    let drug = set.drug.as_ref().map(|_| situation.drugs_named(set, &rule.scope.drugs));
    ClassWarning {
        code: rule.code.clone(),
        subject: match &set.drug {
            Some(_) => set.owner.to_owned(),
            None => rule.subjects.first().cloned().unwrap_or_else(|| rule.source.rule.clone()),
        },
        drug,
        about: rule.about.clone(),
        advice: rule.advice.clone(),
        keys: rule.keys,
        drinks_only: rule.drinks_only,
        test: rule.test,
        rule: rule.source.clone(),
    }
}

/// The name of a key in a sentence, or the code itself where it names a group.
fn key_label(code: &str) -> &str {
    match EvidenceKey::from_code(code) {
        Some(key) => key.label(),
        None => code,
    }
}
