//! FDA "healthy" (reference 6.4). A food-group equivalent stands on no label, so that only foods that
//! need no test are `yes`; limits that are exceeded are `no`; everything else is unknown.

use odyssey_types::{Nutrient, parse_fixed};
use serde::Deserialize;

use super::IndexInput;
use super::claims::Amounts;
use super::facts::FoodKind;
use super::fruit::List;
use super::kinds::{self, HealthyGroup};
use super::tables::{Files, IndexTables, Problem, Sources};
use crate::facts::{ListState, Truth};

const FILE: &str = "indices/healthy.toml";
const HUNDRED: i64 = 100_000_000;
const SMALL_UP_TO: i64 = 30_000_000;
const SMALL_PER: i64 = 50_000_000;

#[derive(Debug)]
pub(super) struct HealthyLimits {
    limits: Vec<RawLimit>,
    /// J.
    without_test_below: i64,
}

pub(super) fn judge(
    input: &IndexInput<'_>,
    kind: Option<FoodKind>,
    list: &List,
    tables: &IndexTables,
) -> Truth {
    let group = kinds::healthy_group(input, tables);
    let energy = input.per_100.get(Nutrient::Energy);
    let nearly_none = energy.is_none_or(|joules| joules < tables.healthy.without_test_below);
    let whole = list.is_read() && input.list_state == ListState::Complete && input.coverage_permille == 1000;
    let without_test = match group {
        _ if kind == Some(FoodKind::Water) => nearly_none,
        // Instant mixes have more energy; the figure must be stated.
        Some(HealthyGroup::TeaCoffee) => energy.is_some() && nearly_none && whole && !list.has_nova_4,
        Some(HealthyGroup::RawProduce) => whole && list.is_all_fruit(),
        _ => false,
    };
    if without_test {
        return Truth::Yes;
    }
    let exceeded = Amounts::of(input).is_some_and(|amounts| {
        let mut at = amounts.largest();
        if amounts.racc <= SMALL_UP_TO {
            at = at.max(SMALL_PER);
        }
        let any = tables.healthy.limits.iter().find(|limit| limit.category == Category::Any);
        any.is_some_and(|limit| limit.is_exceeded(input, at, tables))
            || group.is_some_and(|group| {
                let own = tables.healthy.limits.iter().find(|limit| limit.category.is_of(group));
                own.is_some_and(|limit| limit.is_exceeded(input, at, tables))
            }) && !is_mixed(input, tables)
    });
    if exceeded { Truth::No } else { Truth::Unknown }
}

/// A dish of several groups has looser limits than any group alone.
fn is_mixed(input: &IndexInput<'_>, tables: &IndexTables) -> bool {
    kinds::may_be_meal(input, tables)
}

impl RawLimit {
    /// Whether a stated amount is beyond its limit.
    fn is_exceeded(&self, input: &IndexInput<'_>, at: i64, tables: &IndexTables) -> bool {
        let beyond = |nutrient: Nutrient, percent: i64| {
            let daily = tables.claims.daily_values.iter().find(|(n, _)| *n == nutrient).map(|(_, v)| *v);
            let (Some(per_100), Some(daily)) = (input.per_100.get(nutrient), daily) else { return false };
            i128::from(per_100) * i128::from(at) * 100
                > i128::from(daily) * i128::from(percent) * i128::from(HUNDRED)
        };
        beyond(Nutrient::AddedSugars, self.added_sugars)
            || beyond(Nutrient::Sodium, self.sodium)
            || (!self.inherent_saturates && beyond(Nutrient::SaturatedFat, self.saturated_fat))
    }
}

impl HealthyLimits {
    pub fn read(files: &Files<'_>) -> Result<Self, Problem> {
        let raw: RawTable = files.read(FILE)?;
        raw.sources.check(FILE, &raw.without_test.source)?;
        for limit in &raw.limit {
            raw.sources.check(FILE, &limit.source)?;
            let known = |status: &str| matches!(status, "sourced" | "unreviewed");
            if !known(&limit.added_sugars_status) || !known(&limit.other_status) {
                return Err((FILE, "a cell is `sourced` or `unreviewed`".to_owned()));
            }
        }
        let below = Nutrient::Energy.parse_rounding(&raw.without_test.below_kcal);
        let below = below.map_err(|e| (FILE, format!("`below_kcal` {e}")))?.0;
        debug_assert!(parse_fixed(&raw.without_test.below_kcal, 3).is_ok());
        Ok(Self { limits: raw.limit, without_test_below: below })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Category {
    Produce,
    Grain,
    Dairy,
    MeatEgg,
    SeafoodBeansNuts,
    Any,
}

impl Category {
    const fn is_of(self, group: HealthyGroup) -> bool {
        matches!(
            (self, group),
            (Self::Produce, HealthyGroup::Produce | HealthyGroup::RawProduce)
                | (Self::Grain, HealthyGroup::Grain)
                | (Self::Dairy, HealthyGroup::Dairy)
                | (Self::MeatEgg, HealthyGroup::MeatEgg)
                | (Self::SeafoodBeansNuts, HealthyGroup::SeafoodBeansNuts)
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    limit: Vec<RawLimit>,
    without_test: RawWithoutTest,
}

/// Percent of the daily value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    category: Category,
    added_sugars: i64,
    sodium: i64,
    saturated_fat: i64,
    #[serde(default)]
    inherent_saturates: bool,
    added_sugars_status: String,
    other_status: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWithoutTest {
    below_kcal: String,
    source: String,
}
