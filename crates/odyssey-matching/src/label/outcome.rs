//! What reading the texts of a label amounts to besides flags.

use super::Label;
use super::diets::DietTerms;
use super::evidence::Collector;
use crate::facts::{DIET_COUNT, EvidenceKey, Flag, KeySet};

/// What reading the texts amounts to besides flags.
#[derive(Debug)]
pub(super) struct Outcome {
    pub container: bool,
    pub diets: [DietTerms; DIET_COUNT],
    /// Gluten cereals found as such.
    pub grains: KeySet,
    /// Gluten cereals found in a form that is freed from gluten.
    pub freed_grains: KeySet,
    /// The name says "gluten free".
    pub gluten_claim: bool,
    /// Byte ranges of the ingredient text that are statements, ascending.
    pub statements: Vec<(u32, u32)>,
}

impl Outcome {
    pub fn new() -> Self {
        Self {
            container: false,
            diets: [DietTerms::default(); DIET_COUNT],
            grains: KeySet::EMPTY,
            freed_grains: KeySet::EMPTY,
            gluten_claim: false,
            statements: Vec::new(),
        }
    }

    /// Gluten cereals that nothing says are freed from gluten: found plain, declared, or held.
    pub fn plain_grains(&self, collector: &Collector, label: &Label<'_>) -> KeySet {
        use EvidenceKey as K;
        const GLUTEN: [K; 5] = [K::Wheat, K::GlutenCereal, K::Barley, K::Rye, K::Oats];
        let mut grains = KeySet(self.grains.0 & KeySet::of(&GLUTEN).0);
        for key in GLUTEN {
            let held = label.holds.contains(&(key, Flag::Contains));
            if held || (collector.has(key, Flag::Contains) && !self.freed_grains.contains(key)) {
                grains.insert(key);
            }
        }
        grains
    }
}
