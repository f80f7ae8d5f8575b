use odyssey_types::HealthProfile;
use serde_json::{Value, json};

use super::*;
use crate::fhir::{PersonError, imported_person};

#[test]
fn a_coded_food_allergy_is_mapped_with_its_severity() {
    let peanut = snomed("762952008", "Peanut (substance)");
    check(allergy(json!({ "code": peanut })), &["mapped coded [peanut allergy]"]);
    for severe in [
        json!({ "criticality": "high" }),
        json!({ "reaction": [{ "severity": "severe" }] }),
        json!({ "reaction": [{ "manifestation": [{ "coding": [{ "code": "39579001" }] }] }] }),
        json!({ "reaction": [{ "manifestation": [{ "text": "Anaphylactic shock" }] }] }),
    ] {
        let mut fields = severe;
        fields["code"] = peanut.clone();
        check(allergy(fields), &["mapped coded [peanut anaphylaxis]"]);
    }
    let milk = snomed("264295007", "Cow's milk protein");
    check(allergy(json!({ "code": milk, "type": "intolerance" })), &["mapped coded [milk intolerance]"]);
    check(
        allergy(json!({ "code": milk, "type": "intolerance", "criticality": "high" })),
        &["mapped coded [milk intolerance] (severe_intolerance)"],
    );
    check(allergy(json!({ "code": icd("T78.01XA") })), &["mapped coded [peanut anaphylaxis]"]);
}

#[test]
fn what_is_refuted_or_over_is_no_constraint_and_is_listed() {
    let peanut = snomed("762952008", "Peanut");
    let status = |code: &str| json!({ "coding": [{ "code": code }] });
    for (field, code, expected) in [
        ("verificationStatus", "refuted", "ignored refuted"),
        ("verificationStatus", "entered-in-error", "ignored entered_in_error"),
        ("clinicalStatus", "resolved", "ignored not_active"),
        ("clinicalStatus", "inactive", "ignored not_active"),
        ("clinicalStatus", "on-the-moon", "mapped coded [peanut allergy]"),
        ("verificationStatus", "unconfirmed", "mapped coded [peanut allergy] (unconfirmed)"),
    ] {
        check(allergy(json!({ "code": peanut, field: status(code) })), &[expected]);
    }
    check(
        allergy(json!({ "code": snomed("716186003", "No Known Allergy (situation)") })),
        &["ignored negation"],
    );
    check(
        allergy(json!({ "code": snomed("409137002", "No Known Drug Allergy (situation)") })),
        &["ignored negation"],
    );
    check(allergy(json!({ "code": { "text": "NKDA" } })), &["ignored negation"]);
    check(
        allergy(json!({ "code": { "text": "No known allergies except to peanuts" } })),
        &["mapped worded [peanut allergy] (from_words)"],
    );
    check(
        allergy(json!({ "code": snomed("716186003", "No known allergy"), "category": ["food"] })),
        &["ignored negation"],
    );
}

#[test]
fn what_is_no_food_is_listed_as_such() {
    check(
        allergy(json!({ "code": snomed("111088007", "Latex (substance)"), "category": ["environment"] })),
        &["not_food not_food_by_code (cross_reacts)"],
    );
    check(allergy(json!({ "code": snomed("256277009", "Grass pollen") })), &["not_food not_food_by_code"]);
    let rxnorm = |code: &str, display: &str| json!({ "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": display }] });
    check(
        allergy(json!({ "code": rxnorm("1191", "Aspirin"), "category": ["medication"] })),
        &["not_food not_food_by_category"],
    );
    check(allergy(json!({ "code": rxnorm("1191", "Aspirin") })), &["not_food drug_by_code"]);
    check(allergy(json!({ "code": { "text": "House dust" } })), &["not_food not_food_by_words"]);
    // A drug that is made of a food, and a food that somebody filed under the surroundings.
    check(
        allergy(json!({ "code": rxnorm("1", "Peanut oil"), "category": ["medication"] })),
        &["mapped worded [peanut allergy] (from_words)"],
    );
    check(
        allergy(json!({ "code": snomed("762952008", "Peanut"), "category": ["environment"] })),
        &["mapped coded [peanut allergy]"],
    );
    // Latex, but recorded as a food allergy.
    check(
        allergy(json!({ "code": snomed("111088007", "Latex"), "category": ["food"] })),
        &["unmapped contradicts [“Latex” allergy] (cross_reacts)"],
    );
}

