//! What a product may be made of. Limits are named, with their reason.

use odyssey_matching::label::{FindingSeverity, check_nutrition};
use odyssey_types::{DeclaredAllergens, ProductFields};

use super::FieldError;

/// Longest short text (name, brand, codes), in characters: longer ones are descriptions in disguise.
const SHORT_TEXT_MAX: usize = 500;
/// Longest long text: the longest ingredient list met in real catalogs has 5,305 characters.
const LONG_TEXT_MAX: usize = 20_000;
/// Longest list of tags, certificates, images.
const LIST_MAX: usize = 200;
/// Digits of a price before and after the point.
const PRICE_DIGITS_MAX: usize = 12;
const PRICE_DECIMALS_MAX: usize = 4;

/// Longest external id, in characters.
pub(super) const EXTERNAL_ID_MAX: usize = 200;

/// Everything about the record that cannot be taken; empty when it can.
pub fn validate_fields(external_id: &str, fields: &ProductFields) -> Vec<FieldError> {
    let mut errors = Vec::new();
    validate_external_id(external_id, &mut errors);
    for (pointer, text, max) in texts(fields) {
        check_text(&mut errors, pointer, text, max);
    }
    for (pointer, list) in lists(fields) {
        check_list(&mut errors, pointer, list);
    }
    if let Some(allergens) = &fields.allergens {
        check_allergens(&mut errors, allergens);
    }
    check_price(&mut errors, fields);
    if let Some(serving) = &fields.serving_size {
        for (pointer, amount) in
            [("/serving_size/amount_g", serving.amount_g), ("/serving_size/amount_ml", serving.amount_ml)]
        {
            // 10 kg or 10 l: nobody eats more at once, and 0 would divide.
            if amount.is_some_and(|a| a.0 <= 0 || a.0 > 10_000_000_000) {
                errors.push(FieldError::new(
                    pointer,
                    "out_of_range",
                    "a serving is above 0 and at most 10,000",
                ));
            }
        }
    }
    if fields.package_weight_g.is_some_and(|w| w.0 <= 0 || w.0 > 1_000_000_000) {
        errors.push(FieldError::new(
            "/package_weight_g",
            "out_of_range",
            "a package weighs above 0 and at most 1,000,000 g",
        ));
    }
    if let Some(nutrition) = &fields.nutrition {
        for finding in check_nutrition(nutrition, fields.serving_size.as_ref()) {
            if finding.severity == FindingSeverity::Reject {
                let pointer = format!("/nutrition/amounts/{}", finding.nutrient.field());
                let detail = format!(
                    "this amount of {} cannot be true; check the value, its unit and the basis",
                    finding.nutrient.label()
                );
                errors.push(FieldError::new(pointer, finding.code, detail));
            }
        }
    }
    errors
}

fn validate_external_id(external_id: &str, errors: &mut Vec<FieldError>) {
    if external_id.trim().is_empty() {
        errors.push(FieldError::new("/external_id", "required", "every product has an external id"));
    }
    check_text(errors, "/external_id", external_id, EXTERNAL_ID_MAX);
}

fn texts(fields: &ProductFields) -> impl Iterator<Item = (&'static str, &str, usize)> {
    [
        ("/name", &fields.name, SHORT_TEXT_MAX),
        ("/brand", &fields.brand, SHORT_TEXT_MAX),
        ("/description", &fields.description, LONG_TEXT_MAX),
        ("/category_id", &fields.category_id, SHORT_TEXT_MAX),
        ("/sub_category_id", &fields.sub_category_id, SHORT_TEXT_MAX),
        ("/cuisine", &fields.cuisine, SHORT_TEXT_MAX),
        ("/market", &fields.market, SHORT_TEXT_MAX),
        ("/ingredients", &fields.ingredients, LONG_TEXT_MAX),
        ("/package_text", &fields.package_text, SHORT_TEXT_MAX),
        ("/source_url", &fields.source_url, SHORT_TEXT_MAX * 4),
    ]
    .into_iter()
    .filter_map(|(pointer, text, max)| Some((pointer, text.as_deref()?, max)))
    .chain(
        fields
            .serving_size
            .as_ref()
            .and_then(|s| s.text.as_deref())
            .map(|t| ("/serving_size/text", t, SHORT_TEXT_MAX)),
    )
}

fn lists(fields: &ProductFields) -> impl Iterator<Item = (&'static str, &[String])> {
    [
        ("/dietary_tags", &fields.dietary_tags),
        ("/certifications", &fields.certifications),
        ("/regulatory_codes", &fields.regulatory_codes),
        ("/images", &fields.images),
    ]
    .into_iter()
    .filter_map(|(pointer, list)| Some((pointer, list.as_deref()?)))
}

pub(super) fn check_text(errors: &mut Vec<FieldError>, pointer: &str, text: &str, max: usize) {
    if text.chars().count() > max {
        errors.push(FieldError::new(pointer, "too_long", format!("this text has at most {max} characters")));
    }
    // PostgreSQL holds no NUL in text, and no label has one.
    if text.contains('\0') {
        errors.push(FieldError::new(pointer, "control_character", "text cannot hold a NUL character"));
    }
}

fn check_list(errors: &mut Vec<FieldError>, pointer: &str, list: &[String]) {
    if list.len() > LIST_MAX {
        errors.push(FieldError::new(
            pointer,
            "too_many",
            format!("this list has at most {LIST_MAX} entries"),
        ));
    }
    for (at, entry) in list.iter().enumerate().take(LIST_MAX) {
        check_text(errors, &format!("{pointer}/{at}"), entry, SHORT_TEXT_MAX * 4);
        if entry.trim().is_empty() {
            errors.push(FieldError::new(
                format!("{pointer}/{at}"),
                "blank",
                "an entry of this list is blank",
            ));
        }
    }
}

fn check_allergens(errors: &mut Vec<FieldError>, allergens: &DeclaredAllergens) {
    for (pointer, list) in [
        ("/allergens/contains", &allergens.contains),
        ("/allergens/may_contain", &allergens.may_contain),
        ("/allergens/facility", &allergens.facility),
    ] {
        check_list(errors, pointer, list);
    }
    let claims: Vec<String> = allergens.free_from.iter().map(|claim| claim.allergen.clone()).collect();
    check_list(errors, "/allergens/free_from", &claims);
}

fn check_price(errors: &mut Vec<FieldError>, fields: &ProductFields) {
    match (&fields.price, &fields.currency) {
        (None, None) => {}
        (Some(price), Some(currency)) => {
            let (whole, decimals) = price.split_once('.').unwrap_or((price, ""));
            let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
            let good = !whole.is_empty()
                && whole.len() <= PRICE_DIGITS_MAX
                && decimals.len() <= PRICE_DECIMALS_MAX
                && !price.ends_with('.')
                && digits(whole)
                && digits(decimals)
                && (whole == "0" || !whole.starts_with('0'));
            if !good {
                let detail = "a price is a decimal text such as `4.50`, with at most 12 digits before and 4 after the point";
                errors.push(FieldError::new("/price", "unreadable", detail));
            }
            if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
                errors.push(FieldError::new(
                    "/currency",
                    "unreadable",
                    "a currency is three capital letters (ISO 4217)",
                ));
            }
        }
        _ => errors.push(FieldError::new("/price", "incomplete", "a price and its currency come together")),
    }
}
