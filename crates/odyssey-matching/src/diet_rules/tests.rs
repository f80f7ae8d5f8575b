use super::{DietTable, EMBEDDED, ListProof, SnomedMeaning, diet_of_snomed};
use crate::engine::Status;
use crate::facts::Diet;

#[test]
fn every_diet_has_a_rule_with_a_citation() {
    let table = DietTable::embedded();
    for diet in Diet::ALL {
        let rule = table.rule(*diet);
        assert_eq!((rule.diet, rule.source.rule.as_str()), (*diet, format!("diet.{}", diet.code()).as_str()));
        assert!(!rule.source.citation.is_empty(), "{}", diet.code());
    }
}

#[test]
fn what_is_general_knowledge_is_never_proved_by_a_list() {
    for rule in DietTable::embedded().rules().iter().filter(|r| r.source.status == Status::Unreviewed) {
        assert_eq!(rule.list, ListProof::Never, "{}", rule.diet.code());
    }
}

#[test]
fn a_law_of_process_is_never_proved_of_animals_by_ingredients() {
    for diet in [Diet::Halal, Diet::Kosher] {
        let rule = DietTable::embedded().rule(diet);
        assert!(rule.process && rule.list != ListProof::Complete);
    }
}

fn refused(from: &str, to: &str, expected: &str) {
    assert!(EMBEDDED.contains(from), "{from}");
    let error = DietTable::parse(&EMBEDDED.replacen(from, to, 1)).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_table_that_does_not_add_up_is_refused() {
    refused("id = \"vegan\"", "id = \"vegetarian\"", "stands twice");
    refused("id = \"soft\"", "id = \"softish\"", "`softish` is not a diet");
    refused("doubts = [\"class.ambiguous_additive\"]", "doubts = [\"class.ghost\"]", "not a key");
    refused("source = \"s37\"", "source = \"a_blog\"", "unknown source");
    refused("below = \"0.5\"", "below = \"0.5\"\nat_most = \"1\"", "exactly one");
    refused("at_most = \"140\"", "at_most = \"140.0001\"", "140.0001");
    refused("below_percent = 20", "below_percent = 200", "share of energy");
    refused(
        "list = \"never\"\ntag = \"never\"\nprocess",
        "list = \"complete\"\ntag = \"never\"\nprocess",
        "process",
    );
    refused("key = \"milk\", terms", "key = \"egg\", terms", "does not exclude");
    refused("allergen = \"shellfish\"", "allergen = \"shelf\"", "not an allergen");
    refused("code = \"24930006\"", "code = \"281015005\"", "stands twice");
    refused("version = ", "surprise = ", "cannot be read");
    let unreviewed = "list = \"never\"\ntag = \"never\"\nsource = \"general\"";
    refused(unreviewed, &unreviewed.replacen("never", "complete", 1), "general knowledge");
}

#[test]
fn snomed_diets_are_known_by_their_codes() {
    for (code, diet) in [
        ("24930006", Some(Diet::Vegan)),
        ("300928006", Some(Diet::Vegetarian)),
        ("160671006", Some(Diet::GlutenFree)),
        ("78502005", Some(Diet::LactoseFree)),
        ("226200009", Some(Diet::NutFree)),
        ("226225000", Some(Diet::Halal)),
        ("226241004", Some(Diet::Paleo)),
        ("386619000", Some(Diet::LowSodium)),
        ("226138001", Some(Diet::AlcoholFree)),
        // Asks to avoid an allergen; known and not computed; a code of something else.
        ("226201008", None),
        ("33489005", None),
        ("73211009", None),
    ] {
        assert_eq!(diet_of_snomed(code), diet, "{code}");
    }
    let table = DietTable::embedded();
    let peanut = table.snomed("226201008").expect("the peanut-free diet");
    assert_eq!(peanut.meaning, Some(SnomedMeaning::Allergen("peanut".to_owned())));
    assert_eq!(table.snomed("33489005").expect("the renal diet").meaning, None);
    assert!(table.snomed("73211009").is_none());
    assert!(table.snomed_codes().len() >= 45);
}
