//! Rule sets as they come in and go out.

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_domain::quality::{Owner, RuleRun, RuleSetView, RuleVerdict};
use odyssey_matching::{LabelRule, LabelRuleKind, LabelRuleSet};
use odyssey_types::{JobId, Jurisdiction, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a rule asks of a record. Silence passes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RuleKindDto {
    /// The field is stated.
    Stated,
    /// Each of the nutrients is stated.
    Nutrients,
    /// Each of the allergens is declared present or absent, or the declaration is attested complete.
    Allergens,
    /// Nutrition is on one of the bases.
    Basis,
    /// The ingredient list is whole, in a language that is read.
    ListComplete,
    /// None of the findings occurs.
    FreeOfIssues,
    /// The label is dated, and not longer ago than so many days.
    DatedWithinDays,
}

impl From<RuleKindDto> for LabelRuleKind {
    fn from(kind: RuleKindDto) -> Self {
        match kind {
            RuleKindDto::Stated => Self::Stated,
            RuleKindDto::Nutrients => Self::Nutrients,
            RuleKindDto::Allergens => Self::Allergens,
            RuleKindDto::Basis => Self::Basis,
            RuleKindDto::ListComplete => Self::ListComplete,
            RuleKindDto::FreeOfIssues => Self::FreeOfIssues,
            RuleKindDto::DatedWithinDays => Self::DatedWithinDays,
        }
    }
}

impl From<LabelRuleKind> for RuleKindDto {
    fn from(kind: LabelRuleKind) -> Self {
        match kind {
            LabelRuleKind::Stated => Self::Stated,
            LabelRuleKind::Nutrients => Self::Nutrients,
            LabelRuleKind::Allergens => Self::Allergens,
            LabelRuleKind::Basis => Self::Basis,
            LabelRuleKind::ListComplete => Self::ListComplete,
            LabelRuleKind::FreeOfIssues => Self::FreeOfIssues,
            LabelRuleKind::DatedWithinDays => Self::DatedWithinDays,
        }
    }
}

/// One thing that a label must state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDto {
    /// Lower-case letters, digits, hyphens, underscores; unique in the set.
    id: String,
    title: String,
    kind: RuleKindDto,
    /// For `stated`: `name`, `brand`, `gtin`, `category`, `ingredients`, `serving`, `net_quantity`,
    /// `nutrition`, `label_date`, `image`.
    #[serde(default)]
    field: Option<String>,
    /// Nutrient fields, allergen codes, bases or `DQ_` codes, as the kind asks.
    #[serde(default)]
    names: Vec<String>,
    /// For `dated_within_days`.
    #[serde(default)]
    days: Option<i32>,
    /// Whose labels it is asked of; none: of all.
    #[serde(default)]
    jurisdictions: Vec<Jurisdiction>,
    /// Where the rule stands.
    source: String,
}

impl From<RuleDto> for LabelRule {
    fn from(rule: RuleDto) -> Self {
        let RuleDto { id, title, kind, field, names, days, jurisdictions, source } = rule;
        Self { id, title, kind: kind.into(), field, names, days, jurisdictions, source }
    }
}

impl From<LabelRule> for RuleDto {
    fn from(rule: LabelRule) -> Self {
        let LabelRule { id, title, kind, field, names, days, jurisdictions, source } = rule;
        Self { id, title, kind: kind.into(), field, names, days, jurisdictions, source }
    }
}

/// A rule set of the vendor's own, new or in place of the one with this id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteRuleSet {
    /// Lower-case letters, digits, hyphens, underscores; none of `fda`, `usda`, `eu`.
    id: String,
    title: String,
    /// When somebody looks again whether the rules still hold.
    review_on: NaiveDate,
    /// 1 to 50.
    rules: Vec<RuleDto>,
}

impl From<WriteRuleSet> for LabelRuleSet {
    fn from(body: WriteRuleSet) -> Self {
        let rules = body.rules.into_iter().map(LabelRule::from).collect();
        Self { id: body.id, title: body.title, review_on: body.review_on, rules }
    }
}

/// How products did by one rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleVerdictDto {
    rule: String,
    /// Active products that the rule is asked of.
    checked: i64,
    failed: i64,
    /// Of those that failed, the first by id; at most 20.
    #[schema(value_type = Vec<Uuid>)]
    examples: Vec<ProductId>,
}

impl From<RuleVerdict> for RuleVerdictDto {
    fn from(verdict: RuleVerdict) -> Self {
        let RuleVerdict { rule, checked, failed, examples } = verdict;
        Self { rule, checked, failed, examples }
    }
}

/// The latest run of a set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleRunDto {
    #[schema(value_type = Uuid)]
    job_id: JobId,
    started_at: DateTime<Utc>,
    /// Null while it runs, or when its job failed.
    finished_at: Option<DateTime<Utc>>,
    catalog_version: Option<i64>,
    /// Over all rules; null until it has finished.
    checked: Option<i64>,
    failed: Option<i64>,
    rules: Vec<RuleVerdictDto>,
}

impl From<RuleRun> for RuleRunDto {
    fn from(run: RuleRun) -> Self {
        let finished = run.finished_at.is_some();
        let total = |of: fn(&RuleVerdict) -> i64| finished.then(|| run.rules.iter().map(of).sum());
        Self {
            job_id: run.job_id,
            started_at: run.started_at,
            finished_at: run.finished_at,
            catalog_version: run.catalog_version,
            checked: total(|v| v.checked),
            failed: total(|v| v.failed),
            rules: run.rules.into_iter().map(RuleVerdictDto::from).collect(),
        }
    }
}

/// A rule set and its latest run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleSetDto {
    id: String,
    /// `platform` (part of the program) or `vendor`.
    owner: &'static str,
    title: String,
    /// The next review.
    review_on: NaiveDate,
    /// That day has come.
    review_due: bool,
    rules: Vec<RuleDto>,
    last_run: Option<RuleRunDto>,
}

impl From<RuleSetView> for RuleSetDto {
    fn from(view: RuleSetView) -> Self {
        Self {
            owner: match view.owner {
                Owner::Platform => "platform",
                Owner::Vendor => "vendor",
            },
            review_due: view.review_due,
            last_run: view.last_run.map(RuleRunDto::from),
            id: view.set.id,
            title: view.set.title,
            review_on: view.set.review_on,
            rules: view.set.rules.into_iter().map(RuleDto::from).collect(),
        }
    }
}

/// Every rule set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleSetList {
    /// Ours first, then the vendor's by id.
    pub items: Vec<RuleSetDto>,
}

/// A run that was queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunStarted {
    /// To be followed at `/api/v1/jobs/{job_id}`; the result stands at the rule set.
    #[schema(value_type = Uuid)]
    pub job_id: JobId,
}
