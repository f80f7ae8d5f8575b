use odyssey_matching::{RulePack, derive_profile};
use odyssey_types::{HealthProfile, Phi};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::{Fixture, merge, object};
use super::sealing::profiles;
use crate::customers::{Change, CustomerWrite, RowOutcome, WriteRefusal};

fn patch(fixture: &mut Fixture, patch: Value) -> Result<crate::customers::WriteResult, WriteRefusal> {
    let change = Change::MergeProfile(Phi::new(object(patch)));
    let write = CustomerWrite::by_id(fixture.id(), change);
    fixture.write(write)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_patch_of_one_health_field_changes_one_field(before in profiles(), donor in profiles(), at in any::<prop::sample::Index>()) {
        let mut fixture = Fixture::new();
        fixture.write(merge(json!({ "profile": serde_json::to_value(&before).unwrap() }))).unwrap();
        let donor = object(serde_json::to_value(&donor).unwrap());
        let (field, value) = at.get(&donor.iter().collect::<Vec<_>>()).to_owned();
        // A random height over somebody else's weight may be nobody's: then nothing changes at all.
        let taken = patch(&mut fixture, json!({ field: value })).is_ok();
        let mut expected = object(serde_json::to_value(&before).unwrap());
        if taken {
            expected.insert(field.clone(), value.clone());
        }
        let after = serde_json::to_value(fixture.profile()).unwrap();
        prop_assert_eq!(after, Value::Object(expected));
    }
}

#[test]
fn missing_height_never_becomes_zero_and_what_needs_it_stays_absent() {
    let mut fixture = Fixture::new();
    let profile = json!({ "weight_kg": 70, "sex": "female", "activity_level": "very", "age_years": 40 });
    fixture.write(merge(json!({ "profile": profile }))).unwrap();
    patch(&mut fixture, json!({ "weight_kg": 71.5 })).unwrap();
    let profile = fixture.profile();
    assert_eq!(profile.height_cm, None);
    assert_eq!(profile.activity_level.map(|a| a.as_str()), Some("very"), "a patch of another field keeps it");
    let derived = derive_profile(&profile, None, RulePack::embedded());
    assert_eq!((derived.bmi, derived.bmr_kcal, derived.tdee_kcal), (None, None, None));
    patch(&mut fixture, json!({ "height_cm": 170 })).unwrap();
    let derived = derive_profile(&fixture.profile(), None, RulePack::embedded());
    assert_eq!(derived.bmi.map(|b| b.to_string()).as_deref(), Some("24.7"));
    // 10 × 71.5 + 6.25 × 170 − 5 × 40 − 161 = 1416.5, to even; times 1.725 = 2443.46.
    assert_eq!((derived.bmr_kcal, derived.tdee_kcal), (Some(1416), Some(2443)));
    patch(&mut fixture, json!({ "height_cm": null })).unwrap();
    assert_eq!(fixture.profile().height_cm, None, "null is unknown");
}

#[test]
fn zero_is_no_height() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({}))).unwrap();
    let Err(WriteRefusal::Invalid(errors)) = patch(&mut fixture, json!({ "height_cm": 0 })) else {
        panic!("it was taken")
    };
    assert_eq!(errors[0].pointer, "/height_cm");
}

#[test]
fn errors_in_a_profile_that_comes_with_its_customer_point_into_the_record() {
    let mut fixture = Fixture::new();
    let record = json!({ "profile": { "allergies": [{ "allergen": "sunlight" }] } });
    let Err(WriteRefusal::Invalid(errors)) = fixture.write(merge(record)) else { panic!("it was taken") };
    assert_eq!(errors[0].pointer, "/profile/allergies/0/allergen");
}

#[test]
fn a_profile_of_another_version_is_not_overwritten() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({}))).unwrap();
    let put = |fixture: &mut Fixture, version| {
        let change = Change::ReplaceProfile(Phi::new(Box::new(HealthProfile {
            age_years: Some(40 + version as u8),
            ..HealthProfile::default()
        })));
        let write = CustomerWrite::by_id(fixture.id(), change);
        fixture.write(CustomerWrite { if_profile_versions: Some(vec![version]), ..write })
    };
    assert_eq!(put(&mut fixture, 0).unwrap().outcome, RowOutcome::Updated);
    assert_eq!(put(&mut fixture, 0), Err(WriteRefusal::VersionMismatch { current: 1 }));
    assert_eq!(put(&mut fixture, 1).unwrap().outcome, RowOutcome::Updated);
}

#[test]
fn whoever_comes_back_after_deletion_does_so_without_the_profile_of_before() {
    let mut fixture = Fixture::new();
    let record = json!({ "name": "Ada", "notes": "old", "profile": { "conditions": [{ "system": "icd10cm", "code": "I10" }] } });
    fixture.write(merge(record)).unwrap();
    assert!(fixture.customer().has_profile);
    let delete = CustomerWrite::by_id(fixture.id(), Change::Delete);
    assert_eq!(fixture.write(delete.clone()).unwrap().outcome, RowOutcome::Deleted);
    assert_eq!(fixture.write(delete), Err(WriteRefusal::NotFound));
    let version = fixture.customer().row_version;
    assert_eq!(fixture.write(merge(json!({ "name": "Bea" }))).unwrap().outcome, RowOutcome::Created);
    let customer = fixture.customer();
    assert!(fixture.profile().is_empty() && !customer.has_profile);
    assert_eq!(customer.identity.expose().notes, None);
    assert!(customer.row_version > version, "no version is given out twice");
}
