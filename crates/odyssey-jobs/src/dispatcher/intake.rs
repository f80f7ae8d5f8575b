//! Taking a batch of jobs in: claim, then start.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::warn;
use uuid::Uuid;

use super::Shared;
use super::claim::{self, Claim, ClaimRequest, Started};
use crate::QueueError;
use crate::context::Lease;

/// A claim whose followed jobs are marked as running.
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) lease: Arc<Lease>,
    /// How each record stood; a job that is missing here had its record locked by somebody.
    pub(super) started: HashMap<Uuid, Started>,
}

/// Claims, then marks the followed jobs of the claim as running, outside the claim's lock: a record that somebody
/// has locked must not hold up every vendor.
pub(super) async fn claim_and_start<C: Send + Sync + 'static>(
    shared: Arc<Shared<C>>,
    request: ClaimRequest,
) -> Result<Option<Claimed>, QueueError> {
    let (until, length) = (request.now + request.lease_length, request.lease_length);
    let Some(claim) = claim::claim(&shared.pool, request).await? else { return Ok(None) };
    let lease = Arc::new(Lease::new(claim.lease_id, until, length));
    shared.tasks().leases.insert(lease.id, Arc::clone(&lease));
    let followed: Vec<(Uuid, i16)> =
        claim.rows.iter().filter(|row| row.is_followed()).map(|row| (row.job_id, row.attempt)).collect();
    let mut started = HashMap::new();
    if !followed.is_empty() {
        match claim::start(&shared.pool, claim.lease_id, followed, shared.clock.now(), true).await {
            Ok(rows) => started.extend(rows.into_iter().map(|row| (row.job_id, row))),
            // Each job tries for itself before it runs.
            Err(error) => warn!(error = %error, "Jobs could not be marked as running together"),
        }
    }
    Ok(Some(Claimed { claim, lease, started }))
}
