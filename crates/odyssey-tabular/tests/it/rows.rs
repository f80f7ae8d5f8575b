//! One quirk of a row at a time.

use odyssey_tabular::{
    ErrorsCsv, HeaderSynonyms, Mode, Options, Outcome, ProductRow, RowErrorCode, Rows, Table, Target,
    WarningCode, map_headers, open, row_hash_input,
};
use odyssey_types::{AllergySeverity, CustomerStatus, Nutrient, Phi, Sex};

use crate::support::{customers, products, settings};

/// The reject codes of a file's only row, or the codes of its warnings.
fn verdict(file: &str) -> Result<Vec<&'static str>, Vec<&'static str>> {
    let parsed = products(file.as_bytes());
    match (parsed.accepted.as_slice(), parsed.rejected.as_slice()) {
        ([row], []) => Ok(row.warnings.iter().map(|w| w.code.as_str()).collect()),
        ([], [row]) => Err(row.errors.iter().map(|e| e.code.as_str()).collect()),
        other => panic!("one row, not {} and {}", other.0.len(), other.1.len()),
    }
}

#[test]
fn an_identity_keeps_its_zeros_and_its_case_and_a_barcode_gets_its_zeros_back() {
    let parsed = products("sku,name\n  00aB7 ,x\n".as_bytes());
    assert_eq!(parsed.accepted[0].external_id, "00aB7");
    let parsed = products("barcode,name\n36000291452,x\n".as_bytes());
    assert_eq!(parsed.accepted[0].external_id, "00036000291452");
}

#[test]
fn a_zero_that_is_put_back_is_told_with_the_barcode_before_and_after() {
    for (cell, restored) in [("36000291452", "036000291452"), ("1234565", "01234565")] {
        for file in [format!("barcode,name\n{cell},x\n"), format!("sku,barcode\n1,{cell}\n")] {
            let parsed = products(file.as_bytes());
            let [warning] = parsed.accepted[0].warnings.as_slice() else { panic!("{file}") };
            assert_eq!(
                (warning.code, warning.value.as_deref(), warning.read_as.as_deref()),
                (WarningCode::GtinZeroRestored, Some(cell), Some(restored)),
                "{file}"
            );
        }
    }
    assert_eq!(verdict("barcode,name\n036000291452,x\n"), Ok(vec![]));
}

#[test]
fn nine_and_ten_digits_are_no_barcode_even_where_the_check_digit_fits_by_chance() {
    for code in ["1234500014", "123456784"] {
        assert_eq!(verdict(&format!("barcode,name\n{code},x\n")), Err(vec!["gtin_length"]), "{code}");
        let parsed = products(format!("sku,barcode\n1,{code}\n").as_bytes());
        assert_eq!(parsed.accepted[0].fields.gtin, None, "{code}");
        let [warning] = parsed.accepted[0].warnings.as_slice() else { panic!("{code}") };
        assert_eq!((warning.code, warning.value.as_deref()), (WarningCode::GtinUnknown, Some(code)));
    }
}

#[test]
fn an_error_of_a_spreadsheet_is_no_word_for_nothing() {
    for header in ["name", "allergens", "fat", "ingredients"] {
        for cell in ["#REF!", "#NAME?", " #VALUE! "] {
            let refused = verdict(&format!("sku,{header}\n1,{cell}\n"));
            assert!(
                refused.as_ref().is_err_and(|codes| codes.contains(&"spreadsheet_error")),
                "{header}: {refused:?}"
            );
        }
    }
    let parsed = customers("external_id,allergies,conditions\n1,#REF!,#DIV/0!\n2,#fruit,\n".as_bytes());
    assert_eq!(parsed.codes(), [("spreadsheet_error", 1)].into());
    assert_eq!(parsed.accepted[0].profile.expose().allergies.len(), 1);
    // What nobody mapped is not looked at.
    assert_eq!(verdict("sku,whatever\n1,#REF!\n"), Ok(vec![]));
}

