//! Reading a pack: TOML to typed rules, refusing what does not add up.

use std::collections::{BTreeMap, BTreeSet};

use odyssey_types::{Nutrient, parse_fixed};
use sha2::{Digest as _, Sha256};

use super::{
    CapRule, ConditionTemplate, DailyAmount, Drug, EnergyFigures, FitFigures, Goal, Intake, IntakeRow,
    Interaction, PackText, RequireRule, RulePack, RuleRef, Status, TargetRule, WarningRule, raw,
};
use crate::{DietTable, EvidenceKey, keys_of_allergen};

/// Why a pack does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    #[error("rule pack: {file} cannot be read: {message}")]
    Unreadable { file: &'static str, message: String },
    #[error("rule pack: {place}: {problem}")]
    Invalid { place: String, problem: String },
}

pub(super) fn load(text: PackText<'_>) -> Result<RulePack, PackError> {
    let figures: raw::Figures = read("figures", text.figures)?;
    let conditions: raw::Conditions = read("conditions", text.conditions)?;
    let drugs: raw::Drugs = read("drugs", text.drugs)?;
    let scoring: raw::Scoring = read("scoring", text.scoring)?;
    let cite = Citations { version: figures.version.clone(), sources: figures.sources.clone() };
    let pack = RulePack {
        digest: digest(text),
        energy: energy(&figures.energy, &cite)?,
        daily_values: daily_values(&figures.daily_value)?,
        intakes: figures.intake.iter().map(intake).collect::<Result<_, _>>()?,
        general_caps: figures.general_cap.iter().map(|c| cap(c, &cite)).collect::<Result<_, _>>()?,
        conditions: conditions.condition.iter().map(|c| condition(c, &cite)).collect::<Result<_, _>>()?,
        negations: conditions.negations_snomed,
        interactions: drugs.interaction.into_iter().map(interaction).collect::<Result<_, _>>()?,
        not_affected: not_affected(drugs.not_affected)?,
        cross_reactions: cross_reactions(figures.cross_reaction)?,
        diets: DietTable::parse(text.diets)
            .map_err(|e| PackError::Invalid { place: "diets".to_owned(), problem: e.to_string() })?,
        goals: scoring.goal.into_iter().map(goal).collect(),
        fit: fit(&scoring.fit)?,
        scoring: scoring.weights,
        id: figures.id,
        version: figures.version,
        sources: figures.sources,
    };
    check_unique(&pack)?;
    Ok(pack)
}

fn read<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, PackError> {
    toml::from_str(text).map_err(|e| PackError::Unreadable { file, message: e.to_string() })
}

fn invalid<T>(place: impl Into<String>, problem: impl Into<String>) -> Result<T, PackError> {
    Err(PackError::Invalid { place: place.into(), problem: problem.into() })
}

/// Texts are length-prefixed, so that no two packs share a digest by moving a line between files.
fn digest(text: PackText<'_>) -> String {
    let mut hash = Sha256::new();
    for part in [text.figures, text.conditions, text.drugs, text.scoring, text.diets] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    crate::engine::hex(&hash.finalize())
}

struct Citations {
    version: String,
    sources: BTreeMap<String, String>,
}

impl Citations {
    fn of(&self, rule: &str, source: &str, status: Status) -> Result<RuleRef, PackError> {
        let Some(citation) = self.sources.get(source) else {
            return invalid(rule, format!("names the unknown source `{source}`"));
        };
        Ok(RuleRef {
            rule: rule.to_owned(),
            version: self.version.clone(),
            citation: citation.clone(),
            status,
        })
    }
}

fn amount(place: &str, nutrient: Nutrient, text: &str) -> Result<i64, PackError> {
    match nutrient.parse_rounding(text) {
        Ok((stored, true)) if stored > 0 => Ok(stored),
        Ok(_) => invalid(place, format!("`{text}` is not a positive amount of {nutrient} in its own steps")),
        Err(e) => invalid(place, format!("`{text}` {e}")),
    }
}

fn energy(raw: &raw::Energy, cite: &Citations) -> Result<EnergyFigures, PackError> {
    cite.of("energy.factors", &raw.source, raw.status)?;
    cite.of("energy.default", &raw.default_source, Status::Sourced)?;
    cite.of("energy.adjustment", &raw.adjustment_source, raw.adjustment_status)?;
    let factors = [raw.sedentary, raw.light, raw.moderate, raw.very, raw.extra];
    if factors[0] < 1000 || factors.windows(2).any(|w| w[0] >= w[1]) {
        return invalid("energy", "activity factors must start at 1000 permille and grow");
    }
    if !(500..=10_000).contains(&raw.default_kcal) {
        return invalid("energy", "default_kcal is not a day's energy");
    }
    Ok(EnergyFigures {
        factors,
        default_kcal: raw.default_kcal,
        floor_female_kcal: raw.floor_female_kcal,
        floor_male_kcal: raw.floor_male_kcal,
        loss_kcal: raw.loss_kcal,
        gain_kcal: raw.gain_kcal,
    })
}

