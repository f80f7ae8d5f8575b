//! US nutrient-content claims (reference 5.1), three-valued: proved, refuted, or not decided by what
//! the label says.

use odyssey_types::{Nutrient, Nutrition, NutritionBasis, parse_fixed};
use serde::Deserialize;

use super::IndexInput;
use super::facts::{Claim, Claims};
use super::kinds;
use super::tables::{Files, IndexTables, Problem, Sources, amount_of};
use crate::facts::Truth;

const FILE: &str = "indices/claims.toml";
/// 100 g in µg, 100 ml in nl.
const HUNDRED: i64 = 100_000_000;

#[derive(Debug)]
pub(super) struct ClaimTable {
    rounding: Vec<(Nutrient, i64)>,
    small_up_to: i64,
    small_per: i64,
    limits: Vec<LimitClaim>,
    levels: Vec<LevelClaim>,
    low_sugar_solid: i64,
    low_sugar_liquid: i64,
    pub daily_values: Vec<(Nutrient, i64)>,
}

#[derive(Debug)]
struct LimitClaim {
    claim: Claim,
    own: Bound,
    also: Vec<Bound>,
    /// Asked of small reference amounts per 50 g.
    small: bool,
    percent_energy: Option<i64>,
    meal_up_to_per_100: Option<i64>,
    meal_percent_energy: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    nutrient: Nutrient,
    amount: i64,
    /// Less than, not at most.
    below: bool,
}

#[derive(Debug)]
struct LevelClaim {
    nutrient: Nutrient,
    good: Claim,
    high: Claim,
}

/// What an amount may be: a declared zero stands for anything that rounds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    low: i128,
    /// Exclusive where the amount is a rounded zero.
    high: i128,
    open: bool,
}

/// The label's figures at any amount.
pub(super) struct Figures<'a> {
    nutrition: &'a Nutrition,
    /// The amount that the declared figures are of.
    basis: i64,
    table: &'a ClaimTable,
}

impl<'a> Figures<'a> {
    pub fn of(input: &IndexInput<'a>, table: &'a ClaimTable) -> Option<Self> {
        let nutrition = input.nutrition?;
        let basis = match nutrition.basis {
            NutritionBasis::PerServing => input.serving.map(|(amount, _)| amount)?,
            _ => HUNDRED,
        };
        Some(Self { nutrition, basis, table })
    }

    /// Scaled up by `basis`, so that nothing is rounded: µg times the declared amount.
    fn at(&self, nutrient: Nutrient, amount: i64) -> Option<Range> {
        let stored = self.nutrition.amounts.get(nutrient).filter(|a| *a >= 0)?;
        let exact = i128::from(stored) * i128::from(amount);
        let rounding = self.table.rounding.iter().find(|(n, _)| *n == nutrient);
        Some(match rounding {
            Some((_, most)) if stored == 0 => {
                Range { low: 0, high: i128::from(*most) * i128::from(amount), open: true }
            }
            _ => Range { low: exact, high: exact, open: false },
        })
    }

    fn holds(&self, bound: Bound, amount: i64) -> Truth {
        let Some(range) = self.at(bound.nutrient, amount) else { return Truth::Unknown };
        let most = i128::from(bound.amount) * i128::from(self.basis);
        let fits = |value: i128, open: bool| if bound.below && !open { value < most } else { value <= most };
        if fits(range.high, range.open) {
            Truth::Yes
        } else if !fits(range.low, false) {
            Truth::No
        } else {
            Truth::Unknown
        }
    }

    /// At most so many percent of energy from the nutrient's fat.
    fn within_energy(&self, nutrient: Nutrient, percent: i64) -> Truth {
        let (Some(part), Some(energy)) =
            (self.nutrition.amounts.get(nutrient), self.nutrition.amounts.get(Nutrient::Energy))
        else {
            return Truth::Unknown;
        };
        // 9 kcal in a gram of fat: µg × 9 × 4184 / 10^6 = J.
        truth(i128::from(part) * 9 * 4184 * 100 <= i128::from(energy) * i128::from(percent) * 1_000_000)
    }

