//! Which words of a label are ingredients, and which belong to a statement: "contains …",
//! "may contain …", "made in a facility …", "free from …".
//!
//! A statement can only take the place of a stronger reading where it surely ends: a "may contain"
//! that runs on into words that name no allergen keeps its first item and gives back the rest.

use super::lexicon::{Lexicon, Marker};
use super::text::{Sep, Word};
use super::trie::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    List,
    Contains,
    Pal,
    Facility,
    Free,
}

/// A hit as far as statements care: which words it covers, and whether it names an allergen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub first: u32,
    pub end: u32,
    pub status: Status,
    pub allergen: bool,
}

/// How a text's words are to be taken.
#[derive(Debug)]
pub(super) struct Modes {
    modes: Vec<Mode>,
    /// The word is denied: "free from milk".
    denied: Vec<bool>,
}

impl Modes {
    /// The mode of a term that covers these words. A denial counts only where it covers all of them:
    /// in "lactose free milk" the milk is there.
    pub fn of(&self, first: u32, end: u32) -> Mode {
        let denied = self.denied[first as usize..end as usize].iter().all(|d| *d);
        if denied { Mode::Free } else { self.modes[first as usize] }
    }
}

/// Reads the statements of a text.
pub(super) fn read(words: &[Word], spans: &[Span], lexicon: &Lexicon) -> Modes {
    let reader = Reader::new(words, spans, lexicon);
    let mut modes = vec![Mode::List; words.len()];
    let mut at = 0;
    while at < words.len() {
        let Some((mode, body)) = reader.trigger(at) else {
            at += 1;
            continue;
        };
        let end = reader.scope_end(at, body, mode);
        for slot in modes.iter_mut().take(end).skip(body) {
            *slot = mode;
        }
        at = end.max(at + 1);
    }
    let mut denied = vec![false; words.len()];
    reader.mark_free(spans, &mut denied);
    Modes { modes, denied }
}

/// No statement on a package is longer, in words; it keeps a hostile text linear.
const STATEMENT_WORDS_MAX: usize = 200;
/// No free-from list names more.
const DENIED_TERMS_MAX: usize = 32;

struct Reader<'a> {
    words: &'a [Word],
    lexicon: &'a Lexicon,
    /// The word is part of a term that names an allergen.
    named: Vec<bool>,
    /// The end of the longest term (no false friend) that begins at the word; 0 if none does.
    longest: Vec<u32>,
    /// A false friend begins at the word: "non hydrogenated" speaks of itself, not of the oil behind it.
    befriended: Vec<bool>,
}

impl<'a> Reader<'a> {
    fn new(words: &'a [Word], spans: &[Span], lexicon: &'a Lexicon) -> Self {
        let mut named = vec![false; words.len()];
        let mut longest = vec![0; words.len()];
        let mut befriended = vec![false; words.len()];
        for span in spans.iter().filter(|s| s.status.is_friend()) {
            befriended[span.first as usize] = true;
        }
        for span in spans.iter().filter(|s| !s.status.is_friend()) {
            let slot = &mut longest[span.first as usize];
            *slot = span.end.max(*slot);
            if span.allergen {
                named[span.first as usize..span.end as usize].fill(true);
            }
        }
        Self { words, lexicon, named, longest, befriended }
    }

    fn marker(&self, at: usize) -> Marker {
        self.words.get(at).map_or(Marker::None, |w| self.lexicon.marker(w.id))
    }

    /// The marker of the word before, where nothing separates the two.
    fn marker_before(&self, at: usize) -> Marker {
        if at == 0 || !self.joined(at) { Marker::None } else { self.marker(at - 1) }
    }

