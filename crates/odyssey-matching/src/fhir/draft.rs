//! A proposal while it is made.

use chrono::NaiveDate;
use odyssey_types::HealthProfile;
use serde_json::Value;

use super::bundle::Bundle;
use super::model::Reference;
use super::person::{About, Subject};
use super::{Line, LineStatus, Note, Reason};
use crate::RulePack;

/// Where a resource stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub usize);

pub(super) struct Draft<'a> {
    pub bundle: &'a Bundle,
    pub subject: Subject,
    /// The profile as it stands.
    pub profile: &'a HealthProfile,
    /// The customer's birth date, where one is known.
    pub birth_date: Option<NaiveDate>,
    /// The day that measurements and medications are looked at from.
    pub as_of: NaiveDate,
    pub pack: &'a RulePack,
    pub lines: Vec<Line>,
}

impl<'a> Draft<'a> {
    pub fn value(&self, place: Place) -> &'a Value {
        &self.bundle.resources[place.0].value
    }

    /// A line about a resource, not settled yet.
    pub fn line(&self, place: Place) -> Line {
        let resource = &self.bundle.resources[place.0];
        Line {
            id: String::new(),
            resource: resource.kind.clone(),
            pointer: resource.pointer.clone(),
            status: LineStatus::Unusable,
            reason: Reason::Unreadable,
            codes: Vec::new(),
            text: None,
            proposes: Vec::new(),
            notes: Vec::new(),
            suggests: Vec::new(),
        }
    }

    /// Adds a line to its list. What is not proposed proposes nothing.
    pub fn settle(&mut self, mut line: Line, status: LineStatus, reason: Reason) {
        line.status = status;
        line.reason = reason;
        if !matches!(status, LineStatus::Mapped | LineStatus::Unmapped) {
            line.proposes.clear();
        }
        line.notes.sort();
        line.notes.dedup();
        line.suggests.sort();
        line.suggests.dedup();
        line.id = format!("line-{}", self.lines.len() + 1);
        self.lines.push(line);
    }

    /// A resource that cannot be read.
    pub fn unreadable(&mut self, place: Place) {
        let line = self.line(place);
        self.settle(line, LineStatus::Unusable, Reason::Unreadable);
    }

    /// Whether a resource says that it is about somebody else; where it does not say in a way that leads
    /// anywhere it is taken for the patient's, with a note.
    pub fn is_about_another(
        &self,
        place: Place,
        reference: Option<&Reference>,
        notes: &mut Vec<Note>,
    ) -> bool {
        match self.subject.about(self.bundle, place.0, reference) {
            About::ThePatient => false,
            About::Unresolved => {
                notes.push(Note::PatientUnresolved);
                false
            }
            About::SomebodyElse => true,
        }
    }

    /// Whether a resource carries a modifier extension or rules, which may change what its fields mean.
    pub fn has_unknown_modifier(&self, place: Place) -> bool {
        let value = self.value(place);
        value.get("implicitRules").is_some()
            || value.get("modifierExtension").and_then(Value::as_array).is_some_and(|m| !m.is_empty())
    }
}
