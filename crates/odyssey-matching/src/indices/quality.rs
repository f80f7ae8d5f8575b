//! How grave a finding is, what it costs and what to do: `data/indices/quality.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tables::{Files, Problem, Sources};
use crate::facts::QualityIssue;

const FILE: &str = "indices/quality.toml";

/// How grave a finding is, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An answer may be wrong, or a person harmed.
    Critical,
    /// Matches are lost.
    Major,
    /// An answer is weaker than it could be.
    Minor,
    Info,
}

impl Severity {
    pub const ALL: &'static [Self] = &[Self::Critical, Self::Major, Self::Minor, Self::Info];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Info => "info",
        }
    }
}

/// What the table says of one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRule {
    pub code: String,
    /// Its place in the file: what is stored. Append only.
    pub number: i16,
    pub severity: Severity,
    /// Of 1,000; a code counts once a product.
    pub penalty: u16,
    pub fix: String,
}

/// What the tables of this build say of a code.
pub fn issue_rule(code: &str) -> Option<&'static IssueRule> {
    crate::label::Tables::embedded().indices.issues.get(code)
}

/// Every code with what is said of it, in alphabetical order.
pub fn issue_rules() -> impl Iterator<Item = &'static IssueRule> {
    crate::label::Tables::embedded().indices.issues.values()
}

/// Completeness less the penalty of every code that occurs.
pub(super) fn score(
    completeness_permille: u16,
    issues: &[QualityIssue],
    rules: &BTreeMap<String, IssueRule>,
) -> u16 {
    let codes: BTreeSet<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
    let penalty: u32 =
        codes.into_iter().filter_map(|code| rules.get(code)).map(|rule| u32::from(rule.penalty)).sum();
    u32::from(completeness_permille).saturating_sub(penalty) as u16
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    // Findings are ours: the one source is named, no figure of a document stands here.
    sources: Sources,
    issue: Vec<RawIssue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssue {
    code: String,
    severity: Severity,
    penalty: u16,
    fix: String,
}

pub(super) fn read_rules(files: &Files<'_>) -> Result<BTreeMap<String, IssueRule>, Problem> {
    let raw: RawTable = files.read(FILE)?;
    raw.sources.check(FILE, "policy")?;
    let mut rules = BTreeMap::new();
    for (number, issue) in raw.issue.into_iter().enumerate() {
        let RawIssue { code, severity, penalty, fix } = issue;
        let rule = IssueRule { code: code.clone(), number: number as i16, severity, penalty, fix };
        if penalty > 1000 || rules.insert(code.clone(), rule).is_some() {
            return Err((FILE, format!("`{code}` stands twice, or costs more than 1000")));
        }
    }
    Ok(rules)
}
