//! Listing customers: filters, and a keyset cursor that stays stable under writes.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerStatus, LIST_LIMIT_MAX, Page};
use uuid::Uuid;

use super::read::open_all;
use super::{ConsentState, Customer, CustomerError, MaskedCustomer, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CustomerSort {
    /// Newest change first.
    #[default]
    UpdatedAtDescending,
    /// For following changes: what is written while you page comes again at the end.
    UpdatedAtAscending,
}

/// Which customers. Filters are joined by "and".
#[derive(Debug, Clone, Default)]
pub struct CustomerQuery {
    pub updated_after: Option<DateTime<Utc>>,
    pub status: Option<CustomerStatus>,
    pub has_profile: Option<bool>,
    /// Of the consent to the use of health data.
    pub consent: Option<ConsentState>,
    pub sort: CustomerSort,
    pub cursor: Option<String>,
    /// At most [`LIST_LIMIT_MAX`].
    pub limit: u32,
}

/// A page of opened customers; one event, and one subject for each of them.
pub async fn list_customers(
    tx: &mut VendorTx,
    query: &CustomerQuery,
) -> Result<Page<Customer>, CustomerError> {
    let (after, limit) = (query.after()?, query.limit());
    let mut rows = store::list_customers(tx, query, after, limit as i64 + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().map(|c| Position { updated_at: c.updated_at, id: c.id.as_uuid() });
    let items = open_all(tx, rows)?;
    let event = AuditEvent::new("customer.list", "customer", Purpose::Service)
        .count(items.len() as i64)
        .discloses_all(items.iter().map(|c| c.id));
    audit::record(tx, event).await?;
    Ok(Page { items, next_cursor: last.filter(|_| more).map(Position::write) })
}

/// A page of what a viewer may see; one event, and nobody disclosed.
pub async fn list_masked(
    tx: &mut VendorTx,
    query: &CustomerQuery,
) -> Result<Page<MaskedCustomer>, CustomerError> {
    let (after, limit) = (query.after()?, query.limit());
    let mut items = store::list_masked(tx, query, after, limit as i64 + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().map(|c| Position { updated_at: c.updated_at, id: c.id.as_uuid() });
    let event = AuditEvent::new("customer.list", "customer", Purpose::Service)
        .count(items.len() as i64)
        .detail("masked", true);
    audit::record(tx, event).await?;
    Ok(Page { items, next_cursor: last.filter(|_| more).map(Position::write) })
}

impl CustomerQuery {
    fn limit(&self) -> usize {
        self.limit.clamp(1, LIST_LIMIT_MAX) as usize
    }

    fn after(&self) -> Result<Option<Position>, CustomerError> {
        self.cursor.as_deref().map(|c| Position::read(c).ok_or(CustomerError::CursorInvalid)).transpose()
    }
}

/// The last row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub updated_at: DateTime<Utc>,
    pub id: Uuid,
}

impl Position {
    fn write(self) -> String {
        format!("{}_{}", self.updated_at.timestamp_micros(), self.id.simple())
    }

    fn read(cursor: &str) -> Option<Self> {
        let (micros, id) = cursor.split_once('_')?;
        let updated_at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some(Self { updated_at, id: Uuid::try_parse(id).ok()? })
    }
}
