//! Real bundles (Synthea, Apache-2.0; HL7's official examples, CC0), where they are present.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use odyssey_types::HealthProfile;
use serde_json::{Value, json};

use super::*;
use crate::fhir::{PatientRefusal, imported_person, settle_unattended};

fn folder(name: &str) -> Option<Vec<(String, Value)>> {
    let shared = std::env::var_os("ODYSSEY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let mut files: Vec<PathBuf> = std::fs::read_dir(shared.join("patients").join(name))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json" || e == "gz"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let mut text = Vec::new();
        let file = std::fs::File::open(path).expect("the file is there");
        let packed = path.extension().is_some_and(|e| e == "gz");
        let mut reader: Box<dyn Read> =
            if packed { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
        reader.read_to_end(&mut text).expect("the file can be read");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, serde_json::from_slice(&text).expect("the file is JSON"))
    };
    Some(files.iter().map(read).collect())
}

#[test]
fn every_food_allergy_of_the_synthetic_bundles_is_mapped_or_blocks() {
    let Some(bundles) = folder("synthea_59_complete/fhir_r4").filter(|b| !b.is_empty()) else {
        println!("skipped: shared data not present");
        return;
    };
    let mut counts = BTreeMap::<String, usize>::new();
    let mut mapped = Vec::new();
    for (name, value) in bundles {
        let resources = value["entry"].as_array().expect("entries").clone();
        let bundle = Bundle::of_value(value).expect("a bundle");
        let person = imported_person(&bundle, None).expect("one person each");
        let known =
            KnownPerson { identifiers: vec![person.external_id], birth_date: person.identity.birth_date };
        let as_of = chrono::NaiveDate::from_ymd_opt(2026, 11, 26).expect("a day");
        let profile = HealthProfile::default();
        let input = ProposalInput {
            known: &known,
            patient_confirmed: false,
            profile: &profile,
            as_of,
            pack: RulePack::embedded(),
        };
        let proposal = propose(&bundle, &input).expect("the person is known");
        for line in &proposal.lines {
            *counts
                .entry(format!("{} {} {}", line.resource, line.status.as_str(), line.reason.as_str()))
                .or_default() += 1;
        }
        let settled = settle_unattended(&proposal, &profile);
        for (at, entry) in resources.iter().enumerate() {
            let resource = &entry["resource"];
            if resource["resourceType"] != "AllergyIntolerance" {
                continue;
            }
            let pointer = format!("/entry/{at}/resource");
            let lines: Vec<&Line> = proposal.lines.iter().filter(|line| line.pointer == pointer).collect();
            assert_eq!(lines.len(), 1, "{name} {pointer}");
            let line = lines[0];
            let food = resource["category"] == json!(["food"]);
            let expected = if food { LineStatus::Mapped } else { LineStatus::NotFood };
            assert!(is(line, expected), "{name} {pointer}: {}", shown(line));
            assert_eq!(food, line.is_food_constraint());
            if food {
                mapped.extend(line.proposes.iter().map(change));
            }
        }
        assert!(settled.profile.height_cm.is_some() && settled.profile.weight_kg.is_some(), "{name}");
    }
    for (what, count) in counts {
        println!("{count:>5} {what}");
    }
    mapped.sort();
    // What the table of allergies of the same people says: 7 people with a food allergy, 8 allergies.
    assert_eq!(
        mapped,
        [
            "egg allergy",
            "fish allergy",
            "peanut allergy",
            "shellfish allergy",
            "shellfish allergy",
            "shellfish anaphylaxis",
            "soy allergy",
            "wheat allergy"
        ]
    );
}

#[test]
fn every_official_example_is_taken_or_refused_with_a_reason() {
    let Some(examples) = folder("fhir_r4_examples").filter(|e| !e.is_empty()) else {
        println!("skipped: shared data not present");
        return;
    };
    let mut counts = BTreeMap::<String, usize>::new();
    for (name, value) in &examples {
        let is_bundle = value["resourceType"] == "Bundle";
        let wrapped = if is_bundle {
            value.clone()
        } else {
            json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": value }] })
        };
        if !is_bundle {
            let bare = Bundle::of_value(value.clone()).map(|_| ());
            assert_eq!(bare.map_err(|e| e.code()), Err("not_a_bundle"), "{name}");
        }
        match try_propose(wrapped, &KnownPerson::default(), true, &HealthProfile::default()) {
            Ok(proposal) => {
                assert!(is_bundle || proposal.lines.len() + proposal.not_read.len() > 0, "{name} is nowhere");
                for line in &proposal.lines {
                    println!("{name}: {} {} {}", line.resource, line.pointer, shown(line));
                    *counts.entry(line.status.as_str().to_owned()).or_default() += 1;
                }
            }
            Err(ProposeError::Patient(refusal)) => {
                assert_eq!(refusal, PatientRefusal::Several, "{name}");
                println!("{name}: refused, {}", refusal.code());
            }
            Err(ProposeError::Bundle(error)) => {
                println!("{name}: refused, {} at {}", error.code(), error.pointer());
            }
        }
    }
    println!("{} examples: {counts:?}", examples.len());
}
