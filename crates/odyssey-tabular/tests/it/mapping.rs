//! What headers mean.

use odyssey_tabular::{
    BasisSource, ColumnStatus, HeaderOverride, HeaderSynonyms, IgnoredReason, Mapping, Mode, Target, Unit,
    map_headers,
};
use odyssey_types::{Nutrient, NutritionBasis};

fn map(headers: &[&str], sample: &[&[&str]], mode: Mode) -> Mapping {
    let headers: Vec<String> = headers.iter().map(|h| (*h).to_owned()).collect();
    let sample: Vec<Vec<String>> =
        sample.iter().map(|r| r.iter().map(|c| (*c).to_owned()).collect()).collect();
    map_headers(&headers, &sample, mode, &HeaderSynonyms::default())
}

fn status(mapping: &Mapping) -> Vec<(Option<&'static str>, ColumnStatus)> {
    mapping.columns.iter().map(|c| (c.target.map(Target::code), c.status)).collect()
}

#[test]
fn two_headers_of_equal_right_are_ambiguous_and_neither_is_read() {
    let mapping = map(&["sku", "upc", "ean", "name"], &[], Mode::Products);
    use ColumnStatus::{Ambiguous, Mapped};
    assert_eq!(
        status(&mapping),
        [
            (Some("external_id"), Mapped),
            (Some("gtin"), Ambiguous),
            (Some("gtin"), Ambiguous),
            (Some("name"), Mapped)
        ]
    );
    assert!(!mapping.targets().contains(Target::Gtin));
}

#[test]
fn the_same_header_twice_is_not_read() {
    let mapping = map(&["sku", "name", "Name"], &[], Mode::Products);
    assert_eq!(mapping.columns[1].status, ColumnStatus::Duplicate);
    assert_eq!(mapping.columns[2].status, ColumnStatus::Duplicate);
}

#[test]
fn a_second_best_column_is_read_where_the_best_is_empty_but_never_as_identity() {
    let mapping = map(&["id", "external_id", "energy-kcal_100g", "energy_100g"], &[], Mode::Products);
    assert_eq!(mapping.columns[0].reason, Some(IgnoredReason::BetterIdentity));
    assert_eq!(mapping.columns[2].status, ColumnStatus::Mapped);
    assert_eq!(mapping.columns[3].status, ColumnStatus::Fallback);
    assert_eq!(mapping.columns[3].unit, Some(Unit::Kilojoule));
}

#[test]
fn units_are_taken_from_the_header_or_settled_by_the_values() {
    let sample: &[&[&str]] = &[&["0.4", "1.0", "170"], &["0.2", "0.5", "181"], &["0.8", "2.0", "165"]];
    let mapping = map(&["sodium", "salt", "height"], sample, Mode::Products);
    assert_eq!(mapping.columns[0].unit, Some(Unit::Gram), "salt beside it says grams");
    let mapping = map(&["sodium", "salt", "height"], sample, Mode::Customers);
    assert_eq!(mapping.columns[2].unit, Some(Unit::Centimetre));
    let mapping = map(&["sodium"], &[&["120"], &["640"], &["5"]], Mode::Products);
    assert_eq!(mapping.columns[0].unit, Some(Unit::Milligram));
    let mapping = map(&["weight"], &[&["150"], &["180"], &["120"]], Mode::Customers);
    assert_eq!(
        mapping.columns[0].reason,
        Some(IgnoredReason::UnitMissing),
        "pounds or kilograms: nobody knows"
    );
    let mapping = map(&["Vit_A_IU", "Vit_D_IU"], &[], Mode::Products);
    assert_eq!(mapping.columns[0].reason, Some(IgnoredReason::UnitUnsupported));
    assert_eq!(mapping.columns[1].unit, Some(Unit::Iu));
}

#[test]
fn code_is_a_barcode_only_when_its_values_are() {
    let barcodes = map(&["code"], &[&["4006381333931"], &["4.68E+11"]], Mode::Products);
    assert_eq!(barcodes.columns[0].target, Some(Target::Gtin));
    let ids = map(&["code"], &[&["A-17"], &["A-18"]], Mode::Products);
    assert_eq!(ids.columns[0].target, Some(Target::ExternalId));
}

