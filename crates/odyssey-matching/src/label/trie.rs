//! The matcher: terms as paths over word numbers; per target the longest match, from the left.

use super::lexicon::WordId;
use super::tables::target;
use super::text::{Sep, Word};

/// How a term stands to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Definite,
    Likely,
    Exempt,
    /// Exempt on US labels, definite elsewhere.
    ExemptUs,
    /// The grain without its gluten.
    GrainOnly,
    /// Only looks like it.
    FalseFriend,
    /// Only looks like it, and is a composite food that may hold anything else: unread, unless a
    /// bracket lists what is in it.
    Composite,
    /// Of unstated origin where it is the whole ingredient: "vegetables", but not "vegetable oil".
    Bare,
    /// A name of a group, read only inside statements.
    Name,
}

impl Status {
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "C" => Self::Definite,
            "L" => Self::Likely,
            "E" => Self::Exempt,
            "E@US" => Self::ExemptUs,
            "G" => Self::GrainOnly,
            "X" => Self::FalseFriend,
            "XO" => Self::Composite,
            "B" => Self::Bare,
            "N" => Self::Name,
            _ => return None,
        })
    }

    /// Names its key beyond doubt, in whichever form the law treats it.
    pub const fn names_surely(self) -> bool {
        matches!(self, Self::Definite | Self::Exempt | Self::ExemptUs | Self::GrainOnly | Self::Name)
    }

    /// Leaves its key in doubt.
    pub const fn is_doubtful(self) -> bool {
        matches!(self, Self::Likely | Self::Bare)
    }

    /// Says only that its key is not meant.
    pub const fn is_friend(self) -> bool {
        matches!(self, Self::FalseFriend | Self::Composite)
    }
}

/// What a term speaks about: a key, a diet, the container class, or a key's name (`targets.rs`).
pub(super) type Target = u16;

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub target: Target,
    pub status: Status,
    /// Index of the term.
    pub term: u32,
}

/// A term found in a text, as a range of words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub target: Target,
    pub status: Status,
    pub term: u32,
    pub first: u32,
    /// One past the last word.
    pub end: u32,
}

#[derive(Debug, Default)]
struct Node {
    children: Vec<(WordId, u32)>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// First words straight to their node; 0 is none.
    roots: Vec<u32>,
}

/// No term of ours is longer; the parser of the tables enforces it.
pub(super) const TERM_WORDS_MAX: usize = 12;

impl Trie {
    pub fn new(words: usize) -> Self {
        Self { nodes: vec![Node::default()], roots: vec![0; words] }
    }

    /// Adds a term; false if the target already has one of these very words.
    pub fn insert(&mut self, words: &[WordId], entry: Entry) -> bool {
        let mut node = 0;
        for (depth, word) in words.iter().enumerate() {
            node = self.child_or_insert(node, *word, depth == 0);
        }
        let entries = &mut self.nodes[node as usize].entries;
        if entries.iter().any(|e| e.target == entry.target) {
            return false;
        }
        entries.push(entry);
        true
    }

    fn child_or_insert(&mut self, node: u32, word: WordId, root: bool) -> u32 {
        if let Some(child) = self.child(node, word, root) {
            return child;
        }
        let child = self.nodes.len() as u32;
        self.nodes.push(Node::default());
        if root {
            self.roots[word as usize] = child;
        } else {
            let children = &mut self.nodes[node as usize].children;
            let at = children.partition_point(|(w, _)| *w < word);
            children.insert(at, (word, child));
        }
        child
    }

    fn child(&self, node: u32, word: WordId, root: bool) -> Option<u32> {
        if root {
            return self.roots.get(word as usize).copied().filter(|n| *n != 0);
        }
        let children = &self.nodes[node as usize].children;
        children.binary_search_by_key(&word, |(w, _)| *w).ok().map(|at| children[at].1)
    }

    /// All matches, by first word. A false friend uses up its words only for terms that end within
    /// them: in "almond milk chocolate" the milk chocolate still stands.
    pub fn scan(&self, words: &[Word]) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut used = [0u32; target::COUNT];
        let mut ends = [(0u32, 0u32, false); TERM_WORDS_MAX];
        for first in 0..words.len() {
            let count = self.walk(words, first, &mut ends);
            for (end, node, crossed) in ends[..count].iter().rev() {
                for entry in &self.nodes[*node as usize].entries {
                    // A break of line may be a break between ingredients: only what adds doubt crosses it.
                    let adds_doubt = matches!(
                        entry.status,
                        Status::Definite | Status::Likely | Status::Bare | Status::Name
                    );
                    if *crossed && !adds_doubt {
                        continue;
                    }
                    let slot = &mut used[entry.target as usize];
                    let used_to = *slot & !FRIEND;
                    let shadowed = used_to > first as u32;
                    let by_friend = (*slot & FRIEND) != 0;
                    let escapes = by_friend && *end > used_to && !entry.status.is_friend();
                    if shadowed && !escapes {
                        continue;
                    }
                    *slot = *end | if entry.status.is_friend() { FRIEND } else { 0 };
                    hits.push(Hit {
                        target: entry.target,
                        status: entry.status,
                        term: entry.term,
                        first: first as u32,
                        end: *end,
                    });
                }
            }
        }
        hits
    }

    /// Fills `ends` with (end, node, crossed a line break) of every term that begins at `first`.
    fn walk(&self, words: &[Word], first: usize, ends: &mut [(u32, u32, bool); TERM_WORDS_MAX]) -> usize {
        let Some(mut node) = self.child(0, words[first].id, true) else { return 0 };
        let mut count = 0;
        let mut crossed = false;
        let mut at = first;
        loop {
            if !self.nodes[node as usize].entries.is_empty() && count < TERM_WORDS_MAX {
                ends[count] = (at as u32 + 1, node, crossed);
                count += 1;
            }
            at += 1;
            let Some(word) = words.get(at).filter(|w| w.sep <= Sep::Line) else { return count };
            crossed |= word.sep == Sep::Line;
            let Some(child) = self.child(node, word.id, false) else { return count };
            node = child;
        }
    }
}

/// Marks a `used` slot as set by a false friend.
const FRIEND: u32 = 1 << 31;
