//! Finding customers by what identifies them exactly, through keyed tokens.

use odyssey_types::Phi;
use odyssey_vault::{BlindKind, canonical_external_id};

use super::normalise::{normalise_email, normalise_phone};
use super::read::open_all;
use super::{Customer, CustomerError, SEARCH_HITS_MAX, merging, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// What to look for. Compared in normal form: an e-mail without case, a phone number by its digits.
#[derive(Debug, Clone)]
pub enum CustomerLookup {
    ExternalId(Phi<String>),
    Email(Phi<String>),
    Phone(Phi<String>),
}

/// The customers that match, at most [`SEARCH_HITS_MAX`]; each is audited as disclosed.
pub async fn search_customers(
    tx: &mut VendorTx,
    lookup: &CustomerLookup,
) -> Result<Vec<Customer>, CustomerError> {
    let (kind, by) = lookup.kind();
    let wanted = lookup.normal_form().ok_or(CustomerError::LookupInvalid)?;
    let token = tx.keys()?.blind_index(kind, wanted.expose());
    let ids = store::find_by_token(tx, token, SEARCH_HITS_MAX as i32).await?;
    let rows = store::find_customers(tx, &ids).await?;
    let mut found = open_all(tx, rows)?;
    // Two texts may share a token; only the opened value decides.
    found.retain(|customer| lookup.matches(customer, wanted.expose()));
    if let (CustomerLookup::ExternalId(_), true) = (lookup, found.is_empty()) {
        let id = tx.keys()?.customer_id(wanted.expose());
        if let merged @ CustomerError::Refused(_) = merging::gone(tx, id).await? {
            return Err(merged);
        }
    }
    let event = AuditEvent::new("customer.search", "customer", Purpose::Service)
        .count(found.len() as i64)
        .detail("by", by)
        .discloses_all(found.iter().map(|c| c.id));
    audit::record(tx, event).await?;
    Ok(found)
}

impl CustomerLookup {
    const fn kind(&self) -> (BlindKind, &'static str) {
        match self {
            Self::ExternalId(_) => (BlindKind::ExternalId, "external_id"),
            Self::Email(_) => (BlindKind::Email, "email"),
            Self::Phone(_) => (BlindKind::Phone, "phone"),
        }
    }

    fn normal_form(&self) -> Option<Phi<String>> {
        let form = match self {
            Self::ExternalId(text) => {
                Some(canonical_external_id(text.expose()).into_owned()).filter(|t| !t.is_empty())
            }
            Self::Email(text) => normalise_email(text.expose()),
            Self::Phone(text) => normalise_phone(text.expose()),
        };
        form.map(Phi::new)
    }

    fn matches(&self, customer: &Customer, wanted: &str) -> bool {
        let identity = customer.identity.expose();
        let form = match self {
            Self::ExternalId(_) => return customer.external_id.expose() == wanted,
            Self::Email(_) => identity.email.as_deref().and_then(normalise_email),
            Self::Phone(_) => identity.phone.as_deref().and_then(normalise_phone),
        };
        form.as_deref() == Some(wanted)
    }
}
