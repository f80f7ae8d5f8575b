//! Profiles to what follows from them, and products to verdicts.

use odyssey_types::{HealthProfile, Nutrient, Nutrients};
use serde_json::{Map, Value};

use super::labels::key_of;
use super::{Faults, differ, strings};
use crate::engine::testing::{clean, derivation, flag, id, meta, policy_of, set};
use crate::engine::{Policy, RulePack, Tier, evaluate};
use crate::{
    Derived, Diet, EvidenceKey, Facts, Flag, KeySet, LimitKind, ReferenceSource, Truth, derive_profile,
};

pub(super) fn profile_of(given: &Value) -> HealthProfile {
    serde_json::from_value(given.clone()).unwrap_or_else(|e| panic!("{given}: {e}"))
}

/// Files either wrap the profile or are one.
pub(super) fn profile_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let given = given.get("profile").unwrap_or(given);
    let profile = profile_of(given);
    let derived = derive_profile(&profile, None, RulePack::embedded());
    let policy = policy_of(&profile);
    let mut faults = permutation_faults(given, &policy);
    for (what, value) in expected {
        faults.extend(profile_faults(what, value, &derived, &policy));
    }
    faults
}

fn profile_faults(what: &str, value: &Value, derived: &Derived, policy: &Policy) -> Faults {
    let whole = |number: Option<i64>| number.map_or(Value::Null, Value::from);
    let class = derived.bmi_class.map(|c| serde_json::to_value(c).expect("a class is text"));
    let one = |found: &Value| differ(what, found, value).into_iter().collect::<Faults>();
    match what {
        "bmi" => {
            let shown = derived.bmi.map(|b| format!("{}.{}", b.0 / 10, b.0 % 10));
            one(&shown.map_or(Value::Null, Value::from))
        }
        "bmi_class" => one(&class.unwrap_or(Value::Null)),
        "bmr_kcal" => one(&whole(derived.bmr_kcal)),
        "tdee_kcal" => one(&whole(derived.tdee_kcal)),
        "energy_target_kcal" => one(&whole(derived.energy_target_kcal)),
        "caps" => limit_faults(derived, LimitKind::Cap, value),
        "targets" => limit_faults(derived, LimitKind::Target, value),
        "minimums" => limit_faults(derived, LimitKind::Min, value),
        "no_caps" => {
            let found = |field: &String| limit_of(derived, LimitKind::Cap, field);
            strings(value).iter().filter_map(|f| found(f).map(|v| format!("{f} has a cap: {v}"))).collect()
        }
        "notes" => missing(what, &strings(value), |code| derived.notes.contains(&code)),
        "notices" => missing(what, &strings(value), |code| policy.notices.iter().any(|n| n.code == code)),
        "blocked" => {
            let codes: Vec<Value> = policy.blocked.iter().map(|b| Value::from(b.code.clone())).collect();
            one(&Value::from(codes))
        }
        "not_considered" => {
            let values: Vec<Value> =
                policy.not_considered.iter().map(|n| Value::from(n.value.clone())).collect();
            one(&Value::from(values))
        }
        _ => vec![format!("nobody knows what `{what}` means")],
    }
}

fn missing(what: &str, codes: &[String], is_there: impl Fn(&str) -> bool) -> Faults {
    codes.iter().filter(|code| !is_there(code)).map(|code| format!("{what}: {code} is missing")).collect()
}

fn limit_of(derived: &Derived, kind: LimitKind, field: &str) -> Option<String> {
    let nutrient = Nutrient::from_field(field).unwrap_or_else(|| panic!("`{field}` is no nutrient"));
    let found = derived.daily_limits.iter().find(|l| l.nutrient == nutrient && l.kind == kind)?;
    Some(nutrient.render(found.amount))
}

fn limit_faults(derived: &Derived, kind: LimitKind, expected: &Value) -> Faults {
    let limits = expected.as_object().unwrap_or_else(|| panic!("{expected} must be an object"));
    let check = |(field, value): (&String, &Value)| {
        let found = limit_of(derived, kind, field).map_or(Value::Null, Value::from);
        differ(&format!("{kind:?} of {field}"), &found, value)
    };
    limits.iter().filter_map(check).collect()
}