#[test]
fn a_warning_has_the_cell_of_a_product_and_never_that_of_a_person() {
    let parsed = products("sku,fat,price\n1,0.00000049,about ten\n".as_bytes());
    let told: Vec<_> =
        parsed.accepted[0].warnings.iter().map(|w| (w.code.as_str(), w.value.as_deref())).collect();
    assert_eq!(told, [("number_rounded", Some("0.00000049")), ("price_unreadable", Some("about ten"))]);
    let parsed = customers("external_id,age,height_cm\n1,40,240\n".as_bytes());
    let told: Vec<_> =
        parsed.accepted[0].warnings.iter().map(|w| (w.code.as_str(), w.value.as_deref())).collect();
    assert_eq!(told, [("unusual_height", None)]);
}

#[test]
fn a_barcode_that_is_the_identity_must_be_right() {
    for (barcode, code) in [
        ("4006381333932", "gtin_check_digit"),
        ("12345", "gtin_length"),
        ("ABC", "gtin_not_digits"),
        ("4.68E+11", "gtin_damaged_by_spreadsheet"),
        ("", "identity_missing"),
        ("NULL", "identity_missing"),
    ] {
        assert_eq!(verdict(&format!("barcode,name\n{barcode},x\n")), Err(vec![code]), "{barcode}");
    }
    assert_eq!(verdict("sku,barcode,name\n1,4006381333932,x\n"), Ok(vec!["gtin_unknown"]));
    assert_eq!(verdict("sku,name\n4.68E+11,x\n"), Err(vec!["gtin_damaged_by_spreadsheet"]));
}

#[test]
fn the_first_row_of_an_identity_counts_and_later_ones_name_it() {
    let parsed = products("barcode,name\n4006381333931,a\n04006381333931,b\n96385074,c\n".as_bytes());
    assert_eq!(parsed.accepted.len(), 2);
    assert_eq!((parsed.rejected[0].row, parsed.rejected[0].errors[0].first_row), (2, Some(1)));
}

#[test]
fn impossible_nutrients_are_refused_by_name() {
    let header = "sku,energy_kcal,fat,saturated_fat,carbohydrates,sugars,added_sugars,salt,sodium_mg,protein";
    for (cells, expected) in [
        ("1,250,10,4,30,10,5,1,400,8", Ok(vec![])),
        ("1,,-1,,,,,,,", Err(vec!["nutrient_negative"])),
        ("1,906,,,,,,,,", Err(vec!["nutrient_out_of_range"])),
        ("1,905,100,,,,,,,", Ok(vec![])),
        ("1,,101,,,,,,,", Err(vec!["nutrient_out_of_range"])),
        ("1,,,,,20000,,,,", Err(vec!["nutrient_out_of_range"])),
        ("1,,,,,,,,39401,", Err(vec!["nutrient_out_of_range"])),
        ("1,,3,3.51,,,,,,", Err(vec!["saturated_fat_exceeds_fat"])),
        ("1,,3,3.5,,,,,,", Ok(vec![])),
        ("1,,,,3,3.51,,,,", Err(vec!["sugars_exceed_carbohydrate"])),
        ("1,,,,9,3,3.51,,,", Err(vec!["added_sugars_exceed_sugars"])),
        ("1,,60,,40,,,,,6", Ok(vec!["macros_exceed_mass"])),
        ("1,,,,,,,1,1000,", Ok(vec!["salt_contradicts_sodium"])),
        ("1,100,10,,10,,,,,10", Ok(vec!["energy_contradicts_macros"])),
        ("1,,abc,,,,,,,", Err(vec!["number_unreadable"])),
        ("1,,\"1,500\",,,,,,,", Err(vec!["number_unreadable"])),
        ("1,,n/a,,,,,,,", Ok(vec!["placeholder_read_as_unknown"])),
        ("1,,<0.5,,,,,,,", Ok(vec!["bound_read_as_value"])),
        ("1,,trace,,,,,,,", Ok(vec!["trace_read_as_unknown"])),
        ("1,,15 %,,,,,,,", Ok(vec!["unit_unsupported"])),
        ("1,,1e40,,,,,,,", Err(vec!["nutrient_out_of_range"])),
    ] {
        assert_eq!(verdict(&format!("{header}\n{cells}\n")), expected, "{cells}");
    }
}

