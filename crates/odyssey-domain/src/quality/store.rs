//! All SQL on quality.

use std::collections::{BTreeMap, HashMap};

use odyssey_matching::LabelRuleSet;
use odyssey_types::JobId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::issues::explained;
use super::{ProductQuality, QualityError, RuleRun, RuleVerdict, Summary};
use crate::db::{DbError, VendorTx};

pub(super) fn to_json(value: &impl Serialize) -> Result<Value, DbError> {
    serde_json::to_value(value)
        .map_err(|error| DbError::inconsistent(format!("a value of ours cannot be written as JSON: {error}")))
}

pub(super) async fn find_summary(tx: &mut VendorTx) -> Result<Option<Summary>, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let body = sqlx::query_scalar!("SELECT body FROM quality_summaries WHERE vendor_id = $1", vendor_id)
        .fetch_optional(tx.connection())
        .await?;
    // One that an older program wrote in another shape is counted anew.
    Ok(body.and_then(|body| serde_json::from_value(body).ok()))
}

pub(super) async fn put_summary(tx: &mut VendorTx, summary: &Summary) -> Result<(), QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "INSERT INTO quality_summaries AS s (vendor_id, catalog_version, computed_at, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (vendor_id) DO UPDATE SET catalog_version = excluded.catalog_version,
                computed_at = excluded.computed_at, body = excluded.body
         WHERE s.catalog_version <= excluded.catalog_version",
        vendor_id,
        summary.catalog_version,
        summary.computed_at,
        to_json(summary)?,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Fills in what one pass over the facts says.
pub(super) async fn count_products(tx: &mut VendorTx, into: &mut Summary) -> Result<(), QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT count(*) AS "products!", count(*) - count(quality_permille) AS "not_judged!",
                  sum(quality_permille) / nullif(count(quality_permille), 0) AS quality,
                  sum(completeness_permille) / nullif(count(completeness_permille), 0) AS completeness,
                  count(*) FILTER (WHERE list_state = 3) AS "lists!",
                  count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(per_100) a WHERE a IS NOT NULL)) AS "nutrition!",
                  count(*) FILTER (WHERE attested) AS "attested!",
                  count(category_id) AS "category!", count(nutri_grade) AS "nutri_score!", count(nova_group) AS "nova!"
           FROM product_facts WHERE vendor_id = $1 AND active"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    into.products = row.products;
    into.not_judged = row.not_judged;
    into.average_quality_permille = row.quality;
    into.average_completeness_permille = row.completeness;
    into.coverage.ingredient_list_complete = row.lists;
    into.coverage.nutrition = row.nutrition;
    into.coverage.allergens_attested = row.attested;
    into.coverage.category = row.category;
    into.coverage.nutri_score = row.nutri_score;
    into.coverage.nova = row.nova;
    Ok(())
}

/// Products by the number of a code.
pub(super) async fn count_issues(tx: &mut VendorTx) -> Result<BTreeMap<i16, i64>, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT code AS "code!", count(*) AS "products!"
           FROM product_facts, unnest(issue_codes) AS code
           WHERE vendor_id = $1 AND active GROUP BY code"#,
        vendor_id,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.products)).collect())
}

/// Products with any of these codes.
pub(super) async fn count_with_any(tx: &mut VendorTx, numbers: &[i16]) -> Result<i64, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let products = sqlx::query_scalar!(
        r#"SELECT count(*) AS "products!" FROM product_facts
           WHERE vendor_id = $1 AND active AND issue_codes && $2"#,
        vendor_id,
        numbers,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(products)
}

/// Active products by quality and id, the worst first.
pub(super) async fn worst_products(
    tx: &mut VendorTx,
    number: Option<i16>,
    after: Option<(i16, Uuid)>,
    most: i64,
) -> Result<Vec<ProductQuality>, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        r#"SELECT f.product_id, p.external_id, p.name, f.quality_permille AS "quality_permille!",
                  f.completeness_permille AS "completeness_permille!", f.issues
           FROM product_facts f JOIN products p ON p.vendor_id = $1 AND p.id = f.product_id
           WHERE f.vendor_id = $1 AND f.active AND f.quality_permille IS NOT NULL
             AND f.completeness_permille IS NOT NULL
             AND ($2::smallint IS NULL OR f.issue_codes @> ARRAY[$2::smallint])
             AND ($3::smallint IS NULL OR (f.quality_permille, f.product_id) > ($3, $4::uuid))
           ORDER BY f.quality_permille, f.product_id
           LIMIT $5"#,
        vendor_id,
        number,
        after.map(|a| a.0),
        after.map(|a| a.1),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = row.product_id;
            let broken = || DbError::inconsistent(format!("the findings of product {id} are not readable"));
            Ok(ProductQuality {
                product_id: id.into(),
                external_id: row.external_id,
                name: row.name,
                quality_permille: u16::try_from(row.quality_permille).map_err(|_| broken())?,
                completeness_permille: u16::try_from(row.completeness_permille).map_err(|_| broken())?,
                issues: explained(serde_json::from_value(row.issues).map_err(|_| broken())?),
                indices: None,
            })
        })
        .collect()
}

