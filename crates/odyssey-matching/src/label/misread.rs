//! Words that no table knows and that are one slip away from an allergen's name ("penauts"), or two
//! known words run together ("sugaregg"). Such a word leaves the allergen in doubt.

use std::collections::HashMap;

use super::lexicon::{Lexicon, WordId};
use super::text::singular;
use crate::facts::{EvidenceKey, KeySet};

/// Shorter names are a slip away from too many other words.
const NAME_LENGTH_MIN: usize = 5;
/// No name of an ingredient is longer; it keeps a hostile word cheap.
const WORD_LENGTH_MAX: usize = 32;
/// Either part of two words run together.
const PART_LENGTH_MIN: usize = 3;

/// Single words that name an allergen.
#[derive(Debug, Default)]
pub(super) struct Misread {
    keys: HashMap<WordId, KeySet>,
    /// Names with one letter left out, and as they are.
    slips: HashMap<Box<str>, KeySet>,
}

impl Misread {
    pub fn add(&mut self, word: &str, id: WordId, key: EvidenceKey) {
        self.keys.entry(id).or_default().insert(key);
        if word.len() >= NAME_LENGTH_MIN && word.is_ascii() {
            self.slips.entry(word.into()).or_default().insert(key);
            for shorter in one_letter_less(word) {
                self.slips.entry(shorter.into_boxed_str()).or_default().insert(key);
            }
        }
    }

    /// The allergens that an unknown word may be meant to name.
    pub fn of(&self, word: &str, lexicon: &Lexicon) -> KeySet {
        let mut word = word.to_lowercase();
        if !(NAME_LENGTH_MIN..=WORD_LENGTH_MAX).contains(&word.len())
            || !word.bytes().all(|b| b.is_ascii_lowercase())
        {
            return KeySet::EMPTY;
        }
        let parts = self.of_parts(&word, lexicon);
        singular(&mut word);
        let slip = |text: &str| self.slips.get(text).copied().unwrap_or_default();
        one_letter_less(&word).fold(parts.union(slip(&word)), |keys, shorter| keys.union(slip(&shorter)))
    }

    /// The keys of both parts, where a word falls into two that are known.
    fn of_parts(&self, word: &str, lexicon: &Lexicon) -> KeySet {
        let mut keys = KeySet::EMPTY;
        for at in PART_LENGTH_MIN..=word.len().saturating_sub(PART_LENGTH_MIN) {
            let known = |part: &str| {
                let mut part = part.to_owned();
                singular(&mut part);
                Some(lexicon.id(&part)).filter(|id| *id != Lexicon::UNKNOWN)
            };
            if let (Some(left), Some(right)) = (known(&word[..at]), known(&word[at..])) {
                for part in [left, right] {
                    keys = keys.union(self.keys.get(&part).copied().unwrap_or_default());
                }
            }
        }
        keys
    }
}

fn one_letter_less(word: &str) -> impl Iterator<Item = String> + '_ {
    (0..word.len()).map(|at| format!("{}{}", &word[..at], &word[at + 1..]))
}
