//! Meanings that a platform and its vendors give to headers and values, besides our own tables.

use std::collections::{BTreeMap, HashMap};

use odyssey_types::NutritionBasis;

use super::normalise::take_apart;
use super::treatment::Treatment;
use crate::target::{Mode, Target};
use crate::value::text::code_form;

/// Into which field a column is read, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRule {
    pub target: Target,
    pub treatment: Treatment,
}

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordOwner {
    Vendor,
    Platform,
}

/// What a vendor has saved about its files, and the synonyms that hold for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vocabulary {
    /// By header in normal form: where it stands in the saved mapping, and its fields; none: not read.
    saved: HashMap<String, (u16, Vec<FieldRule>)>,
    vendor: HashMap<String, FieldRule>,
    platform: HashMap<String, FieldRule>,
    values: HashMap<Target, ValueWords>,
    /// Of the whole file's nutrition, as it was saved.
    pub basis: Option<NutritionBasis>,
}

/// What is written, in code form, and what is meant.
pub(crate) type ValueWords = BTreeMap<String, String>;

impl Vocabulary {
    /// A column of the saved mapping; without fields it is not read. Of two with one header the first counts.
    pub fn save(&mut self, header: &str, fields: Vec<FieldRule>) {
        let order = u16::try_from(self.saved.len()).unwrap_or(u16::MAX);
        self.saved.entry(normal_header(header)).or_insert((order, fields));
    }

    /// A header synonym. Of two of one owner with one header the first counts.
    pub fn add_header(&mut self, header: &str, rule: FieldRule, owner: WordOwner) {
        let words = match owner {
            WordOwner::Vendor => &mut self.vendor,
            WordOwner::Platform => &mut self.platform,
        };
        words.entry(normal_header(header)).or_insert(rule);
    }

    /// A value synonym. The first that is added counts.
    pub fn add_value(&mut self, target: Target, written: &str, meant: &str) {
        let words = self.values.entry(target).or_default();
        words.entry(code_form(written)).or_insert_with(|| meant.to_owned());
    }

    pub(super) fn saved(&self, header: &str) -> Option<(u16, &[FieldRule])> {
        self.saved.get(header).map(|(order, fields)| (*order, fields.as_slice()))
    }

    pub(super) fn word(&self, header: &str, owner: WordOwner) -> Option<&FieldRule> {
        match owner {
            WordOwner::Vendor => self.vendor.get(header),
            WordOwner::Platform => self.platform.get(header),
        }
    }

    pub(super) fn values(&self, target: Target) -> Option<&ValueWords> {
        self.values.get(&target)
    }

    /// Whether somebody has given a meaning to this header (in normal form).
    pub(super) fn knows(&self, header: &str) -> bool {
        [
            self.saved.contains_key(header),
            self.vendor.contains_key(header),
            self.platform.contains_key(header),
        ]
        .contains(&true)
    }

    /// Whether this header (in normal form) names what a row is known by.
    pub(super) fn is_identity(&self, header: &str) -> bool {
        let is = |rule: &FieldRule| rule.target == Target::ExternalId;
        match self.saved.get(header) {
            Some((_, fields)) => fields.iter().any(is),
            None => self.vendor.get(header).or_else(|| self.platform.get(header)).is_some_and(is),
        }
    }
}

/// A header in the form in which headers are compared: case, accents and punctuation do not count.
pub fn normal_header(header: &str) -> String {
    take_apart(header).full
}

/// The field whose values a domain of value synonyms is about. `allergens` is the domain of evidence on labels
/// and of no column; the column of that name has the domain `contains`.
pub fn value_target(domain: &str, mode: Mode) -> Option<Target> {
    let code = match domain {
        "allergens" => return None,
        "contains" => "allergens",
        "category" => "category_id",
        "sub_category" => "sub_category_id",
        other => other,
    };
    Target::from_code(code).filter(|target| target.belongs_to(mode) && !matches!(target, Target::Nutrient(_)))
}
