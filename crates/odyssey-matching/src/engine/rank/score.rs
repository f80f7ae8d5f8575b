//! The score over columns: the same parts as `evaluate`, prepared once per request.

use odyssey_types::Nutrient;

use super::curve_table::{Curve, CurveTable, SlotTable};
use super::gates::rows_with;
use crate::engine::curves::{macro_score, preference_score};
use crate::engine::snapshot::bits::{self, Words};
use crate::engine::snapshot::column::{Column, UNKNOWN};
use crate::engine::snapshot::{Block, DietBit, Single, diet_bit, single_bit};
use crate::engine::{Component, FitFigures, Policy};
use crate::{Diet, Flag, KeySet};

/// A component with everything that does not depend on the product worked out.
enum Prepared {
    Curve { column: usize, table: CurveTable, is_target: bool },
    MacroFit { wanted_bp: [i64; 3] },
    EnergyFit { slots: [SlotTable; 3] },
    Goal { curves: Vec<(usize, CurveTable, bool)> },
    Preference,
}

impl Prepared {
    const fn order(&self) -> u8 {
        match self {
            Self::MacroFit { .. } => 0,
            _ => 1,
        }
    }
}

pub(super) struct Scorer<'a> {
    policy: &'a Policy,
    /// Macro fit first, because it decides the total weight; then the heaviest, which ends most rows soonest.
    parts: Vec<(u32, Prepared)>,
    /// The nutrients that any part reads.
    nutrients: Vec<Nutrient>,
    weight: u64,
    fit: FitFigures,
}

/// One block's columns, spread out, and the bits that the score looks at.
pub(super) struct Columns<'a> {
    values: Vec<Spread<'a>>,
    block: &'a Block,
    assumed: Words,
    roles: Option<[Words; 2]>,
    disliked: Vec<Words>,
    allowed: Option<&'a Words>,
}

enum Spread<'a> {
    Borrowed(&'a [u32]),
    Owned(Vec<u32>),
}

impl Spread<'_> {
    fn get(&self, row: u16) -> u32 {
        match self {
            Self::Borrowed(values) => values[usize::from(row)],
            Self::Owned(values) => values[usize::from(row)],
        }
    }
}

impl<'a> Scorer<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        let mut nutrients = vec![Nutrient::Energy, Nutrient::Protein, Nutrient::Fat, Nutrient::Carbohydrate];
        let mut parts: Vec<(u32, Prepared)> = policy
            .parts
            .iter()
            .map(|p| (p.weight_milli, prepare(&p.component, policy.fit, &mut nutrients)))
            .collect();
        parts.sort_by_key(|(weight, part)| (part.order(), std::cmp::Reverse(*weight)));
        let weight = parts.iter().map(|(weight, _)| u64::from(*weight)).sum();
        Self { policy, parts, nutrients, weight, fit: policy.fit }
    }

    pub fn columns<'b>(&self, block: &'b Block, allowed: Option<&'b Words>) -> Columns<'b> {
        let spread = |nutrient: &Nutrient| match block.per_reference(*nutrient) {
            column @ Column::Sparse { .. } => {
                let mut values = Vec::new();
                column.spread(&mut values);
                Spread::Owned(values)
            }
            // Dense and absent columns are lent out, not copied.
            column => Spread::Borrowed(lend(column)),
        };
        let words = |bit| block.bits(bit).to_words();
        let (main_dish, meal) = (single_bit(Single::MainDish), single_bit(Single::Meal));
        let has_roles = !(block.bits(main_dish).is_empty() && block.bits(meal).is_empty());
        let wanted = &self.policy.preferences;
        let keys = wanted.disliked_keys.iter().map(|keys: &KeySet| rows_with(block, *keys, Flag::Contains));
        let diets = Diet::ALL.iter().filter(|d| wanted.preferred_diets.contains(&(**d as u8)));
        let broken = diets.map(|d| words(diet_bit(*d, DietBit::No)));
        Columns {
            values: self.nutrients.iter().map(spread).collect(),
            assumed: words(single_bit(Single::ReferenceAssumed)),
            roles: has_roles.then(|| [words(main_dish), words(meal)]),
            disliked: keys.chain(broken).collect(),
            block,
            allowed,
        }
    }

    /// Score and confidence in permille, or `None` as soon as the score cannot reach `floor`.
    pub fn score(&self, columns: &Columns<'_>, row: u16, floor: u16) -> Option<(u16, u16)> {
        let role = columns.role(row);
        let assumed = bits::has(&columns.assumed, row);
        let (mut weight, mut earned, mut known) = (self.weight, 0, 0);
        let mut open = self.weight;
        for (part_weight, part) in &self.parts {
            let part_weight = u64::from(*part_weight);
            open -= part_weight;
            match self.sub_score(part, columns, row, role, assumed) {
                Sub::Absent => weight -= part_weight,
                Sub::Unknown(score) => earned += part_weight * u64::from(score),
                Sub::Known(score) => {
                    earned += part_weight * u64::from(score);
                    known += part_weight;
                }
            }
            if earned + open * 1000 < u64::from(floor) * weight {
                return None;
            }
        }
        if weight == 0 {
            return Some((0, 0));
        }
        Some(((earned / weight) as u16, (known * 1000 / weight) as u16))
    }

    fn sub_score(&self, part: &Prepared, columns: &Columns<'_>, row: u16, role: usize, assumed: bool) -> Sub {
        match part {
            Prepared::Curve { column, table, is_target } => {
                curve(columns.values[*column].get(row), table, role, *is_target && assumed)
            }
            Prepared::MacroFit { wanted_bp } => {
                let [energy, protein, fat, carbohydrate] =
                    [0, 1, 2, 3].map(|at: usize| columns.values[at].get(row));
                if energy == UNKNOWN {
                    return Sub::Unknown(0);
                }
                if i64::from(energy) < self.fit.macro_from_kcal * 4184 {
                    return Sub::Absent;
                }
                if [protein, fat, carbohydrate].contains(&UNKNOWN) {
                    return Sub::Unknown(0);
                }
                Sub::Known(macro_score(energy, [protein, fat, carbohydrate], *wanted_bp) as u32)
            }
            Prepared::EnergyFit { slots } => match columns.values[0].get(row) {
                UNKNOWN => Sub::Unknown(0),
                _ if assumed => Sub::Unknown(0),
                energy => Sub::Known(slots[role].score(energy)),
            },
            Prepared::Goal { curves } => goal(curves, columns, row, role, assumed),
            Prepared::Preference => Sub::Known(self.preference(columns, row)),
        }
    }

    fn preference(&self, columns: &Columns<'_>, row: u16) -> u32 {
        let wanted = &self.policy.preferences;
        let at = usize::from(row);
        let (brand, category) = (columns.block.brands[at], columns.block.categories[at]);
        let named = |list: &[u32], name: u32| i64::from(name != 0 && list.contains(&name));
        let likes = named(&wanted.liked_brands, brand) + named(&wanted.liked_categories, category);
        let dislikes = if columns.allowed.is_some_and(|allowed| bits::has(allowed, row)) {
            0
        } else {
            named(&wanted.disliked_brands, brand)
                + named(&wanted.disliked_categories, category)
                + columns.disliked.iter().filter(|rows| bits::has(rows, row)).count() as i64
        };
        preference_score(likes, dislikes) as u32
    }
}

