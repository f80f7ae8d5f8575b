//! The data of the indices, read once and checked: a source beside every figure, no unknown code.

use std::collections::{BTreeMap, HashMap};

use odyssey_types::{Nutrient, parse_fixed};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::claims::ClaimTable;
use super::healthy::HealthyLimits;
use super::kinds::CategoryTable;
use super::nutri_score::NutriTable;
use super::physics::PhysicsTable;
use super::quality::IssueRule;
use super::uk_npm::NpmTable;
use crate::label::markers::{Markers, MarkersBuilder};

/// Marks of names in ingredient lists.
pub(super) mod mark {
    use crate::label::markers::Mark;

    /// Fruit, vegetables and legumes.
    pub const FRUIT: Mark = 0;
    /// Oils that count as such in the group of fats.
    pub const FRUIT_OIL: Mark = 1;
    /// "Fruit content", before a share.
    pub const STATED: Mark = 2;
    pub const NOVA_4: Mark = 3;
    pub const NOVA_3: Mark = 4;
    pub const SWEETENER: Mark = 5;
    pub const SUGAR: Mark = 6;
    pub const FAT: Mark = 7;
    pub const SALT: Mark = 8;
    /// What plain water may hold.
    pub const WATER: Mark = 9;
}

/// Everything the indices look up.
#[derive(Debug)]
pub(crate) struct IndexTables {
    pub(super) nutri_score: NutriTable,
    pub(super) uk_npm: NpmTable,
    pub(super) claims: ClaimTable,
    pub(super) healthy: HealthyLimits,
    pub(super) physics: PhysicsTable,
    pub(super) weights: BTreeMap<String, u16>,
    pub(super) issues: BTreeMap<String, IssueRule>,
    pub(super) categories: CategoryTable,
    pub(super) markers: Markers,
}

/// Ascending bounds in one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thresholds(Vec<i64>);

impl Thresholds {
    /// How many are strictly exceeded.
    pub fn exceeded(&self, value: i64) -> i8 {
        self.0.iter().filter(|t| value > **t).count() as i8
    }

    /// How many are reached.
    pub fn reached(&self, value: i64) -> i8 {
        self.0.iter().filter(|t| value >= **t).count() as i8
    }
}

/// Points for a share of fruit, in permille.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FruitPoints {
    pub above_permille: Vec<i64>,
    pub points: Vec<i8>,
}

impl FruitPoints {
    pub fn of(&self, permille: u16) -> i8 {
        let beyond = self.above_permille.iter().filter(|t| i64::from(permille) > **t).count();
        beyond.checked_sub(1).map_or(0, |at| self.points[at])
    }
}

/// A file that cannot be used, and why.
pub(crate) type Problem = (&'static str, String);

/// The texts of the files, by name.
pub(super) struct Files<'a>(pub &'a [(&'a str, &'a str)]);

impl Files<'_> {
    pub fn read<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, Problem> {
        let (_, text) =
            self.0.iter().find(|(n, _)| *n == name).ok_or((name, "the file is missing".to_owned()))?;
        toml::from_str(text).map_err(|error| (name, error.to_string()))
    }
}

/// Sources of a file, each named by the figures beside which it stands.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Sources(BTreeMap<String, String>);

