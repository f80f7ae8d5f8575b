//! Opening a customer for a match: only with consent, and never without a trace.

use odyssey_types::{CustomerId, HealthProfile, Phi, ProductId};

use super::consents::check_health_consent;
use super::{CustomerError, ListKind, profile, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// What a match needs of a customer. The versions name exactly this content: an answer computed from it
/// holds as long as they do, and `age_years` with them.
#[derive(Debug, Clone)]
pub struct ForMatching {
    pub customer_id: CustomerId,
    pub profile: Phi<HealthProfile>,
    /// Whole years today, from the birth date where there is one.
    pub age_years: Phi<Option<u8>>,
    pub profile_version: i64,
    pub lists_version: i64,
    pub consent_version: i64,
    /// Sorted.
    pub always_allow: Vec<ProductId>,
    /// Sorted.
    pub never_show: Vec<ProductId>,
}

/// Opens what a match needs, if the customer consents at this moment; audited as a disclosure.
pub async fn open_for_matching(tx: &mut VendorTx, id: CustomerId) -> Result<ForMatching, CustomerError> {
    super::require_health_consent(tx, id).await?;
    let opened = profile::open(tx, id).await?;
    let customer = &opened.stored.customer;
    // Each statement sees what is committed by then: a withdrawal between the two counts.
    check_health_consent(customer.health_consent)?;
    let entries = store::find_list(tx, id).await?;
    let on = |list| entries.iter().filter(|e| e.list == list).map(|e| e.product_id).collect();
    let event =
        AuditEvent::new("health_profile.match", "health_profile", Purpose::Service).entity(id).discloses(id);
    audit::record(tx, event).await?;
    Ok(ForMatching {
        customer_id: id,
        age_years: Phi::new(opened.age_years()),
        profile_version: opened.row_version,
        lists_version: customer.lists_version,
        consent_version: customer.consent_version,
        always_allow: on(ListKind::AlwaysAllow),
        never_show: on(ListKind::NeverShow),
        profile: opened.profile,
    })
}
