//! From a proposal and a person's decisions to a profile. What is not decided blocks; what is confirmed is
//! added; nothing that the profile holds is taken away or made looser.

use chrono::NaiveDate;
use odyssey_types::{
    AllergyEntry, AllergySeverity, CodeSystem, ConditionEntry, DietEntry, DietKind, HealthProfile, Sex,
    Strictness,
};
use serde::{Deserialize, Serialize};

use super::limits::{ALLERGENS_MAX, NOTE_CHARS_MAX};
use super::{Change, Line, Note, Proposal, allergies};
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

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub profile: HealthProfile,
    /// For a customer who has none.
    pub birth_date: Option<NaiveDate>,
    /// Lines applied as they are or as they were mapped.
    pub applied: usize,
    /// Lines turned down, by reason.
    pub rejected: Vec<RejectReason>,
    /// Lines said to be no food.
    pub not_food: usize,
    /// Lines that were not confirmed.
    pub left_out: usize,
}

/// Applies a proposal to a profile by a person's decisions.
pub fn settle(
    proposal: &Proposal,
    decisions: &Decisions,
    current: &HealthProfile,
    pack: &RulePack,
) -> Result<Settled, Vec<DecisionError>> {
    let errors = check(proposal, decisions, pack);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut settled = Settled {
        profile: current.clone(),
        birth_date: None,
        applied: 0,
        rejected: Vec::new(),
        not_food: 0,
        left_out: 0,
    };
    for line in proposal.lines.iter().filter(|line| !line.proposes.is_empty()) {
        let decision = decisions.decisions.iter().find(|d| d.line == line.id);
        let confirmed = decisions.confirm.as_ref().is_none_or(|ids| ids.contains(&line.id));
        match decision.map(|d| &d.verdict) {
            Some(Verdict::NotFood) => settled.not_food += 1,
            Some(Verdict::Reject { reason, .. }) => settled.rejected.push(*reason),
            Some(verdict) => {
                settled.applied += 1;
                mapped_by(line, verdict).into_iter().for_each(|change| settled.apply(change));
            }
            None if confirmed => {
                settled.applied += 1;
                line.proposes.iter().cloned().for_each(|change| settled.apply(change));
            }
            None => settled.left_out += 1,
        }
    }
    Ok(settled)
}

/// Applies a proposal that nobody looks at. What only words name stays in words, so that it blocks until
/// somebody confirms it.
pub fn settle_unattended(proposal: &Proposal, current: &HealthProfile) -> Settled {
    let mut settled = Settled {
        profile: current.clone(),
        birth_date: None,
        applied: 0,
        rejected: Vec::new(),
        not_food: 0,
        left_out: 0,
    };
    for line in proposal.lines.iter().filter(|line| !line.proposes.is_empty()) {
        settled.applied += 1;
        let guessed = line.is_food_constraint() && line.notes.contains(&Note::FromWords);
        if guessed && !is_settled_by_hand(line, current) {
            settled.apply(allergies::unmapped_entry(line.text.as_deref(), severity_of(line)));
        } else {
            line.proposes.iter().cloned().for_each(|change| settled.apply(change));
        }
    }
    settled
}

/// Whether the profile has the line's words under an allergen: somebody has mapped them before.
fn is_settled_by_hand(line: &Line, profile: &HealthProfile) -> bool {
    line.text.as_deref().is_some_and(|text| mapped_before(text, profile))
}

fn mapped_before(text: &str, profile: &HealthProfile) -> bool {
    let same = |entry: &AllergyEntry| entry.text.as_deref().is_some_and(|t| same_words(t, text));
    profile.allergies.iter().any(|entry| entry.allergen.is_some() && same(entry))
}

/// Whether two texts say the same. Texts without a word (`?`) never do: what stands behind them may differ.
fn same_words(a: &str, b: &str) -> bool {
    let words = super::codes::words(a);
    !words.is_empty() && words == super::codes::words(b)
}