    /// At least so many percent of the daily value.
    fn reaches(&self, nutrient: Nutrient, percent: i64, daily: i64, amount: i64) -> Truth {
        let Some(stored) = self.nutrition.amounts.get(nutrient).filter(|a| *a >= 0) else {
            return Truth::Unknown;
        };
        let have = i128::from(stored) * i128::from(amount) * 100;
        truth(have >= i128::from(daily) * i128::from(percent) * i128::from(self.basis))
    }
}

/// The amounts that a claim is asked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amounts {
    pub racc: i64,
    pub serving: Option<i64>,
}

impl Amounts {
    /// Both in the unit of the declared figures; `None` without a customary amount.
    pub fn of(input: &IndexInput<'_>) -> Option<Self> {
        let same = |(amount, is_volume): (i64, bool)| (is_volume == input.is_volume).then_some(amount);
        Some(Self { racc: input.racc.and_then(same)?, serving: input.serving.and_then(same) })
    }

    pub fn largest(self) -> i64 {
        self.racc.max(self.serving.unwrap_or(0))
    }

    fn smallest(self) -> i64 {
        self.serving.map_or(self.racc, |serving| serving.min(self.racc))
    }
}

pub(super) fn derive(input: &IndexInput<'_>, tables: &IndexTables) -> Claims {
    let table = &tables.claims;
    let mut claims = Claims::default();
    claims.set(Claim::NoAddedSugar, not(input.added_sugar));
    let Some(figures) = Figures::of(input, table) else { return claims };
    claims.set(Claim::LowSugar, low_sugar(&figures, input, table));
    let Some(amounts) = Amounts::of(input) else { return claims };
    let meal = kinds::may_be_meal(input, tables);
    for limit in &table.limits {
        let food = table.as_food(limit, &figures, amounts);
        // What may be a meal is judged by both limits; where they differ nothing is decided.
        let truth = if meal { agree(food, table.as_meal(limit, &figures)) } else { food };
        claims.set(limit.claim, truth);
    }
    for level in &table.levels {
        let Some((_, daily)) = table.daily_values.iter().find(|(n, _)| *n == level.nutrient) else {
            continue;
        };
        // From 10 % a good source, from 20 % high: a food that is high makes no claim to be good.
        let good = figures.reaches(level.nutrient, 10, *daily, amounts.smallest());
        let high = figures.reaches(level.nutrient, 20, *daily, amounts.smallest());
        claims.set(level.high, high);
        claims.set(level.good, if high == Truth::Yes { Truth::No } else { good });
    }
    claims
}

impl ClaimTable {
    fn as_food(&self, limit: &LimitClaim, figures: &Figures<'_>, amounts: Amounts) -> Truth {
        let mut at = amounts.largest();
        if limit.small && amounts.racc <= self.small_up_to {
            at = at.max(self.small_per);
        }
        let own = figures.holds(limit.own, at);
        let also = limit.also.iter().map(|bound| figures.holds(*bound, at));
        let energy = limit.percent_energy.map(|p| figures.within_energy(limit.own.nutrient, p));
        also.chain(energy).fold(own, and)
    }

    fn as_meal(&self, limit: &LimitClaim, figures: &Figures<'_>) -> Truth {
        let Some(most) = limit.meal_up_to_per_100 else { return Truth::Unknown };
        let bound = Bound { nutrient: limit.own.nutrient, amount: most, below: false };
        let energy = limit.meal_percent_energy.map(|p| figures.within_energy(limit.own.nutrient, p));
        energy.into_iter().fold(figures.holds(bound, HUNDRED), and)
    }
}

fn low_sugar(figures: &Figures<'_>, input: &IndexInput<'_>, table: &ClaimTable) -> Truth {
    let amount = if input.is_volume { table.low_sugar_liquid } else { table.low_sugar_solid };
    figures.holds(Bound { nutrient: Nutrient::Sugars, amount, below: false }, HUNDRED)
}

const fn truth(holds: bool) -> Truth {
    if holds { Truth::Yes } else { Truth::No }
}

const fn not(truth: Truth) -> Truth {
    match truth {
        Truth::Yes => Truth::No,
        Truth::No => Truth::Yes,
        Truth::Unknown => Truth::Unknown,
    }
}

fn and(one: Truth, other: Truth) -> Truth {
    match (one, other) {
        (Truth::No, _) | (_, Truth::No) => Truth::No,
        (Truth::Yes, Truth::Yes) => Truth::Yes,
        _ => Truth::Unknown,
    }
}

