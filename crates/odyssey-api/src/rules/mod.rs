//! Routes of rules: what every verdict is decided by with its sources, a vendor's own changes to it, and the
//! weights of the score.
//!
//! Owns: no table. Promises: every rule that decides is listed with its source and standing, and a superadmin
//! also sees what is switched off, and why; a draft is in force nowhere until it is published; every version that ever was
//! in force can be read and gone back to; a refusal names the change and the field. Emits: nothing; the
//! domain audits. Never: holds a rule.

mod change;
mod dto;
mod label_age;
mod pack_dto;
mod packs;
mod preview;
mod problem;
mod scoring;
mod versions;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::state::ApiState;
use crate::{guarded, keyed};

const NOT_PERSONAL: &str = "rules of a vendor are settings, nobody's data";

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(packs::list_rule_packs, Facts::unaudited(NOT_PERSONAL)))
        .routes(guarded!(versions::get_rules, Facts::unaudited(NOT_PERSONAL)))
        .routes(guarded!(versions::list_rule_versions, Facts::unaudited(NOT_PERSONAL)))
        .routes(guarded!(versions::get_rule_version, Facts::unaudited(NOT_PERSONAL)))
        .routes(keyed!(versions::replace_rules_draft, Facts::audited("rules.draft")))
        .routes(keyed!(versions::publish_rules, Facts::audited("rules.publish")))
        .routes(keyed!(versions::roll_back_rules, Facts::audited("rules.roll_back")))
        .routes(guarded!(preview::preview_rules, Facts::audited("rules.preview").discloses_phi()))
        .routes(guarded!(label_age::get_label_age, Facts::unaudited(NOT_PERSONAL)))
        .routes(keyed!(label_age::replace_label_age, Facts::audited("label_age.update")))
        .routes(guarded!(scoring::get_scoring_policy, Facts::unaudited(NOT_PERSONAL)))
        .routes(keyed!(scoring::replace_scoring_policy, Facts::audited("scoring_policy.update")))
}
