//! `GET /api/v1/audit`.

use chrono::{DateTime, Utc};
use odyssey_domain::audit::{self, AuditQuery, AuditRecord};
use odyssey_types::{AuditEventId, CustomerId, Page, RequestId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_audit_events";

/// Which events; filters are joined by "and".
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilters {
    /// From this instant on.
    from: Option<DateTime<Utc>>,
    /// Before this instant.
    until: Option<DateTime<Utc>>,
    /// `product.upsert`, `session.sign_in`, …
    action: Option<String>,
    /// What this user did.
    #[param(value_type = Option<Uuid>)]
    actor_id: Option<UserId>,
    #[param(inline)]
    outcome: Option<OutcomeFilter>,
    /// Events that disclosed this customer.
    #[param(value_type = Option<Uuid>)]
    customer_id: Option<CustomerId>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeFilter {
    Allowed,
    Refused,
    Failed,
}

impl OutcomeFilter {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// One act.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditEventDto {
    #[schema(value_type = Uuid)]
    id: AuditEventId,
    occurred_at: DateTime<Utc>,
    /// `user` or `system`.
    actor_kind: String,
    #[schema(value_type = Option<Uuid>)]
    actor_id: Option<UserId>,
    actor_role: String,
    purpose: String,
    reason: Option<String>,
    action: String,
    entity_kind: String,
    entity_id: Option<String>,
    /// How many things the act touched.
    count: i64,
    /// `allowed`, `refused` or `failed`.
    outcome: String,
    #[schema(value_type = Option<Uuid>)]
    request_id: Option<RequestId>,
    /// Codes, counts and ids.
    #[schema(value_type = Object)]
    details: serde_json::Value,
}

impl From<AuditRecord> for AuditEventDto {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.id,
            occurred_at: record.occurred_at,
            actor_kind: record.actor_kind,
            actor_id: record.actor_id,
            actor_role: record.actor_role,
            purpose: record.purpose,
            reason: record.reason,
            action: record.action,
            entity_kind: record.entity_kind,
            entity_id: record.entity_id,
            count: record.count,
            outcome: record.outcome,
            request_id: record.request_id,
            details: record.details,
        }
    }
}

/// The vendor's audit trail, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditFilters),
    responses((status = 200, description = "A page of events", body = PageDto<AuditEventDto>)))]
pub(super) async fn list_audit_events(
    caller: Authorized<permission::AuditRead>,
    Query(filters): Query<AuditFilters>,
) -> Result<Json<PageDto<AuditEventDto>>, Problem> {
    let query = filters.into_query()?;
    let mut tx = caller.begin().await?;
    let page = audit::list(&mut tx, &query).await?;
    let Page { items, next_cursor } = page.ok_or_else(|| Problem::new(ProblemCode::CursorInvalid))?;
    tx.commit().await?;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}

impl AuditFilters {
    fn into_query(self) -> Result<AuditQuery, Problem> {
        Ok(AuditQuery {
            from: self.from,
            until: self.until,
            action: self.action,
            actor_id: self.actor_id,
            outcome: self.outcome.map(|outcome| outcome.as_str().to_owned()),
            customer_id: self.customer_id,
            cursor: self.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?,
            limit: self.limit.get(),
        })
    }
}
