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
