//! What holds for one person: the templates and interactions that the record claims, and what they do to each
//! other.
//!
//! Promises: independent of the order of the record; nothing is dropped in silence (a diet or goal that is not
//! applied leaves a notice, and so does a record without an allergy). Never: looks at a product.

use std::collections::BTreeMap;

use odyssey_types::{AllergyEntry, AllergySeverity, HealthProfile, LimitPeriod, Nutrient};
use serde::{Deserialize, Serialize};

use super::codes::{self, ResolvedConditions, unsafe_profile};
use super::unrecorded::unrecorded;
use super::{
    Blocked, ConditionTemplate, EnergyGoal, GuidelineRules, Interaction, Need, NotConsidered, RulePack,
    RuleRef, RuleSet, Scope, States, Status,
};
use crate::derive_profile::{BmiClass, bmi_of};
use crate::{Diet, keys_of_allergen};

/// Something to say once beside an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Notice {
    /// `DQ_PROFILE_EMPTY`, `DQ_ALLERGIES_UNRECORDED`, `DQ_PROFILE_CONFLICT`, `DQ_CODE_DISPLAY_MISMATCH`,
    /// `WN_DRUG_TIMING`, …
    pub code: String,
    /// The profile field: `diets`; `profile` where it is about all of it.
    pub field: String,
    /// What stands there; empty where nothing does.
    pub value: String,
    pub sentence: String,
    pub source: RuleRef,
}

/// A known interaction that was checked for a drug on record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InteractionCheck {
    pub interaction: String,
    pub drug: String,
}

/// An interaction that drugs on record touch.
#[derive(Debug, Clone)]
pub(crate) struct Touched<'a> {
    pub interaction: &'a Interaction,
    /// Names in our words, sorted.
    pub drugs: Vec<String>,
}

/// A set of rules in force.
#[derive(Debug, Clone)]
pub(crate) struct InForce<'a> {
    /// The template, interaction or guideline.
    pub owner: &'a str,
    /// The drugs on record, where it is an interaction.
    pub drug: Option<String>,
    pub rules: &'a RuleSet,
    /// Only what scores, marks or warns.
    pub soft_only: bool,
    /// Holds for everybody.
    pub general: bool,
}

/// Everything that the record of one person claims.
#[derive(Debug)]
pub(crate) struct Situation<'a> {
    pub pack: &'a RulePack,
    pub age_years: Option<u8>,
    /// The profile as it is applied: without diets and goals that are switched off, with the allergies that codes
    /// of conditions name.
    pub profile: HealthProfile,
    pub claimed: Vec<&'a ConditionTemplate>,
    pub touched: Vec<Touched<'a>>,
    pub states: States,
    pub guideline: Option<&'a GuidelineRules>,
    pub blocked: Vec<Blocked>,
    pub not_considered: Vec<NotConsidered>,
    pub notices: Vec<Notice>,
}

const ADULT_FROM_YEARS: u8 = 18;
/// The override that says that the allergies on record are all that a group code means.
pub(crate) const GROUP_OVERRIDE: &str = "food_allergy.group";

impl<'a> Situation<'a> {
    pub fn new(profile: &HealthProfile, age_years: Option<u8>, pack: &'a RulePack) -> Self {
        let ResolvedConditions { claimed, blocked, not_considered } =
            codes::resolve_at_age(profile, age_years, pack);
        let medications = codes::resolve_medications(profile, pack);
        let mut situation = Self {
            pack,
            age_years,
            profile: profile.clone(),
            claimed,
            touched: medications.touched,
            states: States::new(),
            guideline: pack.guideline(profile.guideline),
            blocked,
            not_considered,
            notices: Vec::new(),
        };
        situation.blocked.extend(medications.blocked);
        situation.not_considered.extend(medications.not_considered);
        situation.name_states();
        situation.coded_allergies(profile);
        situation.unrecorded(profile);
        situation.needs();
        situation.switch_off_diets();
        situation.switch_off_goals();
        situation.conflicts();
        situation.advice();
        situation
    }

    pub fn holds(&self, scope: &Scope) -> bool {
        scope.holds(&self.states, self.age_years)
    }

    pub fn is_overridden(&self, rule: &str) -> bool {
        self.profile.overrides.iter().any(|o| o.rule == rule)
    }