#[test]
fn one_row_may_have_several_faults_and_all_are_named() {
    let parsed = products("barcode,fat,status\n123,-4,gone\n".as_bytes());
    let mut codes: Vec<_> = parsed.rejected[0].errors.iter().map(|e| e.code).collect();
    codes.sort();
    assert_eq!(codes, [RowErrorCode::GtinLength, RowErrorCode::EnumUnknown, RowErrorCode::NutrientNegative]);
}

#[test]
fn amounts_per_serving_are_judged_by_the_mass_of_the_serving() {
    assert_eq!(verdict("sku,fat,serving_size\n1,31,30 g\n"), Err(vec!["nutrient_out_of_range"]));
    assert_eq!(verdict("sku,fat,serving_size\n1,29,30 g\n"), Ok(vec![]));
    assert_eq!(verdict("sku,fat,serving_size\n1,31,1 bowl\n"), Ok(vec!["serving_unit_missing"]));
}

#[test]
fn empty_is_unknown_zero_is_zero_and_present_says_which_columns_there_were() {
    let parsed = products("sku,name,fat,salt\n1,NULL,,0\n".as_bytes());
    let row = &parsed.accepted[0];
    assert_eq!(row.fields.name, None);
    let amounts = &row.fields.nutrition.as_ref().expect("salt").amounts;
    assert_eq!((amounts.get(Nutrient::Fat), amounts.get(Nutrient::Salt)), (None, Some(0)));
    assert!(row.present.contains(Target::Name) && row.present.contains(Target::Nutrient(Nutrient::Fat)));
    assert!(!row.present.contains(Target::Brand));
}

#[test]
fn allergens_none_is_not_free_of_anything() {
    let parsed = products("sku,allergens\n1,none\n2,\"Milk, may contain soy\"\n3,\n".as_bytes());
    assert_eq!(parsed.accepted[0].fields.allergens, None);
    assert_eq!(parsed.accepted[0].warnings[0].code, WarningCode::AllergensNone);
    let declared = parsed.accepted[1].fields.allergens.as_ref().expect("declared");
    assert_eq!(
        (declared.contains.as_slice(), declared.may_contain.as_slice()),
        (&["milk".to_owned()][..], &["soy".to_owned()][..])
    );
    assert_eq!(parsed.accepted[2].fields.allergens, None);
}

#[test]
fn ragged_rows_are_refused_only_where_values_may_have_moved() {
    for (row, expected) in [
        ("1,a,x", Ok(vec![])),
        ("1,a", Ok(vec!["cells_missing"])),
        ("1", Err(vec!["ragged_row"])),
        ("1,a,x,,", Ok(vec!["cells_beyond_header"])),
        ("1,a,x,y", Err(vec!["ragged_row"])),
    ] {
        assert_eq!(
            verdict(&format!("sku,name,unheard_of\n{row}\n9,z,z\n").replace("9,z,z\n", "")),
            expected,
            "{row}"
        );
    }
}

#[test]
fn line_breaks_in_quotes_belong_to_the_text_and_lines_are_counted_with_them() {
    let parsed = products("sku,name,fat\r\n1,\"two\r\nlines\",3\r\n\r\n2,b,-1\r\n".as_bytes());
    assert_eq!(parsed.accepted[0].fields.name.as_deref(), Some("two\r\nlines"));
    assert_eq!((parsed.rejected[0].row, parsed.rejected[0].line), (2, 5));
}

#[test]
fn a_quote_that_never_closes_is_named_and_a_giant_row_is_not_kept() {
    let parsed = products("sku,name\n1,a\n2,\"open\n3,c\n".as_bytes());
    assert_eq!(parsed.accepted.len(), 1);
    assert_eq!(parsed.rejected[0].errors[0].code, RowErrorCode::QuoteUnclosed);

    let giant = format!("sku,name\n1,a\n2,{}\n3,c\n", "x".repeat(3 << 20));
    let parsed = products(giant.as_bytes());
    assert_eq!(parsed.accepted.len(), 2, "the rows after it are read");
    assert_eq!(parsed.rejected[0].errors[0].code, RowErrorCode::RowTooLong);
    let long = format!("sku,name\n1,{}\n", "x".repeat(501));
    assert_eq!(verdict(&long), Err(vec!["text_too_long"]));
}

