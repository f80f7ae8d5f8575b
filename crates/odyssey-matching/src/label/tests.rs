use chrono::NaiveDate;
use odyssey_types::{
    AllergenData, DeclaredAllergens, Fixed, FreeFromClaim, Jurisdiction, Nutrient, Nutrients, Nutrition,
    NutritionBasis, ServingSize,
};

use super::*;
use crate::facts::{Derivation, Diet, Flag, Flags, ReferenceSource, Truth};

/// Flags in a line, keys in storage order: `milk: contains; soy: exempt`. Keys that no law makes a label
/// declare are left out unless asked for.
fn render(derivation: &Derivation, all: bool) -> String {
    let name = |flags: Flags| {
        let names = ["contains", "ambiguous", "pal", "facility", "exempt", "free", "certified"];
        let set = Flag::ALL.iter().zip(names).filter(|(f, _)| flags.has(**f)).map(|(_, n)| n);
        set.collect::<Vec<_>>().join("+")
    };
    let keys = EvidenceKey::ALL.iter().filter(|k| all || k.is_regulated());
    let lines: Vec<String> = keys
        .map(|k| (k.code(), derivation.facts.flags_of(*k)))
        .filter(|(_, f)| *f != Flags::NONE)
        .map(|(code, f)| format!("{code}: {}", name(f)))
        .collect();
    lines.join("; ")
}

pub(super) fn of(fields: &ProductFields) -> Derivation {
    derive(&Label { fields, holds: &[] }, Tables::embedded())
}

pub(super) fn list(text: &str) -> ProductFields {
    ProductFields { ingredients: Some(text.to_owned()), ..ProductFields::default() }
}

pub(super) fn us(text: &str) -> ProductFields {
    ProductFields {
        label_jurisdiction: Jurisdiction::Us,
        label_as_of: NaiveDate::from_ymd_opt(2019, 6, 14),
        allergen_data: AllergenData::Complete,
        ..list(text)
    }
}

#[track_caller]
pub(super) fn check(ingredients: &str, expected: &str) {
    assert_eq!(render(&of(&list(ingredients)), false), expected, "{ingredients}");
}

pub(super) fn truth(fields: &ProductFields, diet: Diet) -> Truth {
    of(fields).facts.diets[diet as usize].truth
}

#[test]
fn the_embedded_tables_are_sound_and_have_a_digest() {
    let tables = Tables::parse(tables::FILES).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(tables.digest().len(), 64);
    assert_eq!(tables.digest(), Tables::embedded().digest());
}

