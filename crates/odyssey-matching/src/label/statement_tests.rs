//! The wordings of label statements: reference 4.2, and what hand-labelled draws from a real catalog showed.

use chrono::NaiveDate;
use odyssey_types::{DeclaredAllergens, FreeFromClaim, Jurisdiction, ProductFields};

use super::Tables;
use super::tests::{check, list, of, us};
use crate::facts::{EvidenceKey as K, Flag};

fn has(text: &str, key: K, flag: Flag) -> bool {
    of(&list(text)).facts.flags_of(key).has(flag)
}

#[test]
fn every_precautionary_wording_of_the_reference_is_read() {
    for text in [
        "Corn. May contain milk.",
        "Corn. May also contain milk",
        "Corn. May contain traces of milk",
        "Corn. May contain traces milk",
        "Corn. Traces of milk",
        "Corn. Trace of milk possible",
        "Corn. Can contain milk",
        "Corn. Not suitable for people with milk allergy",
        "Corn. Not suitable for persons having an allergy to milk",
        "Corn. Not suitable for milk allergy sufferers",
        "Corn. Not suitable for milk and egg sufferers due to manufacturing methods",
        "Corn (may contain milk), salt",
        "Ma\u{ef}s. Peut contenir des traces de lait",
        "Ma\u{ef}s. Peut \u{e9}galement contenir du lait",
        "Ma\u{ef}s. Traces possibles : lait",
        "Ma\u{ef}s. Pr\u{e9}sence \u{e9}ventuelle de lait",
        "Ma\u{ef}s. Ne convient pas aux personnes allergiques au lait en raison des m\u{e9}thodes",
        "Mais. Kann Spuren von Milch enthalten",
        "Mais. Kann Milch enthalten",
        "Ma\u{ed}z. Puede contener trazas de leche",
        "Mais. Pu\u{f2} contenere tracce di lattosio",
        "Ma\u{ef}s. Kan sporen bevatten van lactose",
        "Maissi. Saattaa sis\u{e4}lt\u{e4}\u{e4} maitoa",
    ] {
        assert!(has(text, K::Milk, Flag::Pal), "{text}");
        assert!(!has(text, K::Milk, Flag::Contains), "{text}");
    }
}

#[test]
fn every_wording_of_a_shared_place_is_read() {
    for verb in ["made", "produced", "manufactured", "processed", "packed", "packaged"] {
        for place in ["facility", "plant", "factory", "line", "machinery", "environment", "bakery"] {
            for text in [
                format!("Corn. {verb} in a {place} that also processes milk"),
                format!("Corn. {verb} in the same {place} which handles milk."),
                format!("Corn. {verb} on the same {place} with milk"),
                format!("Corn. {verb} in an {place} handling milk"),
            ] {
                assert!(has(&text, K::Milk, Flag::Facility), "{text}");
                assert!(!has(&text, K::Milk, Flag::Contains), "{text}");
            }
        }
    }
    for text in [
        "Corn. Made on shared equipment with milk",
        "Corn. Shared facility: milk",
        "Corn. Made on equipment shared with milk",
        "Corn. Facility processes milk.",
        "Ma\u{ef}s. Fabriqu\u{e9} dans un atelier utilisant du lait",
        "Ma\u{ef}s. Produit dans une usine qui utilise du lait",
        "Mais. Hergestellt in einer Fabrik, die Milch verarbeitet",
    ] {
        assert!(has(text, K::Milk, Flag::Facility), "{text}");
    }
}

#[test]
fn a_precautionary_list_goes_to_its_last_name() {
    check(
        "Corn. May contain milk, egg, wheat and soy. Store in a cool place",
        "milk: pal; egg: pal; wheat: pal; soy: pal",
    );
    check(
        "Corn. MAY CONTAIN PECANS, WALNUTS AND PEANUTS DISTRIBUTED BY: Zorgle Inc",
        "tree_nut.walnut: pal; tree_nut.pecan: pal; peanut: pal",
    );
    check("Corn. May contain milk, zorgel and soy", "milk: pal; soy: pal");
    // What goes on as a list of ingredients gives back all but the first.
    check(
        "corn, may contain peanuts, soy flour, sugar, butter",
        "milk: contains; peanut: pal; soy: contains",
    );
    check("corn, may contain peanuts, butter, sugar", "milk: contains; peanut: pal");
    // What names no allergen is no precaution.
    check("corn, may contain smoked salt, whey", "milk: contains");
    check("Cherries (may contain pits), butter", "milk: contains");
    check("Order may vary. Contains: wheat", "wheat: contains");
    // The allergen is the soy, not all that lecithin may come of.
    check("Corn. May contain soy lecithin", "soy: pal");
    check("Corn. May contain lupin", "lupin: pal");
}

#[test]
fn contains_lines_and_headings_are_read() {
    check("Corn. Allergens: milk, soy", "milk: contains; soy: contains");
    check("Corn. Allerg\u{e8}nes MOUTARDE, SOJA", "soy: contains; mustard: contains");
    check("Corn, rice (containing milk)", "milk: contains");
    // Run together it is stated, and a slip besides.
    check("Corn. CONTAINS MILKINGREDIENTS", "milk: contains+ambiguous");
    check("Corn. Contains 2 % or less of: whey", "milk: contains");
    check("Corn. Contains les than 2% of whey", "milk: contains");
    check("Allergy advice: for allergens, see ingredients in bold", "");
    // "Noix de coco" is no tree nut, nor a state of Brazil one.
    check("Ma\u{ef}s. Contient noix de coco", "coconut: contains");
    check("Orange juice. Contains orange juice from usa and brazil", "");
}

