//! Routes of quality: how good the records are, what to mend first, and which labels keep the rules.
//!
//! Owns: no table. Promises: every finding comes with its severity and its remedy; a figure that nobody
//! counted is null, never zero. Emits: nothing; the domain audits. Never: changes a product.

mod dto;
mod problem;
mod products;
mod rule_set_dto;
mod rule_sets;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::state::ApiState;
use crate::{guarded, keyed};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let plain = Facts::unaudited("products are not personal data");
    OpenApiRouter::default()
        .routes(guarded!(products::get_quality_summary, plain))
        .routes(guarded!(products::list_product_quality, plain))
        .routes(guarded!(products::get_product_quality, Facts::audited("audience.read")))
        .routes(guarded!(rule_sets::list_rule_sets, plain))
        .routes(guarded!(rule_sets::get_rule_set, plain))
        .routes(keyed!(rule_sets::write_rule_set, Facts::audited("rule_set.write")))
        .routes(guarded!(rule_sets::delete_rule_set, Facts::audited("rule_set.delete")))
        .routes(keyed!(rule_sets::run_rule_set, Facts::audited("rule_set.run")))
}
