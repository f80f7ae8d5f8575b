//! From words to a tree: items in the order of the text, frames for the brackets and colons around them.

use super::super::lexicon::{Lexicon, Marker};
use super::super::phrases::PhraseKind as K;
use super::super::statements::{Mode, Modes, StatementSpan};
use super::super::tables::{Tables, target};
use super::super::text::{Sep, Word};
use super::super::trie::{Hit, Target};
use super::super::{Reading, language, list, read_text};
use super::amounts::Amounts;
use super::nodes::{Colon, Grove};
use super::{
    Ingredient, IngredientTree, Joint, LabelStatement, Share, ShareKind, StatementKind, Truncation,
    WHOLE_PPM, bounds,
};
use crate::facts::EvidenceKey;

/// A word that names a thing can stand this far behind "contains" in one item.
const ITEM_WORDS_MAX: usize = 40;

pub(super) struct Builder<'a> {
    pub text: &'a str,
    pub words: &'a [Word],
    pub hits: &'a [Hit],
    pub modes: &'a Modes,
    pub tables: &'a Tables,
    pub lexicon: &'a Lexicon,
    pub amounts: Amounts<'a>,
    /// The word is part of a term of several words.
    pub inside_term: Vec<bool>,
    /// Most letters of the text are small, so that capitals mark something.
    pub mostly_small: bool,
    pub grove: Grove,
    pub statements: Vec<LabelStatement>,
    /// A joining word at the end of the item before.
    pending: Joint,
}

pub(super) fn build(text: &str, tables: &Tables) -> IngredientTree {
    build_from(text, &read_text(text, tables), tables)
}

pub(super) fn build_from(text: &str, reading: &Reading, tables: &Tables) -> IngredientTree {
    let words = &reading.words.list;
    let mut inside_term = vec![false; words.len()];
    // A phrase that names nothing we keep facts of may be a list of its own: "salt and pepper".
    // The tables know that one besides as no pepper of the nightshades.
    let seasonings = |h: &Hit| h.status.is_friend() && h.target == EvidenceKey::Nightshade as Target;
    let kept = |h: &&Hit| h.end - h.first > 1 && h.target != target::PLAIN && !seasonings(h);
    for hit in reading.hits.iter().filter(kept) {
        inside_term[hit.first as usize..hit.end as usize].fill(true);
    }
    let (small, large) = text.chars().filter(|c| c.is_alphabetic()).fold((0, 0), |(small, large), c| {
        if c.is_lowercase() { (small + 1, large) } else { (small, large + 1) }
    });
    let mut builder = Builder {
        text,
        words,
        hits: &reading.hits,
        modes: &reading.modes,
        tables,
        lexicon: &tables.lexicon,
        amounts: Amounts { text, words },
        inside_term,
        mostly_small: small > large,
        grove: Grove::new(),
        statements: Vec::new(),
        pending: Joint::List,
    };
    builder.run();
    let Builder { grove, statements, .. } = builder;
    let shortened = grove.shortened;
    let truncation = if list::is_cut(text) {
        Some(Truncation::Length)
    } else if reading.words.open_brackets > 0 {
        Some(Truncation::OpenBracket)
    } else {
        reading.words.dangling.then_some(Truncation::Dangling)
    };
    let mut ingredients = grove.into_ingredients();
    bounds::set(&mut ingredients, WHOLE_PPM, WHOLE_PPM, truncation.is_none() && !shortened);
    IngredientTree {
        language: language::recognise(words, &tables.lexicon),
        truncation,
        shortened,
        ingredients,
        statements,
    }
}

