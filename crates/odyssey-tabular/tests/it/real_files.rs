//! Real files, whole, against counts made apart from this code: by a Python script with the `csv` module and
//! exact fractions, its rules typed from the reference (section 1.3) and not from here. A row is counted once
//! per code.

use odyssey_tabular::{ColumnStatus, Mapping, Mode, Options, Target, Unit, open, sniff};
use odyssey_types::{Jurisdiction, Nutrient, NutritionBasis};

use crate::support::{products, shared};

/// Where a target is read from, and in which unit.
fn column(mapping: &Mapping, target: Target) -> Option<(&str, Option<Unit>)> {
    mapping
        .columns
        .iter()
        .find(|c| c.target == Some(target) && c.status == ColumnStatus::Mapped)
        .map(|c| (c.header.as_str(), c.unit))
}

#[test]
fn the_us_catalog_of_213592_rows_is_taken_and_refused_as_counted_apart() {
    let Some(file) = shared("products/lifyzer_off_us_213592.csv.zst") else { return };
    let parsed = products(file);

    assert_eq!(column(&parsed.mapping, Target::Gtin).map(|c| c.0), Some("barcode_id"));
    assert_eq!(
        column(&parsed.mapping, Target::Nutrient(Nutrient::Sodium)),
        Some(("sodium", Some(Unit::Gram))),
        "the values say that sodium is in grams here"
    );
    assert_eq!(parsed.mapping.basis, NutritionBasis::Per100g);
    assert_eq!(parsed.accepted.len() + parsed.rejected.len(), 213_592);
    assert_eq!(parsed.accepted.len(), 208_205);
    // 145 repeated identities: 12 of the 14 barcodes that repeat letter by letter (the other two have wrong
    // check digits) and 133 that repeat only once normalised, among barcodes of exactly 8, 12, 13 or 14 digits (132
    // GTINs). Of 1,636 codes of 11 digits and 27 of 7 each begins with a zero: none has lost one, and the check digit
    // of a tenth fits by chance.
    let expected = [
        ("duplicate_in_file", 145),
        ("gtin_check_digit", 2_101),
        ("gtin_length", 1_923),
        ("nutrient_negative", 12),
        ("nutrient_out_of_range", 560),
        ("saturated_fat_exceeds_fat", 183),
        ("sugars_exceed_carbohydrate", 495),
    ];
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), expected);
    for row in &parsed.accepted {
        let nutrition = row.fields.nutrition.iter();
        for (nutrient, amount) in nutrition.flat_map(|n| n.amounts.iter().collect::<Vec<_>>()) {
            assert!((0..=100_000_000).contains(&amount), "row {}: {nutrient} {amount}", row.row);
        }
        assert_eq!(row.fields.label_jurisdiction, Jurisdiction::Unknown, "nothing infers a jurisdiction");
        assert_eq!(row.fields.allergens, None, "the file declares no allergen");
    }
}

#[test]
fn the_latin1_food_table_keeps_its_zeros_its_units_and_its_inch_marks() {
    let Some(file) = shared("products/usda_sr28_abbrev_latin1.csv.gz") else { return };
    let decoded = open(file, &Options::default()).expect("opens");
    assert_eq!(decoded.detected.encoding, "windows-1252");

    let parsed = products(shared("products/usda_sr28_abbrev_latin1.csv.gz").expect("present"));
    assert_eq!(parsed.accepted.len(), 8_455);
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), [("sugars_exceed_carbohydrate", 8)]);
    let selenium = column(&parsed.mapping, Target::Nutrient(Nutrient::Selenium));
    assert_eq!(selenium, Some(("Selenium_(µg)", Some(Unit::Microgram))));
    let butter = &parsed.accepted[0];
    assert_eq!(
        (butter.external_id.as_str(), butter.fields.name.as_deref()),
        ("01001", Some("BUTTER,WITH SALT"))
    );
    let amounts = &butter.fields.nutrition.as_ref().expect("nutrition").amounts;
    assert_eq!(amounts.get(Nutrient::Sodium), Some(643_000));
    assert_eq!(amounts.get(Nutrient::VitaminD), Some(2), "1.5 µg in whole µg, half-even");
    assert_eq!(amounts.get(Nutrient::Energy).map(|j| Nutrient::Energy.render(j)).as_deref(), Some("717"));
}

