//! The ingredients of a list as items between commas and brackets: what a word is worth beside the
//! words it stands with.
//!
//! "Preservative", "oil" or "vegetables" say something only beside another word ("soybean oil"), before
//! a bracket ("oil (canola)") or in the bracket of another ingredient ("BHT (preservative)"). Alone
//! they may be anything, and nobody has read what it is.

use super::lexicon::{Lexicon, Marker, WordInfo};
use super::text::{Sep, Word};
use super::trie::{Hit, Status};

/// What a word counts for when the coverage of a list is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A function word, a number, a purpose beside its ingredient: not counted.
    Ignored,
    Recognised,
    Unrecognised,
}

/// The standing of every word.
pub(super) fn standings(words: &[Word], hits: &[Hit], lexicon: &Lexicon) -> Vec<Standing> {
    let marks = Marks::of(words, hits, lexicon);
    let mut standings: Vec<Standing> = (0..words.len()).map(|at| marks.standing(at)).collect();
    unread_spelled_out(words, &mut standings);
    let mut explaining = Explaining::default();
    for (first, end) in items(words) {
        let explained = explaining.step(words, first) || is_explained(words, first, end);
        for (first, end) in marks.parts(first, end) {
            let strong = (first..end).any(|at| marks.is_strong(at));
            let purpose_is_told = (first..end).any(|at| marks.is_of_purpose(at) || marks.is_denial(at));
            for (at, standing) in standings.iter_mut().enumerate().take(end).skip(first) {
                let info = marks.info(at);
                if info.purpose && !marks.phrase[at] {
                    *standing = if strong || explained || purpose_is_told {
                        Standing::Ignored
                    } else {
                        Standing::Unrecognised
                    };
                } else if info.hollow && !marks.phrase[at] && !strong && !explained {
                    *standing = Standing::Unrecognised;
                }
            }
        }
        explaining.settle(words, first, (first..end).any(|at| marks.is_strong(at)));
    }
    standings
}

/// Letters one by one ("w h e y") may be any word: a run of three or more is unread.
fn unread_spelled_out(words: &[Word], standings: &mut [Standing]) {
    let is_letter = |w: &Word| w.end - w.start == 1 && !w.number;
    let mut first = 0;
    while first < words.len() {
        let mut end = first + 1;
        while is_letter(&words[first])
            && end < words.len()
            && words[end].sep <= Sep::Line
            && is_letter(&words[end])
        {
            end += 1;
        }
        if end - first >= 3 {
            standings[first..end].fill(Standing::Unrecognised);
        }
        first = end;
    }
}

/// Leaves the bare terms only where they are the whole ingredient, and nothing explains them.
pub(super) fn settle_bare(mut hits: Vec<Hit>, words: &[Word], lexicon: &Lexicon) -> Vec<Hit> {
    if hits.iter().all(|h| h.status != Status::Bare) {
        return hits;
    }
    let mut item_of = vec![(0, 0); words.len()];
    for (first, end) in items(words) {
        item_of[first..end].fill((first, end));
    }
    let says_nothing = |at: usize| {
        let (word, info) = (&words[at], lexicon.info(words[at].id));
        word.number || info.function || info.modifier || info.purpose
    };
    hits.retain(|hit| {
        let (first, end) = item_of[hit.first as usize];
        let own = hit.first as usize..hit.end as usize;
        let alone = end >= own.end && (first..end).all(|at| own.contains(&at) || says_nothing(at));
        hit.status != Status::Bare || (alone && !is_explained(words, first, end))
    });
    hits
}

/// Whether the hit is the "flavor" of "added to protect color and flavor": a purpose, no ingredient.
pub(super) fn is_purpose(words: &[Word], hit: &Hit, lexicon: &Lexicon) -> bool {
    let first = hit.first as usize;
    if hit.end - hit.first != 1 || words[first].id != lexicon.id("flavor") {
        return false;
    }
    let mut at = first;
    while at > 0 && words[at].sep <= Sep::Line {
        at -= 1;
        let info = lexicon.info(words[at].id);
        if info.marker == Marker::Purpose {
            return true;
        }
        if !info.purpose && !lexicon.is_connective(words[at].id) {
            return false;
        }
    }
    false
}

/// The items of a text as ranges of words: what stands between commas, colons, brackets and full stops.
fn items(words: &[Word]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut first = 0;
    std::iter::from_fn(move || {
        if first >= words.len() {
            return None;
        }
        let start = first;
        first = (start + 1..words.len()).find(|at| words[*at].sep > Sep::Line).unwrap_or(words.len());
        Some((start, first))
    })
}

/// A bracket or a colon behind the item says what it is.
fn is_explained(words: &[Word], first: usize, end: usize) -> bool {
    let (Some(next), last) = (words.get(end), &words[end - 1]) else { return false };
    debug_assert!(first < end);
    opens(last, next) || next.sep == Sep::Colon
}

/// Nothing but an opening bracket stands between the two.
pub(super) fn opens(before: &Word, word: &Word) -> bool {
    word.sep == Sep::Bracket && !word.comma && word.depth > before.depth && word.low == before.depth
}

