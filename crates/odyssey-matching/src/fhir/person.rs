//! Whom a bundle is about.

use chrono::NaiveDate;
use odyssey_types::{CustomerIdentity, CustomerStatus};
use unicode_normalization::UnicodeNormalization;

use super::bundle::Bundle;
use super::codes::shorten;
use super::model::{Address, Patient, Reference};

/// What the vendor knows of the customer, to tell whether a bundle is about the same person.
#[derive(Clone, Default)]
pub struct KnownPerson {
    /// External id and member number.
    pub identifiers: Vec<String>,
    pub birth_date: Option<NaiveDate>,
}

impl std::fmt::Debug for KnownPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownPerson(…)")
    }
}

/// Why a bundle is not taken for a person's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatientRefusal {
    /// May be confirmed by a person.
    #[error("no identifier of the patient is the customer's external id or member number")]
    Mismatch { pointer: String },
    /// May be confirmed by a person.
    #[error("the patient's birth date is not the customer's")]
    BirthDateDiffers { pointer: String },
    /// May be confirmed by a person.
    #[error("the bundle has no patient that could be compared with the customer")]
    Missing,
    #[error("the bundle is about several people, and none of them is the customer")]
    Several,
}

impl PatientRefusal {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Mismatch { .. } => "patient_mismatch",
            Self::BirthDateDiffers { .. } => "birth_date_differs",
            Self::Missing => "patient_missing",
            Self::Several => "patients_several",
        }
    }

    pub fn pointer(&self) -> &str {
        match self {
            Self::Mismatch { pointer } | Self::BirthDateDiffers { pointer } => pointer,
            Self::Missing | Self::Several => "/entry",
        }
    }
}

/// The patient of a bundle, found.
#[derive(Clone)]
pub(super) struct Subject {
    /// Its place among the resources; none where the bundle has no patient.
    pub at: Option<usize>,
    pub patient: Patient,
}

/// Finds the patient that is this person. `confirmed`: a person has looked and says that it is.
pub(super) fn find_subject(
    bundle: &Bundle,
    known: &KnownPerson,
    confirmed: bool,
) -> Result<Subject, PatientRefusal> {
    let patients = patients_of(bundle);
    let ours = |patient: &Patient| {
        let ids = patient.identifier.iter().filter_map(|i| i.value.as_deref()).chain(patient.id.as_deref());
        let mut ids = ids.map(canonical).filter(|id| !id.is_empty());
        ids.any(|id| known.identifiers.iter().any(|known| canonical(known) == id))
    };
    let mut matching = patients.iter().filter(|(_, patient)| ours(patient));
    let found = match (matching.next(), matching.next(), patients.as_slice()) {
        (Some(found), None, _) => found,
        (None, _, [only]) if confirmed => only,
        (None, _, [only]) => {
            let pointer = format!("{}/identifier", bundle.resources[only.0].pointer);
            return Err(PatientRefusal::Mismatch { pointer });
        }
        (None, _, []) if subjects_are_several(bundle) => return Err(PatientRefusal::Several),
        (None, _, []) if confirmed => return Ok(Subject { at: None, patient: Patient::default() }),
        (None, _, []) => return Err(PatientRefusal::Missing),
        _ => return Err(PatientRefusal::Several),
    };
    let (at, patient) = (found.0, found.1.clone());
    if let (Some(theirs), Some(known), false) = (birth_date_of(&patient), known.birth_date, confirmed)
        && theirs != known
    {
        let pointer = format!("{}/birthDate", bundle.resources[at].pointer);
        return Err(PatientRefusal::BirthDateDiffers { pointer });
    }
    Ok(Subject { at: Some(at), patient })
}

/// Patients that stand by themselves; one that cannot be read has nothing that could be compared.
fn patients_of(bundle: &Bundle) -> Vec<(usize, Patient)> {
    let patients = bundle.resources.iter().enumerate();
    patients
        .filter(|(_, resource)| resource.kind == "Patient" && resource.container.is_none())
        .map(|(at, resource)| (at, serde_json::from_value(resource.value.clone()).unwrap_or_default()))
        .collect()
}

/// Whether the resources of a bundle without a patient name more than one.
fn subjects_are_several(bundle: &Bundle) -> bool {
    let reference = |field: &serde_json::Value| {
        field.get("reference").and_then(serde_json::Value::as_str).map(|r| r.trim().to_owned())
    };
    let mut named: Vec<String> = bundle
        .resources
        .iter()
        .filter_map(|r| r.value.get("patient").or_else(|| r.value.get("subject")))
        .filter_map(reference)
        .collect();
    named.sort();
    named.dedup();
    named.len() > 1
}

/// About whom a resource says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    ThePatient,
    /// Taken for the patient: the reference is missing, or leads nowhere.
    Unresolved,
    SomebodyElse,
}

