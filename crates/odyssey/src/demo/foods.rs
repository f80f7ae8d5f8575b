//! What the ingredients of the demo vendor are made of.
//!
//! Owns: `data/demo/ingredients.txt` and `compounds.txt`. Promises: integers only; what an ingredient
//! contains is the union of what its parts contain. Never: knows a product.

use std::collections::BTreeMap;

use super::marks::{MARK_WORDS, Marks};

/// The columns of figures, in order.
pub(super) const FAT: usize = 0;
pub(super) const SATURATED: usize = 1;
pub(super) const CARBOHYDRATE: usize = 2;
pub(super) const SUGARS: usize = 3;
pub(super) const ADDED_SUGARS: usize = 4;
pub(super) const FIBER: usize = 5;
pub(super) const PROTEIN: usize = 6;
pub(super) const SODIUM: usize = 7;
pub(super) const POTASSIUM: usize = 8;
pub(super) const FIGURES: usize = 9;

/// Percent of water and ash that even the driest food keeps.
const CRUMB_WATER: i64 = 3;

/// Per 100 g: the first seven in mg, sodium and potassium in µg.
pub(super) type Figures = [i64; FIGURES];

/// So much of one food, in ten-thousandths of a percent of the raw mass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub food: usize,
    pub share: i64,
}

/// An ingredient as it stands on a label.
#[derive(Debug)]
pub(super) struct Food {
    pub label: &'static str,
    pub figures: Figures,
    pub marks: Marks,
    /// What stands in brackets behind it; empty for a simple one.
    pub parts: Vec<Part>,
}

#[derive(Debug, Default)]
pub(super) struct Foods {
    pub all: Vec<Food>,
    by_label: BTreeMap<&'static str, usize>,
}

impl Foods {
    /// Reads the embedded tables. The error names the line that is at fault.
    pub(super) fn read() -> Result<Self, String> {
        let mut foods = Self::default();
        for line in lines(include_str!("../../data/demo/ingredients.txt")) {
            let food = simple(line).ok_or_else(|| format!("not an ingredient: {line}"))?;
            foods.add(food);
        }
        for line in lines(include_str!("../../data/demo/compounds.txt")) {
            let food = foods.compound(line)?;
            foods.add(food);
        }
        Ok(foods)
    }

    /// `rolled oats 52; salt 0.4`; `-` is nothing.
    pub(super) fn parts(&self, text: &str) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        for entry in text.split(';').map(str::trim).filter(|e| !e.is_empty() && *e != "-") {
            let (label, share) = entry.rsplit_once(' ').ok_or_else(|| format!("no share: {entry}"))?;
            let food = *self.by_label.get(label.trim()).ok_or_else(|| format!("no such food: {entry}"))?;
            let share = decimal(share, 4).ok_or_else(|| format!("no share: {entry}"))?;
            parts.push(Part { food, share });
        }
        Ok(parts)
    }

    /// The figures of a mixture per 100 g of it, when `left` percent of its mass remain after cooking, or
    /// more than 100 where water is taken up. Only water is lost, so never more than there is of it.
    pub(super) fn mixture(&self, parts: &[Part], left: i64) -> Figures {
        let raw = self.raw_mixture(parts, 100);
        let solid_percent = (raw[FAT] + raw[CARBOHYDRATE] + raw[PROTEIN]) / 1_000 + 1;
        let least = (solid_percent + CRUMB_WATER).min(100);
        self.raw_mixture(parts, left.max(least))
    }

    fn raw_mixture(&self, parts: &[Part], left: i64) -> Figures {
        let total: i64 = parts.iter().map(|part| part.share).sum();
        let mut figures = [0; FIGURES];
        for (at, figure) in figures.iter_mut().enumerate() {
            let sum: i64 = parts.iter().map(|part| self.all[part.food].figures[at] * part.share).sum();
            *figure = sum * 100 / (total * left).max(1);
        }
        figures
    }

    pub(super) fn marks(&self, parts: &[Part]) -> Marks {
        parts.iter().fold(Marks::NONE, |marks, part| marks.with(self.all[part.food].marks))
    }

    fn add(&mut self, food: Food) {
        self.by_label.insert(food.label, self.all.len());
        self.all.push(food);
    }

    /// `mustard = water 48; mustard seeds 21`, with ` => figures` behind it where the figures do not
    /// follow from the parts.
    fn compound(&self, line: &'static str) -> Result<Food, String> {
        let (label, rest) = line.split_once(" = ").ok_or_else(|| format!("not a compound: {line}"))?;
        let (parts, stated) =
            rest.split_once(" => ").map_or((rest, None), |(parts, figures)| (parts, Some(figures)));
        let parts = self.parts(parts)?;
        let figures = match stated {
            Some(text) => figures(text).ok_or_else(|| format!("figures of {line}"))?,
            None => self.raw_mixture(&parts, 100),
        };
        Ok(Food { label, figures, marks: self.marks(&parts).inside(), parts })
    }
}

pub(super) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `sea salt | 0 0 0 0 0 0 0 | 38800 0 | salty tiny`.
fn simple(line: &'static str) -> Option<Food> {
    let (label, rest) = line.split_once(" | ")?;
    let (numbers, words) = rest.rsplit_once('|')?;
    let mut marks = Marks::NONE;
    for word in words.split_whitespace() {
        let at = MARK_WORDS.iter().position(|known| *known == word)?;
        marks = marks.with(Marks::bit(at));
    }
    Some(Food { label, figures: figures(numbers)?, marks, parts: Vec::new() })
}

fn figures(text: &str) -> Option<Figures> {
    let mut figures = [0; FIGURES];
    let mut numbers = text.split([' ', '|']).filter(|number| !number.is_empty());
    for figure in &mut figures {
        *figure = decimal(numbers.next()?, 3)?;
    }
    numbers.next().is_none().then_some(figures)
}

/// A decimal number in units of 10⁻`digits`.
fn decimal(text: &str, digits: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}
