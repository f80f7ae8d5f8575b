//! Which words of a label are ingredients, and which belong to a statement: "contains …",
//! "may contain …", "made in a facility …", "free from …".
//!
//! A statement can only take the place of a stronger reading where it surely ends: a "may contain"
//! ends behind the last name of an allergen, and one that runs on into ingredients keeps its first item
//! and gives back the rest.

use super::lexicon::{Lexicon, Marker};
use super::text::{Sep, Word};
use super::trie::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    List,
    Contains,
    Pal,
    Facility,
    Free,
}

/// A hit as far as statements care: which words it covers, and whether it names an allergen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub first: u32,
    pub end: u32,
    pub status: Status,
    pub allergen: bool,
}

/// A statement as a range of words: its introduction, what it speaks of, and one past its last word.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementSpan {
    pub mode: Mode,
    pub first: usize,
    pub body: usize,
    pub end: usize,
}

/// How a text's words are to be taken.
#[derive(Debug)]
pub(super) struct Modes {
    modes: Vec<Mode>,
    /// The word is denied: "free from milk".
    pub denied: Vec<bool>,
    /// The word is part of a term that names an allergen.
    pub named: Vec<bool>,
    /// The word is part of a term that names an allergen beyond doubt and is more than the name of a group:
    /// "lupin", not "nuts".
    pub definite: Vec<bool>,
    /// In the order of the text; none overlap.
    pub spans: Vec<StatementSpan>,
}

impl Modes {
    /// The mode of a term that covers these words. A denial counts only where it covers all of them:
    /// in "lactose free milk" the milk is there.
    pub fn of(&self, first: u32, end: u32) -> Mode {
        let denied = self.denied[first as usize..end as usize].iter().all(|d| *d);
        if denied { Mode::Free } else { self.modes[first as usize] }
    }
}

/// Reads the statements of a text.
pub(super) fn read(words: &[Word], spans: &[Span], lexicon: &Lexicon) -> Modes {
    let reader = Reader::new(words, spans, lexicon);
    let mut modes = vec![Mode::List; words.len()];
    let mut statements = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some((mode, body)) = reader.trigger(at) else {
            at += 1;
            continue;
        };
        let end = reader.scope_end(at, body, mode);
        for slot in modes.iter_mut().take(end).skip(body) {
            *slot = mode;
        }
        if mode != Mode::List {
            statements.push(StatementSpan { mode, first: at, body, end: end.max(body) });
        }
        at = end.max(at + 1);
    }
    let mut denied = vec![false; words.len()];
    reader.mark_free(spans, &mut denied);
    Modes { modes, denied, named: reader.named, definite: reader.definite, spans: statements }
}

/// No statement on a package is longer, in words; it keeps a hostile text linear.
const STATEMENT_WORDS_MAX: usize = 200;
/// No free-from list names more.
const DENIED_TERMS_MAX: usize = 32;

/// What an item of a precautionary list turns out to be.
enum Item {
    /// It names allergens up to this word; `whole` if nothing but words of statements follows in it.
    Names { to: usize, whole: bool },
    /// Nobody knows its words.
    Unread,
    /// It is an ingredient.
    Lists,
}

/// Forms of "contain" that stand only behind "may".
const INFINITIVES: &[&str] = &["contenir", "contener", "contenere", "conter"];
/// An amount stands within so many words behind "contains".
const AMOUNT_WITHIN: usize = 3;
/// What the names of groups of allergens begin with ("fruits à coque", "frutos de cáscara", "frutta a guscio").
const GROUP_BEGINNINGS: &[&str] = &["fruit", "fruits", "frutos", "frutta"];
/// Misread items that a precautionary list may pass over, one after the other.
const UNREAD_ITEMS_MAX: usize = 3;

/// How far a denial goes beyond its first term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeniedList {
    /// Only over what "or" joins: "no milk or egg".
    One,
    /// Over a list that "or" closes.
    ClosedByOr,
    Any,
}

