//! A pack as it is shown to people: every rule with its source, and why an inactive one is off.

use std::collections::BTreeMap;

use odyssey_types::Nutrient;
use serde::Serialize;

use super::{AmountTest, DailyAmount, RulePack, RuleRef, RuleSet, Scope, Status};

/// A rule pack, listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackView {
    pub id: String,
    pub version: String,
    /// SHA-256 of the texts it was read from, in hex.
    pub digest: String,
    /// Sources by the name that rules cite them with.
    pub sources: BTreeMap<String, String>,
    /// In the order of the files.
    pub rules: Vec<RuleView>,
    /// Inactive rules that were left out of the list.
    pub inactive_count: usize,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// `htn.sodium`.
    pub rule: String,
    /// The template, interaction or guideline it belongs to.
    pub owner: String,
    /// `cap`, `target`, `minimum`, `require`, `gate`, `serving`, `warning`, `notice`; `template` and
    /// `interaction` for the owner as a whole.
    pub kind: &'static str,
    /// What it asks, in words and figures.
    pub says: String,
    /// Where it holds only in part: the names that switch it on or off.
    pub when: Vec<String>,
    pub unless: Vec<String>,
    pub citation: String,
    pub status: Status,
    pub active: bool,
    /// Why it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_inactive: Option<String>,
    /// What a label cannot show, and what was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

const NO_SOURCE: &str =
    "rests on general knowledge and could raise a score, so it stays off until a source stands beside it";
const NOT_BUILT: &str = "is not built, so a profile that names it is not ranked";

impl RulePack {
    /// The pack as a list of its rules; with the inactive ones only where asked for.
    pub fn view(&self, with_inactive: bool) -> PackView {
        let mut rules = Vec::new();
        for guideline in &self.guidelines {
            rules_of(guideline.guideline.as_str(), &guideline.rules, &mut rules);
        }
        for template in &self.conditions {
            let codes =
                [template.icd10cm.join(" "), template.icd10cm_exact.join(" "), template.snomed.join(" ")];
            let says = format!("{}; claimed by {}", template.label, joined(&codes));
            rules.push(self.owner_view(
                &template.id,
                "template",
                says,
                template.implemented,
                template.note.as_ref(),
            ));
            rules_of(&template.id, &template.rules, &mut rules);
        }
        for interaction in &self.interactions {
            let drugs: Vec<&str> = interaction.drugs.iter().map(|d| d.name.as_str()).collect();
            let says = format!("{}; {}", drugs.join(", "), interaction.trigger);
            let note = interaction.note.as_ref();
            rules.push(self.owner_view(&interaction.id, "interaction", says, interaction.implemented, note));
            rules_of(&interaction.id, &interaction.rules, &mut rules);
        }
        let inactive = rules.iter().filter(|r| !r.active).count();
        if !with_inactive {
            rules.retain(|r| r.active);
        }
        PackView {
            id: self.id.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            sources: self.sources.clone(),
            rules,
            inactive_count: if with_inactive { 0 } else { inactive },
        }
    }

    fn owner_view(
        &self,
        id: &str,
        kind: &'static str,
        says: String,
        implemented: bool,
        note: Option<&String>,
    ) -> RuleView {
        RuleView {
            rule: id.to_owned(),
            owner: id.to_owned(),
            kind,
            says,
            when: Vec::new(),
            unless: Vec::new(),
            citation: String::new(),
            status: Status::Policy,
            active: implemented,
            why_inactive: (!implemented).then(|| NOT_BUILT.to_owned()),
            note: note.cloned(),
        }
    }
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    if parts.is_empty() { "no code".to_owned() } else { parts.join(" ") }
}

fn rules_of(owner: &str, set: &RuleSet, into: &mut Vec<RuleView>) {
    let mut push = |kind: &'static str, says: String, active: bool, source: &RuleRef, scope: &Scope| {
        into.push(RuleView {
            rule: source.rule.clone(),
            owner: owner.to_owned(),
            kind,
            says,
            when: scope.when.iter().chain(&scope.drugs).cloned().collect(),
            unless: scope.unless.clone(),
            citation: source.citation.clone(),
            status: source.status,
            active,
            why_inactive: (!active).then(|| NO_SOURCE.to_owned()),
            note: None,
        });
    };
    for rule in &set.caps {
        let star = if rule.star { ", and one product at most half of it" } else { "" };
        let says = format!("{}: at most {}{star}", rule.nutrient.label(), daily(rule.nutrient, rule.amount));
        push("cap", says, true, &rule.source, &rule.scope);
    }
    for rule in &set.targets {
        let says = format!("{}: good to reach {}", rule.nutrient.label(), daily(rule.nutrient, rule.amount));
        push("target", says, rule.active, &rule.source, &rule.scope);
    }
    for rule in &set.minimums {
        let says = format!("{}: at least {}", rule.nutrient.label(), daily(rule.nutrient, rule.amount));
        push("minimum", says, true, &rule.source, &rule.scope);
    }
    for rule in &set.requires {
        let says = format!("{} has to be stated", rule.nutrient.label());
        push("require", says, true, &rule.source, &rule.scope);
    }
    for rule in &set.gates {
        let overridable = if rule.kind.is_overridable() { ", unless overridden" } else { "" };
        push("gate", format!("excludes {}{overridable}", rule.about), true, &rule.source, &rule.scope);
    }
    for rule in &set.servings {
        let (verb, above) = match (rule.exclude_above, rule.mark_above) {
            (Some(above), _) => ("excludes above", above),
            (None, above) => ("marks above", above.unwrap_or_default()),
        };
        let says = format!(
            "{}: {verb} {} {}",
            rule.nutrient.label(),
            rule.nutrient.render(above),
            unit(rule.nutrient)
        );
        push("serving", says, true, &rule.source, &rule.scope);
    }
    for rule in &set.warnings {
        let test = match rule.test {
            Some(AmountTest::AtLeast { nutrient, amount }) => {
                format!(", from {} {} of {}", nutrient.render(amount), unit(nutrient), nutrient.label())
            }
            Some(AmountTest::FatAbovePercentOfEnergy { percent }) => {
                format!(", fat above {percent} % of energy")
            }
            None => String::new(),
        };
        push("warning", format!("warns of {}{test}", rule.about), true, &rule.source, &rule.scope);
    }
    for rule in &set.notices {
        push("notice", rule.sentence.clone(), true, &rule.source, &rule.scope);
    }
}

fn daily(nutrient: Nutrient, amount: DailyAmount) -> String {
    let shown = |stored: i64| format!("{} {}", nutrient.render(stored), unit(nutrient));
    match amount {
        DailyAmount::Fixed(stored) => format!("{} a day", shown(stored)),
        DailyAmount::EnergyShare { tenths_percent, .. } => {
            format!("{} % of energy", odyssey_types::render_fixed(tenths_percent, 1))
        }
        DailyAmount::PerThousandKcal(stored) => format!("{} per 1000 kcal", shown(stored)),
        DailyAmount::PerKilogram(stored) => format!("{} per kg of body weight", shown(stored)),
        DailyAmount::Intake => "the goal by age and sex".to_owned(),
    }
}

fn unit(nutrient: Nutrient) -> &'static str {
    match nutrient.unit() {
        odyssey_types::NutrientUnit::Gram => "g",
        odyssey_types::NutrientUnit::Milligram => "mg",
        odyssey_types::NutrientUnit::Microgram => "µg",
        odyssey_types::NutrientUnit::Kilocalorie => "kcal",
    }
}
