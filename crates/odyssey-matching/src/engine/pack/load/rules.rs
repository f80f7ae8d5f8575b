//! The rules of templates, interactions and guidelines, read and checked.

use odyssey_types::{Nutrient, parse_fixed};

use super::{Citations, ages, amount, diet, invalid, keys_of};
use crate::engine::pack::raw;
use crate::engine::{
    AmountTest, Basis, CapRule, DailyAmount, GateKind, GateRule, MinimumRule, NoticeRule, PackError,
    RequireRule, RuleSet, Scope, ServingRule, Status, TargetRule, UnknownAmount, WarningRule,
};
use crate::{EvidenceKey, keys_of_allergen};

/// The lists of rules as they stand in one table of the file.
#[derive(Default)]
pub(super) struct RawRules<'a> {
    pub cap: &'a [raw::Cap],
    pub target: &'a [raw::Target],
    pub minimum: &'a [raw::Minimum],
    pub require: &'a [raw::Require],
    pub gate: &'a [raw::Gate],
    pub serving: &'a [raw::Serving],
    pub warning: &'a [raw::Warning],
    pub notice: &'a [raw::Notice],
}

pub(super) fn rule_set(raw: &RawRules<'_>, cite: &Citations) -> Result<RuleSet, PackError> {
    Ok(RuleSet {
        caps: raw.cap.iter().map(|r| cap(r, cite)).collect::<Result<_, _>>()?,
        targets: raw.target.iter().map(|r| target(r, cite)).collect::<Result<_, _>>()?,
        minimums: raw.minimum.iter().map(|r| minimum(r, cite)).collect::<Result<_, _>>()?,
        requires: raw.require.iter().map(|r| require(r, cite)).collect::<Result<_, _>>()?,
        gates: raw.gate.iter().map(|r| gate(r, cite)).collect::<Result<_, _>>()?,
        servings: raw.serving.iter().map(|r| serving(r, cite)).collect::<Result<_, _>>()?,
        warnings: raw.warning.iter().map(|r| warning(r, cite)).collect::<Result<_, _>>()?,
        notices: raw.notice.iter().map(|r| notice(r, cite)).collect::<Result<_, _>>()?,
    })
}

fn scope(
    rule: &str,
    when: &[String],
    unless: &[String],
    drugs: &[String],
    for_ages: Option<(u8, u8)>,
) -> Result<Scope, PackError> {
    Ok(Scope {
        when: when.to_vec(),
        unless: unless.to_vec(),
        drugs: drugs.to_vec(),
        ages: ages(rule, for_ages.unwrap_or((0, u8::MAX)))?,
    })
}

macro_rules! scope_of {
    ($raw:expr) => {
        scope(&$raw.rule, &$raw.when, &$raw.unless, &$raw.drugs, $raw.ages)?
    };
}