/// A denial: where its first term stands, and how far it goes.
#[derive(Debug, Clone, Copy)]
struct Denial {
    start: usize,
    list: DeniedList,
    /// The term stands behind a comma, since the first thing denied is none of ours.
    after_comma: bool,
}

struct Reader<'a> {
    words: &'a [Word],
    lexicon: &'a Lexicon,
    /// The word is part of a term that names an allergen.
    named: Vec<bool>,
    /// The word is part of a term that names an allergen beyond doubt.
    sure: Vec<bool>,
    /// The word is part of a term of any kind.
    term: Vec<bool>,
    definite: Vec<bool>,
    /// The end of the longest term (no false friend) that begins at the word; 0 if none does.
    longest: Vec<u32>,
    /// A false friend begins at the word: "non hydrogenated" speaks of itself, not of the oil behind it.
    befriended: Vec<bool>,
}

impl<'a> Reader<'a> {
    fn new(words: &'a [Word], spans: &[Span], lexicon: &'a Lexicon) -> Self {
        let mut named = vec![false; words.len()];
        let mut sure = vec![false; words.len()];
        let mut term = vec![false; words.len()];
        let mut definite = vec![false; words.len()];
        let mut longest = vec![0; words.len()];
        let mut befriended = vec![false; words.len()];
        for span in spans {
            term[span.first as usize..span.end as usize].fill(true);
        }
        for span in spans.iter().filter(|s| s.status.is_friend()) {
            befriended[span.first as usize] = true;
        }
        for span in spans.iter().filter(|s| !s.status.is_friend()) {
            let slot = &mut longest[span.first as usize];
            *slot = span.end.max(*slot);
            if span.allergen {
                named[span.first as usize..span.end as usize].fill(true);
                let surely = span.status.names_surely();
                for (word, is_name) in [(&mut sure, false), (&mut definite, span.status == Status::Name)] {
                    if surely && !is_name {
                        word[span.first as usize..span.end as usize].fill(true);
                    }
                }
            }
        }
        Self { words, lexicon, named, sure, term, definite, longest, befriended }
    }

    fn marker(&self, at: usize) -> Marker {
        self.words.get(at).map_or(Marker::None, |w| self.lexicon.marker(w.id))
    }

    /// The marker of the word before, where nothing separates the two.
    fn marker_before(&self, at: usize) -> Marker {
        if at == 0 || !self.joined(at) { Marker::None } else { self.marker(at - 1) }
    }