#[test]
fn the_utf16_semicolon_catalog_is_read_with_its_kilojoules() {
    let Some(file) = shared("products/vendor_utf16_semicolon_fr_6774.csv.gz") else { return };
    let detected = sniff(file).expect("opens");
    assert_eq!((detected.encoding, detected.bom, detected.delimiter), ("UTF-16LE", true, b';'));

    let parsed = products(shared("products/vendor_utf16_semicolon_fr_6774.csv.gz").expect("present"));
    assert_eq!(parsed.accepted.len(), 6_665);
    let expected = [
        ("gtin_check_digit", 98),
        ("gtin_length", 8),
        ("nutrient_out_of_range", 1),
        ("sugars_exceed_carbohydrate", 2),
    ];
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), expected);
    let porridge = parsed.accepted.iter().find(|r| r.external_id == "00000000018999").expect("taken");
    assert_eq!(porridge.fields.name.as_deref(), Some("Porridge de Riz"));
    let energy = porridge.fields.nutrition.as_ref().and_then(|n| n.amounts.get(Nutrient::Energy));
    assert_eq!(energy.map(|j| Nutrient::Energy.render(j)).as_deref(), Some("342.017"), "1431 kJ");
}

#[test]
fn barcodes_that_a_spreadsheet_damaged_are_refused_and_never_invented() {
    let Some(file) = shared("products/vendor_excel_damaged_1316.csv.gz") else { return };
    let parsed = products(file);
    assert_eq!(parsed.accepted.len(), 665);
    let expected = [("gtin_check_digit", 41), ("gtin_damaged_by_spreadsheet", 310), ("gtin_length", 300)];
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), expected);
    let damaged = parsed.rejected.iter().find(|r| r.row == 1).expect("the first row is refused");
    assert_eq!(damaged.errors[0].value.expose().as_deref(), Some("4.68E+11"));
    assert!(damaged.errors[0].remedy().contains("spreadsheet"), "the remedy names the culprit");
}

#[test]
fn the_full_tab_separated_export_is_read_without_quoting() {
    let Some(file) = shared("products/off_us_full210_1000.tsv.gz") else { return };
    let detected = sniff(file).expect("opens");
    assert_eq!((detected.delimiter, detected.quoting, detected.columns), (b'\t', false, 210));

    let parsed = products(shared("products/off_us_full210_1000.tsv.gz").expect("present"));
    assert_eq!(parsed.accepted.len() + parsed.rejected.len(), 1_000);
    let expected = [("added_sugars_exceed_sugars", 14), ("gtin_check_digit", 4)];
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), expected);
    // Of the 982 rows taken 170 name allergens and 29 traces (23 in `traces`, 6 more in `traces_tags` alone).
    let declared = parsed.accepted.iter().filter_map(|r| r.fields.allergens.as_ref());
    let (contains, traces) = declared.fold((0, 0), |(contains, traces), allergens| {
        (
            contains + usize::from(!allergens.contains.is_empty()),
            traces + usize::from(!allergens.may_contain.is_empty()),
        )
    });
    assert_eq!((contains, traces), (170, 29));
}

#[test]
fn a_bad_barcode_beside_an_id_is_a_warning_and_leaves_the_field_unknown() {
    let Some(file) = shared("products/usda_fdc_branded_2020.csv.gz") else { return };
    let parsed = products(file);
    assert_eq!((parsed.accepted.len(), parsed.rejected.len()), (9_541, 0));
    assert_eq!(parsed.accepted.iter().filter(|r| r.fields.gtin.is_none()).count(), 279);
    let first = &parsed.accepted[0];
    assert_eq!(first.external_id, "1106032");
    let serving = first.fields.serving_size.as_ref().and_then(|s| s.amount_g).map(|a| a.to_string());
    assert_eq!(serving.as_deref(), Some("85"));
    assert_eq!(first.fields.market.as_deref(), Some("United States"));
    let ounces = parsed.accepted.iter().find(|r| r.fields.package_text.as_deref() == Some("32 ONZ"));
    let weight = ounces.and_then(|r| r.fields.package_weight_g).map(|w| w.to_string());
    assert_eq!(weight.as_deref(), Some("907.185"));
}

