//! How old a label may be and still prove something, as the vendor says.

use super::{RulesError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// The longest limit, in days: ten years. Whoever accepts older labels has no limit.
pub const LABEL_AGE_DAYS_MAX: u32 = 3_650;

/// The limit in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelAge {
    /// Of everything that a vendor decides by: the limit, the rules, the weights.
    pub policy_version: i64,
    /// `None`: a label proves something however old it is.
    pub max_days: Option<u32>,
}

/// The limit in force.
pub async fn current_label_age(tx: &mut VendorTx) -> Result<LabelAge, RulesError> {
    let stored = store::find_in_force(tx).await?;
    Ok(LabelAge { policy_version: stored.version, max_days: stored.label_age_max_days })
}

/// Puts another limit in force; every verdict follows it from the next call on. `if_versions` are the versions of
/// the policy that it may follow. A longer limit, or none, lets more products through, so the trail keeps both.
pub async fn put_label_age(
    tx: &mut VendorTx,
    max_days: Option<u32>,
    if_versions: Option<&[i64]>,
) -> Result<LabelAge, RulesError> {
    if max_days.is_some_and(|days| !(1..=LABEL_AGE_DAYS_MAX).contains(&days)) {
        let problem = format!("is between 1 and {LABEL_AGE_DAYS_MAX} days, or null for no limit");
        return Err(RulesError::FieldInvalid { field: "max_days", problem });
    }
    store::lock_policies(tx).await?;
    let before = current_label_age(tx).await?;
    let current = before.policy_version;
    if if_versions.is_some_and(|versions| !versions.contains(&current)) {
        return Err(RulesError::VersionMismatch { current });
    }
    let policy_version = store::set_label_age(tx, max_days).await?;
    let event = AuditEvent::new("label_age.update", "vendor_policy", Purpose::Operations)
        .entity(policy_version)
        .detail("before_days", before.max_days)
        .detail("after_days", max_days);
    audit::record(tx, event).await?;
    Ok(LabelAge { policy_version, max_days })
}