#[test]
fn one_file_has_one_basis_and_says_where_it_comes_from() {
    let mapping = map(&["sku", "fat_100g", "sugars_100g", "fat_serving"], &[], Mode::Products);
    assert_eq!((mapping.basis, mapping.basis_source), (NutritionBasis::Per100g, BasisSource::Headers));
    assert_eq!(mapping.columns[3].reason, Some(IgnoredReason::OtherBasis));
    let mapping = map(&["sku", "calories", "serving_size"], &[], Mode::Products);
    assert_eq!((mapping.basis, mapping.basis_source), (NutritionBasis::PerServing, BasisSource::Assumed));
    let mapping = map(&["sku", "calories"], &[], Mode::Products);
    assert_eq!((mapping.basis, mapping.basis_source), (NutritionBasis::Per100g, BasisSource::Assumed));
}

#[test]
fn a_chosen_basis_picks_the_columns_that_state_it() {
    let headers = ["sku", "fat_100g", "sugars_100g", "fat_serving"].map(str::to_owned);
    let overrides = HeaderSynonyms { basis: Some(NutritionBasis::PerServing), ..HeaderSynonyms::default() };
    let mapping = map_headers(&headers, &[], Mode::Products, &overrides);
    let read: Vec<_> = mapping.read_columns().map(|c| c.header.as_str()).collect();
    assert_eq!(read, ["sku", "fat_serving"]);
}

#[test]
fn a_persons_decision_goes_before_the_table() {
    let headers = ["sku".to_owned(), "Grasa".to_owned(), "name".to_owned()];
    let overrides = HeaderSynonyms {
        overrides: vec![
            HeaderOverride {
                header: "grasa".into(),
                target: Some(Target::Nutrient(Nutrient::Fat)),
                unit: Some(Unit::Milligram),
                basis: None,
            },
            HeaderOverride { header: "NAME".into(), target: None, unit: None, basis: None },
        ],
        basis: Some(NutritionBasis::Per100ml),
        ..HeaderSynonyms::default()
    };
    let mapping = map_headers(&headers, &[], Mode::Products, &overrides);
    assert_eq!(mapping.columns[1].unit, Some(Unit::Milligram));
    assert_eq!(mapping.columns[2].reason, Some(IgnoredReason::ByRequest));
    assert_eq!((mapping.basis, mapping.basis_source), (NutritionBasis::Per100ml, BasisSource::Override));
}

#[test]
fn the_digest_changes_with_what_is_read_and_with_nothing_else() {
    let one = map(&["sku", "name", "whatever"], &[], Mode::Products);
    assert_eq!(one.digest(), map(&["sku", "name", "other"], &[], Mode::Products).digest());
    assert_ne!(one.digest(), map(&["sku", "brand", "whatever"], &[], Mode::Products).digest());
    assert_ne!(one.digest(), map(&["name", "sku", "whatever"], &[], Mode::Products).digest());
}

#[test]
fn the_report_is_json_that_names_every_column() {
    let mapping = map(&["sku", "Sodium (mg)", "colour"], &[], Mode::Products);
    let report = serde_json::to_value(&mapping).expect("JSON");
    assert_eq!(report["columns"][1]["target"], "sodium_mg");
    assert_eq!(report["columns"][1]["unit"], "milligram");
    assert_eq!(report["columns"][2]["status"], "ignored");
    assert_eq!(report["columns"][2]["reason"], "not_known");
}

#[test]
fn synthea_patients_map_without_a_click() {
    let mapping = map(
        &[
            "Id",
            "BIRTHDATE",
            "DEATHDATE",
            "SSN",
            "FIRST",
            "LAST",
            "GENDER",
            "ADDRESS",
            "CITY",
            "STATE",
            "ZIP",
        ],
        &[],
        Mode::Customers,
    );
    let read: Vec<_> = mapping.read_columns().map(|c| c.header.as_str()).collect();
    assert_eq!(
        read,
        ["Id", "BIRTHDATE", "DEATHDATE", "FIRST", "LAST", "GENDER", "ADDRESS", "CITY", "STATE", "ZIP"]
    );
}
