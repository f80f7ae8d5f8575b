//! What goes out about the quality of records.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use odyssey_domain::matching::cell;
use odyssey_domain::quality::{Coverage, Issue, IssueCount, ProductQuality, SeverityCount, Summary};
use odyssey_matching::{AudienceCounts, Claim, Indices, IssueSeverity, Truth};
use odyssey_types::ProductId;
use serde::Serialize;
use utoipa::ToSchema;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SeverityDto {
    /// An answer may be wrong, or a person harmed.
    Critical,
    /// Matches are lost.
    Major,
    /// An answer is weaker than it could be.
    Minor,
    Info,
}

impl From<IssueSeverity> for SeverityDto {
    fn from(severity: IssueSeverity) -> Self {
        match severity {
            IssueSeverity::Critical => Self::Critical,
            IssueSeverity::Major => Self::Major,
            IssueSeverity::Minor => Self::Minor,
            IssueSeverity::Info => Self::Info,
        }
    }
}

/// One finding and its remedy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueDto {
    /// `DQ_…`
    code: String,
    severity: SeverityDto,
    /// What the code costs the product's quality, of 1,000; once, however often it occurs.
    penalty: u16,
    field: String,
    /// The offending value, or what the finding is about; empty where something is missing.
    value: String,
    /// What was probably meant, where one reading and no other makes sense of the figures.
    meant: Option<String>,
    fix: String,
}

impl From<Issue> for IssueDto {
    fn from(issue: Issue) -> Self {
        Self {
            code: issue.code,
            severity: issue.severity.into(),
            penalty: issue.penalty,
            field: issue.field,
            value: issue.value,
            meant: issue.meant,
            fix: issue.fix,
        }
    }
}

/// A product and what is wrong with its record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductQualityDto {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    external_id: String,
    name: Option<String>,
    /// Completeness less what the findings cost; 0 to 1,000.
    quality_permille: u16,
    /// How much of a complete record is stated, weighted; 0 to 1,000.
    completeness_permille: u16,
    /// Gravest first.
    issues: Vec<IssueDto>,
}

impl From<ProductQuality> for ProductQualityDto {
    fn from(product: ProductQuality) -> Self {
        Self {
            product_id: product.product_id,
            external_id: product.external_id,
            name: product.name,
            quality_permille: product.quality_permille,
            completeness_permille: product.completeness_permille,
            issues: product.issues.into_iter().map(IssueDto::from).collect(),
        }
    }
}

/// Indices of a product; null is unknown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IndicesDto {
    /// `water`, `beverage`, `cheese`, `red_meat`, `fats`, `general`, `exempt`; null without a category.
    food_kind: Option<&'static str>,
    /// Nutri-Score 2023: negative less positive points.
    nutri_score: Option<i8>,
    /// `a` to `e`.
    nutri_grade: Option<&'static str>,
    /// Fibre, or the share of fruit, was counted as what is proved: the true score may be lower, never higher.
    nutri_score_is_estimated: Option<bool>,
    /// UK nutrient profiling model of 2004-5.
    uk_npm_score: Option<i8>,
    uk_npm_less_healthy: Option<bool>,
    /// NOVA group by markers, 1 to 4.
    nova_group: Option<u8>,
    /// US nutrient-content claims that the label's own figures prove.
    claims_proved: Vec<&'static str>,
    /// Those that they refute.
    claims_refuted: Vec<&'static str>,
    /// FDA "healthy": `yes`, `no`, `unknown`.
    fda_healthy: &'static str,
}

impl From<Indices> for IndicesDto {
    fn from(indices: Indices) -> Self {
        let claims = |truth: Truth| {
            Claim::ALL.iter().filter(|c| indices.claims.truth(**c) == truth).map(|c| c.code()).collect()
        };
        Self {
            food_kind: indices.kind.map(|kind| kind.code()),
            nutri_score: indices.nutri_score.map(|n| n.score),
            nutri_grade: indices.nutri_score.map(|n| n.grade.code()),
            nutri_score_is_estimated: indices.nutri_score.map(|n| n.estimated),
            uk_npm_score: indices.uk_npm.map(|n| n.score),
            uk_npm_less_healthy: indices.uk_npm.map(|n| n.less_healthy),
            nova_group: indices.nova.map(|n| n as u8),
            claims_proved: claims(Truth::Yes),
            claims_refuted: claims(Truth::No),
            fda_healthy: match indices.healthy {
                Truth::Yes => "yes",
                Truth::No => "no",
                Truth::Unknown => "unknown",
            },
        }
    }
}

/// One product's quality and indices, judged at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductQualityDetailDto {
    #[serde(flatten)]
    quality: ProductQualityDto,
    indices: IndicesDto,
    /// For how many consenting customers something that the record does not state keeps the product from being
    /// verified; null where that is not told, see `blocked_customers_state`.
    blocked_customers: Option<u64>,
    #[schema(inline)]
    blocked_customers_state: BlockedStateDto,
}

