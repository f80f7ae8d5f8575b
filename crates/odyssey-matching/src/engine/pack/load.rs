//! Reading a pack: TOML to typed rules, refusing what does not add up.

mod check;
mod rules;

use std::collections::BTreeMap;

use odyssey_types::{Nutrient, parse_fixed};
use sha2::{Digest as _, Sha256};

use super::{
    ConditionTemplate, ConflictRule, CrossReaction, Drug, EerEquation, EnergyFigures, FitFigures, Goal,
    GuidelineRules, Intake, IntakeRow, Interaction, MacroRange, PackText, RulePack, RuleRef, StateGroup,
    Status, raw,
};
use crate::{Diet, DietTable, EvidenceKey, KeySet, keys_of_allergen};
use rules::{RawRules, rule_set};

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
        upper_levels: upper_levels(&figures.upper_level, &cite)?,
        macro_ranges: figures.macro_range.iter().map(|r| macro_range(r, &cite)).collect::<Result<_, _>>()?,
        guidelines: figures.guideline.iter().map(|g| guideline(g, &cite)).collect::<Result<_, _>>()?,
        states: conditions.state.into_iter().map(|s| StateGroup { id: s.id, of: s.of }).collect(),
        conflicts: conditions.conflict.iter().map(|c| conflict(c, &cite)).collect::<Result<_, _>>()?,
        conditions: conditions.condition.iter().map(|c| condition(c, &cite)).collect::<Result<_, _>>()?,
        negations: conditions.negations_snomed,
        interactions: drugs
            .interaction
            .into_iter()
            .map(|i| interaction(i, &cite))
            .collect::<Result<_, _>>()?,
        not_affected: not_affected(drugs.not_affected)?,
        cross_reactions: cross_reactions(&figures.cross_reaction, &figures.airborne, &cite)?,
        airborne: figures.airborne,
        diets: DietTable::parse(text.diets)
            .map_err(|e| PackError::Invalid { place: "diets".to_owned(), problem: e.to_string() })?,
        goals: scoring.goal.into_iter().map(goal).collect(),
        fit: fit(&scoring.fit)?,
        models: models(scoring.models)?,
        scoring: scoring.weights,
        id: figures.id,
        version: figures.version,
        sources: figures.sources,
    };
    check::check(&pack)?;
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
    cite.of("energy.equations", &raw.equation_source, Status::Sourced)?;
    let equations: Vec<EerEquation> = raw.equation.iter().map(equation).collect::<Result<_, _>>()?;
    let mut places: Vec<_> = equations.iter().map(|e| (e.group as u8, e.activity)).collect();
    places.sort_unstable();
    places.dedup();
    if places.len() != 20 || equations.len() != 20 {
        return invalid(
            "energy.equation",
            "needs one equation for each of five groups and four levels of activity",
        );
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
        equations,
        growth: raw
            .growth
            .iter()
            .map(|g| Ok((ages("energy.growth", g.ages)?, g.female, g.male)))
            .collect::<Result<_, PackError>>()?,
        deposition_kcal: raw.deposition_kcal,
        lactation_kcal: raw.lactation_kcal,
    })
}

fn equation(raw: &raw::Equation) -> Result<EerEquation, PackError> {
    let hundredths = |text: &str| match parse_fixed(text, 2) {
        Ok(figure) => Ok(figure),
        Err(e) => invalid("energy.equation", format!("`{text}` {e}")),
    };
    if raw.activity > 3 {
        return invalid("energy.equation", "has an activity beyond 0 to 3");
    }
    Ok(EerEquation {
        group: raw.group,
        activity: raw.activity,
        constant: hundredths(&raw.constant)?,
        age: hundredths(&raw.age)?,
        height: hundredths(&raw.height)?,
        weight: hundredths(&raw.weight)?,
        gestation: raw.gestation.as_deref().map_or(Ok(0), hundredths)?,
    })
}

fn upper_levels(raw: &[raw::UpperLevel], cite: &Citations) -> Result<BTreeMap<Nutrient, i64>, PackError> {
    raw.iter()
        .map(|level| {
            cite.of("upper_level", &level.source, level.status)?;
            Ok((level.nutrient, amount("upper_level", level.nutrient, &level.amount)?))
        })
        .collect()
}

