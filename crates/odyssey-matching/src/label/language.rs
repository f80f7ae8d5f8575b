//! The language of an ingredient list, by its commonest words (`data/label/languages.tsv`).

use serde::{Deserialize, Serialize};

use super::lexicon::{Lexicon, WordId};
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

/// How many of the words each language uses, in the order of [`CODES`].
fn counts_of(words: impl Iterator<Item = WordId>, lexicon: &Lexicon) -> [usize; CODES.len()] {
    let mut counts = [0usize; CODES.len()];
    for word in words {
        let bits = lexicon.info(word).languages;
        for (at, count) in counts.iter_mut().enumerate().filter(|(at, _)| bits & (1 << at) != 0) {
            debug_assert!(at < CODES.len());
            *count += 1;
        }
    }
    counts
}

/// Whether another language than English has more of the different words, and more than the name of a dish:
/// "sucre, œufs, beurre" is a French list though each word may stand in an English one. Single letters speak
/// for none, nor does a word said twice ("cacao (theobroma cacao)").
pub(super) fn is_outspoken(words: &[Word], lexicon: &Lexicon) -> bool {
    let speaks = |w: &&Word| !w.number && w.end - w.start > 1;
    let mut different: Vec<WordId> = words.iter().filter(speaks).map(|w| w.id).collect();
    different.sort_unstable();
    different.dedup();
    let counts = counts_of(different.into_iter(), lexicon);
    counts.iter().any(|count| *count > counts[0] && *count >= FOREIGN_WORDS_MIN)
}

/// The language that most words speak; English where it is not outdone.
pub(super) fn recognise(words: &[Word], lexicon: &Lexicon) -> Language {
    let counts = counts_of(words.iter().filter(|w| !w.number).map(|w| w.id), lexicon);
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
