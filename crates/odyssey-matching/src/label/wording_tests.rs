//! Words that say nothing alone, words that only look harmless, and words that say it otherwise.

use super::tests::{check, list, of, truth, us};
use crate::facts::{Diet, EvidenceKey, Flag, ListState, Truth};

#[test]
fn misspelled_and_joined_names_leave_their_allergens_in_doubt() {
    for (text, expected) in [
        ("corn, penauts", "peanut: ambiguous"),
        ("corn, peanits", "peanut: ambiguous"),
        ("corn, peannuts", "peanut: ambiguous"),
        ("corn, sugaregg", "egg: ambiguous"),
        ("corn, eggsalt", "egg: ambiguous"),
        ("corn, soysalt", "soy: ambiguous"),
        ("corn, soy\u{b9}, egg\u{b2}", "egg: contains; soy: contains"),
        ("corn, soy1, 2milk", "milk: contains; soy: contains"),
        ("corn, zorgle", ""),
    ] {
        check(text, expected);
    }
    assert!(of(&list("corn, w h e y")).facts.coverage_permille < 980);
}

#[test]
fn peanuts_free_from_salt_are_peanuts() {
    check("peanuts free from salt", "peanut: contains");
    check("roasted peanuts free of additives, milk free", "milk: free; peanut: contains");
}

#[test]
fn composite_false_friends_are_unread_unless_a_bracket_lists_them() {
    let coverage = |text: &str| of(&list(text)).facts.coverage_permille;
    for (text, expected) in [
        ("corn, vegan cheese", "tree_nut: ambiguous; tree_nut.cashew: ambiguous; soy: ambiguous"),
        ("corn, creamed corn", ""),
        ("corn, hamburger bun", "wheat: contains; sesame: ambiguous"),
        ("corn, grape nuts", "wheat: contains; gluten_cereal.barley: contains"),
        ("corn, jelly beans", ""),
        ("corn, candy coating", "milk: ambiguous"),
    ] {
        check(text, expected);
        assert!(coverage(text) < 980, "{text}");
    }
    assert_eq!(coverage("corn, hamburger bun (wheat flour, water, salt)"), 1000);
    assert_eq!(coverage("cocoa butter, cream of tartar, rice flour"), 1000);
    let trail_mix = of(&list("trail mix"));
    assert!(trail_mix.facts.container_term && trail_mix.facts.coverage_permille < 980);
    assert_eq!(coverage("corn, soy sauce"), 1000);
    check("serrano peppers, oyster mushrooms, bourbon vanilla beans", "");
}

#[test]
fn a_purpose_or_a_form_alone_names_no_ingredient() {
    let coverage = |text: &str| of(&list(text)).facts.coverage_permille;
    for text in
        ["corn, preservative", "corn, oil", "corn, emulsifier", "corn, organic powder", "corn, protein"]
    {
        assert!(coverage(text) < 980, "{text}");
    }
    assert!(coverage("corn, salt and preservatives") < 980);
    assert!(coverage("blend (corn, stabilizer), salt") < 980);
    for text in [
        "corn, preservative (bht)",
        "corn, preservatives: bha, bht",
        "corn, bht (preservative)",
        "corn, citric acid (acidifier, antioxidant)",
        "corn, bht as a preservative",
        "corn, citric acid to protect color and flavor",
        "corn, bht added to preserve freshness",
        "corn, oil (canola)",
        "corn, no preservatives",
        "corn, canola oil, garlic powder, pea protein",
        "milk solids, soy protein",
    ] {
        assert_eq!(coverage(text), 1000, "{text}");
    }
}

