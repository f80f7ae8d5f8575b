//! The words of a label: the ingredient list with its statements.
//!
//! Promises: heaviest first, compounds with their parts in brackets, statements that agree with the
//! ingredients. Never: names an allergen that is not there.

use super::foods::{Foods, Part};
use super::marks::Marks;

/// What is below this share of the whole may stand behind "contains 2% or less".
const MINOR_PERCENT: i64 = 2;

/// What the maker warns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Precaution {
    pub marks: Marks,
    /// Made where these are handled, instead of "may contain".
    pub facility: bool,
}

/// How a list is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListStyle {
    pub organic: bool,
    pub capitals: bool,
    /// The share of the first ingredient is told.
    pub share_told: bool,
    /// Minor ingredients stand apart.
    pub minors_apart: bool,
}

/// The list of ingredients, with its full stop. `parts` are heaviest first.
pub(super) fn ingredient_list(foods: &Foods, parts: &[Part], style: ListStyle) -> String {
    let total: i64 = parts.iter().map(|part| part.share).sum();
    let minor = |part: &Part| part.share * 100 < total * MINOR_PERCENT;
    let majors = parts.iter().position(minor).unwrap_or(parts.len());
    let apart = style.minors_apart && parts.len() - majors >= 2 && majors > 0;
    let mut text = String::with_capacity(256);
    for (at, part) in parts.iter().enumerate() {
        if apart && at == majors {
            text.push_str(". Contains 2% or less of: ");
        } else if at > 0 {
            text.push_str(", ");
        }
        write_food(foods, *part, style.organic, &mut text);
        if at == 0 && style.share_told && parts.len() > 1 && foods.all[part.food].parts.is_empty() {
            text.push_str(&format!(" ({}%)", part.share * 100 / total.max(1)));
        }
    }
    text.push('.');
    if style.capitals {
        text.make_ascii_uppercase();
    } else {
        capitalise(&mut text);
    }
    text
}

fn write_food(foods: &Foods, part: Part, organic: bool, text: &mut String) {
    let food = &foods.all[part.food];
    if organic && !food.marks.any(Marks::TINY) {
        text.push_str("organic ");
    }
    text.push_str(food.label);
    // Even for one part: only "durum wheat semolina" says that spaghetti is wheat.
    if !food.parts.is_empty() {
        text.push_str(" (");
        for (at, inner) in food.parts.iter().enumerate() {
            if at > 0 {
                text.push_str(", ");
            }
            write_food(foods, *inner, organic, text);
        }
        text.push(')');
    }
}

/// `Contains: Milk, Wheat.`; empty where there is nothing to say.
pub(super) fn contains_statement(marks: Marks) -> String {
    let names: Vec<&str> = marks.allergens().map(|names| names.statement).collect();
    if names.is_empty() { String::new() } else { format!("Contains: {}.", names.join(", ")) }
}

pub(super) fn precaution_statement(precaution: Precaution) -> String {
    let mut names: Vec<&str> = precaution.marks.allergens().map(|names| names.plain).collect();
    names.dedup();
    let Some((last, before)) = names.split_last() else { return String::new() };
    let begin =
        if precaution.facility { "Made in a facility that also processes" } else { "May contain traces of" };
    if before.is_empty() {
        format!("{begin} {last}.")
    } else {
        format!("{begin} {} and {last}.", before.join(", "))
    }
}

/// `Milk;Wheat` for a column of declarations.
pub(super) fn column(marks: Marks) -> String {
    let mut names: Vec<&str> = marks.allergens().map(|names| names.column).collect();
    names.dedup();
    names.join(";")
}

fn capitalise(text: &mut str) {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
}