#[test]
fn faulty_tables_are_refused_with_their_line() {
    let with = |row: &str| {
        let mut files = tables::FILES.to_vec();
        let content = format!("milk\tC\tmilk\town\n{row}\n");
        files[0].1 = &content;
        Tables::parse(&files).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(with("milk\tQ\tcream\town"), "terms/allergens.tsv, line 2: `Q` is not a status");
    assert_eq!(with("melk\tC\tcream\town"), "terms/allergens.tsv, line 2: `melk` is not a key");
    assert_eq!(with("milk\tC\tMilks\town"), "terms/allergens.tsv, line 2: `Milks` stands twice for its key");
    assert_eq!(with("milk\tC\tcream\t"), "terms/allergens.tsv, line 2: must have 4 filled columns");
}

#[test]
fn ingredient_terms_name_their_allergens() {
    check("Water, whey powder, salt", "milk: contains");
    check("sugar, EGG YOLKS, cornstarch", "egg: contains");
    check("enriched wheat flour (wheat flour, niacin), soy lecithin", "wheat: contains; soy: contains");
    check("Roasted peanuts, sea salt", "peanut: contains");
    check("almonds, cashews", "tree_nut.almond: contains; tree_nut.cashew: contains");
    check("tahini, water", "sesame: contains");
    check("penuts, milk", "milk: contains; peanut: contains");
    check("sugar, emulsifier (322)", "egg: ambiguous; soy: ambiguous");
    check("sugar, E 322", "egg: ambiguous; soy: ambiguous");
    check("sugar, INS-322(i)", "egg: ambiguous; soy: ambiguous");
    check("soybean oil, salt", "soy: exempt");
    check("cr\u{e8}me fra&icirc;che, sel", "milk: contains");
    check("_milk_, <b>wheat</b> flour", "milk: contains; wheat: contains");
}

#[test]
fn false_friends_name_nothing() {
    for text in [
        "cocoa butter",
        "eggplant",
        "butternut squash",
        "cream of tartar",
        "water chestnuts",
        "nutmeg",
        "lactic acid",
        "buckwheat",
        "rice flour",
        "oyster mushrooms",
        "peanut-free facility",
        "butter beans",
    ] {
        let found = render(&of(&list(text)), false);
        assert!(!found.contains(": contains"), "{text} gave {found}");
    }
    check("coconut, cocoa butter", "coconut: contains");
}

#[test]
fn words_run_together_leave_their_allergens_in_doubt() {
    check("corn, saltedpeanutpieces", "peanut: ambiguous");
    check("corn. may contain zorgle, eggtalmondt", "tree_nut.almond: ambiguous");
}

#[test]
fn a_match_uses_up_only_its_own_words() {
    check("almond milk, milk", "milk: contains; tree_nut.almond: contains");
    check("cocoa butter, butter", "milk: contains");
    check("peanut butter (peanuts), butter", "milk: contains; peanut: contains");
    // The milk chocolate escapes the shadow of "almond milk".
    assert!(render(&of(&list("almond milk chocolate")), false).contains("milk: contains"));
}

#[test]
fn an_amount_is_no_allergen_statement() {
    check("Beans, contains 2% or less of: salt, whey", "milk: contains");
    check("Corn, contains less than 2% of salt, nuts", "tree_nut: ambiguous; peanut: ambiguous");
    check("Oil (contains one or more of the following: corn oil, palm oil), egg", "egg: contains");
    let mayhap = of(&list("Oil (may contain one or more of the following: peanut oil, corn oil)"));
    assert!(mayhap.facts.flags_of(EvidenceKey::Peanut).has(Flag::Contains), "a possible ingredient is one");
}

#[test]
fn statements_are_read_apart_from_ingredients() {
    check("Corn, salt. CONTAINS WHEAT AND MILK", "milk: contains; wheat: contains");
    check("Corn. Contains: tree nuts.", "tree_nut: contains");
    check("Corn. May contain traces of peanuts, milk and soy.", "milk: pal; peanut: pal; soy: pal");
    check("Corn (may contain sesame), butter", "milk: contains; sesame: pal");
    check(
        "Corn. Made in a facility that also processes eggs, milk and wheat.",
        "milk: facility; egg: facility; wheat: facility",
    );
    check("Corn. Packed on shared equipment with peanuts.", "peanut: facility");
    check("Corn. May contain peanuts. Contains milk.", "milk: contains; peanut: pal");
    check("Corn. Allergy information: may contain egg", "egg: pal");
    check("Zucker. Kann Spuren von Senf und Sellerie enthalten.", "mustard: pal; celery: pal");
    check("Sucre. Traces \u{e9}ventuelles de lait", "milk: pal");
    check("Sel. Peut contenir des traces d'arachide, de soja et d'oeuf", "egg: pal; peanut: pal; soy: pal");
    check("Azucar. Puede contener trazas de leche.", "milk: pal");
}

#[test]
fn a_precaution_cannot_swallow_ingredients() {
    check("corn, trace of lime, milk, salt", "milk: contains");
    check("corn, may contain peanuts, sugar, milk", "milk: contains; peanut: pal");
    check("Corn. May contain nuts\nIngredients: milk", "milk: contains; tree_nut: pal; peanut: pal");
}

#[test]
fn free_from_claims_are_claims() {
    check("Corn. Peanut free.", "peanut: free");
    check("Corn. Made in a peanut-free facility.", "peanut: free");
    check("Corn. Contains no milk, egg or soy.", "milk: free; egg: free; soy: free");
    check("Corn. Free from milk, egg and soy.", "milk: free; egg: free; soy: free");
    check("lactose free milk", "milk: contains");
    check("free range eggs", "egg: contains");
    check("milk, free range eggs", "milk: contains; egg: contains");
    // Without a closing "and" only the first is surely denied.
    check("free from gluten, milk powder, sugar", "milk: contains; wheat: free; gluten_cereal: free");
    check("no nitrates added, bacon, milk", "milk: contains");
}

#[test]
fn claims_never_cancel_what_is_there() {
    let fields = ProductFields {
        allergens: Some(DeclaredAllergens {
            free_from: vec![FreeFromClaim { allergen: "milk".into(), certified: true, certificate: None }],
            ..DeclaredAllergens::default()
        }),
        ..list("butter")
    };
    let derivation = of(&fields);
    assert_eq!(render(&derivation, false), "milk: contains+free+certified");
    assert!(derivation.issues.iter().any(|i| i.code == "DQ_ALLERGEN_CONFLICT" && i.value == "milk"));
}

#[test]
fn declared_allergens_land_right_however_they_are_spelled() {
    for name in ["Milk", "dairy", "casein", "en:milk", "Contains milk", " LAIT "] {
        let allergens = DeclaredAllergens { contains: vec![name.into()], ..DeclaredAllergens::default() };
        let fields = ProductFields { allergens: Some(allergens), ..ProductFields::default() };
        assert_eq!(render(&of(&fields), false), "milk: contains", "{name}");
    }
    let allergens =
        DeclaredAllergens { contains: vec!["may contain milk".into()], ..DeclaredAllergens::default() };
    let fields = ProductFields { allergens: Some(allergens), ..ProductFields::default() };
    assert_eq!(render(&of(&fields), false), "milk: pal");
}

#[test]
fn a_declared_code_that_nobody_can_read_takes_the_attestation() {
    let mut fields = us("corn, salt");
    assert!(of(&fields).facts.attested);
    fields.allergens =
        Some(DeclaredAllergens { contains: vec!["zorgleberries".into()], ..DeclaredAllergens::default() });
    let derivation = of(&fields);
    assert!(!derivation.facts.attested);
    assert!(derivation.issues.iter().any(|i| i.code == "DQ_ALLERGY_UNMAPPED" && i.value == "zorgleberries"));
}

#[test]
fn the_name_counts_and_the_brand_does_not() {
    let fields = ProductFields {
        name: Some("Peanut butter".into()),
        brand: Some("Milk & Honey".into()),
        ..ProductFields::default()
    };
    assert_eq!(
        render(&of(&fields), true),
        "peanut: contains; class.legume: contains; class.galactan: ambiguous; \
         class.sucrose_fructose: ambiguous; class.high_oxalate: ambiguous"
    );
    assert!(of(&fields).evidence.iter().all(|e| e.field == "name"));
}

#[test]
fn lists_are_judged_absent_truncated_foreign_or_complete() {
    let state = |text: &str| of(&list(text)).facts.list_state;
    assert_eq!(of(&ProductFields::default()).facts.list_state, ListState::Absent);
    for blank in ["", "  ", "n/a", "natural ingredients", "See package"] {
        assert_eq!(state(blank), ListState::Absent, "{blank}");
    }
    let cut = format!("corn, salt, {}", "rice, ".repeat(50));
    assert_eq!(state(&cut[..255]), ListState::Truncated);
    assert_eq!(state(&cut[..254]), ListState::Truncated);
    for open in ["corn, oil (palm, salt", "corn, salt,", "corn and"] {
        assert_eq!(state(open), ListState::Truncated, "{open}");
    }
    assert_eq!(state("Sucre, farine de bl\u{e9}, lait en poudre, sel"), ListState::OtherLanguage);
    assert_eq!(state("Zucker, Weizenmehl, Salz"), ListState::OtherLanguage);
    // Words that English tables know as well, but that no English list holds together.
    assert_eq!(state("Sucre, \u{153}ufs, beurre, amandes"), ListState::OtherLanguage);
    assert_eq!(state("Raw cacao beans (theobroma cacao)"), ListState::Complete);
    assert_eq!(state("Corn, salt, jalape\u{f1}o, vitamin e"), ListState::Complete);
}

#[test]
fn coverage_counts_what_nobody_knows() {
    let coverage = |text: &str| of(&list(text)).facts.coverage_permille;
    assert_eq!(coverage("corn, salt (2%), sugar"), 1000);
    assert_eq!(coverage("corn, salt, zorgle"), 666);
    assert_eq!(coverage("zorgle"), 0);
    assert!(of(&list("corn, spices")).facts.container_term);
    assert!(!of(&list("corn, salt")).facts.container_term);
}

#[test]
fn mandatory_keys_follow_jurisdiction_and_date() {
    let mandatory = |j, year: Option<i32>| {
        let as_of = year.and_then(|y| NaiveDate::from_ymd_opt(y, 6, 1));
        Tables::embedded().law.mandatory(j, as_of)
    };
    use EvidenceKey as K;
    assert!(!mandatory(Jurisdiction::Us, Some(2022)).contains(K::Sesame));
    assert!(mandatory(Jurisdiction::Us, Some(2023)).contains(K::Sesame));
    assert!(!mandatory(Jurisdiction::Us, None).contains(K::Sesame));
    assert!(mandatory(Jurisdiction::Us, Some(2019)).contains(K::OtherTreeNut));
    assert!(!mandatory(Jurisdiction::Us, Some(2025)).contains(K::OtherTreeNut));
    assert!(mandatory(Jurisdiction::Eu, Some(2020)).contains(K::Mustard));
    let unknown = mandatory(Jurisdiction::Unknown, Some(2024));
    assert!(unknown.contains(K::Milk) && unknown.contains(K::Sesame) && !unknown.contains(K::PineNut));
    assert!(!unknown.contains(K::Mollusc));
}

#[test]
fn the_law_resolves_unnamed_sources_only_on_attested_complete_lists() {
    let soy_of = |fields: &ProductFields| of(fields).facts.flags_of(EvidenceKey::Soy).has(Flag::Ambiguous);
    assert!(!soy_of(&us("sugar, lecithin")));
    assert!(soy_of(&list("sugar, lecithin")));
    assert!(soy_of(&us("sugar, lecithin, corn (")));
    let mustard = of(&us("corn, spices")).facts.flags_of(EvidenceKey::Mustard);
    assert!(mustard.has(Flag::Ambiguous), "no US law names mustard");
    // Refined peanut oil is exempt only under US law.
    assert_eq!(render(&of(&us("refined peanut oil")), false), "peanut: exempt");
    check("refined peanut oil", "peanut: contains");
}

#[test]
fn diets_are_proved_broken_or_unknown() {
    assert_eq!(truth(&list("corn, salt, water"), Diet::Vegan), Truth::Yes);
    assert_eq!(truth(&list("corn, whey"), Diet::Vegan), Truth::No);
    assert_eq!(truth(&list("corn, whey"), Diet::Vegetarian), Truth::Yes);
    assert_eq!(truth(&list("corn, gelatin"), Diet::Vegetarian), Truth::No);
    assert_eq!(truth(&list("corn, natural flavor"), Diet::Vegan), Truth::Unknown);
    assert_eq!(truth(&list("corn, zorgle"), Diet::Vegan), Truth::Unknown);
    assert_eq!(truth(&list("corn, salt, water"), Diet::Halal), Truth::Yes);
    assert_eq!(truth(&list("corn, wine"), Diet::Halal), Truth::No);
    assert_eq!(truth(&list("chicken, salt"), Diet::Halal), Truth::Unknown);
    assert_eq!(truth(&list("corn, salt"), Diet::Kosher), Truth::Unknown);
    assert_eq!(truth(&list("beef, cheese"), Diet::Kosher), Truth::No);
    assert_eq!(truth(&list("corn, salt"), Diet::GlutenFree), Truth::Yes);
    assert_eq!(truth(&list("corn, wheat flour"), Diet::GlutenFree), Truth::No);
    assert_eq!(truth(&list("gluten free oats, salt"), Diet::GlutenFree), Truth::No);
}

#[test]
fn a_diet_tag_holds_until_an_ingredient_contradicts_it() {
    let tagged = |text: &str, tag: &str| ProductFields { dietary_tags: Some(vec![tag.into()]), ..list(text) };
    assert_eq!(truth(&tagged("corn, natural flavor", "Vegan"), Diet::Vegan), Truth::Yes);
    assert_eq!(truth(&tagged("corn, natural flavor", "en:vegan"), Diet::Vegetarian), Truth::Yes);
    assert_eq!(truth(&tagged("rolled oats", "gluten-free"), Diet::GlutenFree), Truth::Yes);
    assert_eq!(truth(&tagged("chicken", "kosher"), Diet::Kosher), Truth::Unknown);
    let conflict = of(&tagged("corn, honey", "vegan"));
    assert_eq!(conflict.facts.diets[Diet::Vegan as usize].truth, Truth::No);
    assert!(conflict.issues.iter().any(|i| i.code == "DQ_CLAIM_CONFLICT" && i.value == "vegan"));
    let certified = ProductFields { certifications: Some(vec!["OU".into()]), ..list("chicken, salt") };
    let fact = of(&certified).facts.diets[Diet::Kosher as usize];
    assert_eq!((fact.truth, fact.certified), (Truth::Yes, true));
}

#[test]
fn a_precaution_does_not_break_a_diet_but_is_told() {
    let fact = of(&list("corn, salt. May contain milk.")).facts.diets[Diet::Vegan as usize];
    assert_eq!((fact.truth, fact.precaution), (Truth::Yes, true));
}

#[test]
fn holds_are_added_to_what_the_row_says() {
    let fields = list("corn, salt");
    let holds = [(EvidenceKey::Milk, Flag::Contains)];
    let derivation = derive(&Label { fields: &fields, holds: &holds }, Tables::embedded());
    assert_eq!(render(&derivation, false), "milk: contains");
    let held = derivation.evidence.iter().find(|e| e.key == "milk").expect("the hold");
    assert_eq!(held.source, EvidenceSource::Hold);
    assert_eq!(derivation.facts.diets[Diet::Vegan as usize].truth, Truth::No);
}

#[test]
fn evidence_quotes_the_label() {
    let text = "Corn, Sw\u{e9}et-Cream  Butter";
    let derivation = of(&list(text));
    let milk = derivation.evidence.iter().find(|e| e.key == "milk").expect("butter");
    assert_eq!(milk.term, "sweet cream butter");
    assert_eq!(&text[milk.offset as usize..], milk.matched);
}

fn nutrition(basis: NutritionBasis, amounts: &[(Nutrient, i64)]) -> Nutrition {
    let mut nutrients = Nutrients::default();
    for (nutrient, stored) in amounts {
        nutrients.set(*nutrient, Some(*stored));
    }
    Nutrition { basis, amounts: nutrients }
}

const G: i64 = 1_000_000;

#[test]
fn impossible_nutrition_is_rejected_and_unlikely_nutrition_flagged() {
    let codes = |amounts: &[(Nutrient, i64)]| {
        let findings = check_nutrition(&nutrition(NutritionBasis::Per100g, amounts), None);
        let text = |f: &NutritionFinding| {
            format!("{}{}", f.code, if f.severity == FindingSeverity::Flag { "?" } else { "" })
        };
        findings.iter().map(text).collect::<Vec<_>>().join(" ")
    };
    use Nutrient as N;
    assert_eq!(codes(&[(N::Sugars, -1)]), "nutrient_negative");
    assert_eq!(codes(&[(N::Salt, 101 * G)]), "nutrient_out_of_range");
    assert_eq!(codes(&[(N::Sodium, 39_401_000)]), "nutrient_out_of_range sodium_high?");
    assert_eq!(codes(&[(N::Energy, 906 * 4184)]), "nutrient_out_of_range");
    assert_eq!(codes(&[(N::Fat, G), (N::SaturatedFat, 2 * G)]), "saturated_fat_exceeds_fat");
    assert_eq!(codes(&[(N::Carbohydrate, G), (N::Sugars, 2 * G)]), "sugars_exceed_carbohydrate");
    assert_eq!(codes(&[(N::Carbohydrate, G), (N::Sugars, 3 * G / 2)]), "");
    assert_eq!(codes(&[(N::Fat, 60 * G), (N::Carbohydrate, 60 * G)]), "macros_exceed_mass?");
    let honest = [(N::Energy, 400 * 4184), (N::Fat, 10 * G), (N::Carbohydrate, 70 * G), (N::Protein, 8 * G)];
    assert_eq!(codes(&honest), "");
    let mut swapped = honest;
    swapped[0].1 = 200 * 4184;
    assert_eq!(codes(&swapped), "energy_implausible?");
}

#[test]
fn nutrients_come_on_both_bases() {
    let mut fields = list("corn");
    fields.nutrition =
        Some(nutrition(NutritionBasis::PerServing, &[(Nutrient::Fat, 3 * G), (Nutrient::Salt, G)]));
    fields.serving_size = Some(ServingSize { amount_g: Some(Fixed(30 * G)), ..ServingSize::default() });
    let facts = of(&fields).facts;
    assert_eq!(facts.per_100.get(Nutrient::Fat), Some(10 * G));
    assert_eq!(facts.per_reference.get(Nutrient::Fat), Some(3 * G));
    assert_eq!(
        facts.per_100.get(Nutrient::Sodium),
        Some(1_333_333),
        "an unknown label's salt is sodium times 2.5"
    );
    assert_eq!((facts.reference_amount, facts.reference_source), (30 * G, ReferenceSource::Serving));
    fields.category_id = Some("bread".into());
    let facts = of(&fields).facts;
    assert_eq!((facts.reference_amount, facts.reference_source), (50 * G, ReferenceSource::Racc));
    assert_eq!(facts.per_reference.get(Nutrient::Fat), Some(5 * G));
    fields.serving_size = None;
    fields.category_id = None;
    let derivation = of(&fields);
    assert!(derivation.facts.per_100.is_empty() && derivation.facts.per_reference.is_empty());
    assert!(derivation.issues.iter().any(|i| i.code == "DQ_SERVING_ASSUMED"));
}

#[test]
fn a_serving_in_words_is_read_where_it_names_one_amount() {
    for (text, expected) in [
        ("1 cup (240 ml)", Some((240 * G, true))),
        ("2 cookies (30g)", Some((30 * G, false))),
        ("1 bar (1.5 oz, 42.5 g)", Some((42_500_000, false))),
        ("30 g", Some((30 * G, false))),
        ("1/2 cup (120 g) 4 oz", Some((120 * G, false))),
        ("1 bottle (8 fl oz)", None),
        ("30 g (1 cup)", None),
        ("1 cup (30 g / 28 ml)", None),
        ("1/2 g", None),
        ("20-30 g", None),
        ("0 g", None),
        ("(", None),
        ("1 package (90000 g)", None),
        ("3 pieces", None),
    ] {
        assert_eq!(serving_text::amount(text), expected, "{text}");
    }
    let mut fields = list("corn");
    fields.nutrition = Some(nutrition(NutritionBasis::PerServing, &[(Nutrient::Fat, 3 * G)]));
    fields.serving_size =
        Some(ServingSize { text: Some("2 cookies (30g)".into()), ..ServingSize::default() });
    let derivation = of(&fields);
    assert_eq!(derivation.facts.per_100.get(Nutrient::Fat), Some(10 * G));
    assert_eq!(derivation.facts.reference_source, ReferenceSource::Serving);
    assert!(derivation.issues.iter().any(|i| i.code == "DQ_SERVING_FROM_TEXT"));
}
