//! What a customer always wants to see, and never.

use odyssey_types::{CustomerId, ProductId};

use super::{CustomerError, LIST_ENTRIES_MAX, ListEntry, ListKind, WriteRefusal, merging, store};
use crate::audit::{self, AuditEvent};
// Edge: a list holds products that exist, and only the catalog knows.
use crate::catalog;
use crate::db::VendorTx;
use crate::outbox;
use crate::tenancy::Purpose;

/// Both lists of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerLists {
    /// Changes with every entry that is put or deleted.
    pub version: i64,
    /// By product id; a product is on one list or on none.
    pub entries: Vec<ListEntry>,
}

/// The lists as they stand; audited as a disclosure.
pub async fn get_lists(tx: &mut VendorTx, id: CustomerId) -> Result<CustomerLists, CustomerError> {
    if store::find_masked(tx, id).await?.is_none() {
        return Err(merging::gone(tx, id).await?);
    }
    let version = store::lists_version(tx, id).await?;
    let entries = store::find_list(tx, id).await?;
    let event = AuditEvent::new("customer_list.read", "customer", Purpose::Service)
        .entity(id)
        .count(entries.len() as i64)
        .discloses(id);
    audit::record(tx, event).await?;
    Ok(CustomerLists { version, entries })
}

/// Puts a product on a list, taking it off the other one; returns the lists' version.
pub async fn put_list_entry(
    tx: &mut VendorTx,
    id: CustomerId,
    product_id: ProductId,
    list: ListKind,
    if_versions: Option<Vec<i64>>,
) -> Result<i64, CustomerError> {
    let version = lock_lists(tx, id, if_versions).await?;
    let product = catalog::find_product(tx, product_id).await?;
    product.ok_or(CustomerError::ProductNotFound(product_id))?;
    let entries = store::find_list(tx, id).await?;
    let former = entries.iter().find(|e| e.product_id == product_id).map(|e| e.list);
    if former.is_none() && entries.len() >= LIST_ENTRIES_MAX {
        return Err(CustomerError::ListFull { max: LIST_ENTRIES_MAX });
    }
    let mut version = version;
    if former != Some(list) {
        let entry = ListEntry { product_id, list, added_by: tx.actor().user_id, added_at: tx.now() };
        store::upsert_list_entry(tx, id, &entry).await?;
        version = changed(tx, id).await?;
    }
    let event = AuditEvent::new("customer_list.put", "customer", Purpose::Service)
        .entity(id)
        .detail("product_id", product_id.to_string())
        .detail("list", list.as_str());
    audit::record(tx, event).await?;
    Ok(version)
}

/// Takes a product off whichever list it is on; returns the lists' version.
pub async fn delete_list_entry(
    tx: &mut VendorTx,
    id: CustomerId,
    product_id: ProductId,
    if_versions: Option<Vec<i64>>,
) -> Result<i64, CustomerError> {
    lock_lists(tx, id, if_versions).await?;
    if !store::delete_list_entry(tx, id, product_id).await? {
        return Err(CustomerError::ListEntryNotFound(product_id));
    }
    let version = changed(tx, id).await?;
    let event = AuditEvent::new("customer_list.delete", "customer", Purpose::Service)
        .entity(id)
        .detail("product_id", product_id.to_string());
    audit::record(tx, event).await?;
    Ok(version)
}

/// Makes the lists hold these entries and no others.
pub(super) async fn replace_lists(
    tx: &mut VendorTx,
    id: CustomerId,
    entries: &[ListEntry],
) -> Result<(), CustomerError> {
    if entries.len() > LIST_ENTRIES_MAX {
        return Err(CustomerError::ListFull { max: LIST_ENTRIES_MAX });
    }
    let former = store::find_list(tx, id).await?;
    if former == entries {
        return Ok(());
    }
    for entry in former.iter().filter(|former| !entries.iter().any(|e| e.product_id == former.product_id)) {
        store::delete_list_entry(tx, id, entry.product_id).await?;
    }
    for entry in entries.iter().filter(|entry| !former.contains(entry)) {
        store::upsert_list_entry(tx, id, entry).await?;
    }
    changed(tx, id).await?;
    Ok(())
}

/// Locks the customer, as every writer does, and checks the version the caller has seen.
async fn lock_lists(
    tx: &mut VendorTx,
    id: CustomerId,
    if_versions: Option<Vec<i64>>,
) -> Result<i64, CustomerError> {
    if store::lock_masked(tx, id).await?.is_none() {
        return Err(merging::gone(tx, id).await?);
    }
    let current = store::lists_version(tx, id).await?;
    match if_versions {
        Some(wanted) if !wanted.contains(&current) => Err(WriteRefusal::VersionMismatch { current }.into()),
        _ => Ok(current),
    }
}

async fn changed(tx: &mut VendorTx, id: CustomerId) -> Result<i64, CustomerError> {
    let version = store::bump_lists_version(tx, id).await?;
    outbox::emit(tx, "customer.updated", serde_json::json!({ "customer_ids": [id.to_string()] })).await?;
    Ok(version)
}
