//! Each interaction of drugs with food against products, worked out by hand.

use super::evaluate;
use super::testing::*;

fn check(drug: &str, rows: &[(&str, &str)]) {
    let policy = policy_of(&profile(&format!(r#"{{"medications":[{{"name":"{drug}"}}]}}"#)));
    assert_eq!((policy.blocked.len(), policy.not_considered.len()), (0, 0), "{drug}");
    for (words, expected) in rows {
        assert_eq!(&verdict_line(&policy, product(words)), expected, "{drug}: {words}");
    }
}

const HARD: &str = "X conflict: HX_DRUG";
const STEADY: &str = "2 caution: WN_DRUG_CONSISTENCY";
const TIMING: &str = "2 caution: WN_DRUG_TIMING";

#[test]
fn anticoagulants() {
    check(
        "warfarin",
        &[
            ("vitamin_k_ug=23", "1 fits"),
            ("vitamin_k_ug=24", STEADY),
            ("class.leafy_greens", STEADY),
            ("class.natto", HARD),
            ("class.cranberry", STEADY),
            ("class.alcohol", STEADY),
            ("vitamin_e_mg=300", STEADY),
            ("class.herbal_active", STEADY),
            ("", "1 fits"),
        ],
    );
    check("phenprocoumon", &[("class.leafy_greens", STEADY), ("class.cranberry", "1 fits")]);
    for drug in ["apixaban", "rivaroxaban", "dabigatran"] {
        check(drug, &[("vitamin_k_ug=100", "1 fits"), ("class.leafy_greens", "1 fits")]);
    }
}

#[test]
fn tyramine() {
    for drug in ["phenelzine", "tranylcypromine", "isocarboxazid"] {
        check(
            drug,
            &[
                ("class.tyramine", HARD),
                ("~class.tyramine", "X unverified: HX_INGREDIENT_AMBIGUOUS"),
                ("no_list", "3 unverified: HX_INGREDIENT_UNKNOWN"),
                ("may:class.tyramine", "1 fits"),
            ],
        );
    }
    check("rasagiline", &[("class.tyramine", STEADY)]);
    check(
        "selegiline",
        &[("class.tyramine", HARD), ("~class.tyramine", "2 caution: WN_INGREDIENT_AMBIGUOUS")],
    );
}

#[test]
fn grapefruit() {
    for drug in [
        "simvastatin",
        "lovastatin",
        "atorvastatin",
        "felodipine",
        "nisoldipine",
        "nifedipine",
        "cyclosporine",
        "tacrolimus",
        "sirolimus",
        "everolimus",
        "amiodarone",
        "dronedarone",
        "ranolazine",
        "ticagrelor",
        "eplerenone",
        "buspirone",
        "lurasidone",
        "quetiapine",
        "triazolam",
        "midazolam",
        "carbamazepine",
        "eletriptan",
        "colchicine",
        "erlotinib",
        "nilotinib",
        "finerenone",
    ] {
        check(drug, &[("class.grapefruit", HARD), ("", "1 fits")]);
    }
    for drug in ["simvastatin", "amiodarone"] {
        check(drug, &[("~class.grapefruit", "3 unverified: HX_INGREDIENT_AMBIGUOUS")]);
    }
    for drug in ["verapamil", "diltiazem", "amlodipine", "sildenafil", "vardenafil", "tadalafil"] {
        check(drug, &[("class.grapefruit", STEADY)]);
    }
    for drug in ["pravastatin", "rosuvastatin", "fluvastatin", "pitavastatin"] {
        check(drug, &[("class.grapefruit", "1 fits")]);
    }
    check(
        "fexofenadine",
        &[("drink apple", TIMING), ("apple", "1 fits"), ("drink class.grapefruit", TIMING)],
    );
}

#[test]
fn potassium() {
    check(
        "lisinopril",
        &[("class.potassium_salt", STEADY), ("potassium_mg=939", "1 fits"), ("potassium_mg=940", STEADY)],
    );
    check("spironolactone", &[("class.potassium_salt", HARD)]);
    check("trimethoprim", &[("class.potassium_salt", STEADY)]);
    check("cyclosporine", &[("class.potassium_salt", STEADY)]);
    check("sodium zirconium cyclosilicate", &[("class.potassium_salt", HARD)]);
    let kidney =
        r#"{"medications":[{"name":"losartan"}],"conditions":[{"system":"icd10cm","code":"N18.2"}]}"#;
    assert_eq!(verdict_line(&policy_of(&profile(kidney)), product("class.potassium_salt")), HARD);
}

#[test]
fn timing_is_a_warning_and_never_an_exclusion() {
    for drug in ["levothyroxine", "liothyronine"] {
        check(
            drug,
            &[
                ("soy", TIMING),
                ("fiber_g=5.6", TIMING),
                ("class.calcium_fortified", TIMING),
                ("class.tea_coffee", TIMING),
            ],
        );
    }
    for drug in ["tetracycline", "doxycycline", "minocycline"] {
        check(drug, &[("milk", TIMING), ("class.iron_fortified", TIMING), ("magnesium_mg=84", TIMING)]);
    }
    check(
        "ciprofloxacin",
        &[("milk", TIMING), ("class.caffeine", "2 caution: WN_DRUG_CONSISTENCY WN_DRUG_CONSISTENCY")],
    );
    check("levofloxacin", &[("milk", TIMING), ("class.caffeine", "1 fits")]);
    check("alendronate", &[("class.calcium_fortified", TIMING)]);
    check("levodopa", &[("protein_g=19", "1 fits"), ("protein_g=20", TIMING)]);
    check("digoxin", &[("fiber_g=6", TIMING), ("class.licorice", HARD)]);
    let policy = policy_of(&profile(r#"{"medications":[{"name":"ibandronate"}]}"#));
    let codes: Vec<&str> = policy.notices.iter().map(|notice| notice.code.as_str()).collect();
    assert_eq!(codes, ["DQ_ALLERGIES_UNRECORDED", "WN_DRUG_TIMING"]);
}

#[test]
fn alcohol_caffeine_and_licorice() {
    check(
        "disulfiram",
        &[("class.alcohol", HARD), ("~class.alcohol", "X unverified: HX_INGREDIENT_AMBIGUOUS")],
    );
    check(
        "metronidazole",
        &[("class.alcohol", HARD), ("~class.alcohol", "2 caution: WN_INGREDIENT_AMBIGUOUS")],
    );
    check("methotrexate", &[("class.alcohol", HARD), ("folate_ug=400", "1 fits")]);
    check(
        "isoniazid",
        &[("class.alcohol", HARD), ("class.histamine_fish", STEADY), ("class.tyramine", STEADY)],
    );
    check("metformin", &[("class.alcohol", STEADY)]);
    check("glipizide", &[("class.alcohol", STEADY)]);
    check(
        "theophylline",
        &[
            ("class.caffeine", STEADY),
            ("class.caffeine caffeine_mg=99", "1 fits"),
            ("class.caffeine caffeine_mg=100", STEADY),
        ],
    );
    check("lithium", &[("class.caffeine", "2 caution: WN_DRUG_CONSISTENCY WN_DRUG_CONSISTENCY")]);
    check("furosemide", &[("class.licorice", HARD)]);
    check("prednisone", &[("class.licorice", STEADY)]);
    let with_hypertension =
        r#"{"medications":[{"name":"prednisone"}],"conditions":[{"system":"icd10cm","code":"I10"}]}"#;
    assert!(
        verdict_line(&policy_of(&profile(with_hypertension)), product("class.licorice")).starts_with(HARD)
    );
}

#[test]
fn amounts_of_fat_folate_and_the_rest() {
    check("semaglutide", &[("fat_g=20", "2 caution: WN_DRUG_AMOUNT"), ("fat_g=19", "1 fits")]);
    // 200 kcal of which a third is 66.7 kcal, 7.4 g of fat.
    check(
        "orlistat",
        &[("fat_g=6.6", "1 fits"), ("fat_g=6.7", "2 caution: WN_DRUG_AMOUNT"), ("fat_g=-", "1 fits")],
    );
    check("phenytoin", &[("folate_ug=1000", STEADY), ("folate_ug=999", "1 fits")]);
    check("valproate", &[("folate_ug=1000", "1 fits")]);
    for drug in ["omeprazole", "cholestyramine", "sulfasalazine", "empagliflozin", "allopurinol"] {
        check(drug, &[("", "1 fits")]);
    }
}

#[test]
fn a_reason_names_the_interaction_the_drug_and_the_advice() {
    let policy = policy_of(&profile(r#"{"medications":[{"rxnorm":"36567"},{"name":"atorvastatin 10 mg"}]}"#));
    let verdict = evaluate(&policy, &derivation(product("class.grapefruit")), &meta(id(1)));
    let reason = &verdict.reasons[0];
    assert_eq!((reason.code.as_str(), reason.subject.as_str()), ("HX_DRUG", "gfj_statin"));
    assert_eq!(
        (reason.params["interaction"].as_str(), reason.params["drug"].as_str()),
        ("gfj_statin", "simvastatin")
    );
    assert_eq!(
        reason.sentence,
        "Contains grapefruit. Grapefruit acts for a day and more, so taking it at another hour does not help. \
         This concerns simvastatin."
    );
    let checked: Vec<&str> = policy.interactions_checked.iter().map(|c| c.drug.as_str()).collect();
    assert_eq!(checked, ["atorvastatin", "simvastatin"]);
}
