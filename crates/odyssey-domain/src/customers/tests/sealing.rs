use chrono::NaiveDate;
use odyssey_types::{
    ActivityLevel, AllergyEntry, AllergySeverity, CodeSystem, ConditionEntry, CustomerIdentity, DietEntry,
    DietKind, ExplicitLimit, Fixed, HealthProfile, LimitPeriod, MacroTargets, MedicationEntry, Nutrient, Phi,
    ReproductiveStatus, Sex, Strictness,
};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::fixture::{Fixture, merge, replace};
use crate::customers::{Change, CustomerWrite, RowOutcome, Target};

fn identities() -> impl Strategy<Value = CustomerIdentity> {
    let text = || option::of("\\PC{1,40}");
    let birth_dates = (1908_i32..2026, 1_u32..366).prop_map(|(y, d)| NaiveDate::from_yo_opt(y, d));
    (
        (
            text(),
            option::of("[a-zA-Z0-9.+]{1,20}@[a-z]{1,10}\\.org"),
            option::of("[+]?[1-9][0-9() -]{0,4}[0-9]{7,12}"),
        ),
        (birth_dates, text(), text(), prop::collection::vec("[^ \\pC]\\PC{0,20}", 0..4), text()),
    )
        .prop_map(|((name, email, phone), (birth_date, address, member_number, tags, notes))| {
            CustomerIdentity { name, email, phone, birth_date, address, member_number, tags, notes }
        })
}

fn codes<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Option<T>> {
    option::of(prop::sample::select(all))
}

fn allergies() -> impl Strategy<Value = Vec<AllergyEntry>> {
    let allergen =
        prop::sample::select(&["peanut", "milk", "tree_nut", "gluten"][..]).prop_map(str::to_owned);
    let strictness = option::of(prop::sample::select(&[Strictness::Facility, Strictness::ConfirmedFree][..]));
    let entry =
        (allergen, option::of("\\PC{1,20}"), codes(AllergySeverity::ALL), strictness, any::<(bool, bool)>())
            .prop_map(|(allergen, text, severity, strictness, (exempt_allowed, never))| AllergyEntry {
                allergen: Some(allergen),
                text,
                severity,
                strictness,
                exempt_allowed,
                never,
                species_only: false,
            });
    prop::collection::vec(entry, 0..4)
}