/// The lists of a profile have no order: reversed and rotated they give the same policy, to the byte.
fn permutation_faults(given: &Value, policy: &Policy) -> Faults {
    let digest = policy.digest();
    let mut faults = Faults::new();
    for (field, list) in given.as_object().into_iter().flatten() {
        let Some(list) = list.as_array().filter(|l| l.len() > 1) else { continue };
        let mut reversed = list.clone();
        reversed.reverse();
        let orders = (1..list.len()).map(|by| [&list[by..], &list[..by]].concat()).chain([reversed]);
        for order in orders {
            let mut other = given.clone();
            other[field] = Value::from(order);
            if policy_of(&profile_of(&other)).digest() != digest {
                faults.push(format!("the order of `{field}` changes the policy"));
            }
        }
    }
    faults
}

/// The base product of the README, changed as the case says.
fn product_of(given: &Value) -> (Facts, bool) {
    let mut facts = clean();
    let mut active = true;
    for (what, value) in given.as_object().unwrap_or_else(|| panic!("{given} must be an object")) {
        match what.as_str() {
            "flags" => {
                for (code, flags) in value.as_object().into_iter().flatten() {
                    for name in strings(flags) {
                        let kind: Flag = serde_json::from_value(Value::from(name)).expect("a flag");
                        flag(&mut facts, key_of(code), kind);
                    }
                }
            }
            "attested" => facts.attested = value == &Value::from(true),
            "active" => active = value == &Value::from(true),
            "coverage_permille" => {
                facts.coverage_permille =
                    value.as_u64().and_then(|v| u16::try_from(v).ok()).expect("permille");
            }
            "mandatory_more" => {
                let keys: Vec<EvidenceKey> = strings(value).iter().map(|c| key_of(c)).collect();
                facts.mandatory = facts.mandatory.union(KeySet::of(&keys));
            }
            "diets" => {
                for (code, truth) in value.as_object().into_iter().flatten() {
                    let truth: Truth = serde_json::from_value(truth.clone()).expect("a truth");
                    facts.diets[diet_of(code) as usize].truth = truth;
                }
            }
            "precaution" => {
                for code in strings(value) {
                    facts.diets[diet_of(&code) as usize].precaution = true;
                }
            }
            "per_reference" => change(&mut facts.per_reference, value),
            "per_100" => change(&mut facts.per_100, value),
            "reference_source" => {
                assert_eq!(value, "assumed");
                facts.reference_source = ReferenceSource::Assumed;
            }
            _ => panic!("nobody knows what `{what}` means"),
        }
    }
    (facts, active)
}

fn diet_of(code: &str) -> Diet {
    Diet::from_code(code).unwrap_or_else(|| panic!("`{code}` is no diet"))
}

fn change(amounts: &mut Nutrients, changes: &Value) {
    for (field, amount) in changes.as_object().into_iter().flatten() {
        let nutrient = Nutrient::from_field(field).unwrap_or_else(|| panic!("`{field}` is no nutrient"));
        match amount.as_str() {
            Some(amount) => set(amounts, nutrient, amount),
            None => amounts.set(nutrient, None),
        }
    }
}

pub(super) fn tier_and_verdict(policy: &Policy, facts: Facts, active: bool) -> (Value, Value) {
    let mut meta = meta(id(1));
    meta.active = active;
    let verdict = evaluate(policy, &derivation(facts), &meta);
    let text = |value: Result<Value, serde_json::Error>| value.expect("a code is text");
    // One product excluded must say why.
    let explained = verdict.reasons.iter().any(|r| r.code.starts_with("HX_"));
    assert!(verdict.tier < Tier::Three || explained, "{verdict:?}");
    (text(serde_json::to_value(verdict.tier)), text(serde_json::to_value(verdict.verdict)))
}

pub(super) fn verdict_case(given: &Value, expected: &Map<String, Value>) -> Faults {
    let policy = policy_of(&profile_of(&given["profile"]));
    let (facts, active) = product_of(&given["product"]);
    let (tier, verdict) = tier_and_verdict(&policy, facts, active);
    let mut faults = Faults::new();
    for (what, value) in expected {
        match what.as_str() {
            "tier" => faults.extend(differ(what, &tier, value)),
            "verdict" => faults.extend(differ(what, &verdict, value)),
            _ => faults.push(format!("nobody knows what `{what}` means")),
        }
    }
    faults
}
