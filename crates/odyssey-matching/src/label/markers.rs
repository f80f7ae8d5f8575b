//! Names of another purpose than allergens, found in the same words: what the indices read lists with.
//!
//! Promises: the words, brackets and E-numbers are those of the deriver's own reader. Never: takes part
//! in flags.

use super::lexicon::{Lexicon, Marker};
use super::text::{self, Sep, Word, term_words};
use super::trie::{Entry, Hit, Status, TERM_WORDS_MAX, Target, Trie};

/// A kind of name, numbered by its owner; below 16, since an item keeps them as bits.
pub(crate) type Mark = u8;

/// Names by mark, ready to be found.
#[derive(Debug)]
pub(crate) struct Markers {
    lexicon: Lexicon,
    trie: Trie,
}

/// Names to be found, before they are indexed.
#[derive(Debug)]
pub(crate) struct MarkersBuilder {
    lexicon: Lexicon,
    paths: Vec<(Vec<u32>, Mark, Status)>,
}

/// One ingredient of a list, as far as its names say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// Depth of brackets.
    pub depth: u16,
    /// The marks of which a name stands in it, as bits.
    pub marks: u16,
    /// The marks whose names, with allowed words, make up all of it.
    pub whole: u16,
    /// Its declared share.
    pub share_permille: Option<u16>,
    /// It stands in the group of those that are at most so much.
    pub at_most_permille: Option<u16>,
    /// Number words only: a bracket that holds the share of the item before.
    pub number_only: bool,
}

impl Item {
    pub const fn has(&self, mark: Mark) -> bool {
        self.marks & (1 << mark) != 0
    }

    pub const fn is_wholly(&self, mark: Mark) -> bool {
        self.whole & (1 << mark) != 0
    }
}

impl MarkersBuilder {
    pub fn new() -> Self {
        Self { lexicon: Lexicon::new(), paths: Vec::new() }
    }

    /// Adds a name; false where it has no word, or too many.
    pub fn add(&mut self, name: &str, mark: Mark) -> bool {
        self.add_as(name, mark, Status::Definite)
    }

    /// Adds a phrase that only looks like a name of the mark.
    pub fn add_friend(&mut self, phrase: &str, mark: Mark) -> bool {
        self.add_as(phrase, mark, Status::FalseFriend)
    }

    fn add_as(&mut self, name: &str, mark: Mark, status: Status) -> bool {
        debug_assert!(mark < 16);
        let words = term_words(name);
        if words.is_empty() || words.len() > TERM_WORDS_MAX {
            return false;
        }
        let path = words.iter().map(|word| self.lexicon.add(word)).collect();
        self.paths.push((path, mark, status));
        true
    }

    /// Words that leave an ingredient what it is: "organic", "diced".
    pub fn allow(&mut self, words: &str) {
        for word in term_words(words) {
            let id = self.lexicon.add(&word);
            self.lexicon.info_mut(id).modifier = true;
        }
    }

    pub fn build(self) -> Markers {
        let mut trie = Trie::new(self.lexicon.len());
        for (at, (path, mark, status)) in self.paths.iter().enumerate() {
            // A name that stands twice, or in two spellings of one word, is one name.
            trie.insert(path, Entry { target: Target::from(*mark), status: *status, term: at as u32 });
        }
        Markers { lexicon: self.lexicon, trie }
    }
}

impl Markers {
    /// The items of a list, in order; words that stand in the `statements` (byte ranges) are no items.
    pub fn items(&self, text: &str, statements: &[(u32, u32)]) -> Vec<Item> {
        let words = text::words(text, &self.lexicon).list;
        let hits = self.trie.scan(&words);
        let is_stated = |word: &Word| {
            let at = statements.partition_point(|(start, _)| *start <= word.start);
            at > 0 && word.start < statements[at - 1].1
        };
        let mut cover = Cover::of(&words, &hits);
        for (marks, word) in cover.marks.iter_mut().zip(&words) {
            if is_stated(word) {
                *marks = 0;
            }
        }
        let mut items = Vec::new();
        let mut little = None;
        let mut first = 0;
        while first < words.len() {
            let end = (first + 1..words.len()).find(|at| words[*at].sep > Sep::Line).unwrap_or(words.len());
            if !is_stated(&words[first]) {
                let item = self.item(text, &words, &cover, first, end, &mut little);
                // "Contains 2 % or less of:" is a heading, no ingredient.
                let is_heading =
                    words[first..end].iter().all(|w| w.number || self.lexicon.marker(w.id) != Marker::None);
                if !is_heading || item.number_only {
                    items.push(item);
                }
            }
            first = end;
        }
        items
    }