    /// Every set of rules that holds, in the order of the pack: the general ones, those of conditions and
    /// of what these include, those of drugs.
    pub fn in_force(&self) -> Vec<InForce<'a>> {
        let general = self.guideline.map(|g| InForce {
            owner: g.guideline.as_str(),
            drug: None,
            rules: &g.rules,
            soft_only: false,
            general: true,
        });
        // A template that is claimed itself counts in full, however it is included elsewhere.
        let mut soft: BTreeMap<usize, bool> = BTreeMap::new();
        let place = |id: &str| self.pack.conditions.iter().position(|c| c.id == id);
        for template in &self.claimed {
            let own = place(&template.id).map(|at| (at, false));
            let included =
                template.includes.iter().filter_map(|id| Some((place(id)?, template.includes_soft_only)));
            for (at, soft_only) in own.into_iter().chain(included) {
                let entry = soft.entry(at).or_insert(soft_only);
                *entry &= soft_only;
            }
        }
        let conditions = soft.into_iter().map(|(at, soft_only)| {
            let template = &self.pack.conditions[at];
            InForce { owner: &template.id, drug: None, rules: &template.rules, soft_only, general: false }
        });
        let drugs = self.touched.iter().map(|touched| InForce {
            owner: &touched.interaction.id,
            drug: Some(touched.drugs.join(", ")),
            rules: &touched.interaction.rules,
            soft_only: false,
            general: false,
        });
        general.into_iter().chain(conditions).chain(drugs).collect()
    }

    /// The drugs on record that a rule of an interaction is about.
    pub fn drugs_named(&self, set: &InForce<'_>, only: &[String]) -> String {
        let touched = self.touched.iter().find(|t| t.interaction.id == set.owner);
        let drugs = touched.iter().flat_map(|t| &t.drugs).filter(|d| only.is_empty() || only.contains(d));
        drugs.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    pub fn interactions_checked(&self) -> Vec<InteractionCheck> {
        let checks = self.touched.iter().flat_map(|touched| {
            let id = &touched.interaction.id;
            touched
                .drugs
                .iter()
                .map(move |drug| InteractionCheck { interaction: id.clone(), drug: drug.clone() })
        });
        let mut checks: Vec<InteractionCheck> = checks.collect();
        checks.sort();
        checks
    }

    /// No energy, no weight and no share of a day is scored or pointed out.
    pub fn hides_numbers(&self) -> bool {
        self.claimed.iter().any(|c| c.no_numbers)
    }

    /// Why a deficit of energy is not planned, if it is not.
    pub fn no_deficit_because(&self) -> Option<String> {
        if let Some(template) = self.claimed.iter().find(|c| c.no_weight_loss) {
            return Some(template.label.clone());
        }
        if self.age_years.is_some_and(|age| age < ADULT_FROM_YEARS) {
            return Some("an age below 18 years".to_owned());
        }
        let class = bmi_of(&self.profile, self.age_years).and_then(|(_, class)| class);
        (class == Some(BmiClass::Underweight)).then(|| "a body mass index below 18.5".to_owned())
    }

    fn name_states(&mut self) {
        for template in &self.claimed {
            self.states.insert(template.id.clone());
        }
        for touched in &self.touched {
            self.states.insert(touched.interaction.id.clone());
            self.states.extend(touched.drugs.iter().map(|drug| format!("drug.{drug}")));
        }
        for group in &self.pack.states {
            if group.of.iter().any(|name| self.states.contains(name)) {
                self.states.insert(group.id.clone());
            }
        }
    }

    /// Allergies that stand among the conditions, by codes that name the food.
    fn coded_allergies(&mut self, profile: &HealthProfile) {
        for entry in &profile.conditions {
            let Some(coded) = codes::coded_allergy(entry, self.pack) else { continue };
            for allergen in coded.allergens {
                let severity = coded.severity.or(Some(AllergySeverity::Allergy));
                let new = AllergyEntry { allergen: Some(allergen), severity, ..AllergyEntry::default() };
                if !self.profile.allergies.contains(&new) {
                    self.profile.allergies.push(new);
                }
            }
            if coded.mismatch {
                let sentence = format!(
                    "The code {} and its words speak of different foods; both are avoided until one is corrected.",
                    entry.code
                );
                self.notice("DQ_CODE_DISPLAY_MISMATCH", "conditions", &entry.code, sentence);
            }
            if !coded.understood {
                let why = "is a code whose words speak of something else that nobody has mapped";
                self.blocked.push(unsafe_profile("conditions", &entry.code, why));
            }
        }
    }

    fn unrecorded(&mut self, profile: &HealthProfile) {
        let named = !self.profile.allergies.is_empty();
        if let Some(missing) = unrecorded(profile, named, self.pack) {
            self.notice(missing.code, missing.field, "", missing.sentence.to_owned());
        }
    }

    fn needs(&mut self) {
        let mapped = |a: &AllergyEntry| {
            a.severity != Some(AllergySeverity::Preference)
                && a.allergen.as_deref().is_some_and(|code| keys_of_allergen(code).is_some())
        };
        let named = self.profile.allergies.iter().any(mapped);
        let protein_limit = self.profile.limits.iter().any(|l| {
            l.nutrient == Nutrient::Protein && matches!(l.period, LimitPeriod::Serving | LimitPeriod::Per100)
        });
        let mut blocked = Vec::new();
        for template in &self.claimed {
            for need in &template.needs {
                let (code, why) = match need {
                    Need::Allergens if !named => {
                        ("DQ_ALLERGY_UNMAPPED", "names no food: the foods have to be on record as allergies")
                    }
                    Need::ProteinLimit if !protein_limit => (
                        "DQ_PROFILE_UNSAFE",
                        "needs a limit on protein per serving on record: the prescription",
                    ),
                    Need::NamedFood => {
                        blocked.extend(self.group_codes(named));
                        continue;
                    }
                    _ => continue,
                };
                let block = unsafe_profile("conditions", &template.id, why);
                blocked.push(Blocked { code: code.to_owned(), ..block });
            }
            if template.adults_only && self.age_years.is_some_and(|age| age < ADULT_FROM_YEARS) {
                blocked.push(unsafe_profile("conditions", &template.id, "has limits for adults only"));
            }
            if template.needs.contains(&Need::Allergens) {
                // The foods on record are what the condition is about: none of them is a mere intolerance.
                for allergy in &mut self.profile.allergies {
                    if allergy.severity == Some(AllergySeverity::Intolerance) {
                        allergy.severity = Some(AllergySeverity::Allergy);
                    }
                }
            }
        }
        self.blocked.extend(blocked);
    }

    /// Codes of allergy that name no food and that nobody has decided about.
    fn group_codes(&self, named: bool) -> Vec<Blocked> {
        if named && self.is_overridden(GROUP_OVERRIDE) {
            return Vec::new();
        }
        let groups = self.profile.conditions.iter().filter(|c| codes::is_group_allergy(c, self.pack));
        groups
            .map(|entry| {
                let why = "is an allergy to a food that the code does not name";
                let block = unsafe_profile("conditions", &entry.code, why);
                Blocked { code: "DQ_ALLERGY_UNMAPPED".to_owned(), ..block }
            })
            .collect()
    }

    fn switch_off_diets(&mut self) {
        let conditions = self.claimed.iter().map(|c| (c.label.clone(), &c.blocks_diets));
        let drugs = self.touched.iter().map(|t| (t.drugs.join(", "), &t.interaction.blocks_diets));
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (label, diets) in conditions.chain(drugs) {
            for diet in diets {
                reasons.entry(diet.code()).or_default().push(label.clone());
            }
        }
        let kept = std::mem::take(&mut self.profile.diets);
        for entry in kept {
            match reasons.get(entry.diet.as_str()) {
                Some(because) => {
                    let label = match Diet::from_code(&entry.diet) {
                        Some(diet) => diet.label(),
                        None => entry.diet.as_str(),
                    };
                    let sentence =
                        format!("The {label} diet is not applied, because of {}.", because.join(" and "));
                    self.notice("DQ_PROFILE_CONFLICT", "diets", &entry.diet, sentence);
                }
                None => self.profile.diets.push(entry),
            }
        }
    }

    fn switch_off_goals(&mut self) {
        let no_deficit = self.no_deficit_because();
        let goals = std::mem::take(&mut self.profile.goals);
        for goal in goals {
            let loses = self.pack.goal(&goal).is_some_and(|g| g.energy == Some(EnergyGoal::Loss));
            let blocked = self.touched.iter().find(|t| t.interaction.blocks_goals.contains(&goal));
            let because = match (loses, &no_deficit, blocked) {
                (true, Some(because), _) => Some(because.clone()),
                (_, _, Some(touched)) => Some(touched.drugs.join(", ")),
                _ => None,
            };
            match because {
                Some(because) => {
                    let sentence = format!("The goal {goal} is not scored, because of {because}.");
                    self.notice("DQ_PROFILE_CONFLICT", "goals", &goal, sentence);
                }
                None => self.profile.goals.push(goal),
            }
        }
        if self.hides_numbers() {
            self.profile.energy_target_kcal = None;
            self.profile.macro_targets = None;
        }
    }

    fn conflicts(&mut self) {
        for conflict in &self.pack.conflicts {
            let (one, other) = &conflict.between;
            if self.states.contains(one) && self.states.contains(other) {
                self.notices.push(Notice {
                    code: "DQ_PROFILE_CONFLICT".to_owned(),
                    field: "conditions".to_owned(),
                    value: format!("{one}, {other}"),
                    sentence: conflict.sentence.clone(),
                    source: conflict.source.clone(),
                });
            }
        }
    }

    fn advice(&mut self) {
        let kept: Vec<&str> = self.profile.diets.iter().map(|d| d.diet.as_str()).collect();
        let mut notices = Vec::new();
        for set in self.in_force().iter().filter(|s| !s.soft_only) {
            for rule in set.rules.notices.iter().filter(|r| self.holds(&r.scope)) {
                if rule.diets.is_empty() || rule.diets.iter().any(|d| kept.contains(&d.as_str())) {
                    notices.push(Notice {
                        code: rule.code.clone(),
                        field: if set.drug.is_some() { "medications" } else { "conditions" }.to_owned(),
                        value: set.drug.clone().unwrap_or_else(|| set.owner.to_owned()),
                        sentence: rule.sentence.clone(),
                        source: rule.source.clone(),
                    });
                }
            }
        }
        self.notices.extend(notices);
    }

    fn notice(&mut self, code: &str, field: &str, value: &str, sentence: String) {
        self.notices.push(Notice {
            code: code.to_owned(),
            field: field.to_owned(),
            value: value.to_owned(),
            sentence,
            source: self.pack.rule(&format!("profile.{field}"), "mandate", Status::Policy),
        });
    }
}
