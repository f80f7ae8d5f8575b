//! Text search, our own way: one tokenizer and stemmer builds both the stored vector and the query, so
//! that both agree on every PostgreSQL version and locale.

use std::collections::BTreeMap;

use odyssey_types::ProductFields;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word kept, in characters: beyond it nobody types.
const WORD_LENGTH_MAX: usize = 40;
/// Words of a document at most: an ingredient list of 20,000 characters stays below.
const DOCUMENT_WORDS_MAX: usize = 4_000;
/// Places of a word, and the last place, that a tsvector keeps.
const PLACES_MAX: usize = 255;
const PLACE_MAX: u16 = 16_383;
/// Synonyms that one word of a query is also looked for by.
const SYNONYMS_OF_A_WORD_MAX: usize = 8;
/// Words of a query at most.
const QUERY_WORDS_MAX: usize = 16;

/// How much a word tells of a product, as PostgreSQL numbers it.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
enum Weight {
    D = 0,
    C = 1,
    B = 2,
    A = 3,
}

/// The `tsvector` of a product in PostgreSQL's binary format, its words sorted: how many there are; of each its text, a
/// NUL and how many places it has; the places with their weights in the two upper bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document(pub(super) Vec<u8>);

impl Document {
    fn new(words: &BTreeMap<String, Vec<(u16, Weight)>>) -> Self {
        let mut bytes = Vec::with_capacity(4 + words.len() * 16);
        bytes.extend_from_slice(&(words.len() as u32).to_be_bytes());
        for (word, places) in words {
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&(places.len() as u16).to_be_bytes());
            for (at, weight) in places {
                bytes.extend_from_slice(&(at | (*weight as u16) << 14).to_be_bytes());
            }
        }
        Self(bytes)
    }
}

/// The document of a product: name weighs A, brand B, category and tags C, the rest D.
pub fn document_of(external_id: &str, fields: &ProductFields) -> Document {
    let mut positions: BTreeMap<String, Vec<(u16, Weight)>> = BTreeMap::new();
    let mut at: u16 = 0;
    let tags = fields.dietary_tags.as_deref().unwrap_or_default().join(" ");
    let gtin = fields.gtin.map(|g| g.as_str().trim_start_matches('0').to_owned());
    let parts = [
        (fields.name.as_deref(), Weight::A),
        (fields.brand.as_deref(), Weight::B),
        (fields.category_id.as_deref(), Weight::C),
        (Some(tags.as_str()), Weight::C),
        (Some(external_id), Weight::C),
        (gtin.as_deref(), Weight::C),
        (fields.description.as_deref(), Weight::D),
        (fields.ingredients.as_deref(), Weight::D),
    ];
    let mut words = 0;
    for (text, weight) in parts {
        for word in text.map(words_of).into_iter().flatten() {
            words += 1;
            if words > DOCUMENT_WORDS_MAX {
                break;
            }
            at = (at + 1).min(PLACE_MAX);
            let places = positions.entry(stem(&word)).or_default();
            if places.len() < PLACES_MAX && places.last().is_none_or(|last| last.0 != at) {
                places.push((at, weight));
            }
        }
    }
    Document::new(&positions)
}

/// The `tsquery` of what somebody typed: every word must occur, the last one may be unfinished. `None`
/// when nothing searchable was typed.
pub fn search_terms(typed: &str) -> Option<String> {
    search_terms_with(typed, |_| Vec::new())
}

