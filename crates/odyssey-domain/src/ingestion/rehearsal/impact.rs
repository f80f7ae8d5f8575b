//! What changed labels would take away from whom.

use odyssey_matching::{EvidenceKey, Facts, Flag, Regressions};
use odyssey_types::{ProductFields, ProductStatus};
use odyssey_vault::product_id;

use super::ObservedRow;
use crate::catalog::{self, derive_product_by};
use crate::ingestion::IngestionError;
use crate::ingestion::progress::Run;
use crate::matching::{self, Audiences, LabelDraft};
use crate::tenancy::{self, Actor};

/// What one row would take away.
#[derive(Debug)]
pub(super) struct Impact {
    pub row: u64,
    pub external_id: String,
    pub allergens_gone: Vec<EvidenceKey>,
    /// The label changes so that it may turn somebody away.
    pub may_turn_away: bool,
    pub judged: bool,
    pub lost: Regressions,
}

/// What the rows of a batch would take away; `most` labels are judged against the customers.
pub(super) async fn of(
    run: &Run<'_>,
    audiences: &Audiences,
    rows: Vec<ObservedRow>,
    most: usize,
) -> Result<Vec<Impact>, IngestionError> {
    let mut tx = run.begin().await?;
    let tables = catalog::tables(&mut tx).await?;
    let ids: Vec<_> = rows.iter().map(|row| product_id(run.vendor_id, &row.external_id)).collect();
    let holds = catalog::holds_of_products(&mut tx, &ids).await?;
    tx.roll_back().await?;
    let (mut impacts, mut drafts) = (Vec::new(), Vec::new());
    for (row, id) in rows.into_iter().zip(ids) {
        // What is new takes nothing away.
        let Some(before) = row.observed.before else { continue };
        let held = holds.get(&id).map(Vec::as_slice).unwrap_or_default();
        let derive = |fields: &ProductFields| derive_product_by(&tables, fields, held).facts;
        let (was, is) = (derive(&before.fields), derive(&row.observed.after));
        let is_offered = |fields: &ProductFields| fields.status == ProductStatus::Active;
        let may_turn_away =
            is_offered(&before.fields) && is_offered(&row.observed.after) && is.may_turn_away(&was);
        let judged = may_turn_away && drafts.len() < most;
        impacts.push(Impact {
            row: row.row,
            external_id: row.external_id,
            allergens_gone: gone(&was, &is),
            may_turn_away,
            judged,
            lost: Regressions::default(),
        });
        if judged {
            drafts.push(LabelDraft {
                product_id: id,
                before: was,
                before_as_of: before.fields.label_as_of,
                after: is,
                after_as_of: row.observed.after.label_as_of,
            });
        }
    }
    if drafts.is_empty() {
        return Ok(impacts);
    }
    let scope = tenancy::scope_for_job(run.database, run.vendor_id).await?;
    let lost = matching::who_would_regress(audiences, scope, &Actor::job(run.job_id), drafts).await?;
    for (impact, lost) in impacts.iter_mut().filter(|impact| impact.judged).zip(lost) {
        impact.lost = lost;
    }
    Ok(impacts)
}

fn gone(was: &Facts, is: &Facts) -> Vec<EvidenceKey> {
    let contains = |facts: &Facts, key| facts.flags_of(key).has(Flag::Contains);
    let keys = EvidenceKey::ALL.iter().copied().filter(|key| key.is_allergen());
    keys.filter(|key| contains(was, *key) && !contains(is, *key)).collect()
}
