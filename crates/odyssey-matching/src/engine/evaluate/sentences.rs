//! Findings as codes, parameters and English sentences.
//!
//! Wording: what is on the label and what is not, never that something is safe, never that it treats
//! or cures; the summary always ends with the advice to check the package.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use odyssey_types::{Nutrient, NutrientUnit, ProductId, render_fixed};

use super::findings::{Cause, Finder, Finding, amount_code, class_code, diet_code, key_code};
use super::{Reason, VerdictKind};
use crate::engine::product::{per_reference, usable};
use crate::engine::{
    Action, AmountCaution, AmountGate, AmountTest, Basis, ClassGate, ClassWarning, DietGate, Gate, KeyGate,
    Policy, ProductMeta, RuleRef, Status,
};
use crate::{Derivation, Evidence, EvidenceKey, EvidenceSource, Facts, Flag, KeySet, ListState};

const CHECK_THE_PACKAGE: &str = "Always check the package.";

type Params = BTreeMap<&'static str, String>;

pub(super) fn reason(finding: &Finding<'_>, policy: &Policy, derivation: &Derivation) -> Reason {
    match finding.finder {
        Finder::Lists => list_reason(finding, policy),
        Finder::Gate(at) => match &policy.gates[at] {
            Gate::Keys(gate) => key_reason(finding, gate, derivation),
            Gate::Class(gate) => class_reason(finding, gate, derivation),
            Gate::Diet(gate) => diet_reason(finding, gate, derivation),
            Gate::Amount(gate) => amount_reason(finding, gate, &derivation.facts),
        },
        Finder::Caution(caution) => caution_reason(finding, caution, &derivation.facts),
        Finder::Warning(warning) => warning_reason(finding, warning, derivation),
    }
}

fn list_reason(finding: &Finding<'_>, policy: &Policy) -> Reason {
    let (code, subject, sentence) = match finding.cause {
        Cause::Inactive => ("HX_INACTIVE", "inactive", "The vendor does not offer this product at present."),
        _ => ("HX_LIST_NEVER", "never_list", "This product is on the list of products never to show."),
    };
    Reason {
        code: code.to_owned(),
        subject: subject.to_owned(),
        action: finding.action,
        params: Params::new(),
        sentence: sentence.to_owned(),
        evidence: Vec::new(),
        source: RuleRef {
            rule: format!("product.{subject}"),
            version: policy.pack_version.clone(),
            citation: "Stated by the vendor or the customer".to_owned(),
            status: Status::Policy,
        },
    }
}

/// A label that is older than the vendor lets prove anything; said beside what follows from it.
pub(super) fn stale_label(policy: &Policy, of: Option<NaiveDate>, oldest: NaiveDate) -> Reason {
    let (shown, day) = match of {
        Some(day) => (format!("of {day}"), day.to_string()),
        None => ("of no stated day".to_owned(), "unknown".to_owned()),
    };
    Reason {
        code: "DQ_STALE".to_owned(),
        subject: "label_as_of".to_owned(),
        action: Action::Warn,
        params: Params::from([("label_as_of", day), ("label_oldest", oldest.to_string())]),
        sentence: format!("The label is {shown}; labels before {oldest} prove nothing here."),
        evidence: Vec::new(),
        source: RuleRef {
            rule: "label.age".to_owned(),
            version: policy.pack_version.clone(),
            citation: "The vendor's limit on the age of labels".to_owned(),
            status: Status::Policy,
        },
    }
}

fn key_reason(finding: &Finding<'_>, gate: &KeyGate, derivation: &Derivation) -> Reason {
    let flag = flag_of(finding.cause);
    let evidence = flag.map(|flag| evidence_of(derivation, gate.keys, flag)).unwrap_or_default();
    let (label, quote) = (gate.label(), quote(&evidence));
    let sentence = match finding.cause {
        Cause::Contains => format!("Contains {label}{quote}."),
        Cause::MayContain => format!("May contain {label}{quote}."),
        Cause::Facility => format!("Made in a facility or on equipment shared with {label}{quote}."),
        Cause::Exempt => format!("Has an ingredient made from {label} that labels need not declare{quote}."),
        Cause::Ambiguous => {
            format!("Has an ingredient that may come from {label}; its source is not stated{quote}.")
        }
        Cause::Uncertified => format!("No current certificate says that it is free from {label}."),
        _ => unproven(&derivation.facts, &format!("free from {label}")),
    };
    let mut params = evidence_params(&evidence);
    params.insert("allergen", gate.subject.clone());
    Reason {
        code: key_code(finding.cause, finding.action).to_owned(),
        subject: gate.subject.clone(),
        action: finding.action,
        params,
        sentence,
        evidence,
        source: gate.rule.clone(),
    }
}