    fn joined(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|w| w.sep <= Sep::Line)
    }

    fn in_sentence(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|w| w.sep < Sep::Sentence)
    }

    /// Whether a statement begins at this word: its mode, and where what it speaks of begins.
    fn trigger(&self, at: usize) -> Option<(Mode, usize)> {
        match self.marker(at) {
            Marker::May => self.may(at),
            Marker::Contain => self.contain(at),
            Marker::Trace => {
                let colon = self.words.get(at + 1).is_some_and(|w| w.sep == Sep::Colon);
                // "traces of", "traces éventuelles de".
                let of = (at + 1..at + 3)
                    .take_while(|i| self.joined(*i))
                    .any(|i| matches!(self.marker(i), Marker::Of | Marker::Article));
                (colon || of).then_some((Mode::Pal, at + 1))
            }
            Marker::Allergen => self.allergen_heading(at),
            Marker::Suitable => {
                let allergy = (at..at + 12).take_while(|i| *i == at || self.in_sentence(*i));
                let spoken = allergy.into_iter().any(|i| self.marker(i) == Marker::Allergen);
                spoken.then_some((Mode::Pal, at + 1))
            }
            Marker::Made => self.made(at),
            Marker::Shared => {
                let place = self.joined(at + 1) && self.marker(at + 1) == Marker::Place;
                place.then_some((Mode::Facility, at + 2))
            }
            Marker::Place => {
                let relative = self.joined(at + 1) && self.marker(at + 1) == Marker::Relative;
                relative.then_some((Mode::Facility, at + 1))
            }
            Marker::Ingredient => {
                let colon = self.words.get(at + 1).is_some_and(|w| w.sep == Sep::Colon);
                colon.then_some((Mode::List, at + 1))
            }
            _ => None,
        }
    }

    /// "may contain", "may also contain traces of", "kann Spuren von … enthalten".
    fn may(&self, at: usize) -> Option<(Mode, usize)> {
        let near = (at + 1..at + 4).take_while(|i| self.joined(*i));
        let verb = near.into_iter().find(|i| matches!(self.marker(*i), Marker::Contain | Marker::Trace));
        if let Some(verb) = verb {
            // "may contain one or more of: soybean oil, palm oil" lists ingredients.
            return (!self.counts(verb + 1)).then_some((Mode::Pal, verb + 1));
        }
        let sentence = (at + 1..at + 16).take_while(|i| self.in_sentence(*i));
        let german = sentence.into_iter().any(|i| self.marker(i) == Marker::Present);
        german.then_some((Mode::Pal, at + 1))
    }

    /// A number, or "less than", "one or more": what follows is an amount, not an allergen.
    fn counts(&self, at: usize) -> bool {
        self.words
            .get(at)
            .is_some_and(|w| w.sep < Sep::Bracket && (w.number || self.marker(at) == Marker::OneOrLess))
    }

    fn contain(&self, at: usize) -> Option<(Mode, usize)> {
        let before = self.marker_before(at);
        let negated = matches!(before, Marker::Not | Marker::No)
            || (self.joined(at + 1) && matches!(self.marker(at + 1), Marker::No | Marker::Without));
        let relative = before == Marker::Relative;
        (!negated && !relative && !self.counts(at + 1)).then_some((Mode::Contains, at + 1))
    }

    /// "allergens:", "allergy information:".
    fn allergen_heading(&self, at: usize) -> Option<(Mode, usize)> {
        let colon = |i: usize| self.words.get(i).is_some_and(|w| w.sep == Sep::Colon);
        if colon(at + 1) {
            return Some((Mode::Contains, at + 1));
        }
        let heading = self.joined(at + 1) && self.marker(at + 1) == Marker::Information && colon(at + 2);
        heading.then_some((Mode::Contains, at + 2))
    }

    /// "made in a facility that also processes …", "packed on shared equipment with …".
    fn made(&self, at: usize) -> Option<(Mode, usize)> {
        if !(self.joined(at + 1) && self.marker(at + 1) == Marker::In) {
            return None;
        }
        let reach = || (at + 2..at + 11).take_while(|i| self.in_sentence(*i));
        let place = reach().find(|i| self.marker(*i) == Marker::Place)?;
        let shared = (at + 2..place).any(|i| self.marker(i) == Marker::Shared);
        let spoken = (place + 1..place + 4).take_while(|i| self.in_sentence(*i)).any(|i| {
            matches!(self.marker(i), Marker::Relative | Marker::In | Marker::Contain | Marker::Made)
        });
        let named = (at + 2..place).any(|i| self.named[i]);
        (shared || spoken || named).then_some((Mode::Facility, at + 2))
    }

    /// Where the statement that `trigger` found at `at` ends.
    fn scope_end(&self, at: usize, body: usize, mode: Mode) -> usize {
        let depth = self.words[at].depth;
        let mut end = body;
        let last = match mode {
            Mode::Pal | Mode::Facility => self.words.len().min(body + STATEMENT_WORDS_MAX),
            _ => self.words.len(),
        };
        while end < last {
            let word = &self.words[end];
            let line =
                word.sep == Sep::Line && !word.comma && !self.lexicon.is_connective(self.words[end - 1].id);
            if word.sep == Sep::Sentence || word.low < depth || (line && end > body) {
                break;
            }
            if self.interrupts(end, mode) {
                break;
            }
            end += 1;
        }
        if matches!(mode, Mode::Pal | Mode::Facility) { self.list_end(body, end) } else { end }
    }

    fn interrupts(&self, at: usize, mode: Mode) -> bool {
        match self.trigger(at) {
            Some((Mode::Facility, _)) => mode != Mode::Facility,
            Some((Mode::Pal, _)) => mode != Mode::Pal,
            Some(_) => true,
            None => false,
        }
    }

    /// The end of a precautionary list. If any item after the first has a word that is neither an
    /// allergen nor a word of statements, only the first item is surely meant.
    fn list_end(&self, body: usize, end: usize) -> usize {
        let starts_item = |i: usize| i > body && (self.words[i].comma || self.words[i].sep >= Sep::Colon);
        let first_end = (body..end).find(|i| starts_item(*i)).unwrap_or(end);
        let stray = |i: usize| {
            let word = &self.words[i];
            let info = self.lexicon.info(word.id);
            let spoken = info.function || info.marker != Marker::None || word.end - word.start <= 1;
            !self.named[i] && !word.number && !spoken
        };
        let first_names = (body..first_end).any(|i| self.named[i]);
        let first_strays = (body..first_end).any(stray);
        let rest_strays = (first_end..end).any(stray);
        if rest_strays || (first_strays && !first_names) { first_end } else { end }
    }

    /// Marks what is denied: "milk free", "no milk or egg", "free from milk, egg and soy".
    fn mark_free(&self, spans: &[Span], denied: &mut [bool]) {
        for span in spans.iter().filter(|s| !s.status.is_friend()) {
            let end = span.end as usize;
            let free = self.joined(end) && self.marker(end) == Marker::Free;
            // "free range", and "peanuts free from salt": there "free" speaks of what follows.
            let next = end + 1;
            let forward = self.joined(next)
                && (matches!(self.marker(next), Marker::Range | Marker::Of) || self.is_from(next));
            if free && !forward {
                denied[span.first as usize..end].fill(true);
            }
        }
        for at in 0..self.words.len() {
            if let Some((start, list)) = self.denial(at) {
                self.mark_denied(start, list, denied);
            }
        }
    }

    /// Whether a denial begins here: where its first term stands, and whether it may be a list.
    fn denial(&self, at: usize) -> Option<(usize, bool)> {
        let next = at + 1;
        let skip_added = |i: usize| if self.marker(i) == Marker::Added { i + 1 } else { i };
        match self.marker(at) {
            Marker::No | Marker::Without if self.joined(next) && !self.befriended[at] => {
                let list = self.marker_before(at) == Marker::Contain;
                Some((skip_added(next), list))
            }
            Marker::Free if self.joined(next) && self.marker_before(at) != Marker::None => None,
            Marker::Free if self.joined(next) => {
                let of = matches!(self.marker(next), Marker::Of) || self.is_from(next);
                of.then_some((next + 1, true))
            }
            Marker::Contain if matches!(self.marker_before(at), Marker::Not) => {
                Some((skip_added(next), true))
            }
            _ => None,
        }
    }

    fn is_from(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|w| w.id == self.lexicon.id("from") && w.id != Lexicon::UNKNOWN)
    }

    fn mark_denied(&self, start: usize, list: bool, denied: &mut [bool]) {
        let term_end = |i: usize| self.longest.get(i).map_or(0, |e| *e as usize);
        let first_end = term_end(start);
        if first_end == 0 || !(self.joined(start) || self.words[start].sep == Sep::Colon) {
            return;
        }
        let mut sure = first_end;
        let mut end = first_end;
        // "milk, egg and soy": a comma list counts once a connective has closed it.
        for _ in 0..DENIED_TERMS_MAX {
            let connective = matches!(self.marker(end), Marker::Or | Marker::No)
                || (list && self.marker(end) == Marker::And);
            let comma = list && self.words.get(end).is_some_and(|w| w.sep == Sep::Comma);
            let term = if connective && (self.joined(end) || comma) { end + 1 } else { end };
            if !(connective || comma) || term_end(term) == 0 || (connective && !self.joined(term)) {
                break;
            }
            end = term_end(term);
            if connective {
                sure = end;
            }
        }
        denied[start..sure].fill(true);
    }
}
