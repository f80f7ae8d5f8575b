//! From codes on record to templates and interactions: what is claimed, what blocks, what is kept
//! aside. Nothing is dropped in silence.

use odyssey_types::{CodeSystem, ConditionEntry, HealthProfile, ReproductiveStatus};
use serde::Serialize;

use super::{ConditionTemplate, Drug, RulePack};
use crate::derive_profile::is_pregnant;

/// Why a profile cannot be ranked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Blocked {
    /// `DQ_ALLERGY_UNMAPPED`, `DQ_PROFILE_UNSAFE`, `HX_AGE`, …
    pub code: String,
    /// The profile field: `conditions`.
    pub field: String,
    /// What stands there.
    pub value: String,
    /// In words.
    pub sentence: String,
}

/// Something on record that no rule of ours looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NotConsidered {
    pub field: String,
    pub value: String,
}

/// The conditions of a profile, resolved against the templates.
#[derive(Debug, Clone, Default)]
pub struct ResolvedConditions<'a> {
    /// Templates that a code claims, in the pack's order, each once.
    pub claimed: Vec<&'a ConditionTemplate>,
    pub blocked: Vec<Blocked>,
    pub not_considered: Vec<NotConsidered>,
}

/// Finds the templates that the profile's conditions (and pregnancy or lactation) claim.
pub fn resolve_conditions<'a>(profile: &HealthProfile, pack: &'a RulePack) -> ResolvedConditions<'a> {
    let mut resolved = ResolvedConditions::default();
    for entry in &profile.conditions {
        resolve_condition(entry, pack, &mut resolved);
    }
    let states = [
        ("pregnancy", is_pregnant(profile)),
        ("lactation", profile.reproductive_status == Some(ReproductiveStatus::Lactating)),
    ];
    for (id, _) in states.iter().filter(|(_, holds)| *holds) {
        match pack.condition(id) {
            Some(template) => claim(template, "reproductive_status", id, &mut resolved),
            None => resolved.blocked.push(unsafe_profile("reproductive_status", id, "is not loaded")),
        }
    }
    // The pack's order, whatever order the profile has.
    let place = |c: &ConditionTemplate| pack.conditions.iter().position(|p| p.id == c.id);
    resolved.claimed.sort_by_key(|c| place(c));
    resolved.claimed.dedup_by(|a, b| a.id == b.id);
    resolved.blocked.sort();
    resolved.blocked.dedup();
    resolved.not_considered.sort();
    resolved.not_considered.dedup();
    resolved
}

fn resolve_condition<'a>(entry: &ConditionEntry, pack: &'a RulePack, resolved: &mut ResolvedConditions<'a>) {
    let code = entry.code.trim();
    let templates: Vec<&ConditionTemplate> = match entry.system {
        CodeSystem::Text => {
            resolved.blocked.push(unsafe_profile("conditions", code, "is free text that nobody has mapped"));
            return;
        }
        CodeSystem::Template => match pack.condition(code) {
            Some(template) => vec![template],
            None => {
                resolved.blocked.push(unsafe_profile(
                    "conditions",
                    code,
                    "is not a template of this rule pack",
                ));
                return;
            }
        },
        CodeSystem::Icd10Cm => {
            let code = dotless(code);
            pack.conditions.iter().filter(|c| claims_icd(c, &code)).collect()
        }
        CodeSystem::Snomed => {
            if pack.negations.iter().any(|n| n == code) {
                return;
            }
            pack.conditions.iter().filter(|c| c.snomed.iter().any(|s| s == code)).collect()
        }
        CodeSystem::RxNorm => Vec::new(),
    };
    if templates.is_empty() {
        resolved
            .not_considered
            .push(NotConsidered { field: "conditions".to_owned(), value: entry.code.clone() });
    }
    for template in templates {
        claim(template, "conditions", &entry.code, resolved);
    }
}

fn claim<'a>(
    template: &'a ConditionTemplate,
    field: &str,
    value: &str,
    resolved: &mut ResolvedConditions<'a>,
) {
    if !template.implemented {
        let why = format!("means {}, whose rules are not built yet", template.label);
        resolved.blocked.push(unsafe_profile(field, value, &why));
    }
    resolved.claimed.push(template);
}

pub(super) fn unsafe_profile(field: &str, value: &str, why: &str) -> Blocked {
    Blocked {
        code: "DQ_PROFILE_UNSAFE".to_owned(),
        field: field.to_owned(),
        value: value.to_owned(),
        sentence: format!("`{value}` {why}, so nothing is ranked for this profile."),
    }
}

fn dotless(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect()
}

fn claims_icd(template: &ConditionTemplate, code: &str) -> bool {
    template.icd10cm.iter().any(|p| code.starts_with(p.as_str()))
        && !template.icd10cm_except.iter().any(|p| code.starts_with(p.as_str()))
}

/// Finds what the profile's medications touch. A drug is recognised by its RxNorm ingredient code or
/// by its name standing as a word in what was written.
pub(super) fn resolve_medications(
    profile: &HealthProfile,
    pack: &RulePack,
) -> (Vec<Blocked>, Vec<NotConsidered>) {
    let (mut blocked, mut not_considered) = (Vec::new(), Vec::new());
    for entry in &profile.medications {
        let name = entry.name.as_deref().unwrap_or("").to_lowercase();
        let code = entry.rxnorm.as_deref().map(str::trim);
        let written = entry.rxnorm.clone().or_else(|| entry.name.clone()).unwrap_or_default();
        let is =
            |drug: &Drug| (code.is_some() && drug.rxcui.as_deref() == code) || has_words(&name, &drug.name);
        let touched: Vec<_> = pack.interactions.iter().filter(|i| i.drugs.iter().any(is)).collect();
        for interaction in touched.iter().filter(|i| !i.implemented) {
            let why =
                format!("interacts with food ({}), and that rule is not built yet", interaction.trigger);
            blocked.push(unsafe_profile("medications", &written, &why));
        }
        if touched.is_empty() && !pack.not_affected.iter().any(is) {
            not_considered.push(NotConsidered { field: "medications".to_owned(), value: written });
        }
    }
    (blocked, not_considered)
}

fn has_words(text: &str, words: &str) -> bool {
    let split = |t: &str| -> Vec<String> {
        t.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let (text, words) = (split(text), split(words));
    !words.is_empty() && text.windows(words.len()).any(|w| w == words)
}