fn class_reason(finding: &Finding<'_>, gate: &ClassGate, derivation: &Derivation) -> Reason {
    let flag = flag_of(finding.cause);
    let evidence = flag.map(|flag| evidence_of(derivation, gate.keys, flag)).unwrap_or_default();
    let (about, quote) = (&gate.about, quote(&evidence));
    let sentence = match finding.cause {
        Cause::Contains => format!("Contains {about}{quote}."),
        Cause::MayContain | Cause::Facility => format!("May contain {about}{quote}."),
        Cause::Exempt => format!("Has an ingredient made from {about}{quote}."),
        Cause::Ambiguous => {
            format!("Has an ingredient that may be {about}; its source is not stated{quote}.")
        }
        _ => unproven_class(&derivation.facts, &format!("without {about}")),
    };
    let sentence = match (&gate.advice, finding.cause) {
        (Some(advice), Cause::Contains | Cause::Ambiguous) => format!("{sentence} {advice}"),
        _ => sentence,
    };
    let sentence = match (gate.overridden, &gate.drug) {
        (true, _) => format!("{sentence} The rule was overridden for this person."),
        (false, Some(drug)) if flag.is_some() => format!("{sentence} This concerns {drug}."),
        (false, _) => sentence,
    };
    let mut params = evidence_params(&evidence);
    match &gate.drug {
        Some(drug) => {
            params.insert("interaction", gate.subject.clone());
            params.insert("drug", drug.clone());
        }
        None => {
            params.insert("condition", gate.subject.clone());
        }
    }
    if matches!(gate.code, "HX_PREGNANCY" | "HX_AGE") {
        params.insert("rule", gate.rule.rule.clone());
    }
    Reason {
        code: class_code(gate, finding.cause, finding.action).to_owned(),
        subject: gate.subject.clone(),
        action: finding.action,
        params,
        sentence,
        evidence,
        source: gate.rule.clone(),
    }
}

fn flag_of(cause: Cause) -> Option<Flag> {
    match cause {
        Cause::Contains => Some(Flag::Contains),
        Cause::MayContain => Some(Flag::Pal),
        Cause::Facility => Some(Flag::Facility),
        Cause::Exempt => Some(Flag::Exempt),
        Cause::Ambiguous => Some(Flag::Ambiguous),
        _ => None,
    }
}

fn diet_reason(finding: &Finding<'_>, gate: &DietGate, derivation: &Derivation) -> Reason {
    let flags: &[Flag] = match finding.cause {
        Cause::DietBroken => &[Flag::Contains],
        Cause::DietPrecaution => &[Flag::Pal, Flag::Facility],
        Cause::DietUnproven => &[Flag::Ambiguous],
        _ => &[],
    };
    let mut evidence: Vec<Evidence> =
        flags.iter().flat_map(|flag| evidence_of(derivation, gate.excludes, *flag)).collect();
    evidence.extend(derivation.evidence.iter().filter(|e| e.key == gate.diet.code()).cloned());
    let (label, quote) = (gate.diet.label(), quote(&evidence));
    let sentence = match finding.cause {
        Cause::DietBroken => format!("Not {label}{quote}."),
        Cause::DietPrecaution => format!("The label warns of traces that a {label} diet leaves out{quote}."),
        Cause::DietUnproven if evidence.is_empty() => unproven(&derivation.facts, label),
        Cause::DietUnproven => {
            format!("Not shown to be {label}: the source of an ingredient is not stated{quote}.")
        }
        _ => format!("Reads as {label} by its ingredients, but no certificate is on record."),
    };
    let mut params = evidence_params(&evidence);
    params.insert("diet", gate.diet.code().to_owned());
    Reason {
        code: diet_code(finding.cause, finding.action).to_owned(),
        subject: gate.diet.code().to_owned(),
        action: finding.action,
        params,
        sentence,
        evidence,
        source: gate.rule.clone(),
    }
}

