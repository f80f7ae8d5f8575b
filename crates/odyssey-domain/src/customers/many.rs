//! Opening many customers for matches at once: what [`super::open_for_matching`] does for one, in as many
//! statements for a hundred.

use std::collections::{HashMap, HashSet};

use odyssey_types::{CustomerId, Phi, ProductId};

use super::consents::check_health_consent;
use super::customer::age_on;
use super::plan::Stored;
use super::{CustomerError, ForMatching, ListKind, MatchAct, fhir, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// One customer of many.
#[derive(Debug, Clone)]
pub struct OneOfMany {
    pub id: CustomerId,
    /// The vendor's own name for the person.
    pub external_id: Phi<String>,
    /// `None`: without consent nothing is opened for a match.
    pub opened: Option<ForMatching>,
}

/// Customers after an id who consent and have a profile, by id.
pub async fn page_of_consenting(
    tx: &mut VendorTx,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Vec<CustomerId>, CustomerError> {
    store::page_of_consenting(tx, after, most).await
}

/// Opens those of the given customers who are there, ascending; of those who do not consent at this moment only the
/// external id. Audited as one act that names everybody whose health data it shows.
pub async fn open_many_for_matching(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    act: MatchAct,
) -> Result<Vec<OneOfMany>, CustomerError> {
    let (keys, vendor_id, now) = (tx.keys()?, tx.vendor_id(), tx.now());
    let mut lists = store::find_lists(tx, ids).await?;
    let awaiting: HashSet<CustomerId> = store::find_awaiting_decision(tx, ids).await?;
    let mut profiles = store::find_profiles(tx, ids).await?;
    // Last, so that a withdrawal while the rest was read counts.
    let rows = store::find_customers(tx, ids).await?;
    let consents = |row: &store::CustomerRow| check_health_consent(row.health_consent).is_ok();
    let disclosed: Vec<CustomerId> = rows.iter().filter(|row| consents(row)).map(|row| row.id).collect();
    let event = AuditEvent::new(act.action(), "health_profile", Purpose::Service)
        .count(disclosed.len() as i64)
        .discloses_all(disclosed.iter().copied());
    let answer_id = audit::record(tx, event).await?;
    let mut many = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, may_open) = (row.id, consents(&row));
        let profile = profiles.remove(&id).filter(|_| may_open);
        let mut stored = Stored::open(&keys, vendor_id, row, profile)?;
        let external_id = stored.customer.external_id.clone();
        let opened = may_open.then(|| {
            let taken = stored.profile.take();
            let profile_version = taken.as_ref().map_or(0, |profile| profile.row_version);
            let mut profile = taken.map(|taken| taken.profile).unwrap_or_default();
            let birth_date = stored.customer.identity.expose().birth_date;
            let own_age = profile.expose().age_years;
            if awaiting.contains(&id) {
                profile.expose_mut().allergies.push(fhir::awaited_entry());
            }
            let of = lists.remove(&id).unwrap_or_default();
            ForMatching {
                answer_id,
                age_years: Phi::new(birth_date.and_then(|birth| age_on(birth, now)).or(own_age)),
                profile,
                customer_version: stored.customer.row_version,
                profile_version,
                lists_version: stored.customer.lists_version,
                consent_version: stored.customer.consent_version,
                always_allow: on(&of, ListKind::AlwaysAllow),
                never_show: on(&of, ListKind::NeverShow),
            }
        });
        many.push(OneOfMany { id, external_id, opened });
    }
    Ok(many)
}

fn on(entries: &[(ProductId, ListKind)], list: ListKind) -> Vec<ProductId> {
    let mut ids: Vec<ProductId> = entries.iter().filter(|(_, on)| *on == list).map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids
}

/// By customer, what is on whose list.
pub(super) type Lists = HashMap<CustomerId, Vec<(ProductId, ListKind)>>;
