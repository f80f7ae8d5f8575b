//! The product file of the demo vendor.
//!
//! Owns: the columns, what a vendor forgets, and the faulty rows. Promises: the same seed and row count give
//! the same bytes on every machine; a row's content depends on seed and row number alone.

use std::io;

use super::csv::CsvLines;
use super::foods::{
    ADDED_SUGARS, CARBOHYDRATE, FAT, FIBER, Figures, POTASSIUM, PROTEIN, SATURATED, SODIUM, SUGARS,
};
use super::label::{column, contains_statement, precaution_statement};
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
/// Where vendors' systems cut texts.
const CUT_AT: usize = 255;
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
fn cells(maker: &Maker, seed: u64, row: u64) -> [String; COLUMNS.len()] {
    let mut random = Random::of_row(seed, STREAM, row);
    let product = maker.make(&mut random);
    let fault = fault_of(row);
    let (sku, gtin) = identity(&product, &mut random, maker, seed, row);
    let mut form = Form { random, whole: fault.is_some() };
    let label = form.label(&product);
    let [energy, fat, saturated, carbohydrate, sugars, added, fiber, protein, sodium, potassium] =
        form.nutrition(&product.figures, fault);
    let basis = if energy.is_empty() { "" } else { basis(&product) };
    let cuisine = form.random.pick(&product.recipe.cuisines).copied().unwrap_or_default();
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
        ("no_added_sugar", figures[ADDED_SUGARS] == 0 && figures[SUGARS] > 500),
        ("high_protein", figures[PROTEIN] * product.recipe.serving >= 10_000 * 100),
        ("organic", product.organic),
    ];
    tags.iter().filter(|(_, holds)| *holds).map(|(tag, _)| *tag).collect::<Vec<_>>().join("|")
}

/// The part of a row that says what is inside.
#[derive(Default)]
struct LabelCells {
    ingredients: String,
    contains: String,
    may_contain: String,
    facility: String,
    jurisdiction: String,
    as_of: String,
    allergen_data: String,
}

/// Somebody filling in the row, who leaves out this and that unless the row must be `whole`.
struct Form {
    random: Random,
    whole: bool,
}

impl Form {
    fn keeps(&mut self, percent: u64) -> bool {
        self.random.percent(percent) || self.whole
    }

    fn keep(&mut self, percent: u64, cell: impl FnOnce() -> String) -> String {
        if self.keeps(percent) { cell() } else { String::new() }
    }

    fn status(&mut self) -> String {
        match self.random.below(100) {
            0..95 => "active",
            95..98 => "inactive",
            _ => "discontinued",
        }
        .to_owned()
    }

    /// The list and the declarations. An attestation of completeness is given only where the declarations
    /// are there and the list is neither missing nor cut.
    fn label(&mut self, product: &Product<'_>) -> LabelCells {
        let mut cells = LabelCells::default();
        let declared = self.keeps(92);
        if declared {
            cells.contains = column(product.marks);
            if let Some(precaution) = product.precaution {
                let place = if precaution.facility { &mut cells.facility } else { &mut cells.may_contain };
                *place = column(precaution.marks);
            }
        }
        let mut text = product.ingredients.clone();
        let stated = contains_statement(product.marks);
        if !stated.is_empty() && (!declared || self.random.percent(70)) {
            text = format!("{text} {stated}");
        }
        if let Some(precaution) = product.precaution
            && (!declared || self.random.percent(60))
        {
            text = format!("{text} {}", precaution_statement(precaution));
        }
        let cut = text.len() > CUT_AT && self.random.percent(15) && !self.whole;
        if cut {
            text.truncate(CUT_AT);
        }
        let listed = self.keeps(95);
        cells.ingredients = if listed { text } else { String::new() };
        cells.allergen_data = self.allergen_data(declared && listed && !cut);
        cells.jurisdiction = self.keep(97, || "US".to_owned());
        cells.as_of = self.label_date();
        cells
    }

