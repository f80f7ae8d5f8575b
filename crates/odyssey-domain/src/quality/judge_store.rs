//! All SQL that judges labels by rules.

use chrono::NaiveDate;
use odyssey_matching::{LabelRule, LabelRuleKind, LabelRuleSet, issue_rule};
use serde::Serialize;
use uuid::Uuid;

use super::QualityError;
use super::store::to_json;
use crate::db::VendorTx;

/// How a page of products did.
#[derive(Debug)]
pub(super) struct JudgedPage {
    /// The last product of the page; `None` where there was none left.
    pub last: Option<Uuid>,
    pub verdicts: Vec<JudgedRule>,
}

#[derive(Debug)]
pub(super) struct JudgedRule {
    /// Place of the rule in its set.
    pub rule: usize,
    pub checked: i64,
    pub failed: i64,
    pub failing: Vec<Uuid>,
}

/// A rule as the statement takes it.
#[derive(Debug, Serialize)]
struct RuleRecord<'a> {
    kind: LabelRuleKind,
    field: Option<&'a str>,
    names: &'a [String],
    codes: Vec<i16>,
    since: Option<NaiveDate>,
    jurisdictions: Vec<&'static str>,
}

fn record_of(rule: &LabelRule, today: NaiveDate) -> RuleRecord<'_> {
    let days = rule.days.and_then(|days| u64::try_from(days).ok()).map(chrono::Days::new);
    RuleRecord {
        kind: rule.kind,
        field: rule.field.as_deref(),
        names: &rule.names,
        codes: rule.names.iter().filter_map(|name| issue_rule(name)).map(|rule| rule.number).collect(),
        since: days.and_then(|days| today.checked_sub_days(days)),
        jurisdictions: rule.jurisdictions.iter().map(|j| j.as_str()).collect(),
    }
}

/// Judges the next products by every rule of a set, in one statement. What is not stated fails: every branch
/// is coalesced to false.
pub(super) async fn judge_page(
    tx: &mut VendorTx,
    set: &LabelRuleSet,
    after: Option<Uuid>,
    most: i64,
) -> Result<JudgedPage, QualityError> {
    let (vendor_id, today) = (tx.vendor_id().as_uuid(), tx.now().date_naive());
    let records: Vec<RuleRecord<'_>> = set.rules.iter().map(|rule| record_of(rule, today)).collect();
    let last = sqlx::query_scalar!(
        r#"SELECT max(id::text)::uuid AS last FROM (
               SELECT id FROM products WHERE vendor_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3) page"#,
        vendor_id,
        after,
        most,
    )
    .fetch_one(tx.connection())
    .await?;
    let Some(last) = last else { return Ok(JudgedPage { last: None, verdicts: Vec::new() }) };
    let rows = sqlx::query!(
        r#"WITH page AS (
               SELECT p.id, p.name, p.brand, p.gtin, p.category_id, p.ingredients, p.serving_size, p.package_weight_mg,
                      p.package_text, p.nutrition, p.label_as_of, p.label_jurisdiction, p.images, p.allergens,
                      p.allergen_data, f.list_state, f.issue_codes
               FROM products p JOIN product_facts f ON f.vendor_id = $1 AND f.product_id = p.id
               WHERE p.vendor_id = $1 AND ($2::uuid IS NULL OR p.id > $2) AND p.id <= $3
                 AND p.deleted_at IS NULL AND p.status = 'active'),
           rules AS (
               SELECT r.ordinality, r.rule->>'kind' AS kind, r.rule->>'field' AS field,
                      ARRAY(SELECT jsonb_array_elements_text(r.rule->'names')) AS names,
                      ARRAY(SELECT jsonb_array_elements_text(r.rule->'codes')::smallint) AS codes,
                      (r.rule->>'since')::date AS since,
                      ARRAY(SELECT jsonb_array_elements_text(r.rule->'jurisdictions')) AS jurisdictions
               FROM jsonb_array_elements($4::jsonb) WITH ORDINALITY AS r (rule, ordinality))
           SELECT r.ordinality AS "ordinality!", count(*) AS "checked!",
                  count(*) FILTER (WHERE NOT x.passes) AS "failed!",
                  coalesce((array_agg(p.id ORDER BY p.id) FILTER (WHERE NOT x.passes))[1:20], '{}') AS "failing!: Vec<Uuid>"
           FROM page p
           JOIN rules r ON cardinality(r.jurisdictions) = 0 OR p.label_jurisdiction = ANY(r.jurisdictions)
           CROSS JOIN LATERAL (SELECT coalesce(CASE r.kind
               WHEN 'stated' THEN CASE r.field
                   WHEN 'name' THEN p.name <> ''
                   WHEN 'brand' THEN p.brand <> ''
                   WHEN 'gtin' THEN p.gtin IS NOT NULL
                   WHEN 'category' THEN p.category_id <> ''
                   WHEN 'ingredients' THEN p.ingredients <> ''
                   WHEN 'serving' THEN p.serving_size IS NOT NULL
                   WHEN 'net_quantity' THEN p.package_weight_mg IS NOT NULL OR p.package_text <> ''
                   WHEN 'nutrition' THEN p.nutrition IS NOT NULL
                   WHEN 'label_date' THEN p.label_as_of IS NOT NULL
                   WHEN 'image' THEN cardinality(p.images) > 0 END
               WHEN 'nutrients' THEN p.nutrition->'amounts' ?& r.names
               WHEN 'basis' THEN p.nutrition->>'basis' = ANY(r.names)
               WHEN 'list_complete' THEN p.list_state = 3
               WHEN 'dated_within_days' THEN p.label_as_of >= r.since
               WHEN 'free_of_issues' THEN NOT (p.issue_codes && r.codes)
               -- Declared present, declared absent, or covered by a declaration that is attested complete.
               WHEN 'allergens' THEN p.allergen_data = 'complete' OR NOT EXISTS (
                   SELECT FROM unnest(r.names) AS n (code)
                   WHERE NOT coalesce(p.allergens->'contains' ? n.code OR p.allergens->'may_contain' ? n.code
                                   OR p.allergens->'facility' ? n.code
                                   OR p.allergens->'free_from' @> jsonb_build_array(jsonb_build_object('allergen', n.code)), false))
               END, false) AS passes) x
           GROUP BY r.ordinality
           ORDER BY r.ordinality"#,
        vendor_id,
        after,
        last,
        to_json(&records)?,
    )
    .fetch_all(tx.connection())
    .await?;
    let verdicts = rows
        .into_iter()
        .map(|row| JudgedRule {
            rule: usize::try_from(row.ordinality - 1).unwrap_or(usize::MAX),
            checked: row.checked,
            failed: row.failed,
            failing: row.failing,
        })
        .collect();
    Ok(JudgedPage { last: Some(last), verdicts })
}
