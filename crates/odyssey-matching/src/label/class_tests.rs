//! The allergens no law names and the ingredient classes, by what a list says.

use super::tests::{list, of};
use crate::facts::{EvidenceKey, Flag};

/// Cases of `ingredients => key` (contained), `key?` (in doubt) or `!key` (neither), several divided by blanks.
#[track_caller]
fn check_all(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (text, expected) = case.split_once(" => ").expect("text => keys");
        let facts = of(&list(text)).facts;
        for code in expected.split_whitespace() {
            let bare = code.trim_start_matches('!').trim_end_matches('?');
            let key = EvidenceKey::from_code(bare).unwrap_or_else(|| panic!("{bare} is no key"));
            let flags = facts.flags_of(key);
            let (contains, ambiguous) = (flags.has(Flag::Contains), flags.has(Flag::Ambiguous));
            let holds = match (code.starts_with('!'), code.ends_with('?')) {
                (true, _) => !contains && !ambiguous,
                (_, true) => ambiguous && !contains,
                _ => contains,
            };
            assert!(holds, "{case}: {bare} is contained {contains}, in doubt {ambiguous}");
        }
    }
}

#[test]
fn grains_that_no_law_names_are_found_and_told_apart() {
    check_all(
        "cornstarch, salt => corn !rice !potato
         modified food starch => corn? potato? rice?
         modified tapioca starch => !corn !potato
         dextrose => corn?
         corned beef => !corn beef
         popcorn, sea salt => corn class.whole_grain
         rice flour, water => rice !corn
         cauliflower rice => !rice
         brown rice syrup => rice class.added_sugar !class.whole_grain
         buckwheat groats => buckwheat !wheat
         soba noodles => buckwheat",
    );
}

#[test]
fn fruit_is_found_and_its_namesakes_are_not() {
    check_all(
        "kiwifruit puree => kiwi
         fruit puree => kiwi? mango? apple? peach? strawberry? class.star_fruit?
         banana, salt => banana
         banana peppers, vinegar => !banana class.nightshade
         apple cider vinegar => apple
         custard apple => !apple
         pineapple juice => !apple class.sucrose_fructose
         pectin => apple? citrus?
         nectarine => peach class.polyol
         strawberry puree => strawberry
         lemon juice concentrate => citrus
         lemongrass, lemon balm => !citrus
         corn, trace of lime => !citrus corn
         orange roughy => !citrus fish
         orange bell pepper => !citrus class.nightshade
         starfruit => class.star_fruit class.high_oxalate
         dried cranberries => class.cranberry",
    );
}

#[test]
fn vegetables_and_seasonings_are_found_and_told_apart() {
    check_all(
        "tomato paste => tomato class.nightshade
         ketchup => tomato
         toamto paste => tomato
         tomatillo => !tomato class.nightshade
         dehydrated garlic => garlic class.fructan class.root
         garlic infused oil => garlic !class.fructan
         shallots => onion class.fructan
         chives => onion? !class.fructan
         shiitake mushrooms => mushroom class.polyol
         chocolate truffles => !mushroom cocoa
         potato flakes => potato class.nightshade
         sweet potatoes => !potato !class.nightshade class.root
         black pepper => !class.nightshade !class.chili
         paprika => class.nightshade class.chili?
         jalapeno peppers => class.chili class.nightshade
         product of Chile => !class.chili
         baby spinach => class.leafy_greens class.high_oxalate
         bay leaf => !class.leafy_greens
         vegetable powder => tomato? garlic? onion? class.leafy_greens?
         peppermint oil => class.mint
         xanthan gum => !class.mint",
    );
}

#[test]
fn sweet_things_and_colors_are_found_and_told_apart() {
    check_all(
        "cocoa powder => cocoa class.high_oxalate
         cocoa butter => cocoa? !milk
         ground cinnamon => cinnamon
         spices => cinnamon? garlic?
         vanilla extract => vanilla
         vanillin => vanilla?
         FD&C Yellow #5 => tartrazine
         yellow 5 lake => tartrazine
         artificial color => tartrazine?
         annatto color => !tartrazine
         monosodium glutamate => glutamate
         E621 => glutamate
         yeast extract => glutamate? class.yeast class.high_purine
         sorbitol => class.polyol class.sucrose_fructose
         erythritol => class.polyol? class.sweetener
         agave nectar => class.fructose class.sucrose_fructose
         sugar => !class.fructose class.sucrose_fructose
         glucose => !class.sucrose_fructose
         honeydew melon => !class.fructose !class.bee",
    );
}

#[test]
fn meats_are_told_apart_by_animal_part_and_cure() {
    check_all(
        "ground beef => beef class.meat
         meat => beef? class.meat
         beefsteak tomato => !beef tomato
         turkey bacon => class.processed_meat !class.pork
         vegan bacon => !class.processed_meat
         gelatin => gelatin beef?
         agar gelatin => !gelatin
         marshmallow root => !gelatin
         fish gelatin => gelatin !beef fish
         chicken liver => class.organ_meat class.high_purine
         kidney beans => !class.organ_meat class.galactan
         hearts of palm => !class.organ_meat
         anchovies => class.high_purine fish
         smoked salmon => class.raw_fish?
         sushi rice => !class.raw_fish rice
         ceviche => class.raw_fish
         catfish => class.non_kosher_animal fish
         carmine => class.non_kosher_animal class.insect?
         horseradish => !class.non_kosher_animal
         cricket flour => class.insect class.non_kosher_animal",
    );
}

