//! What a person says about a proposal, and whether it makes sense.

use odyssey_types::Sex;
use serde::{Deserialize, Serialize};

use super::limits::{ALLERGENS_MAX, NOTE_CHARS_MAX};
use super::{Change, Line, Proposal};
use crate::{Diet, RulePack, keys_of_allergen};

/// Why a person turns a line down. Closed, so that the audit trail can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The person has no such allergy or condition.
    NotSo,
    /// The person had it and has outgrown it, as a clinician found.
    Outgrown,
    EnteredInError,
    OtherPerson,
    Duplicate,
    /// It does not matter to what is bought.
    NotRelevant,
    /// The note says why.
    Other,
}

impl RejectReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSo => "not_so",
            Self::Outgrown => "outgrown",
            Self::EnteredInError => "entered_in_error",
            Self::OtherPerson => "other_person",
            Self::Duplicate => "duplicate",
            Self::NotRelevant => "not_relevant",
            Self::Other => "other",
        }
    }
}

/// What a person says about one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is an allergy to these.
    MapAllergens(Vec<String>),
    /// It is this condition template.
    MapCondition(String),
    /// It is this diet.
    MapDiet(String),
    /// It is an allergy to something that is no food.
    NotFood,
    Reject {
        reason: RejectReason,
        note: Option<String>,
    },
    /// Which reference the energy formulas are to use.
    UseSex(Sex),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The line's id.
    pub line: String,
    pub verdict: Verdict,
}

/// What a person says about a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decisions {
    /// Ids of the lines to apply as they are; all of them when absent. A line about a food cannot be left
    /// out: it is confirmed, mapped, or turned down with a reason.
    pub confirm: Option<Vec<String>>,
    pub decisions: Vec<Decision>,
}

/// A decision that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionError {
    /// JSON pointer into the decisions: `/decisions/0/line`.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// Everything about the decisions that cannot be taken.
pub(super) fn check(proposal: &Proposal, decisions: &Decisions, pack: &RulePack) -> Vec<DecisionError> {
    let mut errors = Vec::new();
    let mut fault = |pointer: String, code: &'static str, detail: &str| {
        errors.push(DecisionError { pointer, code, detail: detail.to_owned() });
    };
    let find = |id: &str| proposal.lines.iter().find(|line| line.id == id);
    for (at, id) in decisions.confirm.iter().flatten().enumerate() {
        match find(id) {
            None => fault(format!("/confirm/{at}"), "unknown_line", "the proposal has no such line"),
            Some(line) if line.proposes.is_empty() => {
                fault(format!("/confirm/{at}"), "nothing_proposed", "this line proposes nothing");
            }
            Some(_) => {}
        }
    }
    for (at, decision) in decisions.decisions.iter().enumerate() {
        let Some(line) = find(&decision.line) else {
            fault(format!("/decisions/{at}/line"), "unknown_line", "the proposal has no such line");
            continue;
        };
        if decisions.decisions[..at].iter().any(|earlier| earlier.line == decision.line) {
            fault(format!("/decisions/{at}/line"), "decided_twice", "an earlier decision is about this line");
        }
        if let Err((code, detail)) = check_verdict(line, &decision.verdict, pack) {
            fault(format!("/decisions/{at}"), code, detail);
        }
    }
    let Some(confirmed) = &decisions.confirm else { return errors };
    for line in proposal.lines.iter().filter(|line| line.is_food_constraint()) {
        let decided = decisions.decisions.iter().any(|d| d.line == line.id);
        if !decided && !confirmed.contains(&line.id) {
            let detail = format!(
                "{} is about a food that the person must not eat: confirm it, map it, say that it is no food, or reject it with a reason",
                line.id
            );
            errors.push(DecisionError { pointer: "/confirm".to_owned(), code: "allergy_undecided", detail });
        }
    }
    errors
}

fn check_verdict(
    line: &Line,
    verdict: &Verdict,
    pack: &RulePack,
) -> Result<(), (&'static str, &'static str)> {
    let proposes = |is: fn(&Change) -> bool| line.proposes.iter().any(is);
    let is_condition = proposes(|c| matches!(c, Change::Conditions(_)));
    match verdict {
        Verdict::MapAllergens(_) | Verdict::NotFood if !line.is_food_constraint() => {
            Err(("not_an_allergy", "this line is about no allergy"))
        }
        Verdict::MapAllergens(allergens) => {
            let known = allergens.iter().all(|code| keys_of_allergen(code).is_some());
            match (known, (1..=ALLERGENS_MAX).contains(&allergens.len())) {
                (true, true) => Ok(()),
                (false, _) => Err(("unknown_allergen", "one of these is not an allergen code of ours")),
                (true, false) => Err(("count", "name 1 to 20 allergens")),
            }
        }
        Verdict::NotFood => Ok(()),
        Verdict::MapCondition(_) | Verdict::MapDiet(_) if !is_condition => {
            Err(("not_a_condition", "this line is about no condition and no unmapped diet"))
        }
        Verdict::MapCondition(id) if pack.condition(id).is_none() => {
            Err(("unknown_condition", "this is not a condition template of ours"))
        }
        Verdict::MapDiet(diet) if Diet::from_code(diet).is_none() => {
            Err(("unknown_diet", "this is not a diet code of ours"))
        }
        Verdict::MapCondition(_) | Verdict::MapDiet(_) => Ok(()),
        Verdict::Reject { .. } if line.proposes.is_empty() => {
            Err(("nothing_proposed", "this line proposes nothing"))
        }
        Verdict::Reject { reason: RejectReason::Other, note } if is_blank(note.as_deref()) => {
            Err(("note_missing", "say in the note why it is rejected"))
        }
        Verdict::Reject { note, .. }
            if note.as_deref().is_some_and(|n| n.chars().count() > NOTE_CHARS_MAX) =>
        {
            Err(("too_long", "a note has at most 500 characters"))
        }
        Verdict::Reject { .. } => Ok(()),
        Verdict::UseSex(_) if !proposes(|c| matches!(c, Change::Sex(_))) => {
            Err(("not_about_sex", "this line is not the one about sex"))
        }
        Verdict::UseSex(_) => Ok(()),
    }
}

fn is_blank(note: Option<&str>) -> bool {
    note.is_none_or(|note| note.trim().is_empty())
}
