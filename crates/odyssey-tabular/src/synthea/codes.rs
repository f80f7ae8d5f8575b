//! Which codes of a Synthea export are food allergens.

use crate::value::allergens::{Named, name};

/// SNOMED CT: anaphylaxis.
pub(super) const ANAPHYLAXIS: &str = "39579001";

/// What an allergy is to.
pub(super) enum Classified {
    Food(&'static str),
    UnmappedFood,
    Other,
}

/// By code first; then by the stated category; then by the words. What is known to be no food is no food
/// allergy; what is not known to be anything is kept as an unmapped food allergy, the safe side.
pub(super) fn classify(code: &str, words: &str, system: &str, category: &str) -> Classified {
    if let Some((_, allergen)) = FOOD_CODES.iter().find(|(known, _)| *known == code) {
        return Classified::Food(allergen);
    }
    let food = category.eq_ignore_ascii_case("food");
    if !food
        && (NON_FOOD_CODES.contains(&code) || system.eq_ignore_ascii_case("rxnorm") || !category.is_empty())
    {
        return Classified::Other;
    }
    match name(words) {
        Named::Code(allergen) => Classified::Food(allergen),
        Named::NotFood if !food => Classified::Other,
        Named::NotFood | Named::Unmapped | Named::None => Classified::UnmappedFood,
    }
}

/// SNOMED CT substances and findings (legacy ones too) of the reference `health-matching`, section 4.4.
const FOOD_CODES: &[(&str, &str)] = &[
    ("762952008", "peanut"),
    ("91935009", "peanut"),
    ("13577000", "tree_nut"),
    ("442571000124108", "tree_nut"),
    ("91934008", "nut"),
    ("256350002", "tree_nut.almond"),
    ("256353000", "tree_nut.hazelnut"),
    ("256352005", "tree_nut.walnut"),
    ("91940001", "tree_nut.walnut"),
    ("227493005", "tree_nut.cashew"),
    ("227512001", "tree_nut.pistachio"),
    ("227511008", "tree_nut.pine"),
    ("735211005", "coconut"),
    ("102263004", "egg"),
    ("256443002", "egg"),
    ("303300008", "egg"),
    ("213020009", "egg"),
    ("91930004", "egg"),
    ("264295007", "milk"),
    ("226760005", "milk"),
    ("102264005", "milk"),
    ("3718001", "milk"),
    ("782555009", "milk"),
    ("425525006", "milk"),
    ("15911003", "milk"),
    ("300914000", "milk"),
    ("412071004", "wheat"),
    ("420174000", "wheat"),
    ("89811004", "gluten"),
    ("412068007", "gluten_cereal.rye"),
    ("418184004", "gluten_cereal.rye"),
    ("418504009", "gluten_cereal.oats"),
    ("419342009", "gluten_cereal.oats"),
    ("256355007", "soy"),
    ("7791007", "soy"),
    ("782594005", "soy"),
    ("25868003", "soy"),
    ("714035009", "soy"),
    ("260167008", "sesame"),
    ("51905005", "mustard"),
    ("256326004", "celery"),
    ("710179004", "lupin"),
    ("767406000", "sulfite"),
    ("735971005", "fish"),
    ("735245003", "fish"),
    ("227144008", "fish"),
    ("735341005", "fish"),
    ("417532002", "fish"),
    ("735029006", "shellfish"),
    ("300913006", "shellfish"),
    ("44027008", "seafood"),
    ("91937001", "seafood"),
    ("735977009", "crustacean"),
    ("736159005", "crustacean"),
    ("278840001", "crustacean"),
    ("736162008", "crustacean"),
    ("419972009", "crustacean"),
    ("418626004", "crustacean"),
    ("735006003", "mollusc"),
    ("227150003", "mollusc"),
    ("736031006", "mollusc"),
    ("419967000", "mollusc"),
];

/// Substances and findings of no food that Synthea writes, and "no known allergy".
const NON_FOOD_CODES: &[&str] = &[
    "111088007",
    "300916003",
    "84489001",
    "419474003",
    "260147004",
    "232350006",
    "256277009",
    "418689008",
    "782576004",
    "419263009",
    "264287008",
    "232347008",
    "288328004",
    "424213003",
    "716186003",
    "429625007",
    "160244002",
    "409137002",
];
