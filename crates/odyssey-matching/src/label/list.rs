//! The ingredient list as a whole: is it there, cut off, in a language we know, and how much of it
//! do our tables recognise?

use super::items::{self, Standing};
use super::language;
use super::lexicon::Lexicon;
use super::text::{Words, term_words};
use super::trie::Hit;
use crate::facts::ListState;

/// Ingredient columns of an old import were cut at this many characters; a text of that length
/// (or one less, when the cut left a space) may be missing its end.
const CUT_LENGTHS: &[usize] = &[254, 255];

pub(super) struct ListReading {
    pub state: ListState,
    pub coverage_permille: u16,
}

/// `is_listed` says of a word that it stands in the list itself, not in a statement.
pub(super) fn read(
    text: &str,
    words: &Words,
    hits: &[Hit],
    lexicon: &Lexicon,
    is_listed: impl Fn(usize) -> bool,
) -> ListReading {
    let mut count = Count::default();
    let mut listed = false;
    for (at, standing) in items::standings(&words.list, hits, lexicon).into_iter().enumerate() {
        count.add(lexicon.info(words.list[at].id).foreign, standing);
        let strong = !items::is_weak(&words.list, at, lexicon);
        listed |= standing != Standing::Ignored && strong && is_listed(at);
    }
    // "Contains wheat" alone is no list of ingredients.
    let state = if !listed || is_placeholder(text, words) {
        ListState::Absent
    } else if is_cut(text) || words.open_brackets > 0 || words.dangling {
        ListState::Truncated
    } else if count.is_foreign() || language::is_outspoken(&words.list, lexicon) {
        ListState::OtherLanguage
    } else {
        ListState::Complete
    };
    let coverage = (count.recognised * 1000).checked_div(count.total).unwrap_or(0);
    ListReading { state, coverage_permille: coverage as u16 }
}

#[derive(Default)]
struct Count {
    total: usize,
    recognised: usize,
    english: usize,
    foreign: usize,
}

impl Count {
    fn add(&mut self, foreign: bool, standing: Standing) {
        let recognised = standing == Standing::Recognised;
        self.foreign += usize::from(foreign);
        self.total += usize::from(standing != Standing::Ignored);
        self.recognised += usize::from(recognised);
        self.english += usize::from(recognised && !foreign);
    }

    /// A single foreign word among English ones is a name of a dish; several are another language.
    fn is_foreign(&self) -> bool {
        (self.foreign >= 2 && self.foreign * 3 > self.english) || (self.foreign == 1 && self.english == 0)
    }
}

pub(super) fn is_cut(text: &str) -> bool {
    CUT_LENGTHS.contains(&text.len()) || CUT_LENGTHS.contains(&text.chars().count())
}

/// Words that stand where a list should: "n/a", "see package", "natural ingredients".
fn is_placeholder(text: &str, words: &Words) -> bool {
    const PLACEHOLDERS: &[&str] = &[
        "ingredient",
        "natural ingredient",
        "organic ingredient",
        "all natural ingredient",
        "none",
        "na",
        "n a",
        "nil",
        "unknown",
        "not available",
        "not applicable",
        "see package",
        "see packaging",
        "see label",
        "see pack",
        "tbd",
        "to be confirmed",
        "ingredient not available",
        "no ingredient",
        "no information",
        "not provided",
        "null",
    ];
    words.list.len() <= 4 && PLACEHOLDERS.contains(&term_words(text).join(" ").as_str())
}
