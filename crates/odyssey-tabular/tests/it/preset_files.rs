//! The real files of known origin, their first rows whole: what is taken and what is refused.

use odyssey_tabular::{
    CustomerRow, HeaderSynonyms, Mode, Options, Outcome, ParseRow, ProductRow, ReadError, Rows, Table,
    map_headers, open,
};
use odyssey_types::Nutrient;
use std::collections::BTreeMap;

use crate::support::{products, settings, shared};

const TRADE_ITEMS: &[&str] = &[
    "agena3000_andros",
    "agena3000_lactalis",
    "codeonline_bongou_anguille_en_conserve",
    "codeonline_lou_perac",
    "codeonline_orea_pate_a_tartinet",
    "codeonline_pepsico_lays",
    "equadis_brasseries_kronenbourg_grimbergen_rouge",
    "equadis_knorr_child_item",
    "equadis_nestle_france_ricore",
    "equadis_pepsico_chips",
    "equadis_unilever_magnum_mini_ruby",
    "equadis_unilever_obf_signal",
];

const ROWS_MAX: usize = 2_000;

/// Reads the beginning of a file, says what became of it, and holds it to its preset and to a floor of the
/// accepted share.
fn check(path: &str, mode: Mode, preset: Option<&str>, accepted_percent_min: usize) {
    match mode {
        Mode::Products => check_rows::<ProductRow>(path, mode, preset, accepted_percent_min),
        Mode::Customers => check_rows::<CustomerRow>(path, mode, preset, accepted_percent_min),
    }
}

fn check_rows<T: ParseRow>(path: &str, mode: Mode, preset: Option<&str>, accepted_percent_min: usize) {
    let Some(file) = shared(path) else { return };
    let options = Options { mode: Some(mode), ..Options::default() };
    let table = Table::new(open(file, &options).expect("opens")).expect("has a header");
    let mapping = map_headers(table.headers(), &table.sample(), mode, &HeaderSynonyms::default());
    assert_eq!(mapping.preset, preset, "{path}");
    assert!(mapping.has_identity(), "{path} has an identity");
    let read: Vec<_> = mapping
        .read_columns()
        .map(|c| format!("{}>{}", c.header, c.target.map_or("", odyssey_tabular::Target::code)))
        .collect();
    let unread: Vec<_> = mapping
        .columns
        .iter()
        .filter(|c| c.target.is_some() && !read.iter().any(|r| r.starts_with(&format!("{}>", c.header))))
        .map(|c| format!("{} {:?} {:?}", c.header, c.status, c.reason))
        .collect();
    println!("{path}: {:?} {}\n  basis {:?}, not read {unread:?}", preset, read.join(" "), mapping.basis);
    let (mut accepted, mut codes, mut samples) = (0, BTreeMap::new(), Vec::new());
    let mut rejected = 0;
    for row in Rows::<_, T>::new(table, mapping, settings()).expect("fits").take(ROWS_MAX) {
        match row.expect("readable") {
            Outcome::Accepted(_) => accepted += 1,
            Outcome::Rejected(row) => {
                rejected += 1;
                for error in &row.errors {
                    let nth: &mut usize = codes.entry(error.code.as_str()).or_default();
                    *nth += 1;
                    if *nth <= 3 {
                        let value = error.value.expose().clone().unwrap_or_default();
                        samples.push(format!("row {} {} {:?}: {value}", row.row, error.code, error.column));
                    }
                }
            }
        }
    }
    println!(
        "  read {}, accepted {accepted}, rejected {rejected} {codes:?}\n  {}",
        accepted + rejected,
        samples.join("\n  ")
    );
    let share = accepted * 100 / (accepted + rejected).max(1);
    assert!(share >= accepted_percent_min, "{path}: {share} % accepted");
}

#[test]
fn open_food_facts_files_are_known_and_taken() {
    check("products/off_us_full210_1000.tsv.gz", Mode::Products, Some("open_food_facts"), 97);
    // One row in six has more of a nutrient in 100 g than there can be (fat 510 g).
    check("products/off_api_2000.jsonl.gz", Mode::Products, Some("open_food_facts"), 80);
    check("products/vendor_utf16_semicolon_fr_6774.csv.gz", Mode::Products, Some("open_food_facts"), 95);
    // A spreadsheet destroyed its barcodes.
    check("products/vendor_excel_damaged_1316.csv.gz", Mode::Products, Some("open_food_facts"), 40);
}

#[test]
fn usda_files_are_known_and_taken() {
    check("products/usda_fdc_branded_2020.csv.gz", Mode::Products, Some("usda_fdc_branded"), 100);
    check("products/usda_fdc_foods_2020.csv.gz", Mode::Products, Some("usda_fdc_food"), 100);
    check("products/usda_sr28_abbrev_latin1.csv.gz", Mode::Products, Some("usda_sr28"), 99);
}

#[test]
fn trade_items_are_known_and_taken() {
    for name in TRADE_ITEMS {
        check(&format!("products/gs1_gdsn_feeds/{name}.json"), Mode::Products, Some("gs1_gdsn"), 100);
    }
}

