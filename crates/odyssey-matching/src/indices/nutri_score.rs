//! Nutri-Score 2023 (reference 6.1), in integers: grams as µg, energy as tenths of a kJ.

use odyssey_types::{Nutrient, Nutrients, parse_fixed};
use serde::Deserialize;

use super::facts::{FoodKind, Grade};
use super::tables::{Files, FruitPoints, Problem, RawThresholds, Sources, Thresholds, fruit_points};

const FILE: &str = "indices/nutri_score.toml";
/// 37 kJ in a gram of fat (Regulation 1169/2011, Annex XIV), in tenths.
const SATURATES_TENTH_KJ_PER_G: i64 = 370;
const GRAM: i64 = 1_000_000;

/// What a Nutri-Score is computed from, per 100 g or 100 ml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NutriInput {
    pub kind: FoodKind,
    /// µg; energy in J.
    pub amounts: Nutrients,
    /// Proved share of fruit, vegetables and legumes; `None` where nothing is known of it.
    pub fruit_permille: Option<u16>,
    /// The share is the whole truth, not a lower bound.
    pub fruit_is_exact: bool,
    /// A non-nutritive sweetener is among the ingredients.
    pub sweetener: bool,
}

/// A score and its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NutriPoints {
    pub energy: i8,
    pub sugars: i8,
    /// Saturates, or for fats their ratio to all fat.
    pub saturates: i8,
    pub salt: i8,
    pub sweetener: i8,
    pub protein: i8,
    pub fiber: i8,
    pub fruit: i8,
    pub negative: i8,
    pub positive: i8,
    pub score: i8,
    pub grade: Grade,
    pub estimated: bool,
}

/// Computes a score with the tables of this build; `None` where a component is missing or the kind is
/// not scored.
pub fn nutri_score(input: &NutriInput) -> Option<NutriPoints> {
    compute(input, &crate::label::Tables::embedded().indices.nutri_score)
}

#[derive(Debug)]
pub(super) struct NutriTable {
    energy: Thresholds,
    energy_beverage: Thresholds,
    energy_from_saturates: Thresholds,
    sugars: Thresholds,
    sugars_beverage: Thresholds,
    saturates: Thresholds,
    saturates_ratio: Thresholds,
    salt: Thresholds,
    protein: Thresholds,
    protein_beverage: Thresholds,
    fiber: Thresholds,
    fruit: FruitPoints,
    fruit_beverage: FruitPoints,
    rules: RawRules,
    grades: RawGrades,
}

/// The figures that count, all known.
struct Figures {
    energy_tenth_kj: i64,
    sugars: i64,
    saturates: i64,
    fat: i64,
    /// Half micrograms, since salt is sodium times 2.5.
    salt_halves: i64,
    protein: i64,
    fiber: Option<i64>,
}

impl Figures {
    fn of(amounts: &Nutrients) -> Option<Self> {
        let get = |nutrient| amounts.get(nutrient).filter(|a| *a >= 0);
        // Missing saturates are none only where there is no fat, missing sugars where no carbohydrate.
        let or_zero = |part, whole| get(part).or_else(|| get(whole).filter(|w| *w == 0));
        let joules = get(Nutrient::Energy)?;
        let declared_salt = get(Nutrient::Salt).map(|salt| salt.saturating_mul(2));
        let from_sodium = get(Nutrient::Sodium).map(|sodium| sodium.saturating_mul(5));
        Some(Self {
            energy_tenth_kj: (joules + 50) / 100,
            sugars: or_zero(Nutrient::Sugars, Nutrient::Carbohydrate)?,
            saturates: or_zero(Nutrient::SaturatedFat, Nutrient::Fat)?,
            fat: get(Nutrient::Fat)?,
            salt_halves: declared_salt.or(from_sodium)?,
            protein: get(Nutrient::Protein)?,
            fiber: get(Nutrient::Fiber),
        })
    }

    /// Saturates of fat in permille, rounded half up: tenths of a percent.
    fn ratio_permille(&self) -> i64 {
        if self.fat == 0 {
            return if self.saturates > 0 { 1000 } else { 0 };
        }
        let wide = i128::from(self.saturates) * 1000 + i128::from(self.fat) / 2;
        i64::try_from(wide / i128::from(self.fat)).unwrap_or(i64::MAX)
    }
}

pub(super) fn compute(input: &NutriInput, table: &NutriTable) -> Option<NutriPoints> {
    match input.kind {
        FoodKind::Exempt => return None,
        FoodKind::Water => return Some(water()),
        _ => {}
    }
    let figures = Figures::of(&input.amounts)?;
    let beverage = input.kind == FoodKind::Beverage;
    let fats = input.kind == FoodKind::Fats;
    let (energy, sugars, saturates) = table.negative(&figures, beverage, fats);
    let salt = table.salt.exceeded(figures.salt_halves);
    let sweetener = if beverage && input.sweetener { table.rules.sweetener_points } else { 0 };
    let negative = energy + sugars + saturates + salt + sweetener;
    let protein = table.protein(&figures, input.kind);
    let fiber = table.fiber.exceeded(figures.fiber.unwrap_or(0));
    let fruit_table = if beverage { &table.fruit_beverage } else { &table.fruit };
    let fruit = fruit_table.of(input.fruit_permille.unwrap_or(0));
    let below = if fats { table.rules.protein_below_fats } else { table.rules.protein_below };
    let counts_protein = beverage || input.kind == FoodKind::Cheese || negative < below;
    let positive = fiber + fruit + if counts_protein { protein } else { 0 };
    let score = negative - positive;
    let fruit_is_settled = input.fruit_is_exact || fruit == fruit_table.points.last().copied().unwrap_or(0);
    Some(NutriPoints {
        energy,
        sugars,
        saturates,
        salt,
        sweetener,
        protein: if counts_protein { protein } else { 0 },
        fiber,
        fruit,
        negative,
        positive,
        score,
        grade: table.grade(score, input.kind),
        estimated: figures.fiber.is_none() || !fruit_is_settled,
    })
}