#[test]
fn denials_take_nothing_away_that_is_there() {
    check(
        "Corn. No wheat, gluten, soy, dairy or peanuts.",
        "milk: free; peanut: free; wheat: free; gluten_cereal: free; soy: free",
    );
    check("No msg, milk, sugar and salt", "milk: contains");
    check("Corn. Made in a nut free facility", "tree_nut: free");
    check("Corn. Free from starch", "");
}

#[test]
fn oils_are_exempt_however_their_source_is_listed() {
    check("oil (canola, soybean)", "soy: exempt");
    check("corn, soybean and/or canola oil", "soy: exempt");
    check("partially hydrogenated soybean and cottonseed oil", "soy: exempt");
    // An "and" may join two ingredients, and what is pressed cold keeps its protein.
    check("soybeans and canola oil", "soy: contains");
    check("expeller pressed oil (soybean)", "soy: contains");
    assert!(has("vegetable oil (soybean, soy lecithin)", K::Soy, Flag::Contains));
    // Plain peanut oil is not exempt, so what stands in its list is not taken for refined.
    check("oil (peanut, soybean)", "peanut: contains; soy: contains");
}

#[test]
fn a_claim_against_an_ingredient_is_a_conflict_wherever_it_is_made() {
    let conflict = |fields: &ProductFields| {
        of(fields).issues.iter().any(|i| i.code == "DQ_ALLERGEN_CONFLICT" && i.value == "milk")
    };
    assert!(conflict(&list("butter. Contains no milk.")));
    assert!(conflict(&list("milk free. Butter")));
    assert!(conflict(&ProductFields { name: Some("Milk free spread".into()), ..list("butter") }));
    assert!(conflict(&ProductFields { dietary_tags: Some(vec!["milk-free".into()]), ..list("whey") }));
    let free_from = vec![FreeFromClaim { allergen: "milk".into(), certified: false, certificate: None }];
    let allergens = DeclaredAllergens { free_from, ..DeclaredAllergens::default() };
    assert!(conflict(&ProductFields { allergens: Some(allergens), ..list("whey") }));
    assert!(!conflict(&list("corn. Contains no milk.")));
    assert!(!conflict(&list("corn. May contain milk. Milk free.")), "a precaution contradicts no recipe");
}

#[test]
fn the_law_counts_from_its_first_day() {
    let mandatory = |year, month, day| {
        Tables::embedded().law.mandatory(Jurisdiction::Us, NaiveDate::from_ymd_opt(year, month, day))
    };
    // FALCPA: 2006-01-01. FASTER: 2023-01-01. Guidance of January 2025: coconut and chestnut no longer.
    assert!(!mandatory(2005, 12, 31).contains(K::Milk) && mandatory(2006, 1, 1).contains(K::Milk));
    assert!(!mandatory(2022, 12, 31).contains(K::Sesame) && mandatory(2023, 1, 1).contains(K::Sesame));
    assert!(mandatory(2025, 1, 5).contains(K::Coconut) && !mandatory(2025, 1, 6).contains(K::Coconut));
}

#[test]
fn collective_names_hide_what_no_law_makes_them_name() {
    for text in
        ["corn, natural flavor", "corn, natural flavour", "corn, spices", "corn, seasoning", "corn, broth"]
    {
        assert!(of(&us(text)).facts.container_term, "{text}");
        // Milk must be named on an attested US label of 2019, mustard and celery need not be.
        assert!(!of(&us(text)).facts.flags_of(K::Milk).has(Flag::Ambiguous), "{text}");
    }
    let spices = of(&us("corn, spices")).facts;
    assert!(
        spices.flags_of(K::Mustard).has(Flag::Ambiguous) && spices.flags_of(K::Sesame).has(Flag::Ambiguous)
    );
    let later = ProductFields { label_as_of: NaiveDate::from_ymd_opt(2023, 1, 1), ..us("corn, spices") };
    assert!(!of(&later).facts.flags_of(K::Sesame).has(Flag::Ambiguous), "since FASTER sesame must be named");
}

#[test]
fn declared_values_written_like_labels_are_read_like_labels() {
    let declared = |contains: &str| {
        let allergens = DeclaredAllergens { contains: vec![contains.into()], ..DeclaredAllergens::default() };
        of(&ProductFields { allergens: Some(allergens), ..us("corn") })
    };
    let facts = declared("Milk, eggs. May contain traces of peanuts").facts;
    assert!(facts.flags_of(K::Milk).has(Flag::Contains) && facts.flags_of(K::Egg).has(Flag::Contains));
    assert!(facts.flags_of(K::Peanut).has(Flag::Pal) && !facts.flags_of(K::Peanut).has(Flag::Contains));
    assert!(facts.attested);
    let unread = declared("Milk and zorgleberries");
    assert!(unread.facts.flags_of(K::Milk).has(Flag::Contains) && !unread.facts.attested);
    assert!(unread.issues.iter().any(|i| i.code == "DQ_ALLERGY_UNMAPPED"));
}

#[test]
fn finnish_allergens_are_evidence_though_the_list_proves_nothing() {
    check(
        "vehn\u{e4}jauho, kevytmaito, sinappi. Saattaa sis\u{e4}lt\u{e4}\u{e4} kananmunaa",
        "milk: contains; egg: pal; wheat: contains; mustard: contains",
    );
}