/// What Open Food Facts made of the same feeds; it reads prepared amounts too, which are not read here.
#[test]
fn trade_items_say_what_open_food_facts_read_in_them() {
    const NUTRIENTS: &[(&str, Nutrient)] = &[
        ("energy-kcal", Nutrient::Energy),
        ("fat", Nutrient::Fat),
        ("saturated-fat", Nutrient::SaturatedFat),
        ("carbohydrates", Nutrient::Carbohydrate),
        ("sugars", Nutrient::Sugars),
        ("fiber", Nutrient::Fiber),
        ("proteins", Nutrient::Protein),
        ("salt", Nutrient::Salt),
    ];
    let mut compared = 0;
    for name in TRADE_ITEMS {
        let Some(file) = shared(&format!("products/gs1_gdsn_feeds/{name}.json")) else { return };
        let expected = shared(&format!("products/gs1_gdsn_feeds/{name}.off.json")).expect("present");
        let expected: Vec<serde_json::Value> = serde_json::from_reader(expected).expect("JSON");
        let rows = products(file).accepted;
        assert_eq!(rows.len(), expected.len(), "{name}");
        for expected in expected {
            let code = expected["code"].as_str().expect("a code");
            let row = rows.iter().find(|row| row.external_id == code).expect("the same item");
            let amounts = row.fields.nutrition.as_ref().map(|nutrition| &nutrition.amounts);
            for (field, nutrient) in NUTRIENTS {
                let theirs =
                    expected[format!("{field}_100g_value")].as_str().map(|v| v.trim_start_matches("< "));
                let ours = amounts.and_then(|a| a.get(*nutrient)).map(|stored| nutrient.render(stored));
                assert_eq!(ours.as_deref(), theirs, "{name} {field}");
                compared += usize::from(theirs.is_some());
            }
            let theirs = expected["allergens"].as_str().unwrap_or_default();
            let ours = row.fields.allergens.as_ref().map(|a| a.contains.join(" ")).unwrap_or_default();
            println!(
                "{name}: {:?} {ours} = {theirs}; {:?} {:?} {:?}",
                row.fields.name,
                row.fields.brand,
                row.fields.package_text,
                row.warnings.iter().map(|w| w.code.as_str()).collect::<Vec<_>>()
            );
        }
    }
    assert!(compared >= 60, "{compared}");
}

#[test]
fn the_other_tables_of_sr28_are_refused_with_a_way_out() {
    for name in
        ["FOOD_DES.txt.gz", "FD_GROUP.txt", "WEIGHT.txt.gz", "LANGUAL.txt.gz", "LANGDESC.txt", "NUTR_DEF.txt"]
    {
        let Some(file) = shared(&format!("products/usda_sr28_ascii/{name}")) else { return };
        let refused = open(file, &Options::default()).map(|decoded| decoded.detected);
        assert!(matches!(refused, Err(ReadError::OneTableOfSr28)), "{name}");
    }
}

#[test]
fn synthea_patients_are_known_and_taken() {
    for path in [
        "patients/synthea_59_complete/patients.csv",
        "patients/synthea_543/patients.csv.gz",
        "patients/synthea_1214_nulls/patients-with-nulls.csv.gz",
    ] {
        check(path, Mode::Customers, Some("synthea_patients"), 99);
    }
}

#[test]
fn other_vendors_files_are_taken_for_none_of_them() {
    check("products/lifyzer_off_us_213592.csv.zst", Mode::Products, None, 94);
    check("products/lifyzer_off_multilingual.csv.zst", Mode::Products, None, 99);
    check("products/vendor_mercadona_es_4782.csv.gz", Mode::Products, None, 100);
    check("products/vendor_cnf_foodname_latin1_5690.csv.gz", Mode::Products, None, 100);
    // Two of its four barcodes have a wrong check digit.
    check("products/off_producer_upload/producer_upload_fr.xlsx.csv", Mode::Products, None, 50);
    check("products/off_producer_upload/producer_upload_fr.xlsx", Mode::Products, None, 50);
    check("peer/sample_1000_products.csv", Mode::Products, None, 100);
}

#[test]
fn a_producers_export_is_known_and_its_amounts_are_left_alone() {
    // Wrong today: a quoted text with a line break is read as four torn rows.
    check(
        "products/off_producer_upload/producer_export_products.csv",
        Mode::Products,
        Some("open_food_facts_producers"),
        75,
    );
}

#[test]
fn amounts_apart_from_their_foods_have_no_identity() {
    let Some(file) = shared("products/usda_fdc_food_nutrient_long_2020.csv.gz") else { return };
    let table = Table::new(open(file, &Options::default()).expect("opens")).expect("has a header");
    let mapping = map_headers(table.headers(), &table.sample(), Mode::Products, &HeaderSynonyms::default());
    assert_eq!((mapping.preset, mapping.has_identity()), (Some("usda_fdc_nutrients"), false));
}
