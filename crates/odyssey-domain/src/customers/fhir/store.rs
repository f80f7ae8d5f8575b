//! All SQL on `fhir_proposals`. The proposals pass here sealed.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, ProposalId};
use uuid::Uuid;

use crate::customers::CustomerError;
use crate::db::{DbError, SystemTx, VendorTx};

/// A proposal as stored.
#[derive(Debug)]
pub(super) struct ProposalRow {
    pub id: ProposalId,
    pub sealed: Vec<u8>,
    pub awaits_decision: bool,
    pub created_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
}

pub(super) async fn insert_proposal(
    tx: &mut VendorTx,
    customer_id: CustomerId,
    row: &ProposalRow,
) -> Result<(), CustomerError> {
    let (vendor_id, created_by) = (tx.vendor_id().as_uuid(), tx.actor().user_id.map(|u| u.as_uuid()));
    sqlx::query!(
        "INSERT INTO fhir_proposals (vendor_id, id, customer_id, proposal_sealed, awaits_decision, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        vendor_id,
        row.id.as_uuid(),
        customer_id.as_uuid(),
        row.sealed,
        row.awaits_decision,
        created_by,
        row.created_at,
        row.expires_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn find_proposal(
    tx: &mut VendorTx,
    customer_id: CustomerId,
    id: ProposalId,
) -> Result<Option<ProposalRow>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        "SELECT id, proposal_sealed, awaits_decision, created_at, decided_at, expires_at FROM fhir_proposals
         WHERE vendor_id = $1 AND id = $2 AND customer_id = $3",
        vendor_id,
        id.as_uuid(),
        customer_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| ProposalRow {
        id: row.id.into(),
        sealed: row.proposal_sealed,
        awaits_decision: row.awaits_decision,
        created_at: row.created_at,
        decided_at: row.decided_at,
        expires_at: row.expires_at,
    }))
}

/// Proposals of a customer that are kept.
pub(super) async fn count_proposals(
    tx: &mut VendorTx,
    customer_id: CustomerId,
) -> Result<usize, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM fhir_proposals WHERE vendor_id = $1 AND customer_id = $2"#,
        vendor_id,
        customer_id.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The oldest proposal of a customer with a food allergy that awaits a decision.
pub(super) async fn find_awaiting(
    tx: &mut VendorTx,
    customer_id: CustomerId,
) -> Result<Option<ProposalId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let id = sqlx::query_scalar!(
        "SELECT id FROM fhir_proposals WHERE vendor_id = $1 AND customer_id = $2 AND awaits_decision
         ORDER BY created_at, id LIMIT 1",
        vendor_id,
        customer_id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(id.map(ProposalId::from_uuid))
}

/// Nothing of it is awaited any more; the customer's lock is held.
pub(super) async fn decide_proposal(
    tx: &mut VendorTx,
    id: ProposalId,
    sealed: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), CustomerError> {
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    let done = sqlx::query!(
        "UPDATE fhir_proposals SET proposal_sealed = $3, awaits_decision = false, decided_at = $4, expires_at = $5
         WHERE vendor_id = $1 AND id = $2 AND decided_at IS NULL",
        vendor_id,
        id.as_uuid(),
        sealed,
        now,
        expires_at,
    )
    .execute(tx.connection())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(CustomerError::ProposalDecided) }
}

/// Deletes what has expired, but for the vendors that are held.
pub(super) async fn purge_expired(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    held: &[Uuid],
) -> Result<u64, DbError> {
    let done = sqlx::query!(
        "DELETE FROM fhir_proposals WHERE expires_at <= $1 AND vendor_id <> ALL ($2)",
        now,
        held
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}
