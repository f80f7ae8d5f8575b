//! The recipes of the demo vendor.
//!
//! Owns: `data/demo/recipes.txt`. Promises: every part of a recipe is a known food. Never: rolls dice.

use super::foods::{Foods, Part, lines};
use super::marks::{MARK_WORDS, Marks};
use super::random::LongTail;

/// One way of making a recipe, or one addition to it.
#[derive(Debug)]
pub(super) struct Variant {
    pub name: &'static str,
    pub parts: Vec<Part>,
}

/// A kind of product.
#[derive(Debug)]
pub(super) struct Recipe {
    pub category: &'static str,
    pub cuisines: Vec<&'static str>,
    /// What follows the variant in the name; empty where the variant says it all.
    pub noun: &'static str,
    pub serving: i64,
    /// `g` or `ml`; the figures of what is measured in ml are per 100 ml, at the density of water.
    pub unit: &'static str,
    /// In the unit of the serving.
    pub packages: Vec<i64>,
    pub cents_per_100: i64,
    /// Percent of the raw mass that is there after cooking.
    pub left: i64,
    /// Allergens that the plant also handles.
    pub handled: Vec<Marks>,
    /// Also sold without added salt.
    pub saltless: bool,
    /// Also sold without added sugar.
    pub unsweet: bool,
    pub base: Vec<Part>,
    pub variants: Vec<Variant>,
    pub additions: Vec<Variant>,
    pub adjectives: Vec<&'static str>,
    pub variants_tail: LongTail,
}

/// Everything that products are made from.
#[derive(Debug)]
pub(super) struct Kitchen {
    pub foods: Foods,
    pub recipes: Vec<Recipe>,
    pub recipes_tail: LongTail,
}

impl Kitchen {
    /// Reads the embedded tables; the error names the line at fault.
    pub(super) fn open() -> Result<Self, String> {
        let foods = Foods::read()?;
        let mut recipes: Vec<Recipe> = Vec::new();
        for line in lines(include_str!("../../data/demo/recipes.txt")) {
            let (kind, rest) = line.split_once(' ').ok_or_else(|| format!("not a line: {line}"))?;
            if kind == "=" {
                recipes.push(header(rest).ok_or_else(|| format!("not a recipe: {line}"))?);
                continue;
            }
            let recipe = recipes.last_mut().ok_or_else(|| format!("before any recipe: {line}"))?;
            match kind {
                "+" => recipe.base = foods.parts(rest)?,
                "-" => recipe.variants.push(variant(&foods, rest)?),
                "~" => recipe.additions.push(variant(&foods, rest)?),
                "!" => recipe.adjectives = rest.split(", ").collect(),
                _ => return Err(format!("not a line: {line}")),
            }
        }
        for recipe in &mut recipes {
            recipe.variants_tail = LongTail::new(recipe.variants.len(), 3);
        }
        let recipes_tail = LongTail::new(recipes.len(), 40);
        Ok(Self { foods, recipes, recipes_tail })
    }
}

fn variant(foods: &Foods, text: &'static str) -> Result<Variant, String> {
    let (name, parts) = text.split_once(" : ").ok_or_else(|| format!("no variant: {text}"))?;
    Ok(Variant { name, parts: foods.parts(parts)? })
}

/// `granola ; american ; Granola ; 60 g ; 340 454 ; 165 ; 92 ; peanut milk ; unsweet`.
fn header(text: &'static str) -> Option<Recipe> {
    let cells: Vec<&'static str> = text.split(';').map(str::trim).collect();
    let [category, cuisines, noun, serving, packages, cents, left, handled, options] = cells[..] else {
        return None;
    };
    let (serving, unit) = serving.split_once(' ')?;
    let mark = |word: &str| MARK_WORDS.iter().position(|known| *known == word).map(Marks::bit);
    Some(Recipe {
        category,
        cuisines: cuisines.split(", ").collect(),
        noun: if noun == "-" { "" } else { noun },
        serving: serving.parse().ok()?,
        unit,
        packages: packages.split(' ').map(|package| package.parse().ok()).collect::<Option<_>>()?,
        cents_per_100: cents.parse().ok()?,
        left: left.parse().ok()?,
        handled: handled.split_whitespace().map(mark).collect::<Option<_>>()?,
        saltless: options.contains("saltless"),
        unsweet: options.contains("unsweet"),
        base: Vec::new(),
        variants: Vec::new(),
        additions: Vec::new(),
        adjectives: Vec::new(),
        variants_tail: LongTail::new(0, 1),
    })
}
