//! FHIR R4 in: from a bundle to a proposal, code by code, and from a proposal to a profile.
//!
//! Owns: `data/fhir`. Promises: pure, no panic on any input, the same proposal for the same bundle, profile,
//! rule pack and day; every resource of the kinds read ends in exactly one list of the proposal, with its
//! reason and its place; an allergy that cannot be read, or that means nothing to us, blocks until a person
//! decides; nothing that a profile holds is taken away or made looser. Emits: nothing. Never: applies
//! anything by itself, infers a food from a group or a diagnosis from a diet, reads a gender as a sex.
//!
//! It lives beside the rule packs, not beside the readers of tables: what it asks of each code is what the
//! engine makes of it, and it needs neither decoding nor rows.
//!
//! ```text
//! Bundle::read → propose → (a person's Decisions) → settle
//! ```

pub mod limits;

mod allergies;
mod bundle;
mod codes;
mod conditions;
mod dates;
mod decisions;
mod diet_codes;
mod draft;
mod lines;
mod measurements;
mod medications;
mod model;
mod orders;
mod patient;
mod person;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use odyssey_types::{AllergyEntry, HealthProfile};

pub use bundle::{Bundle, BundleError};
pub use codes::Code;
pub use decisions::{Decision, DecisionError, Decisions, RejectReason, Verdict};
pub use lines::{Change, Line, LineStatus, NotRead, Note, Proposal, Reason};
pub use person::{ImportedPerson, KnownPerson, PatientRefusal, PersonError, imported_person};
pub use settle::{Settled, settle, settle_unattended};

use crate::RulePack;
use draft::{Draft, Place};
use limits::LINES_MAX;

/// What a proposal is made against.
#[derive(Debug, Clone, Copy)]
pub struct ProposalInput<'a> {
    pub known: &'a KnownPerson,
    /// A person has looked at the patient of the bundle and says that it is the customer.
    pub patient_confirmed: bool,
    /// The profile as it stands.
    pub profile: &'a HealthProfile,
    /// The day of today.
    pub as_of: NaiveDate,
    pub pack: &'a RulePack,
}

/// Why there is no proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Patient(#[from] PatientRefusal),
}

/// An allergy in words that nobody has mapped: it blocks matching.
pub fn unmapped_allergy(words: &str) -> AllergyEntry {
    allergies::entry(None, Some(words), None)
}

/// What a bundle amounts to for one person.
pub fn propose(bundle: &Bundle, input: &ProposalInput<'_>) -> Result<Proposal, ProposeError> {
    let subject = person::find_subject(bundle, input.known, input.patient_confirmed)?;
    let read = bundle.resources.iter().filter(|r| is_read(r.kind.as_str()) || r.kind.is_empty()).count();
    if read + bundle.unreadable.len() > LINES_MAX {
        return Err(BundleError::TooManyLines { max: LINES_MAX }.into());
    }
    let mut draft = Draft {
        bundle,
        subject,
        profile: input.profile,
        birth_date: input.known.birth_date,
        as_of: input.as_of,
        pack: input.pack,
        lines: Vec::new(),
    };
    let (mut observations, mut not_read) = (Vec::new(), BTreeMap::<String, usize>::new());
    for (at, resource) in bundle.resources.iter().enumerate() {
        let place = Place(at);
        match resource.kind.as_str() {
            // An allergy counts wherever it stands; anything else that is contained is only referred to.
            "AllergyIntolerance" => allergies::read(&mut draft, place),
            _ if resource.container.is_some() => {}
            "Condition" => conditions::read(&mut draft, place),
            "MedicationStatement" | "MedicationRequest" => medications::read(&mut draft, place),
            "NutritionOrder" => orders::read(&mut draft, place),
            "Observation" => observations.push(place),
            "Patient" if draft.subject.at == Some(at) => patient::read(&mut draft, place),
            "Patient" => {
                let line = draft.line(place);
                draft.settle(line, LineStatus::Ignored, Reason::OtherPatient);
            }
            "" => {
                let line = draft.line(place);
                draft.settle(line, LineStatus::Unusable, Reason::EntryEmpty);
            }
            other => *not_read.entry(codes::shorten(other)).or_default() += 1,
        }
    }
    let others = measurements::read(&mut draft, &observations);
    if others > 0 {
        not_read.insert("Observation".to_owned(), others);
    }
    for pointer in &bundle.unreadable {
        draft.lines.push(empty_entry(pointer, draft.lines.len() + 1));
    }
    let not_read = not_read.into_iter().map(|(resource, count)| NotRead { resource, count }).collect();
    Ok(Proposal { lines: draft.lines, not_read })
}

fn empty_entry(pointer: &str, number: usize) -> Line {
    Line {
        id: format!("line-{number}"),
        resource: String::new(),
        pointer: pointer.to_owned(),
        status: LineStatus::Unusable,
        reason: Reason::EntryEmpty,
        codes: Vec::new(),
        text: None,
        proposes: Vec::new(),
        notes: Vec::new(),
        suggests: Vec::new(),
    }
}

fn is_read(kind: &str) -> bool {
    const READ: [&str; 6] = [
        "AllergyIntolerance",
        "Condition",
        "MedicationStatement",
        "MedicationRequest",
        "NutritionOrder",
        "Patient",
    ];
    READ.contains(&kind)
}