#[test]
fn nul_and_replacement_characters_are_reported() {
    assert_eq!(verdict("sku,name\n1,a\0b\n"), Ok(vec!["nul_removed"]));
    assert_eq!(verdict("sku,name\n1,a\u{fffd}b\n"), Ok(vec!["replacement_character"]));
    assert_eq!(verdict("sku,name\na\u{fffd},b\n"), Err(vec!["encoding_invalid"]));
}

#[test]
fn booleans_become_tags_and_lists_are_lists() {
    let parsed =
        products("sku,organic,gluten_free,dietary_tags\n1,true,no,Vegan|Granny's choice\n".as_bytes());
    assert_eq!(
        parsed.accepted[0].fields.dietary_tags.as_deref(),
        Some(&["vegan".into(), "Granny's choice".into(), "organic".into()][..])
    );
}

#[test]
fn prices_keep_their_cents_and_need_a_currency() {
    for (price, currency, expected) in [
        ("4.50", "USD", Some(("4.50", "USD"))),
        ("\"1,00 €\"", "", Some(("1.00", "EUR"))),
        ("$3.99", "USD", Some(("3.99", "USD"))),
        ("12 EUR", "", Some(("12", "EUR"))),
        ("3.99", "", None),
        ("free", "USD", None),
    ] {
        let parsed = products(format!("sku,price,currency\n1,{price},{currency}\n").as_bytes());
        let fields = &parsed.accepted[0].fields;
        assert_eq!(fields.price.as_deref().zip(fields.currency.as_deref()), expected, "{price}");
    }
}

#[test]
fn a_checkpoint_goes_on_with_the_same_rows_and_still_knows_repetitions() {
    let file: String = std::iter::once("sku,name\n".to_owned())
        .chain((0..500).map(|i| format!("s{},n{i}\n", i % 400)))
        .collect();
    let read = |skip: u64| {
        let table = Table::new(open(file.as_bytes(), &Options::default()).expect("opens")).expect("header");
        let mapping =
            map_headers(table.headers(), &table.sample(), Mode::Products, &HeaderSynonyms::default());
        let mut rows = Rows::<_, ProductRow>::new(table, mapping, settings()).expect("fits");
        assert_eq!(rows.skip_rows(skip).expect("readable"), skip);
        rows.map(|row| row.expect("readable")).collect::<Vec<_>>()
    };
    let whole = read(0);
    assert_eq!(whole.len(), 500);
    assert_eq!(read(317), whole[317..]);
    assert_eq!(whole[400..].iter().filter(|r| matches!(r, Outcome::Rejected(_))).count(), 100);
}

#[test]
fn a_row_hashes_as_another_only_when_the_mapped_cells_say_the_same() {
    let headers = ["sku".to_owned(), "name".to_owned(), "colour".to_owned()];
    let mapping = map_headers(&headers, &[], Mode::Products, &HeaderSynonyms::default());
    let input = |cells: [&str; 3]| row_hash_input(&cells.map(str::to_owned), &mapping);
    assert_eq!(input(["1", "a", "red"]), input([" 1 ", "a", "blue"]));
    assert_eq!(input(["1", "NULL", ""]), input(["1", "", ""]));
    assert_eq!(input(["1", "cafe\u{301}", ""]), input(["1", "caf\u{e9}", ""]));
    assert_ne!(input(["1", "a", ""]), input(["1a", "", ""]));
}

#[test]
fn errors_csv_has_the_original_columns_and_comes_back_as_the_same_errors() {
    let file = "barcode,name,fat\n123,\"a, b\",1\n4006381333931,c,-2\n";
    let parsed = products(file.as_bytes());
    let headers: Vec<String> = parsed.mapping.columns.iter().map(|c| c.header.clone()).collect();
    let mut errors = ErrorsCsv::new(Vec::new(), &headers).expect("writes");
    for row in &parsed.rejected {
        errors.write(row).expect("writes");
    }
    let written = errors.finish().expect("writes");
    let again = products(written.as_slice());
    assert_eq!(again.codes(), parsed.codes());
    assert_eq!(again.mapping.targets(), parsed.mapping.targets(), "error columns are not read");
    assert!(String::from_utf8(written).expect("UTF-8").contains("gtin_length"));
}

