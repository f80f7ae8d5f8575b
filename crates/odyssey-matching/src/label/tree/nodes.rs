//! Ingredients while the tree grows: an arena, and the frames of brackets and colons that stand open.

use super::{DEPTH_MAX, INGREDIENTS_MAX, Ingredient, Joint};

#[derive(Debug)]
pub(super) struct Node {
    pub ingredient: Ingredient,
    pub parent: Option<usize>,
    /// One past its last word: a colon right there makes it a head.
    pub word_end: usize,
    /// The footnote mark behind its name, as it stands on the label.
    pub mark: String,
}

/// How long the list behind a colon goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colon {
    /// "Emulsifier: E322, salt": up to the next comma, and over further additive codes.
    Function,
    /// "Filling: sugar, oil.": up to the end of the sentence or the next head.
    Compound,
}

#[derive(Debug)]
pub(super) struct Frame {
    /// What the ingredients read here are part of.
    pub parent: Option<usize>,
    /// Bracket depth.
    pub depth: u16,
    pub colon: Option<Colon>,
    pub last: Option<usize>,
    /// The bound of "contains less than 2 % of", in ppm.
    pub minor_ppm: Option<u32>,
    /// A comma has separated ingredients here: a semicolon is something stronger.
    pub comma: bool,
    /// A full stop stood in the list: what follows need not be less than what came before.
    pub broken: bool,
    /// Levels of the tree above.
    pub level: usize,
}

#[derive(Debug)]
pub(super) struct Grove {
    pub nodes: Vec<Node>,
    pub frames: Vec<Frame>,
    pub shortened: bool,
}

impl Grove {
    pub fn new() -> Self {
        let root = Frame {
            parent: None,
            depth: 0,
            colon: None,
            last: None,
            minor_ppm: None,
            comma: false,
            broken: false,
            level: 0,
        };
        Self { nodes: Vec::new(), frames: vec![root], shortened: false }
    }

    pub fn top(&mut self) -> &mut Frame {
        // The root is never popped.
        let at = self.frames.len() - 1;
        &mut self.frames[at]
    }

    /// Closes what stands open deeper than `depth`.
    pub fn close_to(&mut self, depth: u16) {
        while self.frames.len() > 1 && self.frames.last().is_some_and(|f| f.depth > depth) {
            self.frames.pop();
        }
    }

    /// Closes colons at the top, as long as `ends` says so.
    pub fn close_colons(&mut self, depth: u16, ends: impl Fn(&Frame, Colon) -> bool) {
        while self.frames.len() > 1 {
            let frame = &self.frames[self.frames.len() - 1];
            match frame.colon {
                Some(colon) if frame.depth >= depth && ends(frame, colon) => self.frames.pop(),
                _ => return,
            };
        }
    }

    /// Opens a list within `parent`; too deep, it stays in the list around.
    pub fn open(&mut self, parent: Option<usize>, depth: u16, colon: Option<Colon>) {
        let top = self.top();
        let (around, level, minor_ppm) = (top.parent, top.level, top.minor_ppm);
        let nested = parent.is_some() && parent != around;
        let too_deep = nested && level >= DEPTH_MAX;
        self.shortened |= too_deep;
        let parent = if too_deep || parent.is_none() { around } else { parent };
        let minor_ppm = if nested { None } else { minor_ppm };
        let level = level + usize::from(nested && !too_deep);
        self.frames.push(Frame {
            parent,
            depth,
            colon,
            last: None,
            minor_ppm,
            comma: false,
            broken: false,
            level,
        });
    }

    pub fn add(&mut self, mut ingredient: Ingredient, word_end: usize, mark: String) {
        if self.nodes.len() >= INGREDIENTS_MAX {
            self.shortened = true;
            return;
        }
        let at = self.nodes.len();
        let frame = self.top();
        ingredient.minor = frame.minor_ppm.is_some();
        ingredient.ordered = !ingredient.minor && !frame.broken;
        if let Some(ppm) = frame.minor_ppm {
            ingredient.max_ppm = ppm;
        }
        let first = frame.last.is_none();
        frame.last = Some(at);
        let parent = frame.parent;
        if first {
            ingredient.joint = Joint::List;
        }
        self.nodes.push(Node { ingredient, parent, word_end, mark });
    }

    /// The finished tree.
    pub fn into_ingredients(self) -> Vec<Ingredient> {
        let mut finished: Vec<Option<Ingredient>> = Vec::with_capacity(self.nodes.len());
        let parents: Vec<Option<usize>> = self.nodes.iter().map(|n| n.parent).collect();
        finished.extend(self.nodes.into_iter().map(|n| Some(n.ingredient)));
        let mut roots = Vec::new();
        // A parent stands before its children, so from the back every node is whole when it is moved.
        for at in (0..finished.len()).rev() {
            let Some(mut ingredient) = finished[at].take() else { continue };
            ingredient.ingredients.reverse();
            match parents[at].and_then(|p| finished[p].as_mut()) {
                Some(parent) => parent.ingredients.push(ingredient),
                None => roots.push(ingredient),
            }
        }
        roots.reverse();
        number(&mut roots);
        roots
    }
}

/// Ranks among siblings; alternatives share one.
fn number(siblings: &mut [Ingredient]) {
    let mut rank = 0;
    for ingredient in siblings {
        if rank == 0 || !matches!(ingredient.joint, Joint::Or | Joint::AndOr) {
            rank += 1;
        }
        ingredient.rank = rank;
        number(&mut ingredient.ingredients);
    }
}