fn cap(raw: &raw::Cap, cite: &Citations) -> Result<CapRule, PackError> {
    let daily = match (&raw.amount, &raw.percent_energy, &raw.per_kg) {
        (Some(text), None, None) => DailyAmount::Fixed(amount(&raw.rule, raw.nutrient, text)?),
        (None, Some(percent), None) => DailyAmount::EnergyShare {
            tenths_percent: match parse_fixed(percent, 1) {
                Ok(tenths @ 1..=1000) => tenths,
                _ => return invalid(&raw.rule, format!("`{percent}` is not a share of energy")),
            },
            kcal_per_gram: kcal_per_gram(&raw.rule, raw.nutrient)?,
        },
        (None, None, Some(text)) => DailyAmount::PerKilogram(amount(&raw.rule, raw.nutrient, text)?),
        _ => return invalid(&raw.rule, "needs exactly one of `amount`, `percent_energy` and `per_kg`"),
    };
    if raw.red_above_bp.is_some_and(|bp| bp > 5000) {
        return invalid(&raw.rule, "red_above_bp lies above one half, where a caution stands anyway");
    }
    Ok(CapRule {
        nutrient: raw.nutrient,
        amount: daily,
        ideal: raw.ideal.as_deref().map(|text| amount(&raw.rule, raw.nutrient, text)).transpose()?,
        star: raw.star,
        absent_lifts: keys_of(&raw.rule, &raw.absent_lifts)?,
        red_above_bp: raw.red_above_bp,
        scope: scope_of!(raw),
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
    let daily = match (&raw.amount, &raw.per_1000_kcal, &raw.per_kg, raw.intake) {
        (Some(text), None, None, false) => DailyAmount::Fixed(amount(&raw.rule, raw.nutrient, text)?),
        (None, Some(text), None, false) => {
            DailyAmount::PerThousandKcal(amount(&raw.rule, raw.nutrient, text)?)
        }
        (None, None, Some(text), false) => DailyAmount::PerKilogram(amount(&raw.rule, raw.nutrient, text)?),
        (None, None, None, true) => DailyAmount::Intake,
        _ => {
            return invalid(
                &raw.rule,
                "needs exactly one of `amount`, `per_1000_kcal`, `per_kg` and `intake`",
            );
        }
    };
    let source = cite.of(&raw.rule, &raw.source, raw.status)?;
    let active = raw.status != Status::Unreviewed;
    Ok(TargetRule { nutrient: raw.nutrient, amount: daily, active, scope: scope_of!(raw), source })
}

fn minimum(raw: &raw::Minimum, cite: &Citations) -> Result<MinimumRule, PackError> {
    let daily = match (&raw.amount, &raw.per_kg) {
        (Some(text), None) => DailyAmount::Fixed(amount(&raw.rule, raw.nutrient, text)?),
        (None, Some(text)) => DailyAmount::PerKilogram(amount(&raw.rule, raw.nutrient, text)?),
        _ => return invalid(&raw.rule, "needs exactly one of `amount` and `per_kg`"),
    };
    let source = cite.of(&raw.rule, &raw.source, raw.status)?;
    Ok(MinimumRule { nutrient: raw.nutrient, amount: daily, scope: scope_of!(raw), source })
}

fn require(raw: &raw::Require, cite: &Citations) -> Result<RequireRule, PackError> {
    let source = cite.of(&raw.rule, &raw.source, raw.status)?;
    Ok(RequireRule { nutrient: raw.nutrient, scope: scope_of!(raw), source })
}

/// The codes that a gate on ingredients may answer with.
const GATE_CODES: [&str; 4] = ["HX_CONDITION_INGREDIENT", "HX_DRUG", "HX_PREGNANCY", "HX_AGE"];

fn gate(raw: &raw::Gate, cite: &Citations) -> Result<GateRule, PackError> {
    let written = raw.code.as_deref().unwrap_or(GATE_CODES[0]);
    let Some(code) = GATE_CODES.into_iter().find(|c| *c == written) else {
        return invalid(&raw.rule, format!("`{written}` is not a code of gates"));
    };
    if raw.keys.is_empty() {
        return invalid(&raw.rule, "needs keys");
    }
    let by_allergen = matches!(raw.kind, GateKind::Celiac | GateKind::Allergy);
    if by_allergen && keys_of_allergen(&raw.keys[0]).is_none() {
        return invalid(&raw.rule, "is about an allergen, and its first key is none");
    }
    Ok(GateRule {
        kind: raw.kind,
        code,
        subjects: raw.keys.clone(),
        keys: keys_of(&raw.rule, &raw.keys)?,
        about: raw.about.clone().unwrap_or_else(|| label_of(&raw.keys)),
        ambiguous_excludes: raw.ambiguous_excludes,
        traces_caution: raw.traces_caution,
        advice: raw.advice.clone(),
        scope: scope_of!(raw),
        source: cite.of(&raw.rule, &raw.source, raw.status)?,
    })
}

fn serving(raw: &raw::Serving, cite: &Citations) -> Result<ServingRule, PackError> {
    let read = |text: &Option<String>| -> Result<Option<i64>, PackError> {
        text.as_deref().map(|text| amount(&raw.rule, raw.nutrient, text)).transpose()
    };
    let (exclude_above, mark_above) = (read(&raw.exclude_above)?, read(&raw.mark_above)?);
    if exclude_above.is_some() == mark_above.is_some() {
        return invalid(&raw.rule, "needs exactly one of `exclude_above` and `mark_above`");
    }
    if mark_above.is_some() && raw.unknown.is_some() {
        return invalid(&raw.rule, "a mark says nothing about what is not stated");
    }
    Ok(ServingRule {
        nutrient: raw.nutrient,
        basis: raw.basis.unwrap_or(Basis::Reference),
        exclude_above,
        mark_above,
        unknown: raw.unknown.unwrap_or(UnknownAmount::Unverified),
        replaced_by_limit: raw.replaced_by_limit,
        scope: scope_of!(raw),
        source: cite.of(&raw.rule, &raw.source, raw.status)?,
    })
}

fn warning(raw: &raw::Warning, cite: &Citations) -> Result<WarningRule, PackError> {
    if !raw.code.starts_with("WN_") {
        return invalid(&raw.rule, format!("`{}` is not a code of warnings", raw.code));
    }
    let test = match (raw.nutrient, &raw.at_least, raw.fat_percent_energy) {
        (None, None, None) => None,
        (Some(nutrient), Some(text), None) => {
            Some(AmountTest::AtLeast { nutrient, amount: amount(&raw.rule, nutrient, text)? })
        }
        (None, None, Some(percent @ 1..=100)) => Some(AmountTest::FatAbovePercentOfEnergy { percent }),
        _ => {
            return invalid(
                &raw.rule,
                "needs `nutrient` with `at_least`, or `fat_percent_energy`, or neither",
            );
        }
    };
    if raw.keys.is_empty() && !raw.drinks_only && test.is_none() {
        return invalid(&raw.rule, "would fire for every product");
    }
    let Some(about) = raw.about.clone().or_else(|| (!raw.keys.is_empty()).then(|| label_of(&raw.keys)))
    else {
        return invalid(&raw.rule, "needs `about`, since it names no key");
    };
    Ok(WarningRule {
        code: raw.code.clone(),
        subjects: raw.keys.clone(),
        keys: keys_of(&raw.rule, &raw.keys)?,
        drinks_only: raw.drinks_only,
        test,
        about,
        advice: raw.advice.clone(),
        scope: scope_of!(raw),
        source: cite.of(&raw.rule, &raw.source, raw.status)?,
    })
}

fn notice(raw: &raw::Notice, cite: &Citations) -> Result<NoticeRule, PackError> {
    if raw.sentence.trim().is_empty() || !raw.sentence.ends_with('.') {
        return invalid(&raw.rule, "a notice is a sentence");
    }
    for code in &raw.diets {
        diet(&raw.rule, code)?;
    }
    Ok(NoticeRule {
        code: raw.code.clone(),
        sentence: raw.sentence.clone(),
        diets: raw.diets.clone(),
        scope: scope_of!(raw),
        source: cite.of(&raw.rule, &raw.source, raw.status)?,
    })
}

/// The names of keys in a sentence: "milk or egg".
fn label_of(codes: &[String]) -> String {
    let labels: Vec<&str> = codes
        .iter()
        .map(|code| match EvidenceKey::from_code(code) {
            Some(key) => key.label(),
            None => code.as_str(),
        })
        .collect();
    labels.join(" or ")
}
