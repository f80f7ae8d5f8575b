//! Diets by what a label says, case by case, and what holds for every label.

use odyssey_types::{
    AllergenData, Fixed, FreeFromClaim, Jurisdiction, Nutrient, Nutrients, Nutrition, NutritionBasis,
    ProductFields, ServingSize,
};
use proptest::prelude::*;

use super::tests::{list, of, truth, us};
use super::{Label, Tables, derive};
use crate::diet_rules::DietTable;
use crate::facts::{Diet, Truth};

/// Cases of `ingredients => yes: diets no: diets open: diets`.
#[track_caller]
fn check_all(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (text, expected) = case.split_once(" => ").expect("text => diets");
        check(&list(text), expected, case);
    }
}

#[track_caller]
fn check(fields: &ProductFields, expected: &str, case: &str) {
    let facts = of(fields).facts;
    let mut wanted = Truth::Unknown;
    for word in expected.split_whitespace() {
        match word {
            "yes:" => wanted = Truth::Yes,
            "no:" => wanted = Truth::No,
            "open:" => wanted = Truth::Unknown,
            code => {
                let diet = Diet::from_code(code).unwrap_or_else(|| panic!("{code} is no diet"));
                assert_eq!(facts.diets[diet as usize].truth, wanted, "{case}: {code}");
            }
        }
    }
}

#[test]
fn diets_of_ingredients_are_judged_by_the_list() {
    check_all(
        "corn, salt, water => yes: vegan vegetarian pescatarian dairy_free egg_free nut_free soy_free fish_free shellfish_free no_pork no_beef no_red_meat alcohol_free lactose_free gluten_free no: carnivore paleo
         egg, salt => yes: vegetarian ovo_vegetarian pescatarian dairy_free no: vegan lacto_vegetarian jain hindu_vegetarian egg_free
         milk, salt => yes: vegetarian lacto_vegetarian pescatarian no: vegan ovo_vegetarian dairy_free lactose_free
         gelatin, water => no: vegan vegetarian lacto_vegetarian ovo_vegetarian jain open: pescatarian no_pork no_beef
         beef gelatin, water => no: pescatarian no_beef no_red_meat yes: no_pork
         fish gelatin, water => yes: pescatarian no_pork no_beef no_red_meat no: vegetarian fish_free
         salmon, salt => yes: pescatarian dairy_free no_pork no: vegetarian fish_free
         chicken, salt => no: pescatarian vegetarian yes: no_pork no_beef no_red_meat
         pork, salt => no: no_pork no_red_meat halal kosher pescatarian yes: no_beef
         beef, salt => no: no_beef no_red_meat yes: no_pork open: halal kosher
         lamb, salt => no: no_red_meat yes: no_pork no_beef
         lard, water => no: no_pork vegetarian pescatarian
         corn, mono and diglycerides => open: vegan vegetarian pescatarian no_pork
         shrimp, salt => no: shellfish_free kosher vegetarian yes: pescatarian fish_free
         squid, salt => no: shellfish_free kosher
         catfish, salt => no: kosher fish_free
         beef, milk => no: kosher dairy_free
         corn, zorgle => open: vegan dairy_free nut_free no_pork alcohol_free",
    );
}

#[test]
fn what_may_hide_an_allergen_leaves_the_free_diets_open() {
    check_all(
        "corn, spices => open: dairy_free egg_free nut_free soy_free gluten_free lactose_free
         corn, soybean oil => open: soy_free
         corn, soy lecithin => no: soy_free
         almonds => no: nut_free
         peanuts => no: nut_free
         coconut => yes: nut_free dairy_free
         corn, whey => no: dairy_free lactose_free
         corn, butter => no: dairy_free open: lactose_free
         lactose free milk => yes: lactose_free no: dairy_free
         corn, surimi => no: fish_free",
    );
    // An attested label names the milk in its spices; an unattested one may not.
    let attested = ProductFields { allergen_data: AllergenData::Complete, ..us("corn, spices") };
    assert_eq!(truth(&attested, Diet::DairyFree), Truth::Yes);
    let silent = ProductFields { allergen_data: AllergenData::Unknown, ..us("corn, spices") };
    assert_eq!(truth(&silent, Diet::DairyFree), Truth::Unknown);
}

