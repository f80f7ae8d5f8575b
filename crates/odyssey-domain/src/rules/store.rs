//! All SQL on vendors' rules and scoring policies.

use chrono::{DateTime, Utc};
use odyssey_matching::{RuleChange, ScoringPolicy};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::{RuleSetState, RuleSetVersion, RulesError};
use crate::db::{DbError, VendorTx};

/// What is in force, as stored.
#[derive(Debug, Default)]
pub(super) struct InForce {
    pub version: i64,
    pub rules_version: Option<i32>,
    pub scoring_version: Option<i32>,
    pub changes: Option<Vec<RuleChange>>,
    pub weights: Option<ScoringPolicy>,
    pub label_age_max_days: Option<u32>,
}

pub(super) async fn policy_version(tx: &mut VendorTx) -> Result<i64, RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let version = sqlx::query_scalar!("SELECT version FROM vendor_policies WHERE vendor_id = $1", vendor_id)
        .fetch_optional(tx.connection())
        .await?;
    Ok(version.unwrap_or(0))
}

pub(super) async fn find_in_force(tx: &mut VendorTx) -> Result<InForce, RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT p.version, p.rules_version, p.scoring_version, p.label_age_max_days,
                 r.body AS "body?", s.weights AS "weights?"
         FROM vendor_policies p
         LEFT JOIN vendor_rules r ON r.vendor_id = p.vendor_id AND r.id = p.vendor_id AND r.version = p.rules_version
         LEFT JOIN scoring_policies s ON s.vendor_id = p.vendor_id AND s.version = p.scoring_version
         WHERE p.vendor_id = $1"#,
        vendor_id,
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(InForce::default()) };
    Ok(InForce {
        version: row.version,
        rules_version: row.rules_version,
        scoring_version: row.scoring_version,
        changes: row.body.map(|body| read(body, "rules")).transpose()?,
        weights: row.weights.map(|weights| read(weights, "scoring policy")).transpose()?,
        label_age_max_days: row.label_age_max_days.and_then(|days| u32::try_from(days).ok()),
    })
}

fn read<T: DeserializeOwned>(body: Value, what: &str) -> Result<T, DbError> {
    serde_json::from_value(body)
        .map_err(|_| DbError::inconsistent(format!("the vendor's {what} cannot be read")))
}

#[derive(Debug)]
struct VersionRow {
    version: i32,
    state: String,
    body: Value,
    note: Option<String>,
    repeats: Option<i32>,
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    published_at: Option<DateTime<Utc>>,
}

impl TryFrom<VersionRow> for RuleSetVersion {
    type Error = DbError;

    fn try_from(row: VersionRow) -> Result<Self, DbError> {
        let state = RuleSetState::parse(&row.state);
        Ok(Self {
            version: row.version,
            state: state.ok_or_else(|| DbError::inconsistent("the vendor's rules have an unknown state"))?,
            changes: read(row.body, "rules")?,
            note: row.note,
            repeats: row.repeats,
            created_by: row.created_by.map(Into::into),
            created_at: row.created_at,
            published_at: row.published_at,
        })
    }
}

/// One column list for every statement that reads versions. A vendor has one set of rules, under its own id.
macro_rules! versions {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            VersionRow,
            "SELECT version, state, body, note, repeats, created_by, created_at, published_at
             FROM vendor_rules WHERE vendor_id = $1 AND id = $1 " + $tail,
            $($argument),+
        )
    };
}

pub(super) async fn find_version(
    tx: &mut VendorTx,
    version: i32,
) -> Result<Option<RuleSetVersion>, RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = versions!("AND version = $2", vendor_id, version).fetch_optional(tx.connection()).await?;
    Ok(row.map(RuleSetVersion::try_from).transpose()?)
}

pub(super) async fn find_by_state(
    tx: &mut VendorTx,
    state: RuleSetState,
) -> Result<Option<RuleSetVersion>, RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = versions!("AND state = $2 ORDER BY version DESC LIMIT 1", vendor_id, state.as_str())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(RuleSetVersion::try_from).transpose()?)
}

