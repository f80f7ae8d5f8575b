//! Diets, three-valued (reference 5.2): *No* by a named ingredient, *Yes* by a certificate, an
//! uncontradicted declaration or a complete list, else *Unknown*.
//!
//! Proof by list asks for full coverage (1000 permille): "yes" says of every word what it is, and an
//! unread word may be the animal product. The 90 % of reference 8.1 is for silence about a dislike.
//! Halal by list asks further that nothing of animal origin is there; kosher is never proved by a
//! list, nor by a tag, since its law is about process; a bare tag proves halal only for plant food.

use super::declared::DietClaims;
use super::evidence::Collector;
use crate::facts::{DIET_COUNT, Diet, DietFact, EvidenceKey as K, Flag, KeySet, ListState, Truth};

/// What the terms of `data/terms/diets.tsv` say of a diet.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct DietTerms {
    pub breaks: bool,
    pub unsure: bool,
}

/// Everything diets are judged by.
pub(super) struct DietInput<'a> {
    pub collector: &'a Collector,
    pub terms: [DietTerms; DIET_COUNT],
    pub claims: DietClaims,
    /// Gluten cereals that are there as such, not only in a gluten-free form.
    pub grains: KeySet,
    pub list_state: ListState,
    pub coverage_permille: u16,
    pub container_term: bool,
}

const ANIMALS: KeySet = KeySet::of(&[K::Meat, K::Pork, K::Poultry, K::Fish, K::Crustacean, K::Mollusc]);
const ANIMAL_PRODUCTS: KeySet = ANIMALS.union(KeySet::of(&[K::Milk, K::Egg, K::Bee, K::AnimalAdditive]));
const GLUTEN: KeySet = KeySet::of(&[K::Wheat, K::GlutenCereal, K::Barley, K::Rye, K::Oats]);
const LAND_MEAT: KeySet = KeySet::of(&[K::Meat, K::Poultry]);

/// The verdicts by diet; contradicted claims become issues of the caller's collector.
pub(super) fn judge(input: &DietInput<'_>) -> ([DietFact; DIET_COUNT], Vec<Diet>) {
    let mut contradicted = Vec::new();
    let facts = std::array::from_fn(|at| {
        let diet = Diet::ALL[at];
        let claimed = input.claims.tagged[at] || input.claims.certified[at];
        let truth = input.truth(diet);
        if claimed && truth == Truth::No {
            contradicted.push(diet);
        }
        DietFact {
            truth,
            certified: truth == Truth::Yes && input.claims.certified[at],
            precaution: input.any(excluded(diet), &[Flag::Pal, Flag::Facility]),
        }
    });
    (facts, contradicted)
}

/// The keys that a diet excludes outright.
fn excluded(diet: Diet) -> KeySet {
    match diet {
        Diet::Vegan => ANIMAL_PRODUCTS,
        Diet::Vegetarian => ANIMALS,
        Diet::GlutenFree => GLUTEN,
        Diet::Halal => KeySet::of(&[K::Pork, K::Alcohol]),
        Diet::Kosher => KeySet::of(&[K::Pork, K::Crustacean, K::Mollusc]),
        _ => KeySet::EMPTY,
    }
}

impl DietInput<'_> {
    fn any(&self, keys: KeySet, flags: &[Flag]) -> bool {
        keys.iter().any(|k| flags.iter().any(|f| self.collector.has(k, *f)))
    }

    fn contains(&self, keys: KeySet) -> bool {
        self.any(keys, &[Flag::Contains])
    }

    fn truth(&self, diet: Diet) -> Truth {
        let at = diet as usize;
        let claimed = self.claims.certified[at] || (self.claims.tagged[at] && self.tag_suffices(diet));
        if self.breaks(diet) {
            Truth::No
        } else if claimed || self.list_proves(diet) {
            Truth::Yes
        } else {
            Truth::Unknown
        }
    }

    fn breaks(&self, diet: Diet) -> bool {
        let named = self.terms[diet as usize].breaks;
        match diet {
            Diet::GlutenFree => {
                let claimed = self.gluten_claimed();
                let oats = KeySet::of(&[K::Oats]);
                let wheat_barley_rye = KeySet(self.grains.0 & !oats.0);
                // Oats, and grains freed from gluten, are gluten-free only with a claim to stand on.
                !wheat_barley_rye.is_empty() || (!claimed && self.contains(GLUTEN)) || named
            }
            Diet::Kosher => {
                let meat_and_milk = self.contains(LAND_MEAT) && self.contains(KeySet::of(&[K::Milk]));
                self.contains(excluded(diet)) || meat_and_milk || named
            }
            _ => self.contains(excluded(diet)) || named,
        }
    }

    fn gluten_claimed(&self) -> bool {
        let at = Diet::GlutenFree as usize;
        self.claims.tagged[at] || self.claims.certified[at]
    }

    /// Whether the vendor's own word is enough where nothing contradicts it.
    fn tag_suffices(&self, diet: Diet) -> bool {
        match diet {
            Diet::Vegan | Diet::Vegetarian | Diet::GlutenFree => true,
            Diet::Halal => !self.contains(ANIMAL_PRODUCTS) && !self.any(ANIMALS, &[Flag::Ambiguous]),
            _ => false,
        }
    }

    fn list_proves(&self, diet: Diet) -> bool {
        let complete = self.list_state == ListState::Complete && self.coverage_permille == 1000;
        let unsure = self.terms[diet as usize].unsure;
        let doubt = |keys: KeySet| self.any(keys, &[Flag::Ambiguous]);
        complete
            && !unsure
            && match diet {
                Diet::Vegan => !doubt(ANIMAL_PRODUCTS) && !doubt(KeySet::of(&[K::AmbiguousAdditive])),
                Diet::Vegetarian => !doubt(ANIMALS),
                Diet::GlutenFree => !doubt(GLUTEN) && !self.container_term,
                Diet::Halal => {
                    !self.contains(ANIMAL_PRODUCTS)
                        && !doubt(ANIMALS)
                        && !doubt(KeySet::of(&[K::Alcohol, K::AmbiguousAdditive]))
                        && !self.container_term
                }
                _ => false,
            }
    }
}
