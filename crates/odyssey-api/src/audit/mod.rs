//! The vendor's audit trail, for admins.
//!
//! Owns: the DTO of an event. Promises: reading the trail is itself recorded in it. Emits: nothing of its
//! own. Never: shows another vendor's events, or any personal data (events hold ids, codes and counts).

mod events;

use utoipa_axum::router::OpenApiRouter;

use crate::guarded;
use crate::operation::Facts;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(guarded!(events::list_audit_events, Facts::audited("audit.list")))
}
