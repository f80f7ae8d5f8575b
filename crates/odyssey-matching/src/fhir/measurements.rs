//! Observations of height and weight: the latest of each, in our units.

use chrono::{DateTime, Days, Utc};
use odyssey_types::{Fixed, HealthProfile, parse_fixed_rounding};

use super::codes::System;
use super::dates::instant;
use super::draft::{Draft, Place};
use super::model::{Observation, Quantity};
use super::{Change, Line, LineStatus, Note, Reason};
use crate::validate_profile;

/// LOINC: body height, measured, stated, estimated, standing, lying.
const HEIGHT: [&str; 6] = ["8302-2", "3137-7", "3138-5", "8301-4", "8308-9", "8306-3"];
/// LOINC: body weight, measured, stated, estimated, without and with clothes.
const WEIGHT: [&str; 6] = ["29463-7", "3141-9", "3142-7", "8335-2", "8351-9", "8350-1"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Height,
    Weight,
}

/// A measurement that may be the latest.
struct Candidate {
    measure: Measure,
    at: Option<DateTime<Utc>>,
    change: Change,
    line: Line,
}

/// Reads every observation of height and weight; gives back how many observations are of something else.
pub(super) fn read(draft: &mut Draft<'_>, places: &[Place]) -> usize {
    let (mut candidates, mut others) = (Vec::new(), 0);
    for place in places {
        match serde_json::from_value::<Observation>(draft.value(*place).clone()) {
            Ok(observation) => match measure_of(&observation) {
                Some(measure) => candidates.extend(read_one(draft, *place, measure, &observation)),
                None => others += 1,
            },
            Err(_) if names_measure(draft.value(*place)) => draft.unreadable(*place),
            Err(_) => others += 1,
        }
    }
    settle(draft, candidates);
    others
}

fn measure_of(observation: &Observation) -> Option<Measure> {
    let code = observation.code.as_ref()?;
    let mut loinc = code.codings().filter(|(system, ..)| *system == System::Loinc).map(|(_, code, _)| code);
    loinc.find_map(|code| match code {
        code if HEIGHT.contains(&code) => Some(Measure::Height),
        code if WEIGHT.contains(&code) => Some(Measure::Weight),
        _ => None,
    })
}

/// Whether one of our codes stands in an observation that cannot be read.
fn names_measure(value: &serde_json::Value) -> bool {
    let codings = value.get("code").and_then(|c| c.get("coding")).and_then(serde_json::Value::as_array);
    codings
        .into_iter()
        .flatten()
        .filter_map(|c| c.get("code")?.as_str())
        .any(|code| HEIGHT.contains(&code) || WEIGHT.contains(&code))
}

fn read_one(
    draft: &mut Draft<'_>,
    place: Place,
    measure: Measure,
    observation: &Observation,
) -> Option<Candidate> {
    let mut line = draft.line(place);
    let concept = observation.code.clone().unwrap_or_default();
    line.codes = concept.shown();
    line.text = concept.name();
    if draft.is_about_another(place, observation.subject.as_ref(), &mut line.notes) {
        draft.settle(line, LineStatus::Ignored, Reason::OtherPatient);
        return None;
    }
    let refused = match observation.status.as_deref() {
        Some("final" | "amended" | "corrected") => None,
        Some("entered-in-error") => Some((LineStatus::Ignored, Reason::EnteredInError)),
        _ => Some((LineStatus::Ignored, Reason::StatusNotCurrent)),
    };
    let refused = refused.or_else(|| {
        draft.has_unknown_modifier(place).then_some((LineStatus::Unusable, Reason::ModifierUnknown))
    });
    let quantity = observation.value_quantity.as_ref();
    let value = quantity.filter(|q| q.comparator.is_none()).ok_or(Reason::ValueMissing);
    let change = value.and_then(|quantity| convert(measure, quantity, &mut line.notes));
    let at = date_of(observation);
    let soon = draft.as_of.checked_add_days(Days::new(1)).unwrap_or(draft.as_of);
    let change = match (refused, change) {
        (Some((status, reason)), _) => Err((status, reason)),
        // A day ahead of UTC is today somewhere.
        (None, _) if at.is_some_and(|at| at.date_naive() > soon) => {
            Err((LineStatus::Ignored, Reason::InFuture))
        }
        (None, Err(reason)) => Err((LineStatus::Unusable, reason)),
        (None, Ok(change)) => Ok(change),
    };
    match change {
        Ok(change) => {
            if at.is_none() {
                line.notes.push(Note::DateMissing);
            }
            Some(Candidate { measure, at, change, line })
        }
        Err((status, reason)) => {
            draft.settle(line, status, reason);
            None
        }
    }
}

fn date_of(observation: &Observation) -> Option<DateTime<Utc>> {
    let period = observation.effective_period.as_ref();
    let dates = [
        observation.effective_date_time.as_deref(),
        observation.effective_instant.as_deref(),
        period.and_then(|p| p.end.as_deref()),
        period.and_then(|p| p.start.as_deref()),
        observation.issued.as_deref(),
    ];
    dates.into_iter().flatten().find_map(instant)
}

