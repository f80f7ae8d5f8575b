//! The indices by hand-computed cases, and the properties that hold for any food.

use odyssey_types::{Fixed, Nutrient, Nutrients, Nutrition, NutritionBasis, ProductFields, ServingSize};
use proptest::prelude::*;

use super::{Claim, FoodKind, Grade, Nova, NpmInput, NutriInput, NutriPoints, nutri_score, uk_npm};
use crate::facts::{Derivation, Truth};
use crate::label::{Label, Tables, derive};

pub(super) fn amounts(figures: &[(Nutrient, &str)]) -> Nutrients {
    let mut amounts = Nutrients::default();
    for (nutrient, text) in figures {
        let (stored, exact) = nutrient.parse_rounding(text).expect("an amount");
        assert!(exact, "{text}");
        amounts.set(*nutrient, Some(stored));
    }
    amounts
}

pub(super) fn derived(fields: &ProductFields) -> Derivation {
    derive(&Label { fields, holds: &[] }, Tables::embedded())
}

/// A US product with a category, a list and figures per 100 g.
fn product(category: &str, list: Option<&str>, figures: &[(Nutrient, &str)]) -> ProductFields {
    ProductFields {
        category_id: Some(category.to_owned()),
        ingredients: list.map(str::to_owned),
        nutrition: Some(Nutrition { basis: NutritionBasis::Per100g, amounts: amounts(figures) }),
        label_jurisdiction: odyssey_types::Jurisdiction::Us,
        ..ProductFields::default()
    }
}

