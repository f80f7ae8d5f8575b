//! The diets as they are written in TOML, before they are checked.

use std::collections::BTreeMap;

use odyssey_types::Nutrient;
use serde::Deserialize;

use super::{ListProof, TagProof};
use crate::engine::{Severity, Status};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Diets {
    pub version: String,
    pub sources: BTreeMap<String, String>,
    pub diet: Vec<Diet>,
    pub snomed: Vec<Snomed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Diet {
    pub id: String,
    pub excludes: Vec<String>,
    #[serde(default)]
    pub doubts: Vec<String>,
    #[serde(default)]
    pub list_without: Vec<String>,
    #[serde(default)]
    pub together: Vec<Together>,
    #[serde(default)]
    pub terms: Vec<String>,
    #[serde(default)]
    pub except: Vec<Except>,
    #[serde(default)]
    pub test: Vec<Test>,
    pub list: ListProof,
    pub tag: TagProof,
    #[serde(default = "yes")]
    pub certificate: bool,
    #[serde(default)]
    pub exempt_is_doubt: bool,
    #[serde(default)]
    pub process: bool,
    #[serde(default)]
    pub pattern: bool,
    #[serde(default)]
    pub free_of: Vec<String>,
    pub medical: Option<Medical>,
    pub source: String,
    pub status: Status,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Together {
    pub one: Vec<String>,
    pub other: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Except {
    pub key: String,
    pub terms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Medical {
    pub allergen: String,
    pub severity: Severity,
}

/// Amounts are texts in the nutrient's own unit, so that no figure passes through a float.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Test {
    Amount {
        nutrient: Nutrient,
        at_most: Option<String>,
        below: Option<String>,
        at_least: Option<String>,
    },
    Density {
        nutrient: Nutrient,
        at_most_per_100_g: String,
        at_most_per_100_ml: String,
    },
    EnergyShare {
        nutrient: Nutrient,
        below_percent: i64,
    },
    Ketogenic {
        net_carbohydrate_below_percent: i64,
        fat_at_least_percent: i64,
        shares_from_kcal: String,
        net_carbohydrate_below_g: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snomed {
    pub code: String,
    pub display: String,
    pub diet: Option<String>,
    pub allergen: Option<String>,
}