#[test]
fn a_customer_is_read_with_units_lists_and_consent() {
    let file = "customer_id,first_name,last_name,dob,gender,height,weight_lb,allergies,conditions,diets,consent,max\n\
                c-1,Ada,Byron,1990-12-10,F,\"5'11\"\"\",150,\"peanut:severe; Latex; Kiwi\",\"I10; Diabetes\",vegan,yes,\n\
                c-2,,,,,\"5'2\"\"\",,none,,,no,\n\
                c-3,,,,,\"6'\"\"\",,none,,,,\n";
    let parsed = customers(file.as_bytes());
    let row = &parsed.accepted[0];
    let profile = row.profile.expose();
    assert_eq!(row.identity.expose().name.as_deref(), Some("Ada Byron"));
    assert_eq!(profile.sex, Some(Sex::Female));
    assert_eq!(profile.height_cm.map(|h| h.to_string()).as_deref(), Some("180.3"));
    assert_eq!(profile.weight_kg.map(|w| w.to_string()).as_deref(), Some("68.039"));
    assert_eq!(profile.allergies[0].severity, Some(AllergySeverity::Anaphylaxis));
    assert_eq!(profile.allergies.len(), 2, "latex is no food; kiwi stays as words");
    assert_eq!(row.consent.granted, Some(true));
    assert_eq!(parsed.accepted[1].consent.granted, Some(false));
    assert_eq!(parsed.accepted[2].consent.granted, None);
    assert_eq!(format!("{:?}", Phi::new(row.profile.expose())), "Phi(…)");
}

#[test]
fn impossible_people_are_refused() {
    for (header, cell, code) in [
        ("dob", "2030-01-01", "birth_date_in_future"),
        ("dob", "1890-01-01", "value_out_of_range"),
        ("dob", "05/06/1990", "date_unreadable"),
        ("age", "121", "value_out_of_range"),
        ("height_cm", "300", "value_out_of_range"),
        ("weight_kg", "0.1", "value_out_of_range"),
        ("sex", "purple", "enum_unknown"),
        ("energy_target_kcal", "700", "value_out_of_range"),
        ("protein_pct", "30", "macro_targets_sum"),
        ("limits", "sodium_mg<=100/day", "value_out_of_range"),
        ("limits", "salt is bad", "enum_unknown"),
    ] {
        let parsed = customers(format!("customer_id,{header}\nc,{cell}\n").as_bytes());
        let codes: Vec<_> = parsed.rejected.iter().flat_map(|r| &r.errors).map(|e| e.code.as_str()).collect();
        assert_eq!(codes, [code], "{header} {cell}");
    }
    let adult = customers("customer_id,age,height_cm\nc,30,80\n".as_bytes());
    assert_eq!(adult.codes().into_keys().collect::<Vec<_>>(), ["value_out_of_range"]);
    let child = customers("customer_id,age,height_cm\nc,1,80\n".as_bytes());
    assert_eq!(child.accepted.len(), 1);
    let contradiction = customers("customer_id,age,dob\nc,30,1990-01-01\n".as_bytes());
    assert_eq!(contradiction.codes().into_keys().collect::<Vec<_>>(), ["age_contradicts_birth_date"]);
}

#[test]
fn a_mistyped_code_comes_with_the_one_that_was_meant() {
    let parsed = products("sku,status\n1,actvie\n2,gone\n".as_bytes());
    let suggestions: Vec<_> = parsed.rejected.iter().map(|r| r.errors[0].suggestion.as_deref()).collect();
    assert_eq!(suggestions, [Some("active"), None]);
}

#[test]
fn who_has_died_is_inactive() {
    let parsed = customers("Id,BIRTHDATE,DEATHDATE\np,1941-05-13,1973-12-01\nq,1950-01-01,\n".as_bytes());
    assert_eq!(parsed.accepted[0].status, Some(CustomerStatus::Inactive));
    assert_eq!(parsed.accepted[1].status, None);
}