impl Builder<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.words.len() {
            self.adjust(at);
            let next = self.statement(at).or_else(|| self.sentence(at)).unwrap_or_else(|| {
                let end = self.item_end(at);
                self.item(at, end);
                end
            });
            // Brackets that closed within what was taken as a whole.
            for word in &self.words[at + 1..next.min(self.words.len())] {
                self.grove.close_to(word.low);
            }
            at = next;
        }
    }

    fn item_end(&self, at: usize) -> usize {
        (at + 1..self.words.len())
            .find(|i| self.words[*i].sep > Sep::Line || self.is_statement_at(*i))
            .unwrap_or(self.words.len())
    }

    fn span_at(&self, at: usize) -> Option<StatementSpan> {
        let place = self.modes.spans.binary_search_by_key(&at, |s| s.first).ok()?;
        self.modes.spans.get(place).copied()
    }

    pub(super) fn is_statement_at(&self, at: usize) -> bool {
        self.span_at(at).is_some()
    }

    /// Opens and closes the lists that the separators before the word speak of.
    fn adjust(&mut self, at: usize) {
        let word = self.words[at];
        if word.sep <= Sep::Line && at > 0 {
            return;
        }
        self.grove.close_to(word.low);
        let gap = self.amounts.gap_before(at);
        if word.sep == Sep::Sentence && at > 0 {
            self.grove.close_colons(word.low, |_, _| true);
            let top = self.grove.top();
            top.minor_ppm = None;
            top.broken |= top.last.is_some();
        } else if word.comma {
            let additive = self.is_additive(at);
            let head = self.words.get(self.item_end(at)).is_some_and(|w| w.sep == Sep::Colon);
            let function = self.tables.phrases.at(self.words, at, self.words.len(), &[K::Function]).is_some();
            let stronger = gap.contains(';');
            let pending = self.pending;
            self.grove.close_colons(word.low, |frame, colon| match colon {
                Colon::Function => !additive && pending == Joint::List,
                Colon::Compound => (stronger && frame.comma) || (head && !function),
            });
            self.grove.top().comma |= gap.contains(',');
        }
        if word.depth > word.low {
            let after_stop = word.comma || word.sep == Sep::Sentence;
            let parent = if after_stop { None } else { self.grove.top().last };
            self.grove.open(parent, word.depth, None);
        } else if word.sep == Sep::Colon {
            let last = self.grove.top().last;
            let head = last.filter(|l| self.grove.nodes[*l].word_end == at);
            if let Some(head) = head {
                self.open_colon(head, word.depth);
            }
        }
    }

    fn open_colon(&mut self, head: usize, depth: u16) {
        let ingredient = &self.grove.nodes[head].ingredient;
        let lists_on = ingredient.function.as_deref() == Some("vitamins_minerals");
        let colon = if ingredient.is_function && !lists_on { Colon::Function } else { Colon::Compound };
        self.grove.open(Some(head), depth, Some(colon));
    }

    /// Takes the statement that begins at the word, if one does and is no list of ingredients; returns where
    /// to go on.
    fn statement(&mut self, at: usize) -> Option<usize> {
        let span = self.span_at(at)?;
        let kind = match span.mode {
            Mode::Pal => StatementKind::MayContain,
            Mode::Facility => StatementKind::Facility,
            _ => return Some(self.contains(span)),
        };
        self.take(kind, span.first, span.end.max(span.body));
        Some(span.end.max(span.body))
    }

    fn take(&mut self, kind: StatementKind, first: usize, end: usize) {
        let allergens = self.allergens(first, end, |_| true);
        self.state(kind, first, end, allergens);
    }

    /// "Contains: milk, soy" states; "chocolate contains: sugar, cocoa" and "contains: water, sugar" list.
    fn contains(&mut self, span: StatementSpan) -> usize {
        let word = self.words[span.first];
        let bracket = word.depth > word.low && word.sep == Sep::Bracket;
        let mut sure = span.body;
        let mut at = span.body;
        while at < span.end {
            let end = (at + 1..span.end)
                .take(ITEM_WORDS_MAX)
                .find(|i| self.words[*i].sep > Sep::Line)
                .unwrap_or(span.end.min(at + ITEM_WORDS_MAX + 1));
            let named = (at..end).any(|i| self.modes.named[i]);
            let spoken = (at..end).all(|i| {
                let info = self.lexicon.info(self.words[i].id);
                info.function || info.marker != Marker::None || self.words[i].number
            });
            if !named && !spoken {
                break;
            }
            if named {
                sure = end;
            }
            at = end;
        }
        let whole = at >= span.end && sure > span.body;
        let stated = sure > span.body && (whole || !(bracket || span.first == 0));
        if stated {
            let end = if whole { span.end } else { sure };
            self.take(StatementKind::Contains, span.first, end);
            return end;
        }
        // The introduction of a list: what stands right before it is the head.
        let last = self.grove.top().last;
        let head = last.filter(|l| self.grove.nodes[*l].word_end == span.first && word.sep <= Sep::Line);
        if let Some(head) = head {
            self.open_colon(head, word.depth);
        }
        span.body
    }

    fn item(&mut self, first: usize, end: usize) {
        let Some(first) = self.without_heading(first, end) else { return };
        let minor = (first..end).find_map(|i| self.amounts.minor(i, end).map(|(ppm, last)| (i, ppm, last)));
        let Some((at, ppm, last)) = minor else {
            self.content(first, end);
            return;
        };
        if at > first {
            self.content(first, at);
        }
        let closes = self.words.get(end).is_none_or(|w| w.low < self.words[first].depth);
        let alone = at == first && last == end && self.grove.top().parent.is_some() && closes;
        if alone && self.grove.top().last.is_none() {
            self.share_of_head(Share { ppm, kind: ShareKind::AtMost });
        } else {
            self.grove.top().minor_ppm = Some(ppm);
            if last < end {
                self.content(last, end);
            }
        }
    }

    /// Where the item begins behind "ingredients:"; `None` if it is nothing else.
    fn without_heading(&self, first: usize, end: usize) -> Option<usize> {
        let Some((_, length)) = self.tables.phrases.at(self.words, first, end, &[K::Heading]) else {
            return Some(first);
        };
        let starts = self.words[first].sep == Sep::Sentence;
        let colon = self.words.get(first + length).is_some_and(|w| w.sep == Sep::Colon);
        if first + length == end && (colon || starts) {
            None
        } else if starts && first == 0 {
            Some(first + length)
        } else {
            Some(first)
        }
    }

    fn content(&mut self, first: usize, end: usize) {
        if self.footnote(first, end) || self.denial(first, end) || self.only_qualities(first, end) {
            return;
        }
        let (parts, pending) = self.parts(first, end, self.pending);
        self.pending = pending;
        for part in parts {
            match self.ingredient(part) {
                Ok((ingredient, word_end)) => {
                    let mark = self.mark_of(part.first, part.end);
                    self.grove.add(ingredient, word_end, mark);
                }
                Err(Some(share)) => self.share_of_head(share),
                Err(None) => {}
            }
        }
    }

    /// An amount that stands alone speaks of the ingredient before it or around it.
    fn share_of_head(&mut self, share: Share) {
        let top = self.grove.top();
        if let Some(at) = top.last.or(top.parent) {
            self.grove.nodes[at].ingredient.share = Some(share);
        }
    }

    /// "Contains no milk", "gluten free" as an item of its own: a claim.
    fn denial(&mut self, first: usize, end: usize) -> bool {
        let content = |i: &usize| {
            let info = self.lexicon.info(self.words[*i].id);
            !info.function && info.marker == Marker::None && !self.words[*i].number
        };
        let mut words = (first..end).filter(content).peekable();
        let denied = words.peek().is_some() && words.all(|i| self.modes.denied[i]);
        if !denied {
            return false;
        }
        let allergens = self.allergens(first, end, |_| true);
        match self.grove.top().parent.filter(|_| self.words[first].depth > 0) {
            Some(parent) => self.grove.nodes[parent].ingredient.free_from.extend(allergens),
            None => self.state(StatementKind::FreeFrom, first, end, allergens),
        }
        true
    }

    /// "(organic)", "(France)", "(preservative)", "(not from animals)": said of what stands before.
    fn only_qualities(&mut self, first: usize, end: usize) -> bool {
        // "(origin: Spain)": the word that leads to what follows the colon.
        let leads = self.tables.phrases.at(self.words, first, end, &[K::OriginOf]);
        if leads.is_some_and(|(_, length)| first + length == end)
            && self.words.get(end).is_some_and(|w| w.sep == Sep::Colon)
        {
            return true;
        }
        let word = self.words[first];
        let follows = word.sep == Sep::Bracket && !word.comma && word.depth == word.low;
        let top = self.grove.top();
        let in_bracket = word.depth > 0 && top.colon.is_none();
        let target = if follows && top.last.is_some() {
            top.last
        } else {
            top.parent.filter(|_| in_bracket && top.last.is_none())
        };
        let Some(found) = self.qualities(first, end) else { return false };
        let Some(target) = target else {
            let claim = !found.labels.is_empty() && found.processing.is_empty() && found.origins.is_empty();
            if claim && word.depth == 0 {
                self.state(StatementKind::Other, first, end, Vec::new());
            }
            return claim && word.depth == 0;
        };
        let ingredient = &mut self.grove.nodes[target].ingredient;
        ingredient.labels.extend(found.labels);
        ingredient.processing.extend(found.processing);
        ingredient.origins.extend(found.origins);
        if ingredient.function.is_none() {
            ingredient.function = found.function;
        }
        true
    }

    /// The qualities that the words state, if they state nothing else.
    fn qualities(&self, first: usize, end: usize) -> Option<Ingredient> {
        let mut found = Ingredient::default();
        let mut at = first;
        let mut any = false;
        while at < end {
            let kinds = &[K::Label, K::Processing, K::Origin, K::OriginOf, K::Function];
            match self.tables.phrases.at(self.words, at, end, kinds) {
                Some((phrase, length)) => {
                    let code = phrase.code.to_string();
                    match phrase.kind {
                        K::Label => found.labels.push(code),
                        K::Processing => found.processing.push(code),
                        K::Origin => found.origins.push(code),
                        K::Function => found.function = found.function.or(Some(code)),
                        _ => {}
                    }
                    any |= phrase.kind != K::OriginOf;
                    at += length;
                }
                None => {
                    let info = self.lexicon.info(self.words[at].id);
                    let spoken = info.function || info.marker != Marker::None || info.purpose;
                    if !spoken || self.words[at].number {
                        return None;
                    }
                    at += 1;
                }
            }
        }
        any.then_some(found)
    }

    /// "*organic" behind a list that marked its ingredients.
    fn footnote(&mut self, first: usize, end: usize) -> bool {
        let mark = trailing_marks(self.amounts.gap_before(first));
        if mark.is_empty() || self.words[first].depth > 0 {
            return false;
        }
        let marked = |mark: &str, own: &str| !own.is_empty() && own == mark;
        if !self.grove.nodes.iter().any(|n| marked(&mark, &n.mark)) {
            return false;
        }
        let Some(found) = self.qualities(first, end) else { return false };
        for node in self.grove.nodes.iter_mut().filter(|n| marked(&mark, &n.mark)) {
            node.ingredient.labels.extend(found.labels.iter().cloned());
            node.ingredient.processing.extend(found.processing.iter().cloned());
            node.ingredient.origins.extend(found.origins.iter().cloned());
        }
        self.state(StatementKind::Other, first, end, Vec::new());
        true
    }

    /// The mark behind the part, or before it.
    fn mark_of(&self, first: usize, end: usize) -> String {
        let behind: String = self.amounts.gap_after(end - 1).chars().take_while(|c| is_mark(*c)).collect();
        if behind.is_empty() { trailing_marks(self.amounts.gap_before(first)) } else { behind }
    }
}

fn trailing_marks(gap: &str) -> String {
    let marks: String = gap.trim_end().chars().rev().take_while(|c| is_mark(*c)).collect();
    marks.chars().rev().collect()
}

fn is_mark(c: char) -> bool {
    matches!(c, '*' | '\u{2020}' | '\u{2021}' | '\u{b9}' | '\u{b2}' | '\u{b3}' | '#' | '^' | '\u{b0}')
}
