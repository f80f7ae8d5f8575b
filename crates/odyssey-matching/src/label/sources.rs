//! Brackets that name the source of what stands before them: "lecithin (soy)", "glycerin (vegetable)".
//!
//! Only a bracket of nothing but sources, forms and joining words settles anything; any other word in
//! it, a word nobody knows or a statement ("may contain"), leaves the doubt where it was.

use super::items::opens;
use super::lexicon::{Lexicon, Marker};
use super::tables::target;
use super::text::Word;
use super::trie::{Hit, Target};
use crate::facts::{EvidenceKey as K, KEY_COUNT, KeySet};

/// What a bracket names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The plant or animal itself.
    Source,
    /// Only that it is of no animal.
    NoAnimal,
}

const ANIMAL: KeySet = KeySet::of(&[K::Meat, K::Pork, K::Poultry, K::AnimalAdditive, K::AmbiguousAdditive]);

impl Named {
    /// Whether it answers what the target leaves in doubt. Classes that are not about the source
    /// (partial hydrogenation, sugar, tyramine) are never answered.
    pub fn settles(self, of: Target) -> bool {
        let diet = (target::DIETS..target::CONTAINER).contains(&of);
        let key = (usize::from(of) < KEY_COUNT).then(|| K::ALL[usize::from(of)]);
        let animal = diet || key.is_some_and(|k| ANIMAL.contains(k));
        animal || (self == Self::Source && key.is_some_and(K::is_allergen))
    }
}

/// What the bracket right behind the hit names, if it names sources and nothing else.
pub(super) fn of_bracket(words: &[Word], hit: &Hit, lexicon: &Lexicon) -> Option<Named> {
    let first = hit.end as usize;
    let (last, open) = (words.get(first.checked_sub(1)?)?, words.get(first)?);
    if !opens(last, open) {
        return None;
    }
    let mut named = None;
    for (at, word) in words.iter().enumerate().skip(first) {
        if at > first && word.low < open.depth {
            break;
        }
        if word.depth != open.depth {
            return None;
        }
        let info = lexicon.info(word.id);
        if info.source {
            named = Some(Named::Source);
        } else if info.no_animal {
            named = named.or(Some(Named::NoAnimal));
        } else {
            let plain = match info.marker {
                Marker::None | Marker::Purpose => {
                    info.function || info.modifier || info.hollow || info.purpose
                }
                Marker::And | Marker::Or | Marker::Of | Marker::Article => true,
                _ => false,
            };
            if !plain && !word.number {
                return None;
            }
        }
    }
    named
}
