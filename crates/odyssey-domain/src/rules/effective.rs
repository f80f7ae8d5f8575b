//! The rules in force for a vendor: the pack with the published changes, and the weights.

use std::sync::{Arc, OnceLock};

use chrono::{Days, NaiveDate};
use moka::sync::Cache;
use odyssey_matching::{ChangeOrigin, RuleChange, RulePack, ScoringPolicy};
use odyssey_types::VendorId;

use super::{RulesError, store};
use crate::db::{DbError, VendorTx};

/// Vendors whose rules are kept ready: a pack is a few hundred kilobytes.
const KEPT_MAX: u64 = 64;

/// What a policy is compiled with.
#[derive(Debug)]
pub struct EffectiveRules {
    /// Changes with every publication; 0 for a vendor that has changed nothing.
    pub version: i64,
    pub pack: Arc<RulePack>,
    pub weights: ScoringPolicy,
    /// How old a label may be, in days, and still prove something; `None`: however old.
    pub label_age_max_days: Option<u32>,
}

impl EffectiveRules {
    /// The first day of which a label still proves something.
    pub fn label_oldest(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.label_age_max_days.and_then(|days| today.checked_sub_days(Days::new(u64::from(days))))
    }
}

type Kept = Cache<(VendorId, i64), Arc<EffectiveRules>>;

/// What was published does not change, so it is kept by its version. Shared by all of the process: the key
/// names the vendor, and what is behind it was read through the vendor's own transaction.
fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| Cache::new(KEPT_MAX))
}

/// The version of what is in force; 0 before the first change.
pub async fn policy_version(tx: &mut VendorTx) -> Result<i64, RulesError> {
    store::policy_version(tx).await
}

/// The rules in force.
pub async fn effective_rules(tx: &mut VendorTx) -> Result<Arc<EffectiveRules>, RulesError> {
    let key = (tx.vendor_id(), store::policy_version(tx).await?);
    if let Some(rules) = kept().get(&key) {
        return Ok(rules);
    }
    let stored = store::find_in_force(tx).await?;
    let changes = stored.changes.clone().unwrap_or_default();
    let rules = build(&stored, stored.rules_version, &changes).map_err(|_| {
        // They were taken by an older program; without them nothing may be said about anybody.
        DbError::inconsistent("the vendor's published rules no longer apply to the rule pack")
    })?;
    let rules = Arc::new(rules);
    // A publication in between has another version, and is found under that.
    kept().insert((tx.vendor_id(), stored.version), Arc::clone(&rules));
    Ok(rules)
}

/// The rules as they would be with other changes than the published ones; stored nowhere.
pub async fn effective_with_changes(
    tx: &mut VendorTx,
    changes: &[RuleChange],
) -> Result<EffectiveRules, RulesError> {
    let stored = store::find_in_force(tx).await?;
    build(&stored, None, changes).map_err(RulesError::ChangeInvalid)
}

fn build(
    stored: &store::InForce,
    rules_version: Option<i32>,
    changes: &[RuleChange],
) -> Result<EffectiveRules, odyssey_matching::RuleChangeError> {
    let shipped = RulePack::embedded();
    let origin = ChangeOrigin { version: i64::from(rules_version.unwrap_or(0)) };
    let pack = shipped.with_changes(changes, &origin)?;
    Ok(EffectiveRules {
        version: stored.version,
        weights: stored.weights.unwrap_or(shipped.scoring),
        label_age_max_days: stored.label_age_max_days,
        pack: Arc::new(pack),
    })
}