#[test]
fn alcohol_is_told_from_its_namesakes() {
    check_all(
        "water, rum => no: alcohol_free halal jain whole30
         water, vanilla => open: alcohol_free
         water, vanilla extract => open: alcohol_free
         water, wine vinegar => open: alcohol_free
         apple cider vinegar, water => yes: alcohol_free
         water, cetyl alcohol, sorbitol => yes: alcohol_free
         non alcoholic beer => open: alcohol_free",
    );
}

#[test]
fn paleo_primal_and_whole30_allow_what_their_rules_allow() {
    check_all(
        "almonds, honey => yes: paleo primal no: whole30
         almonds, maple syrup => yes: paleo
         almonds, sugar => no: paleo primal whole30
         almonds, honey, sugar => no: paleo
         almonds, cheddar cheese => no: paleo whole30
         beef, rice => no: paleo primal whole30
         beef, black beans => no: paleo whole30
         beef, canola oil => no: paleo primal
         beef, olive oil, salt => yes: paleo primal open: whole30
         beef, citric acid => open: paleo
         beef, natural flavor => open: paleo
         sweet potatoes, ghee => open: whole30 no: paleo
         sweet potatoes, butter => no: whole30
         almonds, stevia => no: whole30 open: paleo",
    );
    let certified =
        |text: &str, mark: &str| ProductFields { certifications: Some(vec![mark.into()]), ..list(text) };
    check(&certified("sweet potatoes, ghee", "Whole30 Approved"), "yes: whole30", "a mark beside ghee");
    check(&certified("sweet potatoes, butter", "Whole30 Approved"), "no: whole30", "a mark beside butter");
    let mut declared = certified("sweet potatoes, ghee", "Whole30 Approved");
    declared.allergens = Some(odyssey_types::DeclaredAllergens {
        contains: vec!["milk".into()],
        ..odyssey_types::DeclaredAllergens::default()
    });
    check(&declared, "yes: whole30 no: dairy_free", "declared milk does not say which");
    check(&certified("beef, mystery acid", "Paleo Certified"), "yes: paleo primal", "a paleo mark");
}

#[test]
fn general_knowledge_says_no_and_never_yes() {
    check_all(
        "wheat flour, water => no: low_fodmap
         onion, salt => no: low_fodmap jain sattvic open: hindu_vegetarian
         honey => no: low_fodmap jain
         olives, salt => open: low_fodmap jain hindu_vegetarian sattvic whole30 no: carnivore
         potatoes, salt => no: jain open: sattvic
         mushrooms => no: jain sattvic low_fodmap
         egg => no: jain hindu_vegetarian sattvic
         garlic, rice => no: sattvic jain
         beef, salt => open: carnivore
         beef, black pepper => no: carnivore
         rice, rum => no: jain sattvic",
    );
    let tagged = |text: &str, tag: &str| ProductFields { dietary_tags: Some(vec![tag.into()]), ..list(text) };
    check(&tagged("rice, salt", "Jain"), "yes: jain vegetarian", "the vendor's word");
    check(&tagged("onion, salt", "Jain"), "no: jain", "the vendor's word against an onion");
    check(&tagged("rice, salt", "low FODMAP"), "open: low_fodmap", "a word is no test");
    let certified = ProductFields { certifications: Some(vec!["Monash".into()]), ..list("rice, salt") };
    check(&certified, "yes: low_fodmap", "tested by Monash");
    let green =
        ProductFields { certifications: Some(vec!["FSSAI green mark".into()]), ..list("rice, zorgle") };
    check(&green, "yes: hindu_vegetarian lacto_vegetarian vegetarian open: jain vegan", "the green mark");
}

#[test]
fn patterns_and_textures_are_never_guessed() {
    check_all(
        "carrots => open: raw macrobiotic low_residue soft dash
         olive oil, tomatoes => open: mediterranean
         bacon => no: mediterranean
         wheat flour, butter => no: mediterranean
         tomatoes, zorgle => open: mediterranean",
    );
    let tagged = |tag: &str| ProductFields { dietary_tags: Some(vec![tag.into()]), ..list("carrots") };
    check(&tagged("raw"), "yes: raw open: macrobiotic", "tagged raw");
    check(&tagged("macrobiotic"), "yes: macrobiotic", "tagged macrobiotic");
    check(&tagged("IDDSI 4"), "yes: soft", "tagged soft");
    check(&tagged("low residue"), "yes: low_residue", "tagged low residue");
}

