//! The list of products that suit one customer.

use std::sync::Arc;

use odyssey_matching::{
    Binding, Blocked, FunnelStep, InteractionCheck, NotConsidered, Notice, Policy, RulePack, derive_profile,
};
use odyssey_types::{CustomerId, ReceiptId};

use super::answers::AnswerKey;
use super::judge::{ATTEMPTS_MAX, Disagreements, Judged, MatchedProduct, TOO_FAST, judge, snapshot_within};
use super::query::MatchQuery;
use super::receipt::{self, Asked, ReceiptSigner};
use super::{MatchingError, Provenance, Snapshots, compile, provenance};
use crate::catalog;
use crate::customers::{self, ForMatching, MatchAct};
use crate::db::VendorTx;
use crate::rules;
use crate::tenancy::Caller;

/// The answer.
#[derive(Debug, Clone)]
pub struct Matches {
    pub fits: Vec<MatchedProduct>,
    pub cannot_verify: Vec<MatchedProduct>,
    pub considered: u64,
    pub fits_total: u64,
    pub cannot_verify_total: u64,
    /// Better products that a diverse list passed over.
    pub passed_over: u64,
    pub funnel: Vec<FunnelStep>,
    pub binding: Option<Binding>,
    pub blocked: Vec<Blocked>,
    pub not_considered: Vec<NotConsidered>,
    /// Contradictions of the profile, what is not on record, and advice that concerns every product.
    pub notices: Vec<Notice>,
    /// The known interactions that were checked; never a promise that there are no others.
    pub interactions_checked: Vec<InteractionCheck>,
    /// Parts of the score that come from the health profile; 0 without height, weight, age or sex, when
    /// nothing can be derived and every product is scored by the general figures alone.
    pub health_score_terms: usize,
    /// Where a receipt was asked for and kept.
    pub receipt_id: Option<ReceiptId>,
    pub provenance: Provenance,
}

/// Lists the products that suit one customer, best first; commits the disclosure. With a signer it keeps a
/// receipt of the answer, which is then computed anew.
pub async fn list_for_customer(
    caller: &Caller,
    snapshots: &Snapshots,
    customer_id: CustomerId,
    query: &MatchQuery,
    receipts: Option<&ReceiptSigner>,
) -> Result<Matches, MatchingError> {
    let mut disagreements = Disagreements::default();
    for _ in 0..ATTEMPTS_MAX {
        let mut tx = caller.begin().await?;
        let version = catalog::catalog_version(&mut tx).await?;
        let standing = match customers::standing_for_matching(&mut tx, customer_id).await {
            Ok(standing) => standing,
            Err(error) => {
                snapshots.answers().forget_customer(customer_id);
                return Err(error.into());
            }
        };
        let key = AnswerKey {
            vendor_id: tx.vendor_id(),
            customer_id,
            catalog_version: version,
            customer_version: standing.row_version,
            lists_version: standing.lists_version,
            policy_version: rules::policy_version(&mut tx).await?,
            tables_version: catalog::tables(&mut tx).await?.version(),
            as_of: tx.now().date_naive(),
            query: query.clone(),
        };
        if let Some(answer) = snapshots.answers().find(&key).filter(|_| receipts.is_none()) {
            let answer_id = customers::record_match(&mut tx, customer_id, MatchAct::Match).await?;
            tx.commit().await?;
            let mut matches = Matches::clone(answer.expose());
            matches.provenance.answer_id = answer_id;
            return Ok(matches);
        }
        let opened = customers::open_for_matching(&mut tx, customer_id, MatchAct::Match).await?;
        let Some(snapshot) = snapshot_within(&tx, snapshots, version).await? else {
            // The connection goes back to the pool while the catalog loads; then everything begins again.
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
        let mut matches = Matches::new(judged, &policy, &opened, version);
        if let Some(signer) = receipts {
            let kept = matches.keep_receipt(&mut tx, signer, customer_id, query, &policy).await?;
            if kept.is_none() {
                disagreements.note(version);
                tx.roll_back().await?;
                continue;
            }
            matches.receipt_id = kept;
        }
        tx.commit().await?;
        // What was read between the versions and the profile may be newer than the key says.
        let is_of_key =
            opened.customer_version == standing.row_version && opened.lists_version == standing.lists_version;
        if is_of_key && receipts.is_none() {
            snapshots.answers().keep(key, &matches);
        }
        return Ok(matches);
    }
    Err(TOO_FAST)
}

impl Matches {
    pub(super) fn new(judged: Judged, policy: &Policy, opened: &ForMatching, version: i64) -> Self {
        Self {
            fits: judged.fits,
            cannot_verify: judged.cannot_verify,
            considered: judged.ranked.considered,
            fits_total: judged.ranked.fits_total,
            cannot_verify_total: judged.ranked.cannot_verify_total,
            passed_over: judged.passed_over,
            funnel: judged.ranked.funnel,
            binding: judged.ranked.binding,
            receipt_id: None,
            provenance: provenance(policy, opened, version),
            health_score_terms: health_score_terms(policy, opened),
            blocked: policy.blocked.clone(),
            not_considered: policy.not_considered.clone(),
            notices: policy.notices.clone(),
            interactions_checked: policy.interactions_checked.clone(),
        }
    }

    async fn keep_receipt(
        &self,
        tx: &mut VendorTx,
        signer: &ReceiptSigner,
        customer_id: CustomerId,
        query: &MatchQuery,
        policy: &Policy,
    ) -> Result<Option<ReceiptId>, MatchingError> {
        let question = serde_json::json!({ "act": "match", "query": query });
        let asked = Asked { customer_id, question, policy, provenance: &self.provenance };
        let products: Vec<&MatchedProduct> = self.fits.iter().chain(&self.cannot_verify).collect();
        receipt::keep(tx, signer, asked, &products).await
    }
}

/// How many parts of the score rest on what was derived from this person.
fn health_score_terms(policy: &Policy, opened: &ForMatching) -> usize {
    let derived = derive_profile(opened.profile.expose(), *opened.age_years.expose(), RulePack::embedded());
    if derived.bmr_kcal.or(derived.tdee_kcal).is_some() { policy.parts.len() } else { 0 }
}
