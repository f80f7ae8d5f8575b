//! Each condition template against products, worked out by hand. The clean product is 50 g with 200 kcal, 5 g of
//! fat (0.5 g saturated), 30 g of carbohydrate, 1 g of added sugars, 3 g of fiber, 8 g of protein and 100 mg of sodium.

use proptest::prelude::*;

use super::testing::*;
use super::{Gate, Snapshot, SnapshotBuilder, rank};
use crate::engine::{Policy, Query, RulePack};

/// A profile of template ids and further JSON, a product in words, and what is said of it.
fn check(profile_json: &str, rows: &[(&str, &str)]) {
    let policy = policy_of(&profile(profile_json));
    assert_eq!(policy.blocked, [], "{profile_json}");
    for (words, expected) in rows {
        assert_eq!(&verdict_line(&policy, product(words)), expected, "{profile_json}: {words}");
    }
}

fn of(templates: &[&str], rest: &str) -> String {
    let entries: Vec<String> =
        templates.iter().map(|t| format!(r#"{{"system":"template","code":"{t}"}}"#)).collect();
    format!(r#"{{"conditions":[{}]{rest}}}"#, entries.join(","))
}

fn one(template: &str, rows: &[(&str, &str)]) {
    check(&of(&[template], ""), rows);
}

const BODY: &str = r#","weight_kg":70,"height_cm":175,"age_years":50,"sex":"male""#;

#[test]
fn blood_pressure_and_heart() {
    one(
        "htn",
        &[
            ("", "1 fits"),
            ("sodium_mg=1150", "1 fits"),
            ("sodium_mg=1151", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg"),
            ("sodium_mg=-", "3 unverified: HX_NUTRIENT_UNKNOWN"),
            // 6 % of 2,000 kcal are 13.33 g; half of it is 6.67 g.
            ("saturated_fat_g=6.6", "1 fits"),
            ("saturated_fat_g=6.7", "2 caution: WN_CAP_saturated_fat_g"),
            ("class.alcohol", "2 caution: WN_ALCOHOL"),
            ("class.licorice", "2 caution: WN_LICORICE"),
            // Potassium salt is nobody's enemy without a reason.
            ("class.potassium_salt", "1 fits"),
        ],
    );
    check(
        &of(&["htn"], r#","medications":[{"name":"lisinopril"}]"#),
        &[
            ("class.licorice", "X conflict: HX_CONDITION_INGREDIENT"),
            ("class.potassium_salt", "2 caution: WN_DRUG_CONSISTENCY"),
        ],
    );
    one("hf", &[("sodium_mg=1151", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg"), ("", "1 fits")]);
    one(
        "gestational_htn",
        &[
            ("", "1 fits"),
            ("sodium_mg=1151", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg"),
            ("class.alcohol", "X conflict: HX_PREGNANCY"),
        ],
    );
}

#[test]
fn an_override_lets_through_with_a_caution_and_only_what_may_be_overridden() {
    let with = |rule: &str, template: &str| {
        of(
            &[template],
            &format!(r#","overrides":[{{"rule":"{rule}","by":"Dr A","reason":"stable","on":"2026-01-02"}}]"#),
        )
    };
    check(
        &with("htn.sodium", "htn"),
        &[
            ("sodium_mg=1800", "2 caution: WN_CAP_sodium_mg"),
            ("sodium_mg=-", "3 unverified: HX_NUTRIENT_UNKNOWN"),
        ],
    );
    check(
        &with("hyperkalaemia.potassium_salt", "hyperkalaemia"),
        &[("class.potassium_salt", "2 caution: WN_OVERRIDDEN"), ("no_list", "2 caution: DQ_LOW_COVERAGE")],
    );
    check(
        &with("celiac.gluten.traces", "celiac"),
        &[("may:wheat", "2 caution: WN_PAL"), ("wheat", "X conflict: HX_ALLERGEN_CONTAINS")],
    );
    // A hard rule is not overridden even where a stored profile says so.
    check(&with("pregnancy.alcohol", "pregnancy"), &[("class.alcohol", "X conflict: HX_PREGNANCY")]);
}

#[test]
fn blood_glucose() {
    for template in ["t2dm", "t1dm"] {
        one(
            template,
            &[
                ("carbohydrate_g=-", "3 unverified: HX_NUTRIENT_UNKNOWN"),
                // 10 % of 2,000 kcal are 50 g: a fifth is marked, a half cautioned, nothing excluded.
                ("added_sugars_g=10", "1 fits"),
                ("added_sugars_g=11", "2 caution: WN_RED_added_sugars_g"),
                ("added_sugars_g=45", "2 caution: WN_CAP_added_sugars_g WN_RED_added_sugars_g"),
                ("drink class.added_sugar", "2 caution: WN_SWEETENED_DRINK"),
                ("class.refined_grain", "2 caution: WN_REFINED_GRAIN"),
            ],
        );
    }
    one(
        "prediabetes",
        &[("carbohydrate_g=-", "1 fits"), ("added_sugars_g=11", "2 caution: WN_RED_added_sugars_g")],
    );
    one(
        "gdm",
        &[
            ("added_sugars_g=11", "2 caution: WN_RED_added_sugars_g"),
            ("class.alcohol", "X conflict: HX_PREGNANCY"),
        ],
    );
    one("hypertg", &[("class.alcohol", "X conflict: HX_CONDITION_INGREDIENT")]);
    // 15 % of 2,000 kcal are 33.33 g of fat; half of it is 16.67 g.
    one(
        "chylomicronaemia",
        &[("fat_g=16", "1 fits"), ("fat_g=17", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_fat_g")],
    );
    one(
        "metabolic_syndrome",
        &[
            ("sodium_mg=1800", "2 caution: WN_CAP_sodium_mg"),
            ("carbohydrate_g=-", "1 fits"),
            ("class.partially_hydrogenated", "1 fits"),
        ],
    );
}

#[test]
fn lipids_and_weight() {
    one(
        "lipids",
        &[
            ("saturated_fat_g=6.7", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_saturated_fat_g"),
            ("class.partially_hydrogenated", "X conflict: HX_CONDITION_INGREDIENT"),
            ("cholesterol_mg=101", "2 caution: WN_CAP_cholesterol_mg"),
        ],
    );
    one(
        "ascvd",
        &[
            ("sodium_mg=1151", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg"),
            ("saturated_fat_g=6.7", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_saturated_fat_g"),
        ],
    );
    one(
        "obesity",
        &[("energy_kcal/100=275", "1 fits"), ("energy_kcal/100=276", "2 caution: WN_RED_energy_kcal")],
    );
    check(
        &of(&["obesity", "eating_disorder"], ""),
        &[("energy_kcal/100=500", "1 fits"), ("sodium_mg=2000", "1 fits")],
    );
    one(
        "bariatric",
        &[("sugars_g=16", "2 caution: WN_RED_sugars_g"), ("class.carbonation", "2 caution: WN_CARBONATION")],
    );
}

#[test]
fn kidneys() {
    let salt = ("class.potassium_salt", "X conflict: HX_CONDITION_INGREDIENT");
    // Protein of 0.6 g per kg is 42 g; half of it is 21 g.
    check(
        &of(&["ckd_3_5"], BODY),
        &[
            ("", "1 fits"),
            ("protein_g=21", "1 fits"),
            ("protein_g=22", "2 caution: WN_CAP_protein_g"),
            ("class.star_fruit", "X conflict: HX_CONDITION_INGREDIENT"),
            ("class.phosphate_additive", "2 caution: WN_PHOSPHATE"),
            salt,
        ],
    );
    // With diabetes 0.8 g per kg: 56 g, half of it 28 g.
    check(
        &of(&["ckd_3_5", "t2dm"], BODY),
        &[("protein_g=28", "1 fits"), ("protein_g=29", "2 caution: WN_CAP_protein_g")],
    );
    // 1.3 g per kg: 91 g, half of it 45.5 g.
    check(
        &of(&["ckd_1_2"], BODY),
        &[
            ("protein_g=45", "1 fits"),
            ("protein_g=46", "2 caution: WN_CAP_protein_g"),
            ("class.potassium_salt", "1 fits"),
        ],
    );
    check(&of(&["ckd_unstaged"], BODY), &[("protein_g=60", "1 fits"), salt]);
    check(&of(&["ckd_5d"], BODY), &[("protein_g=60", "1 fits"), ("drink", "2 caution: WN_FLUID"), salt]);
    check(&of(&["ckd_5d", "ckd_3_5"], BODY), &[("protein_g=60", "1 fits")]);
    one(
        "kidney_tx",
        &[
            ("class.raw_risk", "X conflict: HX_CONDITION_INGREDIENT"),
            ("class.grapefruit", "2 caution: WN_DRUG_CONSISTENCY"),
        ],
    );
    one(
        "hyperkalaemia",
        &[salt, ("potassium_mg=250", "1 fits"), ("potassium_mg=251", "2 caution: WN_RED_potassium_mg")],
    );
    one("kidney_stones", &[("class.high_oxalate", "2 caution: WN_OXALATE"), ("calcium_mg=1200", "1 fits")]);
}

#[test]
fn gluten_and_wheat() {
    one(
        "celiac",
        &[
            ("", "1 fits"),
            ("gluten_cereal.barley", "X conflict: HX_ALLERGEN_CONTAINS"),
            ("may:wheat", "X conflict: HX_ALLERGEN_MAY"),
            ("~gluten_cereal", "X unverified: HX_ALLERGEN_AMBIGUOUS"),
            ("exempt:wheat", "2 caution: WN_EXEMPT_DERIVATIVE"),
            ("unattested", "X unverified: HX_ALLERGEN_UNKNOWN"),
        ],
    );
    one("ncgs", &[("wheat", "X conflict: HX_CONDITION_INGREDIENT"), ("may:wheat", "2 caution: WN_PAL")]);
    one("wheat_allergy", &[("wheat", "X conflict: HX_ALLERGEN_CONTAINS"), ("gluten_cereal.rye", "1 fits")]);
}

#[test]
fn digestion() {
    one(
        "lactose",
        &[
            ("lactose sugars_g=11", "1 fits"),
            ("lactose sugars_g=12", "2 caution: WN_LACTOSE"),
            ("lactose", "2 caution: WN_LACTOSE"),
            ("milk", "1 fits"),
        ],
    );
    one(
        "lactase_congenital",
        &[("lactose", "X conflict: HX_CONDITION_INGREDIENT"), ("may:lactose", "1 fits")],
    );
    one("ibs_fodmap", &[("class.fructan", "2 caution: WN_FODMAP"), ("lactose sugars_g=0.5", "1 fits")]);
    one(
        "gerd",
        &[
            ("class.mint", "2 caution: WN_REFLUX"),
            ("fat_g/100=21", "2 caution: WN_RED_fat_g"),
            ("", "1 fits"),
        ],
    );
    one(
        "gastroparesis",
        &[("fat_g=16", "2 caution: WN_RED_fat_g"), ("fiber_g=6", "2 caution: WN_RED_fiber_g")],
    );
    one(
        "chronic_pancreatitis",
        &[("class.alcohol", "X conflict: HX_CONDITION_INGREDIENT"), ("fat_g=16", "2 caution: WN_RED_fat_g")],
    );
    one(
        "masld",
        &[
            ("class.fructose", "2 caution: WN_FRUCTOSE"),
            ("class.alcohol", "X conflict: HX_CONDITION_INGREDIENT"),
        ],
    );
    one(
        "cirrhosis",
        &[("class.raw_fish", "X conflict: HX_CONDITION_INGREDIENT"), ("sodium_mg=1100", "1 fits")],
    );
    check(
        &of(&["cirrhosis", "ascites"], ""),
        &[
            ("sodium_mg=1000", "1 fits"),
            ("sodium_mg=1001", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg"),
        ],
    );
    check(
        &of(&["eoe"], r#","allergies":[{"allergen":"milk","severity":"intolerance"}]"#),
        &[("may:milk", "X conflict: HX_ALLERGEN_MAY")],
    );
    check(
        &of(&["fpies"], r#","allergies":[{"allergen":"rice"}]"#),
        &[("rice", "X conflict: HX_ALLERGEN_CONTAINS")],
    );
}

#[test]
fn inborn_errors() {
    one(
        "pku",
        &[
            ("protein_g=1", "1 fits"),
            ("protein_g=1.1", "X conflict: HX_CONDITION_NUTRIENT"),
            ("protein_g=-", "X unverified: HX_NUTRIENT_UNKNOWN"),
            ("protein_g=1 assumed", "X unverified: HX_NUTRIENT_UNKNOWN"),
            ("protein_g=0 class.phenylalanine", "X conflict: HX_CONDITION_INGREDIENT"),
            ("protein_g=0 exempt:class.phenylalanine", "2 caution: WN_EXEMPT_DERIVATIVE"),
            ("protein_g=0 no_list", "X unverified: HX_INGREDIENT_UNKNOWN"),
        ],
    );
    let prescription = r#","limits":[{"nutrient":"protein_g","max":3,"period":"serving"}]"#;
    check(
        &of(&["pku"], prescription),
        &[("protein_g=3", "1 fits"), ("protein_g=3.1", "X conflict: HX_LIMIT")],
    );
    for template in ["msud", "homocystinuria", "tyrosinaemia", "ucd"] {
        check(
            &of(&[template], prescription),
            &[
                ("protein_g=3", "1 fits"),
                ("protein_g=4", "X conflict: HX_LIMIT"),
                ("protein_g=-", "3 unverified: HX_NUTRIENT_UNKNOWN HX_NUTRIENT_UNKNOWN"),
            ],
        );
    }
    one(
        "g6pd",
        &[
            ("class.fava", "X conflict: HX_CONDITION_INGREDIENT"),
            ("may:class.fava", "X conflict: HX_CONDITION_INGREDIENT"),
            ("class.quinine", "2 caution: WN_G6PD"),
        ],
    );
    one(
        "galactosaemia",
        &[
            ("milk", "X conflict: HX_CONDITION_INGREDIENT"),
            ("class.fermented_soy", "2 caution: WN_GALACTOSE"),
            ("unattested", "X unverified: HX_INGREDIENT_UNKNOWN"),
        ],
    );
    one(
        "hfi",
        &[
            ("class.sucrose_fructose", "X conflict: HX_CONDITION_INGREDIENT"),
            ("container", "X unverified: HX_INGREDIENT_UNKNOWN"),
            ("", "1 fits"),
        ],
    );
    one(
        "csid",
        &[
            ("class.sucrose_fructose", "X conflict: HX_CONDITION_INGREDIENT"),
            ("container", "3 unverified: HX_INGREDIENT_UNKNOWN"),
        ],
    );
    one(
        "wilson",
        &[
            ("class.organ_meat", "X conflict: HX_CONDITION_INGREDIENT"),
            ("mollusc", "X conflict: HX_CONDITION_INGREDIENT"),
            ("cocoa", "X conflict: HX_CONDITION_INGREDIENT"),
        ],
    );
    one(
        "haemochromatosis",
        &[
            ("iron_mg=19", "X conflict: HX_CONDITION_NUTRIENT"),
            ("class.iron_fortified", "2 caution: WN_IRON"),
            ("class.raw_fish", "X conflict: HX_CONDITION_INGREDIENT"),
        ],
    );
    one("ida", &[("class.tea_coffee", "2 caution: WN_IRON_ABSORPTION")]);
}

#[test]
fn bones_joints_and_the_rest() {
    one(
        "osteoporosis",
        &[("class.caffeine", "2 caution: WN_CAFFEINE"), ("class.alcohol", "2 caution: WN_ALCOHOL")],
    );
    one(
        "gout",
        &[
            ("class.high_purine", "2 caution: WN_PURINE"),
            ("class.alcohol", "X conflict: HX_CONDITION_INGREDIENT"),
            ("drink class.fructose", "2 caution: WN_SWEETENED_DRINK"),
        ],
    );
    one("asthma", &[("sulfite", "2 caution: WN_SULFITE")]);
    one("sulfite_asthma", &[("sulfite", "X conflict: HX_ALLERGEN_CONTAINS")]);
    one(
        "alpha_gal",
        &[
            ("class.meat", "X conflict: HX_CONDITION_INGREDIENT"),
            ("gelatin", "X conflict: HX_CONDITION_INGREDIENT"),
            ("class.poultry", "1 fits"),
        ],
    );
    one("hypothyroid", &[("soy", "1 fits")]);
}

#[test]
fn pregnancy_and_lactation() {
    let pregnant = r#"{"reproductive_status":"pregnant","gestation_weeks":20,"age_years":30,"sex":"female"}"#;
    check(
        pregnant,
        &[
            ("", "1 fits"),
            ("class.alcohol", "X conflict: HX_PREGNANCY"),
            ("class.high_mercury_fish", "X conflict: HX_PREGNANCY"),
            ("~class.high_mercury_fish", "2 caution: WN_INGREDIENT_AMBIGUOUS"),
            // The hard rule cautions of what may be raw, the overridable one excludes it unless heated.
            ("~class.raw_risk", "X unverified: HX_INGREDIENT_AMBIGUOUS WN_INGREDIENT_AMBIGUOUS"),
            ("class.organ_meat", "X conflict: HX_PREGNANCY"),
            (
                "container",
                "3 unverified: HX_INGREDIENT_UNKNOWN HX_INGREDIENT_UNKNOWN HX_INGREDIENT_UNKNOWN HX_INGREDIENT_UNKNOWN HX_INGREDIENT_UNKNOWN HX_NUTRIENT_UNKNOWN",
            ),
            // 200 mg of caffeine a day; not stated matters only where it may be inside.
            ("class.caffeine", "3 unverified: HX_NUTRIENT_UNKNOWN"),
            ("class.caffeine caffeine_mg=100", "1 fits"),
            ("class.caffeine caffeine_mg=101", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_caffeine_mg"),
        ],
    );
    check(
        r#"{"reproductive_status":"lactating"}"#,
        &[
            ("class.alcohol", "2 caution: WN_ALCOHOL"),
            ("class.high_mercury_fish", "X conflict: HX_PREGNANCY"),
            ("class.caffeine", "1 fits"),
        ],
    );
}

#[test]
fn an_infant_is_never_ranked_but_honey_is_named() {
    let policy = policy_of(&profile(r#"{"age_years":0}"#));
    assert_eq!(policy.blocked[0].code, "HX_AGE");
    assert_eq!(verdict_line(&policy, product("class.bee")), "X conflict: HX_AGE");
    assert_eq!(verdict_line(&policy, product("class.milk_drink")), "X conflict: HX_AGE");
    assert_eq!(
        verdict_line(&policy_of(&profile(r#"{"age_years":1}"#)), product("class.bee")),
        "3 unverified"
    );
}

#[test]
fn a_childs_caps_are_never_above_those_of_the_age() {
    // Sodium at ten years: 1,800 mg, half of it 900 mg.
    check(
        &of(&["htn"], r#","age_years":10"#),
        &[
            ("sodium_mg=900", "1 fits"),
            ("sodium_mg=901", "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg"),
        ],
    );
}

#[test]
fn contradictions_are_said_and_the_safer_rule_is_used() {
    let notices = |json: &str| -> Vec<String> {
        let policy = policy_of(&profile(json));
        policy.notices.iter().map(|n| format!("{} {} {}", n.code, n.field, n.value)).collect()
    };
    let conflict = "DQ_PROFILE_CONFLICT";
    assert_eq!(
        notices(&of(&["ida", "haemochromatosis"], r#","allergies":[{"allergen":"kiwi"}]"#)),
        [format!("{conflict} conditions ida, haemochromatosis")]
    );
    assert!(
        notices(&of(&["ckd_3_5", "ckd_5d"], "")).contains(&format!("{conflict} conditions ckd_3_5, ckd_5d"))
    );
    for (templates, rest) in [
        (&["gdm"][..], ""),
        (&["pregnancy"][..], ""),
        (&["t1dm"][..], ""),
        (&[][..], r#","medications":[{"name":"empagliflozin"}]"#),
    ] {
        let json = of(templates, &format!(r#","diets":[{{"diet":"keto"}}]{rest}"#));
        assert!(notices(&json).contains(&format!("{conflict} diets keto")), "{json}");
        let policy = policy_of(&profile(&json));
        assert!(policy.gates.iter().all(|g| !matches!(g, Gate::Diet(_))), "{json}");
    }
    let lithium =
        r#"{"medications":[{"name":"lithium"}],"diets":[{"diet":"low_sodium"}],"goals":["less_sodium"]}"#;
    assert!(notices(lithium).contains(&format!("{conflict} diets low_sodium")));
    assert!(notices(lithium).contains(&format!("{conflict} goals less_sodium")));
    for (templates, rest) in [
        (&["pregnancy"][..], ""),
        (&["eating_disorder"][..], ""),
        (&["ckd_5d"][..], ""),
        (&[][..], r#","age_years":16"#),
        (&[][..], r#","age_years":30,"height_cm":180,"weight_kg":55"#),
    ] {
        let json = of(templates, &format!(r#","goals":["weight_loss"]{rest}"#));
        assert!(notices(&json).contains(&format!("{conflict} goals weight_loss")), "{json}");
        assert!(policy_of(&profile(&json)).parts.iter().all(|p| p.code != "SC_GOAL"), "{json}");
    }
}

fn templates() -> Vec<&'static str> {
    RulePack::embedded().conditions.iter().filter(|c| c.ages.is_none()).map(|c| c.id.as_str()).collect()
}

fn ids(policy: &Policy, snapshot: &Snapshot) -> Vec<odyssey_types::ProductId> {
    rank(snapshot, policy, &Query { k: 1000, ..Query::default() }).fits.iter().map(|c| c.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Reference 8.7.1: the listed blocks of diets are the only thing that lets a product in, and say so.
    #[test]
    fn another_condition_or_drug_never_lets_a_product_in(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut builder = SnapshotBuilder::new();
        for n in 0..60 {
            builder.push(&random_row(&mut dice, n));
        }
        let snapshot = builder.finish();
        let mut who = random_profile(&mut dice);
        let kept = ["keto", "low_carb", "low_sodium"].iter().filter(|_| dice.percent(20));
        let diets: Vec<String> = kept.map(|d| format!(r#"{{"diet":"{d}"}}"#)).collect();
        who.diets.extend(profile(&format!(r#"{{"diets":[{}]}}"#, diets.join(","))).diets);
        let before = policy_of(&who);
        let more = if dice.percent(50) {
            let template = *dice.pick(&templates());
            profile(&of(&[template], ""))
        } else {
            let interaction = dice.pick(&RulePack::embedded().interactions);
            let drug = &dice.pick(&interaction.drugs).name;
            profile(&format!(r#"{{"medications":[{{"name":"{drug}"}}]}}"#))
        };
        who.conditions.extend(more.conditions);
        who.medications.extend(more.medications);
        let after = policy_of(&who);
        let blocked_diets = after.notices.iter().filter(|n| n.field == "diets").count();
        let already = before.notices.iter().filter(|n| n.field == "diets").count();
        let (was, is) = (ids(&before, &snapshot), ids(&after, &snapshot));
        if blocked_diets == already {
            for id in &is {
                prop_assert!(was.contains(id), "{:?}", who.conditions);
            }
        } else {
            prop_assert!(after.notices.iter().any(|n| n.code == "DQ_PROFILE_CONFLICT"));
        }
    }

    /// Every set of templates and drugs means the same in any order.
    #[test]
    fn the_order_of_conditions_and_drugs_changes_nothing(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let names = templates();
        let some: Vec<&str> = (0..5).map(|_| *dice.pick(&names)).collect();
        let drugs: Vec<&str> = (0..4)
            .map(|_| dice.pick(&dice_interaction(seed).drugs).name.as_str())
            .collect();
        let json = |templates: &[&str], drugs: &[&str]| {
            let drugs: Vec<String> = drugs.iter().map(|d| format!(r#"{{"name":"{d}"}}"#)).collect();
            of(templates, &format!(r#","medications":[{}]{BODY}"#, drugs.join(",")))
        };
        let one = policy_of(&profile(&json(&some, &drugs)));
        let (mut other, mut others) = (some.clone(), drugs.clone());
        other.reverse();
        others.reverse();
        other.push(some[0]);
        prop_assert_eq!(one, policy_of(&profile(&json(&other, &others))));
    }
}

fn dice_interaction(seed: u64) -> &'static crate::engine::Interaction {
    let interactions = &RulePack::embedded().interactions;
    &interactions[(seed % interactions.len() as u64) as usize]
}
