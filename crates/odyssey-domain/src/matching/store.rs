//! All SQL on scoring policies.

use odyssey_matching::ScoringPolicy;

use super::MatchingError;
use crate::db::{DbError, VendorTx};

/// The vendor's newest scoring policy.
pub(super) async fn find_scoring_policy(tx: &mut VendorTx) -> Result<Option<ScoringPolicy>, MatchingError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let weights = sqlx::query_scalar!(
        "SELECT weights FROM scoring_policies WHERE vendor_id = $1 ORDER BY version DESC LIMIT 1",
        vendor_id,
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(DbError::from)?;
    let parsed = weights.map(serde_json::from_value).transpose();
    Ok(parsed.map_err(|_| DbError::inconsistent("the vendor's scoring policy is not readable"))?)
}

/// The version of everything of the vendor's own that a policy is compiled with; 0 before the first.
pub(super) async fn policy_version(tx: &mut VendorTx) -> Result<i64, MatchingError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let version = sqlx::query_scalar!(
        r#"SELECT coalesce(max(version), 0)::bigint AS "version!" FROM scoring_policies WHERE vendor_id = $1"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await
    .map_err(DbError::from)?;
    Ok(version)
}
