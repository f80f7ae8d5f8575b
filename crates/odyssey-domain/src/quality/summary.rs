//! The catalog's quality in figures, counted once a catalog version.

use std::time::Duration;

use chrono::{DateTime, Utc};
use odyssey_jobs::{Enqueued, Job};
use odyssey_matching::{IssueSeverity, issue_rules};
use serde::{Deserialize, Serialize};

use super::{QualityError, store};
use crate::audit::{self, AuditEvent};
use crate::catalog;
use crate::db::{Notice, VendorTx};
use crate::tenancy::Purpose;

/// Counts a vendor's catalog after an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummarizeQuality {}

impl Job for SummarizeQuality {
    const KIND: &'static str = "summarize_quality";
    const FOLLOWED: bool = false;
    const ATTEMPTS_MAX: i16 = 5;
    const TIMEOUT: Duration = Duration::from_mins(10);
    // A second import adds nothing while the first one's count still waits.
    const UNIQUE: bool = true;

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }
}

/// How many active products state what matching needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    pub ingredient_list_complete: i64,
    pub nutrition: i64,
    pub allergens_attested: i64,
    pub category: i64,
    pub nutri_score: i64,
    pub nova: i64,
}

/// How many products have a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueCount {
    pub code: String,
    pub severity: IssueSeverity,
    pub penalty: u16,
    pub fix: String,
    pub products: i64,
}

/// How many products have at least one finding of a severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityCount {
    pub severity: IssueSeverity,
    pub products: i64,
}

/// The figures of one catalog version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub catalog_version: i64,
    pub computed_at: DateTime<Utc>,
    /// Active ones.
    pub products: i64,
    /// Derived by a program before there were indices: counted in no other figure until derived again.
    pub not_judged: i64,
    /// Mean, rounded down; `None` without a judged product.
    pub average_quality_permille: Option<i64>,
    pub average_completeness_permille: Option<i64>,
    pub coverage: Coverage,
    /// Gravest severity first, then most products.
    pub issues: Vec<IssueCount>,
    pub severities: Vec<SeverityCount>,
}

/// The summary of the catalog as this transaction sees it: the stored one, or counted now if that is behind.
pub async fn summary(tx: &mut VendorTx) -> Result<Summary, QualityError> {
    let version = catalog::catalog_version(tx).await?;
    match store::find_summary(tx).await? {
        Some(stored) if stored.catalog_version == version => Ok(stored),
        _ => count(tx, version).await,
    }
}

/// Counts and keeps; audited, and the caller commits.
pub async fn refresh_summary(tx: &mut VendorTx) -> Result<Summary, QualityError> {
    let version = catalog::catalog_version(tx).await?;
    let fresh = count(tx, version).await?;
    store::put_summary(tx, &fresh).await?;
    let event = AuditEvent::new("quality.summarize", "catalog", Purpose::Operations).count(fresh.products);
    audit::record(tx, event).await?;
    Ok(fresh)
}

/// Queues a count in the caller's transaction, if none waits.
pub async fn enqueue_summary(tx: &mut VendorTx) -> Result<Enqueued, odyssey_jobs::QueueError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let queued =
        odyssey_jobs::enqueue_job(tx.connection(), vendor_id, None, &SummarizeQuality {}, now).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(queued)
}

async fn count(tx: &mut VendorTx, catalog_version: i64) -> Result<Summary, QualityError> {
    let mut summary = Summary {
        catalog_version,
        computed_at: tx.now(),
        products: 0,
        not_judged: 0,
        average_quality_permille: None,
        average_completeness_permille: None,
        coverage: Coverage::default(),
        issues: Vec::new(),
        severities: Vec::new(),
    };
    store::count_products(tx, &mut summary).await?;
    let counts = store::count_issues(tx).await?;
    for rule in issue_rules() {
        if let Some(products) = counts.get(&rule.number) {
            summary.issues.push(IssueCount {
                code: rule.code.clone(),
                severity: rule.severity,
                penalty: rule.penalty,
                fix: rule.fix.clone(),
                products: *products,
            });
        }
    }
    summary.issues.sort_by(|a, b| {
        (a.severity, std::cmp::Reverse(a.products), &a.code).cmp(&(
            b.severity,
            std::cmp::Reverse(b.products),
            &b.code,
        ))
    });
    for severity in IssueSeverity::ALL {
        let numbers: Vec<i16> =
            issue_rules().filter(|rule| rule.severity == *severity).map(|rule| rule.number).collect();
        let products = store::count_with_any(tx, &numbers).await?;
        summary.severities.push(SeverityCount { severity: *severity, products });
    }
    Ok(summary)
}
