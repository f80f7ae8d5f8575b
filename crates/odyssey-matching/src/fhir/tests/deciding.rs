use odyssey_types::{AllergyEntry, AllergySeverity, HealthProfile, Sex, Strictness};
use serde_json::{Value, json};

use super::*;
use crate::fhir::{Decision, Decisions, RejectReason, Settled, Verdict, settle, settle_unattended};

fn moon_dust() -> Value {
    allergy(json!({ "code": { "text": "moon dust" }, "category": ["food"], "criticality": "high" }))
}

fn peanut() -> Value {
    allergy(json!({ "code": snomed("762952008", "Peanut") }))
}

fn line_of(proposal: &Proposal, text: &str) -> String {
    let found = proposal.lines.iter().find(|line| line.text.as_deref() == Some(text));
    found.expect("a line").id.clone()
}

fn decide(
    proposal: &Proposal,
    decisions: Decisions,
    current: &HealthProfile,
) -> Result<Settled, Vec<&'static str>> {
    settle(proposal, &decisions, current, RulePack::embedded())
        .map_err(|errors| errors.into_iter().map(|error| error.code).collect())
}

fn one(line: &str, verdict: Verdict) -> Decisions {
    Decisions { confirm: None, decisions: vec![Decision { line: line.to_owned(), verdict }] }
}

fn allergies(profile: &HealthProfile) -> Vec<String> {
    let entry = |e: &AllergyEntry| {
        let what = e.allergen.clone().unwrap_or_else(|| format!("“{}”", e.text.as_deref().unwrap_or("")));
        format!("{what} {}", e.severity.map_or("-", |s| s.as_str()))
    };
    profile.allergies.iter().map(entry).collect()
}

#[test]
fn what_nobody_decides_enters_in_words_and_blocks() {
    let proposal = proposal(&[moon_dust(), peanut()]);
    let settled = decide(&proposal, Decisions::default(), &HealthProfile::default()).expect("settled");
    assert_eq!(allergies(&settled.profile), ["“moon dust” anaphylaxis", "peanut allergy"]);
    let line = line_of(&proposal, "moon dust");
    let mapped = one(&line, Verdict::MapAllergens(vec!["sesame".to_owned(), "milk".to_owned()]));
    let settled = decide(&proposal, mapped, &HealthProfile::default()).expect("settled");
    assert_eq!(allergies(&settled.profile), ["sesame anaphylaxis", "milk anaphylaxis", "peanut allergy"]);
    for (verdict, rejected, not_food) in [
        (Verdict::NotFood, vec![], 1),
        (Verdict::Reject { reason: RejectReason::NotSo, note: None }, vec![RejectReason::NotSo], 0),
    ] {
        let settled = decide(&proposal, one(&line, verdict), &HealthProfile::default()).expect("settled");
        assert_eq!(allergies(&settled.profile), ["peanut allergy"]);
        assert_eq!((settled.rejected, settled.not_food), (rejected, not_food));
    }
}

#[test]
fn a_food_cannot_be_left_out_by_not_mentioning_it() {
    let height = json!({ "resourceType": "Condition", "clinicalStatus": { "coding": [{ "code": "active" }] }, "code": icd("I10") });
    let proposal = proposal(&[moon_dust(), peanut(), height]);
    let none = Decisions { confirm: Some(Vec::new()), decisions: Vec::new() };
    assert_eq!(
        decide(&proposal, none, &HealthProfile::default()).err(),
        Some(vec!["allergy_undecided", "allergy_undecided"])
    );
    let foods = proposal.lines.iter().filter(|l| l.is_food_constraint()).map(|l| l.id.clone()).collect();
    let settled = decide(
        &proposal,
        Decisions { confirm: Some(foods), decisions: Vec::new() },
        &HealthProfile::default(),
    )
    .expect("settled");
    assert_eq!((settled.applied, settled.left_out), (2, 1));
    assert!(settled.profile.conditions.is_empty(), "a condition may be left out");
}

#[test]
fn decisions_that_make_no_sense_are_refused() {
    let proposal = proposal(&[
        moon_dust(),
        json!({ "resourceType": "Condition", "code": icd("I10"),
        "clinicalStatus": { "coding": [{ "code": "active" }] } }),
    ]);
    let dust = line_of(&proposal, "moon dust");
    let other = proposal.lines.iter().find(|l| l.resource == "Condition").expect("a line").id.clone();
    for (line, verdict, code) in [
        ("line-99", Verdict::NotFood, "unknown_line"),
        (&dust, Verdict::MapAllergens(vec!["moonlight".to_owned()]), "unknown_allergen"),
        (&dust, Verdict::MapAllergens(vec![]), "count"),
        (&dust, Verdict::MapCondition("pku".to_owned()), "not_a_condition"),
        (&dust, Verdict::UseSex(Sex::Female), "not_about_sex"),
        (&dust, Verdict::Reject { reason: RejectReason::Other, note: Some(" ".to_owned()) }, "note_missing"),
        (&other, Verdict::NotFood, "not_an_allergy"),
        (&other, Verdict::MapCondition("moon".to_owned()), "unknown_condition"),
        (&other, Verdict::MapDiet("moon".to_owned()), "unknown_diet"),
    ] {
        assert_eq!(
            decide(&proposal, one(line, verdict), &HealthProfile::default()).err(),
            Some(vec![code]),
            "{line}"
        );
    }
    let twice = Decision { line: dust, verdict: Verdict::NotFood };
    let twice = Decisions { confirm: None, decisions: vec![twice.clone(), twice] };
    assert_eq!(decide(&proposal, twice, &HealthProfile::default()).err(), Some(vec!["decided_twice"]));
}