#[test]
fn what_means_nothing_to_us_blocks() {
    check(
        allergy(json!({ "code": snomed("1", "Moon dust"), "category": ["food"] })),
        &["unmapped food_unmapped [“Moon dust” allergy]"],
    );
    check(
        allergy(json!({ "code": snomed("1", "Moon dust"), "criticality": "high" })),
        &["unmapped kind_unstated [“Moon dust” anaphylaxis]"],
    );
    check(
        allergy(
            json!({ "code": snomed("414285001", "Allergy to food"), "reaction": [{ "substance": { "text": "Sesame" } }] }),
        ),
        &["unmapped group_only [“Allergy to food” allergy] → sesame"],
    );
    check(allergy(json!({})), &["unmapped kind_unstated [“an allergy recorded without words” allergy]"]);
    check(
        json!({ "resourceType": "AllergyIntolerance", "code": 5 }),
        &["unmapped allergy_unreadable [“an allergy recorded without words” -]"],
    );
    check(
        json!({ "resourceType": "AllergyIntolerance", "category": "food", "code": snomed("762952008", "Peanut") }),
        &["unmapped allergy_unreadable [“Peanut” -]"],
    );
}

#[test]
fn code_and_display_that_disagree_count_both() {
    check(
        allergy(json!({ "code": snomed("425525006", "Allergy to soya") })),
        &["mapped coded [milk allergy, soy allergy] (DQ_CODE_DISPLAY_MISMATCH)"],
    );
    check(
        allergy(json!({ "code": snomed("762952008", "Something else") })),
        &["unmapped contradicts [“Something else” allergy] (DQ_CODE_DISPLAY_MISMATCH) → peanut"],
    );
    check(
        allergy(json!({ "code": snomed("716186003", "Peanut allergy") })),
        &["mapped coded [peanut allergy] (DQ_CODE_DISPLAY_MISMATCH)"],
    );
    let many: Vec<Value> =
        (0..25).map(|_| json!({ "system": "http://snomed.info/sct", "code": "762952008" })).collect();
    check(
        allergy(json!({ "code": { "coding": many } })),
        &["unmapped contradicts [“762952008” allergy] → peanut"],
    );
}

#[test]
fn a_type_in_another_case_is_read_all_the_same() {
    let mut resource = allergy(json!({ "code": snomed("762952008", "Peanut") }));
    resource["resourceType"] = json!("allergyintolerance");
    check(resource, &["mapped coded [peanut allergy]"]);
}

#[test]
fn words_name_a_food_only_until_somebody_confirms() {
    let words = allergy(json!({ "code": { "text": "Allergic to fresh fish. Tolerates canned fish" } }));
    check(words.clone(), &["mapped worded [fish allergy] (from_words)"]);
    assert!(proposal(&[words]).awaits_decision());
    assert!(proposal(&[allergy(json!({ "code": snomed("762952008", "Peanut") }))]).awaits_decision());
    assert!(proposal(&[allergy(json!({ "code": { "text": "moon dust" } }))]).awaits_decision());
}

#[test]
fn an_allergy_about_another_person_is_listed_and_one_about_nobody_counts() {
    let peanut = snomed("762952008", "Peanut");
    let other = json!({ "resourceType": "Patient", "id": "bob" });
    let about = |reference: &str| allergy(json!({ "code": peanut, "patient": { "reference": reference } }));
    let lines = |reference: &str| -> Vec<String> {
        let value = bundle(&[other.clone(), about(reference)]);
        let proposal = try_propose(value, &known(), false, &HealthProfile::default()).expect("a proposal");
        allergy_lines(&proposal).map(shown).collect()
    };
    assert_eq!(lines("Patient/ada"), ["mapped coded [peanut allergy]"]);
    assert_eq!(lines("https://ehr.example/fhir/Patient/ada/_history/3"), ["mapped coded [peanut allergy]"]);
    assert_eq!(lines("Patient/bob"), ["ignored other_patient"]);
    assert_eq!(lines("Patient/nobody"), ["mapped coded [peanut allergy] (patient_unresolved)"]);
}