    fn item(
        &self,
        text: &str,
        words: &[Word],
        cover: &Cover,
        first: usize,
        end: usize,
        little: &mut Option<u16>,
    ) -> Item {
        let own = &words[first..end];
        let share = own.iter().find_map(|word| share_permille(text, word));
        let marker = |wanted: &[Marker]| own.iter().any(|w| wanted.contains(&self.lexicon.marker(w.id)));
        // "Contains 2 % or less of": no share of this item, but a bound of it and all behind it.
        if marker(&[Marker::OneOrLess]) && share.is_some() {
            *little = share;
        }
        let bounded = marker(&[Marker::OneOrLess, Marker::Contain]);
        let marks = cover.marks[first..end].iter().fold(0, |all, bits| all | bits);
        let whole = (first..end)
            .filter(|at| !self.says_nothing(&words[*at]) || cover.marks[*at] != 0)
            .fold(marks, |all, at| all & cover.marks[at]);
        Item {
            depth: words[first].depth,
            marks,
            whole,
            share_permille: share.filter(|_| !bounded),
            at_most_permille: *little,
            number_only: own.iter().all(|word| word.number),
        }
    }

    fn says_nothing(&self, word: &Word) -> bool {
        word.number || word.end - word.start <= 1 || self.lexicon.info(word.id).modifier
    }
}

/// Which marks cover each word.
struct Cover {
    marks: Vec<u16>,
}

impl Cover {
    fn of(words: &[Word], hits: &[Hit]) -> Self {
        let mut marks = vec![0u16; words.len()];
        for hit in hits.iter().filter(|hit| !hit.status.is_friend()) {
            for slot in &mut marks[hit.first as usize..hit.end as usize] {
                *slot |= 1 << hit.target;
            }
        }
        Self { marks }
    }
}

/// The share that begins at a word: `47 %`, `18,5%`.
fn share_permille(text: &str, word: &Word) -> Option<u16> {
    let rest = &text[word.start as usize..];
    let length = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(rest.len());
    let number = rest[..length].replace(',', ".");
    if number.is_empty() || !rest[length..].trim_start().starts_with('%') {
        return None;
    }
    let (permille, _) = odyssey_types::parse_fixed_rounding(&number, 1).ok()?;
    u16::try_from(permille).ok().filter(|p| *p <= 1000)
}

/// The words of a text in segments: what stands between commas, colons, slashes and full stops.
pub(crate) fn segments(text: &str) -> Vec<Vec<String>> {
    text.split(['/', '>', ':', ',', ';', '|', '.', '\\'])
        .map(term_words)
        .filter(|words| !words.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markers() -> Markers {
        let mut builder = MarkersBuilder::new();
        for name in ["orange", "carrot", "apple", "tomato"] {
            assert!(builder.add(name, 0));
        }
        assert!(builder.add("salt", 1));
        assert!(builder.add_friend("orange color", 0));
        builder.allow("organic juice diced");
        builder.build()
    }

    #[test]
    fn shares_are_read_where_a_percent_sign_follows() {
        let items = markers().items("Orange 47%, Water, Sugar, Carrots (10,5 %)", &[]);
        assert_eq!(items[0].share_permille, Some(470));
        assert!(items[0].is_wholly(0));
        assert_eq!(items[1].share_permille, None);
        assert_eq!(items[4].share_permille, Some(105));
        assert!(items[4].number_only && items[4].depth == 1);
    }

    #[test]
    fn two_percent_or_less_is_a_bound_and_no_share() {
        let items = markers().items("Diced tomatoes, contains 2% or less of: salt, onion", &[]);
        assert!(items.iter().all(|item| item.share_permille.is_none()));
        assert_eq!(items.last().and_then(|item| item.at_most_permille), Some(20));
        assert_eq!(items[0].at_most_permille, None);
    }

    #[test]
    fn an_item_is_wholly_a_name_only_with_allowed_words() {
        let items = markers().items("organic apple juice, apple cake, orange color", &[]);
        assert!(items[0].is_wholly(0) && items[1].has(0) && !items[1].is_wholly(0));
        assert!(!items[2].has(0));
    }

    #[test]
    fn statements_are_no_items() {
        let text = "Apple. May contain salt";
        let from = text.find("salt").expect("it is there") as u32;
        let items = markers().items(text, &[(from - 12, text.len() as u32)]);
        assert!(items.iter().all(|item| !item.has(1)));
    }
}
