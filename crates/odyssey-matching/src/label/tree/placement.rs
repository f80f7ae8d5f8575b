//! Where in a list an allergen or a class stands: what a dose depends on ("first five ingredients",
//! "starch as one of the first three", "less than 2 %").

use std::collections::BTreeSet;

use super::super::tables::{Tables, target};
use super::super::trie::Hit;
use super::super::{Reading, statements::Mode};
use super::{Ingredient, IngredientTree};
use crate::facts::{EvidenceKey, KEY_COUNT};

/// The weightiest place at which a key stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    pub key: EvidenceKey,
    /// Place among the top-level ingredients, from 1; that of what holds it, where it is nested.
    pub rank: u32,
    /// It stands only behind "contains less than 2 % of".
    pub minor: bool,
    /// How much of the product it can be at most, in ppm: the sum over its places, no more than the whole.
    pub max_ppm: u32,
}

/// The placements of every key that the list surely names, in storage order. Statements are no place.
pub(super) fn placements(tree: &IngredientTree, reading: &Reading, tables: &Tables) -> Vec<Placement> {
    let spots = spots(tree);
    let mut found: [Option<Placement>; KEY_COUNT] = [None; KEY_COUNT];
    let mut counted: BTreeSet<(EvidenceKey, usize)> = BTreeSet::new();
    for hit in reading.hits.iter().filter(|hit| counts(hit, reading)) {
        let Some(key) = EvidenceKey::ALL.get(usize::from(hit.target)).copied() else { continue };
        let start = reading.words.list[hit.first as usize].start;
        let place = spots.partition_point(|spot| spot.start <= start);
        let Some(spot) = place.checked_sub(1).map(|at| spots[at]).filter(|s| start < s.end) else { continue };
        debug_assert!((hit.term as usize) < tables.terms.len());
        // Two terms in one ingredient are one place.
        let more = if counted.insert((key, place)) { spot.max_ppm } else { 0 };
        let slot = &mut found[key as usize];
        *slot = Some(match *slot {
            None => Placement { key, rank: spot.rank, minor: spot.minor, max_ppm: more },
            Some(before) => Placement {
                key,
                rank: before.rank.min(spot.rank),
                minor: before.minor && spot.minor,
                max_ppm: before.max_ppm.saturating_add(more).min(super::WHOLE_PPM),
            },
        });
    }
    found.into_iter().flatten().collect()
}

fn counts(hit: &Hit, reading: &Reading) -> bool {
    usize::from(hit.target) < KEY_COUNT
        && hit.target < target::NAMES
        && hit.status.names_surely()
        && matches!(reading.modes.of(hit.first, hit.end), Mode::List | Mode::Contains)
}

/// An ingredient's range in the text and where it stands.
#[derive(Debug, Clone, Copy)]
struct Spot {
    start: u32,
    end: u32,
    rank: u32,
    minor: bool,
    max_ppm: u32,
}

/// The spots in the order of the text.
fn spots(tree: &IngredientTree) -> Vec<Spot> {
    fn visit(ingredient: &Ingredient, rank: u32, minor: bool, spots: &mut Vec<Spot>) {
        let minor = minor || ingredient.minor;
        spots.push(Spot {
            start: ingredient.start,
            end: ingredient.end,
            rank,
            minor,
            max_ppm: ingredient.max_ppm,
        });
        for inner in &ingredient.ingredients {
            visit(inner, rank, minor, spots);
        }
    }
    let mut spots = Vec::new();
    for ingredient in &tree.ingredients {
        visit(ingredient, ingredient.rank, ingredient.minor, &mut spots);
    }
    spots.sort_by_key(|spot| spot.start);
    spots
}
