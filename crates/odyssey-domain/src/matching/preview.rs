//! What would suit a profile that is not stored: an ad-hoc one, or a customer's with some fields changed.

use std::sync::Arc;

use odyssey_types::{CustomerId, HealthProfile, Phi};
use serde_json::{Map, Value};

use super::judge::{ATTEMPTS_MAX, Disagreements, TOO_FAST, judge, snapshot_within};
use super::{MatchQuery, Matches, MatchingError, Snapshots, compile};
use crate::catalog;
use crate::customers::{self, ForMatching, MatchAct};
use crate::db::VendorTx;
use crate::tenancy::Caller;

/// Whose profile is tried out.
#[derive(Debug, Clone)]
pub enum PreviewOf {
    /// Nobody's: the profile of the request.
    AdHoc(Phi<Box<HealthProfile>>),
    /// A consenting customer's, with the fields of the patch changed (RFC 7396). Their lists count.
    Customer { id: CustomerId, overrides: Phi<Map<String, Value>> },
}

/// The products that would suit, best first. Stores nothing; audited all the same, as a disclosure where
/// it is about a customer.
pub async fn preview(
    caller: &Caller,
    snapshots: &Snapshots,
    of: &PreviewOf,
    query: &MatchQuery,
) -> Result<Matches, MatchingError> {
    let mut disagreements = Disagreements::default();
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = caller.begin().await?;
        let version = catalog::catalog_version(&mut tx).await?;
        let opened = open(&mut tx, of, MatchAct::Preview).await?;
        let Some(snapshot) = snapshot_within(&tx, snapshots, version).await? else {
            let scope = tx.scope();
            tx.roll_back().await?;
            snapshots.at_least(scope, version).await?;
            continue;
        };
        let policy = Arc::new(compile(&mut tx, &opened).await?);
        let Some(judged) =
            judge(&mut tx, snapshot, &policy, query, disagreements.strictness(version)).await?
        else {
            disagreements.note(version);
            tx.roll_back().await?;
            continue;
        };
        let matches = Matches::new(judged, &policy, &opened, version);
        tx.commit().await?;
        return Ok(matches);
    }
    Err(TOO_FAST)
}

/// Opens what a preview or a basket is about, and records it.
pub(super) async fn open(
    tx: &mut VendorTx,
    of: &PreviewOf,
    act: MatchAct,
) -> Result<ForMatching, MatchingError> {
    match of {
        PreviewOf::AdHoc(profile) => {
            Ok(customers::open_ad_hoc(tx, HealthProfile::clone(profile.expose()), act).await?)
        }
        PreviewOf::Customer { id, overrides } => {
            let opened = customers::open_for_matching(tx, *id, act).await?;
            Ok(opened.with_overrides(overrides.expose())?)
        }
    }
}