fn macro_range(raw: &raw::MacroRange, cite: &Citations) -> Result<MacroRange, PackError> {
    cite.of("macro_range", &raw.source, Status::Sourced)?;
    let shares = [raw.carbohydrate, raw.protein, raw.fat];
    if shares.iter().any(|(low, high)| low >= high || *high > 100) {
        return invalid("macro_range", "a range runs upwards and ends at 100 percent");
    }
    Ok(MacroRange {
        ages: ages("macro_range", raw.ages)?,
        carbohydrate: raw.carbohydrate,
        protein: raw.protein,
        fat: raw.fat,
    })
}

fn guideline(raw: &raw::GuidelineRules, cite: &Citations) -> Result<GuidelineRules, PackError> {
    let rules = RawRules {
        cap: &raw.cap,
        target: &raw.target,
        serving: &raw.serving,
        warning: &raw.warning,
        ..RawRules::default()
    };
    Ok(GuidelineRules { guideline: raw.id, label: raw.label.clone(), rules: rule_set(&rules, cite)? })
}

fn conflict(raw: &raw::Conflict, cite: &Citations) -> Result<ConflictRule, PackError> {
    if !raw.sentence.ends_with('.') {
        return invalid(&raw.rule, "says in a sentence which rule was used");
    }
    Ok(ConflictRule {
        between: raw.between.clone(),
        sentence: raw.sentence.clone(),
        source: cite.of(&raw.rule, &raw.source, raw.status)?,
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
    let state =
        |text: &Option<String>| text.as_deref().map(|text| amount("intake", raw.nutrient, text)).transpose();
    Ok(Intake {
        nutrient: raw.nutrient,
        is_minimum: raw.kind == raw::IntakeKind::Min,
        rows,
        pregnant: state(&raw.pregnant)?,
        lactating: state(&raw.lactating)?,
    })
}

fn ages(place: &str, ages: (u8, u8)) -> Result<(u8, u8), PackError> {
    if ages.0 > ages.1 { invalid(place, "ages run backwards") } else { Ok(ages) }
}

/// The keys that codes stand for: allergens with their groups, classes by themselves.
fn keys_of(place: &str, codes: &[String]) -> Result<KeySet, PackError> {
    let mut keys = KeySet::EMPTY;
    for code in codes {
        let meant = keys_of_allergen(code).or_else(|| EvidenceKey::from_code(code).map(|k| KeySet::of(&[k])));
        match meant {
            Some(meant) => keys = keys.union(meant),
            None => return invalid(place, format!("`{code}` is not a key")),
        }
    }
    Ok(keys)
}

fn diet(place: &str, code: &str) -> Result<Diet, PackError> {
    Diet::from_code(code).map_or_else(|| invalid(place, format!("`{code}` is not a diet")), Ok)
}

fn condition(raw: &raw::Condition, cite: &Citations) -> Result<ConditionTemplate, PackError> {
    for code in raw.icd10cm.iter().chain(&raw.icd10cm_exact).chain(&raw.icd10cm_except) {
        if code.len() < 3 || !code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return invalid(&raw.id, format!("`{code}` is not a dot-less ICD-10-CM prefix"));
        }
    }
    if let Some(code) = raw.snomed.iter().find(|c| c.is_empty() || !c.bytes().all(|b| b.is_ascii_digit())) {
        return invalid(&raw.id, format!("`{code}` is not a SNOMED CT id"));
    }
    let rules = rule_set(
        &RawRules {
            cap: &raw.cap,
            target: &raw.target,
            minimum: &raw.minimum,
            require: &raw.require,
            gate: &raw.gate,
            serving: &raw.serving,
            warning: &raw.warning,
            notice: &raw.notice,
        },
        cite,
    )?;
    let says_something =
        !rules.is_empty() || !raw.includes.is_empty() || !raw.needs.is_empty() || raw.no_numbers;
    if raw.implemented && !says_something && raw.note.is_none() {
        return invalid(&raw.id, "is implemented without a rule, so a note has to say why");
    }
    if !raw.implemented && (says_something || raw.note.is_none()) {
        return invalid(&raw.id, "is not implemented, so it has no rules, and a note says why");
    }
    let diets = raw.blocks_diets.iter().map(|d| diet(&raw.id, d));
    Ok(ConditionTemplate {
        id: raw.id.clone(),
        label: raw.label.clone(),
        implemented: raw.implemented,
        adults_only: raw.adults_only,
        icd10cm: raw.icd10cm.clone(),
        icd10cm_exact: raw.icd10cm_exact.clone(),
        icd10cm_except: raw.icd10cm_except.clone(),
        snomed: raw.snomed.clone(),
        ages: raw.ages.map(|a| ages(&raw.id, a)).transpose()?,
        includes: raw.includes.clone(),
        includes_soft_only: raw.includes_soft_only,
        implies: raw.implies.clone(),
        needs: raw.needs.clone(),
        no_weight_loss: raw.no_weight_loss,
        no_numbers: raw.no_numbers,
        blocks_diets: diets.collect::<Result<_, _>>()?,
        note: raw.note.clone(),
        rules,
    })
}

fn interaction(raw: raw::Interaction, cite: &Citations) -> Result<Interaction, PackError> {
    let rules = rule_set(
        &RawRules {
            cap: &raw.cap,
            target: &raw.target,
            minimum: &raw.minimum,
            require: &raw.require,
            gate: &raw.gate,
            serving: &raw.serving,
            warning: &raw.warning,
            notice: &raw.notice,
        },
        cite,
    )?;
    let says_something = !rules.is_empty() || !raw.blocks_diets.is_empty();
    if raw.implemented != says_something {
        return invalid(&raw.id, "an interaction is implemented exactly when it has rules");
    }
    let diets: Vec<Diet> = raw.blocks_diets.iter().map(|d| diet(&raw.id, d)).collect::<Result<_, _>>()?;
    let drugs = raw.drugs.into_iter().map(drug).collect::<Result<Vec<_>, _>>()?;
    if drugs.is_empty() {
        return invalid(&raw.id, "names no drug");
    }
    Ok(Interaction {
        id: raw.id,
        implemented: raw.implemented,
        trigger: raw.trigger,
        drugs,
        blocks_diets: diets,
        blocks_goals: raw.blocks_goals,
        note: raw.note,
        rules,
    })
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

fn cross_reactions(
    raw: &[raw::CrossReaction],
    airborne: &[String],
    cite: &Citations,
) -> Result<BTreeMap<String, Vec<CrossReaction>>, PackError> {
    let mut reactions: BTreeMap<String, Vec<CrossReaction>> = BTreeMap::new();
    for rule in raw {
        if keys_of_allergen(&rule.allergen).is_none() && !airborne.contains(&rule.allergen) {
            return invalid("cross_reaction", format!("`{}` is not an allergen", rule.allergen));
        }
        let listed = (rule.warn.iter().map(|s| (s, false))).chain(rule.exclude.iter().map(|s| (s, true)));
        for (subject, excludes) in listed {
            let source = cite.of(&format!("cross_reaction.{}", rule.allergen), &rule.source, rule.status)?;
            let keys = keys_of("cross_reaction", std::slice::from_ref(subject))?;
            let reaction = CrossReaction { subject: subject.clone(), keys, excludes, source };
            reactions.entry(rule.allergen.clone()).or_default().push(reaction);
        }
    }
    Ok(reactions)
}

fn goal(raw: raw::Goal) -> Goal {
    Goal { id: raw.id, energy: raw.energy, caps: raw.cap, targets: raw.target }
}

fn models(raw: super::ModelFigures) -> Result<super::ModelFigures, PackError> {
    // A worse grade is never worth more.
    let falls = |scores: &[u16]| scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|s| *s <= 1000);
    if !falls(&raw.nutri_score) || !falls(&raw.nova) {
        return invalid("models", "grades must be worth 0 to 1000, a worse one never more");
    }
    Ok(raw)
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
