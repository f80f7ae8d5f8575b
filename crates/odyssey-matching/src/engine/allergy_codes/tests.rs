use odyssey_types::AllergySeverity;

use super::{
    AllergyCodeSystem as S, AllergyMapping as M, DATA, allergens_named_in, parse, resolve_allergy_code,
};

/// What a code with its display means, in one line.
fn check(system: S, code: &str, display: &str, expected: &str) {
    let display = Some(display).filter(|d| !d.is_empty());
    let found = match resolve_allergy_code(system, code, display) {
        M::Mapped { allergen, severity } => match severity {
            Some(severity) => format!("{allergen} ({})", severity.as_str()),
            None => allergen,
        },
        M::GroupOnly => "group".to_owned(),
        M::Negation => "negation".to_owned(),
        M::NotFood => "not food".to_owned(),
        M::Unmapped => "unmapped".to_owned(),
        M::DisplayMismatch { allergens, display_understood, .. } => {
            format!("mismatch {}{}", allergens.join("+"), if display_understood { "" } else { "?" })
        }
    };
    assert_eq!(found, expected, "{code} {display:?}");
}

#[test]
fn substances_findings_and_diagnoses_name_their_allergen() {
    check(S::Snomed, "762952008", "Peanut (substance)", "peanut");
    check(S::Snomed, "91935009", "Allergy to peanuts (finding)", "peanut");
    check(S::Snomed, "735029006", "Shellfish", "shellfish");
    check(S::Snomed, "278840001", "Shrimp (shellfish)", "crustacean");
    check(S::Snomed, "227511008", "Pine nut", "tree_nut.pine");
    check(S::Snomed, "264295007", "Cow's milk protein", "milk");
    check(S::Snomed, "735211005", "", "coconut");
    check(S::Unii, "QE1QX6B99R", "PEANUT", "peanut");
    check(S::Unii, "qe1qx6b99r", "", "peanut");
    check(S::Icd10Cm, "Z91.010", "Allergy to peanuts", "peanut");
    check(
        S::Icd10Cm,
        "T78.01XA",
        "Anaphylactic reaction due to peanuts, initial encounter",
        "peanut (anaphylaxis)",
    );
    check(S::Icd10Cm, "T7805XD", "", "tree_nut (anaphylaxis)");
    check(S::Icd10Cm, "Z91.0110", "Allergy to milk products, unspecified", "milk");
}

#[test]
fn a_group_names_no_food_and_a_negation_is_no_constraint() {
    for code in ["Z91.018", "T78.1XXA", "T78.00XA", "L27.2", "K20.0", "K52.21", "Z91.02"] {
        check(S::Icd10Cm, code, "Allergy to peanuts", "group");
    }
    check(S::Snomed, "414285001", "Allergy to food", "group");
    check(S::Snomed, "716186003", "No known allergy", "negation");
    check(S::Snomed, "429625007", "", "negation");
    check(S::Snomed, "716186003", "Peanut allergy", "mismatch peanut");
    check(S::Snomed, "111088007", "Latex", "not food");
    check(S::Snomed, "111088007", "Banana", "mismatch banana");
}

#[test]
fn a_display_that_speaks_of_something_else_counts_beside_its_code() {
    // Seen in public records: citrus recorded as cow's milk, dairy as shellfish and as soy.
    check(S::Snomed, "102259006", "Cow's milk", "mismatch citrus+milk");
    check(S::Snomed, "425525006", "Shellfish allergy", "mismatch milk+shellfish");
    check(S::Snomed, "425525006", "Allergy to soya", "mismatch milk+soy");
    check(S::Snomed, "762952008", "Peanut and milk", "mismatch milk+peanut");
    check(S::Snomed, "762952008", "Something else", "mismatch peanut?");
    check(S::Snomed, "13577000", "Nut", "nut");
}

#[test]
fn what_no_row_knows_is_unmapped_and_never_ignored() {
    check(S::Snomed, "1", "Allergy to moon dust", "unmapped");
    check(S::Snomed, "7629520081", "Peanut", "unmapped");
    check(S::RxNorm, "762952008", "Peanut oil", "unmapped");
    check(S::Icd10Cm, "Z9", "", "unmapped");
    check(S::Snomed, "", "", "unmapped");
    check(S::Snomed, "ɐ×", "", "unmapped");
}

#[test]
fn lactose_is_an_intolerance_and_not_an_allergy_to_milk() {
    let found = resolve_allergy_code(S::Icd10Cm, "E73.9", None);
    let severity = Some(AllergySeverity::Intolerance);
    assert_eq!(found, M::Mapped { allergen: "lactose".to_owned(), severity });
}

#[test]
fn words_of_a_record_are_proposed_longest_name_first() {
    assert_eq!(allergens_named_in("Pine nuts, Sesame & oysters"), ["mollusc", "sesame", "tree_nut.pine"]);
    assert_eq!(allergens_named_in("anything"), [""; 0]);
}

#[test]
fn a_table_that_does_not_add_up_is_refused() {
    assert!(parse(DATA).is_ok());
    for line in [
        "snomed\t1\tpeanut\t-\tpeanut\tsourced",
        "loinc\t1\tpeanut\t-\tpeanut\tsourced\tx",
        "snomed\t1\tpeanut\tdeadly\tpeanut\tsourced\tx",
        "snomed\t1\tpeanut\t-\t|\tsourced\tx",
        "snomed\t1\tpeanut\t-\tpeanut\tguessed\tx",
        "icd10cm\tZ91.0\tpeanut\t-\tpeanut\tsourced\tx",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    assert!(parse("snomed\t1\tmilk\t-\tmilk\tsourced\tx\nsnomed\t1\tegg\t-\tegg\tsourced\tx").is_err());
}
