//! Opening a customer for a match: only with consent, and never without a trace.

use chrono::{DateTime, Utc};
use odyssey_types::{AuditEventId, CustomerId, HealthProfile, Phi, ProductId, VendorId};
use odyssey_vault::VendorKeys;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::consents::check_health_consent;
use super::customer::age_on;
use super::merge::merge_profile;
use super::seal::{self, Place};
use super::store::SealedProfile;
use super::validate::validate_health;
use super::{CustomerError, ListKind, WriteRefusal, fhir, merging, profile, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// What a match needs of a customer. The versions name exactly this content: an answer computed from it
/// holds as long as they do, and `age_years` with them.
#[derive(Debug, Clone)]
pub struct ForMatching {
    /// The id of the answer: of the event that records it.
    pub answer_id: AuditEventId,
    /// As stored, and with an unmapped allergy more while a FHIR proposal has one that nobody has decided;
    /// the customer's version changes with that too.
    pub profile: Phi<HealthProfile>,
    /// Whole years today, from the birth date where there is one.
    pub age_years: Phi<Option<u8>>,
    /// Of the customer's own record: changes with identity, profile and consents.
    pub customer_version: i64,
    pub profile_version: i64,
    pub lists_version: i64,
    pub consent_version: i64,
    /// Sorted.
    pub always_allow: Vec<ProductId>,
    /// Sorted.
    pub never_show: Vec<ProductId>,
}

/// Where a customer stands, without opening anything: the versions an answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchStanding {
    pub row_version: i64,
    pub lists_version: i64,
}

/// The versions of a customer who consents at this moment. Discloses nothing by itself.
pub async fn standing_for_matching(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<MatchStanding, CustomerError> {
    let Some((consent, standing)) = store::find_standing(tx, id).await? else {
        return Err(merging::gone(tx, id).await?);
    };
    check_health_consent(consent)?;
    Ok(standing)
}

/// The acts that show somebody what follows from a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchAct {
    Match,
    Preview,
    Swaps,
    Basket,
    Batch,
}

impl MatchAct {
    /// The action of its audit event.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Match => "health_profile.match",
            Self::Preview => "health_profile.preview",
            Self::Swaps => "health_profile.swaps",
            Self::Basket => "health_profile.basket",
            Self::Batch => "health_profile.batch",
        }
    }
}

/// Records that what follows from a customer's profile is shown; the event's id is the id of the answer.
pub async fn record_match(
    tx: &mut VendorTx,
    id: CustomerId,
    act: MatchAct,
) -> Result<AuditEventId, CustomerError> {
    let event = AuditEvent::new(act.action(), "health_profile", Purpose::Service).entity(id).discloses(id);
    Ok(audit::record(tx, event).await?)
}

/// A profile that is on no customer's record, checked like one that is to be stored; that it is looked at is
/// recorded.
pub async fn open_ad_hoc(
    tx: &mut VendorTx,
    profile: HealthProfile,
    act: MatchAct,
) -> Result<ForMatching, CustomerError> {
    let errors = validate_health(&profile, None, "");
    if !errors.is_empty() {
        return Err(CustomerError::Refused(WriteRefusal::Invalid(errors)));
    }
    let event = AuditEvent::new(act.action(), "health_profile", Purpose::Service).count(0);
    Ok(ForMatching {
        answer_id: audit::record(tx, event).await?,
        age_years: Phi::new(profile.age_years),
        profile: Phi::new(profile),
        customer_version: 0,
        profile_version: 0,
        lists_version: 0,
        consent_version: 0,
        always_allow: Vec::new(),
        never_show: Vec::new(),
    })
}