fn daily_values(raw: &[raw::DailyValue]) -> Result<BTreeMap<Nutrient, i64>, PackError> {
    let mut values = BTreeMap::new();
    for value in raw {
        if values.insert(value.nutrient, amount("daily_value", value.nutrient, &value.amount)?).is_some() {
            return invalid("daily_value", format!("{} stands twice", value.nutrient));
        }
    }
    Ok(values)
}

fn intake(raw: &raw::Intake) -> Result<Intake, PackError> {
    let row = |r: &raw::IntakeRow| {
        Ok(IntakeRow {
            ages: ages("intake", r.ages)?,
            female: amount("intake", raw.nutrient, &r.female)?,
            male: amount("intake", raw.nutrient, &r.male)?,
        })
    };
    let rows: Vec<IntakeRow> = raw.rows.iter().map(row).collect::<Result<_, PackError>>()?;
    if rows.windows(2).any(|w| w[0].ages.1 >= w[1].ages.0) {
        return invalid("intake", format!("ages of {} overlap", raw.nutrient));
    }
    Ok(Intake { nutrient: raw.nutrient, is_minimum: raw.kind == raw::IntakeKind::Min, rows })
}

fn ages(place: &str, ages: (u8, u8)) -> Result<(u8, u8), PackError> {
    if ages.0 > ages.1 { invalid(place, "ages run backwards") } else { Ok(ages) }
}

fn cap(raw: &raw::Cap, cite: &Citations) -> Result<CapRule, PackError> {
    let amount_of_day = match (&raw.amount, &raw.percent_energy) {
        (Some(text), None) => DailyAmount::Fixed(amount(&raw.rule, raw.nutrient, text)?),
        (None, Some(percent)) => DailyAmount::EnergyShare {
            tenths_percent: match parse_fixed(percent, 1) {
                Ok(tenths @ 1..=1000) => tenths,
                _ => return invalid(&raw.rule, format!("`{percent}` is not a share of energy")),
            },
            kcal_per_gram: kcal_per_gram(&raw.rule, raw.nutrient)?,
        },
        _ => return invalid(&raw.rule, "needs exactly one of `amount` and `percent_energy`"),
    };
    let ideal = raw.ideal.as_deref().map(|text| amount(&raw.rule, raw.nutrient, text)).transpose()?;
    if raw.red_above_bp.is_some_and(|bp| bp > 5000) {
        return invalid(&raw.rule, "red_above_bp lies above one half, where a caution stands anyway");
    }
    Ok(CapRule {
        nutrient: raw.nutrient,
        amount: amount_of_day,
        ideal,
        star: raw.star,
        red_above_bp: raw.red_above_bp,
        ages: ages(&raw.rule, raw.ages.unwrap_or((0, u8::MAX)))?,
        source: cite.of(&raw.rule, &raw.source, raw.status)?,
    })
}

/// Energy in a gram, for shares of energy (4-4-9).
fn kcal_per_gram(place: &str, nutrient: Nutrient) -> Result<i64, PackError> {
    match nutrient {
        Nutrient::Fat | Nutrient::SaturatedFat | Nutrient::TransFat => Ok(9),
        Nutrient::Carbohydrate | Nutrient::Sugars | Nutrient::AddedSugars | Nutrient::Protein => Ok(4),
        other => invalid(place, format!("{other} has no share of energy")),
    }
}

fn target(raw: &raw::Target, cite: &Citations) -> Result<TargetRule, PackError> {
    let amount = match (&raw.amount, &raw.per_1000_kcal) {
        (Some(text), None) => DailyAmount::Fixed(amount(&raw.rule, raw.nutrient, text)?),
        (None, Some(text)) => DailyAmount::PerThousandKcal(amount(&raw.rule, raw.nutrient, text)?),
        _ => return invalid(&raw.rule, "needs exactly one of `amount` and `per_1000_kcal`"),
    };
    let source = cite.of(&raw.rule, &raw.source, raw.status)?;
    Ok(TargetRule { nutrient: raw.nutrient, amount, active: raw.status != Status::Unreviewed, source })
}

fn condition(raw: &raw::Condition, cite: &Citations) -> Result<ConditionTemplate, PackError> {
    for code in raw.icd10cm.iter().chain(&raw.icd10cm_except) {
        if code.len() < 3 || !code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return invalid(&raw.id, format!("`{code}` is not a dot-less ICD-10-CM prefix"));
        }
    }
    if let Some(code) = raw.snomed.iter().find(|c| !c.bytes().all(|b| b.is_ascii_digit())) {
        return invalid(&raw.id, format!("`{code}` is not a SNOMED CT id"));
    }
    let has_rules = !(raw.cap.is_empty() && raw.require.is_empty() && raw.warning.is_empty());
    if raw.implemented != has_rules {
        return invalid(&raw.id, "a template is implemented exactly when it has rules");
    }
    Ok(ConditionTemplate {
        id: raw.id.clone(),
        label: raw.label.clone(),
        implemented: raw.implemented,
        adults_only: raw.adults_only,
        icd10cm: raw.icd10cm.clone(),
        icd10cm_except: raw.icd10cm_except.clone(),
        snomed: raw.snomed.clone(),
        caps: raw.cap.iter().map(|c| cap(c, cite)).collect::<Result<_, _>>()?,
        targets: raw.target.iter().map(|t| target(t, cite)).collect::<Result<_, _>>()?,
        requires: raw.require.iter().map(|r| require(r, cite)).collect::<Result<_, _>>()?,
        warnings: raw.warning.iter().map(|w| warning(w, cite)).collect::<Result<_, _>>()?,
    })
}

