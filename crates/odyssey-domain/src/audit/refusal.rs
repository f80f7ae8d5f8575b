//! Acts of people in whatever role they have, or none: refusals, sign-ins.

use odyssey_types::{AuditEventId, RequestId, UserId, VendorId};
use serde_json::{Map, Value};

use super::store::{self, Who};
use super::{AuditEvent, Outcome};
use crate::db::{Database, DbError, SystemTx};
use crate::tenancy::{Permission, Purpose};

/// A no that somebody was told whose credential is good. Ids and codes only.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub user_id: UserId,
    pub request_id: RequestId,
    /// Where the caller stood and as what; absent where the vendor they named is not theirs.
    pub vendor_id: Option<VendorId>,
    pub role: Option<&'static str>,
    /// What was asked for.
    pub permission: Permission,
    /// The operation, the problem's code, the ids that were named.
    pub details: Map<String, Value>,
}

/// What stands for the role of a caller who has none at the vendor they named.
const NO_ROLE: &str = "none";

/// Records an act of a person on the platform who has no role there: signing in, before any vendor is named.
pub async fn record_without_role(
    tx: &mut SystemTx,
    user_id: UserId,
    request_id: RequestId,
    event: AuditEvent,
) -> Result<AuditEventId, DbError> {
    insert(
        tx,
        None,
        Who { user_id: Some(user_id), role: NO_ROLE, request_id: Some(request_id), job_id: None },
        &event,
    )
    .await
}

/// Records a refusal in a transaction of its own: the one it would have happened in never began, or is
/// rolled back. Whoever calls this gives the answer only when it returns.
pub async fn record_refusal(database: &Database, refusal: Refusal) -> Result<AuditEventId, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let mut event = AuditEvent::new("access.refused", "permission", Purpose::Operations)
        .entity(refusal.permission.as_str())
        .outcome(Outcome::Refused);
    event.details = refusal.details;
    let who = Who {
        user_id: Some(refusal.user_id),
        role: refusal.role.unwrap_or(NO_ROLE),
        request_id: Some(refusal.request_id),
        job_id: None,
    };
    let id = insert(&mut tx, refusal.vendor_id, who, &event).await?;
    tx.commit().await?;
    Ok(id)
}

async fn insert(
    tx: &mut SystemTx,
    vendor_id: Option<VendorId>,
    who: Who,
    event: &AuditEvent,
) -> Result<AuditEventId, DbError> {
    let now = tx.now();
    let id = AuditEventId::generate(now);
    let vendor_id = vendor_id.unwrap_or_else(|| VendorId::from_uuid(uuid::Uuid::nil()));
    store::insert_event(tx.connection(), id, vendor_id, now, &who, event).await?;
    tx.mark_audited();
    Ok(id)
}
