//! Label physics: figures that cannot be true together, and what was probably meant.
//!
//! A finding never changes a fact. It is made only where one reading, and no other, makes the figures
//! agree: a guess that could be two things is none.

use std::collections::HashSet;

use odyssey_types::{Nutrient, Nutrients, Nutrition, NutritionBasis};
use serde::Deserialize;

use super::IndexInput;
use super::facts::FoodKind;
use super::kinds;
use super::tables::{Files, IndexTables, Problem, Sources, amount_of};
use crate::facts::QualityIssue;

const FILE: &str = "indices/label_physics.toml";
const GRAM: i128 = 1_000_000;
const KCAL: i128 = 4184;
const HUNDRED: i64 = 100_000_000;

#[derive(Debug)]
pub(super) struct PhysicsTable {
    share_permille: i128,
    slack: i128,
    salt_permille: i128,
    expected: Vec<Expected>,
}

#[derive(Debug)]
struct Expected {
    heads: HashSet<String>,
    nutrient: Nutrient,
    at_least: i64,
}

/// What is wrong with the declared figures, before anything is left out of them.
pub(super) fn findings(
    input: &IndexInput<'_>,
    kind: Option<FoodKind>,
    tables: &IndexTables,
    issues: &mut Vec<QualityIssue>,
) {
    let Some(nutrition) = input.fields.nutrition.as_ref() else { return };
    let check = Check { input, nutrition, amounts: &nutrition.amounts, table: &tables.physics };
    let before = issues.len();
    check.salt(issues);
    check.basis(kind, issues);
    if issues.len() == before {
        check.mass_units(issues);
    }
    if issues.len() == before {
        check.energy(issues);
    }
}

struct Check<'a> {
    input: &'a IndexInput<'a>,
    nutrition: &'a Nutrition,
    amounts: &'a Nutrients,
    table: &'a PhysicsTable,
}

