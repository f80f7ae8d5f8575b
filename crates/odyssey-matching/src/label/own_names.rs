//! The words that name an allergen itself, not a food that customarily has it: "wheat", but not "bread".

use std::collections::BTreeMap;

use super::lexicon::Lexicon;
use super::statements::Mode;
use super::tables::{Rows, TableError};
use super::text::{Word, term_words};
use super::trie::{Hit, Status};
use super::{Reading, key_of};
use crate::facts::{EvidenceKey, KeySet, keys_of_allergen};

#[derive(Debug)]
pub(super) struct OwnNames {
    /// By key: the words.
    words: BTreeMap<EvidenceKey, Vec<String>>,
    /// By the word of a free-from claim: what the claim is about.
    claims: BTreeMap<String, KeySet>,
}

impl OwnNames {
    /// "Bread, gluten-free" is bread of no wheat: beside a claim on the key, a food that only customarily
    /// has it leaves it in doubt, and the list says more. A word that names the key itself ("dairy-free
    /// milk chocolate", "gluten-free oat bread") stands as it is.
    pub fn doubt_customary(&self, reading: &mut Reading, lexicon: &Lexicon) {
        let words = |hit: &Hit| &reading.words.list[hit.first as usize..hit.end as usize];
        let claims = reading
            .hits
            .iter()
            .filter(|h| !h.status.is_friend() && reading.modes.of(h.first, h.end) == Mode::Free);
        let claimed = claims
            .filter_map(|h| Some(self.claimed(key_of(h)?, words(h), lexicon)))
            .fold(KeySet::EMPTY, KeySet::union);
        for hit in &mut reading.hits {
            let Some(key) = key_of(hit).filter(|k| claimed.contains(*k)) else { continue };
            let words = &reading.words.list[hit.first as usize..hit.end as usize];
            if hit.status == Status::Definite && !self.names(key, words, lexicon) {
                hit.status = Status::Likely;
            }
        }
    }

    /// Whether one of the words names the key itself.
    fn names(&self, key: EvidenceKey, words: &[Word], lexicon: &Lexicon) -> bool {
        let own = self.words.get(&key).map(Vec::as_slice).unwrap_or_default();
        own.iter().any(|name| is_among(name, words, lexicon))
    }

    /// The keys that a claim in these words is about: "lactose free" speaks of no milk, "gluten free" of
    /// every gluten cereal.
    fn claimed(&self, key: EvidenceKey, words: &[Word], lexicon: &Lexicon) -> KeySet {
        let about = self.claims.iter().filter(|(word, _)| is_among(word, words, lexicon));
        about.map(|(_, keys)| *keys).filter(|keys| keys.contains(key)).fold(KeySet::EMPTY, KeySet::union)
    }

    pub fn read(rows: &Rows<'_>) -> Result<Self, TableError> {
        let mut names = Self { words: BTreeMap::new(), claims: BTreeMap::new() };
        for row in rows.columns::<4>() {
            let (line, [kind, code, text, _source]) = row?;
            let words = term_words(text);
            let [word] = words.as_slice() else {
                return Err(rows.error(line, format!("`{text}` must be one word")));
            };
            let keys = keys_of_allergen(code);
            match (kind, EvidenceKey::from_code(code), keys) {
                ("name", Some(key), _) => names.words.entry(key).or_default().push(word.clone()),
                ("claim", _, Some(keys)) => {
                    let all = names.claims.entry(word.clone()).or_default();
                    *all = all.union(keys);
                }
                _ => return Err(rows.error(line, format!("`{kind}` `{code}` is no name and no claim"))),
            }
        }
        Ok(names)
    }
}

fn is_among(name: &str, words: &[Word], lexicon: &Lexicon) -> bool {
    let id = lexicon.id(name);
    id != Lexicon::UNKNOWN && words.iter().any(|w| w.id == id)
}
