//! One item between separators, taken apart: what joins it, what it is called, what is said of it.

use super::super::allergen_of;
use super::super::items::is_weak;
use super::super::lexicon::Marker;
use super::super::phrases::PhraseKind as K;
use super::super::text::{Sep, additive_code};
use super::builder::Builder;
use super::{Ingredient, Joint, Share};
use crate::facts::KeySet;

/// A part of an item: its words, and how it is joined to the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub first: usize,
    pub end: usize,
    pub joint: Joint,
}

impl Builder<'_> {
    /// The item's parts: "salt and pepper", "E333 E474"; not "mono and diglycerides", nor "natural and
    /// artificial flavors". The last value is a joining word at the end, which speaks of the next item.
    pub(super) fn parts(&self, first: usize, end: usize, pending: Joint) -> (Vec<Part>, Joint) {
        let mut parts = Vec::new();
        let (mut start, mut joint) = (first, pending);
        let mut at = first;
        while at < end {
            if self.is_additive(at) && at > start && self.is_additive(at - 1) {
                parts.push(Part { first: start, end: at, joint });
                (start, joint) = (at, Joint::List);
            }
            let run = self.joining_run(at, end);
            if run == at {
                at += 1;
                continue;
            }
            let found = self.joint_of(at, run);
            if at == start {
                // A joining word at the beginning adds to the one that the item before ended with.
                joint = both(joint, found);
                start = run;
            } else if run == end {
                parts.push(Part { first: start, end: at, joint });
                return (parts, found);
            } else if (start..at).any(|i| !is_weak(self.words, i, self.lexicon)) {
                parts.push(Part { first: start, end: at, joint });
                (start, joint) = (run, found);
            }
            at = run;
        }
        if start < end {
            parts.push(Part { first: start, end, joint });
            joint = Joint::List;
        }
        (parts, joint)
    }

    /// One past the joining words that begin here.
    fn joining_run(&self, at: usize, end: usize) -> usize {
        let joins = |i: usize| {
            let inside = self.inside_term[i] && self.inside_term.get(i + 1).copied().unwrap_or(false);
            let word = self.lexicon.is_connective(self.words[i].id)
                || self.tables.phrases.at(self.words, i, i + 1, &[K::Connective]).is_some();
            word && !inside
        };
        (at..end).find(|i| !joins(*i)).unwrap_or(end)
    }

    fn joint_of(&self, first: usize, end: usize) -> Joint {
        let mut joint = Joint::List;
        for at in first..end {
            let or = self.lexicon.marker(self.words[at].id) == Marker::Or
                || matches!(self.amounts.raw(at).as_str(), "oppure" | "tai" | "eller");
            joint = both(joint, if or { Joint::Or } else { Joint::And });
        }
        joint
    }

    pub(super) fn is_additive(&self, at: usize) -> bool {
        self.additive(at).is_some()
    }

    /// The additive's code that the word is.
    fn additive(&self, at: usize) -> Option<String> {
        additive_code(&self.words[at], self.text)
    }

    /// Makes an ingredient of the part; `None` where nothing but amounts and qualities is left.
    pub(super) fn ingredient(&self, part: Part) -> Result<(Ingredient, usize), Option<Share>> {
        let Part { mut first, end, joint } = part;
        while first + 1 < end && matches!(self.amounts.raw(first).as_str(), "a" | "an" | "the") {
            first += 1;
        }
        let mut ingredient = Ingredient {
            joint,
            start: self.words[first].start,
            end: self.words[end - 1].end,
            ..Ingredient::default()
        };
        let mut named = vec![true; end - first];
        let mut at = first;
        while at < end {
            if let Some(amount) = self.amounts.percentage(at, end).filter(|a| !self.is_grade(a.end, end)) {
                ingredient.share = Some(amount.share);
                let from = amount.first.max(first);
                named[from - first..amount.end - first].fill(false);
                at = amount.end;
                continue;
            }
            at = self.quality(at, end, first, &mut ingredient, &mut named);
        }
        ingredient.additive = (first..end).find_map(|i| self.additive(i));
        let mut kept: Vec<usize> = (first..end).filter(|i| named[i - first]).collect();
        let says_nothing =
            |i: usize| matches!(self.lexicon.marker(self.words[i].id), Marker::Article | Marker::Of);
        // "45 % de beurre": what joins the amount to the name.
        let joint_words = kept.iter().take_while(|i| **i > first && says_nothing(**i)).count();
        if joint_words < kept.len() {
            kept.drain(..joint_words);
        }
        let says_something = kept.len() == 1
            || kept.iter().any(|i| {
                let word = &self.words[*i];
                word.end > word.start && !says_nothing(*i)
            });
        if !says_something {
            return Err(ingredient.share);
        }
        ingredient.name = self.name(&kept);
        ingredient.emphasized = self.is_emphasized(&kept);
        ingredient.free_from = self.denied_allergens(first, end);
        let function = self.tables.phrases.at(self.words, kept[0], end, &[K::Function]);
        if let Some((phrase, length)) = function {
            ingredient.function = Some(phrase.code.to_string());
            ingredient.is_function = ingredient.additive.is_none()
                && kept.iter().skip(length).all(|i| is_weak(self.words, *i, self.lexicon));
        }
        Ok((ingredient, end))
    }

    /// Notes a quality that begins at the word; returns where to go on.
    fn quality(
        &self,
        at: usize,
        end: usize,
        first: usize,
        ingredient: &mut Ingredient,
        named: &mut [bool],
    ) -> usize {
        if let Some((code, length)) = self.origin_at(at, end).filter(|_| at > first) {
            ingredient.origins.push(code);
            named[at - first..at - first + length].fill(false);
            return at + length;
        }
        match self.tables.phrases.at(self.words, at, end, &[K::Processing, K::Label]) {
            Some((phrase, length)) => {
                let list =
                    if phrase.kind == K::Label { &mut ingredient.labels } else { &mut ingredient.processing };
                if !list.iter().any(|code| **code == *phrase.code) {
                    list.push(phrase.code.to_string());
                }
                at + length
            }
            None => at + 1,
        }
    }

    /// An origin behind the word that leads to it: "from Spain", "alkuperä Suomi".
    pub(super) fn origin_at(&self, at: usize, end: usize) -> Option<(String, usize)> {
        let (_, lead) = self.tables.phrases.at(self.words, at, end, &[K::OriginOf])?;
        let next = at + lead;
        let joined = self.words.get(next).is_some_and(|w| w.sep <= Sep::Line);
        let (phrase, length) =
            self.tables.phrases.at(self.words, next, end, &[K::Origin]).filter(|_| joined && next < end)?;
        Some((phrase.code.to_string(), lead + length))
    }

    /// "2% milk", "1 % low fat milk": a grade of fat, no share.
    fn is_grade(&self, at: usize, end: usize) -> bool {
        at < end
            && matches!(
                self.amounts.raw(at).as_str(),
                "milk" | "milkfat" | "lowfat" | "low" | "reduced" | "fat" | "skim" | "mg" | "m"
            )
    }

    /// The label's words, without marks and tags.
    fn name(&self, kept: &[usize]) -> String {
        let mut name = String::new();
        let mut run = 0;
        while run < kept.len() {
            let mut last = run;
            while last + 1 < kept.len() && kept[last + 1] == kept[last] + 1 {
                last += 1;
            }
            let (start, end) = (self.words[kept[run]].start as usize, self.words[kept[last]].end as usize);
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&clean(&self.text[start..end]));
            run = last + 1;
        }
        name
    }

    /// Between underscores or tags, or in capitals among small letters.
    fn is_emphasized(&self, kept: &[usize]) -> bool {
        let marked = kept.iter().any(|i| {
            let (before, after) = (self.amounts.gap_before(*i), self.amounts.gap_after(*i));
            let opens = before.ends_with('_') || before.ends_with("<b>") || before.ends_with("<strong>");
            let within = *i > 0 || !before.is_empty();
            opens && within && (after.starts_with(['_', '<']) || kept.contains(&(i + 1)))
        });
        let capital = || {
            kept.iter().any(|i| {
                let word = &self.words[*i];
                let raw = &self.text[word.start as usize..word.end as usize];
                raw.chars().filter(|c| c.is_alphabetic()).count() >= 3
                    && raw.chars().all(|c| !c.is_lowercase())
            })
        };
        marked || (self.mostly_small && capital())
    }

    fn denied_allergens(&self, first: usize, end: usize) -> Vec<String> {
        self.allergens(first, end, |hit| (hit.first..hit.end).all(|i| self.modes.denied[i as usize]))
    }

    /// Codes of the regulated allergens that terms between the words surely name, in storage order.
    pub(super) fn allergens(
        &self,
        first: usize,
        end: usize,
        counts: impl Fn(&super::super::trie::Hit) -> bool,
    ) -> Vec<String> {
        let from = self.hits.partition_point(|h| (h.first as usize) < first);
        let mut keys = KeySet::EMPTY;
        for hit in self.hits[from..].iter().take_while(|h| (h.first as usize) < end) {
            if let Some(key) =
                allergen_of(hit).filter(|k| k.is_regulated() && hit.status.names_surely() && counts(hit))
            {
                keys.insert(key);
            }
        }
        keys.iter().map(|k| k.code().to_owned()).collect()
    }
}

fn both(one: Joint, other: Joint) -> Joint {
    match (one, other) {
        (Joint::List, joint) | (joint, Joint::List) => joint,
        (Joint::And, Joint::And) => Joint::And,
        (Joint::Or, Joint::Or) => Joint::Or,
        _ => Joint::AndOr,
    }
}

/// Without tags, entities, emphasis marks and doubled spaces.
fn clean(raw: &str) -> String {
    let mut name = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(c) = raw[at..].chars().next() {
        let rest = &raw[at..];
        let (shown, length) = match c {
            '&' => super::super::html::entity(rest).unwrap_or((c, 1)),
            '<' => super::super::html::tag(rest).map_or((c, 1), |(length, _)| (' ', length)),
            '_' | '*' | '\u{2020}' | '\u{2021}' => (' ', c.len_utf8()),
            c if c.is_whitespace() => (' ', c.len_utf8()),
            c => (c, c.len_utf8()),
        };
        if shown != ' ' || !name.ends_with(' ') {
            name.push(shown);
        }
        at += length;
    }
    name.trim().to_owned()
}
