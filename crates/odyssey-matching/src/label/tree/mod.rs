//! The ingredient list as a tree: what is in what, how much of it, in which order, and what else the
//! text states.
//!
//! Owns: the shape of a list. Promises: a pure function of text and tables; never fails and never panics;
//! linear in the length of the text; each range lies on character boundaries of the text; a bound of an
//! amount is never tighter than the label's own words and the descending order allow. Emits: nothing.
//! Never: decides what an ingredient means for anybody (that is `derive`'s business).

mod amounts;
mod bounds;
mod builder;
mod nodes;
mod placement;
mod sentences;
mod split;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use super::language::Language;
use super::tables::Tables;
pub use placement::Placement;

/// Brackets deeper than this are read as one; no label nests deeper by half.
pub const DEPTH_MAX: usize = 16;
/// No more ingredients are kept of one text; the longest real list has a few hundred.
pub const INGREDIENTS_MAX: usize = 2_000;
/// No more statements are kept of one text.
pub const STATEMENTS_MAX: usize = 200;
/// A longer text is read up to here (in bytes, at a character's boundary) and reported as shortened.
pub const TEXT_BYTES_MAX: usize = 100_000;
/// The whole, in parts per million: the unit of every share.
pub const WHOLE_PPM: u32 = 1_000_000;

/// An ingredient text, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngredientTree {
    pub language: Language,
    /// Why the list may go on where the text ends.
    pub truncation: Option<Truncation>,
    /// A limit of the parser cut the reading short.
    pub shortened: bool,
    /// In the order of the label.
    pub ingredients: Vec<Ingredient>,
    pub statements: Vec<LabelStatement>,
}

/// Signs that a text was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// It has the length at which old imports cut.
    Length,
    OpenBracket,
    /// It ends in a comma, a colon or a joining word.
    Dangling,
}

/// One ingredient, with those it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ingredient {
    /// As on the label, without amounts and marks.
    pub name: String,
    /// Byte range in the text, of the name and what stands with it (not of what it is made of).
    pub start: u32,
    pub end: u32,
    /// Place among its siblings, from 1; those joined by "or" share one.
    pub rank: u32,
    /// How it is joined to the sibling before.
    pub joint: Joint,
    /// What it is there for: "emulsifier".
    pub function: Option<String>,
    /// It is only such a function, a heading for what it holds: "emulsifier: E322".
    pub is_function: bool,
    /// The additive's code, lower case: `e322`, `e472e`.
    pub additive: Option<String>,
    /// The share that the label states.
    pub share: Option<Share>,
    /// How much of the product it can be, in ppm, by stated shares and the descending order of weight.
    pub min_ppm: u32,
    pub max_ppm: u32,
    /// It stands behind "contains less than 2 % of": outside the descending order, below that share.
    pub minor: bool,
    /// The descending order of weight holds between it and its ordered siblings: it is not minor, and no
    /// full stop stands before it in its list.
    pub ordered: bool,
    /// Marked by underscores, tags, or capitals among small letters.
    pub emphasized: bool,
    /// What it is said to be free from: "gluten free oats".
    pub free_from: Vec<String>,
    pub processing: Vec<String>,
    pub origins: Vec<String>,
    /// Qualities such as `organic`.
    pub labels: Vec<String>,
    pub ingredients: Vec<Ingredient>,
}

/// What joins an ingredient to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joint {
    /// A comma, or nothing before it.
    #[default]
    List,
    And,
    Or,
    AndOr,
}

/// A share as stated: of the product, or of what holds the ingredient; labels do not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub ppm: u32,
    pub kind: ShareKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareKind {
    Exactly,
    AtLeast,
    AtMost,
    About,
}

/// A statement of the label beside its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelStatement {
    pub kind: StatementKind,
    /// Byte range in the text, with the words that introduce it.
    pub start: u32,
    pub end: u32,
    /// It stands in a bracket or right behind an ingredient, and speaks of that one: "flavor (contains milk)".
    pub of_ingredient: bool,
    /// Codes of the allergens that it names, in storage order.
    pub allergens: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    Contains,
    MayContain,
    Facility,
    FreeFrom,
    /// "Origin of the milk: UK".
    Origin,
    /// "Total milk content: 88 %".
    Content,
    /// Prose that lists nothing: "keep refrigerated".
    Other,
}

/// Reads an ingredient text with the tables that this build carries.
pub fn parse(text: &str) -> IngredientTree {
    parse_with(text, Tables::embedded())
}

/// Reads an ingredient text.
pub fn parse_with(text: &str, tables: &Tables) -> IngredientTree {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut tree = builder::build(&text[..end], tables);
    tree.shortened |= end < text.len();
    tree
}

/// Where each allergen and class stands in a list, in storage order: its rank, whether only below "less than
/// 2 %", and how much of the product it can be. A key that the list leaves in doubt has no place.
pub fn placements(text: &str, tables: &Tables) -> Vec<Placement> {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let reading = super::read_text(&text[..end], tables);
    let tree = builder::build_from(&text[..end], &reading, tables);
    placement::placements(&tree, &reading, tables)
}

impl IngredientTree {
    /// Every ingredient with its depth, in the order of the label.
    pub fn walk(&self) -> impl Iterator<Item = (usize, &Ingredient)> {
        let mut stack: Vec<(usize, &Ingredient)> = self.ingredients.iter().rev().map(|i| (0, i)).collect();
        std::iter::from_fn(move || {
            let (depth, next) = stack.pop()?;
            stack.extend(next.ingredients.iter().rev().map(|i| (depth + 1, i)));
            Some((depth, next))
        })
    }
}
