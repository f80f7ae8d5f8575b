//! Any text as name, description, ingredients and declared allergen of a product: statements and facts derived, each
//! piece of evidence quoting the text where it says it stands.
//!
//! Run with `cargo +nightly fuzz run label_facts` from the root of the repository.
#![no_main]

use libfuzzer_sys::fuzz_target;
use odyssey_matching::label::{Label, Tables, derive};
use odyssey_types::{DeclaredAllergens, ProductFields};

fuzz_target!(|text: &str| {
    let fields = ProductFields {
        name: Some(text.to_owned()),
        description: Some(text.to_owned()),
        ingredients: Some(text.to_owned()),
        allergens: Some(DeclaredAllergens { contains: vec![text.to_owned()], ..DeclaredAllergens::default() }),
        ..ProductFields::default()
    };
    let derivation = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded());
    assert!(derivation.facts.coverage_permille <= 1000);
    for evidence in derivation.evidence.iter().filter(|e| e.field != "allergens") {
        assert!(text[evidence.offset as usize..].starts_with(&evidence.matched));
    }
});
