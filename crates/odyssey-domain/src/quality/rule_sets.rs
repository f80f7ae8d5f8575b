//! Rule sets of FDA, USDA and EU, which ship with the program, and those of the vendor.

use odyssey_matching::{LabelRuleSet, embedded_rule_sets};
use serde::{Deserialize, Serialize};

use super::run::RuleRun;
use super::{QualityError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Sets of one vendor at most.
pub const RULE_SETS_MAX: i64 = 50;

/// Whose rules they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Part of the program; nobody changes it at run time.
    Platform,
    Vendor,
}

/// A set and its latest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetView {
    pub owner: Owner,
    pub set: LabelRuleSet,
    /// The day on which somebody looks at the rules again has passed.
    pub review_due: bool,
    pub last_run: Option<RuleRun>,
}

/// Every set: ours first, then the vendor's by id.
pub async fn list_rule_sets(tx: &mut VendorTx) -> Result<Vec<RuleSetView>, QualityError> {
    let today = tx.now().date_naive();
    let own = store::list_rule_sets(tx).await?;
    let mut runs = store::list_runs(tx).await?;
    let ours = embedded_rule_sets().iter().cloned().map(|set| (Owner::Platform, set));
    let sets = ours.chain(own.into_iter().map(|set| (Owner::Vendor, set)));
    Ok(sets
        .map(|(owner, set)| RuleSetView {
            owner,
            review_due: set.review_on <= today,
            last_run: runs.remove(&set.id),
            set,
        })
        .collect())
}

/// One set with its latest run.
pub async fn get_rule_set(tx: &mut VendorTx, id: &str) -> Result<RuleSetView, QualityError> {
    let sets = list_rule_sets(tx).await?;
    sets.into_iter().find(|view| view.set.id == id).ok_or(QualityError::RuleSetNotFound)
}

/// Writes a set of the vendor's own, new or in place of the one with this id.
pub async fn put_rule_set(tx: &mut VendorTx, set: LabelRuleSet) -> Result<RuleSetView, QualityError> {
    set.check()?;
    if is_ours(&set.id) {
        return Err(QualityError::RuleSetRefused("this id is one of our own rule sets; choose another"));
    }
    if store::count_other_rule_sets(tx, &set.id).await? >= RULE_SETS_MAX {
        return Err(QualityError::RuleSetRefused("a vendor has at most 50 rule sets; delete one first"));
    }
    store::put_rule_set(tx, &set).await?;
    let event = AuditEvent::new("rule_set.write", "label_rule_set", Purpose::Operations)
        .entity(&set.id)
        .count(set.rules.len() as i64);
    audit::record(tx, event).await?;
    get_rule_set(tx, &set.id).await
}

/// Deletes a set of the vendor's own, with its latest run.
pub async fn delete_rule_set(tx: &mut VendorTx, id: &str) -> Result<(), QualityError> {
    if is_ours(id) {
        return Err(QualityError::RuleSetRefused("our own rule sets cannot be deleted"));
    }
    if !store::delete_rule_set(tx, id).await? {
        return Err(QualityError::RuleSetNotFound);
    }
    let event = AuditEvent::new("rule_set.delete", "label_rule_set", Purpose::Operations).entity(id);
    audit::record(tx, event).await?;
    Ok(())
}

fn is_ours(id: &str) -> bool {
    embedded_rule_sets().iter().any(|set| set.id == id)
}
