use proptest::prelude::*;

use super::*;

/// A tree in a line: `wheat flour(niacin, iron) | salt 2%`.
fn render(list: &[Ingredient]) -> String {
    let one = |i: &Ingredient| {
        let joint = match i.joint {
            Joint::List => "",
            Joint::And => "& ",
            Joint::Or => "or ",
            Joint::AndOr => "&/or ",
        };
        let share = i.share.map_or(String::new(), |s| {
            let mark = match s.kind {
                ShareKind::Exactly => "",
                ShareKind::AtLeast => ">=",
                ShareKind::AtMost => "<=",
                ShareKind::About => "~",
            };
            format!(" {mark}{}ppm", s.ppm)
        });
        let inner =
            if i.ingredients.is_empty() { String::new() } else { format!("({})", render(&i.ingredients)) };
        let minor = if i.minor { " minor" } else { "" };
        format!("{joint}{}{share}{minor}{inner}", i.name)
    };
    list.iter().map(one).collect::<Vec<_>>().join(" | ")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(render(&parse(text).ingredients), expected, "{text}");
}

#[track_caller]
fn statements(text: &str, expected: &str) {
    let tree = parse(text);
    let lines: Vec<String> =
        tree.statements.iter().map(|s| format!("{:?}: {}", s.kind, s.allergens.join(" "))).collect();
    assert_eq!(lines.join("; "), expected, "{text}");
}

#[test]
fn lists_nest_by_brackets_and_colons() {
    check(
        "Ingredients: water, flour (wheat, glaze [sugar, gum]), salt",
        "water | flour(wheat | glaze(sugar | gum)) | salt",
    );
    check("Crust: flour, water. Filling: apples, sugar.", "Crust(flour | water) | Filling(apples | sugar)");
    check("emulsifier: E322, salt", "emulsifier(E322) | salt");
    check("emulsifiers: E322, E471, salt", "emulsifiers(E322 | E471) | salt");
    check("chocolate contains: sugar, cocoa butter", "chocolate(sugar | cocoa butter)");
    check("Contains: water, sugar, milk", "water | sugar | milk");
    check("oil (palm) and salt", "oil(palm) | & salt");
    check("a((b), c", "a(b) | c");
    check(")corn) rice(", "corn | rice");
}

#[test]
fn joining_words_join_two_or_belong_to_one() {
    check("salt and pepper", "salt | & pepper");
    check("canola oil and/or sunflower oil", "canola oil | &/or sunflower oil");
    check("canola or sunflower oil, salt", "canola | or sunflower oil | salt");
    check(
        "natural and artificial flavors, mono and diglycerides",
        "natural and artificial flavors | mono and diglycerides",
    );
    check("sel et poivre", "sel | & poivre");
}

#[test]
fn shares_are_read_as_they_are_stated() {
    check("Tomate 12,5 %, Salz (0.5%)", "Tomate 125000ppm | Salz 5000ppm");
    check("19% tomato puree, water", "tomato puree 190000ppm | water");
    check("cocoa (minimum 40%), sugar (<2%)", "cocoa >=400000ppm | sugar <=20000ppm");
    check("2% milk, cream", "2% milk | cream");
    check("juice from concentrate (about 10 percent)", "juice from concentrate ~100000ppm");
    check("salt 200%", "salt 200");
}

#[test]
fn what_stands_behind_less_than_two_percent_is_minor() {
    for opening in [
        "contains 2% or less of:",
        "contains less than 2% of",
        "less than 2% of each of the following:",
        "Contains 2 % or less of the following:",
        "contains 2 percent or less of",
    ] {
        check(&format!("corn, {opening} salt, whey"), "corn | salt minor | whey minor");
    }
    check("blend (corn, contains less than 1% of salt), rice", "blend(corn | salt minor) | rice");
    check("salt (less than 2%), rice", "salt <=20000ppm | rice");
    let tree = parse("corn, contains 2% or less of: salt, whey");
    assert_eq!(tree.ingredients[2].max_ppm, 20_000);
}

