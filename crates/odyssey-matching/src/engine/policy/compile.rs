//! Compiling a profile: gates from allergies, diets, limits and conditions.

use odyssey_types::{DietKind, HealthProfile, LimitPeriod, ProductId};

use super::gates::{AmountGate, Assumed, Basis, DietGate, Gate, KeyGate};
use super::scoring::{self, Preferences};
use super::{ALGORITHM_VERSION, AmountCaution, ClassWarning, Policy, PolicyInput};
use crate::derive_profile::{CapInForce, Derived, caps_in_force, derive_profile, strictest_caps};
use crate::engine::codes::{resolve_conditions, resolve_medications, unsafe_profile};
use crate::engine::{Blocked, NotConsidered, RulePack, Status};
use crate::{Diet, KeySet, keys_of_allergen};

/// Below this age a product is never ranked, only checked.
const RANKED_FROM_YEARS: u8 = 2;
const ADULT_FROM_YEARS: u8 = 18;

pub(super) fn compile(input: &PolicyInput<'_>, pack: &RulePack) -> Policy {
    let profile = input.profile;
    let derived = derive_profile(profile, input.age_years, pack);
    let caps = caps_in_force(profile, pack, &derived);
    let mut draft = Draft::default();
    draft.allergies(profile, pack);
    draft.diets(profile, pack);
    draft.limits(profile, pack);
    draft.conditions(profile, pack, &derived, &caps);
    draft.medications(profile, pack);
    draft.goals(profile, pack);
    draft.cautions(&caps);
    sort_unique(&mut draft.gates);
    sort_unique(&mut draft.cautions);
    sort_unique(&mut draft.warnings);
    sort_unique(&mut draft.blocked);
    sort_unique(&mut draft.not_considered);
    let preferences = Preferences::of_profile(profile, pack);
    Policy {
        algorithm_version: ALGORITHM_VERSION,
        pack_version: pack.version.clone(),
        pack_digest: pack.digest.clone(),
        parts: scoring::parts(profile, pack, &derived, &caps, input.vendor_policy, &preferences),
        gates: draft.gates,
        cautions: draft.cautions,
        warnings: draft.warnings,
        preferences,
        fit: pack.fit,
        never_list: sorted_ids(input.never_list),
        allow_list: sorted_ids(input.allow_list),
        blocked: draft.blocked,
        not_considered: draft.not_considered,
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
    fn allergies(&mut self, profile: &HealthProfile, pack: &RulePack) {
        let rule = pack.rule("allergy.decision", "labels", Status::Policy);
        for entry in &profile.allergies {
            let code = entry.allergen.as_deref().unwrap_or_default();
            let Some(keys) = keys_of_allergen(code) else {
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
                    self.cross_reactions(code, keys, pack);
                }
            }
        }
    }

    fn cross_reactions(&mut self, code: &str, keys: KeySet, pack: &RulePack) {
        for other in pack.cross_reactions.get(code).into_iter().flatten() {
            let others = keys_of_allergen(other).unwrap_or_default();
            self.warnings.push(ClassWarning {
                code: "WN_CROSS_REACT".to_owned(),
                subject: other.clone(),
                // What the gate itself excludes needs no warning.
                keys: KeySet(others.0 & !keys.0),
                drinks_only: false,
                rule: pack.rule(&format!("cross_reaction.{code}"), "s70", Status::Sourced),
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
                rule: pack.rule("customer.limit", "customer", Status::Policy),
            }));
        }
    }

    fn conditions(
        &mut self,
        profile: &HealthProfile,
        pack: &RulePack,
        derived: &Derived,
        caps: &[CapInForce],
    ) {
        let resolved = resolve_conditions(profile, pack);
        self.blocked.extend(resolved.blocked);
        self.not_considered.extend(resolved.not_considered);
        if let Some(age) = derived.age_years {
            self.ages(age, &resolved.claimed);
        }
        for cap in caps.iter().filter(|c| c.star) {
            self.gates.push(Gate::Amount(AmountGate {
                code: "HX_CONDITION_NUTRIENT",
                subject: cap.condition.clone().unwrap_or_default(),
                nutrient: cap.nutrient,
                basis: Basis::Reference,
                exclude_above: Some(cap.limit / 2),
                limit: Some(cap.limit),
                assumed: Assumed::PassUpTo(cap.limit / 5),
                rule: cap.rule.clone(),
            }));
        }
        for template in resolved.claimed {
            for require in &template.requires {
                self.gates.push(Gate::Amount(AmountGate {
                    code: "HX_CONDITION_NUTRIENT",
                    subject: template.id.clone(),
                    nutrient: require.nutrient,
                    basis: Basis::Reference,
                    exclude_above: None,
                    limit: None,
                    assumed: Assumed::Ignore,
                    rule: require.source.clone(),
                }));
            }
            self.warnings.extend(template.warnings.iter().map(|w| ClassWarning {
                code: w.code.clone(),
                subject: w.class.code().to_owned(),
                keys: KeySet::of(&[w.class]),
                drinks_only: w.drinks_only,
                rule: w.source.clone(),
            }));
        }
    }

    fn ages(&mut self, age: u8, claimed: &[&crate::engine::ConditionTemplate]) {
        if age < RANKED_FROM_YEARS {
            let blocked = unsafe_profile("age_years", &age.to_string(), "is below two years");
            self.blocked.push(Blocked { code: "HX_AGE".to_owned(), ..blocked });
        }
        for template in claimed.iter().filter(|c| c.adults_only && age < ADULT_FROM_YEARS) {
            self.blocked.push(unsafe_profile("conditions", &template.id, "has limits for adults only"));
        }
    }

    fn medications(&mut self, profile: &HealthProfile, pack: &RulePack) {
        let (blocked, not_considered) = resolve_medications(profile, pack);
        self.blocked.extend(blocked);
        self.not_considered.extend(not_considered);
    }

    fn goals(&mut self, profile: &HealthProfile, pack: &RulePack) {
        let unknown = profile.goals.iter().filter(|g| pack.goal(g).is_none());
        self.not_considered
            .extend(unknown.map(|g| NotConsidered { field: "goals".to_owned(), value: g.clone() }));
    }

    /// A soft cap cautions above a half; a red mark, at its own share.
    fn cautions(&mut self, caps: &[CapInForce]) {
        for cap in strictest_caps(caps) {
            let field = cap.nutrient.field();
            self.cautions.push(AmountCaution {
                code: format!("WN_CAP_{field}"),
                nutrient: cap.nutrient,
                above: cap.limit / 2,
                assumed_above: cap.limit / 5,
                limit: cap.limit,
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
                above,
                assumed_above: above.min(cap.limit / 5),
                limit: cap.limit,
                rule: cap.rule.clone(),
            });
        }
    }
}
