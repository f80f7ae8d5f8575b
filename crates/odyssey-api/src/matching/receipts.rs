//! `/api/v1/receipts`: what an answer was computed from, signed.

use axum::extract::State;
use chrono::{DateTime, Utc};
use odyssey_domain::matching::{self, PublicKey, RECEIPT_PRODUCTS_MAX, Receipt, ReceiptSigner};
use odyssey_types::{CustomerId, ReceiptId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::{Json, Path, PathParameters};
use crate::problem::{Problem, ProblemCode, ProblemError};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ReceiptPath {
    #[param(value_type = Uuid)]
    receipt_id: ReceiptId,
}

impl PathParameters for ReceiptPath {
    const NOT_FOUND: ProblemCode = ProblemCode::ReceiptNotFound;
}

/// A receipt. Saved as it is, `odyssey verify FILE` checks it without this server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReceiptDto {
    /// The same as the `answer_id` of the answer that it proves.
    #[schema(value_type = Uuid)]
    id: ReceiptId,
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    issued_at: DateTime<Utc>,
    /// What was signed: the compiled policy, every version, the facts of the products and the verdicts on them.
    #[schema(value_type = Object)]
    content: Value,
    /// The same, signed with Ed25519: a compact JWS (RFC 7515, RFC 8037).
    jws: String,
    key: ReceiptKeyDto,
}

/// A public key as a JWK (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReceiptKeyDto {
    kty: String,
    crv: String,
    x: String,
    /// The key's thumbprint (RFC 7638).
    kid: String,
    #[serde(rename = "use")]
    used_for: String,
    alg: String,
}

/// A JWK Set (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReceiptKeysDto {
    keys: Vec<ReceiptKeyDto>,
}

/// The receipt of an answer that was asked for with `receipt=true`. It proves the verdicts on the products of that
/// answer, not that nothing better was passed over. It outlives a withdrawn consent, which ends new answers and
/// not the record of those that were given, and ends with the person's erasure.
#[utoipa::path(get, path = "/api/v1/receipts/{receipt_id}", tag = "matching", params(ReceiptPath),
    responses((status = 200, description = "The receipt", body = ReceiptDto)))]
pub(super) async fn get_receipt(
    caller: Authorized<permission::HealthRead>,
    State(state): State<ApiState>,
    Path(path): Path<ReceiptPath>,
) -> Result<Json<ReceiptDto>, Problem> {
    let mut tx = caller.begin().await?;
    let receipt = matching::get_receipt(&mut tx, state.receipts(), path.receipt_id).await?;
    tx.commit().await?;
    context::count_rows_read(1);
    Ok(Json(receipt.into()))
}

/// The keys that receipts of this installation are signed with.
#[utoipa::path(get, path = "/api/v1/receipts/keys", tag = "matching",
    responses((status = 200, description = "A JWK Set", body = ReceiptKeysDto)))]
pub(super) async fn get_receipt_keys(State(state): State<ApiState>) -> Json<ReceiptKeysDto> {
    Json(ReceiptKeysDto { keys: vec![state.receipts().public_key().clone().into()] })
}

/// Who signs, where a receipt is asked for.
pub(super) fn signer(state: &ApiState, wanted: bool) -> Option<&ReceiptSigner> {
    wanted.then(|| state.receipts())
}

/// A receipt keeps every product whole: not of the longest lists.
pub(super) fn check_count(wanted: bool, k: usize) -> Result<(), Problem> {
    if !wanted || k <= RECEIPT_PRODUCTS_MAX {
        return Ok(());
    }
    let detail =
        format!("a receipt is made of at most {RECEIPT_PRODUCTS_MAX} products: ask with a smaller k");
    Err(Problem::new(ProblemCode::ValidationError).error(ProblemError::parameter(
        "k",
        "out_of_range",
        detail,
    )))
}

impl From<Receipt> for ReceiptDto {
    fn from(receipt: Receipt) -> Self {
        let signed = receipt.signed.into_exposed();
        Self {
            id: receipt.id,
            customer_id: receipt.customer_id,
            issued_at: receipt.issued_at,
            content: signed.content,
            jws: signed.jws,
            key: signed.key.into(),
        }
    }
}

impl From<PublicKey> for ReceiptKeyDto {
    fn from(key: PublicKey) -> Self {
        let PublicKey { kty, crv, x, kid, used_for, alg } = key;
        Self { kty, crv, x, kid, used_for, alg }
    }
}