#[test]
fn certified_diets_of_process_are_never_proved_by_ingredients_of_animals() {
    let tagged = |text: &str, tag: &str| ProductFields { dietary_tags: Some(vec![tag.into()]), ..list(text) };
    check(&tagged("chicken, salt", "halal"), "open: halal", "halal meat by a tag");
    check(&tagged("chicken, salt", "kosher"), "open: kosher", "kosher by a tag");
    check(&list("corn, salt"), "yes: halal open: kosher", "plants alone");
    let certified =
        |mark: &str| ProductFields { certifications: Some(vec![mark.into()]), ..list("chicken, salt") };
    check(&certified("IFANCA"), "yes: halal open: kosher", "a halal mark");
    check(&certified("OU"), "yes: kosher open: halal", "a kosher mark");
    check(&certified("K"), "open: kosher", "a bare K is no mark");
}

#[test]
fn a_claim_against_an_ingredient_is_a_conflict() {
    for (text, tag, code) in [
        ("corn, whey", "dairy-free", "dairy_free"),
        ("corn, ham", "pork-free", "no_pork"),
        ("corn, chicken", "pescatarian", "pescatarian"),
        ("corn, rum", "alcohol free", "alcohol_free"),
        ("rice, onion", "Jain", "jain"),
        ("corn, sugar", "no added sugar", "no_added_sugar"),
        ("corn, almonds", "nut-free", "nut_free"),
        ("beef, rice", "paleo", "paleo"),
    ] {
        let fields = ProductFields { dietary_tags: Some(vec![tag.into()]), ..list(text) };
        let derivation = of(&fields);
        let diet = Diet::from_code(code).expect("a diet");
        assert_eq!(derivation.facts.diets[diet as usize].truth, Truth::No, "{text}, tagged {tag}");
        let told = derivation.issues.iter().any(|i| i.code == "DQ_CLAIM_CONFLICT" && i.value == code);
        assert!(told, "{text}, tagged {tag}: {:?}", derivation.issues);
    }
}

#[test]
fn the_vendors_word_for_a_free_diet_needs_a_list_beside_it() {
    let tagged = |text: Option<&str>, tag: &str| ProductFields {
        ingredients: text.map(str::to_owned),
        dietary_tags: Some(vec![tag.into()]),
        ..ProductFields::default()
    };
    check(&tagged(None, "dairy-free"), "open: dairy_free", "no list");
    check(&tagged(Some("corn, zorgle"), "dairy-free"), "yes: dairy_free open: nut_free", "an unread word");
    check(&tagged(Some("corn, natural flavor"), "dairy-free"), "open: dairy_free", "a word in doubt");
    check(&tagged(None, "vegan"), "yes: vegan vegetarian pescatarian no_pork open: dairy_free", "vegan");
    let claim =
        |allergen: &str, certified| FreeFromClaim { allergen: allergen.into(), certified, certificate: None };
    let mut fields = list("corn, zorgle");
    fields.allergens = Some(odyssey_types::DeclaredAllergens {
        free_from: vec![claim("egg", false), claim("peanut", false)],
        ..odyssey_types::DeclaredAllergens::default()
    });
    check(&fields, "yes: egg_free open: nut_free dairy_free", "a claim on each key");
}

const G: i64 = 1_000_000;

/// A US label with figures per 100 g and a serving in grams; energy in kcal.
fn figures(serving_g: Option<i64>, amounts: &[(Nutrient, &str)]) -> ProductFields {
    let mut nutrients = Nutrients::default();
    for (nutrient, amount) in amounts {
        let (stored, _) = nutrient.parse_rounding(amount).expect("an amount");
        nutrients.set(*nutrient, Some(stored));
    }
    ProductFields {
        label_jurisdiction: Jurisdiction::Us,
        nutrition: Some(Nutrition { basis: NutritionBasis::Per100g, amounts: nutrients }),
        serving_size: serving_g
            .map(|g| ServingSize { amount_g: Some(Fixed(g * G)), ..ServingSize::default() }),
        ..list("corn, salt")
    }
}

