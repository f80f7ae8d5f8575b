//! Allergen holds: an allergen that vanishes from the data stays until a second person lets it go.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_matching::{EvidenceKey, Flag};
use odyssey_types::{HoldId, Page, ProductId};

use super::store::{self, HoldRow};
use super::{CatalogError, Lineage, write};
use crate::audit::{self, AuditEvent};
use crate::db::{DbError, VendorTx};
use crate::tenancy::Purpose;

/// How long a vendor with a single member waits before releasing a hold alone.
const ALONE_AFTER: TimeDelta = TimeDelta::hours(24);

/// An allergen of a product that its data no longer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub product_id: ProductId,
    /// Key code: `milk`.
    pub allergen: String,
    pub since: DateTime<Utc>,
    /// What removed it.
    pub lineage: Lineage,
}

/// Open holds, oldest first.
pub async fn list_holds(
    tx: &mut VendorTx,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Hold>, CatalogError> {
    let after =
        cursor.map(|c| uuid::Uuid::try_parse(c).map_err(|_| CatalogError::CursorInvalid)).transpose()?;
    let rows = store::list_open_holds(tx, after, i64::from(limit) + 1).await?;
    let mut items = rows.into_iter().map(hold_of).collect::<Result<Vec<_>, _>>()?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = if more { items.last().map(|h| h.id.as_uuid().simple().to_string()) } else { None };
    Ok(Page { items, next_cursor })
}

/// Releases a hold and derives its product anew. Not by the person who removed the allergen, unless the
/// vendor has nobody else and a day has passed.
pub async fn release_hold(tx: &mut VendorTx, id: HoldId) -> Result<Hold, CatalogError> {
    let row = store::lock_hold(tx, id.as_uuid()).await?.filter(|row| row.released_at.is_none());
    let hold = hold_of(row.ok_or(CatalogError::HoldNotFound)?)?;
    let by = tx.actor().user_id;
    if by.is_none() {
        return Err(CatalogError::HoldNotReleasable("only a person can release a hold"));
    }
    if hold.lineage.user_id() == by {
        if store::count_releasers(tx).await? > 1 {
            return Err(CatalogError::HoldNotReleasable(
                "another member than the one who removed the allergen must release it",
            ));
        }
        if tx.now() - hold.since < ALONE_AFTER {
            return Err(CatalogError::HoldNotReleasable(
                "a vendor with one member can release a hold after 24 hours",
            ));
        }
    }
    store::release_hold(tx, id.as_uuid(), by.map(odyssey_types::UserId::as_uuid)).await?;
    write::rederive(tx, &[hold.product_id]).await?;
    let event = AuditEvent::new("allergen_hold.release", "allergen_hold", Purpose::Operations)
        .entity(id)
        .detail("product_id", hold.product_id.to_string())
        .detail("allergen", hold.allergen.clone());
    audit::record(tx, event).await?;
    Ok(hold)
}

pub(super) async fn open_holds(
    tx: &mut VendorTx,
    vanished: &[(ProductId, EvidenceKey, Lineage)],
) -> Result<(), CatalogError> {
    let now = tx.now();
    let mut rows = Vec::with_capacity(vanished.len());
    for (product_id, key, lineage) in vanished {
        let lineage = serde_json::to_value(lineage).map_err(|error| {
            DbError::inconsistent(format!("a lineage cannot be written as JSON: {error}"))
        })?;
        rows.push((HoldId::generate(now).as_uuid(), *product_id, key.code(), lineage));
    }
    store::insert_holds(tx, &rows).await
}

pub(super) async fn open_holds_by_product(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, Vec<(EvidenceKey, Flag)>>, CatalogError> {
    let mut held: HashMap<ProductId, Vec<(EvidenceKey, Flag)>> = HashMap::new();
    for row in store::open_holds_of(tx, ids).await? {
        let key =
            EvidenceKey::from_code(&row.allergen).filter(|_| row.flag == "contains").ok_or_else(|| {
                DbError::inconsistent(format!("hold {} names an allergen we do not know", row.id))
            })?;
        held.entry(row.product_id.into()).or_default().push((key, Flag::Contains));
    }
    Ok(held)
}

/// The open holds of one product, as the deriver takes them.
pub async fn holds_of_products(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, Vec<(EvidenceKey, Flag)>>, CatalogError> {
    open_holds_by_product(tx, ids).await
}

fn hold_of(row: HoldRow) -> Result<Hold, CatalogError> {
    let lineage = serde_json::from_value(row.lineage)
        .map_err(|_| DbError::inconsistent(format!("hold {} has an unreadable lineage", row.id)))?;
    Ok(Hold {
        id: row.id.into(),
        product_id: row.product_id.into(),
        allergen: row.allergen,
        since: row.since,
        lineage,
    })
}
