//! Opening many customers for matches at once: what [`super::open_for_matching`] does for one, in as many
//! statements for a hundred.

use std::collections::{BTreeMap, HashMap, HashSet};

use odyssey_types::{CustomerId, Phi, ProductId};

use super::consents::check_health_consent;
use super::customer::age_on;
use super::plan::Stored;
use super::{CustomerError, ForMatching, ListKind, MatchAct, fhir, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// One customer of many, who consents.
#[derive(Debug, Clone)]
pub struct OneOfMany {
    /// The vendor's own name for the person.
    pub external_id: Phi<String>,
    pub opened: ForMatching,
}

/// How many customers consent and have a profile.
pub async fn count_with_profile(tx: &mut VendorTx) -> Result<u64, CustomerError> {
    store::count_with_profile(tx).await
}

/// Customers after an id who consent and have a profile, by id.
pub async fn page_of_consenting(
    tx: &mut VendorTx,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Vec<CustomerId>, CustomerError> {
    store::page_of_consenting(tx, after, most).await
}

/// Opens those of the given customers who are there and consent at this moment. `None` stands for those who are there
/// and do not: nothing of them is opened. Audited as one act that names everybody whose health data it shows.
pub async fn open_many_for_matching(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    act: MatchAct,
) -> Result<BTreeMap<CustomerId, Option<OneOfMany>>, CustomerError> {
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
    let mut many = BTreeMap::new();
    for row in rows {
        let id = row.id;
        if !consents(&row) {
            many.insert(id, None);
            continue;
        }
        let Stored { customer, profile, .. } = Stored::open(&keys, vendor_id, row, profiles.remove(&id))?;
        let profile_version = profile.as_ref().map_or(0, |profile| profile.row_version);
        let mut profile = profile.map(|stored| stored.profile).unwrap_or_default();
        let birth_date = customer.identity.expose().birth_date;
        let own_age = profile.expose().age_years;
        if awaiting.contains(&id) {
            profile.expose_mut().allergies.push(fhir::awaited_entry());
        }
        let of = lists.remove(&id).unwrap_or_default();
        let opened = ForMatching {
            answer_id,
            age_years: Phi::new(birth_date.and_then(|birth| age_on(birth, now)).or(own_age)),
            profile,
            customer_version: customer.row_version,
            profile_version,
            lists_version: customer.lists_version,
            consent_version: customer.consent_version,
            always_allow: on(&of, ListKind::AlwaysAllow),
            never_show: on(&of, ListKind::NeverShow),
        };
        many.insert(id, Some(OneOfMany { external_id: customer.external_id, opened }));
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
