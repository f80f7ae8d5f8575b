//! The matches of many customers as rows, a product each.

use odyssey_types::{CustomerId, Phi, ProductId};

use super::run::answer_many;
use crate::catalog;
use crate::db::VendorTx;
use crate::matching::judge::snapshot_within;
use crate::matching::{MatchQuery, MatchingError, Snapshots};

/// A product that suits somebody, and why.
#[derive(Debug)]
pub struct MatchedRow {
    pub customer_id: CustomerId,
    /// The vendor's own name for the person.
    pub customer_external_id: Phi<String>,
    pub rank: usize,
    pub product_id: ProductId,
    pub product_external_id: String,
    pub verdict: &'static str,
    pub score_permille: u16,
    pub confidence_permille: u16,
    pub reason_codes: Vec<String>,
    /// What is to be said beside all of the person's rows: also that nothing is on record to judge by.
    pub notice_codes: Vec<String>,
    pub catalog_version: i64,
    pub policy_digest: String,
}

/// The best products of those who consent at this moment, in the order of the given ids; audited as one act that names
/// everybody. `Err` is the version of the catalog that is not in memory yet.
pub async fn matches_of_many(
    tx: &mut VendorTx,
    snapshots: &Snapshots,
    query: &MatchQuery,
    ids: &[CustomerId],
) -> Result<Result<Vec<MatchedRow>, i64>, MatchingError> {
    let version = catalog::catalog_version(tx).await?;
    let Some(snapshot) = snapshot_within(tx, snapshots, version).await? else { return Ok(Err(version)) };
    let mut answered = answer_many(tx, query, snapshot, version, ids).await?;
    let mut rows = Vec::new();
    for id in ids {
        let Some(Some((external_id, answer))) = answered.remove(id) else { continue };
        rows.extend(answer.into_rows(*id, &external_id));
    }
    Ok(Ok(rows))
}