pub(super) fn profiles() -> impl Strategy<Value = HealthProfile> {
    let conditions = ("[A-TV-Z][0-9]{2}(\\.[0-9]{1,3})?", option::of("\\PC{1,30}"))
        .prop_map(|(code, display)| ConditionEntry { system: CodeSystem::Icd10Cm, code, display });
    let medications = ("[0-9]{3,7}", option::of("\\PC{1,30}"))
        .prop_map(|(rxnorm, name)| MedicationEntry { rxnorm: Some(rxnorm), name });
    let diets = (
        prop::sample::select(&["vegan", "halal", "gluten_free"][..]),
        codes(DietKind::ALL),
        any::<(bool, bool)>(),
    )
        .prop_map(|(diet, kind, (refuse_may_contain, never))| DietEntry {
            diet: diet.to_owned(),
            kind,
            refuse_may_contain,
            never,
        });
    let limits = (
        prop::sample::select(&[Nutrient::Sodium, Nutrient::Energy][..]),
        0_i64..5_000,
        prop::sample::select(LimitPeriod::ALL),
    )
        .prop_map(|(nutrient, units, period)| ExplicitLimit {
            nutrient,
            // Less than 500 mg of sodium a day is refused as a slip.
            max: nutrient.unit().stored_of_steps(units.max(500) * 10_i64.pow(nutrient.unit().digits())),
            period,
        });
    let brands = || prop::collection::vec("\\PC{1,12}", 0..3);
    (
        (
            option::of(1_400_i64..2_100),
            option::of(45_000_i64..160_000),
            option::of(18_u8..110),
            codes(Sex::ALL),
            codes(ActivityLevel::ALL),
        ),
        (
            codes(ReproductiveStatus::ALL),
            allergies(),
            prop::collection::vec(conditions, 0..3),
            prop::collection::vec(medications, 0..3),
        ),
        (
            prop::collection::vec(diets, 0..3),
            prop::collection::vec(limits, 0..3),
            option::of(800_u16..6_000),
            any::<bool>(),
        ),
        (brands(), brands(), brands(), brands()),
    )
        .prop_map(|(body, health, wishes, brands)| HealthProfile {
            height_cm: body.0.map(Fixed),
            weight_kg: body.1.map(Fixed),
            age_years: body.2,
            sex: body.3,
            activity_level: body.4,
            reproductive_status: health.0,
            gestation_weeks: None,
            pre_pregnancy_weight_kg: None,
            allergies: health.1,
            conditions: health.2,
            medications: health.3,
            diets: wishes.0,
            limits: wishes.1,
            goals: Vec::new(),
            macro_targets: wishes.3.then_some(MacroTargets {
                protein_pct: Fixed(255),
                fat_pct: Fixed(300),
                carbohydrate_pct: Fixed(445),
            }),
            energy_target_kcal: wishes.2,
            energy_formula: None,
            guideline: None,
            overrides: Vec::new(),
            liked_brands: brands.0,
            disliked_brands: brands.1,
            liked_categories: brands.2,
            disliked_categories: brands.3,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_field_written_reads_back_equal(
        first in identities(), second in identities(), profile in profiles(), later in profiles(),
    ) {
        let mut fixture = Fixture::new();
        for (identity, profile) in [(first, profile), (second, later)] {
            fixture.write(replace(identity.clone())).unwrap();
            let change = Change::ReplaceProfile(Phi::new(Box::new(profile.clone())));
            fixture.write(CustomerWrite::by_id(fixture.id(), change)).unwrap();
            let customer = fixture.customer();
            prop_assert_eq!(customer.identity.expose(), &identity);
            prop_assert_eq!(fixture.profile(), profile);
            prop_assert_eq!(customer.external_id.expose(), "M-0001");
        }
    }

    #[test]
    fn a_record_sent_as_json_reads_back_equal(identity in identities(), profile in profiles()) {
        let mut fixture = Fixture::new();
        let mut record = serde_json::to_value(&identity).unwrap();
        record["profile"] = serde_json::to_value(&profile).unwrap();
        fixture.write(merge(record)).unwrap();
        let customer = fixture.customer();
            prop_assert_eq!(customer.identity.expose(), &identity);
        prop_assert_eq!(fixture.profile(), profile);
    }
}

#[test]
fn nothing_that_is_stored_holds_a_planted_word() {
    let planted = [
        "Zebulon",
        "zebulon@planted.example",
        "4155550199",
        "1951-02-03",
        "Plantedstreet",
        "MEM-PLANT",
        "planttag",
        "plantnote",
        "peanut",
        "I10",
        "warfarin-plant",
        "M-0001",
    ];
    let mut fixture = Fixture::new();
    let record = json!({
        "name": planted[0], "email": planted[1], "phone": planted[2], "birth_date": planted[3], "address": planted[4],
        "member_number": planted[5], "tags": [planted[6]], "notes": planted[7],
        "profile": { "allergies": [{ "allergen": planted[8] }], "conditions": [{ "system": "icd10cm", "code": planted[9] }],
                     "medications": [{ "name": planted[10] }] },
    });
    fixture.write(merge(record)).unwrap();
    assert_eq!(
        fixture.customer().identity.expose().name.as_deref(),
        Some(planted[0]),
        "it is there when opened"
    );
    assert_eq!(fixture.written.len(), 11, "key, nine identity columns and the profile");
    for word in planted {
        for bytes in &fixture.written {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "`{word}` is stored in clear");
        }
    }
}

#[test]
fn what_does_not_change_keeps_its_envelope_and_what_changes_gets_a_new_one() {
    let mut fixture = Fixture::new();
    fixture.write(merge(json!({ "name": "Ada", "email": "ada@x.org", "tags": ["a"] }))).unwrap();
    let before = fixture.stored().unwrap();
    let updated = fixture.write(merge(json!({ "email": "ada@y.org" }))).unwrap();
    let after = fixture.stored().unwrap();
    assert_eq!(updated.outcome, RowOutcome::Updated);
    assert_eq!((&before.sealed.name, &before.sealed.tags), (&after.sealed.name, &after.sealed.tags));
    assert_ne!(before.sealed.email, after.sealed.email);
    assert_eq!(before.person_key, after.person_key);
}

#[test]
fn the_same_record_again_changes_nothing() {
    let mut fixture = Fixture::new();
    let record = json!({ "name": "Ada", "profile": { "height_cm": 170 } });
    assert_eq!(fixture.write(merge(record.clone())).unwrap().outcome, RowOutcome::Created);
    let version = fixture.customer().row_version;
    assert_eq!(fixture.write(merge(record)).unwrap().outcome, RowOutcome::Unchanged);
    assert_eq!(fixture.customer().row_version, version);
}

#[test]
fn an_external_id_is_trimmed_keeps_its_zeros_and_never_changes() {
    let mut fixture = Fixture::new();
    let write = CustomerWrite::by_external_id("  M-0001 ".to_owned(), Change::Merge(Phi::default()));
    fixture.write(write).unwrap();
    assert_eq!(fixture.customer().external_id.expose(), "M-0001");
    let rename = Target::Id { id: fixture.id(), external_id: Some(Phi::new("M-2".to_owned())) };
    let refused = fixture.write(CustomerWrite::new(rename, Change::Merge(Phi::default()))).unwrap_err();
    assert!(format!("{refused:?}").contains("immutable"), "{refused:?}");
}
