//! Terms that a vendor or the platform added to the tables.
//!
//! They are read beside the tables, with a vocabulary and a matcher of their own: what the tables find in a
//! text, what they leave unread and how they take its statements is the same with and without them. So an
//! added term can only add evidence.

use sha2::{Digest, Sha256};

use super::lexicon::{Lexicon, Marker};
use super::tables::EXTRA_BITS;
use super::text::{self, term_words};
use super::trie::{Entry, Status, TERM_WORDS_MAX, Target, Trie};
use crate::facts::EvidenceKey;

/// Terms that can be added to one set of tables.
pub const EXTRA_TERMS_MAX: usize = 5_000;
/// Characters of an added term.
pub const EXTRA_TERM_CHARS_MAX: usize = 120;
/// A term of one word has at least so many letters: shorter ones are units and initials.
const LETTERS_MIN: usize = 3;

/// A term that names an allergen or a class, beyond those of the tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExtraTerm {
    pub text: String,
    pub key: EvidenceKey,
    /// It names its key beyond doubt; otherwise it leaves it in doubt.
    pub definite: bool,
}

/// What is wrong with an added term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermProblem {
    #[error("must have 1 to {TERM_WORDS_MAX} words and at most {EXTRA_TERM_CHARS_MAX} characters")]
    Length,
    #[error("names nothing: it needs a word of three letters that is no number, unit or word of statements")]
    SaysNothing,
    #[error("is one more than the {EXTRA_TERMS_MAX} terms that tables take")]
    TooMany,
}

/// Which of the added terms cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("term {place} {problem}")]
pub struct ExtraTermError {
    /// Place in the list that was given, from 0.
    pub place: usize,
    pub problem: TermProblem,
}

impl ExtraTerm {
    /// Whether tables would take it.
    pub fn check(&self) -> Result<(), TermProblem> {
        words_of(self, &super::Tables::embedded().lexicon).map(|_| ())
    }
}

fn words_of(term: &ExtraTerm, known: &Lexicon) -> Result<Vec<String>, TermProblem> {
    if term.text.chars().count() > EXTRA_TERM_CHARS_MAX {
        return Err(TermProblem::Length);
    }
    let words = term_words(&term.text);
    if words.is_empty() || words.len() > TERM_WORDS_MAX {
        return Err(TermProblem::Length);
    }
    let names_something = words.iter().any(|word| {
        let info = known.info(known.id(word));
        word.chars().filter(|c| c.is_alphabetic()).count() >= LETTERS_MIN
            && !info.function
            && info.marker == Marker::None
    });
    if names_something { Ok(words) } else { Err(TermProblem::SaysNothing) }
}

/// The added terms, ready to be looked for.
#[derive(Debug)]
pub(super) struct Extra {
    lexicon: Lexicon,
    trie: Trie,
    terms: Vec<String>,
    mark: u32,
}

/// An added term in a text, as a range of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub key: EvidenceKey,
    pub definite: bool,
    pub term: u32,
    pub text: &'a str,
    pub start: u32,
    pub end: u32,
}

impl Extra {
    pub fn new(terms: &[ExtraTerm], known: &Lexicon) -> Result<Self, ExtraTermError> {
        if terms.len() > EXTRA_TERMS_MAX {
            return Err(ExtraTermError { place: EXTRA_TERMS_MAX, problem: TermProblem::TooMany });
        }
        let mut lexicon = Lexicon::new();
        let mut read = Vec::with_capacity(terms.len());
        for (place, term) in terms.iter().enumerate() {
            let words = words_of(term, known).map_err(|problem| ExtraTermError { place, problem })?;
            let ids: Vec<_> = words.iter().map(|word| lexicon.add(word)).collect();
            read.push((ids, term, place));
        }
        // Two spellings of one term ("nuts", "nut") are one, and the surer of them counts.
        read.sort_by_key(|(_, term, place)| (!term.definite, *place));
        let mut trie = Trie::new(lexicon.len());
        for (ids, term, place) in read {
            let status = if term.definite { Status::Definite } else { Status::Likely };
            trie.insert(&ids, Entry { target: term.key as Target, status, term: place as u32 });
        }
        let texts = terms.iter().map(|term| term.text.clone()).collect();
        Ok(Self { lexicon, trie, terms: texts, mark: mark_of(terms) })
    }

    /// A number that tells this set of terms from others; never 0.
    pub fn mark(&self) -> u32 {
        self.mark
    }

    /// Every term in a text, from the left, the longest first.
    pub fn find(&self, text: &str) -> Vec<Found<'_>> {
        let words = text::words(text, &self.lexicon).list;
        let hits = self.trie.scan(&words);
        let found = hits.iter().map(|hit| Found {
            key: EvidenceKey::ALL[usize::from(hit.target)],
            definite: hit.status == Status::Definite,
            term: hit.term,
            text: &self.terms[hit.term as usize],
            start: words[hit.first as usize].start,
            end: words[hit.end as usize - 1].end,
        });
        found.collect()
    }
}

/// The order in which terms are given makes no difference.
fn mark_of(terms: &[ExtraTerm]) -> u32 {
    let mut sorted: Vec<&ExtraTerm> = terms.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut hash = Sha256::new();
    for term in sorted {
        hash.update((term.text.len() as u64).to_be_bytes());
        hash.update(term.text.as_bytes());
        hash.update([term.key as u8, u8::from(term.definite)]);
    }
    let digest = hash.finalize();
    let bits = u32::from_be_bytes([0, digest[0], digest[1], digest[2]]);
    bits.max(1) & ((1 << EXTRA_BITS) - 1)
}
