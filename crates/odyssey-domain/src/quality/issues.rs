//! Findings of products, the worst product first.

use odyssey_matching::{Indices, IssueSeverity, QualityIssue, issue_rule};
use odyssey_types::{Page, ProductId};
use uuid::Uuid;

use super::{QualityError, store};
use crate::catalog;
use crate::db::VendorTx;

/// One finding, with what the table of findings says of its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub code: String,
    pub severity: IssueSeverity,
    /// Of 1,000; what the code costs the product, once.
    pub penalty: u16,
    pub field: String,
    pub value: String,
    /// What was probably meant, where only one reading makes sense.
    pub meant: Option<String>,
    pub fix: String,
}

/// A product and what is wrong with its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductQuality {
    pub product_id: ProductId,
    pub external_id: String,
    pub name: Option<String>,
    pub quality_permille: u16,
    pub completeness_permille: u16,
    /// Gravest first.
    pub issues: Vec<Issue>,
    /// Present where one product is asked for.
    pub indices: Option<Indices>,
}

/// Which products: active ones, the worst first.
#[derive(Debug, Clone, Default)]
pub struct QualityQuery {
    /// Only products with this finding.
    pub code: Option<String>,
    pub cursor: Option<String>,
    pub limit: u32,
}

/// One page, worst first.
pub async fn list_products(
    tx: &mut VendorTx,
    query: &QualityQuery,
) -> Result<Page<ProductQuality>, QualityError> {
    let number = match &query.code {
        None => None,
        Some(code) => Some(issue_rule(code).ok_or_else(|| QualityError::CodeUnknown(code.clone()))?.number),
    };
    let after =
        query.cursor.as_deref().map(|c| read_cursor(c).ok_or(QualityError::CursorInvalid)).transpose()?;
    let limit = query.limit as usize;
    let mut items = store::worst_products(tx, number, after, limit as i64 + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|p| format!("{}_{}", p.quality_permille, p.product_id.as_uuid().simple()));
    Ok(Page { items, next_cursor })
}

fn read_cursor(cursor: &str) -> Option<(i16, Uuid)> {
    let (quality, id) = cursor.split_once('_')?;
    Some((quality.parse().ok()?, Uuid::try_parse(id).ok()?))
}

/// One product, judged anew from its record and its open holds.
pub async fn product_quality(tx: &mut VendorTx, id: ProductId) -> Result<ProductQuality, QualityError> {
    let product = catalog::get_product(tx, id).await?;
    let holds = catalog::holds_of_products(tx, &[id]).await?.remove(&id).unwrap_or_default();
    let tables = catalog::tables(tx).await?;
    let derivation = catalog::derive_product_by(&tables, &product.fields, &holds);
    let indices = derivation.facts.indices;
    Ok(ProductQuality {
        product_id: id,
        external_id: product.external_id,
        name: product.fields.name,
        quality_permille: indices.quality_permille,
        completeness_permille: indices.completeness_permille,
        issues: explained(derivation.issues),
        indices: Some(indices),
    })
}

/// Findings with severity and remedy, gravest first. A code that no table knows any more is left out: it was
/// stored by an older program and goes when the product is derived again.
pub(super) fn explained(issues: Vec<QualityIssue>) -> Vec<Issue> {
    let mut explained: Vec<Issue> = issues
        .into_iter()
        .filter_map(|issue| {
            let rule = issue_rule(&issue.code)?;
            Some(Issue {
                severity: rule.severity,
                penalty: rule.penalty,
                fix: rule.fix.clone(),
                code: issue.code,
                field: issue.field,
                value: issue.value,
                meant: issue.meant,
            })
        })
        .collect();
    explained.sort_by(|a, b| {
        (a.severity, std::cmp::Reverse(a.penalty), &a.code, &a.field, &a.value).cmp(&(
            b.severity,
            std::cmp::Reverse(b.penalty),
            &b.code,
            &b.field,
            &b.value,
        ))
    });
    explained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_gravest_first_with_severity_and_fix() {
        let issues = explained(vec![
            QualityIssue::new("DQ_NS_ESTIMATED", "nutrition", "fiber_g"),
            QualityIssue::new("DQ_ALLERGEN_CONFLICT", "allergens", "milk"),
            QualityIssue::new("DQ_NO_LONGER_KNOWN", "name", ""),
        ]);
        let codes: Vec<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
        assert_eq!(codes, ["DQ_ALLERGEN_CONFLICT", "DQ_NS_ESTIMATED"]);
        assert!(issues.iter().all(|issue| !issue.fix.is_empty()));
    }

    #[test]
    fn a_cursor_that_is_none_of_ours_is_none() {
        assert!(read_cursor("120_0190f5fe7c0070009000000000000001").is_some());
        assert_eq!(read_cursor("120"), None);
        assert_eq!(read_cursor("x_y"), None);
    }
}
