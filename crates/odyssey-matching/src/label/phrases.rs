//! Phrases that say something of an ingredient besides its name (`data/label/phrases.tsv`): what it is
//! for, how it was treated, whence it is; and how sentences begin that list no ingredient.

use std::collections::HashMap;

use super::lexicon::{Lexicon, WordId};
use super::tables::{Rows, TableError};
use super::text::{Sep, Word, term_words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhraseKind {
    /// What an additive is for: "emulsifier".
    Function,
    Processing,
    /// A quality that labels boast of: "organic".
    Label,
    Origin,
    /// Leads to an origin: "from", "origin:".
    OriginOf,
    OriginSentence,
    /// A sentence that states how much of something is there.
    Content,
    /// A sentence that lists nothing: "distributed by".
    Prose,
    /// The words before a list: "ingredients".
    Heading,
    Connective,
}

impl PhraseKind {
    fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "function" => Self::Function,
            "processing" => Self::Processing,
            "label" => Self::Label,
            "origin" => Self::Origin,
            "origin_of" => Self::OriginOf,
            "origin_sentence" => Self::OriginSentence,
            "content" => Self::Content,
            "prose" => Self::Prose,
            "heading" => Self::Heading,
            "connective" => Self::Connective,
            _ => return None,
        })
    }
}

#[derive(Debug)]
pub(super) struct Phrase {
    pub kind: PhraseKind,
    pub code: Box<str>,
    words: Box<[WordId]>,
}

/// The longest phrase of the table has this many words; what is tried at a word is bounded by the table.
const PHRASE_WORDS_MAX: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Phrases {
    list: Vec<Phrase>,
    /// By first word, the longest first.
    by_first: HashMap<WordId, Vec<u32>>,
}

impl Phrases {
    /// The longest phrase of one of the kinds that begins at the word and ends by `end`, with its length.
    pub fn at(
        &self,
        words: &[Word],
        at: usize,
        end: usize,
        kinds: &[PhraseKind],
    ) -> Option<(&Phrase, usize)> {
        let candidates = self.by_first.get(&words.get(at)?.id)?;
        candidates.iter().map(|place| &self.list[*place as usize]).find_map(|phrase| {
            let length = phrase.words.len();
            let fits = kinds.contains(&phrase.kind)
                && at + length <= end.min(words.len())
                && (1..length).all(|i| words[at + i].id == phrase.words[i] && words[at + i].sep <= Sep::Line);
            fits.then_some((phrase, length))
        })
    }

    pub fn read(rows: &Rows<'_>, lexicon: &mut Lexicon) -> Result<Self, TableError> {
        let mut phrases = Self::default();
        for row in rows.columns::<4>() {
            let (line, [kind, code, text, _source]) = row?;
            let kind = PhraseKind::parse(kind)
                .ok_or_else(|| rows.error(line, format!("`{kind}` is no kind of phrase")))?;
            let words: Box<[WordId]> = term_words(text).iter().map(|word| lexicon.add(word)).collect();
            if words.is_empty() || words.len() > PHRASE_WORDS_MAX {
                return Err(rows.error(line, format!("`{text}` must have 1 to {PHRASE_WORDS_MAX} words")));
            }
            let places = phrases.by_first.entry(words[0]).or_default();
            places.push(phrases.list.len() as u32);
            phrases.list.push(Phrase { kind, code: code.into(), words });
        }
        for places in phrases.by_first.values_mut() {
            places.sort_by_key(|place| std::cmp::Reverse(phrases.list[*place as usize].words.len()));
        }
        Ok(phrases)
    }
}