#[test]
fn allergies_are_found_inside_other_resources_and_bundles() {
    let contained = json!({
        "resourceType": "NutritionOrder", "status": "active", "patient": { "reference": "Patient/ada" },
        "contained": [{ "resourceType": "AllergyIntolerance", "id": "a", "code": snomed("762952008", "Peanut") }],
        "allergyIntolerance": [{ "reference": "#a" }, { "reference": "AllergyIntolerance/b", "display": "Cashew Nuts" }],
    });
    let inner = bundle(&[allergy(json!({ "code": snomed("260167008", "Sesame") }))]);
    let outer = json!({ "resourceType": "Bundle", "type": "batch-response", "entry": [
        { "resource": inner, "response": { "status": "200" } }, { "resource": contained }] });
    let proposal = try_propose(outer, &known(), false, &HealthProfile::default()).expect("a proposal");
    let lines: Vec<(String, String)> =
        proposal.lines.iter().map(|line| (line.pointer.clone(), shown(line))).collect();
    let expected = [
        ("/entry/0/resource/entry/1/resource", "mapped coded [sesame allergy]"),
        ("/entry/1/resource/allergyIntolerance/1", "mapped worded [nut -, tree_nut.cashew -] (from_words)"),
        ("/entry/1/resource/contained/0", "mapped coded [peanut allergy] (patient_unresolved)"),
    ];
    assert_eq!(lines, expected.map(|(pointer, line)| (pointer.to_owned(), line.to_owned())));
}

fn condition(fields: Value) -> Value {
    let mut resource = json!({
        "resourceType": "Condition", "subject": { "reference": "Patient/ada" },
        "clinicalStatus": { "coding": [{ "code": "active" }] },
    });
    let (Value::Object(all), Value::Object(fields)) = (&mut resource, fields) else { panic!("objects") };
    all.extend(fields);
    resource
}

#[test]
fn a_condition_is_mapped_by_prefix_or_exact_code_when_it_is_active() {
    check(condition(json!({ "code": icd("E11.65") })), &["mapped coded [icd10cm E11.65]"]);
    check(condition(json!({ "code": icd("e1165") })), &["mapped coded [icd10cm e1165]"]);
    check(
        condition(json!({ "code": snomed("38341003", "Hypertension") })),
        &["mapped coded [snomed 38341003]"],
    );
    let both = json!({ "coding": [
        { "system": "http://snomed.info/sct", "code": "38341003" },
        { "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10" },
        { "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I11.0" }] });
    check(condition(json!({ "code": both })), &["mapped coded [snomed 38341003, icd10cm I11.0]"]);
    check(
        condition(json!({ "code": snomed("160903007", "Full-time employment (finding)") })),
        &["unmapped no_rule [snomed 160903007]"],
    );
    check(condition(json!({ "code": { "text": "Asthma" } })), &["unmapped text_only [text Asthma]"]);
    check(condition(json!({})), &["unusable resource_empty"]);
    check(condition(json!({ "code": "I10" })), &["unusable unreadable"]);
    let status = |code: &str| json!({ "coding": [{ "code": code }] });
    for (fields, expected) in [
        (json!({ "clinicalStatus": status("relapse") }), "mapped coded [icd10cm I10]"),
        (json!({ "clinicalStatus": status("remission") }), "ignored not_active"),
        (json!({ "clinicalStatus": status("resolved") }), "ignored not_active"),
        (json!({ "clinicalStatus": null }), "mapped coded [icd10cm I10] (status_missing)"),
        (json!({ "verificationStatus": status("refuted") }), "ignored refuted"),
        (json!({ "verificationStatus": status("entered-in-error") }), "ignored entered_in_error"),
        (json!({ "verificationStatus": status("provisional") }), "mapped coded [icd10cm I10] (unconfirmed)"),
    ] {
        let mut fields = fields;
        fields["code"] = icd("I10");
        check(condition(fields), &[expected]);
    }
}