#[test]
fn amounts_are_tested_per_reference_amount_and_small_ones_per_50_g() {
    use Nutrient as N;
    let sodium = |serving, amount| truth(&figures(serving, &[(N::Sodium, amount)]), Diet::LowSodium);
    assert_eq!(sodium(Some(100), "140"), Truth::Yes);
    assert_eq!(sodium(Some(100), "141"), Truth::No);
    assert_eq!(sodium(Some(200), "71"), Truth::No, "142 mg in the serving");
    // 30 g hold 120 mg, but 50 g hold 200 mg.
    assert_eq!(sodium(Some(30), "400"), Truth::No);
    assert_eq!(sodium(Some(31), "400"), Truth::Yes, "124 mg in an amount that is not small");
    assert_eq!(sodium(Some(30), "280"), Truth::Yes, "140 mg in 50 g");
    assert_eq!(sodium(None, "10"), Truth::Unknown, "no serving is known");
    assert_eq!(truth(&figures(Some(100), &[]), Diet::LowSodium), Truth::Unknown);
    let fat = |amount| truth(&figures(Some(100), &[(N::Fat, amount)]), Diet::LowFat);
    assert_eq!([fat("3"), fat("3.01")], [Truth::Yes, Truth::No]);
    let fiber = |amount| truth(&figures(Some(100), &[(N::Fiber, amount)]), Diet::HighFiber);
    assert_eq!([fiber("5.6"), fiber("5.59")], [Truth::Yes, Truth::No]);
    let protein = |amount| truth(&figures(Some(50), &[(N::Protein, amount)]), Diet::HighProtein);
    assert_eq!([protein("20"), protein("19.9")], [Truth::Yes, Truth::No]);
    let dash =
        |sodium, fat| truth(&figures(Some(100), &[(N::Sodium, sodium), (N::SaturatedFat, fat)]), Diet::Dash);
    assert_eq!([dash("460", "2.8"), dash("461", "1"), dash("1", "2.9")], [Truth::Yes, Truth::No, Truth::No]);
}

#[test]
fn a_lower_bound_holds_for_the_smaller_of_serving_and_customary_amount() {
    let mut fields = figures(Some(100), &[(Nutrient::Protein, "12")]);
    assert_eq!(truth(&fields, Diet::HighProtein), Truth::Yes);
    // Bread is customarily eaten by 50 g, which hold 6 g.
    fields.category_id = Some("bread".into());
    assert_eq!(truth(&fields, Diet::HighProtein), Truth::No);
}

#[test]
fn sugars_are_tested_by_density_by_amount_and_by_ingredient() {
    use Nutrient as N;
    let low = |amount| truth(&figures(None, &[(N::Sugars, amount)]), Diet::LowSugar);
    assert_eq!([low("5"), low("5.1")], [Truth::Yes, Truth::No]);
    let mut drink = figures(None, &[(N::Sugars, "2.6")]);
    drink.nutrition.as_mut().expect("figures").basis = NutritionBasis::Per100ml;
    assert_eq!(truth(&drink, Diet::LowSugar), Truth::No);
    let free = |text: &str, amount: &str| ProductFields {
        ingredients: Some(text.into()),
        ..figures(Some(100), &[(N::Sugars, amount)])
    };
    check(&free("corn, salt", "0.4"), "yes: sugar_free", "little sugar");
    check(&free("corn, salt", "0.5"), "no: sugar_free", "half a gram");
    check(&free("corn, sugar", "0.4"), "no: sugar_free", "a sugar in the list");
    let added = |text: &str, amount: &str| ProductFields {
        ingredients: Some(text.into()),
        ..figures(Some(100), &[(N::AddedSugars, amount)])
    };
    check(&added("apples", "0"), "yes: no_added_sugar", "none added");
    check(&added("apples, sugar", "0"), "no: no_added_sugar", "a sugar in the list");
    check(&added("apples", "3"), "no: no_added_sugar", "a stated amount");
    check(&list("apples"), "open: no_added_sugar", "nothing stated");
    check(&added("apples, maltodextrin", "0"), "open: no_added_sugar", "a word in doubt");
}