const fn water() -> NutriPoints {
    NutriPoints {
        energy: 0,
        sugars: 0,
        saturates: 0,
        salt: 0,
        sweetener: 0,
        protein: 0,
        fiber: 0,
        fruit: 0,
        negative: 0,
        positive: 0,
        score: 0,
        grade: Grade::A,
        estimated: false,
    }
}

impl NutriTable {
    /// Points for energy, sugars and saturates, as the kind counts them.
    fn negative(&self, figures: &Figures, beverage: bool, fats: bool) -> (i8, i8, i8) {
        let sugars = if beverage { &self.sugars_beverage } else { &self.sugars };
        let energy = if beverage {
            self.energy_beverage.exceeded(figures.energy_tenth_kj)
        } else if fats {
            // µg × tenths of kJ per gram; the thresholds are scaled up rather than the product down.
            self.energy_from_saturates.exceeded(ceil_div(figures.saturates * SATURATES_TENTH_KJ_PER_G, GRAM))
        } else {
            self.energy.exceeded(figures.energy_tenth_kj)
        };
        let saturates = if fats {
            self.saturates_ratio.reached(figures.ratio_permille())
        } else {
            self.saturates.exceeded(figures.saturates)
        };
        (energy, sugars.exceeded(figures.sugars), saturates)
    }

    fn protein(&self, figures: &Figures, kind: FoodKind) -> i8 {
        match kind {
            FoodKind::Beverage => self.protein_beverage.exceeded(figures.protein),
            FoodKind::RedMeat => self.protein.exceeded(figures.protein).min(self.rules.red_meat_protein_max),
            _ => self.protein.exceeded(figures.protein),
        }
    }

    fn grade(&self, score: i8, kind: FoodKind) -> Grade {
        let upto = match kind {
            FoodKind::Fats => self.grades.fats,
            FoodKind::Beverage => self.grades.beverage,
            _ => self.grades.general,
        };
        let at = upto.iter().filter(|most| score > **most).count();
        Grade::ALL[at]
    }

    pub fn read(files: &Files<'_>) -> Result<Self, Problem> {
        let raw: RawTable = files.read(FILE)?;
        let sources = &raw.sources;
        for source in [&raw.fruit.source, &raw.rules.source, &raw.grades.source] {
            sources.check(FILE, source)?;
        }
        // Grams in µg; energy in tenths of a kJ; the ratio in permille.
        let grams = |t: &RawThresholds| t.parse(FILE, 6, sources);
        let tenths = |t: &RawThresholds| t.parse(FILE, 1, sources);
        Ok(Self {
            energy: tenths(&raw.negative.energy)?,
            energy_beverage: tenths(&raw.negative.energy_beverage)?,
            energy_from_saturates: tenths(&raw.negative.energy_from_saturates)?,
            sugars: grams(&raw.negative.sugars)?,
            sugars_beverage: grams(&raw.negative.sugars_beverage)?,
            saturates: grams(&raw.negative.saturates)?,
            saturates_ratio: tenths(&raw.negative.saturates_ratio)?,
            salt: halves(&raw.negative.salt, sources)?,
            protein: grams(&raw.positive.protein)?,
            protein_beverage: grams(&raw.positive.protein_beverage)?,
            fiber: grams(&raw.positive.fiber)?,
            fruit: fruit_points(FILE, &raw.fruit.above, &raw.fruit.points)?,
            fruit_beverage: fruit_points(FILE, &raw.fruit.above, &raw.fruit.beverage_points)?,
            rules: raw.rules,
            grades: raw.grades,
        })
    }
}

/// Grams as halves of a µg.
fn halves(raw: &RawThresholds, sources: &Sources) -> Result<Thresholds, Problem> {
    let doubled = raw
        .thresholds
        .iter()
        .map(|text| {
            let grams = parse_fixed(text, 6).map_err(|e| (FILE, format!("`{text}` {e}")))?;
            Ok(odyssey_types::render_fixed(grams * 2, 6))
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    RawThresholds { thresholds: doubled, source: raw.source.clone() }.parse(FILE, 6, sources)
}

/// Rounded up, so that the least excess over a threshold is one.
const fn ceil_div(value: i64, by: i64) -> i64 {
    (value + by - 1) / by
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    negative: RawNegative,
    positive: RawPositive,
    fruit: RawFruit,
    rules: RawRules,
    grades: RawGrades,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNegative {
    energy: RawThresholds,
    energy_beverage: RawThresholds,
    energy_from_saturates: RawThresholds,
    sugars: RawThresholds,
    sugars_beverage: RawThresholds,
    saturates: RawThresholds,
    saturates_ratio: RawThresholds,
    salt: RawThresholds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPositive {
    protein: RawThresholds,
    protein_beverage: RawThresholds,
    fiber: RawThresholds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFruit {
    above: Vec<String>,
    points: Vec<i8>,
    beverage_points: Vec<i8>,
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    sweetener_points: i8,
    red_meat_protein_max: i8,
    protein_below: i8,
    protein_below_fats: i8,
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrades {
    general: [i8; 4],
    fats: [i8; 4],
    beverage: [i8; 4],
    source: String,
}
