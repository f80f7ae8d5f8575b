//! Small bundles with their proposals, random ones, and real ones.

mod cases;
mod deciding;
mod property;
mod real;

use odyssey_types::HealthProfile;
use serde_json::{Value, json};

use super::{Bundle, Change, KnownPerson, Line, LineStatus, Proposal, ProposalInput, ProposeError, propose};
use crate::RulePack;

/// A bundle of a patient known as `M-1` and these resources.
pub(super) fn bundle(resources: &[Value]) -> Value {
    let patient = json!({ "resourceType": "Patient", "id": "ada", "identifier": [{ "value": "M-1" }] });
    let entries: Vec<Value> =
        std::iter::once(&patient).chain(resources).map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

pub(super) fn known() -> KnownPerson {
    KnownPerson { identifiers: vec!["M-1".to_owned()], birth_date: None }
}

pub(super) fn try_propose(
    value: Value,
    known: &KnownPerson,
    patient_confirmed: bool,
    profile: &HealthProfile,
) -> Result<Proposal, ProposeError> {
    let bundle = Bundle::of_value(value)?;
    let as_of = chrono::NaiveDate::from_ymd_opt(2026, 11, 26).expect("a day");
    let pack = RulePack::embedded();
    propose(&bundle, &ProposalInput { known, patient_confirmed, profile, as_of, pack })
}

/// The proposal of a bundle about `M-1`, of whom nothing is recorded.
pub(super) fn proposal(resources: &[Value]) -> Proposal {
    try_propose(bundle(resources), &known(), false, &HealthProfile::default()).expect("a proposal")
}

/// A line in one: `mapped coded [peanut anaphylaxis] (note)`.
pub(super) fn shown(line: &Line) -> String {
    let changes: Vec<String> = line.proposes.iter().map(change).collect();
    let notes: Vec<&str> = line.notes.iter().map(|note| note.as_str()).collect();
    let mut text = format!("{} {}", line.status.as_str(), line.reason.as_str());
    if !changes.is_empty() {
        text.push_str(&format!(" [{}]", changes.join(", ")));
    }
    if !notes.is_empty() {
        text.push_str(&format!(" ({})", notes.join(", ")));
    }
    if !line.suggests.is_empty() {
        text.push_str(&format!(" → {}", line.suggests.join(", ")));
    }
    text
}

fn change(change: &Change) -> String {
    match change {
        Change::Allergies(entry) => {
            let what = entry
                .allergen
                .clone()
                .unwrap_or_else(|| format!("“{}”", entry.text.as_deref().unwrap_or("")));
            format!("{what} {}", entry.severity.map_or("-", |severity| severity.as_str()))
        }
        Change::Conditions(entry) => format!("{} {}", entry.system.as_str(), entry.code),
        Change::Medications(entry) => {
            format!("{} {}", entry.rxnorm.as_deref().unwrap_or("-"), entry.name.as_deref().unwrap_or("-"))
        }
        Change::Diets(entry) => {
            format!("{} {}", entry.diet, entry.kind.map_or("-", |kind| kind.as_str()))
        }
        Change::Limits(limit) => format!("{} ≤ {}", limit.nutrient.field(), limit.nutrient.render(limit.max)),
        Change::HeightCm(height) => format!("{} cm", odyssey_types::render_fixed(height.0, 1)),
        Change::WeightKg(weight) => format!("{} kg", odyssey_types::render_fixed(weight.0, 3)),
        Change::Sex(sex) => format!("sex {}", sex.as_str()),
        Change::BirthDate(date) => format!("born {date}"),
    }
}

/// Holds the lines about one resource to what is expected of them.
pub(super) fn check(resource: Value, expected: &[&str]) {
    let proposal = proposal(std::slice::from_ref(&resource));
    let lines: Vec<String> =
        proposal.lines.iter().filter(|line| line.resource != "Patient").map(shown).collect();
    assert_eq!(lines, expected, "{resource}");
}

/// An active, confirmed allergy with these fields besides.
pub(super) fn allergy(fields: Value) -> Value {
    let mut resource = json!({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": { "coding": [{ "code": "active" }] },
        "verificationStatus": { "coding": [{ "code": "confirmed" }] },
        "patient": { "reference": "Patient/ada" },
    });
    let (Value::Object(all), Value::Object(fields)) = (&mut resource, fields) else { panic!("objects") };
    all.extend(fields);
    resource
}

pub(super) fn snomed(code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": "http://snomed.info/sct", "code": code, "display": display }] })
}

pub(super) fn icd(code: &str) -> Value {
    json!({ "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code }] })
}

/// How often each list has a line about an allergy.
pub(super) fn allergy_lines(proposal: &Proposal) -> impl Iterator<Item = &Line> {
    proposal.lines.iter().filter(|line| line.resource == "AllergyIntolerance")
}

pub(super) fn is(line: &Line, status: LineStatus) -> bool {
    line.status == status
}