#[test]
fn what_a_profile_holds_is_never_made_looser() {
    let stored = AllergyEntry {
        allergen: Some("peanut".to_owned()),
        text: Some("said so at the counter".to_owned()),
        severity: Some(AllergySeverity::Anaphylaxis),
        strictness: Some(Strictness::ConfirmedFree),
        exempt_allowed: true,
        never: false,
        species_only: false,
    };
    let profile = HealthProfile { allergies: vec![stored.clone()], ..HealthProfile::default() };
    let milder = proposal(&[peanut()]);
    let settled = decide(&milder, Decisions::default(), &profile).expect("settled");
    assert_eq!(settled.profile.allergies, std::slice::from_ref(&stored));
    // And a worse one makes it stricter, whatever was opted into.
    let mild = AllergyEntry {
        severity: Some(AllergySeverity::Intolerance),
        strictness: Some(Strictness::Contains),
        ..stored
    };
    let profile = HealthProfile { allergies: vec![mild], ..HealthProfile::default() };
    let worse = proposal(&[allergy(json!({ "code": snomed("762952008", "Peanut"), "criticality": "high" }))]);
    let settled = decide(&worse, Decisions::default(), &profile).expect("settled");
    let entry = &settled.profile.allergies[0];
    assert_eq!(
        (entry.severity, entry.strictness, entry.exempt_allowed),
        (Some(AllergySeverity::Anaphylaxis), None, false)
    );
    let nothing = proposal(&[]);
    let settled = decide(&nothing, Decisions::default(), &profile).expect("settled");
    assert_eq!(settled.profile, profile, "an empty bundle takes nothing away");
}

#[test]
fn the_same_bundle_again_changes_nothing_and_remembers_what_somebody_mapped() {
    let proposal = proposal(&[moon_dust(), peanut(), allergy(json!({})), allergy(json!({}))]);
    let first = settle_unattended(&proposal, &HealthProfile::default()).profile;
    assert_eq!(settle_unattended(&proposal, &first).profile, first);
    let line = line_of(&proposal, "moon dust");
    let mapped = decide(&proposal, one(&line, Verdict::MapAllergens(vec!["milk".to_owned()])), &first)
        .expect("settled");
    assert!(!allergies(&mapped.profile).contains(&"“moon dust” anaphylaxis".to_owned()));
    assert_eq!(settle_unattended(&proposal, &mapped.profile).profile, mapped.profile);
    // Allergies without words are never taken for one another.
    let wordless = mapped.profile.allergies.iter().filter(|e| e.allergen.is_none()).count();
    assert_eq!(wordless, 1, "{:?}", allergies(&mapped.profile));
}

#[test]
fn words_alone_map_nothing_where_nobody_looks() {
    let fish = allergy(json!({ "code": { "text": "fresh fish" }, "criticality": "high" }));
    let proposal = proposal(&[fish]);
    let unattended = settle_unattended(&proposal, &HealthProfile::default());
    assert_eq!(allergies(&unattended.profile), ["“fresh fish” anaphylaxis"]);
    let attended = decide(&proposal, Decisions::default(), &HealthProfile::default()).expect("settled");
    assert_eq!(allergies(&attended.profile), ["fish anaphylaxis"]);
    // Somebody has confirmed it since.
    assert_eq!(settle_unattended(&proposal, &attended.profile).profile, attended.profile);
}

#[test]
fn an_unmapped_diet_becomes_what_a_person_says() {
    let order = json!({ "resourceType": "NutritionOrder", "status": "active",
        "oralDiet": { "type": [snomed("160670007", "Diabetic diet")] } });
    let proposal = proposal(&[order]);
    let line = line_of(&proposal, "Diabetic diet");
    let undecided = decide(&proposal, Decisions::default(), &HealthProfile::default()).expect("settled");
    assert_eq!(undecided.profile.conditions[0].system.as_str(), "text", "which blocks");
    let condition =
        decide(&proposal, one(&line, Verdict::MapCondition("t2dm".to_owned())), &HealthProfile::default());
    assert_eq!(condition.expect("settled").profile.conditions[0].code, "t2dm");
    let diet = decide(&proposal, one(&line, Verdict::MapDiet("vegan".to_owned())), &HealthProfile::default());
    assert_eq!(diet.expect("settled").profile.diets[0].diet, "vegan");
}