#[test]
fn a_diagnosis_of_a_food_allergy_is_one() {
    check(condition(json!({ "code": icd("Z91.010") })), &["mapped coded [peanut -]"]);
    check(
        condition(json!({ "code": snomed("91935009", "Allergy to peanut") })),
        &["mapped coded [peanut -]"],
    );
    check(
        condition(json!({ "code": { "text": "Peanut allergy" } })),
        &["mapped worded [peanut -] (from_words)"],
    );
    check(
        condition(json!({ "code": { "text": "Anaphylaxis due to egg" } })),
        &["mapped worded [egg anaphylaxis] (from_words)"],
    );
    check(
        condition(json!({ "code": snomed("446096008", "Perennial allergic rhinitis") })),
        &["unmapped no_rule [snomed 446096008]"],
    );
    let dust = proposal(&[condition(json!({ "code": { "text": "Allergy to moon dust" } }))]);
    assert!(dust.awaits_decision(), "what is not understood blocks");
    let group = proposal(&[condition(json!({ "code": icd("T78.1XXA") }))]);
    let line = group.lines.last().expect("a line");
    assert!(is(line, LineStatus::Unmapped) && line.awaits_decision(), "{}", shown(line));
}

fn medication(fields: Value) -> Value {
    let mut resource = json!({
        "resourceType": "MedicationStatement", "status": "active", "subject": { "reference": "Patient/ada" } });
    let (Value::Object(all), Value::Object(fields)) = (&mut resource, fields) else { panic!("objects") };
    all.extend(fields);
    resource
}

fn rxnorm(code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": display }] })
}

#[test]
fn a_drug_is_known_by_its_ingredient_or_by_its_name_in_the_product() {
    let with = |concept: Value| medication(json!({ "medicationCodeableConcept": concept }));
    check(with(rxnorm("11289", "warfarin")), &["mapped coded [11289 warfarin]"]);
    check(
        with(rxnorm("855332", "Warfarin Sodium 5 MG Oral Tablet")),
        &["mapped coded [855332 Warfarin Sodium 5 MG Oral Tablet]"],
    );
    check(
        with(rxnorm("1", "Moonbeam 5 MG Oral Tablet")),
        &["unmapped no_rule [1 Moonbeam 5 MG Oral Tablet] (drug_unrecognised)"],
    );
    check(with(json!({})), &["unusable resource_empty"]);
    check(medication(json!({})), &["unusable reference_unresolved"]);
    check(
        medication(json!({ "medicationReference": { "reference": "#m" }, "contained": [{
            "resourceType": "Medication", "id": "m", "code": { "text": "Night pill" },
            "ingredient": [{ "itemCodeableConcept": rxnorm("11289", "warfarin") }] }] })),
        &["mapped coded [- Night pill, 11289 warfarin] (drug_unrecognised)"],
    );
}

