//! Single values: numbers, texts, lists, dates, amounts, allergens.
//!
//! Owns: `data/allergen_names.tsv`, `data/condition_names.tsv`. Promises: no floats between a cell and a
//! stored integer; what cannot be read for sure is not read. Emits: nothing. Never: guesses.

pub(crate) mod allergens;
pub(crate) mod amount;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod text;
