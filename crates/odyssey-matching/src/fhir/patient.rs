//! Patient: what it says about a profile. Gender is administrative (reference 1.2, option C).

use odyssey_types::Sex;

use super::draft::{Draft, Place};
use super::person::birth_date_of;
use super::{Change, LineStatus, Note, Reason};

/// Reads the patient that the bundle is about.
pub(super) fn read(draft: &mut Draft<'_>, place: Place) {
    let patient = draft.subject.patient.clone();
    let below = |draft: &Draft<'_>, field: &str| {
        let mut line = draft.line(place);
        line.pointer.push_str(field);
        line
    };
    if let Some(gender) = patient.gender.as_deref() {
        let mut line = below(draft, "/gender");
        if draft.profile.sex.is_some() {
            draft.settle(line, LineStatus::Ignored, Reason::AlreadyKnown);
        } else {
            line.suggests = Sex::parse(gender).map(|sex| sex.as_str().to_owned()).into_iter().collect();
            line.proposes = vec![Change::Sex(Sex::Unspecified)];
            draft.settle(line, LineStatus::Mapped, Reason::Administrative);
        }
    }
    if patient.birth_date.is_some() {
        let mut line = below(draft, "/birthDate");
        match (birth_date_of(&patient), draft.birth_date) {
            // A year alone makes nobody a certain age.
            (None, _) => draft.settle(line, LineStatus::Unusable, Reason::ValueMissing),
            (Some(theirs), Some(ours)) => {
                if theirs != ours {
                    line.notes.push(Note::BirthDateDiffers);
                }
                draft.settle(line, LineStatus::Ignored, Reason::AlreadyKnown);
            }
            (Some(theirs), None) if theirs > draft.as_of => {
                draft.settle(line, LineStatus::Unusable, Reason::OutOfRange);
            }
            (Some(theirs), None) => {
                line.proposes = vec![Change::BirthDate(theirs)];
                draft.settle(line, LineStatus::Mapped, Reason::FirstBirthDate);
            }
        }
    }
    if patient.deceased_boolean == Some(true) || patient.deceased_date_time.is_some() {
        let mut line = below(draft, "");
        line.notes.push(Note::Deceased);
        draft.settle(line, LineStatus::Unmapped, Reason::NoRule);
    }
}
