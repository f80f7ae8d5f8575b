//! Reading the trail, which is itself an act.

use chrono::{DateTime, Utc};
use odyssey_types::{AuditEventId, CustomerId, Page, RequestId, UserId};
use uuid::Uuid;

use super::{AuditEvent, record, store};
use crate::db::{DbError, VendorTx};
use crate::tenancy::Purpose;

/// Which events; all filters are optional and joined by "and".
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub action: Option<String>,
    pub actor_id: Option<UserId>,
    pub outcome: Option<String>,
    /// Events that disclosed this person.
    pub customer_id: Option<CustomerId>,
    pub cursor: Option<String>,
    pub limit: u32,
}

/// One event as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    pub id: AuditEventId,
    pub occurred_at: DateTime<Utc>,
    pub actor_kind: String,
    pub actor_id: Option<UserId>,
    pub actor_role: String,
    pub purpose: String,
    pub reason: Option<String>,
    pub action: String,
    pub entity_kind: String,
    pub entity_id: Option<String>,
    pub count: i64,
    pub outcome: String,
    pub request_id: Option<RequestId>,
    pub details: serde_json::Value,
}

/// A page of the vendor's trail, newest first. `None` when the cursor is not one of ours.
pub async fn list(tx: &mut VendorTx, query: &AuditQuery) -> Result<Option<Page<AuditRecord>>, DbError> {
    let after = match query.cursor.as_deref().map(read_cursor) {
        None => None,
        Some(Some(after)) => Some(after),
        Some(None) => return Ok(None),
    };
    let limit = query.limit as usize;
    let mut items = store::list_events(tx, query, after, limit as i64 + 1).await?;
    let next_cursor =
        (items.len() > limit).then(|| items.truncate(limit)).and(items.last().map(write_cursor));
    let event = AuditEvent::new("audit.list", "audit_event", Purpose::Compliance).count(items.len() as i64);
    record(tx, event).await?;
    Ok(Some(Page { items, next_cursor }))
}

fn write_cursor(record: &AuditRecord) -> String {
    format!("{}_{}", record.occurred_at.timestamp_micros(), record.id.as_uuid().simple())
}

fn read_cursor(cursor: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (micros, id) = cursor.split_once('_')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, Uuid::try_parse(id).ok()?))
}
