//! The weights of the score: the vendor's, or else the platform's.

use odyssey_matching::{RulePack, ScoringPolicy};

use super::{RulesError, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// A weight at most: the weights are shares of their sum, so nothing is gained above.
const WEIGHT_MAX: u32 = 1_000;

/// The weights in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentScoring {
    /// 0: the platform's own.
    pub version: i32,
    pub weights: ScoringPolicy,
}

/// The weights in force.
pub async fn current_scoring(tx: &mut VendorTx) -> Result<CurrentScoring, RulesError> {
    let stored = store::find_in_force(tx).await?;
    Ok(CurrentScoring {
        version: stored.scoring_version.unwrap_or(0),
        weights: stored.weights.unwrap_or(RulePack::embedded().scoring),
    })
}

/// Puts other weights in force. `if_versions` are the versions they may follow, 0 for the platform's.
pub async fn put_scoring(
    tx: &mut VendorTx,
    weights: ScoringPolicy,
    if_versions: Option<&[i64]>,
) -> Result<CurrentScoring, RulesError> {
    check(weights)?;
    store::lock_policies(tx).await?;
    let current = i64::from(current_scoring(tx).await?.version);
    if if_versions.is_some_and(|versions| !versions.contains(&current)) {
        return Err(RulesError::VersionMismatch { current });
    }
    let version = store::insert_scoring(tx, weights).await?;
    let event =
        AuditEvent::new("scoring_policy.update", "scoring_policy", Purpose::Operations).entity(version);
    audit::record(tx, event).await?;
    Ok(CurrentScoring { version, weights })
}

fn check(weights: ScoringPolicy) -> Result<(), RulesError> {
    let ScoringPolicy { caps, targets, fit, goal, models, preference } = weights;
    let named = [
        ("caps", caps),
        ("targets", targets),
        ("fit", fit),
        ("goal", goal),
        ("models", models),
        ("preference", preference),
    ];
    if let Some((field, _)) = named.iter().find(|(_, weight)| *weight > WEIGHT_MAX) {
        let problem = format!("is at most {WEIGHT_MAX}");
        return Err(RulesError::FieldInvalid { field, problem });
    }
    if caps == 0 {
        let problem =
            "is at least 1: without the caps a score says nothing about a person's limits".to_owned();
        return Err(RulesError::FieldInvalid { field: "caps", problem });
    }
    Ok(())
}