/// The value in millimetres or grams, exact but for the last step.
fn convert(measure: Measure, quantity: &Quantity, notes: &mut Vec<Note>) -> Result<Change, Reason> {
    let number = quantity.value.as_ref().ok_or(Reason::ValueMissing)?.to_string();
    let coded = quantity.system.as_deref().is_none_or(|s| s.trim() == "http://unitsofmeasure.org");
    let unit = quantity.code.as_deref().filter(|_| coded).or(quantity.unit.as_deref());
    // Steps of our field in one unit, as a fraction. Exact definitions: lb 0.45359237 kg, in 2.54 cm.
    let (numerator, denominator): (i64, i64) = match (measure, unit.map(str::trim).unwrap_or_default()) {
        (Measure::Height, "cm") => (10, 1),
        (Measure::Height, "mm") => (1, 1),
        (Measure::Height, "m") => (1_000, 1),
        (Measure::Height, "[in_i]" | "[in_us]" | "in" | "inch" | "inches") => (254, 10),
        (Measure::Height, "[ft_i]" | "[ft_us]" | "ft" | "feet") => (3_048, 10),
        (Measure::Weight, "kg") => (1_000, 1),
        (Measure::Weight, "g") => (1, 1),
        (Measure::Weight, "[lb_av]" | "lb" | "lbs" | "pounds") => (45_359_237, 100_000),
        (Measure::Weight, "[oz_av]" | "oz" | "ounces") => (28_349_523_125, 1_000_000_000),
        _ => return Err(Reason::UnitUnknown),
    };
    // Six digits of the number sent: finer than any scale.
    let (scaled, _) = parse_fixed_rounding(&number, 6).map_err(|_| Reason::OutOfRange)?;
    let (top, bottom) = (i128::from(scaled) * i128::from(numerator), i128::from(denominator) * 1_000_000);
    let steps = i64::try_from(divide_half_even(top, bottom)).map_err(|_| Reason::OutOfRange)?;
    if top % bottom != 0 {
        notes.push(Note::Rounded);
    }
    Ok(match measure {
        Measure::Height => Change::HeightCm(Fixed(steps)),
        Measure::Weight => Change::WeightKg(Fixed(steps)),
    })
}

fn divide_half_even(top: i128, bottom: i128) -> i128 {
    let (quotient, rest) = (top.div_euclid(bottom), top.rem_euclid(bottom));
    match (rest * 2).cmp(&bottom) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient % 2,
    }
}

/// Proposes the latest of each measure. Of equally late ones the last in the bundle counts; a dated one
/// counts before one without a date.
fn settle(draft: &mut Draft<'_>, candidates: Vec<Candidate>) {
    let latest = |measure: Measure| {
        let of = candidates.iter().enumerate().filter(|(_, c)| c.measure == measure);
        of.max_by_key(|(at, c)| (c.at, *at)).map(|(at, _)| at)
    };
    let chosen = [latest(Measure::Height), latest(Measure::Weight)];
    let mut trial = HealthProfile { age_years: age_of(draft), ..HealthProfile::default() };
    for (at, mut candidate) in candidates.into_iter().enumerate() {
        if !chosen.contains(&Some(at)) {
            draft.settle(candidate.line, LineStatus::Ignored, Reason::Superseded);
            continue;
        }
        let replaced = apply(&candidate.change, &mut trial, draft.profile);
        if !validate_profile(&trial, draft.pack).is_empty() {
            match candidate.measure {
                Measure::Height => trial.height_cm = None,
                Measure::Weight => trial.weight_kg = None,
            }
            draft.settle(candidate.line, LineStatus::Unusable, Reason::OutOfRange);
            continue;
        }
        match replaced {
            Replaced::Same => draft.settle(candidate.line, LineStatus::Ignored, Reason::AlreadyKnown),
            Replaced::Nothing | Replaced::Other => {
                if replaced == Replaced::Other {
                    candidate.line.notes.push(Note::Replaces);
                }
                candidate.line.proposes = vec![candidate.change];
                draft.settle(candidate.line, LineStatus::Mapped, Reason::Measured);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    Nothing,
    Same,
    Other,
}

fn apply(change: &Change, trial: &mut HealthProfile, stored: &HealthProfile) -> Replaced {
    let compare = |same: bool, known: bool| match (same, known) {
        (true, _) => Replaced::Same,
        (false, true) => Replaced::Other,
        (false, false) => Replaced::Nothing,
    };
    match change {
        Change::HeightCm(height) => {
            trial.height_cm = Some(*height);
            compare(stored.height_cm == Some(*height), stored.height_cm.is_some())
        }
        Change::WeightKg(weight) => {
            trial.weight_kg = Some(*weight);
            compare(stored.weight_kg == Some(*weight), stored.weight_kg.is_some())
        }
        _ => Replaced::Nothing,
    }
}

fn age_of(draft: &Draft<'_>) -> Option<u8> {
    let birth = draft.birth_date.or_else(|| super::person::birth_date_of(&draft.subject.patient));
    let years = birth.and_then(|birth| draft.as_of.years_since(birth));
    years.and_then(|years| u8::try_from(years).ok()).or(draft.profile.age_years)
}