fn check(proposal: &Proposal, decisions: &Decisions, pack: &RulePack) -> Vec<DecisionError> {
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

/// What a line changes once a person has said what it is.
fn mapped_by(line: &Line, verdict: &Verdict) -> Vec<Change> {
    match verdict {
        Verdict::MapAllergens(allergens) => {
            let rest = line.proposes.iter().filter(|change| !matches!(change, Change::Allergies(_)));
            let entries = allergies::entries(allergens, line.text.as_deref(), severity_of(line));
            entries.into_iter().chain(rest.cloned()).collect()
        }
        Verdict::MapCondition(id) => {
            let display = line.text.clone();
            let entry = ConditionEntry { system: CodeSystem::Template, code: id.clone(), display };
            vec![Change::Conditions(entry)]
        }
        Verdict::MapDiet(diet) => {
            let kind = Some(DietKind::Medical);
            let entry = DietEntry { diet: diet.clone(), kind, refuse_may_contain: false, never: false };
            vec![Change::Diets(entry)]
        }
        Verdict::UseSex(sex) => vec![Change::Sex(*sex)],
        Verdict::NotFood | Verdict::Reject { .. } => Vec::new(),
    }
}

fn severity_of(line: &Line) -> Option<AllergySeverity> {
    line.proposes.iter().find_map(|change| match change {
        Change::Allergies(entry) => entry.severity,
        _ => None,
    })
}

impl Settled {
    fn apply(&mut self, change: Change) {
        let profile = &mut self.profile;
        match change {
            Change::Allergies(entry) => add_allergy(profile, entry),
            Change::Conditions(entry) => {
                let same = |c: &ConditionEntry| c.system == entry.system && same_code(&c.code, &entry.code);
                if !profile.conditions.iter().any(same) {
                    profile.conditions.push(entry);
                }
            }
            Change::Medications(entry) => {
                let same = |m: &odyssey_types::MedicationEntry| match (&m.rxnorm, &entry.rxnorm) {
                    (Some(a), Some(b)) => a == b,
                    (None, None) => m.name == entry.name,
                    _ => false,
                };
                if !profile.medications.iter().any(same) {
                    profile.medications.push(entry);
                }
            }
            Change::Diets(entry) => add_diet(profile, entry),
            Change::Limits(limit) => {
                let same = profile
                    .limits
                    .iter_mut()
                    .find(|l| l.nutrient == limit.nutrient && l.period == limit.period);
                match same {
                    Some(stored) => stored.max = stored.max.min(limit.max),
                    None => profile.limits.push(limit),
                }
            }
            Change::HeightCm(height) => profile.height_cm = Some(height),
            Change::WeightKg(weight) => profile.weight_kg = Some(weight),
            Change::Sex(sex) => {
                profile.sex = Some(sex);
            }
            Change::BirthDate(date) => self.birth_date = Some(date),
        }
    }
}

fn same_code(a: &str, b: &str) -> bool {
    let plain = |code: &str| code.trim().replace('.', "").to_uppercase();
    plain(a) == plain(b)
}

/// Adds an allergy, or makes the one that is there as strict as both.
fn add_allergy(profile: &mut HealthProfile, new: AllergyEntry) {
    let Some(allergen) = &new.allergen else {
        let text = new.text.as_deref().unwrap_or_default();
        let noted =
            |e: &AllergyEntry| e.allergen.is_none() && e.text.as_deref().is_some_and(|t| same_words(t, text));
        if !mapped_before(text, profile) && !profile.allergies.iter().any(noted) {
            profile.allergies.push(new);
        }
        return;
    };
    // What was noted in the same words is mapped by this.
    let text = new.text.clone().unwrap_or_default();
    profile
        .allergies
        .retain(|e| e.allergen.is_some() || !e.text.as_deref().is_some_and(|t| same_words(t, &text)));
    let Some(stored) = profile.allergies.iter_mut().find(|e| e.allergen.as_ref() == Some(allergen)) else {
        profile.allergies.push(new);
        return;
    };
    // A missing severity is read as an allergy; from worst to least.
    let of = |severity: Option<AllergySeverity>| severity.unwrap_or(AllergySeverity::Allergy);
    let (was, now) = (of(stored.severity), of(stored.severity).min(of(new.severity)));
    if now != was {
        stored.severity = Some(now);
        // Opt-ins were given for the milder one.
        stored.exempt_allowed = false;
        stored.species_only = false;
        if matches!(stored.strictness, Some(Strictness::Contains | Strictness::MayContain)) {
            stored.strictness = None;
        }
    }
    stored.never |= new.never;
    stored.text = stored.text.take().or(new.text);
}

fn add_diet(profile: &mut HealthProfile, new: DietEntry) {
    let Some(stored) = profile.diets.iter_mut().find(|d| d.diet == new.diet) else {
        profile.diets.push(new);
        return;
    };
    // From strictest; a missing kind is kept as a matter of conscience.
    let rank = |kind: Option<DietKind>| match kind {
        Some(DietKind::Medical) => 0,
        Some(DietKind::Religious) => 1,
        Some(DietKind::Ethical) | None => 2,
        Some(DietKind::Preference) => 3,
    };
    if rank(new.kind) < rank(stored.kind) {
        stored.kind = new.kind;
    }
    stored.refuse_may_contain |= new.refuse_may_contain;
    stored.never |= new.never;
}
