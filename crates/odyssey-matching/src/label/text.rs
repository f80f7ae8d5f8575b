//! Label text to words: one pass that lower-cases, strips accents, decodes HTML entities, unites
//! spellings of E-numbers and keeps where each word stood.
//!
//! Promises: every word's range lies on character boundaries of the original text; linear time.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::html::{entity, tag};
use super::lexicon::{Lexicon, WordId};

/// What stands before a word, weakest first. Terms match across `Space`, and definite ones across
/// `Line`; everything stronger separates two ingredients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sep {
    Space,
    Line,
    Comma,
    Colon,
    Bracket,
    Sentence,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub id: WordId,
    /// Byte range in the original text.
    pub start: u32,
    pub end: u32,
    pub sep: Sep,
    /// A comma stood before it, whatever else did.
    pub comma: bool,
    /// Bracket depth at the word, and the lowest since the word before.
    pub depth: u16,
    pub low: u16,
    /// A number, with or without a unit.
    pub number: bool,
}

/// The words of a text, and how it ended.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub list: Vec<Word>,
    /// Brackets that were never closed.
    pub open_brackets: u16,
    /// The last mark was a comma, a colon or a connecting hyphen: more was to come.
    pub dangling: bool,
}

pub(super) fn words(text: &str, lexicon: &Lexicon) -> Words {
    let mut reader = Reader::new(lexicon);
    let mut at = 0;
    while at < text.len() {
        at = reader.step(text, at);
    }
    reader.finish_word(text.len());
    reader.into_words(text)
}

/// The words of a term of our own tables, as texts.
pub(super) fn term_words(term: &str) -> Vec<String> {
    let lexicon = Lexicon::default();
    let mut reader = Reader::new(&lexicon);
    reader.texts = Some(Vec::new());
    let mut at = 0;
    while at < term.len() {
        at = reader.step(term, at);
    }
    reader.finish_word(term.len());
    reader.texts.unwrap_or_default()
}

/// Singular of a lower-case word: `ies` to `y`, `es` after a hissing sound, `s`.
pub(super) fn singular(word: &mut String) {
    let bytes = word.as_bytes();
    if bytes.len() < 4 || !bytes.iter().all(u8::is_ascii_alphabetic) {
        return;
    }
    let long = bytes.len() > 4;
    let keep = if long && word.ends_with("ies") {
        word.truncate(word.len() - 3);
        word.push('y');
        return;
    } else if ["sses", "ches", "shes", "xes", "zzes"].iter().any(|s| word.ends_with(s))
        || (long && word.ends_with("oes"))
    {
        word.len() - 2
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|s| word.ends_with(s)) {
        word.len() - 1
    } else {
        return;
    };
    word.truncate(keep);
}

struct Reader<'a> {
    lexicon: &'a Lexicon,
    words: Vec<Word>,
    /// Words as texts, collected only for the terms of our own tables.
    texts: Option<Vec<String>>,
    current: String,
    start: usize,
    sep: Sep,
    comma: bool,
    depth: u16,
    low: u16,
    /// The word before was a bare `e` or `ins`, which a number completes.
    prefix: bool,
}

impl<'a> Reader<'a> {
    fn new(lexicon: &'a Lexicon) -> Self {
        Self {
            lexicon,
            words: Vec::new(),
            texts: None,
            current: String::new(),
            start: 0,
            sep: Sep::Space,
            comma: false,
            depth: 0,
            low: 0,
            prefix: false,
        }
    }

    /// Reads one character (or entity, or tag) at `at`; returns where the next begins.
    fn step(&mut self, text: &str, at: usize) -> usize {
        let Some(c) = text[at..].chars().next() else { return text.len() };
        let mut next = at + c.len_utf8();
        if c.is_ascii_alphanumeric() {
            self.letter(c.to_ascii_lowercase(), at);
            return next;
        }
        let c = match c {
            '&' => match entity(&text[at..]) {
                Some((decoded, length)) => {
                    next = at + length;
                    decoded
                }
                None => c,
            },
            '<' => {
                if let Some((length, breaks)) = tag(&text[at..]) {
                    self.separate(at, if breaks { Sep::Line } else { Sep::Space });
                    return at + length;
                }
                c
            }
            _ => c,
        };
        self.mark(c, text, at, next);
        next
    }

