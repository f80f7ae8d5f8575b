//! All SQL on the audit tables: INSERT and SELECT, nothing else is granted.

use chrono::{DateTime, Utc};
use odyssey_types::{AuditEventId, CustomerId, JobId, RequestId, UserId, VendorId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AuditEvent, AuditQuery, AuditRange, AuditRecord};
use crate::db::{DbError, SystemTx, VendorTx};
use crate::tenancy::Actor;

/// Who acts, as the table says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    pub user_id: Option<UserId>,
    pub role: &'static str,
    pub request_id: Option<RequestId>,
    pub job_id: Option<JobId>,
}

impl From<&Actor> for Who {
    fn from(actor: &Actor) -> Self {
        Self {
            user_id: actor.user_id,
            role: actor.role.as_str(),
            request_id: actor.request_id,
            job_id: actor.job_id,
        }
    }
}

pub(super) async fn insert_event(
    connection: &mut PgConnection,
    id: AuditEventId,
    vendor_id: VendorId,
    now: DateTime<Utc>,
    who: &Who,
    event: &AuditEvent,
) -> Result<(), DbError> {
    let mut details = event.details.clone();
    if let Some(job_id) = who.job_id {
        details.insert("job_id".to_owned(), job_id.to_string().into());
    }
    sqlx::query!(
        "INSERT INTO audit_events (id, vendor_id, occurred_at, actor_kind, actor_id, actor_role, purpose, reason, action,
                                   entity_kind, entity_id, count, outcome, request_id, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        id.as_uuid(),
        vendor_id.as_uuid(),
        now,
        if who.user_id.is_some() { "user" } else { "system" },
        who.user_id.map(UserId::as_uuid),
        who.role,
        event.purpose.as_str(),
        event.reason,
        event.action,
        event.entity_kind,
        event.entity_id,
        event.count,
        event.outcome.as_str(),
        who.request_id.map(RequestId::as_uuid),
        serde_json::Value::Object(details),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn insert_subjects(
    connection: &mut PgConnection,
    id: AuditEventId,
    vendor_id: VendorId,
    now: DateTime<Utc>,
    subjects: &[CustomerId],
) -> Result<(), DbError> {
    let mut customers: Vec<Uuid> = subjects.iter().map(|c| c.as_uuid()).collect();
    customers.sort_unstable();
    customers.dedup();
    sqlx::query!(
        "INSERT INTO audit_subjects (vendor_id, event_id, customer_id, occurred_at)
         SELECT $1, $2, customer_id, $4 FROM unnest($3::uuid[]) AS customer_id",
        vendor_id.as_uuid(),
        id.as_uuid(),
        &customers,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn ensure_partitions(
    tx: &mut SystemTx,
    first: chrono::NaiveDate,
    months: i32,
) -> Result<i32, DbError> {
    let made =
        sqlx::query_scalar!(r#"SELECT odyssey.ensure_audit_partitions($1, $2) AS "made!""#, first, months)
            .fetch_one(tx.connection())
            .await?;
    Ok(made)
}

/// See the function in the migrations, which also looks at the database's own clock.
pub(super) async fn retire_months(tx: &mut SystemTx, before: chrono::NaiveDate) -> Result<i32, DbError> {
    let retired = sqlx::query_scalar!(r#"SELECT odyssey.retire_audit_months($1) AS "retired!""#, before)
        .fetch_one(tx.connection())
        .await?;
    Ok(retired)
}

/// One page more one, newest first.
pub(super) async fn list_events(
    tx: &mut VendorTx,
    query: &AuditQuery,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<AuditRecord>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT id, occurred_at, actor_kind, actor_id, actor_role, purpose, reason, action, entity_kind, entity_id,
                  count, outcome, request_id, details
           FROM audit_events e
           WHERE vendor_id = $1
             AND ($2::timestamptz IS NULL OR occurred_at >= $2)
             AND ($3::timestamptz IS NULL OR occurred_at < $3)
             AND ($4::text IS NULL OR action = $4)
             AND ($5::uuid IS NULL OR actor_id = $5)
             AND ($6::text IS NULL OR outcome = $6)
             AND ($7::uuid IS NULL OR EXISTS (SELECT FROM audit_subjects s
                                              WHERE s.vendor_id = $1 AND s.event_id = e.id AND s.customer_id = $7
                                                AND s.occurred_at = e.occurred_at))
             AND ($8::timestamptz IS NULL OR (occurred_at, id) < ($8, $9::uuid))
           ORDER BY occurred_at DESC, id DESC
           LIMIT $10"#,
        vendor_id,
        query.from,
        query.until,
        query.action,
        query.actor_id.map(odyssey_types::UserId::as_uuid),
        query.outcome,
        query.customer_id.map(CustomerId::as_uuid),
        after.map(|a| a.0),
        after.map(|a| a.1),
        limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(AuditRecord::from).collect())
}

/// The next events by time, for an export.
pub(super) async fn page_of_events(
    tx: &mut VendorTx,
    of: &AuditRange,
    before: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    most: i64,
) -> Result<Vec<AuditRecord>, DbError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT id, occurred_at, actor_kind, actor_id, actor_role, purpose, reason, action, entity_kind, entity_id,
                  count, outcome, request_id, details
           FROM audit_events e
           WHERE vendor_id = $1
             AND ($2::timestamptz IS NULL OR occurred_at >= $2)
             AND occurred_at < $3
             AND ($4::text IS NULL OR action = $4)
             AND ($5::uuid IS NULL OR actor_id = $5)
             AND ($6::text IS NULL OR outcome = $6)
             AND ($7::timestamptz IS NULL OR (occurred_at, id) > ($7, $8::uuid))
           ORDER BY occurred_at, id
           LIMIT $9"#,
        vendor_id,
        of.from,
        before,
        of.action,
        of.actor_id.map(odyssey_types::UserId::as_uuid),
        of.outcome,
        after.map(|a| a.0),
        after.map(|a| a.1),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(AuditRecord::from).collect())
}

#[derive(Debug)]
struct EventRow {
    id: Uuid,
    occurred_at: DateTime<Utc>,
    actor_kind: String,
    actor_id: Option<Uuid>,
    actor_role: String,
    purpose: String,
    reason: Option<String>,
    action: String,
    entity_kind: String,
    entity_id: Option<String>,
    count: i64,
    outcome: String,
    request_id: Option<Uuid>,
    details: serde_json::Value,
}

impl From<EventRow> for AuditRecord {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id.into(),
            occurred_at: row.occurred_at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id.map(Into::into),
            actor_role: row.actor_role,
            purpose: row.purpose,
            reason: row.reason,
            action: row.action,
            entity_kind: row.entity_kind,
            entity_id: row.entity_id,
            count: row.count,
            outcome: row.outcome,
            request_id: row.request_id.map(Into::into),
            details: row.details,
        }
    }
}