impl ForMatching {
    /// The same person with some fields of the profile as the patch says (RFC 7396); nothing is stored. An
    /// age in the patch counts before the birth date.
    pub fn with_overrides(mut self, patch: &Map<String, Value>) -> Result<Self, CustomerError> {
        let merged = merge_profile(self.profile.expose(), patch, "")
            .map_err(|errors| CustomerError::Refused(WriteRefusal::Invalid(errors)))?;
        let errors = validate_health(&merged, None, "");
        if !errors.is_empty() {
            return Err(CustomerError::Refused(WriteRefusal::Invalid(errors)));
        }
        if patch.contains_key("age_years") {
            self.age_years = Phi::new(merged.age_years);
        }
        self.profile = Phi::new(merged);
        Ok(self)
    }
}

/// Opens what a match needs, if the customer consents at this moment; audited as a disclosure.
pub async fn open_for_matching(
    tx: &mut VendorTx,
    id: CustomerId,
    act: MatchAct,
) -> Result<ForMatching, CustomerError> {
    super::require_health_consent(tx, id).await?;
    let opened = profile::open(tx, id).await?;
    let customer = &opened.stored.customer;
    // Each statement sees what is committed by then: a withdrawal between the two counts.
    check_health_consent(customer.health_consent)?;
    let mut profile = opened.profile.clone();
    // Known, though not yet in the profile: nothing is matched past it.
    profile.expose_mut().allergies.extend(fhir::awaited(tx, id).await?);
    let entries = store::find_list(tx, id).await?;
    let on = |list| entries.iter().filter(|e| e.list == list).map(|e| e.product_id).collect();
    let answer_id = record_match(tx, id, act).await?;
    Ok(ForMatching {
        answer_id,
        age_years: Phi::new(opened.age_years()),
        customer_version: customer.row_version,
        profile_version: opened.row_version,
        lists_version: customer.lists_version,
        consent_version: customer.consent_version,
        always_allow: on(ListKind::AlwaysAllow),
        never_show: on(ListKind::NeverShow),
        profile,
    })
}

/// A profile opened for compiling its gates, and for nothing else: the caller lets go of it right after.
#[derive(Debug)]
pub struct ForGates {
    pub customer_id: CustomerId,
    pub profile: Phi<HealthProfile>,
    /// Whole years on the day of opening, from the birth date where there is one.
    pub age_years: Phi<Option<u8>>,
}

impl SealedProfile {
    pub fn customer_id(&self) -> CustomerId {
        self.id.into()
    }

    /// Whether the customer consents and is not deleted.
    pub const fn counts(&self) -> bool {
        self.counts
    }

    /// When it changed last, with the id for what changed in the same moment.
    pub const fn changed(&self) -> (DateTime<Utc>, Uuid) {
        (self.updated_at, self.id)
    }

    /// Equal as long as customer and profile are.
    pub fn versions(&self) -> (i64, i64) {
        (self.row_version, self.profile_version.unwrap_or(0))
    }

    /// Opens profile and birth date. Computes only, so that many can be opened beside each other; the
    /// caller has recorded what it opens them for.
    pub fn open(
        &self,
        keys: &VendorKeys,
        vendor: VendorId,
        now: DateTime<Utc>,
    ) -> Result<ForGates, CustomerError> {
        let customer_id = self.customer_id();
        let place = Place { vendor, customer: customer_id };
        let key = keys.open_person_key(customer_id, &self.person_key)?;
        let open_birth = |sealed: &Vec<u8>| seal::open_birth_date(place, &key, sealed);
        let birth_date = self.birth_date_sealed.as_ref().map(open_birth).transpose()?;
        let open_profile = |sealed: &Vec<u8>| seal::open_profile(place, &key, sealed);
        let mut profile = self.profile_sealed.as_ref().map(open_profile).transpose()?.unwrap_or_default();
        if self.awaits_decision {
            profile.expose_mut().allergies.push(fhir::awaited_entry());
        }
        let age = birth_date.and_then(|birth| age_on(birth, now)).or(profile.expose().age_years);
        Ok(ForGates { customer_id, profile, age_years: Phi::new(age) })
    }
}