#[test]
fn carbohydrate_is_tested_by_its_share_of_energy() {
    use Nutrient as N;
    let of = |kcal: &'static str, fat: &'static str, carbohydrate: &'static str, fiber: &'static str| {
        figures(None, &[(N::Energy, kcal), (N::Fat, fat), (N::Carbohydrate, carbohydrate), (N::Fiber, fiber)])
    };
    // 600 kcal: 20 % is 30 g, 10 % is 15 g of carbohydrate; 55 % is 36.7 g of fat.
    check(&of("600", "50", "14", "0"), "yes: keto low_carb", "little carbohydrate");
    check(&of("600", "50", "15", "0"), "no: keto yes: low_carb", "a tenth is not below a tenth");
    check(&of("600", "50", "20", "6"), "yes: keto low_carb", "fiber is not counted on this label");
    check(&of("600", "36.6", "5", "0"), "no: keto yes: low_carb", "too little fat");
    check(&of("600", "50", "30", "29"), "yes: keto no: low_carb", "a fifth is not below a fifth");
    let european = ProductFields { label_jurisdiction: Jurisdiction::Eu, ..of("600", "50", "20", "6") };
    check(&european, "no: keto", "fiber stands outside the carbohydrate");
    let unknown = ProductFields { label_jurisdiction: Jurisdiction::Unknown, ..of("600", "50", "20", "6") };
    check(&unknown, "no: keto", "nothing is taken away where nobody knows");
    check(&of("0", "0", "0", "0"), "yes: keto low_carb", "water");
    check(&of("4", "0", "0.9", "0"), "yes: keto no: low_carb", "nearly no energy");
    check(&of("4", "0", "1", "0"), "no: keto", "a gram");
    check(
        &figures(None, &[(N::Energy, "600"), (N::Fat, "50")]),
        "open: keto low_carb",
        "no carbohydrate stated",
    );
    let tagged = ProductFields { dietary_tags: Some(vec!["keto".into()]), ..list("almonds") };
    check(&tagged, "open: keto", "a tag is no figure");
    let conflict = ProductFields { dietary_tags: Some(vec!["keto".into()]), ..of("400", "1", "90", "0") };
    check(&conflict, "no: keto", "figures against a tag");
}

#[test]
fn precautions_are_told_for_what_a_diet_excludes() {
    let precaution =
        |diet: Diet| of(&list("corn, salt. May contain milk.")).facts.diets[diet as usize].precaution;
    assert!(precaution(Diet::DairyFree) && precaution(Diet::Vegan) && precaution(Diet::OvoVegetarian));
    assert!(!precaution(Diet::EggFree) && !precaution(Diet::NoPork) && !precaution(Diet::LowFat));
}

#[test]
fn every_exception_of_a_diet_is_a_term_of_its_key() {
    for rule in DietTable::embedded().rules() {
        for exception in &rule.exceptions {
            for term in &exception.terms {
                let derivation = of(&list(term));
                let found =
                    derivation.evidence.iter().any(|e| &e.term == term && e.key == exception.key.code());
                assert!(found, "{}: {term}", rule.diet.code());
            }
        }
    }
}

#[test]
fn a_vegan_list_is_every_weaker_diet_too() {
    for text in ["corn, salt", "black beans, water", "apples, olive oil", "rice, coconut milk, lime juice"] {
        check(&list(text), "yes: vegan vegetarian lacto_vegetarian ovo_vegetarian pescatarian no_pork", text);
    }
}

const ITEMS: &[&str] = &[
    "corn",
    "milk",
    "ghee",
    "honey",
    "sugar",
    "beef",
    "gelatin",
    "natural flavor",
    "spices",
    "zorgle",
    "onion",
    "rum",
    "gluten free oats",
    "wheat flour",
    "almonds",
    "shrimp",
    "egg",
    "soy lecithin",
    "green beans",
    "lard",
    "may contain milk",
    "vegan cheese",
    "cod",
    "citric acid",
    "maple syrup",
    "pectin",
];
const TAGS: &[&str] =
    &["vegan", "dairy-free", "keto", "paleo", "Jain", "halal", "kosher", "pork-free", "raw"];
