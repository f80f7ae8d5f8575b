use chrono::TimeDelta;
use odyssey_types::{JobId, UserId};
use serde_json::json;

use super::fixture::{Fixture, merge};
use crate::customers::consents::check_health_consent;
use crate::customers::{
    Change, ConsentChange, ConsentPurpose, ConsentSource, ConsentState, CustomerWrite, ImportConsent,
    ImportOptions, RowOutcome,
};

fn consent(state: ConsentState) -> ConsentChange {
    ConsentChange { purpose: ConsentPurpose::HealthData, state, text_version: None }
}

fn state(fixture: &mut Fixture, state: ConsentState) -> RowOutcome {
    let write = CustomerWrite::by_id(fixture.id(), Change::ConsentsOnly);
    fixture.write(CustomerWrite { consents: vec![consent(state)], ..write }).unwrap().outcome
}

fn attested(fixture: &Fixture) -> ImportOptions {
    ImportOptions {
        job_id: JobId::from_uuid(uuid::Uuid::from_u128(9)),
        started_by: None,
        started_at: fixture.now + TimeDelta::minutes(1),
        mapping_digest: vec![1],
        consent: Some(ImportConsent {
            attested_by: UserId::from_uuid(uuid::Uuid::from_u128(3)),
            text_version: Some("2026-01".to_owned()),
        }),
    }
}

#[test]
fn only_a_grant_is_a_grant() {
    assert!(check_health_consent(ConsentState::Granted).is_ok());
    assert!(check_health_consent(ConsentState::Missing).is_err());
    assert!(check_health_consent(ConsentState::Withdrawn).is_err());
}

#[test]
fn each_change_is_a_record_and_saying_it_twice_is_none() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({}))).unwrap();
    assert_eq!(fixture.customer().health_consent, ConsentState::Missing);
    assert_eq!(state(&mut fixture, ConsentState::Granted), RowOutcome::Updated);
    assert_eq!(state(&mut fixture, ConsentState::Granted), RowOutcome::Unchanged);
    assert_eq!(state(&mut fixture, ConsentState::Withdrawn), RowOutcome::Updated);
    let customer = fixture.customer();
    assert_eq!((customer.health_consent, customer.consent_version), (ConsentState::Withdrawn, 2));
    assert_eq!(customer.row_version, 3, "whoever follows the customers sees the change");
}

#[test]
fn an_attested_file_grants_where_nothing_is_known() {
    let mut fixture = Fixture::new();
    let import = attested(&fixture);
    fixture.import(merge(json!({ "name": "Ada" })), import).unwrap();
    assert_eq!(fixture.customer().health_consent, ConsentState::Granted);
    assert_eq!(fixture.consents[0].source, ConsentSource::VendorAttestation);
    assert_eq!(fixture.consents[0].text_version.as_deref(), Some("2026-01"));
}

#[test]
fn no_file_undoes_a_withdrawal() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({}))).unwrap();
    state(&mut fixture, ConsentState::Granted);
    state(&mut fixture, ConsentState::Withdrawn);
    let import = attested(&fixture);
    fixture.import(merge(json!({ "name": "Ada" })), import).unwrap();
    let import = ImportOptions { consent: None, ..attested(&fixture) };
    let row =
        CustomerWrite { consents: vec![consent(ConsentState::Granted)], ..merge(json!({ "name": "Bea" })) };
    fixture.import(row, import).unwrap();
    assert_eq!(fixture.customer().health_consent, ConsentState::Withdrawn);
    assert_eq!(fixture.withheld, 2);
    assert_eq!(
        fixture.customer().identity.expose().name.as_deref(),
        Some("Bea"),
        "the rest of the row is taken"
    );
    // The person can.
    assert_eq!(state(&mut fixture, ConsentState::Granted), RowOutcome::Updated);
    assert_eq!(fixture.customer().health_consent, ConsentState::Granted);
}

#[test]
fn a_withdrawal_in_a_column_counts_against_an_attested_file() {
    let mut fixture = Fixture::new();
    let import = attested(&fixture);
    let row =
        CustomerWrite { consents: vec![consent(ConsentState::Withdrawn)], ..merge(json!({ "name": "Ada" })) };
    fixture.import(row, import).unwrap();
    assert_eq!(fixture.customer().health_consent, ConsentState::Withdrawn);
}

#[test]
fn deletion_withdraws_and_coming_back_grants_nothing() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({}))).unwrap();
    state(&mut fixture, ConsentState::Granted);
    fixture.write(CustomerWrite::by_id(fixture.id(), Change::Delete)).unwrap();
    assert_eq!(fixture.consents[0].source, ConsentSource::Deletion);
    fixture.write(merge(json!({ "name": "Ada" }))).unwrap();
    assert_eq!(fixture.customer().health_consent, ConsentState::Withdrawn);
    let import = attested(&fixture);
    fixture.import(merge(json!({ "name": "Bea" })), import).unwrap();
    assert_eq!(fixture.customer().health_consent, ConsentState::Granted, "a new attestation is new");
}
