//! The trail in the order of time, for whoever takes it out.

use chrono::{DateTime, Utc};
use odyssey_types::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuditRecord, store};
use crate::db::{DbError, VendorTx};

/// Which events; filters are joined by "and".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditRange {
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub action: Option<String>,
    pub actor_id: Option<UserId>,
    pub outcome: Option<String>,
}

/// The next events before an instant, oldest first. The caller records that they were read.
pub async fn events_to_export(
    tx: &mut VendorTx,
    of: &AuditRange,
    before: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    most: i64,
) -> Result<Vec<AuditRecord>, DbError> {
    let before = of.until.map_or(before, |until| until.min(before));
    store::page_of_events(tx, of, before, after, most).await
}