#[test]
fn the_uploads_of_the_product_we_replace_say_what_is_wrong_with_them() {
    let Some(file) = shared("peer/products_1000.csv") else { return };
    let parsed = products(file);
    assert_eq!(
        parsed.codes().into_iter().collect::<Vec<_>>(),
        [("identity_missing", 1_000), ("sugars_exceed_carbohydrate", 165)]
    );
    assert!(!parsed.mapping.has_identity());
    assert_eq!(parsed.mapping.basis, NutritionBasis::Per100g);
    let read: Vec<&str> = parsed.mapping.read_columns().map(|c| c.header.as_str()).collect();
    assert_eq!(read.len(), 16, "every odd header maps: {read:?}");

    let parsed = products(shared("peer/sample_1000_products.csv").expect("present"));
    assert_eq!((parsed.accepted.len(), parsed.rejected.len()), (100, 0));
    assert_eq!(parsed.accepted.iter().filter(|r| r.fields.gtin.is_none()).count(), 100);
    let first = &parsed.accepted[0];
    assert_eq!(first.fields.allergens, None, "`{{none}}` declares nothing");
    assert_eq!(first.fields.dietary_tags.as_deref().map(<[String]>::len), Some(3));
    assert_eq!(first.fields.nutrition.as_ref().map(|n| n.basis), Some(NutritionBasis::PerServing));
    assert_eq!(first.fields.ingredients.as_deref(), Some("{organic ingredients}"));
    assert_eq!((first.fields.price.as_deref(), first.fields.currency.as_deref()), (None, None));
}

#[test]
fn a_shops_prices_and_a_national_food_list_come_in() {
    let Some(file) = shared("products/vendor_mercadona_es_4782.csv.gz") else { return };
    let parsed = products(file);
    assert_eq!((parsed.accepted.len(), parsed.rejected.len()), (4_782, 0));
    let first = &parsed.accepted[0].fields;
    assert_eq!((first.price.as_deref(), first.currency.as_deref()), (Some("1.00"), Some("EUR")));

    let parsed = products(shared("products/vendor_cnf_foodname_latin1_5690.csv.gz").expect("present"));
    assert_eq!((parsed.accepted.len(), parsed.rejected.len()), (5_690, 0));
}

#[test]
fn french_headers_with_units_and_values_with_units_are_understood() {
    let Some(file) = shared("products/off_producer_upload/producer_upload_fr.xlsx.csv") else { return };
    let parsed = products(file);
    assert_eq!(parsed.mapping.mode, Mode::Products);
    let lentils = parsed.accepted.iter().find(|r| r.fields.name.as_deref() == Some("Lentilles vertes Bio"));
    let lentils = lentils.expect("taken");
    let amounts = &lentils.fields.nutrition.as_ref().expect("nutrition").amounts;
    assert_eq!(amounts.get(Nutrient::Fat), Some(1_700_000));
    assert_eq!(amounts.get(Nutrient::Sodium), Some(39_900), "milligrams, by the salt beside it");
}

#[test]
fn a_real_workbook_gives_the_rows_of_the_same_table_as_text() {
    let name = "products/off_producer_upload/producer_upload_fr.xlsx";
    let (Some(workbook), Some(text)) = (shared(name), shared(&format!("{name}.csv"))) else { return };
    let (workbook, text) = (products(workbook), products(text));
    assert!(!workbook.accepted.is_empty());
    let fields = |rows: &[odyssey_tabular::ProductRow]| -> Vec<_> {
        rows.iter().map(|row| (row.row, row.external_id.clone(), row.fields.clone())).collect()
    };
    assert_eq!(fields(&workbook.accepted), fields(&text.accepted));
    assert_eq!(workbook.codes(), text.codes());
}
