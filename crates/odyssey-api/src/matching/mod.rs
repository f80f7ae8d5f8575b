//! Routes of matching: what suits a customer, and why or why not.
//!
//! Owns: no table. Promises: every answer says what it was computed from; an empty list says what removed
//! the rest; a disclosure is recorded before it is sent. Emits: nothing; the domain audits. Never: holds a
//! rule, caches an answer.

mod audience;
mod basket;
mod batch;
mod dto;
mod evidence;
mod explain;
mod gaps;
mod matches;
mod preview;
mod problem;
mod receipts;
mod regressions;
mod swaps;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::{Facts, RateClass};
use crate::state::ApiState;
use crate::{guarded, keyed, open};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(matches::list_matches, Facts::audited("health_profile.match").discloses_phi()))
        .routes(guarded!(preview::preview_matches, Facts::audited("health_profile.preview").discloses_phi()))
        .routes(keyed!(batch::start_match_batch, Facts::audited("match_batch.start")))
        .routes(guarded!(batch::get_match_batch_result, Facts::audited("match_batch.export").discloses_phi()))
        .routes(guarded!(swaps::list_swaps, Facts::audited("health_profile.swaps").discloses_phi()))
        .routes(guarded!(basket::check_basket, Facts::audited("health_profile.basket").discloses_phi()))
        .routes(guarded!(audience::get_product_audience, Facts::audited("audience.read")))
        .routes(guarded!(audience::list_product_audience, Facts::audited("audience.list").discloses_phi()))
        .routes(guarded!(explain::explain_match, Facts::audited("health_profile.match").discloses_phi()))
        .routes(guarded!(receipts::get_receipt, Facts::audited("receipt.read").discloses_phi()))
        .routes(open!(receipts::get_receipt_keys, Facts::unaudited("public keys").rate(RateClass::Free)))
        .routes(guarded!(regressions::list_safety_regressions, Facts::unaudited("products and counts only")))
        .routes(guarded!(
            regressions::list_regression_customers,
            Facts::audited("safety_regression.list").discloses_phi()
        ))
        .routes(guarded!(gaps::get_assortment_gaps, Facts::audited("health_profile.count")))
}
