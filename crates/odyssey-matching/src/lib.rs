//! The product: facts from labels, policies from profiles, verdicts from both.
//!
//! Owns: no table; the rule packs and term tables under `data/`. Promises: pure functions; the same
//! inputs give the same bytes; integers only in filters and scores; an unknown never passes a gate.
//! Emits: nothing. Never: does IO, reads a clock, draws a random number, knows a vendor.

mod derive_profile;
mod diet_rules;
mod engine;
mod facts;
mod facts_document;
pub mod fhir;
mod indices;
pub mod label;
mod label_rules;
mod proof;

pub use derive_profile::{BmiClass, DailyLimit, Derived, LimitKind, derive_profile};
pub use diet_rules::{
    Bound, DietRule, DietTable, DietTableError, Exception, ListProof, MedicalUse, NutrientTest, SnomedDiet,
    SnomedMeaning, TagProof, diet_of_snomed,
};
pub use engine::*;
pub use facts::*;
pub use facts_document::{FactsDocument, UnknownCode};
pub use indices::*;
pub use label_rules::*;
pub use proof::{Discrepancy, Proof, ProvenVerdict};
