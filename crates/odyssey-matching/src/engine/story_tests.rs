//! Profiles written as stories: each compiles without an unexpected block, and its most telling products read as a
//! person would expect.

use odyssey_types::{
    AllergenData, Fixed, Jurisdiction, Nutrient, Nutrients, Nutrition, NutritionBasis, ProductFields,
    ServingSize,
};

use super::testing::*;
use super::{VerdictKind, evaluate};
use crate::Facts;
use crate::label::{Label, Tables, derive};

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

/// A US label of 2025 with its nutrition per serving of 50 g, or 240 ml of a drink, attested as complete.
fn label(ingredients: &str, drink: bool, amounts: &[(Nutrient, &str)]) -> Facts {
    let mut per_serving = Nutrients::default();
    let plain = [
        (Nutrient::Energy, "120"),
        (Nutrient::Fat, "3"),
        (Nutrient::SaturatedFat, "0.5"),
        (Nutrient::Carbohydrate, "15"),
        (Nutrient::Sugars, "2"),
        (Nutrient::AddedSugars, "0"),
        (Nutrient::Fiber, "2"),
        (Nutrient::Protein, "3"),
        (Nutrient::Sodium, "90"),
        (Nutrient::Potassium, "120"),
    ];
    for (nutrient, amount) in plain.iter().chain(amounts) {
        set(&mut per_serving, *nutrient, amount);
    }
    let serving = ServingSize {
        text: None,
        amount_g: (!drink).then_some(Fixed(50_000_000)),
        amount_ml: drink.then_some(Fixed(240_000_000)),
    };
    let fields = ProductFields {
        ingredients: Some(ingredients.to_owned()),
        label_jurisdiction: Jurisdiction::Us,
        label_as_of: chrono::NaiveDate::from_ymd_opt(2025, 6, 1),
        allergen_data: AllergenData::Complete,
        serving_size: Some(serving),
        nutrition: Some(Nutrition { basis: NutritionBasis::PerServing, amounts: per_serving }),
        ..ProductFields::default()
    };
    derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts
}

fn shelf() -> Vec<(&'static str, Facts)> {
    use Nutrient as N;
    vec![
        ("rice", label("Rice, water, salt.", false, &[])),
        (
            "milk",
            label("Milk, vitamin D3.", true, &[(N::Sugars, "12"), (N::Protein, "8"), (N::Calcium, "300")]),
        ),
        ("bread", label("Whole wheat flour, water, yeast, salt.", false, &[(N::Sodium, "220")])),
        (
            "cola",
            label(
                "Carbonated water, sugar, caramel color, phosphoric acid, caffeine.",
                true,
                &[(N::AddedSugars, "26"), (N::Sugars, "26"), (N::Protein, "0")],
            ),
        ),
        (
            "diet cola",
            label(
                "Carbonated water, aspartame, caffeine. Phenylketonurics: contains phenylalanine.",
                true,
                &[(N::Protein, "0")],
            ),
        ),
        ("hummus", label("Chickpeas, tahini, garlic, lemon juice, salt.", false, &[(N::Sodium, "180")])),
        ("soup", label("Water, potassium chloride, carrots, salt.", false, &[(N::Sodium, "1300")])),
        (
            "cured pork",
            label(
                "Pork, salt, sodium nitrite.",
                false,
                &[(N::Sodium, "900"), (N::SaturatedFat, "7"), (N::Fat, "18"), (N::Protein, "12")],
            ),
        ),
        ("grapefruit", label("Grapefruit juice.", true, &[(N::Sugars, "18"), (N::Protein, "1")])),
        ("spinach", label("Spinach.", false, &[(N::VitaminK, "240"), (N::Protein, "1")])),
        ("beer", label("Water, barley malt, hops, yeast. Alcohol.", true, &[(N::Protein, "1")])),
        (
            "glucose",
            label(
                "Dextrose, citric acid.",
                false,
                &[(N::Sugars, "20"), (N::AddedSugars, "20"), (N::Protein, "0")],
            ),
        ),
    ]
}