const MARKS: &[&str] = &["OU", "IFANCA", "Whole30 Approved", "Monash", "Certified Vegan", "Paleo Certified"];
const DECLARED: &[&str] = &["milk", "egg", "fish", "peanut", "beef", "lactose", "gluten", "garlic"];

fn truths(fields: &ProductFields) -> Vec<Truth> {
    derive(&Label { fields, holds: &[] }, Tables::embedded()).facts.diets.iter().map(|d| d.truth).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// A claim of "gluten-free" is part of what makes oats gluten-free, so that none is made here.
    #[test]
    fn adding_evidence_never_takes_a_no_back(
        items in prop::collection::vec(prop::sample::select(ITEMS), 1..6),
        more in prop::sample::select(ITEMS),
        tag in prop::sample::select(TAGS),
        mark in prop::sample::select(MARKS),
        declared in prop::sample::select(DECLARED),
    ) {
        let before = list(&items.join(", "));
        let declare = |fields: &mut ProductFields| {
            let contains = vec![declared.to_owned()];
            fields.allergens = Some(odyssey_types::DeclaredAllergens { contains, ..Default::default() });
        };
        let mut longer = list(&format!("{}, {more}", items.join(", ")));
        // What follows a statement would be read as part of it.
        prop_assume!(!items.contains(&"may contain milk"));
        let mut told = before.clone();
        declare(&mut told);
        let tagged = ProductFields { dietary_tags: Some(vec![tag.into()]), ..before.clone() };
        let marked = ProductFields { certifications: Some(vec![mark.into()]), ..before.clone() };
        let base = truths(&before);
        for after in [&longer, &told, &tagged, &marked] {
            for (diet, (was, is)) in Diet::ALL.iter().zip(base.iter().zip(truths(after))) {
                prop_assert!(*was != Truth::No || is == Truth::No, "{}: {:?}", diet.code(), after);
            }
        }
        declare(&mut longer);
        for (diet, (was, is)) in Diet::ALL.iter().zip(truths(&told).iter().zip(truths(&longer))) {
            prop_assert!(*was != Truth::No || is == Truth::No, "{}: {more} beside a declaration", diet.code());
        }
    }

    #[test]
    fn taking_a_figure_away_never_makes_a_yes(
        amounts in prop::collection::vec(0_u32..60, 9),
        serving in prop::option::of(1_i64..300),
        gone in 0_usize..9,
        us in any::<bool>(),
        items in prop::collection::vec(prop::sample::select(ITEMS), 1..3),
    ) {
        use Nutrient as N;
        const NUTRIENTS: [N; 9] = [
            N::Energy, N::Fat, N::Carbohydrate, N::Fiber, N::Sugars, N::AddedSugars, N::Protein, N::Sodium, N::SaturatedFat,
        ];
        // No part exceeds its whole: such figures are refused before a label is derived, and taking the whole away
        // would take the contradiction away.
        let mut amounts = amounts;
        for (part, whole) in [(4, 2), (5, 4), (8, 1)] {
            amounts[part] = amounts[part].min(amounts[whole]);
        }
        let texts: Vec<String> = amounts.iter().map(u32::to_string).collect();
        let given: Vec<(N, &str)> = NUTRIENTS.iter().copied().zip(texts.iter().map(String::as_str)).collect();
        let with = ProductFields {
            ingredients: Some(items.join(", ")),
            label_jurisdiction: if us { Jurisdiction::Us } else { Jurisdiction::Eu },
            ..figures(serving, &given)
        };
        let mut without = with.clone();
        without.nutrition.as_mut().expect("figures").amounts.set(NUTRIENTS[gone], None);
        for (diet, (was, is)) in Diet::ALL.iter().zip(truths(&with).iter().zip(truths(&without))) {
            prop_assert!(is != Truth::Yes || *was == Truth::Yes, "{} without {}", diet.code(), NUTRIENTS[gone]);
        }
    }
}
