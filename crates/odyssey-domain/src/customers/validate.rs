//! What a customer may be made of. Limits are named, with their reason.

use chrono::{DateTime, Datelike, Utc};
use odyssey_types::{CustomerIdentity, HealthProfile};

use super::normalise::{normalise_email, normalise_phone};
use crate::catalog::FieldError;

/// Longest short text, in characters.
const SHORT_TEXT_MAX: usize = 500;
/// Longest notes, in characters: about six pages.
const NOTES_MAX: usize = 20_000;
/// Longest external id, in characters.
const EXTERNAL_ID_MAX: usize = 200;
/// Most tags of one customer.
const TAGS_MAX: usize = 200;
/// Earliest year of birth: nobody alive is older (the oldest verified age is 122 years).
const BIRTH_YEAR_MIN: i32 = 1900;

/// Everything about the identity that cannot be taken; empty when it can.
pub(super) fn validate_identity(external_id: &str, identity: &CustomerIdentity, now: DateTime<Utc>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if external_id.is_empty() {
        errors.push(FieldError::new("/external_id", "required", "every customer has an external id"));
    }
    check_text(&mut errors, "/external_id", external_id, EXTERNAL_ID_MAX);
    for (pointer, text, max) in [
        ("/name", &identity.name, SHORT_TEXT_MAX),
        ("/email", &identity.email, SHORT_TEXT_MAX),
        ("/phone", &identity.phone, SHORT_TEXT_MAX),
        ("/address", &identity.address, SHORT_TEXT_MAX * 4),
        ("/member_number", &identity.member_number, SHORT_TEXT_MAX),
        ("/notes", &identity.notes, NOTES_MAX),
    ] {
        if let Some(text) = text {
            check_text(&mut errors, pointer, text, max);
        }
    }
    if identity.email.as_deref().is_some_and(|email| normalise_email(email).is_none()) {
        errors.push(FieldError::new("/email", "unreadable", "an e-mail address reads `local@domain`"));
    }
    if identity.phone.as_deref().is_some_and(|phone| normalise_phone(phone).is_none()) {
        errors.push(FieldError::new("/phone", "unreadable", "a phone number has at least 5 digits"));
    }
    if let Some(birth_date) = identity.birth_date
        && (birth_date.year() < BIRTH_YEAR_MIN || birth_date > now.date_naive())
    {
        errors.push(FieldError::new("/birth_date", "out_of_range", "a birth date lies between 1900 and today"));
    }
    check_tags(&mut errors, &identity.tags);
    errors
}

/// Everything about the profile that cannot be taken, with pointers below `at`.
pub(super) fn validate_health(profile: &HealthProfile, age_years: Option<u8>, at: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let (Some(stated), Some(age)) = (profile.age_years, age_years)
        && stated.abs_diff(age) > 1
    {
        // One year apart is a birthday between two visits; more is one of the two wrong.
        let detail = "the stated age and the birth date are more than a year apart";
        errors.push(FieldError::new(format!("{at}/age_years"), "contradiction", detail));
    }
    errors
}

fn check_tags(errors: &mut Vec<FieldError>, tags: &[String]) {
    if tags.len() > TAGS_MAX {
        errors.push(FieldError::new("/tags", "too_many", format!("a customer has at most {TAGS_MAX} tags")));
    }
    for (at, tag) in tags.iter().enumerate().take(TAGS_MAX) {
        let pointer = format!("/tags/{at}");
        check_text(errors, &pointer, tag, SHORT_TEXT_MAX);
        if tag.trim().is_empty() {
            errors.push(FieldError::new(pointer, "blank", "a tag is not blank"));
        }
    }
}

fn check_text(errors: &mut Vec<FieldError>, pointer: &str, text: &str, max: usize) {
    if text.chars().count() > max {
        errors.push(FieldError::new(pointer, "too_long", format!("this text has at most {max} characters")));
    }
}