/// Whether the item stands in a bracket that says what an ingredient is for: "BHT (preservative, …)".
#[derive(Debug, Default)]
struct Explaining {
    /// Depth of the bracket; 0 is none.
    depth: u16,
    /// The item before named an ingredient.
    after_strong: bool,
}

impl Explaining {
    fn step(&mut self, words: &[Word], first: usize) -> bool {
        let word = &words[first];
        if self.depth > 0 && (word.low < self.depth || word.sep == Sep::Sentence) {
            self.depth = 0;
        }
        if self.depth == 0 && first > 0 && self.after_strong && opens(&words[first - 1], word) {
            self.depth = word.depth;
        }
        self.depth > 0
    }

    /// A bracket that names ingredients of its own explains nothing further.
    fn settle(&mut self, words: &[Word], first: usize, strong: bool) {
        if strong && words[first].depth == self.depth {
            self.depth = 0;
        }
        self.after_strong = strong;
    }
}

/// A word that does not say what an ingredient is: how, whence, in which form or what for.
pub(super) fn is_weak(words: &[Word], at: usize, lexicon: &Lexicon) -> bool {
    let (word, info) = (&words[at], lexicon.info(words[at].id));
    info.function || info.purpose || info.hollow || info.modifier || word.number || word.end - word.start <= 1
}

fn range_of(hit: &Hit) -> std::ops::Range<usize> {
    hit.first as usize..hit.end as usize
}

/// What the hits make of the words.
struct Marks<'a> {
    words: &'a [Word],
    lexicon: &'a Lexicon,
    consumed: Vec<bool>,
    /// Part of a term of several words, which says what no word of it says.
    phrase: Vec<bool>,
    /// Part of a composite food that nothing explains.
    composite: Vec<bool>,
}

impl<'a> Marks<'a> {
    fn of(words: &'a [Word], hits: &[Hit], lexicon: &'a Lexicon) -> Self {
        let none = || vec![false; words.len()];
        let mut marks = Self { words, lexicon, consumed: none(), phrase: none(), composite: none() };
        // How long the longest term is that says what the word is part of.
        let mut named_by = vec![0; words.len()];
        for hit in hits.iter().filter(|h| h.status != Status::Composite) {
            let (range, length) = (range_of(hit), hit.end - hit.first);
            marks.consumed[range.clone()].fill(true);
            if length > 1 {
                marks.phrase[range.clone()].fill(true);
            }
            for longest in &mut named_by[range] {
                *longest = length.max(*longest);
            }
        }
        for hit in hits.iter().filter(|h| h.status == Status::Composite) {
            let range = range_of(hit);
            // The "sauce" of "soy sauce" is spoken for.
            let named = range.clone().all(|at| named_by[at] > hit.end - hit.first);
            if !named && !is_explained(words, range.start, range.end) {
                marks.composite[range].fill(true);
            }
        }
        marks
    }

    fn info(&self, at: usize) -> WordInfo {
        self.lexicon.info(self.words[at].id)
    }

    fn standing(&self, at: usize) -> Standing {
        let (word, info) = (&self.words[at], self.info(at));
        let counts_not = info.function || word.number || word.end - word.start <= 1;
        if self.composite[at] {
            if counts_not { Standing::Ignored } else { Standing::Unrecognised }
        } else if self.consumed[at] || (info.food && !counts_not) {
            Standing::Recognised
        } else if counts_not {
            Standing::Ignored
        } else {
            Standing::Unrecognised
        }
    }

    /// Whether the word says what the ingredient is; one that nobody knows does too, and counts as such.
    fn is_strong(&self, at: usize) -> bool {
        let (word, info) = (&self.words[at], self.info(at));
        let weak = info.function || info.purpose || info.hollow || info.modifier || word.number;
        self.phrase[at] || (!weak && word.end - word.start > 1)
    }

    /// "as a preservative", "to protect color": what the ingredient before is for.
    fn is_of_purpose(&self, at: usize) -> bool {
        self.lexicon.marker(self.words[at].id) == Marker::Purpose
    }

    /// "no preservatives".
    fn is_denial(&self, at: usize) -> bool {
        matches!(self.lexicon.marker(self.words[at].id), Marker::No | Marker::Without | Marker::Not)
    }

    /// The item in parts, where "and" joins an ingredient and a purpose: "salt and preservatives". In
    /// "to protect color and flavor" it joins two purposes of one ingredient.
    fn parts(&self, first: usize, end: usize) -> Vec<(usize, usize)> {
        if (first..end).any(|at| self.is_of_purpose(at)) {
            return vec![(first, end)];
        }
        let mut parts = Vec::new();
        let mut start = first;
        for at in first..end {
            let joins = self.lexicon.is_connective(self.words[at].id) && !self.consumed[at];
            let rest_is_purpose = joins
                && (at + 1..end).all(|i| !self.is_strong(i))
                && (at + 1..end).any(|i| self.info(i).purpose);
            if rest_is_purpose && at > start {
                parts.push((start, at));
                start = at;
            }
        }
        parts.push((start, end));
        parts
    }
}
