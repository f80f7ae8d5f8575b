//! Routes of matching: what suits a customer, and why or why not.
//!
//! Owns: no table. Promises: every answer says what it was computed from; an empty list says what removed
//! the rest; a disclosure is recorded before it is sent. Emits: nothing; the domain audits. Never: holds a
//! rule, caches an answer.

mod dto;
mod explain;
mod matches;
mod problem;

use utoipa_axum::router::OpenApiRouter;

use crate::guarded;
use crate::operation::Facts;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(matches::list_matches, Facts::audited("health_profile.match").discloses_phi()))
        .routes(guarded!(explain::explain_match, Facts::audited("health_profile.match").discloses_phi()))
}