/// A sub-score and what is known about it.
enum Sub {
    /// Does not apply to this product: no weight.
    Absent,
    /// Something is not stated: weight kept, not counted as known.
    Unknown(u32),
    Known(u32),
}

impl Columns<'_> {
    /// 0 for a snack, 1 for a main dish, 2 for a meal.
    fn role(&self, row: u16) -> usize {
        match &self.roles {
            Some([_, meal]) if bits::has(meal, row) => 2,
            Some([main_dish, _]) if bits::has(main_dish, row) => 1,
            _ => 0,
        }
    }
}

fn lend(column: &Column) -> &[u32] {
    // `spread` needs scratch space for sparse columns only, and an empty vector costs nothing.
    match column {
        Column::Dense(values) => values,
        Column::Absent | Column::Sparse { .. } => &crate::engine::snapshot::column::NOTHING_KNOWN,
    }
}

fn prepare(component: &Component, fit: FitFigures, nutrients: &mut Vec<Nutrient>) -> Prepared {
    let mut column = |nutrient: Nutrient| match nutrients.iter().position(|n| *n == nutrient) {
        Some(at) => at,
        None => {
            nutrients.push(nutrient);
            nutrients.len() - 1
        }
    };
    match component {
        Component::Cap { nutrient, limit } => Prepared::Curve {
            column: column(*nutrient),
            table: CurveTable::new(Curve::Cap, *limit),
            is_target: false,
        },
        Component::Target { nutrient, goal } => Prepared::Curve {
            column: column(*nutrient),
            table: CurveTable::new(Curve::Target, *goal),
            is_target: true,
        },
        Component::MacroFit { protein_bp, fat_bp, carbohydrate_bp } => {
            Prepared::MacroFit { wanted_bp: [*protein_bp, *fat_bp, *carbohydrate_bp] }
        }
        Component::EnergyFit { day_joules } => {
            let slot = |percent: i64| SlotTable::new(day_joules * percent / 100);
            Prepared::EnergyFit {
                slots: [fit.snack_percent, fit.main_dish_percent, fit.meal_percent].map(slot),
            }
        }
        Component::Goal { caps, targets } => {
            let caps = caps.iter().map(|(n, limit)| (*n, CurveTable::new(Curve::Cap, *limit), false));
            let targets = targets.iter().map(|(n, goal)| (*n, CurveTable::new(Curve::Target, *goal), true));
            let curves =
                caps.chain(targets).map(|(n, table, is_target)| (column(n), table, is_target)).collect();
            Prepared::Goal { curves }
        }
        Component::Preference => Prepared::Preference,
    }
}

fn curve(amount: u32, table: &CurveTable, role: usize, unusable: bool) -> Sub {
    if amount == UNKNOWN || unusable { Sub::Unknown(0) } else { Sub::Known(table.score(amount, role)) }
}

fn goal(
    curves: &[(usize, CurveTable, bool)],
    columns: &Columns<'_>,
    row: u16,
    role: usize,
    assumed: bool,
) -> Sub {
    let (mut sum, mut all_known) = (0, true);
    for (column, table, is_target) in curves {
        match curve(columns.values[*column].get(row), table, role, *is_target && assumed) {
            Sub::Known(score) => sum += score,
            Sub::Unknown(_) | Sub::Absent => all_known = false,
        }
    }
    let mean = sum / (curves.len() as u32).max(1);
    if all_known { Sub::Known(mean) } else { Sub::Unknown(mean) }
}
