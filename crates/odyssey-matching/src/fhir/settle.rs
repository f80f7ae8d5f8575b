//! From a proposal and a person's decisions to a profile. What is not decided blocks; what is confirmed is
//! added; nothing that the profile holds is taken away or made looser.

use chrono::NaiveDate;
use odyssey_types::{
    AllergyEntry, AllergySeverity, CodeSystem, ConditionEntry, DietEntry, DietKind, HealthProfile, Strictness,
};

use super::decisions::check;
use super::{Change, DecisionError, Decisions, Line, Note, Proposal, RejectReason, Verdict, allergies};
use crate::RulePack;

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
                settled.apply_all(mapped_by(line, verdict));
            }
            None if confirmed => {
                settled.applied += 1;
                settled.apply_all(line.proposes.iter().cloned());
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
            settled.apply_all(line.proposes.iter().cloned());
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
    fn apply_all(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.apply(change);
        }
    }

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