#[test]
fn bounds_follow_the_descending_order_and_the_stated_shares() {
    let bounds = |text: &str| -> Vec<(u32, u32)> {
        parse(text).ingredients.iter().map(|i| (i.min_ppm, i.max_ppm)).collect()
    };
    assert_eq!(bounds("corn"), [(WHOLE_PPM, WHOLE_PPM)]);
    assert_eq!(bounds("corn, salt"), [(500_000, 1_000_000), (0, 500_000)]);
    assert_eq!(bounds("corn, rice 20%, salt"), [(333_333, 1_000_000), (200_000, 200_000), (0, 200_000)]);
    // An alternative may be absent, and a cut list may go on.
    assert_eq!(bounds("corn or rice, salt"), [(0, 1_000_000), (0, 1_000_000), (0, 500_000)]);
    assert_eq!(bounds("corn, salt,")[0].0, 0);
    // A full stop may begin another list, and shares that rise follow no order.
    assert_eq!(bounds("corn, salt. rice")[2], (0, 1_000_000));
    assert_eq!(bounds("corn 5%, rice 60%, salt")[2], (0, 1_000_000));
    // Of the product or of what it is part of: a nested share bounds from above by the looser reading.
    let nested = parse("sauce 40% (tomato 50%, salt), rice");
    assert_eq!(
        (nested.ingredients[0].ingredients[0].min_ppm, nested.ingredients[0].ingredients[0].max_ppm),
        (200_000, 400_000)
    );
}

