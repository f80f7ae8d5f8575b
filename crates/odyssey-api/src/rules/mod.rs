//! Routes of rules: what every verdict is decided by, with its sources.
//!
//! Owns: no table; the rules are data of `odyssey-matching`. Promises: every rule that decides is listed with its source
//! and standing; a superadmin also sees what is switched off, and why. Emits: nothing. Never: anything about a person.

mod dto;
mod packs;

use utoipa_axum::router::OpenApiRouter;

use crate::guarded;
use crate::operation::Facts;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(packs::list_rule_packs, Facts::unaudited("a rule is not personal data")))
}
