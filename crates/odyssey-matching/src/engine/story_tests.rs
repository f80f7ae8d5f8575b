//! Profiles written as stories: each compiles without an unexpected block, and its most telling products read as a
//! person would expect.

use super::testing::*;

/// A story, products in words, and what is said of them.
fn tell(story: &str, profile_json: &str, rows: &[(&str, &str)]) {
    let policy = policy_of(&profile(profile_json));
    assert_eq!((&policy.blocked[..], &policy.not_considered[..]), (&[][..], &[][..]), "{story}");
    assert_eq!(verdict_line(&policy, product("protein_g=0.5")), "1 fits", "{story}: something has to fit");
    for (words, expected) in rows {
        let line = verdict_line(&policy, product(words));
        assert!(line.starts_with(expected), "{story}: {words}: {line}");
    }
}

#[test]
fn twenty_people() {
    tell(
        "a child of seven with anaphylaxis to milk and egg",
        r#"{"age_years":7,"sex":"female","height_cm":122,"weight_kg":23,"activity_level":"moderate",
            "allergies":[{"allergen":"milk","severity":"anaphylaxis"},{"allergen":"egg","severity":"anaphylaxis"}]}"#,
        &[
            ("milk", "X conflict"),
            ("may:egg", "X conflict"),
            ("exempt:milk", "X conflict"),
            ("unattested", "X unverified"),
            ("beef", "2 caution: WN_CROSS_REACT"),
        ],
    );
    tell(
        "kidney disease stage 4 on warfarin",
        r#"{"age_years":68,"sex":"male","weight_kg":82,"height_cm":178,"conditions":[{"system":"icd10cm","code":"N18.4"}],
            "medications":[{"rxnorm":"11289","name":"Warfarin 5 mg"}]}"#,
        &[
            ("class.leafy_greens", "2 caution"),
            ("class.natto", "X conflict: HX_DRUG"),
            ("class.star_fruit", "X conflict"),
            ("sodium_mg=1200", "X conflict"),
        ],
    );
    tell(
        "gestational diabetes in week 26",
        r#"{"age_years":31,"sex":"female","reproductive_status":"pregnant","gestation_weeks":26,
            "conditions":[{"system":"icd10cm","code":"O24.419"}],"diets":[{"diet":"keto","kind":"preference","never":true}]}"#,
        &[
            ("class.alcohol", "X conflict: HX_PREGNANCY"),
            ("class.high_mercury_fish", "X conflict"),
            ("added_sugars_g=15", "2 caution"),
        ],
    );
    tell(
        "phenylketonuria",
        r#"{"age_years":12,"conditions":[{"system":"icd10cm","code":"E70.0"}]}"#,
        &[("class.phenylalanine", "X conflict"), ("", "X conflict: HX_CONDITION_NUTRIENT")],
    );
    tell(
        "coeliac disease and vegan",
        r#"{"conditions":[{"system":"snomed","code":"396331005"}],"diets":[{"diet":"vegan","kind":"ethical"}]}"#,
        &[("gluten_cereal.oats", "X conflict"), ("may:wheat", "X conflict")],
    );
    tell(
        "haemodialysis",
        r#"{"age_years":61,"sex":"female","weight_kg":64,"conditions":[{"system":"icd10cm","code":"N18.6"},{"system":"icd10cm","code":"Z99.2"}]}"#,
        &[
            ("class.phosphate_additive", "2 caution"),
            ("class.potassium_salt", "X conflict"),
            ("protein_g=50", "1 fits"),
        ],
    );
    tell(
        "pregnant in week 12",
        r#"{"age_years":29,"sex":"female","reproductive_status":"pregnant","gestation_weeks":12}"#,
        &[("class.raw_risk", "X conflict"), ("class.organ_meat", "X conflict")],
    );
    tell(
        "hereditary fructose intolerance",
        r#"{"conditions":[{"system":"icd10cm","code":"E74.12"}]}"#,
        &[
            ("class.sucrose_fructose", "X conflict"),
            ("class.fructose", "X conflict"),
            ("class.added_sugar", "1 fits"),
        ],
    );
    tell(
        "galactosaemia",
        r#"{"age_years":9,"conditions":[{"system":"icd10cm","code":"E74.21"}]}"#,
        &[("milk", "X conflict"), ("lactose", "X conflict")],
    );
    tell(
        "a monoamine oxidase inhibitor",
        r#"{"medications":[{"name":"Phenelzine 15 mg"}]}"#,
        &[("class.tyramine", "X conflict: HX_DRUG"), ("~class.tyramine", "X unverified")],
    );
    tell(
        "simvastatin",
        r#"{"conditions":[{"system":"icd10cm","code":"E78.5"}],"medications":[{"rxnorm":"36567"}]}"#,
        &[("class.grapefruit", "X conflict: HX_DRUG"), ("class.partially_hydrogenated", "X conflict")],
    );
    tell(
        "lithium and a low-sodium diet",
        r#"{"medications":[{"rxnorm":"6448"}],"diets":[{"diet":"low_sodium","kind":"preference","never":true}]}"#,
        &[("class.caffeine", "2 caution")],
    );
    tell(
        "heart failure on an ACE inhibitor",
        r#"{"age_years":74,"sex":"male","conditions":[{"system":"icd10cm","code":"I50.22"}],"medications":[{"name":"ramipril 5 mg"}]}"#,
        &[("class.potassium_salt", "2 caution"), ("sodium_mg=1200", "X conflict")],
    );
    tell(
        "gout on allopurinol",
        r#"{"conditions":[{"system":"icd10cm","code":"M10.9"}],"medications":[{"rxnorm":"519"}]}"#,
        &[("class.high_purine", "2 caution"), ("class.alcohol", "X conflict")],
    );
    tell(
        "irritable bowel",
        r#"{"conditions":[{"system":"icd10cm","code":"K58.0"}]}"#,
        &[("class.fructan", "2 caution"), ("class.polyol", "2 caution")],
    );
    tell(
        "G6PD deficiency",
        r#"{"conditions":[{"system":"icd10cm","code":"D75.A"}]}"#,
        &[("class.fava", "X conflict"), ("class.quinine", "2 caution")],
    );
    tell(
        "Wilson disease",
        r#"{"conditions":[{"system":"icd10cm","code":"E83.01"}]}"#,
        &[("class.organ_meat", "X conflict"), ("crustacean", "X conflict"), ("mushroom", "X conflict")],
    );
    tell(
        "type 1 diabetes on insulin",
        r#"{"age_years":24,"conditions":[{"system":"icd10cm","code":"E10.9"}],"medications":[{"rxnorm":"274783"}]}"#,
        &[("carbohydrate_g=-", "3 unverified"), ("added_sugars_g=20", "2 caution")],
    );
    tell(
        "cirrhosis with ascites",
        r#"{"conditions":[{"system":"icd10cm","code":"K70.31"}],"medications":[{"name":"spironolactone"}]}"#,
        &[
            ("class.alcohol", "X conflict"),
            ("sodium_mg=1001", "X conflict"),
            ("class.potassium_salt", "X conflict"),
        ],
    );
    tell(
        "after bariatric surgery",
        r#"{"age_years":40,"conditions":[{"system":"icd10cm","code":"Z98.84"}]}"#,
        &[("sugars_g=20", "2 caution"), ("class.carbonation", "2 caution")],
    );
    tell(
        "alpha-gal syndrome",
        r#"{"conditions":[{"system":"icd10cm","code":"Z91.014"}]}"#,
        &[("class.pork", "X conflict"), ("beef", "X conflict"), ("gelatin", "X conflict")],
    );
    tell(
        "one tree nut, and only that one",
        r#"{"allergies":[{"allergen":"tree_nut.almond","species_only":true}]}"#,
        &[("tree_nut.almond", "X conflict"), ("tree_nut.walnut", "2 caution: WN_CROSS_REACT")],
    );
    tell(
        "one tree nut",
        r#"{"allergies":[{"allergen":"tree_nut.almond"}]}"#,
        &[("tree_nut.walnut", "X conflict")],
    );
    tell(
        "latex allergy",
        r#"{"allergies":[{"allergen":"latex"}]}"#,
        &[("banana", "2 caution: WN_CROSS_REACT"), ("peanut", "1 fits")],
    );
    tell(
        "shellfish allergy and crickets",
        r#"{"allergies":[{"allergen":"crustacean"}]}"#,
        &[("class.insect", "X conflict"), ("mollusc", "2 caution: WN_CROSS_REACT")],
    );
}
