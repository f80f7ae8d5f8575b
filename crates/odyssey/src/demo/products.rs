//! The product file of the demo vendor.
//!
//! Owns: the columns, what a vendor forgets, and the faulty rows. Promises: the same seed and row count give
//! the same bytes on every machine; a row's content depends on seed and row number alone.

use std::io;

use super::csv::CsvLines;
use super::foods::{ADDED_SUGARS, PROTEIN, SODIUM, SUGARS};
use super::form::{Form, decimal};
use super::marks::Marks;
use super::product::{Maker, Product};
use super::random::Random;

/// Names as vendors give them; each maps to a field without help.
pub(super) const COLUMNS: [&str; 31] = [
    "sku",
    "gtin",
    "product_name",
    "brand",
    "description",
    "category_id",
    "cuisine",
    "price",
    "currency",
    "status",
    "ingredients",
    "nutrition_basis",
    "energy_kcal",
    "fat_g",
    "saturated_fat_g",
    "carbohydrate_g",
    "sugars_g",
    "added_sugars_g",
    "fiber_g",
    "protein_g",
    "sodium_mg",
    "potassium_mg",
    "serving_size",
    "package_weight",
    "dietary_tags",
    "allergens",
    "may_contain",
    "facility",
    "label_jurisdiction",
    "label_as_of",
    "allergen_data",
];

/// One row in this many is faulty.
const FAULT_EVERY: u64 = 200;
/// Which one of them.
const FAULT_AT: u64 = 137;
/// The row that a duplicate repeats stands this far above it.
const DUPLICATE_OF: u64 = 7;
const STREAM: u64 = 1;

/// What is wrong with a row on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No SKU, and a GTIN whose check digit is wrong: nothing identifies the row.
    GtinCheckDigit,
    /// More sugars than carbohydrate.
    SugarsExceedCarbohydrate,
    NegativeFat,
    /// The SKU of an earlier row.
    DuplicateSku,
}

/// The fault of a row (counted from 1): every two-hundredth row has one, in turn.
pub fn fault_of(row: u64) -> Option<Fault> {
    (row % FAULT_EVERY == FAULT_AT).then_some(match row / FAULT_EVERY % 4 {
        0 => Fault::GtinCheckDigit,
        1 => Fault::SugarsExceedCarbohydrate,
        2 => Fault::NegativeFat,
        _ => Fault::DuplicateSku,
    })
}

/// Writes a product file with a header line and `rows` rows; [`fault_of`] says which rows are faulty.
pub fn write_products_csv(out: &mut impl io::Write, seed: u64, rows: u64) -> io::Result<()> {
    let maker = Maker::new().map_err(io::Error::other)?;
    let mut lines = CsvLines::new(out);
    for column in COLUMNS {
        lines.cell(column);
    }
    lines.end_line()?;
    for row in 1..=rows {
        for cell in cells(&maker, seed, row) {
            lines.cell(&cell);
        }
        lines.end_line()?;
    }
    lines.finish()
}

/// The cells of one row, in the order of [`COLUMNS`].
pub(super) fn cells(maker: &Maker, seed: u64, row: u64) -> [String; COLUMNS.len()] {
    let mut random = Random::of_row(seed, STREAM, row);
    let product = maker.make(&mut random);
    let fault = fault_of(row);
    let (sku, gtin) = identity(&product, &mut random, maker, seed, row);
    let mut form = Form::new(random, fault);
    let label = form.label(&product);
    let [energy, fat, saturated, carbohydrate, sugars, added, fiber, protein, sodium, potassium] =
        form.nutrition(&product.figures);
    let basis = if energy.is_empty() { "" } else { basis(&product) };
    let cuisine = form.cuisine(&product);
    let priced = form.keeps(96);
    [
        sku,
        gtin,
        product.name.clone(),
        form.keep(96, || product.brand.clone()),
        form.description(&product),
        form.keep(97, || product.recipe.category.to_owned()),
        form.keep(74, || cuisine.to_owned()),
        if priced { decimal(product.cents, 2) } else { String::new() },
        if priced { "USD".to_owned() } else { String::new() },
        form.status(),
        label.ingredients,
        basis.to_owned(),
        energy,
        fat,
        saturated,
        carbohydrate,
        sugars,
        added,
        fiber,
        protein,
        sodium,
        potassium,
        form.keep(94, || format!("{} {}", product.recipe.serving, product.recipe.unit)),
        form.package(&product),
        form.keep(88, || dietary_tags(&product)),
        label.contains,
        label.may_contain,
        label.facility,
        label.jurisdiction,
        label.as_of,
        label.allergen_data,
    ]
}

