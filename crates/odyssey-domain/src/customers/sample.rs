//! A sample of consenting customers, opened to be counted and nothing else.

use odyssey_types::{CustomerId, HealthProfile, Phi};

use super::customer::age_on;
use super::plan::Stored;
use super::{CustomerError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Profiles opened for one count at most: each is unsealed, and held in memory until the count is done.
pub const SAMPLE_MAX: usize = 1_000;

/// A profile without a name: what a count over many people needs.
#[derive(Debug, Clone)]
pub struct SampledProfile {
    pub profile: Phi<HealthProfile>,
    pub age_years: Phi<Option<u8>>,
}

/// The sample, and of how many it was drawn.
#[derive(Debug, Clone)]
pub struct ProfileSample {
    pub profiles: Vec<SampledProfile>,
    /// Customers with a profile and health consent.
    pub population: u64,
}

/// Opens up to `most` profiles of customers who consent to the use of their health data. Ids are keyed hashes,
/// so that the first in their order are a fair sample, and the same one until customers change. Audited as
/// one act with its purpose; nobody is shown to anybody.
pub async fn sample_profiles(tx: &mut VendorTx, most: usize) -> Result<ProfileSample, CustomerError> {
    let (keys, vendor_id, now) = (tx.keys()?, tx.vendor_id(), tx.now());
    let (ids, population) = store::sample_consenting(tx, most.min(SAMPLE_MAX) as i64).await?;
    let rows = store::find_customers(tx, &ids).await?;
    let mut sealed = store::find_profiles(tx, &ids).await?;
    let mut profiles = Vec::with_capacity(rows.len());
    for row in rows {
        let id: CustomerId = row.id;
        let Some(profile) = sealed.remove(&id) else { continue };
        let mut stored = Stored::open(&keys, vendor_id, row, Some(profile))?;
        let birth_date = stored.customer.identity.expose().birth_date;
        let Some(profile) = stored.profile.take() else { continue };
        let own_age = profile.profile.expose().age_years;
        profiles.push(SampledProfile {
            age_years: Phi::new(birth_date.and_then(|birth| age_on(birth, now)).or(own_age)),
            profile: profile.profile,
        });
    }
    let event = AuditEvent::new("health_profile.count", "health_profile", Purpose::Analytics)
        .count(profiles.len() as i64)
        .detail("population", population);
    audit::record(tx, event).await?;
    Ok(ProfileSample { profiles, population })
}
