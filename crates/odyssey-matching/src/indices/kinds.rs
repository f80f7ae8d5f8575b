//! What kind of food a product is, by its category, else by its name.

use std::collections::HashSet;

use odyssey_types::Nutrient;
use serde::Deserialize;

use super::IndexInput;
use super::facts::{FoodKind, Nova};
use super::fruit::List;
use super::tables::{Files, Heads, IndexTables, Problem, Sources};
use crate::label::markers::segments;

const FILE: &str = "indices/categories.toml";
/// What stands behind one of these is only with the food.
const ASIDES: [&str; 8] = ["in", "with", "for", "from", "without", "w", "avec", "a"];
/// Heads have no more words.
const HEAD_WORDS_MAX: usize = 6;

/// Food groups of the FDA "healthy" rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HealthyGroup {
    Produce,
    Grain,
    Dairy,
    MeatEgg,
    SeafoodBeansNuts,
    RawProduce,
    TeaCoffee,
}

#[derive(Debug)]
pub(super) struct CategoryTable {
    water_words: HashSet<String>,
    open: HashSet<String>,
    kinds: Heads<FoodKind>,
    nova: Heads<Nova>,
    meals: Heads<bool>,
    healthy: Heads<HealthyGroup>,
}

/// The kind; `None` without a category.
pub(super) fn kind_of(input: &IndexInput<'_>, list: &List, tables: &IndexTables) -> Option<FoodKind> {
    let table = &tables.categories;
    let categories: Vec<&str> = categories(input).collect();
    if categories.is_empty() {
        return None;
    }
    // "Plant-based foods and beverages" ends as a drink and says nothing.
    let by_category =
        categories.iter().filter(|text| !table.is_open(text)).find_map(|text| table.find(&table.kinds, text));
    let kind = match by_category {
        Some((kind, words)) => Some((kind, words)),
        None => input.fields.name.as_deref().and_then(|name| table.find(&table.kinds, name)),
    };
    let Some((kind, words)) = kind else { return Some(FoodKind::General) };
    Some(match kind {
        FoodKind::Water if is_plain(input, list, table, &words) => FoodKind::Water,
        FoodKind::Water => FoodKind::Beverage,
        // A sausage of chicken alone is no red meat; one that does not say is taken as such.
        FoodKind::RedMeat if input.poultry && !input.red_meat => FoodKind::General,
        kind => kind,
    })
}

/// The NOVA group that the category speaks for.
pub(super) fn nova_category(input: &IndexInput<'_>, tables: &IndexTables) -> Option<Nova> {
    categories(input).find_map(|text| tables.categories.find(&tables.categories.nova, text)).map(|(n, _)| n)
}

pub(super) fn healthy_group(input: &IndexInput<'_>, tables: &IndexTables) -> Option<HealthyGroup> {
    let table = &tables.categories;
    categories(input).find_map(|text| table.find(&table.healthy, text)).map(|(group, _)| group)
}

/// Whether the product may be a main dish or a meal, for which claims have other limits.
pub(super) fn may_be_meal(input: &IndexInput<'_>, tables: &IndexTables) -> bool {
    let table = &tables.categories;
    categories(input).any(|text| table.find(&table.meals, text).is_some())
}

pub(super) fn has_category(input: &IndexInput<'_>) -> bool {
    categories(input).next().is_some()
}

/// "Extra virgin olive oil", "avocado oil".
pub(super) fn ends_as_fruit_oil(text: &str) -> bool {
    segments(text).iter().any(|words| {
        let end = words.iter().rev().take(2).map(String::as_str).collect::<Vec<_>>();
        matches!(end.as_slice(), ["oil", "olive" | "avocado"] | ["olive", "d"])
    })
}

/// Whether the last words of a category's segments are one of these heads.
pub(super) fn ends_as(input: &IndexInput<'_>, heads: &HashSet<String>) -> bool {
    categories(input)
        .any(|text| segments(text).iter().any(|words| suffixes(words).any(|suffix| heads.contains(&suffix))))
}

/// The narrower category first.
fn categories<'a>(input: &IndexInput<'a>) -> impl Iterator<Item = &'a str> {
    let fields = input.fields;
    [fields.sub_category_id.as_deref(), fields.category_id.as_deref()]
        .into_iter()
        .flatten()
        .filter(|text| !text.trim().is_empty())
}

