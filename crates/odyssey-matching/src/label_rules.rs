//! Rule sets for labels: what must be stated, by whose rules, as data.
//!
//! Owns: `data/quality/rule_sets.toml`. Promises: a set that is read is valid; silence passes no rule.
//! Emits: nothing. Never: judges what a label says, only whether it says it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chrono::NaiveDate;
use odyssey_types::{Jurisdiction, Nutrient, NutritionBasis};
use serde::{Deserialize, Serialize};

use crate::{issue_rule, keys_of_allergen};

/// Rules of one set, and characters of an id and of a title.
pub const LABEL_RULES_MAX: usize = 50;
const ID_LENGTH_MAX: usize = 40;
const TITLE_LENGTH_MAX: usize = 200;
const NAMES_MAX: usize = 60;

/// A set of rules under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelRuleSet {
    /// Lower-case letters, digits, hyphens.
    pub id: String,
    pub title: String,
    /// When somebody looks again whether the rules still hold.
    pub review_on: NaiveDate,
    #[serde(rename = "rule")]
    pub rules: Vec<LabelRule>,
}

/// One thing that must be stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelRule {
    pub id: String,
    pub title: String,
    pub kind: LabelRuleKind,
    /// For `stated`: `name`, `brand`, `gtin`, `category`, `ingredients`, `serving`, `net_quantity`,
    /// `nutrition`, `label_date`, `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Nutrient fields, allergen codes, bases or `DQ_` codes, as the kind asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// For `dated_within_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i32>,
    /// Whose labels it is asked of; empty: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurisdictions: Vec<Jurisdiction>,
    pub source: String,
}

/// What a rule asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelRuleKind {
    Stated,
    Nutrients,
    Allergens,
    Basis,
    ListComplete,
    FreeOfIssues,
    DatedWithinDays,
}

/// Fields that `stated` knows.
pub const STATED_FIELDS: [&str; 10] = [
    "name",
    "brand",
    "gtin",
    "category",
    "ingredients",
    "serving",
    "net_quantity",
    "nutrition",
    "label_date",
    "image",
];

/// Why a set cannot be used: where, and what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {problem}")]
pub struct LabelRuleError {
    /// JSON pointer below the set: `/rules/3/names/0`.
    pub pointer: String,
    pub problem: String,
}

/// The sets that ship with this build: FDA, USDA, EU.
pub fn embedded_rule_sets() -> &'static [LabelRuleSet] {
    static SETS: OnceLock<Vec<LabelRuleSet>> = OnceLock::new();
    SETS.get_or_init(|| {
        parse(EMBEDDED).expect("the embedded rule sets are a constant, and a test reads them")
    })
}

const EMBEDDED: &str = include_str!("../data/quality/rule_sets.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSets {
    sources: BTreeMap<String, String>,
    rule_set: Vec<LabelRuleSet>,
}

fn parse(text: &str) -> Result<Vec<LabelRuleSet>, LabelRuleError> {
    let whole = |problem: String| LabelRuleError { pointer: String::new(), problem };
    let raw: RawSets = toml::from_str(text).map_err(|error| whole(error.to_string()))?;
    let mut sets = raw.rule_set;
    for set in &mut sets {
        for rule in &mut set.rules {
            let source = raw.sources.get(&rule.source);
            let missing = || whole(format!("no source is called `{}`", rule.source));
            rule.source = source.cloned().ok_or_else(missing)?;
        }
        set.check()?;
    }
    Ok(sets)
}

impl LabelRuleSet {
    /// Checks everything that the types leave open.
    pub fn check(&self) -> Result<(), LabelRuleError> {
        let fail =
            |pointer: String, problem: &str| Err(LabelRuleError { pointer, problem: problem.to_owned() });
        if !is_id(&self.id) {
            return fail("/id".to_owned(), "1 to 40 lower-case letters, digits, hyphens or underscores");
        }
        if self.title.trim().is_empty() || self.title.chars().count() > TITLE_LENGTH_MAX {
            return fail("/title".to_owned(), "1 to 200 characters");
        }
        if self.rules.is_empty() || self.rules.len() > LABEL_RULES_MAX {
            return fail("/rules".to_owned(), "between 1 and 50 rules");
        }
        let mut seen = BTreeSet::new();
        for (at, rule) in self.rules.iter().enumerate() {
            rule.check(&format!("/rules/{at}"))?;
            if !seen.insert(rule.id.as_str()) {
                return fail(format!("/rules/{at}/id"), "another rule of the set has this id");
            }
        }
        Ok(())
    }
}

