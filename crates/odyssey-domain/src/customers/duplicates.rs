//! People who may be one: customers that share an e-mail address or a phone number. Told, and never acted upon.

use std::collections::{BTreeMap, HashMap, HashSet};

use odyssey_types::{CustomerId, Page};
use odyssey_vault::BlindKind;

use super::normalise::{normalise_email, normalise_phone};
use super::read::open_all;
use super::{Customer, CustomerError, MaskedCustomer, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Groups of a page at most: the customers of each are opened.
const GROUPS_MAX: u32 = 50;
/// Customers of a group that are shown; a switchboard's number has thousands.
const SHOWN_MAX: i32 = 20;

/// What customers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedBy {
    Email,
    Phone,
}

/// Customers that share something; of many the first by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateGroup<T> {
    /// What it is; not said where nothing was opened.
    pub by: Option<SharedBy>,
    /// How many share it, shown or not.
    pub customer_count: u64,
    pub customers: Vec<T>,
}

/// A page of possible duplicates, opened; each customer is audited as disclosed.
pub async fn list_duplicates(
    tx: &mut VendorTx,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<DuplicateGroup<Customer>>, CustomerError> {
    let (shared, next_cursor) = find_shared(tx, cursor, limit).await?;
    let ids: HashSet<CustomerId> = shared.iter().flat_map(|group| group.customer_ids.clone()).collect();
    let ids: Vec<CustomerId> = ids.into_iter().collect();
    let rows = store::find_customers(tx, &ids).await?;
    let customers: HashMap<CustomerId, Customer> =
        open_all(tx, rows)?.into_iter().map(|customer| (customer.id, customer)).collect();
    let keys = tx.keys()?;
    let mut items = Vec::with_capacity(shared.len());
    for group in shared {
        // Two texts may share a token; only the opened values decide.
        let mut alike: BTreeMap<(SharedBy, String), Vec<Customer>> = BTreeMap::new();
        for customer in group.customer_ids.iter().filter_map(|id| customers.get(id)) {
            let identity = customer.identity.expose();
            let email = identity.email.as_deref().and_then(normalise_email);
            let phone = identity.phone.as_deref().and_then(normalise_phone);
            let carried = [
                (SharedBy::Email, email.map(|text| (keys.blind_index(BlindKind::Email, &text), text))),
                (SharedBy::Phone, phone.map(|text| (keys.blind_index(BlindKind::Phone, &text), text))),
            ];
            for (by, text) in carried {
                if let Some((_, text)) = text.filter(|(token, _)| *token == group.token) {
                    alike.entry((by, text)).or_default().push(customer.clone());
                }
            }
        }
        items.extend(alike.into_iter().filter(|(_, customers)| customers.len() > 1).map(
            |((by, _), customers)| DuplicateGroup {
                by: Some(by),
                customer_count: group.customer_count,
                customers,
            },
        ));
    }
    let disclosed = items.iter().flat_map(|group| &group.customers).map(|customer| customer.id);
    let event = AuditEvent::new("customer.duplicates", "customer", Purpose::Service)
        .count(items.len() as i64)
        .discloses_all(disclosed.collect::<HashSet<_>>());
    audit::record(tx, event).await?;
    Ok(Page { items, next_cursor })
}

/// The same for those who may not read personal data: opens nothing and discloses nobody.
pub async fn list_masked_duplicates(
    tx: &mut VendorTx,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<DuplicateGroup<MaskedCustomer>>, CustomerError> {
    let (shared, next_cursor) = find_shared(tx, cursor, limit).await?;
    let ids: HashSet<CustomerId> = shared.iter().flat_map(|group| group.customer_ids.clone()).collect();
    let ids: Vec<CustomerId> = ids.into_iter().collect();
    let customers: HashMap<CustomerId, MaskedCustomer> = store::find_many_masked(tx, &ids)
        .await?
        .into_iter()
        .map(|customer| (customer.id, customer))
        .collect();
    let items = shared.into_iter().map(|group| DuplicateGroup {
        by: None,
        customer_count: group.customer_count,
        customers: group.customer_ids.iter().filter_map(|id| customers.get(id).cloned()).collect(),
    });
    let items: Vec<_> = items.collect();
    let event = AuditEvent::new("customer.duplicates", "customer", Purpose::Service)
        .count(items.len() as i64)
        .detail("masked", true);
    audit::record(tx, event).await?;
    Ok(Page { items, next_cursor })
}

/// Customers that carry one token.
#[derive(Debug)]
pub(super) struct SharedToken {
    pub token: i64,
    pub customer_count: u64,
    pub customer_ids: Vec<CustomerId>,
}

async fn find_shared(
    tx: &mut VendorTx,
    cursor: Option<&str>,
    limit: u32,
) -> Result<(Vec<SharedToken>, Option<String>), CustomerError> {
    let after = cursor.map(|c| c.parse::<i64>().map_err(|_| CustomerError::CursorInvalid)).transpose()?;
    let limit = limit.clamp(1, GROUPS_MAX) as usize;
    let mut shared = store::find_shared_tokens(tx, after, limit as i32 + 1, SHOWN_MAX).await?;
    let more = shared.len() > limit;
    shared.truncate(limit);
    let next_cursor = shared.last().filter(|_| more).map(|group| group.token.to_string());
    Ok((shared, next_cursor))
}