#[test]
fn milk_is_told_apart_from_its_sugar_and_from_drinks() {
    check_all(
        "whey powder => lactose milk
         butter => lactose? milk
         cheddar cheese => lactose? milk
         lactose free milk => !lactose milk
         lactic acid => !lactose !milk
         coconut milk => !lactose !class.milk_drink
         chocolate milk => class.milk_drink
         whole milk => class.milk_drink? lactose
         nonfat dry milk => !class.milk_drink lactose",
    );
}

#[test]
fn pulses_are_told_apart_by_what_is_left_of_them() {
    check_all(
        "black beans => class.galactan class.legume
         green beans => !class.galactan
         vanilla beans => !class.galactan
         soybean oil => !class.galactan
         soy flour => class.galactan
         soy sauce => class.fermented_soy class.tyramine !class.galactan
         tempeh => class.fermented_soy
         natto => class.natto class.fermented_soy
         red bean paste => !class.fermented_soy
         coconut aminos => !class.fermented_soy",
    );
}

#[test]
fn additives_that_conditions_ask_for_are_found_with_their_exclusions() {
    check_all(
        "sodium tripolyphosphate => class.phosphate_additive
         E450(i) => class.phosphate_additive
         E 1442 => class.phosphate_additive
         phosphoric acid => class.phosphate_additive
         disodiumdiphosphat => class.phosphate_additive?
         phosphatidylserine => !class.phosphate_additive
         riboflavin 5'-phosphate => !class.phosphate_additive
         soy lecithin => !class.phosphate_additive
         e407 => class.carrageenan
         carragenan => class.carrageenan
         reduced iron => class.iron_fortified
         enriched wheat flour => class.iron_fortified class.refined_grain class.fructan
         tricalcium phosphate => class.calcium_fortified class.phosphate_additive
         calcium propionate => !class.calcium_fortified
         quinine => class.quinine
         bitter melon => !class.quinine
         carbonated water => class.carbonation
         baking soda => !class.carbonation
         ginger ale => class.carbonation
         active dry yeast => class.yeast
         inulin => class.fructan",
    );
}

#[test]
fn whole_and_refined_grain_are_told_apart() {
    check_all(
        "whole wheat flour => class.whole_grain !class.refined_grain
         white whole wheat flour => class.whole_grain !class.refined_grain
         wheat flour => class.refined_grain !class.whole_grain
         rolled oats => class.whole_grain !class.refined_grain
         almond flour => !class.refined_grain !class.whole_grain
         brown rice => class.whole_grain !class.refined_grain
         long grain white rice => class.refined_grain !class.whole_grain
         oat milk => !class.whole_grain",
    );
}

#[test]
fn a_name_that_claims_free_doubts_foods_that_only_customarily_have_it() {
    let named = |name: &str, ingredients: Option<&str>| {
        let mut fields = list(ingredients.unwrap_or_default());
        fields.ingredients = ingredients.map(str::to_owned);
        fields.name = Some(name.to_owned());
        let facts = of(&fields).facts;
        let flags = |k| facts.flags_of(k);
        [EvidenceKey::Wheat, EvidenceKey::Milk, EvidenceKey::Oats]
            .map(|k| (flags(k).has(Flag::Contains), flags(k).has(Flag::Ambiguous)))
    };
    const NO: (bool, bool) = (false, false);
    const MAYBE: (bool, bool) = (false, true);
    const YES: (bool, bool) = (true, false);
    assert_eq!(named("Sandwich Bread, Gluten-Free", None)[0], MAYBE, "nothing says what it is made of");
    assert_eq!(named("Sandwich Bread, Gluten-Free", Some("rice flour, water"))[0], NO, "the list does");
    assert_eq!(named("Cookies (Gluten Free)", Some("corn starch, salt"))[0], NO);
    assert_eq!(named("Bread", Some("rice flour, water"))[0], YES, "no claim");
    assert_eq!(
        named("Sandwich Bread, Gluten-Free", Some("wheat flour, water"))[0],
        YES,
        "the list says otherwise"
    );
    assert_eq!(named("Gluten Free Wheat Beer", Some("water"))[0], YES, "the grain itself is named");
    assert_eq!(named("Gluten-Free Oat Cookies", Some("rice flour"))[2], YES);
    assert_eq!(named("Wheat Free Crackers", Some("rice flour"))[0], NO);
    assert_eq!(named("Dairy-Free Mozzarella Shreds", Some("coconut oil"))[1], NO);
    assert_eq!(named("Dairy Free Milk Chocolate", Some("cocoa mass"))[1], YES, "milk is named");
    assert_eq!(named("Lactose Free Milk", Some("water"))[1], YES, "lactose is not milk");
    assert_eq!(named("Lactose Free Cheddar", Some("salt"))[1], YES);
}