fn basis(product: &Product<'_>) -> &'static str {
    if product.recipe.unit == "ml" { "per_100ml" } else { "per_100g" }
}

/// SKU and GTIN. One row in a hundred has only a GTIN.
fn identity(
    product: &Product<'_>,
    random: &mut Random,
    maker: &Maker,
    seed: u64,
    row: u64,
) -> (String, String) {
    let fault = fault_of(row);
    let number = gtin(seed, row);
    match fault {
        Some(Fault::GtinCheckDigit) => return (String::new(), with_wrong_check_digit(&number)),
        Some(Fault::DuplicateSku) => {
            let twin = maker.make(&mut Random::of_row(seed, STREAM, row - DUPLICATE_OF));
            return (sku(&twin, seed, row - DUPLICATE_OF), number);
        }
        _ => {}
    }
    let gtin_only = row % 100 == 61;
    let long = random.percent(35);
    let known = random.percent(90);
    let written = if long { format!("0{number}") } else { number };
    match (gtin_only, known) {
        (true, _) => (String::new(), written),
        (false, true) => (sku(product, seed, row), written),
        (false, false) => (sku(product, seed, row), String::new()),
    }
}

/// `GRA-40172396`: unique while there are fewer than 10⁸ rows, since 7,919 and 10⁸ have no common divisor.
fn sku(product: &Product<'_>, seed: u64, row: u64) -> String {
    let number = (u128::from(row) * 7_919 + u128::from(seed)) % 100_000_000;
    let prefix: String = product.recipe.category.chars().take(3).collect();
    format!("{}-{number:08}", prefix.to_ascii_uppercase())
}

/// A GTIN-12 of number system 2 (GTIN-13 prefixes 020 to 029): numbers that GS1 leaves to the use inside
/// a company, so that no product of anybody's is meant. Unique while there are fewer than 10¹⁰ rows.
fn gtin(seed: u64, row: u64) -> String {
    let body = (u128::from(row) * 7_368_787_591 + u128::from(seed)) % 10_000_000_000;
    let digits = format!("2{body:010}");
    let digit = check_digit(&digits);
    format!("{digits}{digit}")
}

/// The check digit of the GS1 General Specifications, section 7.9, for the digits before it.
fn check_digit(digits: &str) -> u32 {
    let weighted = digits.bytes().rev().enumerate();
    let sum: u32 = weighted.map(|(at, b)| u32::from(b - b'0') * if at % 2 == 0 { 3 } else { 1 }).sum();
    (10 - sum % 10) % 10
}

fn with_wrong_check_digit(gtin: &str) -> String {
    let digits = &gtin[..gtin.len() - 1];
    format!("{digits}{}", (check_digit(digits) + 5) % 10)
}

/// What the vendor claims: only what the mixture bears out.
fn dietary_tags(product: &Product<'_>) -> String {
    let warned = product.precaution.map_or(Marks::NONE, |precaution| precaution.marks);
    let (marks, figures) = (product.marks, &product.figures);
    let vegetarian = !marks.any(Marks::ANIMAL);
    let dairy_free = !marks.any(Marks::MILK);
    let vegan = vegetarian && dairy_free && !marks.any(Marks::EGG.with(Marks::HONEY));
    // Claims of religion come from the maker; a third and half of the makers ask for them.
    let asks = product.brand.len() as i64 + product.brand.bytes().map(i64::from).sum::<i64>();
    // 21 CFR 101.61(b)(4): at most 140 mg per serving, and per 50 g where a serving is 30 g or less.
    let counted = if product.recipe.serving <= 30 { 50 } else { product.recipe.serving };
    let low_sodium = figures[SODIUM] * counted.max(product.recipe.serving) <= 140_000 * 100;
    let tags = [
        ("vegan", vegan),
        ("vegetarian", vegetarian),
        ("gluten_free", !marks.any(Marks::GLUTEN) && !warned.any(Marks::WHEAT)),
        ("dairy_free", dairy_free && !warned.any(Marks::MILK)),
        ("halal", vegetarian && !marks.any(Marks::ALCOHOL) && asks % 3 == 0),
        ("kosher", vegetarian && asks % 2 == 0),
        ("low_sodium", low_sodium),
        ("no_added_sugar", figures[ADDED_SUGARS] == 0 && figures[SUGARS] > 3_000),
        ("high_protein", figures[PROTEIN] * product.recipe.serving >= 10_000 * 100),
        ("organic", product.organic),
    ];
    tags.iter().filter(|(_, holds)| *holds).map(|(tag, _)| *tag).collect::<Vec<_>>().join("|")
}