    fn mark(&mut self, c: char, text: &str, at: usize, next: usize) {
        let before = text[..at].chars().next_back();
        let after = text[next..].chars().next();
        let in_number =
            before.is_some_and(|b| b.is_ascii_digit()) && after.is_some_and(|a| a.is_ascii_digit());
        match c {
            '\u{ae}' | '\u{2122}' | '\u{a9}' | '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
            '\'' | '\u{2019}' | '\u{2bc}' | '`' | '\u{b4}' => {
                // "brewer's" is one word, "d'amande" two.
                if self.current.len() == 1 || self.current == "qu" || self.current.is_empty() {
                    self.separate(at, Sep::Space);
                }
            }
            '\n' | '\r' | '\u{2028}' => self.separate(at, Sep::Line),
            '-' | '\u{2010}' | '\u{2011}' | '\u{2212}' => {
                let spaced = before.is_none_or(char::is_whitespace) && after.is_none_or(char::is_whitespace);
                self.separate(at, if spaced { Sep::Comma } else { Sep::Space });
            }
            '_' | '*' | '%' | '"' | '\u{201c}' | '\u{201d}' | '\u{2020}' | '\u{2021}' | '^' | '\u{b0}'
            | '#' | '~' => {
                self.separate(at, Sep::Space);
            }
            '&' => {
                self.separate(at, Sep::Space);
                for letter in "and".chars() {
                    self.letter(letter, at);
                }
                self.separate(next, Sep::Space);
            }
            ',' | '.' if in_number => self.separate(at, Sep::Space),
            '.' => {
                // "L. acidophilus", "U.S.A.": an initial is no end of a sentence.
                let initial =
                    self.current.len() == 1 && self.current.bytes().all(|b| b.is_ascii_alphabetic());
                self.separate(at, if initial { Sep::Space } else { Sep::Sentence });
            }
            // Within a word it is a misread letter: "b!é".
            '!' | '?'
                if before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic) =>
            {
                self.separate(at, Sep::Space);
            }
            '<' | '>' | '\u{2264}' | '\u{2265}' | '\u{2248}'
                if after.is_some_and(|a| a.is_ascii_digit() || a == ' ') =>
            {
                self.separate(at, Sep::Space);
            }
            '!' | '?' => self.separate(at, Sep::Sentence),
            ':' => self.separate(at, Sep::Colon),
            '(' | '[' | '{' => {
                self.separate(at, Sep::Bracket);
                self.depth = self.depth.saturating_add(1);
            }
            ')' | ']' | '}' => {
                self.separate(at, Sep::Bracket);
                self.depth = self.depth.saturating_sub(1);
                self.low = self.low.min(self.depth);
            }
            '\u{fffd}' => self.letter(c, at),
            c if c.is_whitespace() || is_footnote(c) => self.separate(at, Sep::Space),
            c if c.is_alphanumeric() => self.fold(c, at),
            c if is_combining_mark(c) => {}
            _ => self.separate(at, Sep::Comma),
        }
    }

    /// A letter beyond ASCII: lower case, without accents.
    fn fold(&mut self, c: char, at: usize) {
        for c in c.to_lowercase() {
            match c {
                '\u{153}' => self.letters("oe", at),
                '\u{e6}' => self.letters("ae", at),
                '\u{df}' => self.letters("ss", at),
                '\u{f8}' => self.letters("o", at),
                '\u{142}' => self.letters("l", at),
                '\u{111}' => self.letters("d", at),
                '\u{131}' => self.letters("i", at),
                c => {
                    for plain in std::iter::once(c).nfkd().filter(|p| p.is_alphanumeric()) {
                        for lower in plain.to_lowercase() {
                            self.letter(lower, at);
                        }
                    }
                }
            }
        }
    }

    fn letters(&mut self, text: &str, at: usize) {
        for c in text.chars() {
            self.letter(c, at);
        }
    }

    fn letter(&mut self, c: char, at: usize) {
        if self.current.is_empty() {
            self.start = at;
        }
        self.current.push(c);
    }

    fn separate(&mut self, at: usize, sep: Sep) {
        self.finish_word(at);
        self.sep = self.sep.max(sep);
        self.comma |= sep == Sep::Comma;
    }

    fn finish_word(&mut self, end: usize) {
        if self.current.is_empty() {
            return;
        }
        let mut word = std::mem::take(&mut self.current);
        let joined = self.prefix && self.sep == Sep::Space && additive_number(&word).is_some();
        if joined {
            word.insert(0, 'e');
        }
        if let Some(code) = word.strip_prefix('e').and_then(additive_number) {
            word.truncate(1 + code);
        } else {
            if word.contains("sulph") {
                word = word.replace("sulph", "sulf");
            }
            singular(&mut word);
        }
        self.prefix = !joined && (word == "e" || word == "ins");
        if joined {
            // "E 322" is one word that began at the letter.
            if let Some(texts) = &mut self.texts {
                texts.pop();
            }
            if let Some(before) = self.words.pop() {
                (self.sep, self.comma, self.low, self.start) =
                    (before.sep, before.comma, before.low, before.start as usize);
            }
        }
        if let Some(texts) = &mut self.texts {
            texts.push(word.clone());
        }
        self.words.push(Word {
            id: self.id_of(&word),
            start: self.start as u32,
            end: end as u32,
            sep: if self.words.is_empty() { Sep::Sentence } else { self.sep },
            comma: self.comma,
            depth: self.depth,
            low: self.low,
            number: is_number(&word),
        });
        word.clear();
        self.current = word;
        self.sep = Sep::Space;
        self.comma = false;
        self.low = self.depth;
    }

    /// The word, or the word without digits that stuck to it: "egg2", "2milk".
    fn id_of(&self, word: &str) -> WordId {
        let id = self.lexicon.id(word);
        if id != Lexicon::UNKNOWN || !word.bytes().any(|b| b.is_ascii_digit()) {
            return id;
        }
        let mut bare = word.trim_matches(|c: char| c.is_ascii_digit()).to_owned();
        singular(&mut bare);
        if bare.len() < 3 { id } else { self.lexicon.id(&bare) }
    }

    fn into_words(mut self, text: &str) -> Words {
        self.bare_additives(text);
        let dangling = (self.comma || self.sep == Sep::Colon || self.depth > 0) && !self.words.is_empty();
        let trailing_and =
            self.words.last().is_some_and(|w| self.lexicon.is_connective(w.id) && self.sep < Sep::Bracket);
        Words { list: self.words, open_brackets: self.depth, dangling: dangling || trailing_and }
    }

    /// "emulsifier (322)" and "322(i)": additive numbers without their letter.
    fn bare_additives(&mut self, text: &str) {
        for at in 0..self.words.len() {
            let word = self.words[at];
            if !word.number {
                continue;
            }
            let next = self.words.get(at + 1);
            let closes = next.map_or(self.depth < word.depth, |n| n.low < word.depth);
            let in_brackets = word.sep == Sep::Bracket && closes;
            let roman = next.is_some_and(|n| {
                n.sep == Sep::Bracket
                    && n.depth > word.depth
                    && is_roman(&text[n.start as usize..n.end as usize])
            });
            let raw = &text[word.start as usize..word.end as usize];
            if !(in_brackets || roman) || !raw.is_ascii() {
                continue;
            }
            let Some(length) = additive_number(&raw.to_ascii_lowercase()) else { continue };
            let id = self.lexicon.id(&format!("e{}", raw[..length].to_ascii_lowercase()));
            if id != Lexicon::UNKNOWN {
                self.words[at].id = id;
                self.words[at].number = false;
            }
        }
    }
}