/// What each story makes of the shelf: `+` fits, `~` with caution, `?` cannot verify, `-` conflict.
#[test]
fn the_shelf_reads_as_a_person_would_expect() {
    let stories = [
        (
            "nobody in particular",
            "{}",
            "+rice +milk +bread ~cola +diet cola +hummus ~soup +cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "milk and egg anaphylaxis",
            r#"{"age_years":7,"allergies":[{"allergen":"milk","severity":"anaphylaxis"},{"allergen":"egg","severity":"anaphylaxis"}]}"#,
            "+rice -milk +bread ~cola +diet cola +hummus ~soup ~cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "CKD 4 on warfarin",
            r#"{"age_years":68,"weight_kg":82,"conditions":[{"system":"icd10cm","code":"N18.4"}],"medications":[{"rxnorm":"11289"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus -soup +cured pork ~grapefruit ~spinach ~beer +glucose",
        ),
        (
            "gestational diabetes",
            r#"{"reproductive_status":"pregnant","conditions":[{"system":"icd10cm","code":"O24.419"}]}"#,
            "+rice +milk +bread ?cola ?diet cola +hummus ~soup ?cured pork +grapefruit +spinach -beer ~glucose",
        ),
        (
            "PKU",
            r#"{"conditions":[{"system":"icd10cm","code":"E70.0"}]}"#,
            "-rice -milk -bread ~cola -diet cola -hummus -soup -cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "coeliac",
            r#"{"conditions":[{"system":"icd10cm","code":"K90.0"}]}"#,
            "+rice +milk -bread ?cola +diet cola +hummus ~soup +cured pork +grapefruit +spinach -beer +glucose",
        ),
        (
            "HFI",
            r#"{"conditions":[{"system":"icd10cm","code":"E74.12"}]}"#,
            "+rice +milk ?bread -cola +diet cola -hummus -soup +cured pork -grapefruit +spinach ?beer +glucose",
        ),
        (
            "galactosaemia",
            r#"{"conditions":[{"system":"icd10cm","code":"E74.21"}]}"#,
            "+rice -milk +bread ~cola +diet cola +hummus ~soup +cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "MAOI",
            r#"{"medications":[{"name":"phenelzine"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus ~soup +cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "simvastatin",
            r#"{"medications":[{"name":"simvastatin"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus ~soup +cured pork -grapefruit +spinach +beer +glucose",
        ),
        (
            "heart failure, ACE inhibitor",
            r#"{"conditions":[{"system":"icd10cm","code":"I50.9"}],"medications":[{"name":"enalapril"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus -soup +cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "gout",
            r#"{"conditions":[{"system":"icd10cm","code":"M10.9"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus ~soup +cured pork +grapefruit +spinach -beer +glucose",
        ),
        (
            "irritable bowel",
            r#"{"conditions":[{"system":"icd10cm","code":"K58.0"}]}"#,
            "+rice ~milk ~bread ~cola +diet cola ~hummus ~soup +cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "type 1 diabetes",
            r#"{"conditions":[{"system":"icd10cm","code":"E10.9"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus ~soup +cured pork +grapefruit +spinach ~beer ~glucose",
        ),
        (
            "alpha-gal",
            r#"{"conditions":[{"system":"icd10cm","code":"Z91.014"}]}"#,
            "+rice -milk +bread ~cola +diet cola +hummus ~soup -cured pork +grapefruit +spinach +beer +glucose",
        ),
        (
            "kidney stones",
            r#"{"conditions":[{"system":"icd10cm","code":"N20.0"}]}"#,
            "+rice +milk +bread ~cola +diet cola +hummus ~soup +cured pork +grapefruit ~spinach +beer +glucose",
        ),
    ];
    let shelf = shelf();
    for (story, json, expected) in stories {
        let policy = policy_of(&profile(json));
        let mut line = Vec::new();
        for (name, facts) in &shelf {
            let mark = match evaluate(&policy, &derivation(facts.clone()), &meta(id(1))).verdict {
                VerdictKind::Fits => "+",
                VerdictKind::FitsWithCaution => "~",
                VerdictKind::CannotVerify => "?",
                VerdictKind::Conflict => "-",
            };
            line.push(format!("{mark}{name}"));
        }
        assert_eq!(line.join(" "), expected, "{story}");
    }
}