#[test]
fn additives_functions_and_qualities_are_told_apart() {
    let tree =
        parse("emulsifier (E 322), INS-330, BHT (preservative), dried organic apples (France), lecithin");
    let i = &tree.ingredients;
    assert_eq!((i[0].function.as_deref(), i[0].is_function), (Some("emulsifier"), true));
    assert_eq!(i[0].ingredients[0].additive.as_deref(), Some("e322"));
    assert_eq!(i[1].additive.as_deref(), Some("e330"));
    assert_eq!(
        (i[2].name.as_str(), i[2].function.as_deref(), i[2].is_function),
        ("BHT", Some("preservative"), false)
    );
    assert_eq!(
        (i[3].processing.as_slice(), i[3].labels.as_slice()),
        (&["dried".to_owned()][..], &["organic".to_owned()][..])
    );
    assert_eq!(i[3].origins, ["france"]);
    assert_eq!(i.iter().map(|i| i.rank).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_key_is_placed_by_rank_and_share() {
    use crate::facts::EvidenceKey as K;
    let place = |text: &str, key: K| {
        let found = placements(text, Tables::embedded()).into_iter().find(|p| p.key == key);
        found.map(|p| (p.rank, p.minor, p.max_ppm))
    };
    let text = "corn, sauce 30% (water, whey), rice, contains 2% or less of: salt, soy flour, butter";
    assert_eq!(place(text, K::Milk), Some((2, false, 170_000)));
    assert_eq!(place(text, K::Soy), Some((5, true, 20_000)));
    assert_eq!(place(text, K::Egg), None);
    assert_eq!(place("corn. contains milk.", K::Milk), None, "a statement is no place");
    assert_eq!(place("corn, milk, salt", K::Milk), Some((2, false, 500_000)));
}

#[test]
fn footnotes_and_sentences_speak_of_the_ingredients_before() {
    let tree = parse("Milk, sugar*, pears*. *organic. Origin of the milk: UK. Total milk content: 88%.");
    assert_eq!(render(&tree.ingredients), "Milk | sugar | pears");
    assert_eq!(tree.ingredients[0].origins, ["united_kingdom"]);
    assert!(tree.ingredients[0].labels.is_empty());
    assert_eq!(tree.ingredients[2].labels, ["organic"]);
    assert_eq!(
        tree.statements.iter().map(|s| s.kind).collect::<Vec<_>>(),
        [StatementKind::Other, StatementKind::Origin, StatementKind::Content]
    );
}

#[test]
fn emphasis_is_seen() {
    let emphasized = |text: &str| -> Vec<String> {
        parse(text).ingredients.into_iter().filter(|i| i.emphasized).map(|i| i.name).collect()
    };
    assert_eq!(emphasized("water, _milk_, salt"), ["milk"]);
    assert_eq!(emphasized("water, <b>wheat</b> flour"), ["wheat flour"]);
    assert_eq!(emphasized("water, MILK powder, salt and other things"), ["MILK powder"]);
    assert!(emphasized("WATER, MILK, SALT").is_empty());
}

#[test]
fn statements_are_no_ingredients() {
    statements("Corn. CONTAINS: MILK, SOY. May contain nuts.", "Contains: milk soy; MayContain: tree_nut");
    statements(
        "Corn (contains milk). Made in a facility that processes eggs.",
        "Contains: milk; Facility: egg",
    );
    statements("Corn. Contains no milk or egg.", "FreeFrom: milk egg");
    check("Corn. CONTAINS: MILK. Keep refrigerated.", "Corn");
    check("natural flavors (contains milk), salt", "natural flavors | salt");
    check("flour (contains malted flour, niacin), salt", "flour(malted flour | niacin) | salt");
    assert!(parse("flavor (contains milk)").statements[0].of_ingredient);
    assert!(!parse("Corn. Contains milk").statements[0].of_ingredient);
    let oats = parse("gluten free oats, salt");
    assert!(oats.ingredients[0].free_from.iter().any(|k| k == "gluten_cereal"));
}

#[test]
fn languages_are_recognised_and_lists_cut_off_are_seen() {
    let language = |text: &str| parse(text).language;
    assert_eq!(language("water, sugar, salt"), Language::English);
    assert_eq!(language("eau, sucre, farine de bl\u{e9}, sel"), Language::French);
    assert_eq!(language("Wasser, Zucker, Weizenmehl, Salz"), Language::German);
    assert_eq!(language("agua, az\u{fa}car, harina de trigo, sal"), Language::Spanish);
    assert_eq!(language("acqua, zucchero, farina di frumento, sale"), Language::Italian);
    assert_eq!(language("vesi, sokeri, vehn\u{e4}jauho, suola"), Language::Other);
    assert_eq!(language("zorgle"), Language::Unknown);
    let truncation = |text: &str| parse(text).truncation;
    assert_eq!(truncation("corn, salt"), None);
    assert_eq!(truncation("corn, oil (palm"), Some(Truncation::OpenBracket));
    assert_eq!(truncation("corn, salt,"), Some(Truncation::Dangling));
    assert_eq!(truncation(&"corn, ".repeat(50)[..254]), Some(Truncation::Length));
}

#[test]
fn hostile_texts_are_read_in_linear_time_within_the_limits() {
    for phrase in [
        "a(",
        "(((((",
        "a,",
        "a: ",
        "x; y: ",
        "Origin of a: b. ",
        "E322 ",
        "\n",
        "*a ",
        "Store ",
        "contains 2% or less of ",
        "_",
        "a and ",
    ] {
        let tree = parse(&phrase.repeat(60_000));
        assert!(
            tree.walk().count() <= INGREDIENTS_MAX && tree.statements.len() <= STATEMENTS_MAX,
            "{phrase}"
        );
        assert!(tree.walk().all(|(depth, _)| depth <= DEPTH_MAX), "{phrase}");
    }
    let tree = parse(&"corn, ".repeat(TEXT_BYTES_MAX));
    assert!(tree.shortened);
    assert!(parse(&"(corn ".repeat(40)).walk().all(|(depth, _)| depth <= DEPTH_MAX));
}

#[test]
fn a_tree_survives_serialization() {
    let tree = parse("Sauce 40% (tomato and/or E330), contains 2% or less of: milk. May contain nuts.");
    let text = serde_json::to_string(&tree).expect("a tree has no map keys but strings");
    assert_eq!(serde_json::from_str::<IngredientTree>(&text).expect("what was written"), tree);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic_or_reach_beyond_itself(
        text in "\\PC{0,300}",
        noise in "[ a-zA-Z(),.;:\\[\\]&<>#0-9%_'*\u{153}\u{df}\u{130}\n-]{0,300}",
        words in prop::collection::vec(prop::sample::select(vec![
            "milk", "contains", "may contain", "2%", "less than", "of", "and", "or", "(", ")", ",", ".", ":", "E322",
            "origin", "France", "organic", "*", "free from", "emulsifier", "_", "traces", "salt", "\n", ";", "[",
        ]), 0..60),
    ) {
        for text in [text, noise, words.join(" ")] {
            let tree = parse(&text);
            for (_, ingredient) in tree.walk() {
                prop_assert!(ingredient.start < ingredient.end);
                prop_assert!(text.get(ingredient.start as usize..ingredient.end as usize).is_some());
                prop_assert!(!ingredient.name.is_empty());
                prop_assert!(ingredient.min_ppm <= ingredient.max_ppm && ingredient.max_ppm <= WHOLE_PPM);
                prop_assert!(ingredient.rank >= 1);
            }
            for statement in &tree.statements {
                prop_assert!(text.get(statement.start as usize..statement.end as usize).is_some());
            }
        }
    }

    #[test]
    fn a_plain_list_is_its_items(items in prop::collection::vec("[b-z]{4,9}", 1..12)) {
        let text = items.join(", ");
        prop_assume!(!text.contains("free"));
        let tree = parse(&text);
        let names: Vec<&str> = tree.ingredients.iter().map(|i| i.name.as_str()).collect();
        prop_assert_eq!(names, items.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
