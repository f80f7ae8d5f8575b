//! Oils whose source is named apart from the word: "vegetable oil (canola, soybean)", "soybean and/or
//! cottonseed oil". Where the law exempts the oil ("soybean oil"), it exempts it in this wording too.

use super::items::opens;
use super::lexicon::{Lexicon, Marker};
use super::text::{Sep, Word};
use super::trie::Hit;

/// Words between a source and its oil, or between it and the bracket's end; no list of oils is longer.
const REACH: usize = 16;

/// What oils are made of, and how: whatever else stands there says that more than an oil is meant.
const OIL_WORDS: &[&str] = &[
    "canola",
    "cottonseed",
    "cotton",
    "seed",
    "palm",
    "kernel",
    "sunflower",
    "safflower",
    "corn",
    "coconut",
    "olive",
    "rapeseed",
    "soybean",
    "soy",
    "rice",
    "bran",
    "vegetable",
    "oil",
    "partially",
    "fully",
    "hydrogenated",
    "hydrogenate",
    "interesterified",
    "refined",
    "liquid",
    "high",
    "oleic",
    "modified",
    "following",
    "more",
    "one",
];
/// Ways of making that keep the protein: such an oil is not exempt.
const UNREFINED: &[&str] =
    &["cold", "expeller", "pressed", "virgin", "unrefined", "crude", "toasted", "gourmet"];

/// Word numbers of what oils are called by.
#[derive(Debug, Default)]
pub(super) struct Oils {
    oil: u32,
    shortening: u32,
    words: Vec<u32>,
    unrefined: Vec<u32>,
}

impl Oils {
    pub fn new(lexicon: &mut Lexicon) -> Self {
        let mut ids = |words: &[&str]| {
            let mut ids: Vec<u32> = words.iter().map(|word| lexicon.add(word)).collect();
            ids.sort_unstable();
            ids
        };
        let (words, unrefined) = (ids(OIL_WORDS), ids(UNREFINED));
        Self { oil: lexicon.add("oil"), shortening: lexicon.add("shortening"), words, unrefined }
    }

    /// Whether the hit names only the source of an oil.
    pub fn is_source(&self, words: &[Word], hit: &Hit, lexicon: &Lexicon) -> bool {
        self.joined_to_oil(words, hit, lexicon) || self.in_bracket_of_oil(words, hit, lexicon)
    }

    fn fits(&self, word: &Word, lexicon: &Lexicon) -> bool {
        self.words.binary_search(&word.id).is_ok()
            || word.number
            || matches!(
                lexicon.marker(word.id),
                Marker::And
                    | Marker::Or
                    | Marker::Of
                    | Marker::Article
                    | Marker::May
                    | Marker::Contain
                    | Marker::OneOrLess
            )
    }

    fn is_unrefined(&self, word: &Word) -> bool {
        self.unrefined.binary_search(&word.id).is_ok()
    }

    /// "Soybean and/or cottonseed oil", "hydrogenated soybean and cottonseed oil": joined to the oil. A bare
    /// "and" may as well join two ingredients: "soybeans and corn oil".
    fn joined_to_oil(&self, words: &[Word], hit: &Hit, lexicon: &Lexicon) -> bool {
        let (first, end) = (hit.first as usize, hit.end as usize);
        let depth = words[first].depth;
        let is = |i: Option<usize>, word: &str| i.is_some_and(|i| words[i].id == lexicon.id(word));
        let mut joined = is(first.checked_sub(1), "hydrogenated");
        for word in words.iter().skip(end).take(REACH) {
            let apart = word.depth != depth || word.low < depth || word.sep > Sep::Comma;
            if apart || !self.fits(word, lexicon) {
                return false;
            }
            if word.id == self.oil {
                return joined && !(first.saturating_sub(3)..first).any(|i| self.is_unrefined(&words[i]));
            }
            joined |= lexicon.marker(word.id) == Marker::Or;
        }
        false
    }

    /// "Vegetable oil (canola, soybean)": the bracket names sources and nothing else.
    fn in_bracket_of_oil(&self, words: &[Word], hit: &Hit, lexicon: &Lexicon) -> bool {
        let first = hit.first as usize;
        let depth = words[first].depth;
        if depth == 0 {
            return false;
        }
        let mut start = first;
        while !(start > 0 && opens(&words[start - 1], &words[start])) {
            if start == 0 || first - start > REACH || words[start].low < depth {
                return false;
            }
            start -= 1;
            if words[start].depth != depth {
                return false;
            }
        }
        let head = &words[start - 1];
        if head.id != self.oil && head.id != self.shortening {
            return false;
        }
        let before = start.saturating_sub(5)..start;
        let inside = words.iter().skip(start).take(2 * REACH);
        let inside =
            inside.take_while(|w| w.depth >= depth && (w.low >= depth || w.start == words[start].start));
        !before.into_iter().any(|i| self.is_unrefined(&words[i]))
            && inside.into_iter().all(|w| w.depth == depth && self.fits(w, lexicon))
    }
}