/// What is known of the customers that a record blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BlockedStateDto {
    Counted,
    /// Between 1 and 10: not told.
    Few,
    /// The customers are being compiled; ask again in half a minute.
    Building,
    /// The caller may not read matches.
    NotPermitted,
}

/// What could be counted of the customers whom records block.
#[derive(Debug)]
pub(super) enum BlockedCustomers {
    Counted(HashMap<ProductId, AudienceCounts>),
    Building,
    NotPermitted,
}

impl BlockedCustomers {
    /// The number, where it may be told, and why not where it may not. A product that has just gone blocks nobody.
    fn of(&self, product_id: ProductId) -> (Option<u64>, BlockedStateDto) {
        match self {
            Self::Counted(counts) => match cell(counts.get(&product_id).map_or(0, |c| c.cannot_verify)) {
                None => (None, BlockedStateDto::Few),
                counted => (counted, BlockedStateDto::Counted),
            },
            Self::Building => (None, BlockedStateDto::Building),
            Self::NotPermitted => (None, BlockedStateDto::NotPermitted),
        }
    }
}

impl ProductQualityDetailDto {
    pub(super) fn new(mut product: ProductQuality, blocked: &BlockedCustomers) -> Self {
        let (blocked_customers, blocked_customers_state) = blocked.of(product.product_id);
        let indices = product.indices.take().unwrap_or_default().into();
        Self { quality: product.into(), indices, blocked_customers, blocked_customers_state }
    }
}

/// A product of the worst-first list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedProductQualityDto {
    #[serde(flatten)]
    quality: ProductQualityDto,
    /// For how many consenting customers something that the record does not state keeps the product from being
    /// verified; absent where that is not told, see `blocked_customers_state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_customers: Option<u64>,
    /// Absent unless `blocked_customers=true` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    blocked_customers_state: Option<BlockedStateDto>,
}

impl ListedProductQualityDto {
    pub(super) fn new(product: ProductQuality, blocked: Option<&BlockedCustomers>) -> Self {
        let (blocked_customers, state) = blocked.map(|blocked| blocked.of(product.product_id)).unzip();
        Self {
            quality: product.into(),
            blocked_customers: blocked_customers.flatten(),
            blocked_customers_state: state,
        }
    }
}

/// Products that state what matching needs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CoverageDto {
    ingredient_list_complete: i64,
    nutrition: i64,
    allergens_attested: i64,
    category: i64,
    /// A Nutri-Score could be computed.
    nutri_score: i64,
    nova: i64,
}

impl From<Coverage> for CoverageDto {
    fn from(coverage: Coverage) -> Self {
        let Coverage { ingredient_list_complete, nutrition, allergens_attested, category, nutri_score, nova } =
            coverage;
        Self { ingredient_list_complete, nutrition, allergens_attested, category, nutri_score, nova }
    }
}

/// How many products have a finding.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueCountDto {
    code: String,
    severity: SeverityDto,
    penalty: u16,
    fix: String,
    products: i64,
}

impl From<IssueCount> for IssueCountDto {
    fn from(count: IssueCount) -> Self {
        let IssueCount { code, severity, penalty, fix, products } = count;
        Self { code, severity: severity.into(), penalty, fix, products }
    }
}

/// How many products have at least one finding of a severity.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeverityCountDto {
    severity: SeverityDto,
    products: i64,
}

impl From<SeverityCount> for SeverityCountDto {
    fn from(count: SeverityCount) -> Self {
        Self { severity: count.severity.into(), products: count.products }
    }
}

/// The catalog's quality in figures, of active products.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QualitySummaryDto {
    /// The version of the catalog that was counted: the present one.
    catalog_version: i64,
    computed_at: DateTime<Utc>,
    products: i64,
    /// Derived before there were indices, and in no other figure until derived again.
    not_judged: i64,
    /// Mean, rounded down; null without a judged product.
    average_quality_permille: Option<i64>,
    average_completeness_permille: Option<i64>,
    coverage: CoverageDto,
    severities: Vec<SeverityCountDto>,
    /// Gravest first, then most products.
    issues: Vec<IssueCountDto>,
}

impl From<Summary> for QualitySummaryDto {
    fn from(summary: Summary) -> Self {
        Self {
            catalog_version: summary.catalog_version,
            computed_at: summary.computed_at,
            products: summary.products,
            not_judged: summary.not_judged,
            average_quality_permille: summary.average_quality_permille,
            average_completeness_permille: summary.average_completeness_permille,
            coverage: summary.coverage.into(),
            severities: summary.severities.into_iter().map(SeverityCountDto::from).collect(),
            issues: summary.issues.into_iter().map(IssueCountDto::from).collect(),
        }
    }
}
