use chrono::TimeDelta;
use odyssey_types::{JobId, Phi};
use serde_json::json;

use super::fixture::{Fixture, merge, object};
use crate::customers::{
    Change, ConsentChange, ConsentPurpose, ConsentState, CustomerWrite, ImportMark, ImportOptions,
    RowOutcome, WriteRefusal, fields_of,
};

fn import(fixture: &Fixture) -> ImportOptions {
    ImportOptions {
        job_id: JobId::from_uuid(uuid::Uuid::from_u128(9)),
        started_by: None,
        started_at: fixture.now,
        mapping_digest: vec![1],
        consent: None,
    }
}

#[test]
fn creating_somebody_who_exists_is_refused_unless_an_upsert_is_asked_for() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({ "name": "Ada" }))).unwrap();
    let create = CustomerWrite { must_not_exist: true, ..merge(json!({ "name": "Eve" })) };
    assert_eq!(fixture.write(create), Err(WriteRefusal::Exists { id: fixture.id() }));
    assert_eq!(fixture.customer().identity.expose().name.as_deref(), Some("Ada"));
    assert_eq!(fixture.write(merge(json!({ "name": "Eve" }))).unwrap().outcome, RowOutcome::Updated);
}

#[test]
fn a_change_of_nobody_is_refused_and_makes_nobody() {
    let mut fixture = Fixture::new();
    for change in [
        Change::Merge(Phi::default()),
        Change::MergeProfile(Phi::default()),
        Change::ConsentsOnly,
        Change::Delete,
    ] {
        let write = CustomerWrite::by_id(fixture.id(), change);
        assert_eq!(fixture.write(write), Err(WriteRefusal::NotFound));
    }
    assert!(fixture.stored().is_none());
}

#[test]
fn a_stale_version_is_refused_with_the_present_one() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({ "name": "Ada" }))).unwrap();
    let stale = CustomerWrite { if_versions: Some(vec![7]), ..merge(json!({ "name": "Eve" })) };
    assert_eq!(fixture.write(stale), Err(WriteRefusal::VersionMismatch { current: 1 }));
    let either = CustomerWrite { if_versions: Some(vec![7, 1]), ..merge(json!({ "name": "Eve" })) };
    assert_eq!(fixture.write(either).unwrap().row_version, 2);
}

#[test]
fn no_error_repeats_what_was_sent() {
    let secret = "Zebulon-secret";
    let mut fixture = Fixture::new();
    for record in [
        json!({ "birth_date": secret }),
        json!({ "tags": secret }),
        json!({ "name": { "first": secret } }),
        json!({ "email": secret }),
        json!({ "phone": secret }),
        json!({ "status": secret }),
        json!({ "profile": secret }),
        json!({ "profile": { "sex": secret } }),
        json!({ "profile": { "height_cm": secret } }),
        json!({ "profile": { "allergies": [{ "allergen": secret }] } }),
        json!({ "profile": { "diets": [{ "diet": secret }] } }),
        json!({ "profile": { "limits": [{ "nutrient": secret, "max": 1, "period": "day" }] } }),
        json!({ "name, Zebulon-secret": 1 }),
    ] {
        let refused = fixture.write(merge(record.clone())).expect_err("it cannot be taken");
        let WriteRefusal::Invalid(errors) = &refused else { panic!("{refused:?}") };
        assert!(!errors.is_empty());
        for error in errors {
            let said = format!("{} {} {}", error.detail, error.code, refused);
            assert!(!said.contains(secret), "{said}");
            assert!(!error.pointer.contains(secret), "{}", error.pointer);
        }
    }
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    let mut fixture = Fixture::new();
    let Err(WriteRefusal::Invalid(errors)) = fixture.write(merge(json!({ "nmae": "Ada" }))) else { panic!() };
    assert_eq!((errors[0].pointer.as_str(), errors[0].code), ("/nmae", "unknown_field"));
    let profile = json!({ "profile": { "hieght_cm": 1 } });
    let Err(WriteRefusal::Invalid(errors)) = fixture.write(merge(profile)) else { panic!() };
    assert_eq!((errors[0].pointer.as_str(), errors[0].code), ("/profile/hieght_cm", "unknown_field"));
}

#[test]
fn a_number_finer_than_its_step_is_refused_with_the_reason() {
    let refused =
        fields_of::<odyssey_types::HealthProfile>(object(json!({ "height_cm": 170.55 }))).unwrap_err();
    assert_eq!((refused[0].pointer.as_str(), refused[0].code), ("/height_cm", "out_of_range"));
}

#[test]
fn a_birth_date_in_the_future_is_refused() {
    let mut fixture = Fixture::new();
    let Err(WriteRefusal::Invalid(errors)) = fixture.write(merge(json!({ "birth_date": "2199-01-01" })))
    else {
        panic!()
    };
    assert_eq!(errors[0].pointer, "/birth_date");
}

#[test]
fn what_a_person_edits_after_an_import_began_is_kept() {
    let mut fixture = Fixture::new();
    let row = |name: &str| CustomerWrite {
        import: Some(ImportMark { row: 2, source_hash: [name.len() as u8; 32], edited_since: false }),
        ..merge(json!({ "name": name }))
    };
    let first = import(&fixture);
    fixture.import(row("Ada"), first).unwrap();
    assert_eq!(fixture.customer().edited_at, None);
    let mut second = import(&fixture);
    second.started_at += TimeDelta::minutes(1);
    fixture.write(merge(json!({ "name": "Ada Lovelace" }))).unwrap();
    assert!(fixture.customer().edited_at.is_some());
    assert_eq!(fixture.import(row("Adele"), second).unwrap().outcome, RowOutcome::Kept);
    assert_eq!(fixture.customer().identity.expose().name.as_deref(), Some("Ada Lovelace"));
    // The next import knows of the edit and brings another row.
    let mut third = import(&fixture);
    third.started_at += TimeDelta::minutes(1);
    assert_eq!(fixture.import(row("Adele!"), third).unwrap().outcome, RowOutcome::Updated);
    assert_eq!(fixture.customer().edited_at, None);
}

#[test]
fn what_is_stored_in_clear_of_a_consent_is_a_short_name() {
    let mut fixture = Fixture::new();
    for (text, taken) in [("2026-01", true), ("nul\0", false), (&"x".repeat(101), false)] {
        let change = ConsentChange {
            purpose: ConsentPurpose::Marketing,
            state: ConsentState::Granted,
            text_version: Some(text.to_owned()),
        };
        let write = CustomerWrite { consents: vec![change], ..merge(json!({})) };
        assert_eq!(fixture.write(write).is_ok(), taken, "{text:?}");
    }
}

#[test]
fn a_text_without_end_is_refused() {
    let mut fixture = Fixture::new();
    let long = "x".repeat(501);
    for profile in [
        json!({ "conditions": [{ "system": "text", "code": long }] }),
        json!({ "allergies": [{ "text": long }] }),
        json!({ "liked_brands": [long] }),
    ] {
        let Err(WriteRefusal::Invalid(errors)) = fixture.write(merge(json!({ "profile": profile }))) else {
            panic!()
        };
        assert_eq!((errors[0].pointer.as_str(), errors[0].code), ("/profile", "too_long"));
    }
}