fn amount_reason(finding: &Finding<'_>, gate: &AmountGate, facts: &Facts) -> Reason {
    let name = gate.nutrient.label();
    let amount = match gate.basis {
        Basis::Reference => per_reference(facts, gate.nutrient),
        Basis::Per100 => usable(&facts.per_100, gate.nutrient),
    };
    let amount = amount.map(|a| with_unit(gate.nutrient, i64::from(a)));
    let shown = amount.clone().unwrap_or_default();
    let basis = basis_text(gate.basis, facts);
    let sentence = match (finding.cause, gate.limit) {
        (Cause::Above, limit) => {
            let limit = limit.map(|l| with_unit(gate.nutrient, l)).unwrap_or_default();
            let limit = match (gate.code, gate.subject.as_str()) {
                ("HX_LIMIT", "day") => format!("more than the limit of {limit} a day"),
                ("HX_LIMIT", _) => format!("more than the limit of {limit}"),
                _ if gate.exclude_above == gate.limit => {
                    format!("more than the {limit} that go with this condition")
                }
                _ => format!("more than half of the {limit} a day that go with this condition"),
            };
            format!("{shown} of {name} {basis} is {limit}.")
        }
        (Cause::AmountUnknown, _) => format!("The amount of {name} is not stated, and it is needed here."),
        (_, _) if finding.action == Action::Caution => format!(
            "No serving size is stated; {shown} of {name} {basis} stays within the limit for servings up to 250 g."
        ),
        _ => format!("No serving size is stated, so {name} per serving cannot be judged."),
    };
    let mut params = Params::from([
        ("nutrient", gate.nutrient.field().to_owned()),
        ("basis", format!("{:?}", gate.basis).to_lowercase()),
    ]);
    params.extend(amount.map(|a| ("amount", a)));
    params.extend(gate.limit.map(|l| ("limit", with_unit(gate.nutrient, l))));
    params.insert(if gate.code == "HX_LIMIT" { "period" } else { "condition" }, gate.subject.clone());
    Reason {
        code: amount_code(gate, finding.cause, finding.action).to_owned(),
        subject: format!("{} {}", gate.subject, gate.nutrient.field()),
        action: finding.action,
        params,
        sentence: sentence_case(&sentence),
        evidence: Vec::new(),
        source: gate.rule.clone(),
    }
}

fn caution_reason(finding: &Finding<'_>, caution: &AmountCaution, facts: &Facts) -> Reason {
    let amount = match caution.basis {
        Basis::Reference => per_reference(facts, caution.nutrient),
        Basis::Per100 => usable(&facts.per_100, caution.nutrient),
    };
    let amount = i64::from(amount.unwrap_or_default());
    let shown = with_unit(caution.nutrient, amount);
    let (name, basis) = (caution.nutrient.label(), basis_text(caution.basis, facts));
    let mut params = Params::from([
        ("nutrient", caution.nutrient.field().to_owned()),
        ("amount", shown.clone()),
        ("limit", with_unit(caution.nutrient, caution.limit.unwrap_or(caution.above))),
    ]);
    let sentence = match caution.limit {
        Some(limit) => {
            let percent = if limit > 0 { amount.saturating_mul(100) / limit } else { 100 };
            params.insert("share_percent", percent.to_string());
            format!(
                "{shown} of {name} {basis} is {percent} % of the {} that are advised as the most for a day.",
                with_unit(caution.nutrient, limit),
            )
        }
        None => format!(
            "{shown} of {name} {basis} is more than {}, which is marked here.",
            with_unit(caution.nutrient, caution.above)
        ),
    };
    Reason {
        code: caution.code.clone(),
        subject: caution.nutrient.field().to_owned(),
        action: finding.action,
        params,
        sentence: sentence_case(&sentence),
        evidence: Vec::new(),
        source: caution.rule.clone(),
    }
}