    fn joined(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|w| w.sep <= Sep::Line)
    }

    /// No sentence ends before the word; a stop behind "of" or "the" is a slip.
    fn in_sentence(&self, at: usize) -> bool {
        let slip =
            || at > 0 && matches!(self.marker(at - 1), Marker::Of | Marker::Article | Marker::Relative);
        self.words.get(at).is_some_and(|w| w.sep < Sep::Sentence || slip())
    }

    /// Whether a statement begins at this word: its mode, and where what it speaks of begins.
    fn trigger(&self, at: usize) -> Option<(Mode, usize)> {
        match self.marker(at) {
            Marker::May => self.may(at),
            Marker::Contain => self.contain(at),
            Marker::Trace => {
                // "(Traces X, milk)": what a bracket or a sentence begins with.
                let begins = self.words[at].sep >= Sep::Bracket;
                // "traces:", "traces éventuelles:", "traces potentielles:".
                let mut ahead = at + 1;
                while ahead < at + 3 && self.joined(ahead) {
                    ahead += 1;
                }
                let colon = self.words.get(ahead).is_some_and(|w| w.sep == Sep::Colon);
                // "traces of", "traces éventuelles de".
                let of = (at + 1..at + 3)
                    .take_while(|i| self.joined(*i))
                    .any(|i| matches!(self.marker(i), Marker::Of | Marker::Article));
                (colon || of || begins).then_some((Mode::Pal, at + 1))
            }
            Marker::Allergen => self.allergen_heading(at),
            Marker::Suitable => {
                let near = |within: usize| (at..at + within).take_while(|i| *i == at || self.in_sentence(*i));
                let spoken = near(12).any(|i| matches!(self.marker(i), Marker::Allergen | Marker::Allergic));
                // "Not suitable for nut, peanut and sesame sufferers".
                let negated = self.marker_before(at) == Marker::Not
                    && self.is_look(at + 1)
                    && near(10).any(|i| self.sure[i]);
                (spoken || negated).then_some((Mode::Pal, at + 1))
            }
            Marker::Made => self.made(at),
            Marker::Shared => {
                let place = self.joined(at + 1) && self.marker(at + 1) == Marker::Place;
                place.then_some((Mode::Facility, at + 2))
            }
            Marker::Place => {
                let relative =
                    self.joined(at + 1) && matches!(self.marker(at + 1), Marker::Relative | Marker::Uses);
                relative.then_some((Mode::Facility, at + 1))
            }
            Marker::Relative if self.is_word(at, "containing") => {
                let word = self.words[at];
                let opens = word.sep == Sep::Bracket && word.depth > word.low;
                (opens && !self.counts(at + 1)).then_some((Mode::Contains, at + 1))
            }
            Marker::Ingredient => {
                let colon = self.words.get(at + 1).is_some_and(|w| w.sep == Sep::Colon);
                colon.then_some((Mode::List, at + 1))
            }
            _ => None,
        }
    }

    /// "may contain", "may also contain traces of", "kann Spuren von … enthalten".
    fn may(&self, at: usize) -> Option<(Mode, usize)> {
        let near = (at + 1..at + 4).take_while(|i| self.joined(*i));
        // "May also contain", but not "order may vary contains".
        let verb = near
            .take_while(|i| {
                *i == at + 1
                    || self.is_word(i - 1, "also")
                    || matches!(self.marker(i - 1), Marker::Also | Marker::Article)
            })
            .find(|i| matches!(self.marker(*i), Marker::Contain | Marker::Trace));
        if let Some(mut verb) = verb {
            // "Kan sporen bevatten van": both verbs introduce.
            while self.joined(verb + 1) && self.marker(verb + 1) == Marker::Contain {
                verb += 1;
            }
            // "may contain one or more of: soybean oil, palm oil" lists ingredients.
            return (!self.counts(verb + 1)).then_some((Mode::Pal, verb + 1));
        }
        let sentence = (at + 1..at + 16).take_while(|i| self.in_sentence(*i));
        let german = sentence.into_iter().any(|i| self.marker(i) == Marker::Present);
        german.then_some((Mode::Pal, at + 1))
    }

    /// A number, or "less than", "one or more": what follows is an amount, not an allergen.
    fn counts(&self, at: usize) -> bool {
        let amount = |i: usize| {
            let word = self.words.get(i);
            word.is_some_and(|w| w.sep < Sep::Bracket && (w.number || self.marker(i) == Marker::OneOrLess))
        };
        // Also behind misspelled words: "contains les than 2% of".
        let near = (at + 1..at + AMOUNT_WITHIN).take_while(|i| self.joined(*i) && !self.named[*i - 1]);
        amount(at) || near.into_iter().any(|i| self.words[i].number && !self.named[i])
    }

    fn contain(&self, at: usize) -> Option<(Mode, usize)> {
        let before = self.marker_before(at);
        let negated = matches!(before, Marker::Not | Marker::No)
            || (self.joined(at + 1) && matches!(self.marker(at + 1), Marker::No | Marker::Without));
        let relative = before == Marker::Relative;
        // "P et contenir": an infinitive that lost its "may".
        if !negated && INFINITIVES.iter().any(|word| self.is_word(at, word)) {
            return Some((Mode::Pal, at + 1));
        }
        (!negated && !relative && !self.counts(at + 1)).then_some((Mode::Contains, at + 1))
    }

    /// "allergens:", "allergy information:".
    fn allergen_heading(&self, at: usize) -> Option<(Mode, usize)> {
        // "Allergy advice: for allergens see the ingredients in bold" names none.
        let colon = |i: usize| {
            let word = self.words.get(i);
            word.is_some_and(|w| w.sep == Sep::Colon && !self.is_look(i))
        };
        if colon(at + 1) {
            return Some((Mode::Contains, at + 1));
        }
        // "Allergens. Milk, soy", "allergens MILK, SOY": a list without its colon.
        let names = |i: usize| {
            let known = |i: usize| self.sure.get(i).copied().unwrap_or(false);
            known(i) || (self.words.get(i).is_some_and(|w| w.sep < Sep::Comma) && known(i + 1))
        };
        let bare = self.words[at].sep >= Sep::Bracket
            && self.words.get(at + 1).is_some_and(|w| w.sep != Sep::Bracket);
        if bare && !self.is_word(at, "allergy") && names(at + 1) {
            return Some((Mode::Contains, at + 1));
        }
        let heading = self.joined(at + 1) && self.marker(at + 1) == Marker::Information && colon(at + 2);
        heading.then_some((Mode::Contains, at + 2))
    }

    /// "made in a facility that also processes …", "packed on shared equipment with …".
    fn made(&self, at: usize) -> Option<(Mode, usize)> {
        if !(self.joined(at + 1) && self.marker(at + 1) == Marker::In) {
            return None;
        }
        let reach = || (at + 2..at + 11).take_while(|i| self.in_sentence(*i));
        let place = reach().find(|i| self.marker(*i) == Marker::Place)?;
        let shared = (at + 2..place).any(|i| self.marker(i) == Marker::Shared);
        let spoken = (place + 1..place + 4).take_while(|i| self.in_sentence(*i)).any(|i| {
            matches!(self.marker(i), Marker::Relative | Marker::In | Marker::Contain | Marker::Made)
        });
        let named = (at + 2..place).any(|i| self.named[i]);
        (shared || spoken || named).then_some((Mode::Facility, at + 2))
    }

    /// Where the statement that `trigger` found at `at` ends.
    fn scope_end(&self, at: usize, body: usize, mode: Mode) -> usize {
        let depth = self.words[at].depth;
        let mut end = body;
        let last = match mode {
            Mode::Pal | Mode::Facility => self.words.len().min(body + STATEMENT_WORDS_MAX),
            _ => self.words.len(),
        };
        while end < last {
            let word = &self.words[end];
            let line =
                word.sep == Sep::Line && !word.comma && !self.lexicon.is_connective(self.words[end - 1].id);
            let stop = word.sep == Sep::Sentence && !(end > body && self.in_sentence(end));
            // A heading may end in a full stop: "Allergens. Milk, soy".
            if (stop && !(mode == Mode::Contains && end == body)) || word.low < depth || (line && end > body)
            {
                break;
            }
            if self.interrupts(end, mode) || (end > body && self.marker(end) == Marker::Prose) {
                break;
            }
            end += 1;
        }
        let owned = self.marker(at) == Marker::Suitable;
        if matches!(mode, Mode::Pal | Mode::Facility) { self.list_end(body, end, owned) } else { end }
    }

    fn interrupts(&self, at: usize, mode: Mode) -> bool {
        match self.trigger(at) {
            Some((Mode::Facility, _)) => mode != Mode::Facility,
            Some((Mode::Pal, _)) => mode != Mode::Pal,
            Some(_) => true,
            None => false,
        }
    }

    /// The end of a precautionary list: behind the last word that surely names an allergen.
    ///
    /// Words that nobody knows (prose, misread letters) end it or are passed over; a word that we know as an
    /// ingredient means that the list of ingredients goes on, and then only the first item is surely meant.
    ///
    /// `owned`: the statement fills its sentence ("not suitable for people allergic to …"), no list goes on.
    fn list_end(&self, body: usize, end: usize, owned: bool) -> usize {
        let mut accepted: Option<(usize, usize)> = None;
        let mut passed = 0;
        let mut first = body;
        while first < end {
            let next = (first + 1..end).find(|i| self.starts_item(*i)).unwrap_or(end);
            match self.read_item(first, next) {
                Item::Names { to, whole } => {
                    // "May contain peanuts, other tree nuts, …": "other" goes on with what may be there.
                    let others =
                        |(one, last)| if last == one && self.is_word(first, "other") { to } else { one };
                    accepted = Some((accepted.map_or(to, others), to));
                    passed = 0;
                    if !whole {
                        let misread = next == to + 1 && self.words[to].id == Lexicon::UNKNOWN;
                        if !misread {
                            break;
                        }
                        passed = 1;
                    }
                }
                Item::Unread => {
                    passed += 1;
                    if passed > UNREAD_ITEMS_MAX {
                        break;
                    }
                }
                Item::Lists if owned => {}
                Item::Lists => return accepted.map_or(body, |(one, _)| one),
            }
            first = next;
        }
        accepted.map_or(body, |(_, last)| last)
    }

    fn starts_item(&self, at: usize) -> bool {
        self.words[at].comma || self.words[at].sep >= Sep::Colon
    }

    fn read_item(&self, first: usize, end: usize) -> Item {
        // "to maintain freshness": prose follows the list.
        if self.marker(first) == Marker::Purpose && self.starts_item(first) {
            return Item::Unread;
        }
        let sure = (first..end).rev().find(|i| self.sure[*i]);
        let ingredient = |i: usize| {
            let word = &self.words[i];
            let info = self.lexicon.info(word.id);
            let says_nothing = info.function
                || info.marker != Marker::None
                || info.modifier
                || info.hollow
                || word.number
                || word.end - word.start <= 1;
            !self.named[i] && !says_nothing && (info.food || info.foreign || self.term[i])
        };
        match sure {
            Some(last) if (first..last).any(ingredient) => Item::Lists,
            Some(last) => {
                let rest = (last + 1..end).find(|i| !self.named[*i] && !self.is_spoken(*i));
                Item::Names { to: rest.unwrap_or(end), whole: rest.is_none() }
            }
            // "May contain bones" warns of something else than an allergen.
            None if (first..end).any(|i| self.marker(i) == Marker::Hazard) => {
                Item::Names { to: end, whole: true }
            }
            None if self.is_cut_name(first, end) => Item::Unread,
            None if (first..end).any(|i| ingredient(i) || self.named[i]) => Item::Lists,
            None => Item::Unread,
        }
    }

    /// The text breaks off in the name of a group: "traces de céleri, soja, fruits", which was to be "fruits à coque".
    fn is_cut_name(&self, first: usize, end: usize) -> bool {
        end == self.words.len()
            && end == first + 1
            && GROUP_BEGINNINGS.iter().any(|word| self.is_word(first, word))
    }

    /// A word of statements, a number or a single letter.
    fn is_spoken(&self, at: usize) -> bool {
        let (word, info) = (&self.words[at], self.lexicon.info(self.words[at].id));
        info.function || info.marker != Marker::None || word.number || word.end - word.start <= 1
    }

    /// Marks what is denied: "milk free", "no milk or egg", "free from milk, egg and soy".
    fn mark_free(&self, spans: &[Span], denied: &mut [bool]) {
        for span in spans.iter().filter(|s| !s.status.is_friend()) {
            let end = span.end as usize;
            let free = self.joined(end) && self.marker(end) == Marker::Free;
            // "free range", and "peanuts free from salt": there "free" speaks of what follows.
            let next = end + 1;
            let forward = self.joined(next)
                && (matches!(self.marker(next), Marker::Range | Marker::Of) || self.is_from(next));
            if free && !forward {
                denied[span.first as usize..end].fill(true);
            }
        }
        for at in 0..self.words.len() {
            if let Some(denial) = self.denial(at) {
                self.mark_denied(denial, denied);
            }
        }
    }

    /// Whether a denial begins here.
    fn denial(&self, at: usize) -> Option<Denial> {
        let denial = |start: usize, list: DeniedList| Denial { start, list, after_comma: false };
        let next = at + 1;
        let skip_added = |i: usize| if self.marker(i) == Marker::Added { i + 1 } else { i };
        match self.marker(at) {
            Marker::No | Marker::Without if self.joined(next) && !self.befriended[at] => {
                // "Contains no milk, egg or soy"; "No milk, egg or soy." as a sentence.
                let list = match (self.marker_before(at), self.words[at].sep) {
                    (Marker::Contain, _) => DeniedList::Any,
                    (_, Sep::Sentence) => DeniedList::ClosedByOr,
                    _ => DeniedList::One,
                };
                Some(denial(skip_added(next), list))
            }
            Marker::Free
                if self.joined(next) && !matches!(self.marker_before(at), Marker::None | Marker::Place) =>
            {
                None
            }
            Marker::Free if self.joined(next) => {
                let of = matches!(self.marker(next), Marker::Of) || self.is_from(next);
                // "Made in a plant free of animal ingredients, milk and egg": the first may be no allergen.
                let place = self.marker_before(at) == Marker::Place && !self.is_denied_item(next + 1);
                let start = (next + 1..next + 6).find(|i| self.words.get(*i).is_some_and(|w| w.comma));
                let comma = start.filter(|_| place);
                of.then_some(Denial {
                    start: comma.unwrap_or(next + 1),
                    list: DeniedList::Any,
                    after_comma: comma.is_some(),
                })
            }
            Marker::Contain if matches!(self.marker_before(at), Marker::Not) => {
                Some(denial(skip_added(next), DeniedList::Any))
            }
            _ => None,
        }
    }

    /// A term of ours fills the item, or a connective follows it.
    fn is_denied_item(&self, at: usize) -> bool {
        let end = self.term_end(at);
        end > 0 && (!self.joined(end) || matches!(self.marker(end), Marker::And | Marker::Or))
    }

    fn is_from(&self, at: usize) -> bool {
        self.is_word(at, "from")
    }

    /// "See the ingredients in bold", "for customers with an allergy".
    fn is_look(&self, at: usize) -> bool {
        self.marker(at) == Marker::Look || self.is_word(at, "for")
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.words.get(at).is_some_and(|w| w.id != Lexicon::UNKNOWN && w.id == self.lexicon.id(word))
    }

    /// The end of the longest term that begins at the word; 0 if none does.
    fn term_end(&self, at: usize) -> usize {
        self.longest.get(at).map_or(0, |end| *end as usize)
    }

    fn mark_denied(&self, denial: Denial, denied: &mut [bool]) {
        let Denial { start, list, after_comma } = denial;
        let first_end = self.term_end(start);
        if first_end == 0 {
            return;
        }
        let leads = self.joined(start) || self.words[start].sep == Sep::Colon;
        let may_lead = after_comma && self.words[start].sep == Sep::Comma;
        if !(leads || may_lead) {
            return;
        }
        let mut sure = first_end;
        let mut end = first_end;
        // "milk, egg and soy": a comma list counts once a connective has closed it.
        for _ in 0..DENIED_TERMS_MAX {
            let closes = matches!(self.marker(end), Marker::Or | Marker::No)
                || (list == DeniedList::Any && self.marker(end) == Marker::And);
            let comma = list != DeniedList::One && self.words.get(end).is_some_and(|w| w.sep == Sep::Comma);
            let term = if closes && (self.joined(end) || comma) { end + 1 } else { end };
            if !(closes || comma) || self.term_end(term) == 0 || (closes && !self.joined(term)) {
                break;
            }
            end = self.term_end(term);
            if closes {
                sure = end;
            }
        }
        denied[start..sure].fill(true);
    }
}
