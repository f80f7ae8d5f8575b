//! Sentences of a list that list nothing: where something comes from, how much of it there is, prose.

use super::super::lexicon::Marker;
use super::super::phrases::PhraseKind;
use super::super::text::{Sep, term_words};
use super::builder::Builder;
use super::{LabelStatement, STATEMENTS_MAX, StatementKind};

/// "Total milk content": the word stands within these many of the beginning.
const CONTENT_WITHIN: usize = 5;
/// No sentence is looked at further; it keeps a hostile text linear.
const SENTENCE_WORDS_MAX: usize = 200;
/// No label names the origins of more ingredients one by one.
const ORIGIN_SENTENCES_MAX: usize = 32;

impl Builder<'_> {
    /// Reads a sentence that is no list, if one begins at the word; returns where it ends.
    pub(super) fn sentence(&mut self, at: usize) -> Option<usize> {
        use PhraseKind as K;
        let word = self.words[at];
        if word.depth > 0 || word.sep < Sep::Line {
            return None;
        }
        let begins = word.sep == Sep::Sentence || word.sep == Sep::Line;
        let kinds: &[K] = if begins { &[K::OriginSentence, K::Content, K::Prose] } else { &[K::Prose] };
        let all = self.words.len();
        let found = self.tables.phrases.at(self.words, at, all, kinds).map(|(p, length)| (p.kind, length));
        if found.is_none() && !begins {
            return None;
        }
        let origin = matches!(found, Some((K::OriginSentence, _)));
        let end = self.sentence_end(at, !origin);
        let numbers = || self.words[at..end].iter().any(|w| w.number);
        let kind = match found {
            Some((K::OriginSentence, length)) if self.leads_on(at + length, end) => StatementKind::Origin,
            Some((K::Content, _)) if numbers() => StatementKind::Content,
            Some((K::Prose, _)) => StatementKind::Other,
            _ if begins && self.states_content(at, end) && numbers() => StatementKind::Content,
            _ => return None,
        };
        let origins = self.statements.iter().filter(|s| s.kind == StatementKind::Origin).count();
        if kind == StatementKind::Origin && origins < ORIGIN_SENTENCES_MAX {
            self.attach_origins(at, end);
        }
        self.state(kind, at, end, Vec::new());
        Some(end)
    }

    pub(super) fn state(&mut self, kind: StatementKind, first: usize, end: usize, allergens: Vec<String>) {
        if self.statements.len() >= STATEMENTS_MAX {
            self.grove.shortened = true;
        } else if first < end {
            let word = self.words[first];
            self.statements.push(LabelStatement {
                kind,
                start: word.start,
                end: self.words[end - 1].end,
                of_ingredient: word.depth > 0 || (word.sep == Sep::Space && !self.is_loud(first)),
                allergens,
            });
        }
    }

    /// "…, salt CONTAINS MILK": capitals or a mark begin something new where punctuation is missing.
    fn is_loud(&self, at: usize) -> bool {
        let word = self.words[at];
        let raw = &self.text[word.start as usize..word.end as usize];
        raw.starts_with(char::is_uppercase) || !self.amounts.gap_before(at).trim().is_empty()
    }

    /// Where the sentence ends; a list that begins with its heading may follow without a full stop.
    fn sentence_end(&self, at: usize, stops_at_heading: bool) -> usize {
        let heading = |i: usize| {
            if !stops_at_heading {
                return false;
            }
            let found = self.tables.phrases.at(self.words, i, self.words.len(), &[PhraseKind::Heading]);
            found.is_some_and(|(_, l)| self.words.get(i + l).is_some_and(|w| w.sep == Sep::Colon))
        };
        (at + 1..self.words.len().min(at + SENTENCE_WORDS_MAX))
            .find(|i| self.words[*i].sep == Sep::Sentence || self.is_statement_at(*i) || heading(*i))
            .unwrap_or(self.words.len().min(at + SENTENCE_WORDS_MAX))
    }

    /// "Origin: Spain", "origin of milk": something follows.
    fn leads_on(&self, at: usize, end: usize) -> bool {
        at < end
            && (self.words[at].sep == Sep::Colon
                || (at..end).any(|i| self.words[i].sep == Sep::Colon)
                || matches!(self.lexicon.marker(self.words[at].id), Marker::Of | Marker::Article))
    }

    /// "Total milk content: 88 %".
    fn states_content(&self, at: usize, end: usize) -> bool {
        (at + 1..end.min(at + CONTENT_WITHIN)).any(|i| self.amounts.raw(i) == "content")
    }

    /// Gives the origins that the sentence names to the ingredients that it names, or to all.
    fn attach_origins(&mut self, at: usize, end: usize) {
        let colon = (at..end).find(|i| self.words[*i].sep == Sep::Colon).unwrap_or(end);
        let mut origins: Vec<String> = Vec::new();
        let mut i = colon;
        while i < end {
            match self.tables.phrases.at(self.words, i, end, &[PhraseKind::Origin]) {
                Some((phrase, length)) => {
                    origins.push(phrase.code.to_string());
                    i += length;
                }
                None => i += 1,
            }
        }
        let spoken = |i: usize| {
            let info = self.lexicon.info(self.words[i].id);
            info.function
                || matches!(info.marker, Marker::Of | Marker::Article)
                || self
                    .tables
                    .phrases
                    .at(self.words, i, end, &[PhraseKind::OriginSentence, PhraseKind::OriginOf])
                    .is_some()
        };
        let named: Vec<String> =
            (at..colon).filter(|i| !spoken(*i)).map(|i| term_words(&self.amounts.raw(i)).join(" ")).collect();
        let words: Vec<Vec<String>> =
            self.grove.nodes.iter().map(|node| term_words(&node.ingredient.name)).collect();
        let said = (at..colon).map(|i| term_words(&self.amounts.raw(i)).join(" ")).collect::<Vec<_>>();
        // The whole name, as the sentence ends with it; else what has all of the sentence's words.
        let whole = |at: usize| said.ends_with(&words[at]);
        let exact = (0..words.len()).any(whole);
        let is_meant = |at: usize| {
            if exact { whole(at) } else { named.iter().all(|n| words[at].contains(n)) }
        };
        let meant: Vec<bool> = (0..words.len()).map(is_meant).collect();
        for (node, meant) in self.grove.nodes.iter_mut().zip(meant) {
            if meant && node.parent.is_none() {
                node.ingredient.origins.extend(origins.iter().cloned());
            }
        }
    }
}