fn warning_reason(finding: &Finding<'_>, warning: &ClassWarning, derivation: &Derivation) -> Reason {
    let evidence = evidence_of(derivation, warning.keys, Flag::Contains);
    let about = &warning.about;
    let quote = quote(&evidence);
    let amount = tested_amount(warning.test, &derivation.facts);
    let sentence = match (warning.code.as_str(), &amount) {
        ("WN_CROSS_REACT", _) => {
            format!("Contains {about}, which some people with this allergy react to as well{quote}.")
        }
        ("WN_SWEETENED_DRINK", _) => format!("A drink with {about}{quote}."),
        (_, Some(amount)) if warning.keys.is_empty() => format!("Has {about}: {amount}."),
        (_, Some(amount)) => format!("Contains {about}{quote} ({amount})."),
        (_, None) if warning.keys.is_empty() => format!("This is {about}."),
        _ => format!("Contains {about}{quote}."),
    };
    let sentence = match &warning.drug {
        Some(drug) => format!("{sentence} This concerns {drug}."),
        None => sentence,
    };
    let sentence = match &warning.advice {
        Some(advice) => format!("{sentence} {advice}"),
        None => sentence,
    };
    let mut params = evidence_params(&evidence);
    match &warning.drug {
        Some(drug) => {
            params.insert("interaction", warning.subject.clone());
            params.insert("drug", drug.clone());
        }
        None => {
            params.insert("class", warning.subject.clone());
        }
    }
    params.extend(amount.map(|amount| ("amount", amount)));
    Reason {
        code: warning.code.clone(),
        subject: warning.subject.clone(),
        action: finding.action,
        params,
        sentence,
        evidence,
        source: warning.rule.clone(),
    }
}

/// The amount that a test looked at: "30 µg of vitamin K per 50 g".
fn tested_amount(test: Option<AmountTest>, facts: &Facts) -> Option<String> {
    let nutrient = match test? {
        AmountTest::AtLeast { nutrient, .. } => nutrient,
        AmountTest::FatAbovePercentOfEnergy { .. } => Nutrient::Fat,
    };
    let amount = i64::from(per_reference(facts, nutrient)?);
    Some(format!(
        "{} of {} {}",
        with_unit(nutrient, amount),
        nutrient.label(),
        basis_text(Basis::Reference, facts)
    ))
}

fn evidence_of(derivation: &Derivation, keys: KeySet, flag: Flag) -> Vec<Evidence> {
    let about =
        |e: &&Evidence| e.flag == flag && EvidenceKey::from_code(&e.key).is_some_and(|k| keys.contains(k));
    derivation.evidence.iter().filter(about).cloned().collect()
}

fn evidence_params(evidence: &[Evidence]) -> Params {
    let Some(first) = evidence.first() else { return Params::new() };
    let source = match first.source {
        EvidenceSource::Declared => "declared",
        EvidenceSource::Statement => "statement",
        EvidenceSource::Term => "term",
        EvidenceSource::Claim => "claim",
        EvidenceSource::Hold => "hold",
    };
    Params::from([
        ("evidence", source.to_owned()),
        ("term", first.term.clone()),
        ("offset", first.offset.to_string()),
    ])
}

/// The strongest evidence, quoted after a colon.
fn quote(evidence: &[Evidence]) -> String {
    let Some(first) = evidence.iter().min_by_key(|e| e.source) else { return String::new() };
    let matched = first.matched.trim();
    match first.source {
        EvidenceSource::Declared => ": the vendor declares it".to_owned(),
        EvidenceSource::Hold => ": earlier data named it, and nobody has released that".to_owned(),
        _ if matched.is_empty() => String::new(),
        EvidenceSource::Statement => format!(": the label states “{matched}”"),
        EvidenceSource::Claim => format!(": the claim reads “{matched}”"),
        EvidenceSource::Term => {
            let field = if first.field == "ingredients" { "ingredient list" } else { &first.field };
            format!(": the {field} names “{matched}”")
        }
    }
}