impl Subject {
    pub fn about(&self, bundle: &Bundle, from: usize, reference: Option<&Reference>) -> About {
        let Some(reference) = reference.and_then(|r| r.reference.as_deref()) else {
            return About::Unresolved;
        };
        match (bundle.resolve(from, reference), self.at) {
            (Some(at), Some(ours)) if at == ours => About::ThePatient,
            (Some(_), _) => About::SomebodyElse,
            // A bundle without a patient was looked at by a person, and names one subject at most.
            (None, None) => About::ThePatient,
            (None, Some(_)) => About::Unresolved,
        }
    }
}

fn canonical(id: &str) -> String {
    id.trim().nfc().collect()
}

/// A full birth date; a year or a month alone is none.
pub(super) fn birth_date_of(patient: &Patient) -> Option<NaiveDate> {
    patient.birth_date.as_deref()?.trim().parse().ok()
}

/// A person as an import takes them over.
#[derive(Clone)]
pub struct ImportedPerson {
    pub external_id: String,
    pub identity: CustomerIdentity,
    pub status: CustomerStatus,
}

impl std::fmt::Debug for ImportedPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportedPerson(…)")
    }
}

/// Why a bundle makes no customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    #[error("the bundle has no patient")]
    NoPatient,
    #[error("the bundle has several patients; send a bundle for each")]
    SeveralPatients,
    #[error("the patient has no id; say which system of identifiers to use")]
    NoId,
    #[error("the patient has no identifier of this system")]
    NoIdentifier,
    #[error("the patient cannot be read")]
    Unreadable,
}

/// The one person of a bundle. The external id is the identifier of the given system, or the patient's own
/// id where no system is given.
pub fn imported_person(bundle: &Bundle, system: Option<&str>) -> Result<ImportedPerson, PersonError> {
    let mut patients = bundle.resources.iter().filter(|r| r.kind == "Patient" && r.container.is_none());
    let (Some(resource), more) = (patients.next(), patients.next()) else {
        return Err(PersonError::NoPatient);
    };
    if more.is_some() {
        return Err(PersonError::SeveralPatients);
    }
    let patient: Patient =
        serde_json::from_value(resource.value.clone()).map_err(|_| PersonError::Unreadable)?;
    let external_id = match system {
        Some(system) => {
            let mut identifiers = patient.identifier.iter();
            let found = identifiers.find(|i| i.system.as_deref() == Some(system));
            found.and_then(|i| i.value.clone()).ok_or(PersonError::NoIdentifier)?
        }
        None => patient.id.clone().ok_or(PersonError::NoId)?,
    };
    let external_id = canonical(&external_id);
    if external_id.is_empty() {
        return Err(if system.is_some() { PersonError::NoIdentifier } else { PersonError::NoId });
    }
    let gone = patient.deceased_boolean == Some(true) || patient.deceased_date_time.is_some();
    let identity = identity_of(&patient);
    let status = if gone { CustomerStatus::Inactive } else { CustomerStatus::Active };
    Ok(ImportedPerson { external_id, identity, status })
}

fn identity_of(patient: &Patient) -> CustomerIdentity {
    let contact = |system: &str| {
        let mut points = patient.telecom.iter();
        points
            .find(|p| p.system.as_deref() == Some(system) && p.r#use.as_deref() != Some("old"))
            .and_then(|p| p.value.as_deref())
            .map(shorten)
            .filter(|value| !value.is_empty())
    };
    CustomerIdentity {
        name: name_of(patient),
        email: contact("email"),
        phone: contact("phone"),
        birth_date: birth_date_of(patient),
        address: patient.address.iter().find(|a| a.r#use.as_deref() != Some("old")).and_then(address_of),
        ..CustomerIdentity::default()
    }
}

/// The official name, else the usual one, else the first that is not an old or maiden one.
fn name_of(patient: &Patient) -> Option<String> {
    let used = |wanted: &str| patient.name.iter().find(|n| n.r#use.as_deref() == Some(wanted));
    let current = || {
        let former = |u: Option<&str>| matches!(u, Some("old" | "maiden" | "nickname" | "anonymous"));
        patient.name.iter().find(|n| !former(n.r#use.as_deref()))
    };
    let name = used("official").or_else(|| used("usual")).or_else(current)?;
    let parts: Vec<&str> = name.given.iter().map(String::as_str).chain(name.family.as_deref()).collect();
    let joined = name.text.clone().unwrap_or_else(|| parts.join(" "));
    let joined = shorten(&joined);
    (!joined.is_empty()).then_some(joined)
}

fn address_of(address: &Address) -> Option<String> {
    let parts = address.line.iter().map(String::as_str).chain(
        [&address.city, &address.state, &address.postal_code, &address.country]
            .into_iter()
            .filter_map(|part| part.as_deref()),
    );
    let joined: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    let joined = if joined.is_empty() { address.text.clone()? } else { joined.join(", ") };
    let joined = shorten(&joined);
    (!joined.is_empty()).then_some(joined)
}