impl Check<'_> {
    fn get(&self, nutrient: Nutrient) -> Option<i128> {
        self.amounts.get(nutrient).filter(|a| *a >= 0).map(i128::from)
    }

    fn issue(&self, code: &str, nutrient: Nutrient, meant: String) -> QualityIssue {
        let value = self.amounts.get(nutrient).map(|a| nutrient.render(a)).unwrap_or_default();
        let mut issue = QualityIssue::new(code, nutrient.field(), value);
        issue.meant = Some(meant);
        issue
    }

    fn meant(&self, nutrient: Nutrient, stored: i128, why: &str) -> String {
        let shown = nutrient.render(i64::try_from(stored).unwrap_or(i64::MAX));
        format!("{} {shown}: {why}", nutrient.field())
    }

    /// Salt and sodium that are the same number, or a thousand apart.
    fn salt(&self, issues: &mut Vec<QualityIssue>) {
        let (Some(salt), Some(sodium)) = (self.get(Nutrient::Salt), self.get(Nutrient::Sodium)) else {
            return;
        };
        // Below this the figures are rounding: 0.02 g of salt.
        if salt < 20_000 || sodium == 0 {
            return;
        }
        let near = |a: i128, b: i128| (a - b).abs() * 1000 <= a.max(b) * self.table.salt_permille;
        if near(salt * 2, sodium * 5) {
            return;
        }
        if near(salt, sodium) {
            let why = "salt and sodium are the same figure; this is the salt of that sodium";
            let meant = self.meant(Nutrient::Salt, sodium * 5 / 2, why);
            issues.push(self.issue("DQ_SALT_IS_SODIUM", Nutrient::Salt, meant));
        } else if near(salt * 2, sodium * 5 * 1000) {
            let why = "the figure fits the salt when it is read as grams";
            let meant = self.meant(Nutrient::Sodium, sodium * 1000, why);
            issues.push(self.issue("DQ_MASS_UNIT_SWAPPED", Nutrient::Sodium, meant));
        } else if near(salt * 2 * 1000, sodium * 5) {
            let why = "the figure fits the salt when it is divided by a thousand";
            let meant = self.meant(Nutrient::Sodium, sodium / 1000, why);
            issues.push(self.issue("DQ_MASS_UNIT_SWAPPED", Nutrient::Sodium, meant));
        }
    }

    /// A serving that weighs less than what is in it, and foods that are known to be denser.
    fn basis(&self, kind: Option<FoodKind>, issues: &mut Vec<QualityIssue>) {
        let Some((serving, is_volume)) = self.input.serving else { return };
        let mass: i128 = [Nutrient::Fat, Nutrient::Carbohydrate, Nutrient::Protein, Nutrient::Salt]
            .iter()
            .filter_map(|n| self.get(*n))
            .sum();
        let heaviest = if is_volume { i128::from(serving) * 3 / 2 } else { i128::from(serving) };
        match self.nutrition.basis {
            NutritionBasis::PerServing => {
                // 5 % and half a gram a line of rounding.
                let too_much = mass * 100 > heaviest * 105 + 200 * GRAM;
                if too_much && serving < HUNDRED && mass <= 105 * GRAM {
                    let why = "these figures weigh more than the serving; they fit 100 g";
                    self.push_basis("per_100g", why, issues);
                }
            }
            NutritionBasis::Per100g | NutritionBasis::Per100ml => {
                let Some(expected) =
                    self.table.expected.iter().find(|e| kinds::ends_as(self.input, &e.heads))
                else {
                    return;
                };
                let Some(stated) = self.get(expected.nutrient) else { return };
                let scaled = stated * i128::from(HUNDRED) / i128::from(serving.max(1));
                let fits = (i128::from(expected.at_least)..=105 * GRAM).contains(&scaled);
                if stated < i128::from(expected.at_least) && fits && kind != Some(FoodKind::Exempt) {
                    let why = "this food has more of it in 100 g; the figures fit one serving";
                    self.push_basis("per_serving", why, issues);
                }
            }
        }
    }

    fn push_basis(&self, meant: &str, why: &str, issues: &mut Vec<QualityIssue>) {
        let mut issue =
            QualityIssue::new("DQ_BASIS_SWAPPED", "nutrition.basis", self.nutrition.basis.as_str());
        issue.meant = Some(format!("{meant}: {why}"));
        issues.push(issue);
    }

    /// Milligrams that are more than there can be in 100 g, unless they are read as micrograms or grams.
    fn mass_units(&self, issues: &mut Vec<QualityIssue>) {
        let per_100 = match (self.nutrition.basis, self.input.serving) {
            (NutritionBasis::PerServing, Some((serving, _))) => i128::from(serving),
            (NutritionBasis::PerServing, None) => return,
            _ => i128::from(HUNDRED),
        };
        // More than pure salt, potassium chloride, or a fifth of the food, scaled to the basis.
        let limits = [
            (Nutrient::Sodium, 39_400_000),
            (Nutrient::Potassium, 52_500_000),
            (Nutrient::Cholesterol, 20_000_000),
            (Nutrient::Calcium, 40_000_000),
            (Nutrient::Iron, 20_000_000),
        ];
        for (nutrient, most) in limits {
            let Some(stated) = self.get(nutrient) else { continue };
            let bound = i128::from(most) * per_100 / i128::from(HUNDRED);
            if stated > bound && stated / 1000 <= bound {
                let why = "more than 100 g can hold; it fits when divided by a thousand";
                let meant = self.meant(nutrient, stated / 1000, why);
                issues.push(self.issue("DQ_MASS_UNIT_SWAPPED", nutrient, meant));
            }
        }
    }

    /// Energy that does not follow from the macronutrients: in the other unit, or a point that slipped.
    fn energy(&self, issues: &mut Vec<QualityIssue>) {
        let figures =
            [Nutrient::Energy, Nutrient::Fat, Nutrient::Carbohydrate, Nutrient::Protein].map(|n| self.get(n));
        let [Some(energy), Some(fat), Some(carbohydrate), Some(protein)] = figures else { return };
        if energy == 0 || self.agrees(energy, fat, carbohydrate, protein) {
            return;
        }
        if self.agrees(energy * 1000 / KCAL, fat, carbohydrate, protein) {
            let why = "the macronutrients give this; the figure is kilojoules";
            let meant = self.meant(Nutrient::Energy, energy * 1000 / KCAL, why);
            issues.push(self.issue("DQ_ENERGY_IN_KILOJOULES", Nutrient::Energy, meant));
            return;
        }
        if self.agrees(energy * KCAL / 1000, fat, carbohydrate, protein) {
            let why = "the macronutrients give this; the figure was taken for kilojoules and converted";
            let meant = self.meant(Nutrient::Energy, energy * KCAL / 1000, why);
            issues.push(self.issue("DQ_ENERGY_CONVERTED_TWICE", Nutrient::Energy, meant));
            return;
        }
        self.decimal_shift([energy, fat, carbohydrate, protein], issues);
    }

    fn decimal_shift(&self, figures: [i128; 4], issues: &mut Vec<QualityIssue>) {
        const NUTRIENTS: [Nutrient; 4] =
            [Nutrient::Energy, Nutrient::Fat, Nutrient::Carbohydrate, Nutrient::Protein];
        let mut found = Vec::new();
        for at in 0..4 {
            for (up, down) in [(10, 1), (100, 1), (1, 10), (1, 100)] {
                let mut shifted = figures;
                shifted[at] = figures[at] * up / down;
                let [energy, fat, carbohydrate, protein] = shifted;
                let possible = fat + carbohydrate + protein <= 105 * GRAM;
                if figures[at] > 0 && possible && self.agrees_closely(energy, fat, carbohydrate, protein) {
                    found.push((NUTRIENTS[at], shifted[at]));
                }
            }
        }
        if let [(nutrient, meant)] = found.as_slice() {
            let meant = self.meant(
                *nutrient,
                *meant,
                "with the decimal point there, energy and macronutrients agree",
            );
            issues.push(self.issue("DQ_DECIMAL_SHIFT", *nutrient, meant));
        }
    }

    fn agrees(&self, energy: i128, fat: i128, carbohydrate: i128, protein: i128) -> bool {
        self.within(energy, fat, carbohydrate, protein, self.table.share_permille, self.table.slack)
    }

    /// Half the slack: a decimal that only nearly fits says nothing.
    fn agrees_closely(&self, energy: i128, fat: i128, carbohydrate: i128, protein: i128) -> bool {
        self.within(energy, fat, carbohydrate, protein, self.table.share_permille / 2, self.table.slack / 2)
    }

    /// J against 4-4-9-7 kcal/g; fibre and polyols count from nothing to full.
    fn within(
        &self,
        energy: i128,
        fat: i128,
        carbohydrate: i128,
        protein: i128,
        share: i128,
        slack: i128,
    ) -> bool {
        let joules = |ug: i128, kcal: i128| ug * kcal * KCAL / GRAM;
        let soft = self.get(Nutrient::Fiber).unwrap_or(0) + self.get(Nutrient::Polyols).unwrap_or(0);
        let base = joules(fat, 9) + joules(protein, 4) + joules(self.get(Nutrient::Alcohol).unwrap_or(0), 7);
        let low = base + joules((carbohydrate - soft).max(0), 4);
        let high = base + joules(carbohydrate, 4) + joules(self.get(Nutrient::Fiber).unwrap_or(0), 2);
        let below = energy * 1000 < low * (1000 - share) && energy + slack < low;
        let above = energy * 1000 > high * (1000 + share) && energy > high + slack;
        !below && !above
    }
}

impl PhysicsTable {
    pub fn read(files: &Files<'_>) -> Result<Self, Problem> {
        let raw: RawTable = files.read(FILE)?;
        raw.sources.check(FILE, &raw.energy.source)?;
        raw.sources.check(FILE, &raw.salt.source)?;
        let expected = raw
            .expected
            .into_iter()
            .map(|entry| {
                raw.sources.check(FILE, &entry.source)?;
                Ok(Expected {
                    heads: entry.heads.iter().map(|head| kinds::normal(head)).collect(),
                    nutrient: entry.nutrient,
                    at_least: amount_of(FILE, entry.nutrient, &entry.at_least)?,
                })
            })
            .collect::<Result<Vec<_>, Problem>>()?;
        Ok(Self {
            share_permille: raw.energy.share_permille.into(),
            slack: i128::from(raw.energy.slack_kcal) * KCAL,
            salt_permille: raw.salt.agree_permille.into(),
            expected,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    energy: RawEnergy,
    salt: RawSalt,
    expected: Vec<RawExpected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnergy {
    share_permille: u16,
    slack_kcal: u16,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSalt {
    agree_permille: u16,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpected {
    heads: Vec<String>,
    nutrient: Nutrient,
    at_least: String,
    source: String,
}
