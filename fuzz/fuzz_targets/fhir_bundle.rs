//! Any bytes as a FHIR bundle: read, proposed, and settled with and without somebody who looks.
//!
//! Run with `cargo +nightly fuzz run fhir_bundle` from the root of the repository; official examples make a
//! good corpus. Each AllergyIntolerance among the lines is in one list, and what may be a food is in the
//! profile or blocks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use odyssey_matching::RulePack;
use odyssey_matching::fhir::{
    Bundle, Decisions, KnownPerson, LineStatus, ProposalInput, imported_person, propose, settle, settle_unattended,
};

fuzz_target!(|data: &[u8]| {
    let Ok(bundle) = Bundle::read(data) else { return };
    // Whether it makes a person is another matter; it must not panic.
    drop(imported_person(&bundle, Some("urn:mrn")));
    let (known, profile, pack) = (KnownPerson::default(), Default::default(), RulePack::embedded());
    let as_of = chrono::NaiveDate::default();
    let input = ProposalInput { known: &known, patient_confirmed: true, profile: &profile, as_of, pack };
    let Ok(proposal) = propose(&bundle, &input) else { return };
    let attended = settle(&proposal, &Decisions::default(), &profile, pack).expect("nothing is decided");
    let unattended = settle_unattended(&proposal, &profile);
    let mut places: Vec<&str> = Vec::new();
    for line in proposal.lines.iter().filter(|line| line.resource == "AllergyIntolerance") {
        assert!(!places.contains(&line.pointer.as_str()), "an allergy is in two lists");
        places.push(&line.pointer);
        if matches!(line.status, LineStatus::Mapped | LineStatus::Unmapped) {
            assert!(line.is_food_constraint() && !attended.profile.allergies.is_empty());
            assert!(!unattended.profile.allergies.is_empty());
        }
    }
});