/// Kind; energy in kJ; sugars, saturates, fat, salt in g; share of fruit in permille; fibre, protein in g;
/// whether sweetened; expected N, score, grade.
type Worked = (
    &'static str,
    FoodKind,
    i64,
    [&'static str; 4],
    Option<u16>,
    Option<&'static str>,
    &'static str,
    bool,
    (i8, i8, Grade),
);

/// The 15 worked examples of reference 6.1.
const WORKED: [Worked; 15] = {
    use FoodKind::{Beverage, Fats, General, RedMeat, Water};
    use Grade::{A, B, C, D, E};
    [
        ("cookies", General, 3460, ["0", "15", "90", "0"], Some(0), Some("0"), "0", false, (20, 20, E)),
        (
            "breakfast cereals",
            General,
            2450,
            ["31", "1.03", "100", "0.5525"],
            Some(0),
            Some("6.9"),
            "10.3",
            false,
            (18, 14, D),
        ),
        ("potatoes", General, 182, ["8.9", "0", "0", "0.5"], Some(0), Some("0.5"), "0.2", false, (4, 4, C)),
        (
            "cocoa powder, prepared",
            General,
            287,
            ["6.3", "1.1", "0", "0.1125"],
            None,
            Some("1.9"),
            "3.8",
            false,
            (2, 1, B),
        ),
        (
            "cherry tomatoes",
            General,
            81,
            ["2.48", "0.056", "0.26", "0"],
            Some(1000),
            Some("1.2"),
            "0.86",
            false,
            (0, -5, A),
        ),
        (
            "gaspacho",
            General,
            148,
            ["3", "0.2", "10", "0.5"],
            Some(950),
            Some("1.1"),
            "0.9",
            false,
            (2, -3, A),
        ),
        (
            "mushrooms",
            General,
            667,
            ["1.1", "1.2", "8.4", "1"],
            Some(690),
            Some("10.9"),
            "2.4",
            false,
            (6, -1, A),
        ),
        ("beef steak", RedMeat, 82, ["0", "10", "20", "0"], None, None, "50", false, (9, 7, C)),
        ("olive oil", Fats, 3367, ["0", "17", "91", "0"], Some(1000), Some("0"), "0", false, (7, 2, B)),
        ("rapeseed oil", Fats, 3400, ["0", "7.3", "92", "0"], Some(0), Some("0"), "0", false, (2, 2, B)),
        ("sunflower oil", Fats, 3378, ["0", "10", "100", "0"], None, Some("0"), "0", false, (4, 4, C)),
        ("milk", Beverage, 195, ["4.8", "1", "1.6", "0.1"], Some(0), Some("0"), "3.3", false, (6, -1, B)),
        (
            "soy milk",
            Beverage,
            178,
            ["0.5", "0.6", "2.6", "0.03"],
            Some(80),
            Some("0.5"),
            "3.9",
            false,
            (3, -4, B),
        ),
        ("sweetened soda", Beverage, 82, ["4.5", "0", "0", "0.025"], Some(705), None, "0", true, (8, 4, C)),
        ("spring water", Water, 0, ["0", "0", "0", "0"], None, None, "0", false, (0, 0, A)),
    ]
};

fn worked_input(worked: &Worked) -> NutriInput {
    let (_, kind, energy_kj, [sugars, saturates, fat, salt], fruit, fiber, protein, sweetener, _) = worked;
    let mut given = amounts(&[
        (Nutrient::Sugars, sugars),
        (Nutrient::SaturatedFat, saturates),
        (Nutrient::Fat, fat),
        (Nutrient::Salt, salt),
        (Nutrient::Protein, protein),
    ]);
    given.set(Nutrient::Energy, Some(energy_kj * 1000));
    if let Some(fiber) = fiber {
        given.set(Nutrient::Fiber, amounts(&[(Nutrient::Fiber, fiber)]).get(Nutrient::Fiber));
    }
    NutriInput {
        kind: *kind,
        amounts: given,
        fruit_permille: *fruit,
        fruit_is_exact: fruit.is_some(),
        sweetener: *sweetener,
    }
}

#[test]
fn the_fifteen_worked_examples_score_as_computed_by_hand() {
    for worked in &WORKED {
        let points = nutri_score(&worked_input(worked)).expect("every example is scored");
        let found = (points.negative, points.score, points.grade);
        assert_eq!(found, worked.8, "{}", worked.0);
        let unknown = worked.1 != FoodKind::Water && (worked.4.is_none() || worked.5.is_none());
        assert_eq!(points.estimated, unknown, "{}: fibre or fruit is not stated", worked.0);
    }
}

#[test]
fn a_threshold_is_exceeded_and_not_reached() {
    let salt = |text: &str| {
        let given = amounts(&[
            (Nutrient::Sugars, "0"),
            (Nutrient::SaturatedFat, "0"),
            (Nutrient::Fat, "0"),
            (Nutrient::Sodium, text),
            (Nutrient::Protein, "0"),
            (Nutrient::Energy, "0"),
        ]);
        let input = NutriInput {
            kind: FoodKind::General,
            amounts: given,
            fruit_permille: None,
            fruit_is_exact: false,
            sweetener: false,
        };
        nutri_score(&input).map(|points| points.salt)
    };
    // 240 mg of sodium are 0.6 g of salt exactly.
    assert_eq!(salt("240"), Some(2));
    assert_eq!(salt("240.001"), Some(3));
}

#[test]
fn without_a_component_there_is_no_score() {
    let full = worked_input(&WORKED[1]);
    for nutrient in [Nutrient::Energy, Nutrient::Salt, Nutrient::Protein, Nutrient::Sugars, Nutrient::Fat] {
        let mut without = full.clone();
        without.amounts.set(nutrient, None);
        assert_eq!(nutri_score(&without), None, "{nutrient}");
    }
    let mut no_fat = full;
    no_fat.amounts.set(Nutrient::SaturatedFat, None);
    assert_eq!(nutri_score(&no_fat), None);
    no_fat.amounts.set(Nutrient::Fat, Some(0));
    assert!(nutri_score(&no_fat).is_some());
}

#[test]
fn protein_does_not_save_what_is_less_healthy_by_the_uk_model() {
    // The example of reference 6.2: A = 12, no fruit, fibre 2, protein 5 points: 10, less healthy.
    let given = amounts(&[
        (Nutrient::SaturatedFat, "6.5"),
        (Nutrient::Sugars, "14"),
        (Nutrient::Sodium, "300"),
        (Nutrient::Fiber, "2"),
        (Nutrient::Protein, "9"),
        (Nutrient::Energy, "0"),
    ]);
    let input = NpmInput { is_drink: false, amounts: given, fruit_permille: None };
    let npm = uk_npm(&input).expect("a score");
    assert_eq!((npm.score, npm.less_healthy), (10, true));
}

#[test]
fn the_kind_follows_from_the_category_and_only_then_from_the_name() {
    let kind = |category: &str, name: &str| {
        let fields = ProductFields { name: Some(name.to_owned()), ..product(category, None, &[]) };
        derived(&fields).facts.indices.kind
    };
    for (category, name, wanted) in [
        ("olive oils", "", FoodKind::Fats),
        ("Vegetable & Cooking Oils", "", FoodKind::Fats),
        ("beverages/juice", "", FoodKind::Beverage),
        ("Fruit & Vegetable Juice, Nectars & Fruit Drinks", "", FoodKind::Beverage),
        ("plant_milk", "", FoodKind::Beverage),
        ("en:spring-waters", "", FoodKind::Water),
        ("flavoured spring water", "", FoodKind::Beverage),
        ("Macaroni and cheese", "", FoodKind::General),
        ("cheese", "", FoodKind::Cheese),
        ("Ice Cream", "", FoodKind::General),
        ("Beers", "", FoodKind::Exempt),
        ("beef steaks", "", FoodKind::RedMeat),
        ("Dairy", "Sharp cheddar cheese", FoodKind::Cheese),
        ("Dairy", "Whole milk", FoodKind::Beverage),
        ("Groceries", "Water crackers", FoodKind::General),
        ("Groceries", "Oatmeal with milk", FoodKind::General),
        ("Crackers", "Whole milk", FoodKind::General),
        ("nobody-knows-this", "", FoodKind::General),
    ] {
        assert_eq!(kind(category, name), Some(wanted), "{category} / {name}");
    }
    let nameless = ProductFields { name: Some("Olive oil".to_owned()), ..ProductFields::default() };
    assert_eq!(derived(&nameless).facts.indices.kind, None);
}

#[test]
fn water_with_anything_in_it_is_a_drink() {
    let kind = |list: Option<&str>, figures: &[(Nutrient, &str)]| {
        derived(&product("water", list, figures)).facts.indices.kind
    };
    assert_eq!(kind(None, &[]), Some(FoodKind::Water));
    assert_eq!(kind(Some("Purified water, calcium chloride, magnesium sulfate"), &[]), Some(FoodKind::Water));
    assert_eq!(kind(Some("Carbonated water, natural flavor"), &[]), Some(FoodKind::Beverage));
    assert_eq!(kind(None, &[(Nutrient::Sugars, "3")]), Some(FoodKind::Beverage));
}

fn fruit_points(list: &str, figures: &[(Nutrient, &str)]) -> (u16, bool) {
    let fields = product("snacks", Some(list), figures);
    let facts = derived(&fields).facts;
    let text = fields.ingredients.as_deref().unwrap_or_default();
    let input = super::IndexInput {
        fields: &fields,
        nutrition: fields.nutrition.as_ref(),
        per_100: &facts.per_100,
        is_volume: false,
        serving: None,
        racc: None,
        reference_source: facts.reference_source,
        list_state: facts.list_state,
        coverage_permille: facts.coverage_permille,
        statements: &[],
        added_sugar: Truth::Unknown,
        red_meat: false,
        poultry: false,
        attested: false,
    };
    assert!(!text.is_empty());
    let list = super::fruit::List::read(&input, &Tables::embedded().indices);
    let share = super::fruit::share(&input, &list, Some(FoodKind::General));
    (share.permille.unwrap_or(0), share.is_exact)
}

#[test]
fn the_share_of_fruit_is_what_the_list_proves() {
    assert_eq!(fruit_points("cherry tomatoes", &[]), (1000, true));
    assert_eq!(fruit_points("Orange 47%, water, sugar, carrots 10%", &[]).0, 570);
    // Two of two, of which one could be half.
    assert_eq!(fruit_points("Tomatoes, water", &[]).0, 500);
    assert_eq!(fruit_points("Water, tomatoes", &[]).0, 0);
    // No more sugar than sugars: what is left is apples and water, half each at worst.
    assert_eq!(fruit_points("Apples, water, sugar", &[(Nutrient::Sugars, "10")]).0, 450);
    assert_eq!(fruit_points("Diced tomatoes, contains 2% or less of: salt, calcium chloride", &[]).0, 960);
    // Powder, concentrate, potatoes and chips count nothing.
    assert_eq!(fruit_points("Tomato powder, potatoes, apple juice concentrate, banana chips", &[]).0, 0);
    assert_eq!(fruit_points("Tomate, eau, sel, teneur en légumes: 89%", &[]).0, 890);
}

#[test]
fn nova_takes_the_highest_marker_and_is_silent_without_a_list() {
    let nova = |category: &str, list: Option<&str>| derived(&product(category, list, &[])).facts.indices.nova;
    assert_eq!(nova("cookies", Some("wheat flour, sugar, soy lecithin")), Some(Nova::Four));
    assert_eq!(nova("cookies", Some("wheat flour, emulsifier (471)")), Some(Nova::Four));
    assert_eq!(nova("bread", Some("wheat flour, water, salt, yeast")), Some(Nova::Three));
    assert_eq!(nova("fresh vegetables", Some("carrots")), Some(Nova::One));
    assert_eq!(nova("olive oil", None), Some(Nova::Two));
    assert_eq!(nova("cookies", None), None);
    assert_eq!(nova("cookies", Some("zorgle, blarf, snork, salt")), None);
    // Presence may be asserted on a list that is cut off.
    assert_eq!(nova("cookies", Some("maltodextrin, flour (wheat")), Some(Nova::Four));
    assert_eq!(nova("cookies", Some("flour, sugar, butter (cream")), None);
    // A statement is no ingredient, and a denial no marker.
    assert_eq!(nova("nuts", Some("almonds. May contain traces of gluten, lactose")), Some(Nova::One));
    assert_eq!(nova("nuts", Some("almonds, no artificial flavors")), Some(Nova::One));
}

#[test]
fn claims_are_proved_refuted_or_left_open() {
    let claims = |category: &str, serving_g: i64, figures: &[(Nutrient, &str)]| {
        let mut fields = product(category, None, figures);
        fields.serving_size =
            Some(ServingSize { amount_g: Some(Fixed(serving_g * 1_000_000)), ..ServingSize::default() });
        if let Some(nutrition) = &mut fields.nutrition {
            nutrition.basis = NutritionBasis::PerServing;
        }
        derived(&fields).facts.indices.claims
    };
    // Cookies: reference amount 30 g, small, so that low sodium is asked per 50 g.
    let cookies =
        claims("cookies", 30, &[(Nutrient::Sodium, "100"), (Nutrient::Fat, "0"), (Nutrient::Fiber, "3")]);
    assert_eq!(cookies.truth(Claim::LowSodium), Truth::No);
    assert_eq!(cookies.truth(Claim::GoodSourceFiber), Truth::Yes);
    assert_eq!(cookies.truth(Claim::HighFiber), Truth::No);
    assert_eq!(cookies.truth(Claim::LowCalorie), Truth::Unknown);
    // A declared zero is anything below half a gram: fat free at its own serving.
    assert_eq!(cookies.truth(Claim::FatFree), Truth::Yes);
    let tiny = claims("cookies", 10, &[(Nutrient::Fat, "0"), (Nutrient::Sodium, "80")]);
    assert_eq!(tiny.truth(Claim::FatFree), Truth::Unknown, "three servings make one reference amount");
    let soup = claims("soup", 245, &[(Nutrient::Sodium, "140"), (Nutrient::Fat, "3.1")]);
    assert_eq!(soup.truth(Claim::LowSodium), Truth::Yes);
    assert_eq!(soup.truth(Claim::LowFat), Truth::No);
    // Without a customary amount nothing per amount is decided.
    let unknown = claims("nobody-knows-this", 30, &[(Nutrient::Sodium, "5"), (Nutrient::Sugars, "1")]);
    assert_eq!(unknown.truth(Claim::LowSodium), Truth::Unknown);
    assert_eq!(unknown.truth(Claim::LowSugar), Truth::Yes);
}

#[test]
fn added_sugar_is_denied_only_by_a_list_that_is_read_in_full() {
    let claim = |list: &str| {
        derived(&product("snacks", Some(list), &[])).facts.indices.claims.truth(Claim::NoAddedSugar)
    };
    assert_eq!(claim("almonds, sugar"), Truth::No);
    assert_eq!(claim("almonds, salt"), Truth::Yes);
    assert_eq!(claim("almonds, zorgle"), Truth::Unknown);
}

#[test]
fn healthy_is_no_beyond_a_limit_and_yes_only_without_a_test() {
    let healthy = |category: &str, list: Option<&str>, figures: &[(Nutrient, &str)]| {
        derived(&product(category, list, figures)).facts.indices.healthy
    };
    assert_eq!(healthy("water", None, &[]), Truth::Yes);
    assert_eq!(healthy("fresh vegetables", Some("carrots"), &[]), Truth::Yes);
    assert_eq!(healthy("soup", Some("water, carrots"), &[(Nutrient::Sodium, "400")]), Truth::No);
    assert_eq!(healthy("cookies", None, &[(Nutrient::AddedSugars, "35")]), Truth::No);
    assert_eq!(
        healthy("yogurt", None, &[(Nutrient::AddedSugars, "0"), (Nutrient::Sodium, "50")]),
        Truth::Unknown
    );
}

fn issues(fields: &ProductFields) -> Vec<(String, String)> {
    derived(fields)
        .issues
        .into_iter()
        .filter_map(|issue| issue.meant.map(|meant| (issue.code, meant)))
        .collect()
}

#[test]
fn label_physics_says_what_was_probably_meant() {
    use Nutrient as N;
    let found = |category: &str, figures: &[(Nutrient, &str)]| issues(&product(category, None, figures));
    let cookies = |energy| [(N::Energy, energy), (N::Fat, "20"), (N::Carbohydrate, "65"), (N::Protein, "6")];
    assert_eq!(found("cookies", &cookies("470")), []);
    let kilojoules =
        found("cookies", &[(N::Energy, "800"), (N::Fat, "2"), (N::Carbohydrate, "40"), (N::Protein, "4")]);
    assert_eq!(kilojoules[0].0, "DQ_ENERGY_IN_KILOJOULES");
    assert!(kilojoules[0].1.starts_with("energy_kcal 191.2"), "{kilojoules:?}");
    assert_eq!(found("cookies", &cookies("112"))[0].0, "DQ_ENERGY_CONVERTED_TWICE");
    let shifted =
        found("cookies", &[(N::Energy, "470"), (N::Fat, "2"), (N::Carbohydrate, "65"), (N::Protein, "6")]);
    assert_eq!(shifted[0].0, "DQ_DECIMAL_SHIFT");
    assert!(shifted[0].1.starts_with("fat_g 20:"), "{shifted:?}");
    assert_eq!(found("soup", &[(N::Salt, "1.5"), (N::Sodium, "1500")])[0].0, "DQ_SALT_IS_SODIUM");
    let grams = found("soup", &[(N::Salt, "1"), (N::Sodium, "0.4")]);
    assert_eq!(grams[0].0, "DQ_MASS_UNIT_SWAPPED");
    assert!(grams[0].1.starts_with("sodium_mg 400:"), "{grams:?}");
    assert_eq!(found("soup", &[(N::Salt, "1"), (N::Sodium, "400")]), []);
    assert_eq!(found("soup", &[(N::Sodium, "400000")])[0].0, "DQ_MASS_UNIT_SWAPPED");
}

#[test]
fn figures_that_outweigh_their_serving_were_per_100_g() {
    let mut fields = product("cookies", None, &[(Nutrient::Fat, "20"), (Nutrient::Carbohydrate, "65")]);
    fields.serving_size = Some(ServingSize { amount_g: Some(Fixed(30_000_000)), ..ServingSize::default() });
    assert_eq!(issues(&fields), []);
    if let Some(nutrition) = &mut fields.nutrition {
        nutrition.basis = NutritionBasis::PerServing;
    }
    assert_eq!(issues(&fields)[0].0, "DQ_BASIS_SWAPPED");
    // Oil has more than 14 g of fat in 100 g.
    let mut oil = product("olive oil", None, &[(Nutrient::Fat, "14"), (Nutrient::Energy, "126")]);
    oil.serving_size = Some(ServingSize { amount_g: Some(Fixed(15_000_000)), ..ServingSize::default() });
    assert!(issues(&oil)[0].1.starts_with("per_serving"));
}

#[test]
fn every_finding_of_the_deriver_has_a_rule_and_costs_quality() {
    let fields =
        product("soup", Some("water, salt (sea"), &[(Nutrient::Salt, "1.5"), (Nutrient::Sodium, "1500")]);
    let derivation = derived(&fields);
    for issue in &derivation.issues {
        assert!(super::issue_rule(&issue.code).is_some(), "{} has no rule", issue.code);
    }
    let quality = derivation.facts.indices;
    assert!(quality.quality_permille < quality.completeness_permille);
}

fn any_input() -> impl Strategy<Value = NutriInput> {
    let kinds = prop::sample::select(vec![
        FoodKind::Beverage,
        FoodKind::Cheese,
        FoodKind::RedMeat,
        FoodKind::Fats,
        FoodKind::General,
    ]);
    (kinds, prop::array::uniform7(0i64..100_000_000), 0u16..=1000, any::<bool>()).prop_map(
        |(kind, figures, fruit, sweetener)| {
            let mut given = Nutrients::default();
            let order = [
                Nutrient::Energy,
                Nutrient::Fat,
                Nutrient::SaturatedFat,
                Nutrient::Sugars,
                Nutrient::Salt,
                Nutrient::Protein,
                Nutrient::Fiber,
            ];
            for (nutrient, figure) in order.into_iter().zip(figures) {
                let scale = match nutrient {
                    Nutrient::Energy => 25,
                    Nutrient::Salt | Nutrient::Fiber => 10,
                    _ => 1,
                };
                given.set(nutrient, Some(figure / scale));
            }
            NutriInput { kind, amounts: given, fruit_permille: Some(fruit), fruit_is_exact: true, sweetener }
        },
    )
}

fn with(input: &NutriInput, nutrient: Nutrient, more: i64) -> NutriPoints {
    let mut worse = input.clone();
    worse.amounts.set(nutrient, worse.amounts.get(nutrient).map(|a| a + more));
    nutri_score(&worse).expect("nothing is missing")
}

proptest! {
    #[test]
    fn more_of_what_is_limited_never_lowers_n_nor_betters_the_score(input in any_input(), more in 0i64..50_000_000) {
        let before = nutri_score(&input).expect("nothing is missing");
        for nutrient in [Nutrient::Energy, Nutrient::SaturatedFat, Nutrient::Sugars, Nutrient::Salt] {
            let after = with(&input, nutrient, more);
            prop_assert!(after.negative >= before.negative, "{nutrient}");
            prop_assert!(after.score >= before.score && after.grade >= before.grade, "{nutrient}");
        }
    }

    #[test]
    fn more_fibre_or_fruit_never_worsens_it_and_less_knowledge_never_betters_it(
        input in any_input(),
        more in 0i64..10_000_000,
        fruit in 0u16..=1000,
    ) {
        let before = nutri_score(&input).expect("nothing is missing");
        prop_assert!(with(&input, Nutrient::Fiber, more).score <= before.score);
        let fruity = NutriInput { fruit_permille: input.fruit_permille.map(|f| f.max(fruit)), ..input.clone() };
        prop_assert!(nutri_score(&fruity).is_some_and(|points| points.score <= before.score));
        let mut silent = NutriInput { fruit_permille: None, fruit_is_exact: false, ..input };
        silent.amounts.set(Nutrient::Fiber, None);
        prop_assert!(nutri_score(&silent).is_some_and(|points| points.score >= before.score));
    }

    #[test]
    fn the_uk_score_is_monotone_in_what_it_limits(input in any_input(), more in 0i64..50_000_000) {
        let score = |amounts: &Nutrients| {
            let input = NpmInput { is_drink: false, amounts: amounts.clone(), fruit_permille: Some(0) };
            uk_npm(&input).expect("nothing is missing").score
        };
        let mut given = input.amounts;
        given.set(Nutrient::Sodium, given.get(Nutrient::Salt));
        for nutrient in [Nutrient::Energy, Nutrient::SaturatedFat, Nutrient::Sugars, Nutrient::Sodium] {
            let mut worse = given.clone();
            worse.set(nutrient, worse.get(nutrient).map(|a| a + more));
            prop_assert!(score(&worse) >= score(&given));
        }
    }
}