#[test]
fn only_what_is_taken_now_counts_and_what_acts_on() {
    let warfarin =
        json!({ "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "11289" }] });
    for (fields, expected) in [
        (json!({ "status": "completed" }), "ignored status_not_current"),
        (json!({ "status": "on-hold" }), "ignored status_not_current"),
        (json!({ "status": "entered-in-error" }), "ignored entered_in_error"),
        (json!({ "effectivePeriod": { "end": "2026-11-25" } }), "ignored over"),
        (json!({ "effectivePeriod": { "end": "2026-11" } }), "mapped coded [11289 11289]"),
        (json!({ "status": "unknown" }), "mapped coded [11289 11289] (status_missing)"),
        (json!({ "resourceType": "MedicationRequest", "intent": "plan" }), "ignored not_an_order"),
        (json!({ "resourceType": "MedicationRequest", "doNotPerform": true }), "ignored not_an_order"),
        (json!({ "resourceType": "MedicationRequest", "intent": "order" }), "mapped coded [11289 11289]"),
    ] {
        let mut fields = fields;
        fields["medicationCodeableConcept"] = warfarin.clone();
        check(medication(fields), &[expected]);
    }
    for (end, expected) in [
        (json!({ "end": "2026-11-20" }), "mapped coded [8123 Phenelzine 15 MG] (wash_out)"),
        (json!({}), "mapped coded [8123 Phenelzine 15 MG] (wash_out)"),
        (json!({ "end": "2026-11-01" }), "ignored status_not_current"),
    ] {
        let stopped = medication(json!({ "status": "stopped", "effectivePeriod": end,
            "medicationCodeableConcept": rxnorm("8123", "Phenelzine 15 MG") }));
        check(stopped, &[expected]);
    }
}

fn observation(code: &str, value: Value, unit: &str, date: &str) -> Value {
    json!({
        "resourceType": "Observation", "status": "final", "subject": { "reference": "Patient/ada" },
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] }, "effectiveDateTime": date,
        "valueQuantity": { "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit },
    })
}

#[test]
fn measurements_are_converted() {
    for (code, value, unit, expected) in [
        ("8302-2", json!(172.5), "cm", "mapped measured [172.5 cm]"),
        ("8302-2", json!(1.7), "m", "mapped measured [170 cm]"),
        ("8302-2", json!(66.89999999999999), "[in_i]", "mapped measured [169.9 cm] (rounded)"),
        ("8302-2", json!(70), "[in_i]", "mapped measured [177.8 cm]"),
        ("29463-7", json!(70), "kg", "mapped measured [70 kg]"),
        ("29463-7", json!(70500), "g", "mapped measured [70.5 kg]"),
        ("29463-7", json!(185), "[lb_av]", "mapped measured [83.915 kg] (rounded)"),
        ("29463-7", json!(70), "[stone_av]", "unusable unit_unknown"),
        ("29463-7", json!(7), "kg", "unusable out_of_range"),
        ("8302-2", json!(0), "cm", "unusable out_of_range"),
        ("8302-2", json!(-170), "cm", "unusable out_of_range"),
        ("8302-2", json!(1e300), "cm", "unusable out_of_range"),
        ("8302-2", json!(null), "cm", "unusable value_missing"),
        ("8302-2", json!("170"), "cm", "unusable unreadable"),
    ] {
        check(observation(code, value, unit, "2026-01-01"), &[expected]);
    }
}

#[test]
fn the_latest_measurement_counts() {
    let heights = [
        observation("8302-2", json!(160), "cm", "2019"),
        observation("8302-2", json!(171), "cm", "2024-05-01T08:00:00+02:00"),
        observation("8302-2", json!(170), "cm", "2024-05"),
        observation("8302-2", json!(190), "cm", "2027-01-01"),
        observation("29463-7", json!(70), "kg", "2024-01-01"),
        observation("8867-4", json!(60), "/min", "2024-01-01"),
    ];
    let proposal = proposal(&heights);
    let lines: Vec<String> = proposal.lines.iter().map(shown).collect();
    assert_eq!(
        lines,
        [
            "ignored in_future",
            "ignored superseded",
            "mapped measured [171 cm]",
            "ignored superseded",
            "mapped measured [70 kg]",
        ]
    );
    assert_eq!(proposal.not_read[0].count, 1, "the pulse");
    let profile = HealthProfile {
        height_cm: Some(odyssey_types::Fixed(1710)),
        weight_kg: Some(odyssey_types::Fixed(71_000)),
        ..HealthProfile::default()
    };
    let again = try_propose(bundle(&heights[1..]), &known(), false, &profile).expect("a proposal");
    let lines: Vec<String> = again.lines.iter().map(shown).collect();
    assert!(lines.contains(&"ignored already_known".to_owned()), "{lines:?}");
    assert!(lines.contains(&"mapped measured [70 kg] (replaces)".to_owned()), "{lines:?}");
}

#[test]
fn a_child_is_not_held_to_the_ranges_of_adults() {
    let mut value = bundle(&[observation("29463-7", json!(7), "kg", "2026-01-01")]);
    value["entry"][0]["resource"]["birthDate"] = json!("2025-11-01");
    let child = try_propose(value, &known(), false, &HealthProfile::default()).expect("a proposal");
    let lines: Vec<String> = child.lines.iter().map(shown).collect();
    assert_eq!(lines, ["mapped first_birth_date [born 2025-11-01]", "mapped measured [7 kg]"]);
}

fn order(fields: Value) -> Value {
    let mut resource = json!({
        "resourceType": "NutritionOrder", "status": "active", "intent": "order", "patient": { "reference": "Patient/ada" } });
    let (Value::Object(all), Value::Object(fields)) = (&mut resource, fields) else { panic!("objects") };
    all.extend(fields);
    resource
}

#[test]
fn an_order_brings_diets_and_exclusions() {
    let hl7 = |code: &str| json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/diet", "code": code }] });
    check(
        order(json!({
            "foodPreferenceModifier": [hl7("halal"), hl7("vegan")],
            "excludeFoodModifier": [snomed("227493005", "Cashew Nut"), { "text": "moon dust" }],
            "oralDiet": { "type": [snomed("160671006", "Gluten free diet"), snomed("226201008", "Peanut-free diet")] },
        })),
        &[
            "mapped coded [tree_nut.cashew -]",
            "unmapped exclusion_unmapped [“moon dust” -]",
            "mapped coded [halal religious]",
            "mapped coded [vegan -]",
            "mapped coded [gluten_free medical]",
            "mapped coded [peanut -]",
        ],
    );
    check(
        order(json!({ "oralDiet": {
            "type": [snomed("160670007", "Diabetic diet"), snomed("226208002", "Fluid restricted diet")],
            "nutrient": [
                { "modifier": snomed("39972003", "Sodium"), "amount": { "value": 2, "code": "g" } },
                { "modifier": snomed("2331003", "Carbohydrate"), "amount": { "value": 75, "code": "g" } }] } })),
        &[
            "unmapped diet_unmapped [text Diabetic diet] → condition:t2dm",
            "unmapped diet_unmapped [text Fluid restricted diet]",
            "mapped coded [sodium_mg ≤ 2000]",
            "unmapped amount_unread",
        ],
    );
    check(
        order(json!({ "status": "revoked", "excludeFoodModifier": [{ "text": "x" }] })),
        &["ignored status_not_current"],
    );
    check(order(json!({ "intent": "proposal" })), &["ignored not_an_order"]);
    check(order(json!({ "enteralFormula": {} })), &["ignored resource_empty"]);
}

#[test]
fn a_gender_is_administrative() {
    let with = |fields: Value, profile: &HealthProfile| -> Vec<String> {
        let mut value = bundle(&[]);
        let (Value::Object(patient), Value::Object(fields)) = (&mut value["entry"][0]["resource"], fields)
        else {
            panic!("objects")
        };
        patient.extend(fields);
        let proposal = try_propose(value, &known(), false, profile).expect("a proposal");
        proposal.lines.iter().map(shown).collect()
    };
    let empty = HealthProfile::default();
    assert_eq!(
        with(json!({ "gender": "female" }), &empty),
        ["mapped administrative [sex unspecified] → female"]
    );
    assert_eq!(with(json!({ "gender": "other" }), &empty), ["mapped administrative [sex unspecified]"]);
    let known_sex = HealthProfile { sex: Some(odyssey_types::Sex::Male), ..HealthProfile::default() };
    assert_eq!(with(json!({ "gender": "female" }), &known_sex), ["ignored already_known"]);
    assert_eq!(with(json!({ "birthDate": "1985-12" }), &empty), ["unusable value_missing"]);
    assert_eq!(with(json!({ "deceasedBoolean": true }), &empty), ["unmapped no_rule (deceased)"]);
}

#[test]
fn another_person_is_refused_until_somebody_confirms() {
    let refused = |value: Value, known: &KnownPerson, confirmed| match try_propose(
        value,
        known,
        confirmed,
        &HealthProfile::default(),
    ) {
        Ok(_) => "taken".to_owned(),
        Err(ProposeError::Patient(refusal)) => format!("{} {}", refusal.code(), refusal.pointer()),
        Err(ProposeError::Bundle(error)) => error.code().to_owned(),
    };
    let other = KnownPerson { identifiers: vec!["M-2".to_owned()], birth_date: None };
    let mismatch = "patient_mismatch /entry/0/resource/identifier";
    assert_eq!(refused(bundle(&[]), &other, false), mismatch);
    assert_eq!(refused(bundle(&[]), &other, true), "taken");
    assert_eq!(refused(bundle(&[]), &known(), false), "taken");
    // Nobody is known by nothing.
    assert_eq!(
        refused(bundle(&[]), &KnownPerson { identifiers: vec![" ".to_owned()], birth_date: None }, false),
        mismatch
    );
    let day = |text: &str| text.parse().ok();
    let mut born = bundle(&[]);
    born["entry"][0]["resource"]["birthDate"] = json!("1985-12-10");
    let mut other_day = known();
    other_day.birth_date = day("1985-12-11");
    assert_eq!(refused(born.clone(), &other_day, false), "birth_date_differs /entry/0/resource/birthDate");
    assert_eq!(refused(born.clone(), &other_day, true), "taken");
    other_day.birth_date = day("1985-12-10");
    assert_eq!(refused(born, &other_day, false), "taken");
    let nobody = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Condition", "subject": { "reference": "Patient/a" } } }] });
    assert_eq!(refused(nobody.clone(), &known(), false), "patient_missing /entry");
    assert_eq!(refused(nobody, &known(), true), "taken");
    let several = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Patient", "id": "a" } }, { "resource": { "resourceType": "Patient", "id": "b" } }] });
    assert_eq!(refused(several, &known(), true), "patients_several /entry");
}

#[test]
fn what_is_no_bundle_is_refused_with_its_place() {
    let error =
        |bytes: &[u8]| Bundle::read(bytes).map(|_| ()).map_err(|e| (e.code(), e.pointer().to_owned()));
    assert_eq!(error(b"{"), Err(("not_json", String::new())));
    assert_eq!(error(b"[]"), Err(("not_a_bundle", "/resourceType".to_owned())));
    assert_eq!(error(br#"{"resourceType":"Patient"}"#), Err(("not_a_bundle", "/resourceType".to_owned())));
    assert_eq!(
        error(br#"{"resourceType":"Bundle","type":"history"}"#),
        Err(("bundle_type", "/type".to_owned()))
    );
    assert_eq!(
        error(br#"{"resourceType":"Bundle","entry":{}}"#),
        Err(("entries_unreadable", "/entry".to_owned()))
    );
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(error(deep.as_bytes()), Err(("bundle_too_deep", String::new())));
    let nested = (0..5)
        .fold(json!(null), |inner, _| json!({ "resourceType": "Bundle", "entry": [{ "resource": inner }] }));
    assert_eq!(Bundle::of_value(nested).map_err(|e| e.code()).err(), Some("bundles_nested_too_deep"));
    let many: Vec<Value> = (0..2_001).map(|_| json!({ "resourceType": "Condition" })).collect();
    let error = try_propose(bundle(&many), &known(), false, &HealthProfile::default());
    assert_eq!(error.map(|_| ()), Err(super::super::BundleError::TooManyLines { max: 2_000 }.into()));
}

#[test]
fn an_entry_that_holds_nothing_is_named() {
    let value = json!({ "resourceType": "Bundle", "entry": [
        { "resource": { "resourceType": "Patient", "id": "M-1" } }, { "request": { "method": "DELETE" } }, {}, 5,
        { "resource": { "id": "x" } }, { "resource": [] }] });
    let proposal = try_propose(value, &known(), false, &HealthProfile::default()).expect("a proposal");
    let mut lines: Vec<(String, String)> =
        proposal.lines.iter().map(|line| (line.pointer.clone(), shown(line))).collect();
    lines.sort();
    let empty = "unusable entry_empty".to_owned();
    let expected = ["/entry/2", "/entry/3", "/entry/4/resource", "/entry/5"];
    assert_eq!(lines, expected.map(|pointer| (pointer.to_owned(), empty.clone())));
    assert_eq!(
        proposal.lines.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(),
        ["line-1", "line-2", "line-3", "line-4"]
    );
}

#[test]
fn an_imported_person_is_known_by_one_identifier() {
    let mut value = bundle(&[]);
    let patient = &mut value["entry"][0]["resource"];
    patient["identifier"] = json!([{ "system": "urn:mrn", "value": " 0042 " }]);
    patient["name"] =
        json!([{ "use": "maiden", "family": "Byron" }, { "given": ["Ada", "King"], "family": "Lovelace" }]);
    patient["telecom"] =
        json!([{ "system": "phone", "value": "555" }, { "system": "email", "value": "a@example.org" }]);
    patient["address"] = json!([{ "line": ["1 Road"], "city": "London", "postalCode": "N1" }]);
    patient["birthDate"] = json!("1985-12-10");
    let read =
        |value: &Value, system| imported_person(&Bundle::of_value(value.clone()).expect("a bundle"), system);
    let person = read(&value, Some("urn:mrn")).expect("a person");
    assert_eq!(person.external_id, "0042");
    assert_eq!(person.identity.name.as_deref(), Some("Ada King Lovelace"));
    assert_eq!(person.identity.email.as_deref(), Some("a@example.org"));
    assert_eq!(person.identity.address.as_deref(), Some("1 Road, London, N1"));
    assert_eq!(read(&value, None).map(|p| p.external_id).ok().as_deref(), Some("ada"));
    assert_eq!(read(&value, Some("urn:other")).map(|_| ()), Err(PersonError::NoIdentifier));
    let nobody = json!({ "resourceType": "Bundle" });
    assert_eq!(read(&nobody, None).map(|_| ()), Err(PersonError::NoPatient));
}
