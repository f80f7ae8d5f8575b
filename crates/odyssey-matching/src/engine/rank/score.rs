//! The score over columns: the same parts as `evaluate`, prepared once per request.
//! `bounded` rules most rows out, many at a time; what it leaves open is scored exactly here.

use odyssey_types::Nutrient;

use super::curve_table::{Curve, CurveTable, SlotTable};
use super::gates::rows_with;
use crate::engine::curves::{macro_score, preference_score};
use crate::engine::snapshot::bits::{self, Words};
use crate::engine::snapshot::column::{Column, UNKNOWN};
use crate::engine::snapshot::{Block, DietBit, Single, diet_bit, single_bit};
use crate::engine::{Component, FitFigures, Policy};
use crate::{Diet, Flag, KeySet};

/// Where energy stands among the columns.
pub(super) const ENERGY: usize = 0;

/// A component with everything that does not depend on the product worked out.
pub(super) enum Prepared {
    Curve {
        column: usize,
        table: CurveTable,
        is_target: bool,
    },
    MacroFit {
        wanted_bp: [i64; 3],
    },
    EnergyFit {
        slots: [SlotTable; 3],
    },
    Goal {
        curves: Vec<(usize, CurveTable, bool)>,
    },
    /// What each half byte of the block's models is worth: 0 is unknown.
    Model {
        scores: [u16; 16],
        shift: u8,
    },
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
    pub policy: &'a Policy,
    /// Macro fit first, because it decides the total weight; then the heaviest, which ends most rows soonest.
    pub parts: Vec<(u32, Prepared)>,
    /// The nutrients that any part reads.
    nutrients: Vec<Nutrient>,
    pub weight: u64,
    pub fit: FitFigures,
    /// No product scores more.
    pub score_max: u16,
}