/// The code of the additive that a word of a label is: `e322`, from "E 322", "INS 322(i)" or "(322)".
pub(super) fn additive_code(word: &Word, text: &str) -> Option<String> {
    let raw = text.get(word.start as usize..word.end as usize)?.to_ascii_lowercase();
    let bare: String = raw.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let lettered = bare.strip_prefix("ins").or_else(|| bare.strip_prefix('e'));
    // A bare number is a code only where the reader made it one.
    let digits = lettered.or_else(|| {
        (!word.number && bare.starts_with(|c: char| c.is_ascii_digit())).then_some(bare.as_str())
    })?;
    let length = additive_number(digits)?;
    Some(format!("e{}", &digits[..length]))
}

/// The length of the additive code that `text` is: `322`, `322i`, `472e`; `None` if it is none.
fn additive_number(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(3..=4).contains(&digits) {
        return None;
    }
    let rest = &text[digits..];
    if rest.is_empty() || is_roman(rest) {
        return Some(digits);
    }
    let letter = rest.as_bytes()[0];
    let tail = rest.get(1..)?;
    ((b'a'..=b'f').contains(&letter) && (tail.is_empty() || is_roman(tail))).then_some(digits + 1)
}

/// Raised digits mark footnotes: "soy\u{b9}".
fn is_footnote(c: char) -> bool {
    matches!(c, '\u{b9}' | '\u{b2}' | '\u{b3}' | '\u{2070}'..='\u{2079}')
}

fn is_roman(text: &str) -> bool {
    ["i", "ii", "iii", "iv", "v", "vi", "I", "II", "III", "IV"].contains(&text)
}

fn is_number(word: &str) -> bool {
    const UNITS: &[&str] = &[
        "", "g", "mg", "kg", "ml", "l", "cl", "dl", "oz", "lb", "iu", "mcg", "ug", "cal", "kcal", "kj", "x",
        "ppm", "st", "nd", "rd", "th",
    ];
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && word.is_char_boundary(digits) && UNITS.contains(&&word[digits..])
}