#[test]
fn collective_names_leave_in_doubt_what_they_may_hide_only_where_they_stand_alone() {
    let ambiguous = |text: &str, key: EvidenceKey| of(&list(text)).facts.flags_of(key).has(Flag::Ambiguous);
    use EvidenceKey as K;
    for text in ["corn, vegetables", "corn, dried vegetables, salt", "organic vegetables"] {
        assert!(ambiguous(text, K::Celery) && ambiguous(text, K::Root), "{text}");
    }
    assert!(ambiguous("sugar, mixed fruit", K::Grapefruit));
    assert!(ambiguous("sugar, vitamins", K::AmbiguousAdditive));
    for text in ["vegetable oil", "vegetables (peas, corn)", "vegetable glycerin"] {
        assert!(!ambiguous(text, K::Celery), "{text}");
    }
    assert!(!ambiguous("sugar, vitamin c", K::AmbiguousAdditive));
}

#[test]
fn a_bracket_may_name_the_source() {
    check("sugar, lecithin (soy)", "soy: contains");
    check("sugar, lecithin (sunflower)", "");
    check("starch (corn), modified food starch (organic tapioca)", "");
    check("sugar, lecithin (egg or soy)", "egg: contains; soy: contains");
    check("sugar, lecithin (sunflower, may contain soy)", "egg: ambiguous; soy: ambiguous+pal");
    for text in ["lecithin (emulsifier)", "lecithin (zorgle)", "lecithin (organic)", "lecithin"] {
        check(text, "egg: ambiguous; soy: ambiguous");
    }
    let soy = of(&list("lecithin (vegetable)")).facts.flags_of(EvidenceKey::Soy);
    assert!(soy.has(Flag::Ambiguous), "soy is a vegetable");
    assert_eq!(truth(&list("corn, glycerin (vegetable)"), Diet::Vegan), Truth::Yes);
    assert_eq!(truth(&list("corn, glycerin"), Diet::Vegan), Truth::Unknown);
}

#[test]
fn a_denied_state_does_not_deny_the_oil() {
    check("water, non-hydrogenated soybean oil", "soy: exempt");
}

#[test]
fn to_preserve_is_no_jam() {
    let sugar = |text: &str| of(&list(text)).facts.flags_of(EvidenceKey::AddedSugar).has(Flag::Contains);
    assert!(sugar("corn, apricot preserves"));
    assert!(!sugar("corn, bht (to preserve freshness)"));
}

#[test]
fn flavor_as_a_purpose_hides_nothing() {
    assert!(!of(&list("corn, edta (to protect color and flavor)")).facts.container_term);
    assert!(of(&list("corn, flavor")).facts.container_term);
    assert!(of(&list("corn, natural spice flavors")).facts.container_term);
    assert_eq!(truth(&list("corn, flavor"), Diet::Vegan), Truth::Unknown);
}

#[test]
fn a_cure_speaks_of_meat_that_is_not_named() {
    assert_eq!(truth(&list("Cured with: water, salt, sugar, sodium nitrite"), Diet::Vegan), Truth::Unknown);
}

#[test]
fn a_statement_alone_is_no_list() {
    let facts = of(&us("Contains wheat. Made with equipment shared with milk")).facts;
    assert_eq!(facts.list_state, ListState::Absent);
}

#[test]
fn a_warning_goes_on_over_a_misread_word_an_other_and_a_broken_end() {
    for (text, expected) in [
        (
            "Rice, salt. Traces eventuelles: oeufs, lait moutade, sulfites.",
            "milk: pal; egg: pal; sulfite: pal",
        ),
        ("Rice, salt. May contain peanuts, other tree nuts, sugar, palm oil", "tree_nut: pal; peanut: pal"),
        (
            "Riz, sel. Peut contenir des traces de céleri, soja, moutarde, fruits",
            "soy: pal; mustard: pal; celery: pal",
        ),
        // An ingredient behind it gives back what is not surely meant.
        ("Rice. May contain milk flour, wheat, sugar", "milk: pal; wheat: contains"),
    ] {
        check(text, expected);
    }
    check(
        "Water, salt. Made in a plant free of animal ingredients, milk, egg and soy.",
        "milk: free; egg: free; soy: free",
    );
}
