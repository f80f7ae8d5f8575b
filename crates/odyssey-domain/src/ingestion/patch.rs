//! From typed rows to merge patches: what the file has a column for is said, the rest is not.

use odyssey_tabular::{ConsentColumns, CustomerRow, ProductRow, Target, TargetSet};
use odyssey_types::{AllergenData, DeclaredAllergens, Jurisdiction};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::parameters::LabelAttestation;
use crate::customers::{ConsentChange, ConsentPurpose, ConsentState};

/// The patch of a product row. What is attested for the whole file holds where the row says nothing of its
/// own.
pub(super) fn of_product(
    row: ProductRow,
    attestation: Option<&LabelAttestation>,
) -> Result<Map<String, Value>, serde_json::Error> {
    let ProductRow { mut fields, present, .. } = row;
    let mut patch = Map::new();
    if let Some(attestation) = attestation {
        if fields.allergen_data == AllergenData::Unknown {
            fields.allergen_data = AllergenData::Complete;
        }
        if fields.label_jurisdiction == Jurisdiction::Unknown {
            fields.label_jurisdiction = attestation.label_jurisdiction;
        }
        fields.label_as_of = fields.label_as_of.or(Some(attestation.label_as_of));
        patch.insert("allergen_data".to_owned(), serde_json::to_value(fields.allergen_data)?);
        patch.insert("label_jurisdiction".to_owned(), serde_json::to_value(fields.label_jurisdiction)?);
        patch.insert("label_as_of".to_owned(), serde_json::to_value(fields.label_as_of)?);
    }
    let all = match serde_json::to_value(&fields)? {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    for target in present.iter() {
        for name in plain_fields(target) {
            patch.insert((*name).to_owned(), all.get(*name).cloned().unwrap_or(Value::Null));
        }
    }
    if present.has_nutrients() {
        patch.insert("nutrition".to_owned(), nutrition(&all, present));
    }
    if let Some(serving) = serving(&all, present) {
        patch.insert("serving_size".to_owned(), serving);
    }
    if let Some(allergens) = allergens(fields.allergens, present)? {
        patch.insert("allergens".to_owned(), allergens);
    }
    Ok(patch)
}

/// Fields that a target decides alone, or together with one other.
const fn plain_fields(target: Target) -> &'static [&'static str] {
    match target {
        Target::Gtin => &["gtin"],
        Target::Name => &["name"],
        Target::Brand => &["brand"],
        Target::Description => &["description"],
        Target::Category => &["category_id"],
        Target::SubCategory => &["sub_category_id"],
        Target::Cuisine => &["cuisine"],
        Target::Market => &["market"],
        // A price without its currency is unknown, so both are said together.
        Target::Price | Target::Currency => &["price", "currency"],
        Target::Status => &["status"],
        Target::Ingredients => &["ingredients"],
        Target::PackageWeight => &["package_weight_g", "package_text"],
        Target::PackageText => &["package_text"],
        Target::DietaryTags => &["dietary_tags"],
        Target::Certifications => &["certifications"],
        Target::RegulatoryCodes => &["regulatory_codes"],
        Target::Images => &["images"],
        Target::SourceUrl => &["source_url"],
        Target::LabelJurisdiction => &["label_jurisdiction"],
        Target::LabelAsOf => &["label_as_of"],
        Target::AllergenData => &["allergen_data"],
        _ => &[],
    }
}

fn nutrition(all: &Map<String, Value>, present: TargetSet) -> Value {
    let stated = all.get("nutrition").and_then(Value::as_object);
    let amounts = stated.and_then(|n| n.get("amounts")).and_then(Value::as_object);
    let mut patched = Map::new();
    for target in present.iter() {
        if let Target::Nutrient(nutrient) = target {
            let amount = amounts.and_then(|a| a.get(nutrient.field())).cloned().unwrap_or(Value::Null);
            patched.insert(nutrient.field().to_owned(), amount);
        }
    }
    let basis = stated.and_then(|n| n.get("basis")).cloned();
    match basis {
        Some(basis) => json!({ "basis": basis, "amounts": patched }),
        None => json!({ "amounts": patched }),
    }
}

fn serving(all: &Map<String, Value>, present: TargetSet) -> Option<Value> {
    let names: &[&str] = if present.contains(Target::ServingSize) {
        &["amount_g", "amount_ml", "text"]
    } else {
        match (present.contains(Target::ServingVolume), present.contains(Target::ServingText)) {
            (true, true) => &["amount_ml", "text"],
            (true, false) => &["amount_ml"],
            (false, true) => &["text"],
            (false, false) => return None,
        }
    };
    let stated = all.get("serving_size").and_then(Value::as_object);
    let value = |name: &str| stated.and_then(|s| s.get(name)).cloned().unwrap_or(Value::Null);
    Some(Value::Object(names.iter().map(|name| ((*name).to_owned(), value(name))).collect()))
}