/// The same, where a word may be found by others as well: `synonyms` is asked for each, as it was typed (in lower
/// case, without accents) and without its plural.
pub(super) fn search_terms_with(typed: &str, synonyms: impl Fn(&str) -> Vec<String>) -> Option<String> {
    let words: Vec<String> = words_of(typed).take(QUERY_WORDS_MAX).collect();
    let last = words.len().checked_sub(1)?;
    let finished = typed.ends_with(char::is_whitespace);
    let terms: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(at, word)| {
            let stemmed = stem(word);
            // An unfinished word is searched as typed too: stemming "cherries" must not lose "cherrie".
            let itself = if at == last && !finished {
                format!("('{stemmed}' | '{word}':*)")
            } else {
                format!("'{stemmed}'")
            };
            let mut others = synonyms(word);
            if stemmed != *word {
                others.extend(synonyms(&stemmed));
            }
            others
                .iter()
                .take(SYNONYMS_OF_A_WORD_MAX)
                .filter_map(|other| all_of(other))
                .fold(itself, |either, other| format!("({either} | {other})"))
        })
        .collect();
    Some(terms.join(" & "))
}

/// Every word of a synonym; `None` where it has none.
fn all_of(text: &str) -> Option<String> {
    let words: Vec<String> =
        words_of(text).take(QUERY_WORDS_MAX).map(|w| format!("'{}'", stem(&w))).collect();
    match words.as_slice() {
        [] => None,
        [word] => Some(word.clone()),
        words => Some(format!("({})", words.join(" & "))),
    }
}

/// Words in lower case without accents; only letters and digits of any script remain.
fn words_of(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c) && c != '\'' && c != '’')
        .map(fold)
        .filter(|word| !word.is_empty())
}

fn fold(word: &str) -> String {
    word.nfkd()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .take(WORD_LENGTH_MAX)
        .collect()
}

/// Removes English plurals and nothing else (Harman's S stemmer, 1991): weak on purpose, since a food
/// word cut too short finds the wrong food.
fn stem(word: &str) -> String {
    let cut = |suffix: &str, put: &str| word.strip_suffix(suffix).map(|stem| format!("{stem}{put}"));
    if word.len() > 4 && word.ends_with("ies") && !word.ends_with("eies") && !word.ends_with("aies") {
        return cut("ies", "y").unwrap_or_default();
    }
    if word.len() > 4 && ["ches", "shes", "sses", "xes", "oes"].iter().any(|s| word.ends_with(s)) {
        return cut("es", "").unwrap_or_default();
    }
    if word.len() > 3
        && word.ends_with('s')
        && !word.ends_with("us")
        && !word.ends_with("ss")
        && !word.ends_with("is")
    {
        return cut("s", "").unwrap_or_default();
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plural_and_accent_do_not_hide_a_product() {
        let fields =
            ProductFields { name: Some("Crème brûlée Cherries".to_owned()), ..ProductFields::default() };
        let mut expected = vec![0, 0, 0, 4];
        for (word, place) in
            [("7", 4 | 1 << 14), ("brulee", 2 | 3 << 14), ("cherry", 3 | 3 << 14), ("creme", 1 | 3 << 14)]
        {
            expected.extend_from_slice(word.as_bytes());
            expected.extend_from_slice(&[0, 0, 1]);
            expected.extend_from_slice(&u16::to_be_bytes(place));
        }
        assert_eq!(document_of("7", &fields).0, expected);
    }

    #[test]
    fn a_word_is_found_by_its_synonyms_too() {
        let synonyms = |word: &str| match word {
            "soda" => vec!["soft drinks".to_owned(), "' | pop".to_owned()],
            _ => Vec::new(),
        };
        assert_eq!(
            search_terms_with("Sodas cold ", synonyms).as_deref(),
            Some("(('soda' | ('soft' & 'drink')) | 'pop') & 'cold'")
        );
    }

    #[test]
    fn every_word_of_a_query_must_occur_and_the_last_may_be_unfinished() {
        assert_eq!(search_terms("Tomatoes sou").as_deref(), Some("'tomato' & ('sou' | 'sou':*)"));
        assert_eq!(search_terms("tomato soup ").as_deref(), Some("'tomato' & 'soup'"));
        assert_eq!(search_terms(" ,;- "), None);
    }

    #[test]
    fn quotes_and_operators_cannot_leave_the_query() {
        assert_eq!(search_terms("a' | 'b & !c:* ").as_deref(), Some("'a' & 'b' & 'c'"));
    }
}