/// One block's columns, and the bits that the score looks at.
pub(super) struct Columns<'a> {
    pub block: &'a Block,
    pub columns: Vec<&'a Column>,
    assumed: Words,
    roles: Option<[Words; 2]>,
    pub disliked: Vec<Words>,
    pub allowed: Option<&'a Words>,
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
        let mut scorer = Self { policy, parts, nutrients, weight, fit: policy.fit, score_max: 1000 };
        scorer.score_max = scorer.find_score_max();
        scorer
    }

    /// The nutrients that the parts read, each once.
    pub fn nutrients_read(&self) -> Vec<Nutrient> {
        let mut read: Vec<usize> = Vec::new();
        for (_, part) in &self.parts {
            match part {
                Prepared::Curve { column, .. } => read.push(*column),
                Prepared::MacroFit { .. } | Prepared::EnergyFit { .. } => read.push(ENERGY),
                Prepared::Goal { curves } => read.extend(curves.iter().map(|(column, ..)| *column)),
                Prepared::Model { .. } | Prepared::Preference => {}
            }
        }
        read.sort_unstable();
        read.dedup();
        read.into_iter().map(|column| self.nutrients[column]).collect()
    }

    /// No product scores more: every part full, the preference as far as anything is liked at all.
    fn find_score_max(&self) -> u16 {
        let wanted = &self.policy.preferences;
        let likes =
            i64::from(!wanted.liked_brands.is_empty()) + i64::from(!wanted.liked_categories.is_empty());
        let most = |part: &Prepared| match part {
            Prepared::Preference => preference_score(likes, 0) as u64,
            _ => 1000,
        };
        let with = |macro_fit: bool| {
            let counted = || self.parts.iter().filter(|(_, p)| macro_fit || p.order() != 0);
            let weight: u64 = counted().map(|(weight, _)| u64::from(*weight)).sum();
            let earned: u64 = counted().map(|(weight, part)| u64::from(*weight) * most(part)).sum();
            earned.checked_div(weight).unwrap_or(0)
        };
        with(true).max(with(false)) as u16
    }

    pub fn columns<'b>(&self, block: &'b Block, allowed: Option<&'b Words>) -> Columns<'b> {
        let words = |bit| block.bits(bit).to_words();
        let (main_dish, meal) = (single_bit(Single::MainDish), single_bit(Single::Meal));
        let has_roles = !(block.bits(main_dish).is_empty() && block.bits(meal).is_empty());
        let wanted = &self.policy.preferences;
        let keys = wanted.disliked_keys.iter().map(|keys: &KeySet| rows_with(block, *keys, Flag::Contains));
        let diets = Diet::ALL.iter().filter(|d| wanted.preferred_diets.contains(&(**d as u8)));
        let broken = diets.map(|d| words(diet_bit(*d, DietBit::No)));
        Columns {
            columns: self.nutrients.iter().map(|n| block.per_reference(*n)).collect(),
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
                curve(columns.columns[*column].get(row), table, role, *is_target && assumed)
            }
            Prepared::MacroFit { wanted_bp } => {
                let [energy, protein, fat, carbohydrate] =
                    [0, 1, 2, 3].map(|at: usize| columns.columns[at].get(row));
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
            Prepared::EnergyFit { slots } => match columns.columns[ENERGY].get(row) {
                UNKNOWN => Sub::Unknown(0),
                _ if assumed => Sub::Unknown(0),
                energy => Sub::Known(slots[role].score(energy)),
            },
            Prepared::Goal { curves } => goal(curves, columns, row, role, assumed),
            Prepared::Model { scores, shift } => {
                match (columns.block.models[usize::from(row)] >> shift) & 0xf {
                    0 => Sub::Unknown(0),
                    grade => Sub::Known(u32::from(scores[usize::from(grade)])),
                }
            }
            Prepared::Preference => Sub::Known(self.preference(columns, row)),
        }
    }

    fn preference(&self, columns: &Columns<'_>, row: u16) -> u32 {
        let wanted = &self.policy.preferences;
        let (brand, category) = (columns.block.brands.get(row), columns.block.categories.get(row));
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
    /// The rows of a role, counted from 0, among `rows`.
    pub fn rows_of_role(&self, role: usize, rows: &Words) -> Words {
        let mut of_role = *rows;
        match (&self.roles, role) {
            (None, 0) => {}
            (None, _) => of_role = bits::NO_ROWS,
            (Some([main_dish, meal]), 0) => {
                bits::and_not(&mut of_role, main_dish);
                bits::and_not(&mut of_role, meal);
            }
            (Some([main_dish, meal]), 1) => {
                bits::and(&mut of_role, main_dish);
                bits::and_not(&mut of_role, meal);
            }
            (Some([_, meal]), _) => bits::and(&mut of_role, meal),
        }
        of_role
    }

    /// 0 for a snack, 1 for a main dish, 2 for a meal.
    fn role(&self, row: u16) -> usize {
        match &self.roles {
            Some([_, meal]) if bits::has(meal, row) => 2,
            Some([main_dish, _]) if bits::has(main_dish, row) => 1,
            _ => 0,
        }
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
        Component::NutriScore { scores } => Prepared::Model { scores: by_half_byte(scores), shift: 0 },
        Component::Nova { scores } => Prepared::Model { scores: by_half_byte(scores), shift: 4 },
        Component::Preference => Prepared::Preference,
    }
}

/// Scores by the number a block keeps of a grade: the first has number 1.
fn by_half_byte(scores: &[u16]) -> [u16; 16] {
    let mut table = [0; 16];
    table[1..=scores.len()].copy_from_slice(scores);
    table
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
        match curve(columns.columns[*column].get(row), table, role, *is_target && assumed) {
            Sub::Known(score) => sum += score,
            Sub::Unknown(_) | Sub::Absent => all_known = false,
        }
    }
    let mean = sum / (curves.len() as u32).max(1);
    if all_known { Sub::Known(mean) } else { Sub::Unknown(mean) }
}
