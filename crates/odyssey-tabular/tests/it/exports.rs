//! What we write reads back equal, in either format and whatever stands in it.

use chrono::NaiveDate;
use odyssey_tabular::export::{ConsentCells, FileFormat, FileRow, customer_row, product_row, profile_row};
use odyssey_types::{
    AllergenData, CustomerIdentity, CustomerStatus, DeclaredAllergens, Fixed, FreeFromClaim, Gtin,
    HealthProfile, Jurisdiction, Nutrient, Nutrients, Nutrition, NutritionBasis, ProductFields,
    ProductStatus, ServingSize,
};
use proptest::prelude::*;

use crate::support::{customers, products};

const FORMATS: [FileFormat; 2] = [FileFormat::Csv, FileFormat::Ndjson];

fn file(rows: &[FileRow], format: FileFormat) -> String {
    let mut file = rows.first().expect("a row").header(format).expect("a header");
    for row in rows {
        file.push_str(&row.line(format).expect("a line"));
    }
    file
}

/// Texts that something between here and there might take for something else.
fn texts() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        "null",
        "NULL",
        "n/a",
        "none",
        "-",
        "=1+1",
        "+1",
        "-5 %",
        "@x",
        "'",
        "''",
        "'=1",
        "'s Morgens",
        "\t",
        "a\nb",
        "a\r\nb",
        "\r",
        "\n",
        "a\"b",
        "\"",
        "a,b;c|d",
        "[\"a\"]",
        "{\"a\":1}",
        "é",
        "e\u{301}",
        "日本",
        "\u{a0}x ",
        "1,500",
        "<b>x</b>",
        "4.68E+11",
        "#N/A",
        "\u{feff}x",
        "true",
        " lead and trail ",
    ];
    prop_oneof![
        3 => proptest::sample::select(odd.map(str::to_owned).to_vec()),
        2 => "[ -~é日\n\r\t']{0,12}",
    ]
}

fn list() -> impl Strategy<Value = Option<Vec<String>>> {
    proptest::option::of(proptest::collection::vec(texts(), 0..4))
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(texts())
}

