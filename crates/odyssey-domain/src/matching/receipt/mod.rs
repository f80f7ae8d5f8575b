//! Receipts: what an answer was computed from, signed, so that its verdicts can be proven years later.
//!
//! Promises: a receipt recomputes at the moment it is made, or the answer is not given; it holds everything that
//! its verdicts depend on and is signed as one; it proves the verdicts that were returned and not that nothing
//! better was passed over. Never: signs what it has not recomputed.

mod sign;
mod verify;

pub use sign::{PublicKey, ReceiptSigner, SignedReceipt};
pub use verify::{HandedReceipt, ReceiptFault, VerifiedReceipt, verify_receipt};

use chrono::{DateTime, Utc};
use odyssey_matching::{Policy, Proof};
use odyssey_types::{CustomerId, Phi, ProductId, ReceiptId, VendorId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::judge::MatchedProduct;
use super::{MatchingError, Provenance, meta_of};
use crate::audit::{self, AuditEvent};
use crate::catalog;
use crate::customers;
use crate::db::{DbError, VendorTx};
use crate::tenancy::Purpose;

/// Products of an answer with a receipt, at most: each is kept whole for six years.
pub const RECEIPT_PRODUCTS_MAX: usize = 200;
/// Version of [`ReceiptContent`].
pub(super) const FORMAT: u32 = 1;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptContent {
    pub format: u32,
    /// The same as the id of the answer.
    pub id: ReceiptId,
    pub vendor_id: VendorId,
    pub customer_id: CustomerId,
    pub issued_at: DateTime<Utc>,
    /// What was asked.
    pub question: Value,
    /// Every version the answer depends on.
    pub provenance: Value,
    /// The products in the order of the answer, by their names; what they were judged by stands in `proof`.
    pub products: Vec<NamedProduct>,
    pub proof: Proof,
}

/// How a product was called on that day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedProduct {
    pub product_id: ProductId,
    pub external_id: String,
    pub name: Option<String>,
}

/// A receipt as it is handed over.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub id: ReceiptId,
    pub customer_id: CustomerId,
    pub issued_at: DateTime<Utc>,
    pub signed: Phi<SignedReceipt>,
}

/// One receipt; audited as a disclosure.
pub async fn get_receipt(
    tx: &mut VendorTx,
    signer: &ReceiptSigner,
    id: ReceiptId,
) -> Result<Receipt, MatchingError> {
    let kept = customers::open_receipt(tx, id).await?;
    let signed = signer.unpack(kept.content.expose()).map_err(DbError::inconsistent)?;
    // As it was signed; the row's own time is that of the database's clock.
    let issued_at: DateTime<Utc> = DateTime::deserialize(&signed.content["issued_at"])
        .map_err(|_| DbError::inconsistent(format!("receipt {id} does not say when it was issued")))?;
    Ok(Receipt { id, customer_id: kept.customer_id, issued_at, signed: Phi::new(signed) })
}

/// What a receipt is about, beside the products.
pub(super) struct Asked<'a> {
    pub customer_id: CustomerId,
    pub question: Value,
    pub policy: &'a Policy,
    pub provenance: &'a Provenance,
}

/// Makes and keeps the receipt of an answer in the transaction that gives it. `None`: a row or a hold has moved on
/// since it was judged, and the request begins again.
pub(super) async fn keep(
    tx: &mut VendorTx,
    signer: &ReceiptSigner,
    asked: Asked<'_>,
    products: &[&MatchedProduct],
) -> Result<Option<ReceiptId>, MatchingError> {
    let proof = prove(tx, asked.policy, products).await?;
    if !proof.recompute().is_empty() {
        return Ok(None);
    }
    let id = ReceiptId::from_uuid(asked.provenance.answer_id.as_uuid());
    let named = |matched: &&MatchedProduct| NamedProduct {
        product_id: matched.product.id,
        external_id: matched.product.external_id.clone(),
        name: matched.product.fields.name.clone(),
    };
    let content = ReceiptContent {
        format: FORMAT,
        id,
        vendor_id: tx.vendor_id(),
        customer_id: asked.customer_id,
        issued_at: tx.now(),
        question: asked.question,
        provenance: serde_json::to_value(asked.provenance).map_err(unwritable)?,
        products: products.iter().map(named).collect(),
        proof,
    };
    let packed = Phi::new(signer.sign(&content)?);
    customers::keep_receipt(tx, asked.customer_id, id, &packed).await?;
    let event = AuditEvent::new("receipt.create", "receipt", Purpose::Service)
        .entity(id)
        .count(products.len() as i64)
        .discloses(asked.customer_id);
    audit::record(tx, event).await?;
    Ok(Some(id))
}

/// Derives the products once more, from the rows that were judged.
async fn prove(
    tx: &mut VendorTx,
    policy: &Policy,
    products: &[&MatchedProduct],
) -> Result<Proof, MatchingError> {
    let ids: Vec<ProductId> = products.iter().map(|matched| matched.product.id).collect();
    let holds = catalog::holds_of_products(tx, &ids).await?;
    let tables = catalog::tables(tx).await?;
    let judged = products.iter().map(|matched| {
        let held = holds.get(&matched.product.id).map(Vec::as_slice).unwrap_or_default();
        let derivation = catalog::derive_product_by(&tables, &matched.product.fields, held);
        (meta_of(&tables, &matched.product), derivation, matched.verdict.clone())
    });
    Ok(Proof::new(policy, judged))
}

fn unwritable(error: serde_json::Error) -> MatchingError {
    DbError::inconsistent(format!("a receipt cannot be written as JSON: {error}")).into()
}
