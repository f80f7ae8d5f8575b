//! The language of an ingredient list, by its commonest words (`data/label/languages.tsv`).

use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
use super::tables::{Rows, TableError};
use super::text::{Word, term_words};

/// English is read fully; in French, German, Spanish and Italian allergens are known by the tables; any
/// other language, and one that nobody recognises, proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    English,
    French,
    German,
    Spanish,
    Italian,
    /// Another language that was recognised.
    Other,
    /// No word of any language we know.
    Unknown,
}

/// The languages of the table; a word carries them as bits in this order.
pub(super) const CODES: &[&str] = &["en", "fr", "de", "es", "it", "nl", "fi", "sv", "da", "pt", "pl", "cs"];

/// Fewer words than these are a name of a dish in an English list, not another language.
const FOREIGN_WORDS_MIN: usize = 2;

/// The language that most words speak; English where it is not outdone.
pub(super) fn recognise(words: &[Word], lexicon: &Lexicon) -> Language {
    let mut counts = [0usize; CODES.len()];
    for word in words.iter().filter(|w| !w.number) {
        let bits = lexicon.info(word.id).languages;
        for (at, count) in counts.iter_mut().enumerate().filter(|(at, _)| bits & (1 << at) != 0) {
            debug_assert!(at < CODES.len());
            *count += 1;
        }
    }
    let (mut best, mut most) = (0, counts[0]);
    for (at, count) in counts.iter().enumerate().skip(1) {
        if *count > most {
            (best, most) = (at, *count);
        }
    }
    if most == 0 {
        return Language::Unknown;
    }
    if best != 0 && most < FOREIGN_WORDS_MIN && counts[0] > 0 {
        return Language::English;
    }
    match CODES[best] {
        "en" => Language::English,
        "fr" => Language::French,
        "de" => Language::German,
        "es" => Language::Spanish,
        "it" => Language::Italian,
        _ => Language::Other,
    }
}

pub(super) fn read(rows: &Rows<'_>, lexicon: &mut Lexicon) -> Result<(), TableError> {
    for row in rows.columns::<2>() {
        let (line, [code, words]) = row?;
        let bit = CODES
            .iter()
            .position(|c| *c == code)
            .ok_or_else(|| rows.error(line, format!("`{code}` is no language of the reader")))?;
        for word in term_words(words) {
            let id = lexicon.add(&word);
            lexicon.info_mut(id).languages |= 1 << bit;
        }
    }
    Ok(())
}