/// Water without anything that makes it a drink: by its words, its list and its figures.
fn is_plain(input: &IndexInput<'_>, list: &List, table: &CategoryTable, words: &[String]) -> bool {
    let figures = [Nutrient::Energy, Nutrient::Sugars, Nutrient::Fat, Nutrient::Protein];
    let none = figures.iter().all(|n| input.per_100.get(*n).is_none_or(|amount| amount == 0));
    let plain_name = input.fields.name.as_deref().is_none_or(|name| {
        !segments(name).concat().iter().any(|word| word.starts_with("flavo") || word == "juice")
    });
    words.iter().all(|word| table.water_words.contains(word))
        && none
        && plain_name
        && (!list.is_read() || list.is_plain_water)
}

fn suffixes(words: &[String]) -> impl Iterator<Item = String> + '_ {
    (words.len().saturating_sub(HEAD_WORDS_MAX)..words.len()).map(|from| words[from..].join(" "))
}

impl CategoryTable {
    /// What the last segment with a known head says, and the words of that segment.
    fn find<T: Copy>(&self, heads: &Heads<T>, text: &str) -> Option<(T, Vec<String>)> {
        segments(text).into_iter().rev().find_map(|mut words| {
            // "Gherkins in vinegar" is no vinegar, and oatmeal with milk no milk.
            let head = words.iter().skip(1).position(|word| ASIDES.contains(&word.as_str()));
            words.truncate(head.map_or(words.len(), |at| at + 1));
            let found = suffixes(&words).find_map(|suffix| heads.get(&suffix).copied());
            found.map(|found| (found, words))
        })
    }

    fn is_open(&self, text: &str) -> bool {
        segments(text).last().is_none_or(|words| self.open.contains(&words.join(" ")))
    }

    pub fn read(files: &Files<'_>) -> Result<Self, Problem> {
        let raw: RawTable = files.read(FILE)?;
        let mut table = Self {
            water_words: raw.water.plain.iter().flat_map(|w| segments(w)).flatten().collect(),
            open: raw.open.categories.iter().map(|c| normal(c)).collect(),
            kinds: Heads::new(),
            nova: Heads::new(),
            meals: Heads::new(),
            healthy: Heads::new(),
        };
        raw.sources.check(FILE, &raw.water.source)?;
        raw.sources.check(FILE, &raw.open.source)?;
        raw.sources.check(FILE, &raw.meals.source)?;
        for entry in raw.kind {
            raw.sources.check(FILE, &entry.source)?;
            insert(&mut table.kinds, &entry.heads, entry.kind)?;
        }
        for entry in raw.nova {
            raw.sources.check(FILE, &entry.source)?;
            let group = Nova::from_number(entry.group).ok_or((FILE, "no such NOVA group".to_owned()))?;
            insert(&mut table.nova, &entry.heads, group)?;
        }
        insert(&mut table.meals, &raw.meals.heads, true)?;
        for entry in raw.healthy {
            raw.sources.check(FILE, &entry.source)?;
            for head in &entry.heads {
                // The later, narrower group stands: raw produce is produce first.
                table.healthy.insert(normal(head), entry.category);
            }
        }
        Ok(table)
    }
}

pub(super) fn normal(head: &str) -> String {
    segments(head).concat().join(" ")
}

fn insert<T: Copy + PartialEq>(heads: &mut Heads<T>, names: &[String], value: T) -> Result<(), Problem> {
    for name in names {
        let head = normal(name);
        if head.is_empty() || head.split(' ').count() > HEAD_WORDS_MAX {
            return Err((FILE, format!("`{name}` must have 1 to {HEAD_WORDS_MAX} words")));
        }
        if heads.insert(head, value).is_some_and(|before| before != value) {
            return Err((FILE, format!("`{name}` stands for two things")));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    sources: Sources,
    water: RawWater,
    open: RawOpen,
    kind: Vec<RawKind>,
    nova: Vec<RawNova>,
    meals: RawMeals,
    healthy: Vec<RawHealthy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWater {
    plain: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpen {
    categories: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    kind: FoodKind,
    heads: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNova {
    group: i16,
    heads: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeals {
    heads: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHealthy {
    category: HealthyGroup,
    heads: Vec<String>,
    source: String,
}
