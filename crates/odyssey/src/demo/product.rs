//! One product of the demo vendor, from its row number.
//!
//! Promises: the name, the ingredients, the declarations and the nutrition all follow from one mixture, so
//! they agree. Never: leaves anything out; what a vendor forgets is the business of [`super::products`].

use super::brands;
use super::foods::{ADDED_SUGARS, Figures, Part};
use super::label::{ListStyle, Precaution, ingredient_list};
use super::marks::Marks;
use super::random::{LongTail, Random};
use super::recipes::{Kitchen, Recipe, Variant};

/// Ways to call anything, for what its recipe has no word for.
const ADJECTIVES: &[&str] = &[
    "Classic",
    "Original",
    "Signature",
    "Everyday",
    "Family",
    "Simply",
    "Heritage",
    "Premium",
    "Village",
    "Harvest",
    "Traditional",
    "Corner Store",
    "Weeknight",
    "Golden",
    "Little",
    "True",
];

/// What was made, before anybody fills in a form about it.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub recipe: &'a Recipe,
    pub name: String,
    pub plain_name: String,
    pub brand: String,
    pub package: i64,
    pub cents: i64,
    /// The whole list with its full stop, without statements.
    pub ingredients: String,
    pub marks: Marks,
    pub precaution: Option<Precaution>,
    /// Per 100 g or ml.
    pub figures: Figures,
    pub organic: bool,
}

/// What makes products: the kitchen and the weights of the choices.
pub(super) struct Maker {
    pub kitchen: Kitchen,
    brands: LongTail,
    adjectives: LongTail,
}

/// Which of the added things a product goes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    Salt,
    Sugar,
}

impl Maker {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            kitchen: Kitchen::open()?,
            brands: brands::tail(),
            adjectives: LongTail::new(ADJECTIVES.len(), 3),
        })
    }

    pub(super) fn make(&self, random: &mut Random) -> Product<'_> {
        let kitchen = &self.kitchen;
        let recipe = &kitchen.recipes[random.long_tail(&kitchen.recipes_tail)];
        let variant = &recipe.variants[random.long_tail(&recipe.variants_tail)];
        let addition = if random.percent(30) { random.pick(&recipe.additions) } else { None };
        let mut parts = mixture(recipe, variant, addition);
        let without = self.leave_out(recipe, variant, &mut parts, random);
        for part in &mut parts {
            part.share = (part.share * random.between(90, 110) / 100).max(1);
        }
        parts.sort_by_key(|part| (-part.share, part.food));
        let marks = kitchen.foods.marks(&parts);
        // There is no organic seafood under 7 CFR 205, and nothing organic about mere water.
        let grown =
            |part: &Part| !kitchen.foods.all[part.food].marks.any(Marks::TINY) && part.share >= 50_000;
        let organic = random.percent(7) && !marks.any(Marks::SEAFOOD) && parts.iter().any(grown);
        let style = ListStyle {
            organic,
            capitals: random.percent(35),
            share_told: random.percent(10),
            minors_apart: random.percent(40),
        };
        let plain_name = plain_name(recipe, variant, addition);
        let package = random.pick(&recipe.packages).copied().unwrap_or(recipe.serving);
        Product {
            recipe,
            name: self.name(recipe, &plain_name, without, organic, random),
            plain_name,
            brand: brands::pick(random, &self.brands),
            package,
            cents: price(recipe, package, organic, random),
            ingredients: ingredient_list(&kitchen.foods, &parts, style),
            marks,
            precaution: precaution(recipe, marks, random),
            figures: kitchen.foods.mixture(&parts, recipe.left),
            organic,
        }
    }

    /// Leaves out salt or sugar where the recipe is sold so, and only where nothing else brings it along
    /// and the name does not promise it.
    fn leave_out(
        &self,
        recipe: &Recipe,
        variant: &Variant,
        parts: &mut Vec<Part>,
        random: &mut Random,
    ) -> Without {
        let foods = &self.kitchen.foods;
        let wanted = match random.below(100) {
            0..22 if recipe.saltless => (Without::Salt, Marks::SALTY, Marks::SALTED, "Salt"),
            22..40 if recipe.unsweet => (Without::Sugar, Marks::SWEET, Marks::SWEETENED, "Sugar"),
            _ => return Without::Nothing,
        };
        let (without, left_out, brought_along, word) = wanted;
        let leaves = |part: &Part| foods.all[part.food].marks.any(left_out);
        // Honey and syrups are what such a variant is about.
        let plain = |part: &Part| {
            !leaves(part) || without == Without::Salt || foods.all[part.food].figures[ADDED_SUGARS] > 95_000
        };
        let possible = parts.iter().any(leaves)
            && parts.iter().all(plain)
            && parts.iter().any(|part| !leaves(part))
            && !foods.marks(parts).any(brought_along)
            && !variant.name.contains(word);
        if !possible {
            return Without::Nothing;
        }
        parts.retain(|part| !leaves(part));
        without
    }

    fn name(
        &self,
        recipe: &Recipe,
        plain: &str,
        without: Without,
        organic: bool,
        random: &mut Random,
    ) -> String {
        let mut words: Vec<&str> = Vec::with_capacity(5);
        if organic {
            words.push("Organic");
        }
        match without {
            Without::Nothing => {}
            Without::Salt => words.push("No Salt Added"),
            Without::Sugar => words.push("Unsweetened"),
        }
        let adjective = match random.below(100) {
            0..64 => random.pick(&recipe.adjectives).copied(),
            64..88 => ADJECTIVES.get(random.long_tail(&self.adjectives)).copied(),
            _ => None,
        };
        // "Crispy Crispy Potatoes" is nobody's product.
        words.extend(adjective.filter(|word| !plain.contains(word)));
        words.push(plain);
        words.join(" ")
    }
}

/// Base, variant and addition in one list; what occurs twice is added up.
fn mixture(recipe: &Recipe, variant: &Variant, addition: Option<&Variant>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::with_capacity(16);
    let added = addition.map_or(&[][..], |addition| &addition.parts);
    for part in recipe.base.iter().chain(&variant.parts).chain(added) {
        match parts.iter_mut().find(|known| known.food == part.food) {
            Some(known) => known.share += part.share,
            None => parts.push(*part),
        }
    }
    parts
}

fn plain_name(recipe: &Recipe, variant: &Variant, addition: Option<&Variant>) -> String {
    let mut name = if recipe.noun.is_empty() {
        variant.name.to_owned()
    } else {
        format!("{} {}", variant.name, recipe.noun)
    };
    if let Some(addition) = addition {
        name.push_str(" with ");
        name.push_str(addition.name);
    }
    name
}

/// In cents, ending in nine as prices do.
fn price(recipe: &Recipe, package: i64, organic: bool, random: &mut Random) -> i64 {
    let level = random.between(75, 150) + if organic { 30 } else { 0 };
    let cents = recipe.cents_per_100 * package * level / 10_000;
    (cents - cents % 10 + 9).max(79)
}

/// Warns of some of what the plant also handles and the product does not contain.
fn precaution(recipe: &Recipe, marks: Marks, random: &mut Random) -> Option<Precaution> {
    let count = match random.below(100) {
        0..62 => 0,
        62..80 => 1,
        80..93 => 2,
        _ => usize::MAX,
    };
    let facility = random.percent(35);
    let warned = recipe.handled.iter().filter(|mark| !marks.any(**mark)).take(count);
    let warned = warned.fold(Marks::NONE, |all, mark| all.with(*mark));
    (warned != Marks::NONE).then_some(Precaution { marks: warned, facility })
}
