//! Which products suit this person, and why.
//!
//! Owns: the snapshots in memory and their files on local disk, the audiences in memory; what is in a receipt
//! (where it is kept is the customers' business). Promises: the
//! whole catalog is judged every time; the answer is never older than the transaction that read the profile; every product shown was
//! judged twice, by the snapshot and again on its live row; without consent there is no answer. Emits:
//! audit events of every disclosure. Never: relaxes a gate to fill a list, keeps an opened profile.

mod answers;
mod audience;
mod basket;
mod batch;
mod disk;
mod error;
mod explain;
mod gaps;
mod judge;
mod matches;
mod preview;
mod query;
mod receipt;
mod regressions;
mod reverse;
mod rule_preview;
mod snapshots;
mod spread;
mod swaps;

pub use audience::{
    AUDIENCE_IDS_MAX, LabelDraft, ProductAudience, audience, audience_customers, audience_of_label,
    audiences_of, who_regresses, who_would_regress,
};
pub use basket::{
    BASKET_ITEMS_MAX, BasketCheck, BasketItem, Budget, BudgetState, QUANTITY_MILLI_MAX, check_basket,
};
pub use batch::{
    BATCH_CUSTOMERS_MAX, BATCH_LANE, BATCH_MATCHES_MAX, BatchFile, MatchedRow, RunMatchBatch, batch_file,
    forget_batches, kept_batches, matches_of_many, purge_batches, run_match_batch, start_batch,
};
pub use error::MatchingError;
pub use explain::{Explanation, explain};
pub use gaps::{Archetype, CELL_MIN, GAPS_SAMPLE_DEFAULT, GAPS_SAMPLE_MAX, Gaps, assortment_gaps, cell};
pub use judge::MatchedProduct;
pub use matches::{Matches, list_for_customer};
pub use preview::{PreviewOf, preview};
pub use query::{Diversify, MATCHES_DEFAULT, MATCHES_MAX, MatchQuery, PriceRange};
pub use receipt::{
    HandedReceipt, PublicKey, RECEIPT_PRODUCTS_MAX, Receipt, ReceiptContent, ReceiptFault, ReceiptSigner,
    SignedReceipt, VerifiedReceipt, get_receipt, verify_receipt,
};
pub use regressions::{
    JudgedLabels, Regression, judge_label_changes, list_regressions, purge_regressions, regression_customers,
};
pub use reverse::{AUDIENCE_CUSTOMERS_MAX, Audiences};
pub use rule_preview::{
    AffectedCustomer, AffectedProduct, PREVIEW_CUSTOMERS_DEFAULT, PREVIEW_CUSTOMERS_MAX, RulePreview,
    TriedRules, preview_rules,
};
pub use snapshots::read_cached_catalog;
pub use snapshots::{Snapshots, VendorSnapshot};
pub use swaps::{SWAPS_DEFAULT, SWAPS_MAX, SameKind, Swaps, find_swaps};

use odyssey_matching::label::Tables;
use odyssey_matching::{ALGORITHM_VERSION, Policy, PolicyInput, ProductMeta, RulePack};
use odyssey_types::AuditEventId;
use serde::Serialize;

use crate::catalog::Product;
use crate::customers::ForMatching;
use crate::db::VendorTx;
use crate::rules::{self, EffectiveRules};

/// Where an answer comes from: everything it depends on, by version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The id of this answer, which is that of the audit event that records it.
    pub answer_id: AuditEventId,
    pub policy_digest: String,
    pub catalog_version: i64,
    pub profile_version: i64,
    pub lists_version: i64,
    pub consent_version: i64,
    pub algorithm_version: &'static str,
    pub rule_pack: String,
    pub rule_pack_version: String,
    /// Of the pack with the vendor's own rules.
    pub pack_digest: String,
    /// The day the answer is for.
    pub as_of: chrono::NaiveDate,
}

/// Compiles the customer's policy for today with the vendor's rules and weights.
async fn compile(tx: &mut VendorTx, opened: &ForMatching) -> Result<Policy, MatchingError> {
    let rules = rules::effective_rules(tx).await?;
    Ok(compile_with(opened, &rules, tx.now().date_naive()))
}

fn compile_with(opened: &ForMatching, rules: &EffectiveRules, as_of: chrono::NaiveDate) -> Policy {
    let input = PolicyInput {
        profile: opened.profile.expose(),
        age_years: *opened.age_years.expose(),
        as_of,
        never_list: &opened.never_show,
        allow_list: &opened.always_allow,
        vendor_policy: rules.weights,
        label_oldest: rules.label_oldest(as_of),
    };
    Policy::compile(&input, &rules.pack)
}

fn provenance(policy: &Policy, opened: &ForMatching, catalog_version: i64) -> Provenance {
    Provenance {
        answer_id: opened.answer_id,
        policy_digest: policy.digest(),
        catalog_version,
        profile_version: opened.profile_version,
        lists_version: opened.lists_version,
        consent_version: opened.consent_version,
        algorithm_version: ALGORITHM_VERSION,
        rule_pack: RulePack::embedded().id.clone(),
        rule_pack_version: RulePack::embedded().version.clone(),
        pack_digest: policy.pack_digest.clone(),
        as_of: policy.as_of,
    }
}

fn meta_of(tables: &Tables, product: &Product) -> ProductMeta {
    ProductMeta {
        id: product.id,
        active: product.deleted_at.is_none() && product.fields.status == odyssey_types::ProductStatus::Active,
        brand: product.fields.brand.clone(),
        category: product.fields.category_id.clone(),
        role: tables.role_of(&product.fields),
        label_as_of: product.fields.label_as_of,
        changed_at_seconds: product.updated_at.timestamp(),
    }
}
