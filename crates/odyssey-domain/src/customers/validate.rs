//! What a customer may be made of. Limits are named, with their reason.

use chrono::{DateTime, Utc};
use odyssey_matching::{RulePack, validate_profile};
use odyssey_types::{CustomerIdentity, HealthProfile};

use super::customer::age_on;
use super::normalise::{normalise_email, normalise_phone};
use crate::field::FieldError;

/// Longest short text, in characters.
const SHORT_TEXT_MAX: usize = 500;
/// Longest notes, in characters: about six pages.
const NOTES_MAX: usize = 20_000;
/// Longest external id, in characters.
const EXTERNAL_ID_MAX: usize = 200;
/// Most tags of one customer.
const TAGS_MAX: usize = 200;
/// Most entries of one list of a profile: far above any person's, far below what would slow a match.
const PROFILE_ENTRIES_MAX: usize = 500;
/// Oldest person, in years: the range that health profiles are made for.
const AGE_YEARS_MAX: u8 = 120;

/// Everything about the identity that cannot be taken; empty when it can.
pub(super) fn validate_identity(
    external_id: &str,
    identity: &CustomerIdentity,
    now: DateTime<Utc>,
) -> Vec<FieldError> {
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
        && age_on(birth_date, now).is_none_or(|age| age > AGE_YEARS_MAX)
    {
        let detail = format!("a birth date lies between {AGE_YEARS_MAX} years ago and today");
        errors.push(FieldError::new("/birth_date", "out_of_range", detail));
    }
    check_tags(&mut errors, &identity.tags);
    errors
}

/// Everything about the profile that cannot be taken, with pointers below `at`. The age by the birth date
/// decides which ranges hold; the stated one counts where there is no birth date.
pub(super) fn validate_health(profile: &HealthProfile, birth_age: Option<u8>, at: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (pointer, list) in [
        ("allergies", profile.allergies.len()),
        ("conditions", profile.conditions.len()),
        ("medications", profile.medications.len()),
        ("diets", profile.diets.len()),
        ("limits", profile.limits.len()),
        ("goals", profile.goals.len()),
        ("overrides", profile.overrides.len()),
        ("liked_brands", profile.liked_brands.len()),
        ("disliked_brands", profile.disliked_brands.len()),
        ("liked_categories", profile.liked_categories.len()),
        ("disliked_categories", profile.disliked_categories.len()),
    ] {
        if list > PROFILE_ENTRIES_MAX {
            let detail = format!("this list has at most {PROFILE_ENTRIES_MAX} entries");
            errors.push(FieldError::new(format!("{at}/{pointer}"), "too_many", detail));
        }
    }
    for text in texts(profile) {
        if text.chars().count() > SHORT_TEXT_MAX {
            let detail = format!("a text of a profile has at most {SHORT_TEXT_MAX} characters");
            errors.push(FieldError::new(at, "too_long", detail));
            break;
        }
    }
    let aged = HealthProfile { age_years: birth_age.or(profile.age_years), ..profile.clone() };
    let faults = validate_profile(&aged, RulePack::embedded());
    errors
        .extend(faults.into_iter().map(|f| FieldError::new(format!("{at}{}", f.pointer), f.code, f.detail)));
    errors
}

/// Every free text and code of a profile.
fn texts(profile: &HealthProfile) -> impl Iterator<Item = &str> {
    let allergies = profile.allergies.iter().flat_map(|a| [a.allergen.as_deref(), a.text.as_deref()]);
    let conditions = profile.conditions.iter().flat_map(|c| [Some(c.code.as_str()), c.display.as_deref()]);
    let medications = profile.medications.iter().flat_map(|m| [m.rxnorm.as_deref(), m.name.as_deref()]);
    let diets = profile.diets.iter().map(|d| d.diet.as_str());
    let overrides =
        profile.overrides.iter().flat_map(|o| [o.rule.as_str(), o.by.as_str(), o.reason.as_str()]);
    let lists = [
        &profile.goals,
        &profile.liked_brands,
        &profile.disliked_brands,
        &profile.liked_categories,
        &profile.disliked_categories,
    ];
    let lists = lists.into_iter().flatten().map(String::as_str);
    allergies.chain(conditions).chain(medications).flatten().chain(diets).chain(overrides).chain(lists)
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

pub(super) fn check_text(errors: &mut Vec<FieldError>, pointer: &str, text: &str, max: usize) {
    if text.chars().count() > max {
        errors.push(FieldError::new(pointer, "too_long", format!("this text has at most {max} characters")));
    }
}