    fn allergen_data(&mut self, known: bool) -> String {
        let roll = self.random.below(100);
        match (known, roll) {
            (true, 0..92) => "complete",
            (true, 92..95) | (false, 0..35) => "partial",
            (true, 95..97) | (false, 35..75) => "unknown",
            _ => "",
        }
        .to_owned()
    }

    /// Mostly of the two years before the demo was written; a few labels are older than sesame's duty.
    fn label_date(&mut self) -> String {
        let (year, months) = match self.random.below(100) {
            0..5 => return String::new(),
            5..9 => (2022, (1, 12)),
            9..55 => (2025, (2, 12)),
            _ => (2026, (1, 9)),
        };
        let month = self.random.between(months.0, months.1);
        format!("{year}-{month:02}-{:02}", self.random.between(1, 28))
    }

    /// Energy, fat, saturated, carbohydrate, sugars, added sugars, fibre, protein, sodium, potassium.
    fn nutrition(&mut self, figures: &Figures, fault: Option<Fault>) -> [String; 10] {
        if !self.keeps(93) {
            return Default::default();
        }
        let mut figures = *figures;
        // By 4, 4 and 9 kcal/g (21 CFR 101.9(c)(1)(i)(B)), from mg.
        let energy = (figures[FAT] * 9 + (figures[CARBOHYDRATE] + figures[PROTEIN]) * 4 + 500) / 1_000;
        match fault {
            Some(Fault::SugarsExceedCarbohydrate) => figures[SUGARS] = figures[CARBOHYDRATE] + 7_000,
            Some(Fault::NegativeFat) => figures[FAT] = -figures[FAT].max(1_500),
            _ => {}
        }
        let grams = |at: usize| decimal(tenths(figures[at]), 1);
        let milligrams = |at: usize| ((figures[at] + 500) / 1_000).to_string();
        [
            energy.to_string(),
            grams(FAT),
            self.keep(97, || grams(SATURATED)),
            grams(CARBOHYDRATE),
            grams(SUGARS),
            self.keep(82, || grams(ADDED_SUGARS)),
            self.keep(91, || grams(FIBER)),
            grams(PROTEIN),
            self.keep(97, || milligrams(SODIUM)),
            self.keep(68, || milligrams(POTASSIUM)),
        ]
    }

    fn package(&mut self, product: &Product<'_>) -> String {
        let (size, unit) = (product.package, product.recipe.unit);
        if !self.keeps(92) {
            return String::new();
        }
        if unit == "g" && self.random.percent(35) {
            // 28.35 g to the ounce.
            return format!("{} oz ({size} g)", decimal((size * 1_000 + 1_417) / 2_835, 1));
        }
        format!("{size} {unit}")
    }

    fn description(&mut self, product: &Product<'_>) -> String {
        const ENDINGS: &[&str] = &[
            "Made in small batches.",
            "A staple for the weekly shop.",
            "Good on its own and better shared.",
            "Packed for busy mornings.",
            "From a recipe that has not changed in years.",
            "Keeps well in the pantry.",
            "Ready when you are.",
            "One of our best sellers.",
        ];
        let ending = self.random.pick(ENDINGS).copied().unwrap_or_default();
        self.keep(82, || format!("{} by {}. {ending}", product.plain_name, product.brand))
    }
}

/// Milligrams in tenths of a gram, rounded half away from zero.
fn tenths(milligrams: i64) -> i64 {
    (milligrams + 50 * milligrams.signum()) / 100
}

/// `value` in units of 10⁻`digits`; tenths that are whole are written without a point.
fn decimal(value: i64, digits: u32) -> String {
    let scale = 10_i64.pow(digits);
    let (whole, rest) = (value.abs() / scale, value.abs() % scale);
    let sign = if value < 0 { "-" } else { "" };
    if rest == 0 && digits == 1 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
}
