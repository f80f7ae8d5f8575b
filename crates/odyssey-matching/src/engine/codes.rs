//! From codes on record to templates and interactions: what is claimed, what blocks, what is kept
//! aside. Nothing is dropped in silence.

use odyssey_types::{AllergySeverity, CodeSystem, ConditionEntry, HealthProfile, ReproductiveStatus};
use serde::{Deserialize, Serialize};

use super::situation::Touched;
use super::{AllergyCodeSystem, AllergyMapping, ConditionTemplate, Drug, RulePack, resolve_allergy_code};
use crate::derive_profile::is_pregnant;

/// Why a profile cannot be ranked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    resolve_at_age(profile, profile.age_years, pack)
}

/// The same with the age that counts, since some templates are claimed by it.
pub(super) fn resolve_at_age<'a>(
    profile: &HealthProfile,
    age_years: Option<u8>,
    pack: &'a RulePack,
) -> ResolvedConditions<'a> {
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
    let implied: Vec<&String> = resolved.claimed.iter().flat_map(|c| &c.implies).collect();
    for template in implied.into_iter().filter_map(|id| pack.condition(id)) {
        claim(template, "conditions", &template.id, &mut resolved);
    }
    let of_age = |range: (u8, u8)| age_years.is_some_and(|age| (range.0..=range.1).contains(&age));
    for template in pack.conditions.iter().filter(|c| c.ages.is_some_and(of_age)) {
        claim(template, "age_years", &template.id, &mut resolved);
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
    if templates.is_empty() && coded_allergy(entry, pack).is_none() {
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
    (template.icd10cm.iter().any(|p| code.starts_with(p.as_str()))
        || template.icd10cm_exact.iter().any(|c| c == code))
        && !template.icd10cm_except.iter().any(|p| code.starts_with(p.as_str()))
}

/// A condition on record whose code is an allergy that names its food.
pub(super) struct CodedAllergy {
    pub allergens: Vec<String>,
    pub severity: Option<AllergySeverity>,
    /// Code and words speak of different foods.
    pub mismatch: bool,
    /// False: the words name nothing we know, and disagree with the code.
    pub understood: bool,
}

/// The allergy that a condition on record stands for; `None` where its code is none, or names no food.
pub(super) fn coded_allergy(entry: &ConditionEntry, pack: &RulePack) -> Option<CodedAllergy> {
    match allergy_of(entry, pack)? {
        AllergyMapping::Mapped { allergen, severity } => {
            Some(CodedAllergy { allergens: vec![allergen], severity, mismatch: false, understood: true })
        }
        AllergyMapping::DisplayMismatch { allergens, severity, display_understood } => {
            Some(CodedAllergy { allergens, severity, mismatch: true, understood: display_understood })
        }
        _ => None,
    }
}

/// Whether a condition on record is an allergy to a food that nobody named.
pub(super) fn is_group_allergy(entry: &ConditionEntry, pack: &RulePack) -> bool {
    let by_template = entry.system == CodeSystem::Template && entry.code.trim() == FOOD_ALLERGY;
    by_template || allergy_of(entry, pack) == Some(AllergyMapping::GroupOnly)
}

const FOOD_ALLERGY: &str = "food_allergy";

/// What the table of allergy codes says, unless a template of its own claims the code (lactose, coeliac
/// disease): the template knows more.
fn allergy_of(entry: &ConditionEntry, pack: &RulePack) -> Option<AllergyMapping> {
    let code = entry.code.trim();
    let system = match entry.system {
        CodeSystem::Icd10Cm => AllergyCodeSystem::Icd10Cm,
        CodeSystem::Snomed => AllergyCodeSystem::Snomed,
        CodeSystem::RxNorm | CodeSystem::Template | CodeSystem::Text => return None,
    };
    let undotted = dotless(code);
    let claims = |c: &ConditionTemplate| match system {
        AllergyCodeSystem::Icd10Cm => claims_icd(c, &undotted),
        _ => c.snomed.iter().any(|s| s == code),
    };
    if pack.conditions.iter().any(|c| c.id != FOOD_ALLERGY && claims(c)) {
        return None;
    }
    Some(resolve_allergy_code(system, code, entry.display.as_deref()))
}

/// What the medications of a profile touch.
pub(super) struct ResolvedMedications<'a> {
    /// In the pack's order, each interaction once.
    pub touched: Vec<Touched<'a>>,
    pub blocked: Vec<Blocked>,
    pub not_considered: Vec<NotConsidered>,
}

/// Finds what the profile's medications touch. A drug is recognised by its RxNorm ingredient code or
/// by its name standing as a word in what was written.
pub(super) fn resolve_medications<'a>(
    profile: &HealthProfile,
    pack: &'a RulePack,
) -> ResolvedMedications<'a> {
    let mut resolved =
        ResolvedMedications { touched: Vec::new(), blocked: Vec::new(), not_considered: Vec::new() };
    let mut drugs: Vec<std::collections::BTreeSet<&str>> =
        vec![std::collections::BTreeSet::default(); pack.interactions.len()];
    for entry in &profile.medications {
        let name = entry.name.as_deref().unwrap_or("").to_lowercase();
        let code = entry.rxnorm.as_deref().map(str::trim);
        let written = entry.rxnorm.clone().or_else(|| entry.name.clone()).unwrap_or_default();
        let is =
            |drug: &Drug| (code.is_some() && drug.rxcui.as_deref() == code) || has_words(&name, &drug.name);
        let mut known = pack.not_affected.iter().any(is);
        for (at, interaction) in pack.interactions.iter().enumerate() {
            let found: Vec<&str> =
                interaction.drugs.iter().filter(|d| is(d)).map(|d| d.name.as_str()).collect();
            if found.is_empty() {
                continue;
            }
            known = true;
            if !interaction.implemented {
                let why =
                    format!("interacts with food ({}), and that rule is not built yet", interaction.trigger);
                resolved.blocked.push(unsafe_profile("medications", &written, &why));
            }
            drugs[at].extend(found);
        }
        if !known {
            resolved.not_considered.push(NotConsidered { field: "medications".to_owned(), value: written });
        }
    }
    for (interaction, drugs) in pack.interactions.iter().zip(drugs).filter(|(_, drugs)| !drugs.is_empty()) {
        let drugs = drugs.into_iter().map(str::to_owned).collect();
        resolved.touched.push(Touched { interaction, drugs });
    }
    resolved
}

fn has_words(text: &str, words: &str) -> bool {
    let split = |t: &str| -> Vec<String> {
        t.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let (text, words) = (split(text), split(words));
    !words.is_empty() && text.windows(words.len()).any(|w| w == words)
}