prop_compose! {
    fn labels()(
        (name, brand, description, category, ingredients) in (text(), text(), text(), text(), text()),
        (tags, certifications, codes, images) in (list(), list(), list(), list()),
        (contains, may, facility, free) in (list(), list(), list(), list()),
        price in proptest::option::of(proptest::sample::select(vec!["0", "4.5", "4.50", "4.500", "12.3456"])),
        (grams, millilitres, words) in (proptest::option::of(1_i64..9_999_999), proptest::option::of(1_i64..9_999_999), text()),
        (weight, package) in (proptest::option::of(1_i64..999_999_999), text()),
        sodium in proptest::option::of(0_i64..1_000_000),
        energy in proptest::option::of(0_i64..800_000),
        status in proptest::sample::select(ProductStatus::ALL),
        jurisdiction in proptest::sample::select(Jurisdiction::ALL),
        allergen_data in proptest::sample::select(AllergenData::ALL),
        day in proptest::option::of(0_u32..20_000),
    ) -> ProductFields {
        let mut amounts = Nutrients::default();
        amounts.set(Nutrient::Sodium, sodium);
        amounts.set(Nutrient::Energy, energy.map(|steps| Nutrient::Energy.unit().stored_of_steps(steps)));
        let nutrition = (!amounts.is_empty()).then_some(Nutrition { basis: NutritionBasis::Per100ml, amounts });
        let serving = ServingSize { amount_g: grams.map(Fixed), amount_ml: millilitres.map(Fixed), text: words };
        let certified = |allergen: String| FreeFromClaim { certified: allergen.len() > 2, certificate: Some(allergen.clone()), allergen };
        let declared = contains.map(|contains| DeclaredAllergens {
            contains,
            may_contain: may.unwrap_or_default(),
            facility: facility.unwrap_or_default(),
            free_from: free.unwrap_or_default().into_iter().map(certified).collect(),
        });
        ProductFields {
            gtin: Gtin::parse("4006381333931").ok(),
            name, brand, description,
            category_id: category.clone(), sub_category_id: category.clone(), cuisine: category.clone(), market: category,
            currency: price.map(|_| "EUR".to_owned()), price: price.map(str::to_owned),
            status, ingredients, nutrition,
            serving_size: (serving != ServingSize::default()).then_some(serving),
            package_weight_g: weight.map(Fixed), package_text: package.clone(),
            dietary_tags: tags, allergens: declared, certifications, regulatory_codes: codes, images,
            source_url: package,
            label_jurisdiction: jurisdiction,
            label_as_of: day.map(|day| NaiveDate::from_ymd_opt(1990, 1, 1).expect("a day") + chrono::Days::new(day.into())),
            allergen_data,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_product_reads_back_equal(labels in proptest::collection::vec(labels(), 1..4), id in texts()) {
        for format in FORMATS {
            let id = if id.trim().is_empty() { "p" } else { id.as_str() };
            let rows: Vec<FileRow> = labels.iter().enumerate()
                .map(|(at, fields)| product_row(&format!("{id}{at}"), fields).expect("a row")).collect();
            let parsed = products(file(&rows, format).as_bytes());
            prop_assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
            prop_assert_eq!(parsed.accepted.len(), labels.len());
            for (at, (row, fields)) in parsed.accepted.iter().zip(&labels).enumerate() {
                prop_assert_eq!(&row.external_id, &format!("{id}{at}"));
                prop_assert_eq!(&row.fields, fields);
            }
        }
    }

    #[test]
    fn a_customer_reads_back_equal(
        (name, address, notes, member) in (text(), text(), text(), text()),
        tags in list(),
        granted in proptest::option::of(any::<bool>()),
        words in text(),
    ) {
        let identity = CustomerIdentity {
            name, address, notes, member_number: member,
            email: Some("ada@example.org".to_owned()), phone: Some("+1 415 555 0132".to_owned()),
            birth_date: NaiveDate::from_ymd_opt(1980, 2, 29),
            tags: tags.unwrap_or_default(),
        };
        let consent = ConsentCells { granted, text_version: words.as_deref() };
        for format in FORMATS {
            let row = customer_row("ada", CustomerStatus::Inactive, &identity, consent).expect("a row");
            let parsed = customers(file(&[row], format).as_bytes());
            prop_assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
            let read = &parsed.accepted[0];
            prop_assert_eq!(read.identity.expose(), &identity);
            prop_assert_eq!((read.status, read.consent.granted), (Some(CustomerStatus::Inactive), granted));
            prop_assert_eq!(&read.consent.version, &words);
        }
    }
}

#[test]
fn a_profile_reads_back_equal() {
    let profile: HealthProfile = serde_json::from_value(serde_json::json!({
        "height_cm": 172.5, "weight_kg": 70.125, "age_years": 40, "sex": "female", "activity_level": "very",
        "reproductive_status": "pregnant", "gestation_weeks": 20, "pre_pregnancy_weight_kg": 65.5,
        "allergies": [{ "allergen": "peanut", "severity": "anaphylaxis", "strictness": "facility" }, { "text": "moon, dust" }],
        "conditions": [{ "system": "icd10cm", "code": "E11.9", "display": "Type 2; diabetes" }],
        "medications": [{ "rxnorm": "11289", "name": "Warfarin" }],
        "diets": [{ "diet": "halal", "kind": "religious", "refuse_may_contain": true }],
        "limits": [{ "nutrient": "sodium_mg", "max": 1600.5, "period": "day" }],
        "goals": ["more_fiber"], "energy_target_kcal": 2000, "energy_formula": "eer_2023", "guideline": "dga_2025",
        "macro_targets": { "protein_pct": 20.5, "fat_pct": 30, "carbohydrate_pct": 49.5 },
        "liked_brands": ["A, B", "null"], "disliked_categories": ["=x"],
    }))
    .expect("a profile");
    for profile in [profile, HealthProfile::default()] {
        for format in FORMATS {
            let consent = ConsentCells { granted: Some(true), text_version: None };
            let row = profile_row("ada", &profile, consent).expect("a row");
            let parsed = customers(file(&[row], format).as_bytes());
            assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
            assert_eq!(parsed.accepted[0].profile.expose(), &profile);
        }
    }
}

#[test]
fn no_cell_of_a_spreadsheet_begins_a_formula() {
    for text in ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "'=1"] {
        let fields = ProductFields { name: Some(text.to_owned()), ..ProductFields::default() };
        let row = product_row("p1", &fields).expect("a row");
        let line = row.line(FileFormat::Csv).expect("a line");
        assert!(line.contains(&format!("'{text}")), "{line}");
        let line = row.line(FileFormat::Ndjson).expect("a line");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let kept = if text.starts_with('\'') { format!("'{text}") } else { text.to_owned() };
        assert_eq!(read["name"], kept, "nothing is added where nothing runs");
    }
}