fn require(raw: &raw::Require, cite: &Citations) -> Result<RequireRule, PackError> {
    Ok(RequireRule { nutrient: raw.nutrient, source: cite.of(&raw.rule, &raw.source, raw.status)? })
}

fn warning(raw: &raw::Warning, cite: &Citations) -> Result<WarningRule, PackError> {
    let Some(class) = EvidenceKey::from_code(&raw.class) else {
        return invalid(&raw.rule, format!("`{}` is not a key", raw.class));
    };
    let source = cite.of(&raw.rule, &raw.source, raw.status)?;
    Ok(WarningRule { code: raw.code.clone(), class, drinks_only: raw.drinks_only, source })
}

fn interaction(raw: raw::Interaction) -> Result<Interaction, PackError> {
    let drugs = raw.drugs.into_iter().map(drug).collect::<Result<Vec<_>, _>>()?;
    if drugs.is_empty() {
        return invalid(&raw.id, "names no drug");
    }
    Ok(Interaction { id: raw.id, implemented: raw.implemented, trigger: raw.trigger, drugs })
}

fn not_affected(raw: Vec<raw::NotAffected>) -> Result<Vec<Drug>, PackError> {
    if let Some(group) = raw.iter().find(|g| g.reason.trim().is_empty()) {
        return invalid("not_affected", format!("{} drugs without a reason", group.drugs.len()));
    }
    raw.into_iter().flat_map(|g| g.drugs).map(drug).collect()
}

fn drug(raw: raw::Drug) -> Result<Drug, PackError> {
    if raw.rxcui.as_deref().is_some_and(|c| c.is_empty() || !c.bytes().all(|b| b.is_ascii_digit())) {
        return invalid("drugs", format!("{} has an RxCUI that is not a number", raw.name));
    }
    Ok(Drug { name: raw.name.to_lowercase(), rxcui: raw.rxcui })
}

fn cross_reactions(raw: Vec<raw::CrossReaction>) -> Result<BTreeMap<String, Vec<String>>, PackError> {
    for code in raw.iter().flat_map(|c| c.warn.iter().chain([&c.allergen])) {
        if keys_of_allergen(code).is_none() {
            return invalid("cross_reaction", format!("`{code}` is not an allergen"));
        }
    }
    Ok(raw.into_iter().map(|c| (c.allergen, c.warn)).collect())
}

fn goal(raw: raw::Goal) -> Goal {
    Goal { id: raw.id, energy: raw.energy, caps: raw.cap, targets: raw.target }
}

fn fit(raw: &raw::Fit) -> Result<FitFigures, PackError> {
    let shares = [raw.snack_percent, raw.main_dish_percent, raw.meal_percent];
    if shares.iter().any(|s| !(1..=100).contains(s)) || raw.macro_from_kcal < 1 {
        return invalid("fit", "shares must be 1 to 100 percent and `macro_from_kcal` positive");
    }
    Ok(FitFigures {
        snack_percent: raw.snack_percent,
        main_dish_percent: raw.main_dish_percent,
        meal_percent: raw.meal_percent,
        macro_from_kcal: raw.macro_from_kcal,
    })
}

fn check_unique(pack: &RulePack) -> Result<(), PackError> {
    let groups: [(&str, Vec<&str>); 4] = [
        ("condition", pack.conditions.iter().map(|c| c.id.as_str()).collect()),
        ("interaction", pack.interactions.iter().map(|i| i.id.as_str()).collect()),
        ("goal", pack.goals.iter().map(|g| g.id.as_str()).collect()),
        ("rule", rule_ids(pack)),
    ];
    for (what, ids) in groups {
        let mut seen = BTreeSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
            return invalid(what, format!("`{twice}` stands twice"));
        }
    }
    Ok(())
}

fn rule_ids(pack: &RulePack) -> Vec<&str> {
    pack.general_caps
        .iter()
        .map(|c| c.source.rule.as_str())
        .chain(pack.conditions.iter().flat_map(|c| {
            (c.caps.iter().map(|r| &r.source))
                .chain(c.targets.iter().map(|r| &r.source))
                .chain(c.requires.iter().map(|r| &r.source))
                .chain(c.warnings.iter().map(|r| &r.source))
                .map(|r| r.rule.as_str())
        }))
        .collect()
}