fn agree(one: Truth, other: Truth) -> Truth {
    if one == other { one } else { Truth::Unknown }
}

impl ClaimTable {
    pub fn read(files: &Files<'_>) -> Result<Self, Problem> {
        let raw: RawTable = files.read(FILE)?;
        let sources = &raw.sources;
        for source in [&raw.small.source, &raw.low_sugar.source] {
            sources.check(FILE, source)?;
        }
        let grams = |text: &str| parse_fixed(text, 6).map_err(|e| (FILE, format!("`{text}` {e}")));
        Ok(Self {
            rounding: amounts(raw.rounding, sources)?,
            small_up_to: grams(&raw.small.up_to_g)?,
            small_per: grams(&raw.small.per_g)?,
            limits: raw.limit.into_iter().map(|l| l.parse(sources)).collect::<Result<_, _>>()?,
            levels: raw.level.into_iter().map(|l| l.parse(sources)).collect::<Result<_, _>>()?,
            low_sugar_solid: grams(&raw.low_sugar.solid_g)?,
            low_sugar_liquid: grams(&raw.low_sugar.liquid_g)?,
            daily_values: amounts(raw.daily_values, sources)?,
        })
    }
}

/// A table of amounts by nutrient, with the source among them.
fn amounts(
    mut raw: std::collections::BTreeMap<String, String>,
    sources: &Sources,
) -> Result<Vec<(Nutrient, i64)>, Problem> {
    let source = raw.remove("source").ok_or((FILE, "amounts name their source".to_owned()))?;
    sources.check(FILE, &source)?;
    raw.iter()
        .map(|(field, text)| {
            let nutrient = Nutrient::from_field(field).ok_or((FILE, format!("`{field}` is no nutrient")))?;
            Ok((nutrient, amount_of(FILE, nutrient, text)?))
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    rounding: std::collections::BTreeMap<String, String>,
    small: RawSmall,
    limit: Vec<RawLimit>,
    level: Vec<RawLevel>,
    low_sugar: RawLowSugar,
    daily_values: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSmall {
    up_to_g: String,
    per_g: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLowSugar {
    solid_g: String,
    liquid_g: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    claim: Claim,
    nutrient: Nutrient,
    below: Option<String>,
    up_to: Option<String>,
    #[serde(default)]
    small: bool,
    percent_energy: Option<i64>,
    #[serde(default)]
    also: Vec<RawBound>,
    meal_up_to_per_100g: Option<String>,
    meal_percent_energy: Option<i64>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBound {
    nutrient: Nutrient,
    below: Option<String>,
    up_to: Option<String>,
}

impl RawBound {
    fn parse(&self) -> Result<Bound, Problem> {
        let (text, below) = match (&self.below, &self.up_to) {
            (Some(text), None) => (text, true),
            (None, Some(text)) => (text, false),
            _ => return Err((FILE, "a limit is either `below` or `up_to`".to_owned())),
        };
        Ok(Bound { nutrient: self.nutrient, amount: amount_of(FILE, self.nutrient, text)?, below })
    }
}

impl RawLimit {
    fn parse(self, sources: &Sources) -> Result<LimitClaim, Problem> {
        sources.check(FILE, &self.source)?;
        let own = RawBound { nutrient: self.nutrient, below: self.below, up_to: self.up_to }.parse()?;
        let meal = self.meal_up_to_per_100g.as_deref();
        Ok(LimitClaim {
            claim: self.claim,
            own,
            also: self.also.iter().map(RawBound::parse).collect::<Result<_, _>>()?,
            small: self.small,
            percent_energy: self.percent_energy,
            meal_up_to_per_100: meal.map(|text| amount_of(FILE, self.nutrient, text)).transpose()?,
            meal_percent_energy: self.meal_percent_energy,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLevel {
    nutrient: Nutrient,
    good: Claim,
    high: Claim,
    source: String,
}

impl RawLevel {
    fn parse(self, sources: &Sources) -> Result<LevelClaim, Problem> {
        sources.check(FILE, &self.source)?;
        Ok(LevelClaim { nutrient: self.nutrient, good: self.good, high: self.high })
    }
}
