//! Sign-in, refresh, sign-out, and who the caller is.
//!
//! Owns: the token DTOs. Promises: a wrong address and a wrong password are one answer. Emits: nothing;
//! the domain audits sessions. Never: keeps or logs a password or a token.

mod session;
mod who;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::{Facts, RateClass};
use crate::state::ApiState;
use crate::{guarded, open};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(open!(session::sign_in, Facts::audited("session.sign_in").rate(RateClass::SignIn)))
        .routes(open!(session::refresh_session, Facts::audited("session.refresh").rate(RateClass::SignIn)))
        .routes(guarded!(session::sign_out, Facts::audited("session.sign_out")))
        .routes(guarded!(who::get_me, Facts::unaudited("it tells the caller who the caller is")))
}
