use odyssey_types::{Nutrient, ProductId};
use proptest::prelude::*;

use super::{Tier, Verdict, VerdictKind, evaluate};
use crate::engine::testing::*;
use crate::engine::{Action, Severity};
use crate::{
    Derivation, Diet, Evidence, EvidenceKey as K, EvidenceSource, Facts, Flag, Grade, ListState, Nova,
    NutriScore, ReferenceSource, Truth,
};

fn judge(profile_json: &str, facts: Facts) -> Verdict {
    evaluate(&policy_of(&profile(profile_json)), &derivation(facts), &meta(id(1)))
}

/// The verdict and the codes of its reasons, as `X conflict: HX_ALLERGEN_CONTAINS`.
fn check(profile_json: &str, change: impl FnOnce(&mut Facts), expected: &str) {
    let mut facts = clean();
    change(&mut facts);
    assert_eq!(verdict_line(&policy_of(&profile(profile_json)), facts), expected, "{profile_json}");
}

fn allergy(rest: &str) -> String {
    format!(r#"{{"allergies":[{{"allergen":"peanut"{rest}}}]}}"#)
}

const DEFAULT: &str = "";
const ANAPHYLAXIS: &str = r#","severity":"anaphylaxis""#;
const INTOLERANCE: &str = r#","severity":"intolerance""#;

#[test]
fn a_label_that_is_too_old_proves_nothing_and_still_says_what_it_contains() {
    let allergic = profile(&allergy(DEFAULT));
    let vegan = profile(r#"{"diets":[{"diet":"vegan","kind":"ethical"}]}"#);
    let on = |label: Option<chrono::NaiveDate>, person: &odyssey_types::HealthProfile, facts: &Facts| {
        let policy = policy_of_labels_since(person, day(2025, 6, 1));
        let meta = super::super::ProductMeta { label_as_of: label, ..meta(id(1)) };
        evaluate(&policy, &derivation(facts.clone()), &meta)
    };
    let (clean, mut peanut) = (clean(), clean());
    flag(&mut peanut, K::Peanut, Flag::Contains);
    assert_eq!(on(Some(day(2025, 6, 1)), &allergic, &clean).tier, Tier::One, "of the first day that counts");
    for (label, shown) in [(Some(day(2025, 5, 31)), "2025-05-31"), (None, "unknown")] {
        let verdict = on(label, &allergic, &clean);
        assert_eq!((verdict.tier, verdict.verdict), (Tier::Excluded, VerdictKind::CannotVerify));
        let stale = verdict.reasons.iter().find(|r| r.code == "DQ_STALE").expect("said why");
        assert_eq!((stale.params["label_as_of"].as_str(), stale.action), (shown, Action::Warn));
        assert!(verdict.reasons[0].sentence.contains("too old"), "{}", verdict.reasons[0].sentence);
        assert_eq!(verdict.smallest_change.expect("a change").code, "renew_label");
        assert_eq!(on(label, &allergic, &peanut).verdict, VerdictKind::Conflict);
        assert_eq!(on(label, &vegan, &clean).tier, Tier::Three);
    }
}

#[test]
fn each_kind_of_evidence_lands_where_the_severity_table_says() {
    let with = |kind: Flag| move |f: &mut Facts| flag(f, K::Peanut, kind);
    let table: [(&str, Flag, &str); 17] = [
        (ANAPHYLAXIS, Flag::Contains, "X conflict: HX_ALLERGEN_CONTAINS"),
        (ANAPHYLAXIS, Flag::Ambiguous, "X unverified: HX_ALLERGEN_AMBIGUOUS"),
        (ANAPHYLAXIS, Flag::Pal, "X conflict: HX_ALLERGEN_MAY"),
        (ANAPHYLAXIS, Flag::Facility, "X conflict: HX_ALLERGEN_MAY"),
        (ANAPHYLAXIS, Flag::Exempt, "X conflict: HX_ALLERGEN_MAY"),
        (
            r#","severity":"anaphylaxis","exempt_allowed":true"#,
            Flag::Exempt,
            "2 caution: WN_EXEMPT_DERIVATIVE",
        ),
        (DEFAULT, Flag::Contains, "X conflict: HX_ALLERGEN_CONTAINS"),
        (DEFAULT, Flag::Ambiguous, "X unverified: HX_ALLERGEN_AMBIGUOUS"),
        (DEFAULT, Flag::Facility, "X conflict: HX_ALLERGEN_MAY"),
        (DEFAULT, Flag::Exempt, "2 caution: WN_EXEMPT_DERIVATIVE"),
        (DEFAULT, Flag::ClaimFree, "1 fits"),
        (INTOLERANCE, Flag::Contains, "X conflict: HX_ALLERGEN_CONTAINS"),
        (INTOLERANCE, Flag::Ambiguous, "3 unverified: HX_ALLERGEN_AMBIGUOUS"),
        (INTOLERANCE, Flag::Pal, "2 caution: WN_PAL"),
        (INTOLERANCE, Flag::Exempt, "1 fits: WN_EXEMPT_DERIVATIVE"),
        (r#","severity":"preference","never":true"#, Flag::Contains, "X conflict: HX_ALLERGEN_CONTAINS"),
        (r#","severity":"preference""#, Flag::Contains, "1 fits"),
    ];
    for (severity, kind, expected) in table {
        check(&allergy(severity), with(kind), expected);
    }
}

#[test]
fn strictness_tightens_any_cell_and_loosens_only_those_open_to_opt_in() {
    let pal = |f: &mut Facts| flag(f, K::Peanut, Flag::Pal);
    let facility = |f: &mut Facts| flag(f, K::Peanut, Flag::Facility);
    check(&allergy(r#","strictness":"contains""#), pal, "2 caution: WN_PAL");
    check(&allergy(r#","strictness":"may_contain""#), pal, "X conflict: HX_ALLERGEN_MAY");
    check(&allergy(r#","strictness":"may_contain""#), facility, "2 caution: WN_PAL");
    check(
        &allergy(r#","severity":"anaphylaxis","strictness":"contains""#),
        pal,
        "X conflict: HX_ALLERGEN_MAY",
    );
    check(
        &allergy(r#","severity":"intolerance","strictness":"may_contain""#),
        pal,
        "X conflict: HX_ALLERGEN_MAY",
    );
    check(&allergy(r#","severity":"intolerance","strictness":"may_contain""#), facility, "2 caution: WN_PAL");
    check(
        &allergy(r#","strictness":"contains""#),
        |f| f.attested = false,
        "X unverified: HX_ALLERGEN_UNKNOWN",
    );
}

#[test]
fn confirmed_free_asks_for_a_certificate() {
    let strict = allergy(r#","strictness":"confirmed_free""#);
    check(&strict, |_| {}, "X unverified: HX_ALLERGEN_UNKNOWN");
    check(&strict, |f| flag(f, K::Peanut, Flag::CertifiedFree), "1 fits");
    check(
        &strict,
        |f| {
            flag(f, K::Peanut, Flag::CertifiedFree);
            flag(f, K::Peanut, Flag::Exempt);
        },
        "X conflict: HX_ALLERGEN_MAY",
    );
}

#[test]
fn silence_clears_an_allergy_only_on_a_complete_attested_list() {
    let unknown = "X unverified: HX_ALLERGEN_UNKNOWN";
    check(&allergy(DEFAULT), |_| {}, "1 fits");
    check(&allergy(DEFAULT), |f| f.attested = false, unknown);
    check(&allergy(DEFAULT), |f| f.list_state = ListState::Truncated, unknown);
    check(&allergy(DEFAULT), |f| f.list_state = ListState::Absent, unknown);
    check(&allergy(DEFAULT), |f| f.coverage_permille = 980, "1 fits");
    check(&allergy(DEFAULT), |f| f.coverage_permille = 979, unknown);
    check(&allergy(ANAPHYLAXIS), |f| f.coverage_permille = 999, unknown);
    check(&allergy(INTOLERANCE), |f| f.coverage_permille = 949, "3 unverified: HX_ALLERGEN_UNKNOWN");
    check(r#"{"allergies":[{"allergen":"mustard"}]}"#, |f| f.coverage_permille = 999, unknown);
    check(r#"{"allergies":[{"allergen":"mustard"}]}"#, |f| f.container_term = true, unknown);
    check(r#"{"allergies":[{"allergen":"mustard"}]}"#, |_| {}, "1 fits");
    check(r#"{"allergies":[{"allergen":"mustard"}]}"#, |f| f.attested = false, unknown);
}

#[test]
fn what_cannot_be_verified_for_an_allergy_is_never_listed() {
    let mut facts = clean();
    facts.attested = false;
    assert!(!judge(&allergy(DEFAULT), facts.clone()).unverified_is_listed);
    assert!(judge(&allergy(INTOLERANCE), facts).unverified_is_listed);
}

fn truth(diet: Diet, truth: Truth) -> impl Fn(&mut Facts) {
    move |f: &mut Facts| f.diets[diet as usize].truth = truth
}

#[test]
fn diets_are_gates_unless_they_are_preferences() {
    let vegan = r#"{"diets":[{"diet":"vegan","kind":"ethical"}]}"#;
    check(vegan, truth(Diet::Vegan, Truth::No), "X conflict: HX_DIET");
    check(vegan, truth(Diet::Vegan, Truth::Unknown), "3 unverified: HX_DIET_UNPROVEN");
    check(vegan, |f| f.diets[0].precaution = true, "2 caution: WN_PAL");
    let strict = r#"{"diets":[{"diet":"vegan","refuse_may_contain":true}]}"#;
    check(strict, |f| f.diets[0].precaution = true, "X conflict: HX_DIET");
    check(r#"{"diets":[{"diet":"vegan","kind":"preference"}]}"#, truth(Diet::Vegan, Truth::No), "1 fits");
    let never = r#"{"diets":[{"diet":"vegan","kind":"preference","never":true}]}"#;
    check(never, truth(Diet::Vegan, Truth::No), "X conflict: HX_DIET");
    check(never, truth(Diet::Vegan, Truth::Unknown), "1 fits: DQ_DIET_UNPROVEN");
    let halal = r#"{"diets":[{"diet":"halal","kind":"religious"}]}"#;
    check(halal, |f| f.diets[Diet::Halal as usize].certified = false, "1 fits: WN_DIET_NOT_CERTIFIED");
}

#[test]
fn a_medical_gluten_free_diet_asks_as_much_as_coeliac_disease() {
    let medical = r#"{"diets":[{"diet":"gluten_free","kind":"medical"}]}"#;
    check(medical, |_| {}, "1 fits");
    check(medical, |f| flag(f, K::Barley, Flag::Pal), "X conflict: HX_ALLERGEN_MAY");
    check(medical, |f| f.coverage_permille = 999, "X unverified: HX_ALLERGEN_UNKNOWN");
    check(r#"{"diets":[{"diet":"gluten_free"}]}"#, |f| f.coverage_permille = 999, "1 fits");
}

#[test]
fn a_medical_use_of_a_free_diet_is_a_gate_on_its_allergen() {
    let medical = r#"{"diets":[{"diet":"dairy_free","kind":"medical"}]}"#;
    check(medical, |_| {}, "1 fits");
    check(medical, |f| flag(f, K::Milk, Flag::Pal), "X conflict: HX_ALLERGEN_MAY");
    check(medical, |f| f.attested = false, "X unverified: HX_ALLERGEN_UNKNOWN");
    check(medical, truth(Diet::DairyFree, Truth::Unknown), "3 unverified: HX_DIET_UNPROVEN");
    let mut unproven = clean();
    truth(Diet::DairyFree, Truth::Unknown)(&mut unproven);
    assert!(!judge(medical, unproven.clone()).unverified_is_listed);
    truth(Diet::DairyFree, Truth::Yes)(&mut unproven);
    truth(Diet::LowSodium, Truth::Unknown)(&mut unproven);
    let salt = r#"{"diets":[{"diet":"low_sodium","kind":"medical"}]}"#;
    assert!(judge(salt, unproven).unverified_is_listed);
    let lactose = r#"{"diets":[{"diet":"lactose_free","kind":"medical"}]}"#;
    check(lactose, |f| flag(f, K::Lactose, Flag::Contains), "X conflict: HX_ALLERGEN_CONTAINS");
    check(lactose, |f| flag(f, K::Milk, Flag::Contains), "1 fits");
}

#[test]
fn patterns_of_eating_exclude_nothing_and_lower_the_preference() {
    for diet in ["dash", "mediterranean"] {
        let of = |kind: &str| format!(r#"{{"diets":[{{"diet":"{diet}","kind":"{kind}","never":true}}]}}"#);
        let break_it = |f: &mut Facts| {
            truth(Diet::Dash, Truth::No)(f);
            truth(Diet::Mediterranean, Truth::No)(f);
        };
        for kind in ["ethical", "medical", "preference"] {
            check(&of(kind), break_it, "1 fits");
            let (mut broken, kept) = (clean(), clean());
            break_it(&mut broken);
            let (broken, kept) = (judge(&of(kind), broken), judge(&of(kind), kept));
            assert!(broken.score_permille < kept.score_permille, "{diet} {kind}");
        }
    }
}

fn amount(nutrient: Nutrient, text: &'static str) -> impl Fn(&mut Facts) {
    move |f: &mut Facts| set(&mut f.per_reference, nutrient, text)
}

const HYPERTENSION: &str = r#"{"conditions":[{"system":"icd10cm","code":"I10"}]}"#;
const DIABETES: &str = r#"{"conditions":[{"system":"snomed","code":"44054006"}]}"#;

#[test]
fn an_1800_mg_sodium_item_is_stopped_for_hypertension() {
    check(
        HYPERTENSION,
        amount(Nutrient::Sodium, "1800"),
        "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg",
    );
    check(
        HYPERTENSION,
        amount(Nutrient::Sodium, "1150.001"),
        "X conflict: HX_CONDITION_NUTRIENT WN_CAP_sodium_mg",
    );
    check(HYPERTENSION, amount(Nutrient::Sodium, "1150"), "1 fits");
    check("{}", amount(Nutrient::Sodium, "1800"), "2 caution: WN_CAP_sodium_mg");
}

#[test]
fn fiber_is_never_punished() {
    for fiber in ["0", "3", "30", "300"] {
        for who in [HYPERTENSION, DIABETES, r#"{"goals":["more_fiber"]}"#] {
            check(who, amount(Nutrient::Fiber, fiber), "1 fits");
        }
    }
    let score = |fiber: &'static str| {
        let mut facts = clean();
        amount(Nutrient::Fiber, fiber)(&mut facts);
        judge(DIABETES, facts).score_permille
    };
    assert!(score("0") < score("3") && score("3") < score("6") && score("6") == score("300"));
}

#[test]
fn unknown_nutrition_never_passes_a_hard_limit() {
    let forget = |nutrient: Nutrient| {
        move |f: &mut Facts| {
            f.per_reference.set(nutrient, None);
            f.per_100.set(nutrient, None);
        }
    };
    check(HYPERTENSION, forget(Nutrient::Sodium), "3 unverified: HX_NUTRIENT_UNKNOWN");
    check(DIABETES, forget(Nutrient::Carbohydrate), "3 unverified: HX_NUTRIENT_UNKNOWN");
    for period in ["serving", "per_100", "day"] {
        let limit = format!(r#"{{"limits":[{{"nutrient":"sodium_mg","max":900,"period":"{period}"}}]}}"#);
        check(&limit, forget(Nutrient::Sodium), "3 unverified: HX_NUTRIENT_UNKNOWN");
    }
}

#[test]
fn explicit_limits_count_per_serving_per_hundred_and_per_day() {
    let limit = |period: &str, max: &str| {
        format!(r#"{{"limits":[{{"nutrient":"sodium_mg","max":{max},"period":"{period}"}}]}}"#)
    };
    check(&limit("serving", "100"), |_| {}, "1 fits");
    check(&limit("serving", "99.999"), |_| {}, "X conflict: HX_LIMIT");
    check(&limit("per_100", "200"), |_| {}, "1 fits");
    check(&limit("per_100", "199"), |_| {}, "X conflict: HX_LIMIT");
    check(&limit("day", "199"), |_| {}, "2 caution: WN_CAP_sodium_mg");
    check(&limit("day", "99"), |_| {}, "X conflict: HX_LIMIT WN_CAP_sodium_mg");
}

#[test]
fn an_assumed_reference_amount_passes_a_cap_only_with_room_to_spare() {
    let assumed = |sodium: &'static str| {
        move |f: &mut Facts| {
            f.reference_source = ReferenceSource::Assumed;
            set(&mut f.per_reference, Nutrient::Sodium, sodium);
        }
    };
    check(HYPERTENSION, assumed("460"), "2 caution: DQ_SERVING_ASSUMED");
    check(HYPERTENSION, assumed("460.001"), "3 unverified: HX_NUTRIENT_UNKNOWN WN_CAP_sodium_mg");
    check(HYPERTENSION, assumed("9000"), "3 unverified: HX_NUTRIENT_UNKNOWN WN_CAP_sodium_mg");
    let serving = r#"{"limits":[{"nutrient":"sodium_mg","max":900,"period":"serving"}]}"#;
    check(serving, assumed("10"), "3 unverified: HX_NUTRIENT_UNKNOWN");
}

#[test]
fn sugar_is_marked_red_for_diabetes_and_alcohol_warned_of_for_hypertension() {
    check(DIABETES, amount(Nutrient::AddedSugars, "10"), "1 fits");
    check(DIABETES, amount(Nutrient::AddedSugars, "10.000001"), "2 caution: WN_RED_added_sugars_g");
    check(HYPERTENSION, |f| flag(f, K::Alcohol, Flag::Contains), "2 caution: WN_ALCOHOL");
    check(DIABETES, |f| flag(f, K::AddedSugar, Flag::Contains), "1 fits");
    let drink = |f: &mut Facts| {
        f.is_volume = true;
        flag(f, K::AddedSugar, Flag::Contains);
    };
    check(DIABETES, drink, "2 caution: WN_SWEETENED_DRINK");
}

#[test]
fn a_cross_reacting_food_is_a_caution() {
    check(&allergy(DEFAULT), |f| flag(f, K::Lupin, Flag::Contains), "2 caution: WN_CROSS_REACT");
    check(&allergy(DEFAULT), |f| flag(f, K::Cashew, Flag::Contains), "2 caution: WN_CROSS_REACT");
    check(&allergy(INTOLERANCE), |f| flag(f, K::Lupin, Flag::Contains), "1 fits");
}

#[test]
fn an_always_allow_entry_lifts_soft_terms_and_preferences_and_nothing_else() {
    let product = id(1);
    let judge = |json: &str, facts: Facts, allowed: &[ProductId]| {
        evaluate(&policy_with(&profile(json), &[], allowed), &derivation(facts), &meta(product)).tier
    };
    let mut salty = clean();
    set(&mut salty.per_reference, Nutrient::Sodium, "1800");
    assert_eq!(judge("{}", salty.clone(), &[]), Tier::Two);
    assert_eq!(judge("{}", salty.clone(), &[product]), Tier::One);
    assert_eq!(judge(HYPERTENSION, salty, &[product]), Tier::Excluded);
    let mut peanut = clean();
    flag(&mut peanut, K::Peanut, Flag::Contains);
    assert_eq!(judge(&allergy(DEFAULT), peanut.clone(), &[product]), Tier::Excluded);
    assert_eq!(judge(&allergy(r#","severity":"preference","never":true"#), peanut, &[product]), Tier::One);
}

#[test]
fn never_listed_and_inactive_products_are_conflicts() {
    let policy = policy_with(&profile("{}"), &[id(1)], &[]);
    let verdict = evaluate(&policy, &derivation(clean()), &meta(id(1)));
    assert_eq!(verdict.reasons[0].code, "HX_LIST_NEVER");
    assert_eq!(verdict.smallest_change.map(|c| c.code), Some("unlist"));
    let inactive = crate::engine::ProductMeta { active: false, ..meta(id(2)) };
    let verdict = evaluate(&policy, &derivation(clean()), &inactive);
    assert_eq!((verdict.tier, verdict.reasons[0].code.as_str()), (Tier::Excluded, "HX_INACTIVE"));
}

#[test]
fn a_blocked_profile_fits_nothing_and_says_why() {
    let verdict = judge(r#"{"conditions":[{"system":"text","code":"N18.4, they say"}]}"#, clean());
    assert_eq!((verdict.tier, verdict.verdict), (Tier::Three, VerdictKind::CannotVerify));
    assert!(!verdict.unverified_is_listed);
    assert!(verdict.summary.contains("N18.4"), "{}", verdict.summary);
}

#[test]
fn the_score_of_a_plain_product_is_the_one_worked_out_by_hand() {
    // Caps of an adult, 40 shared by three: sodium 100 of 2300 mg = 434 bp, saturated fat 0.5 of
    // 22.222222 g = 225 bp, added sugars 1 of 50 g = 200 bp: all 1000.
    let verdict = judge("{}", clean());
    assert_eq!((verdict.score_permille, verdict.confidence_permille), (1000, 1000));
    let weights: Vec<u32> = verdict.parts.iter().map(|p| p.weight_milli).collect();
    // Profile models at most 15 % of the whole: 3/17 of 40, shared by NOVA and Nutri-Score.
    assert_eq!(weights, [13_334, 13_333, 13_333, 3_529, 3_529]);
    // Sodium 575 mg = 2500 bp → 500 − 500 / 6 = 417; unknown added sugars → 0 with its weight kept.
    let mut facts = clean();
    set(&mut facts.per_reference, Nutrient::Sodium, "575");
    facts.per_reference.set(Nutrient::AddedSugars, None);
    let verdict = judge("{}", facts);
    let scores: Vec<(&str, u16)> = verdict.parts.iter().map(|p| (p.code.as_str(), p.sub_score)).collect();
    assert_eq!(
        scores,
        [
            ("SC_CAP_added_sugars_g", 0),
            ("SC_CAP_saturated_fat_g", 1000),
            ("SC_CAP_sodium_mg", 417),
            ("SC_NOVA", 1000),
            ("SC_NUTRISCORE", 1000)
        ]
    );
    assert_eq!(verdict.score_permille, ((20_391 * 1000 + 13_333 * 417) / 47_058) as u16);
    assert_eq!(verdict.confidence_permille, (33_724 * 1000 / 47_058) as u16);
}

#[test]
fn profile_models_score_by_grade_and_an_unknown_grade_keeps_its_weight() {
    let scored = |grade: Option<Grade>, nova: Option<Nova>| {
        let mut facts = clean();
        facts.indices.nutri_score = grade.map(|grade| NutriScore { score: 5, grade, estimated: false });
        facts.indices.nova = nova;
        let verdict = judge("{}", facts);
        (verdict.score_permille, verdict.confidence_permille)
    };
    // 40 of 47.058 full, 3.529 each for NOVA and Nutri-Score.
    let expected = |sub_scores: u32, known: u32| {
        let score = (40_000 * 1000 + 3_529 * sub_scores) / 47_058;
        (score as u16, ((40_000 + 3_529 * known) * 1000 / 47_058) as u16)
    };
    for (grade, score) in Grade::ALL.iter().zip([1000, 800, 550, 250, 0]) {
        assert_eq!(scored(Some(*grade), Some(Nova::One)), expected(1000 + score, 2));
    }
    for (nova, score) in Nova::ALL.iter().zip([1000, 1000, 600, 200]) {
        assert_eq!(scored(Some(Grade::A), Some(*nova)), expected(1000 + score, 2));
    }
    assert_eq!(scored(None, Some(Nova::One)), expected(1000, 1));
    assert_eq!(scored(None, None), expected(0, 0));
}

#[test]
fn reasons_quote_their_evidence_and_cite_their_rule() {
    let mut facts = clean();
    flag(&mut facts, K::Peanut, Flag::Contains);
    let found = Evidence {
        key: "peanut".to_owned(),
        flag: Flag::Contains,
        source: EvidenceSource::Term,
        field: "ingredients".to_owned(),
        matched: "Peanut Butter".to_owned(),
        term: "peanut butter".to_owned(),
        offset: 12,
    };
    let elsewhere = Evidence { key: "milk".to_owned(), ..found.clone() };
    let derivation = Derivation { facts, evidence: vec![elsewhere, found.clone()], issues: Vec::new() };
    let verdict = evaluate(&policy_of(&profile(&allergy(DEFAULT))), &derivation, &meta(id(1)));
    let reason = &verdict.reasons[0];
    assert_eq!(reason.sentence, "Contains peanut: the ingredient list names “Peanut Butter”.");
    assert_eq!(reason.evidence, [found]);
    assert_eq!((reason.params["term"].as_str(), reason.params["offset"].as_str()), ("peanut butter", "12"));
    assert!(!reason.source.citation.is_empty() && !reason.source.version.is_empty());
    assert_eq!(verdict.smallest_change, None, "an allergy is not for changing");
}

#[test]
fn the_smallest_change_is_about_the_label_the_portion_or_a_list() {
    let change = |json: &str, change: &dyn Fn(&mut Facts)| {
        let mut facts = clean();
        change(&mut facts);
        judge(json, facts).smallest_change
    };
    let portion = change(HYPERTENSION, &amount(Nutrient::Sodium, "1800")).expect("a portion");
    assert_eq!(portion.sentence, "A portion of 31 g instead of 50 g would stay within 1150 mg of sodium.");
    assert_eq!(change(&allergy(DEFAULT), &|f| f.attested = false).map(|c| c.code), Some("attest_label"));
    assert_eq!(change("{}", &|_| {}), None);
    let two = r#"{"conditions":[{"system":"icd10cm","code":"I10"}],"diets":[{"diet":"vegan"}]}"#;
    let both = |f: &mut Facts| {
        amount(Nutrient::Sodium, "1800")(f);
        truth(Diet::Vegan, Truth::Unknown)(f);
    };
    assert_eq!(change(two, &both), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_verdict_says_to_check_the_package_and_never_says_safe(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let verdict = evaluate(&policy_of(&random_profile(&mut dice)), &derivation(random_facts(&mut dice)), &meta(id(1)));
        let json = serde_json::to_string(&verdict).expect("a verdict is JSON").to_lowercase();
        let json = json.replace("dq_profile_unsafe", "");
        prop_assert!(verdict.summary.ends_with("Always check the package."));
        for word in ["safe\"", " safe", "cures", "treats", "prevents", "recommended by"] {
            prop_assert!(!json.contains(word), "{word}: {json}");
        }
    }

    #[test]
    fn every_excluded_or_unverified_product_has_a_reason_that_excludes(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let verdict = evaluate(&policy_of(&random_profile(&mut dice)), &derivation(random_facts(&mut dice)), &meta(id(1)));
        prop_assert!(verdict.blocked.is_empty(), "random profiles are never blocked");
        let has = verdict.reasons.iter().any(|r| r.code.starts_with("HX_") && r.action >= Action::Unverified);
        prop_assert_eq!(verdict.tier >= Tier::Three, has);
        prop_assert_eq!(verdict.tier == Tier::Two, !has && verdict.reasons.iter().any(|r| r.action == Action::Caution));
    }

    #[test]
    fn more_evidence_never_betters_the_tier(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let policy = policy_of(&random_profile(&mut dice));
        let facts = random_facts(&mut dice);
        let before = evaluate(&policy, &derivation(facts.clone()), &meta(id(1)));
        for kind in [Flag::Contains, Flag::Ambiguous, Flag::Pal, Flag::Facility, Flag::Exempt, Flag::ClaimFree] {
            let mut more = facts.clone();
            flag(&mut more, *dice.pick(K::ALL), kind);
            let after = evaluate(&policy, &derivation(more), &meta(id(1)));
            prop_assert!(after.tier >= before.tier && after.verdict >= before.verdict);
        }
    }

    #[test]
    fn forgetting_a_nutrient_never_raises_the_score(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let policy = policy_of(&random_profile(&mut dice));
        let facts = random_facts(&mut dice);
        let before = evaluate(&policy, &derivation(facts.clone()), &meta(id(1)));
        for nutrient in Nutrient::ALL {
            let mut less = facts.clone();
            less.per_reference.set(*nutrient, None);
            let after = evaluate(&policy, &derivation(less), &meta(id(1)));
            prop_assert!(after.score_permille <= before.score_permille, "{nutrient}");
        }
    }

    #[test]
    fn losing_the_list_never_lets_a_product_in(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let policy = policy_of(&random_profile(&mut dice));
        let facts = random_facts(&mut dice);
        let mut lost = facts.clone();
        lost.list_state = ListState::Absent;
        lost.coverage_permille = 0;
        lost.attested = false;
        let before = evaluate(&policy, &derivation(facts), &meta(id(1)));
        let after = evaluate(&policy, &derivation(lost), &meta(id(1)));
        prop_assert!(after.tier >= before.tier);
        let severe = policy.gates.iter().any(|g| matches!(g, crate::engine::Gate::Keys(g) if g.severity < Severity::Intolerance));
        prop_assert!(!severe || after.tier == Tier::Excluded);
    }
}