/// The vendor's sets, by id.
pub(super) async fn list_rule_sets(tx: &mut VendorTx) -> Result<Vec<LabelRuleSet>, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT id, title, rules, review_on FROM label_rule_sets WHERE vendor_id = $1 ORDER BY id",
        vendor_id,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            let rules = serde_json::from_value(row.rules)
                .map_err(|_| DbError::inconsistent(format!("rule set {} is not readable", row.id)))?;
            Ok(LabelRuleSet { id: row.id, title: row.title, review_on: row.review_on, rules })
        })
        .collect()
}

pub(super) async fn count_other_rule_sets(tx: &mut VendorTx, id: &str) -> Result<i64, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM label_rule_sets WHERE vendor_id = $1 AND id <> $2"#,
        vendor_id,
        id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

pub(super) async fn put_rule_set(tx: &mut VendorTx, set: &LabelRuleSet) -> Result<(), QualityError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(odyssey_types::UserId::as_uuid);
    sqlx::query!(
        "INSERT INTO label_rule_sets AS s (vendor_id, id, title, rules, review_on, row_version, created_by, updated_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7)
         ON CONFLICT (vendor_id, id) DO UPDATE SET title = excluded.title, rules = excluded.rules,
                review_on = excluded.review_on, row_version = s.row_version + 1, updated_at = excluded.updated_at",
        vendor_id,
        set.id,
        set.title,
        to_json(&set.rules)?,
        set.review_on,
        created_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn delete_rule_set(tx: &mut VendorTx, id: &str) -> Result<bool, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let deleted = sqlx::query!("DELETE FROM label_rule_sets WHERE vendor_id = $1 AND id = $2", vendor_id, id)
        .execute(tx.connection())
        .await?
        .rows_affected();
    if deleted > 0 {
        sqlx::query!("DELETE FROM label_rule_runs WHERE vendor_id = $1 AND rule_set = $2", vendor_id, id)
            .execute(tx.connection())
            .await?;
    }
    Ok(deleted > 0)
}

/// The latest runs by the id of their set.
pub(super) async fn list_runs(tx: &mut VendorTx) -> Result<HashMap<String, RuleRun>, QualityError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT rule_set, job_id, started_at, finished_at, catalog_version, result
         FROM label_rule_runs WHERE vendor_id = $1",
        vendor_id,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            let rules: Option<Vec<RuleVerdict>> = row
                .result
                .map(serde_json::from_value)
                .transpose()
                .map_err(|_| DbError::inconsistent(format!("the run {} is not readable", row.job_id)))?;
            let run = RuleRun {
                job_id: row.job_id.into(),
                started_at: row.started_at,
                finished_at: row.finished_at,
                catalog_version: row.catalog_version,
                rules: rules.unwrap_or_default(),
            };
            Ok((row.rule_set, run))
        })
        .collect()
}

pub(super) async fn begin_run(tx: &mut VendorTx, rule_set: &str, job_id: JobId) -> Result<(), QualityError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "INSERT INTO label_rule_runs (vendor_id, rule_set, job_id, started_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (vendor_id, rule_set) DO UPDATE SET job_id = excluded.job_id, started_at = excluded.started_at,
                finished_at = NULL, catalog_version = NULL, result = NULL",
        vendor_id,
        rule_set,
        job_id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Records the result, if this run still is the latest.
pub(super) async fn finish_run(
    tx: &mut VendorTx,
    rule_set: &str,
    job_id: JobId,
    catalog_version: i64,
    verdicts: &[RuleVerdict],
) -> Result<(), QualityError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE label_rule_runs SET finished_at = $4, catalog_version = $5, result = $6
         WHERE vendor_id = $1 AND rule_set = $2 AND job_id = $3",
        vendor_id,
        rule_set,
        job_id.as_uuid(),
        now,
        catalog_version,
        to_json(&verdicts)?,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
