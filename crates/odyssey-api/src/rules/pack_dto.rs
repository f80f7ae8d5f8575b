//! Rules as they go out.

use std::collections::BTreeMap;

use odyssey_matching::{ALGORITHM_VERSION, PackView, RuleView};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::Problem;

/// The rule packs in force.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulePacksDto {
    pub items: Vec<RulePackDto>,
}

/// A rule pack, rule by rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulePackDto {
    pub id: String,
    pub version: String,
    /// SHA-256 of the texts it was read from, in hex.
    pub digest: String,
    /// Version of the decisions and the score that read it.
    pub algorithm_version: &'static str,
    /// Sources by the name that rules cite them with.
    #[schema(value_type = Object)]
    pub sources: BTreeMap<String, String>,
    pub rules: Vec<RuleDto>,
    /// Rules that are switched off and not listed here.
    pub inactive_count: usize,
}

/// One rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleDto {
    /// Id of the rule: `htn.sodium`.
    pub rule: String,
    /// The template, interaction or guideline it belongs to.
    pub owner: String,
    /// `template`, `interaction`, `cap`, `target`, `minimum`, `require`, `gate`, `serving`, `warning` or `notice`.
    pub kind: &'static str,
    /// What it asks, in words and figures.
    pub says: String,
    /// Holds only with one of these: templates, interactions, drugs, groups of them.
    pub when: Vec<String>,
    /// Holds only without these.
    pub unless: Vec<String>,
    pub source: String,
    /// `sourced`, `unreviewed` or `policy`.
    #[schema(value_type = String)]
    pub status: Value,
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_inactive: Option<String>,
    /// What a label cannot show, and what was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl RulePackDto {
    pub(super) fn new(view: PackView) -> Result<Self, Problem> {
        Ok(Self {
            id: view.id,
            version: view.version,
            digest: view.digest,
            algorithm_version: ALGORITHM_VERSION,
            sources: view.sources,
            rules: view.rules.into_iter().map(RuleDto::new).collect::<Result<_, _>>()?,
            inactive_count: view.inactive_count,
        })
    }
}

impl RuleDto {
    fn new(rule: RuleView) -> Result<Self, Problem> {
        Ok(Self {
            rule: rule.rule,
            owner: rule.owner,
            kind: rule.kind,
            says: rule.says,
            when: rule.when,
            unless: rule.unless,
            source: rule.citation,
            status: serde_json::to_value(rule.status).map_err(|error| Problem::internal(&error))?,
            active: rule.active,
            why_inactive: rule.why_inactive,
            note: rule.note,
        })
    }
}