/// Why silence does not prove something.
fn unproven(facts: &Facts, what: &str) -> String {
    match facts.list_state {
        ListState::Absent => format!("Not shown to be {what}: no ingredient list is stated."),
        ListState::Truncated => format!("Not shown to be {what}: the ingredient list is cut off."),
        ListState::OtherLanguage => {
            format!("Not shown to be {what}: the ingredient list is in another language.")
        }
        ListState::Stale => format!("Not shown to be {what}: the label is too old to go by."),
        ListState::Complete if !facts.attested => {
            format!("Not shown to be {what}: nobody has attested that the allergen declaration is complete.")
        }
        ListState::Complete => format!(
            "Not shown to be {what}: {} % of the ingredient list is understood, or the label need not declare it.",
            render_fixed(i64::from(facts.coverage_permille), 1)
        ),
    }
}

/// The same about ingredient classes, which no allergen declaration speaks of.
fn unproven_class(facts: &Facts, what: &str) -> String {
    match facts.list_state {
        ListState::Complete => format!(
            "Not shown to be {what}: {} % of the ingredient list is understood, or a term may hide it.",
            render_fixed(i64::from(facts.coverage_permille), 1)
        ),
        _ => unproven(facts, what),
    }
}

pub(super) fn with_unit(nutrient: Nutrient, stored: i64) -> String {
    let unit = match nutrient.unit() {
        NutrientUnit::Gram => "g",
        NutrientUnit::Milligram => "mg",
        NutrientUnit::Microgram => "µg",
        NutrientUnit::Kilocalorie => "kcal",
    };
    format!("{} {unit}", nutrient.render(stored))
}

fn basis_text(basis: Basis, facts: &Facts) -> String {
    let unit = if facts.is_volume { "ml" } else { "g" };
    match basis {
        Basis::Reference => format!("per {} {unit}", render_fixed(facts.reference_amount, 6)),
        Basis::Per100 => format!("per 100 {unit}"),
    }
}

fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// One paragraph: what stands in the way, or what was looked for and not found.
pub(super) fn summary(
    verdict: VerdictKind,
    reasons: &[Reason],
    policy: &Policy,
    derivation: &Derivation,
    meta: &ProductMeta,
) -> String {
    let mut said: Vec<String> = policy.blocked.iter().map(|b| b.sentence.clone()).collect();
    let least = match verdict {
        VerdictKind::Conflict => Action::Exclude,
        VerdictKind::CannotVerify => Action::Unverified,
        VerdictKind::FitsWithCaution => Action::Caution,
        VerdictKind::Fits => Action::Warn,
    };
    if matches!(verdict, VerdictKind::Fits | VerdictKind::FitsWithCaution) {
        said.extend(not_found(policy, derivation, meta));
    }
    said.extend(reasons.iter().filter(|r| r.action >= least).map(|r| r.sentence.clone()));
    said.push(CHECK_THE_PACKAGE.to_owned());
    said.dedup();
    said.join(" ")
}

fn not_found(policy: &Policy, derivation: &Derivation, meta: &ProductMeta) -> Option<String> {
    let facts = &derivation.facts;
    let allowed = |id: ProductId| policy.allow_list.binary_search(&id).is_ok();
    let clear = |gate: &&KeyGate| {
        let coverage = gate.severity.coverage_permille();
        !gate.keys.iter().any(|k| facts.flags_of(k).has(Flag::Contains) || facts.is_incomplete(k, coverage))
    };
    let mut labels: Vec<&str> = policy
        .gates
        .iter()
        .filter(|gate| !(gate.is_preference() && allowed(meta.id)))
        .filter_map(|gate| if let Gate::Keys(gate) = gate { Some(gate) } else { None })
        .filter(clear)
        .map(KeyGate::label)
        .collect();
    labels.dedup();
    if labels.is_empty() {
        return None;
    }
    let attested = match (facts.attested, meta.label_as_of) {
        (true, Some(date)) => format!("; label of {date} marked complete by the vendor"),
        (true, None) => "; label marked complete by the vendor".to_owned(),
        (false, _) => String::new(),
    };
    Some(format!("No {} in the listed ingredients{attested}.", labels.join(", no ")))
}