impl LabelRule {
    fn check(&self, at: &str) -> Result<(), LabelRuleError> {
        use LabelRuleKind as K;
        let fail = |what: &str, problem: &str| {
            Err(LabelRuleError { pointer: format!("{at}{what}"), problem: problem.to_owned() })
        };
        if !is_id(&self.id) {
            return fail("/id", "1 to 40 lower-case letters, digits, hyphens or underscores");
        }
        if self.title.trim().is_empty() || self.title.chars().count() > TITLE_LENGTH_MAX {
            return fail("/title", "1 to 200 characters");
        }
        if self.source.chars().count() > TITLE_LENGTH_MAX {
            return fail("/source", "at most 200 characters");
        }
        let field_fits = match self.kind {
            K::Stated => self.field.as_deref().is_some_and(|field| STATED_FIELDS.contains(&field)),
            _ => self.field.is_none(),
        };
        if !field_fits {
            return fail("/field", "one of the fields of a record for `stated`, none for other kinds");
        }
        let days_fit = match self.kind {
            K::DatedWithinDays => self.days.is_some_and(|days| (1..=36_500).contains(&days)),
            _ => self.days.is_none(),
        };
        if !days_fit {
            return fail("/days", "1 to 36500 for `dated_within_days`, none for other kinds");
        }
        self.check_names(at)
    }

    fn check_names(&self, at: &str) -> Result<(), LabelRuleError> {
        use LabelRuleKind as K;
        let named = matches!(self.kind, K::Nutrients | K::Allergens | K::Basis | K::FreeOfIssues);
        if named == self.names.is_empty() || self.names.len() > NAMES_MAX {
            let problem = "1 to 60 names where the kind asks for them, none otherwise".to_owned();
            return Err(LabelRuleError { pointer: format!("{at}/names"), problem });
        }
        for (index, name) in self.names.iter().enumerate() {
            let known = match self.kind {
                K::Nutrients => Nutrient::from_field(name).is_some(),
                K::Allergens => keys_of_allergen(name).is_some(),
                K::Basis => NutritionBasis::parse(name).is_some(),
                K::FreeOfIssues => issue_rule(name).is_some(),
                K::Stated | K::ListComplete | K::DatedWithinDays => false,
            };
            if !known {
                let problem =
                    "a nutrient field, an allergen code, a basis or a DQ_ code that we know".to_owned();
                return Err(LabelRuleError { pointer: format!("{at}/names/{index}"), problem });
            }
        }
        Ok(())
    }
}

fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_sets_are_valid_and_cite_their_sources() {
        let sets = embedded_rule_sets();
        assert_eq!(sets.iter().map(|set| set.id.as_str()).collect::<Vec<_>>(), ["fda", "usda", "eu"]);
        assert!(sets.iter().flat_map(|set| &set.rules).all(|rule| rule.source.contains(' ')));
    }

    #[test]
    fn a_rule_that_names_what_nobody_knows_is_refused_where_it_stands() {
        let mut set = embedded_rule_sets()[0].clone();
        set.rules[5].names[1] = "zorgleberry".to_owned();
        assert_eq!(set.check().map_err(|e| e.pointer), Err("/rules/5/names/1".to_owned()));
        set.rules.truncate(1);
        set.rules[0].field = Some("astrology".to_owned());
        assert_eq!(set.check().map_err(|e| e.pointer), Err("/rules/0/field".to_owned()));
        set.id = "No Such Id".to_owned();
        assert_eq!(set.check().map_err(|e| e.pointer), Err("/id".to_owned()));
    }
}
