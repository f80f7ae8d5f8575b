//! One customer: opened, masked, deleted.

use odyssey_types::CustomerId;

use super::store::CustomerRow;
use super::write::{Change, CustomerWrite, WriteResult, write_one};
use super::{Customer, CustomerError, MaskedCustomer, merging, seal, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// The customer, opened; audited as a disclosure.
pub async fn get_customer(tx: &mut VendorTx, id: CustomerId) -> Result<Customer, CustomerError> {
    let Some(row) = store::find_customers(tx, &[id]).await?.pop() else {
        return Err(merging::gone(tx, id).await?);
    };
    let customer = open_all(tx, vec![row])?.pop().ok_or(CustomerError::NotFound)?;
    let event = AuditEvent::new("customer.read", "customer", Purpose::Service).entity(id).discloses(id);
    audit::record(tx, event).await?;
    Ok(customer)
}

/// What a viewer may see of a customer. Opens nothing and discloses nobody.
pub async fn get_masked(tx: &mut VendorTx, id: CustomerId) -> Result<MaskedCustomer, CustomerError> {
    let Some(customer) = store::find_masked(tx, id).await? else {
        return Err(merging::gone(tx, id).await?);
    };
    let event =
        AuditEvent::new("customer.read", "customer", Purpose::Service).entity(id).detail("masked", true);
    audit::record(tx, event).await?;
    Ok(customer)
}

/// Deletes a customer: out of lists, searches and matches at once, consents withdrawn. The sealed row
/// stays for history.
pub async fn delete_customer(
    tx: &mut VendorTx,
    id: CustomerId,
    if_versions: Option<Vec<i64>>,
) -> Result<WriteResult, CustomerError> {
    write_one(tx, CustomerWrite { if_versions, ..CustomerWrite::by_id(id, Change::Delete) }).await
}

/// Opens rows, in their order.
pub(super) fn open_all(tx: &VendorTx, rows: Vec<CustomerRow>) -> Result<Vec<Customer>, CustomerError> {
    let keys = tx.keys()?;
    let mut customers = Vec::with_capacity(rows.len());
    for row in rows {
        let key = keys.open_person_key(row.id, &row.person_key)?;
        let place = seal::Place { vendor: tx.vendor_id(), customer: row.id };
        let (external_id, identity) = seal::open_identity(place, &key, &row.sealed)?;
        customers.push(row.into_customer(external_id, identity).0);
    }
    Ok(customers)
}