fn allergens(
    declared: Option<DeclaredAllergens>,
    present: TargetSet,
) -> Result<Option<Value>, serde_json::Error> {
    let lists = [Target::Contains, Target::MayContain, Target::Facility, Target::FreeFrom];
    if !lists.into_iter().any(|target| present.contains(target)) {
        return Ok(None);
    }
    let declared = declared.unwrap_or_default();
    let mut patch = Map::new();
    for (target, name, list) in [
        (Target::Contains, "contains", serde_json::to_value(&declared.contains)?),
        (Target::MayContain, "may_contain", serde_json::to_value(&declared.may_contain)?),
        (Target::Facility, "facility", serde_json::to_value(&declared.facility)?),
        (Target::FreeFrom, "free_from", serde_json::to_value(&declared.free_from)?),
    ] {
        // An entry may say itself that it is meant otherwise than its column.
        let said = list.as_array().is_some_and(|entries| !entries.is_empty());
        if present.contains(target) || said {
            patch.insert(name.to_owned(), list);
        }
    }
    Ok(Some(Value::Object(patch)))
}

/// The patch of a customer row: identity, status and profile.
pub(super) fn of_customer(row: &CustomerRow) -> Result<Map<String, Value>, serde_json::Error> {
    let identity = to_object(row.identity.expose())?;
    let profile = to_object(row.profile.expose())?;
    let (mut patch, mut health) = (Map::new(), Map::new());
    for target in row.present.iter() {
        let (into, from, name) = match place_of(target) {
            Some((Place::Identity, name)) => (&mut patch, &identity, name),
            Some((Place::Profile, name)) => (&mut health, &profile, name),
            None => continue,
        };
        into.insert(name.to_owned(), from.get(name).cloned().unwrap_or(Value::Null));
    }
    // A date of death says it too, in a file that has no column for the status.
    if row.present.contains(Target::Status) || row.status.is_some() {
        patch.insert("status".to_owned(), row.status.map_or(Value::Null, |s| Value::from(s.as_str())));
    }
    if !health.is_empty() {
        patch.insert("profile".to_owned(), Value::Object(health));
    }
    Ok(patch)
}

enum Place {
    Identity,
    Profile,
}

/// The field that a column of a customer file speaks of; `None` for those that are no field of their own.
const fn place_of(target: Target) -> Option<(Place, &'static str)> {
    use Place::{Identity, Profile};
    Some(match target {
        Target::FullName | Target::FirstName | Target::LastName => (Identity, "name"),
        Target::Email => (Identity, "email"),
        Target::Phone => (Identity, "phone"),
        Target::BirthDate => (Identity, "birth_date"),
        Target::Address | Target::City | Target::Region | Target::PostalCode | Target::Country => {
            (Identity, "address")
        }
        Target::MemberNumber => (Identity, "member_number"),
        Target::Tags => (Identity, "tags"),
        Target::Notes => (Identity, "notes"),
        Target::Age => (Profile, "age_years"),
        Target::Sex => (Profile, "sex"),
        Target::Height => (Profile, "height_cm"),
        Target::Weight => (Profile, "weight_kg"),
        Target::PrePregnancyWeight => (Profile, "pre_pregnancy_weight_kg"),
        Target::EnergyFormula => (Profile, "energy_formula"),
        Target::Guideline => (Profile, "guideline"),
        Target::Activity => (Profile, "activity_level"),
        Target::Reproductive => (Profile, "reproductive_status"),
        Target::Gestation => (Profile, "gestation_weeks"),
        Target::Allergies => (Profile, "allergies"),
        Target::Conditions => (Profile, "conditions"),
        Target::Medications => (Profile, "medications"),
        Target::Diets => (Profile, "diets"),
        Target::Limits => (Profile, "limits"),
        Target::Goals => (Profile, "goals"),
        Target::ProteinShare | Target::FatShare | Target::CarbohydrateShare => (Profile, "macro_targets"),
        Target::EnergyTarget => (Profile, "energy_target_kcal"),
        Target::LikedBrands => (Profile, "liked_brands"),
        Target::DislikedBrands => (Profile, "disliked_brands"),
        Target::LikedCategories => (Profile, "liked_categories"),
        Target::DislikedCategories => (Profile, "disliked_categories"),
        _ => return None,
    })
}

/// What the consent columns of a row change.
pub(super) fn consents_of(consent: &ConsentColumns) -> Vec<ConsentChange> {
    let state = match consent.granted {
        None => return Vec::new(),
        Some(true) => ConsentState::Granted,
        Some(false) => ConsentState::Withdrawn,
    };
    vec![ConsentChange { purpose: ConsentPurpose::HealthData, state, text_version: consent.version.clone() }]
}

fn to_object<T: Serialize>(value: &T) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::to_value(value)? {
        Value::Object(object) => Ok(object),
        _ => Ok(Map::new()),
    }
}
