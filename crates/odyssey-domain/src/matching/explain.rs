//! Why, or why not: one product for one customer, judged on its live row.

use odyssey_matching::{InteractionCheck, NotConsidered, Notice, Verdict, evaluate};
use odyssey_types::{CustomerId, ProductId, ReceiptId};

use super::judge::MatchedProduct;
use super::receipt::{self, Asked, ReceiptSigner};
use super::{MatchingError, Provenance, compile, meta_of, provenance};
use crate::catalog::{self, Product};
use crate::customers::{self, MatchAct};
use crate::db::VendorTx;

/// The verdict on one product, with every gate and its evidence.
#[derive(Debug)]
pub struct Explanation {
    pub product: Product,
    pub verdict: Verdict,
    pub not_considered: Vec<NotConsidered>,
    pub notices: Vec<Notice>,
    pub interactions_checked: Vec<InteractionCheck>,
    /// Where a receipt was asked for and kept.
    pub receipt_id: Option<ReceiptId>,
    pub provenance: Provenance,
}

/// Explains one product to one customer; the disclosure is audited in the same transaction. Needs no
/// snapshot: an explanation is there also while the catalog loads. With a signer it keeps a receipt.
pub async fn explain(
    tx: &mut VendorTx,
    customer_id: CustomerId,
    product_id: ProductId,
    receipts: Option<&ReceiptSigner>,
) -> Result<Explanation, MatchingError> {
    let version = catalog::catalog_version(tx).await?;
    let opened = customers::open_for_matching(tx, customer_id, MatchAct::Match).await?;
    let product = catalog::get_product(tx, product_id).await?;
    let holds = catalog::holds_of_products(tx, &[product_id]).await?;
    let policy = compile(tx, &opened).await?;
    let held = holds.get(&product_id).map(Vec::as_slice).unwrap_or_default();
    let tables = catalog::tables(tx).await?;
    let derivation = catalog::derive_product_by(&tables, &product.fields, held);
    let verdict = evaluate(&policy, &derivation, &meta_of(&tables, &product));
    let provenance = provenance(&policy, &opened, version);
    let matched = MatchedProduct { product, verdict };
    let receipt_id = match receipts {
        Some(signer) => {
            let question = serde_json::json!({ "act": "explain", "product_id": product_id });
            let asked = Asked { customer_id, question, policy: &policy, provenance: &provenance };
            let kept = receipt::keep(tx, signer, asked, &[&matched]).await?;
            Some(kept.ok_or(MatchingError::Unavailable("the product is being changed"))?)
        }
        None => None,
    };
    Ok(Explanation {
        product: matched.product,
        verdict: matched.verdict,
        receipt_id,
        not_considered: policy.not_considered,
        notices: policy.notices,
        interactions_checked: policy.interactions_checked,
        provenance,
    })
}
