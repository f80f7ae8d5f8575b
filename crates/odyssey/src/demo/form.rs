//! How a vendor fills in a row about a product.
//!
//! Owns: what is forgotten, cut or made faulty. Promises: what is written is true of the product, except in
//! the cells that a fault is about.

use super::foods::{
    ADDED_SUGARS, CARBOHYDRATE, FAT, FIBER, Figures, POTASSIUM, PROTEIN, SATURATED, SODIUM, SUGARS,
};
use super::label::{column, contains_statement, precaution_statement};
use super::product::Product;
use super::products::Fault;
use super::random::Random;

/// Where vendors' systems cut texts.
const CUT_AT: usize = 255;

/// Somebody filling in the row, who leaves out this and that, but not where the row has a
/// fault: that is to be the only thing about it.
pub(super) struct Form {
    random: Random,
    fault: Option<Fault>,
}

impl Form {
    pub(super) const fn new(random: Random, fault: Option<Fault>) -> Self {
        Self { random, fault }
    }

    pub(super) fn keeps(&mut self, percent: u64) -> bool {
        self.random.percent(percent) || self.fault.is_some()
    }

    pub(super) fn keep(&mut self, percent: u64, cell: impl FnOnce() -> String) -> String {
        if self.keeps(percent) { cell() } else { String::new() }
    }

    pub(super) fn cuisine(&mut self, product: &Product<'_>) -> &'static str {
        self.random.pick(&product.recipe.cuisines).copied().unwrap_or_default()
    }

    pub(super) fn status(&mut self) -> String {
        match self.random.below(100) {
            0..95 => "active",
            95..98 => "inactive",
            _ => "discontinued",
        }
        .to_owned()
    }

    /// The list and the declarations. An attestation of completeness is given only where the declarations
    /// are there and the list is neither missing nor cut.
    pub(super) fn label(&mut self, product: &Product<'_>) -> LabelCells {
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
        let cut = text.len() > CUT_AT && self.random.percent(15) && self.fault.is_none();
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
    pub(super) fn nutrition(&mut self, figures: &Figures) -> [String; 10] {
        if !self.keeps(93) {
            return Default::default();
        }
        let mut figures = *figures;
        // By 4, 4 and 9 kcal/g (21 CFR 101.9(c)(1)(i)(B)), from mg.
        let energy = (figures[FAT] * 9 + (figures[CARBOHYDRATE] + figures[PROTEIN]) * 4 + 500) / 1_000;
        match self.fault {
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

    pub(super) fn package(&mut self, product: &Product<'_>) -> String {
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

    pub(super) fn description(&mut self, product: &Product<'_>) -> String {
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

/// The part of a row that says what is inside.
#[derive(Debug, Default)]
pub(super) struct LabelCells {
    pub ingredients: String,
    pub contains: String,
    pub may_contain: String,
    pub facility: String,
    pub jurisdiction: String,
    pub as_of: String,
    pub allergen_data: String,
}

/// Milligrams in tenths of a gram, rounded half away from zero.
fn tenths(milligrams: i64) -> i64 {
    (milligrams + 50 * milligrams.signum()) / 100
}

/// `value` in units of 10⁻`digits`; tenths that are whole are written without a point.
pub(super) fn decimal(value: i64, digits: u32) -> String {
    let scale = 10_i64.pow(digits);
    let (whole, rest) = (value.abs() / scale, value.abs() % scale);
    let sign = if value < 0 { "-" } else { "" };
    if rest == 0 && digits == 1 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
}