pub(super) async fn list_versions(
    tx: &mut VendorTx,
    before: Option<i32>,
    most: i64,
) -> Result<Vec<RuleSetVersion>, RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let before = before.unwrap_or(i32::MAX);
    let rows = versions!("AND version < $2 ORDER BY version DESC LIMIT $3", vendor_id, before, most)
        .fetch_all(tx.connection())
        .await?;
    Ok(rows.into_iter().map(RuleSetVersion::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn newest_version(tx: &mut VendorTx) -> Result<i32, RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let newest = sqlx::query_scalar!(
        r#"SELECT coalesce(max(version), 0) AS "newest!" FROM vendor_rules WHERE vendor_id = $1 AND id = $1"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(newest)
}

/// Makes the vendor's row where there is none, and locks it: one change of rules or weights at a time.
pub(super) async fn lock_policies(tx: &mut VendorTx) -> Result<(), RulesError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "INSERT INTO vendor_policies (vendor_id, version, updated_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
        vendor_id,
        now,
    )
    .execute(tx.connection())
    .await?;
    sqlx::query_scalar!("SELECT version FROM vendor_policies WHERE vendor_id = $1 FOR UPDATE", vendor_id)
        .fetch_one(tx.connection())
        .await?;
    Ok(())
}

pub(super) async fn retire_drafts(tx: &mut VendorTx) -> Result<(), RulesError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "UPDATE vendor_rules SET state = 'retired' WHERE vendor_id = $1 AND id = $1 AND state = 'draft'",
        vendor_id,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn insert_version(
    tx: &mut VendorTx,
    version: i32,
    state: RuleSetState,
    changes: &[RuleChange],
    note: Option<&str>,
    repeats: Option<i32>,
) -> Result<(), RulesError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(odyssey_types::UserId::as_uuid);
    let body = serde_json::to_value(changes)
        .map_err(|error| DbError::inconsistent(format!("rules cannot be written as JSON: {error}")))?;
    sqlx::query!(
        "INSERT INTO vendor_rules (vendor_id, id, version, state, body, note, repeats, created_by, created_at)
         VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8)",
        vendor_id,
        version,
        state.as_str(),
        body,
        note,
        repeats,
        created_by,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Retires what was in force, puts `version` in force, and counts the policy on.
pub(super) async fn put_in_force(tx: &mut VendorTx, version: i32) -> Result<(), RulesError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE vendor_rules
         SET state = CASE WHEN version = $2 THEN 'published' ELSE 'retired' END,
             published_at = CASE WHEN version = $2 THEN $3 ELSE published_at END
         WHERE vendor_id = $1 AND id = $1 AND (version = $2 OR state = 'published')",
        vendor_id,
        version,
        now,
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE vendor_policies SET version = version + 1, rules_version = $2, updated_at = $3 WHERE vendor_id = $1",
        vendor_id,
        version,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Stores weights and puts them in force; their version.
pub(super) async fn insert_scoring(tx: &mut VendorTx, weights: ScoringPolicy) -> Result<i32, RulesError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let created_by = tx.actor().user_id.map(odyssey_types::UserId::as_uuid);
    let weights = serde_json::to_value(weights)
        .map_err(|error| DbError::inconsistent(format!("weights cannot be written as JSON: {error}")))?;
    let version = sqlx::query_scalar!(
        "INSERT INTO scoring_policies (vendor_id, version, weights, created_by, created_at)
         SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4 FROM scoring_policies WHERE vendor_id = $1
         RETURNING version",
        vendor_id,
        weights,
        created_by,
        now,
    )
    .fetch_one(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE vendor_policies SET version = version + 1, scoring_version = $2, updated_at = $3 WHERE vendor_id = $1",
        vendor_id,
        version,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(version)
}

/// Puts another limit on the age of labels in force; the new version of the policy.
pub(super) async fn set_label_age(tx: &mut VendorTx, days: Option<u32>) -> Result<i64, RulesError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let version = sqlx::query_scalar!(
        "UPDATE vendor_policies SET version = version + 1, label_age_max_days = $2, updated_at = $3
         WHERE vendor_id = $1
         RETURNING version",
        vendor_id,
        days.and_then(|days| i32::try_from(days).ok()),
        now,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(version)
}