impl Sources {
    pub fn check(&self, name: &'static str, source: &str) -> Result<(), Problem> {
        if self.0.contains_key(source) {
            Ok(())
        } else {
            Err((name, format!("no source is called `{source}`")))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawThresholds {
    pub thresholds: Vec<String>,
    pub source: String,
}

impl RawThresholds {
    /// In counts of `10^-digits`.
    pub fn parse(&self, name: &'static str, digits: u32, sources: &Sources) -> Result<Thresholds, Problem> {
        sources.check(name, &self.source)?;
        let bounds = self
            .thresholds
            .iter()
            .map(|text| parse_fixed(text, digits).map_err(|e| (name, format!("`{text}` {e}"))))
            .collect::<Result<Vec<i64>, _>>()?;
        if bounds.is_empty() || !bounds.is_sorted_by(|a, b| a < b) {
            return Err((name, "thresholds rise".to_owned()));
        }
        Ok(Thresholds(bounds))
    }
}

/// Percents to permille, with their points.
pub(super) fn fruit_points(
    name: &'static str,
    above: &[String],
    points: &[i8],
) -> Result<FruitPoints, Problem> {
    let above_permille = above
        .iter()
        .map(|text| parse_fixed(text, 1).map_err(|e| (name, format!("`{text}` {e}"))))
        .collect::<Result<Vec<i64>, _>>()?;
    if above_permille.len() != points.len() {
        return Err((name, "every share has points".to_owned()));
    }
    Ok(FruitPoints { above_permille, points: points.to_vec() })
}

/// An amount in the nutrient's own unit, as it is stored.
pub(super) fn amount_of(name: &'static str, nutrient: Nutrient, text: &str) -> Result<i64, Problem> {
    match nutrient.parse_rounding(text) {
        Ok((stored, true)) => Ok(stored),
        _ => Err((name, format!("`{text}` is no amount of {nutrient}"))),
    }
}

impl IndexTables {
    pub(crate) fn parse(files: &[(&str, &str)]) -> Result<Self, Problem> {
        let files = Files(files);
        Ok(Self {
            nutri_score: NutriTable::read(&files)?,
            uk_npm: NpmTable::read(&files)?,
            claims: ClaimTable::read(&files)?,
            healthy: HealthyLimits::read(&files)?,
            physics: PhysicsTable::read(&files)?,
            weights: super::completeness::read_weights(&files)?,
            issues: super::quality::read_rules(&files)?,
            categories: CategoryTable::read(&files)?,
            markers: read_markers(&files)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFruit {
    sources: Sources,
    names: RawFruitNames,
    oils: RawNames,
    allowed: RawWords,
    stated: RawPhrases,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFruitNames {
    fruit: Vec<String>,
    vegetable: Vec<String>,
    pulse: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNames {
    names: Vec<String>,
    #[serde(default)]
    numbers: Vec<(u16, u16)>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWords {
    words: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPhrases {
    phrases: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNova {
    sources: Sources,
    group4: RawGroup4,
    group3: RawGroup3,
    friends: RawPhrases,
    sweeteners: RawNames,
    bounded: RawBounded,
    water: RawWater,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup4 {
    classes: Vec<String>,
    ingredients: Vec<String>,
    additives: Vec<String>,
    numbers: Vec<(u16, u16)>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup3 {
    ingredients: Vec<String>,
    numbers: Vec<(u16, u16)>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBounded {
    sugar: Vec<String>,
    fat: Vec<String>,
    salt: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWater {
    ingredients: Vec<String>,
    source: String,
}

fn read_markers(files: &Files<'_>) -> Result<Markers, Problem> {
    const FRUIT: &str = "indices/fruit.toml";
    const NOVA: &str = "indices/nova.toml";
    let fruit: RawFruit = files.read(FRUIT)?;
    let nova: RawNova = files.read(NOVA)?;
    for source in [&fruit.names.source, &fruit.oils.source, &fruit.allowed.source, &fruit.stated.source] {
        fruit.sources.check(FRUIT, source)?;
    }
    let sources = [
        &nova.group4.source,
        &nova.group3.source,
        &nova.friends.source,
        &nova.sweeteners.source,
        &nova.bounded.source,
        &nova.water.source,
    ];
    for source in sources {
        nova.sources.check(NOVA, source)?;
    }
    let mut names = Names { builder: MarkersBuilder::new() };
    for list in [&fruit.names.fruit, &fruit.names.vegetable, &fruit.names.pulse] {
        names.add(FRUIT, list, mark::FRUIT)?;
    }
    names.add(FRUIT, &fruit.oils.names, mark::FRUIT_OIL)?;
    names.add(FRUIT, &fruit.stated.phrases, mark::STATED)?;
    for word in &fruit.allowed.words {
        names.builder.allow(word);
    }
    // A phrase that only looks like a marker shadows the names within it, in both groups.
    for phrase in &nova.friends.phrases {
        for group in [mark::NOVA_3, mark::NOVA_4] {
            if !names.builder.add_friend(phrase, group) {
                return Err((NOVA, format!("`{phrase}` is no name")));
            }
        }
    }
    for list in [&nova.group4.classes, &nova.group4.ingredients, &nova.group4.additives] {
        names.add(NOVA, list, mark::NOVA_4)?;
    }
    names.add_numbers(&nova.group4.numbers, mark::NOVA_4);
    names.add(NOVA, &nova.group3.ingredients, mark::NOVA_3)?;
    names.add_numbers(&nova.group3.numbers, mark::NOVA_3);
    names.add(NOVA, &nova.sweeteners.names, mark::SWEETENER)?;
    names.add_numbers(&nova.sweeteners.numbers, mark::SWEETENER);
    names.add(NOVA, &nova.bounded.sugar, mark::SUGAR)?;
    names.add(NOVA, &nova.bounded.fat, mark::FAT)?;
    names.add(NOVA, &nova.bounded.salt, mark::SALT)?;
    names.add(NOVA, &nova.water.ingredients, mark::WATER)?;
    Ok(names.builder.build())
}

struct Names {
    builder: MarkersBuilder,
}

impl Names {
    fn add(&mut self, file: &'static str, names: &[String], mark: u8) -> Result<(), Problem> {
        for name in names {
            if !self.builder.add(name, mark) {
                return Err((file, format!("`{name}` is no name")));
            }
        }
        Ok(())
    }

    /// E-numbers, with the letters that may follow them.
    fn add_numbers(&mut self, ranges: &[(u16, u16)], mark: u8) {
        for number in ranges.iter().flat_map(|(first, last)| *first..=*last) {
            for letter in ["", "a", "b", "c", "d", "e", "f"] {
                let added = self.builder.add(&format!("e{number}{letter}"), mark);
                debug_assert!(added);
            }
        }
    }
}

/// Heads of phrases by their words.
pub(super) type Heads<T> = HashMap<String, T>;
