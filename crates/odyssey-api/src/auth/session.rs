//! Sessions: begun with a password, prolonged with a refresh token, ended on request.

use axum::extract::State;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::tenancy::{self, SignedIn, VerifiedIdentity};
use odyssey_types::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::ApiState;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[schema(format = "email")]
    email: String,
    #[schema(format = "password")]
    password: String,
}

/// The refresh token of the last answer. Each works once; a second use ends the session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshSession {
    #[schema(format = "password")]
    refresh_token: String,
}

/// A session's tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionTokens {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Refresh before this instant.
    access_expires_at: DateTime<Utc>,
    refresh_token: String,
}

impl From<SignedIn> for SessionTokens {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            user_id: signed_in.user_id,
            access_token: signed_in.access_token.expose_secret().to_owned(),
            access_expires_at: signed_in.access_expires_at,
            refresh_token: signed_in.refresh_token.expose_secret().to_owned(),
        }
    }
}

/// Begins a session.
#[utoipa::path(post, path = "/api/v1/auth/sign-in", tag = "auth", request_body = SignIn,
    responses((status = 200, description = "Signed in", body = SessionTokens),
        (status = 401, description = "Address or password is wrong; which one stays unsaid")))]
pub(super) async fn sign_in(
    State(state): State<ApiState>,
    Json(sign_in): Json<SignIn>,
) -> Result<Json<SessionTokens>, Problem> {
    let password = SecretString::from(sign_in.password);
    let request_id = context::request_id_or_nil();
    let signed_in =
        tenancy::sign_in(state.database(), state.issuer(), &sign_in.email, &password, request_id).await?;
    context::set_user(signed_in.user_id);
    Ok(Json(signed_in.into()))
}

/// Prolongs a session.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", request_body = RefreshSession,
    responses((status = 200, description = "A new pair of tokens", body = SessionTokens),
        (status = 401, description = "The token is unknown, expired or was used before")))]
pub(super) async fn refresh_session(
    State(state): State<ApiState>,
    Json(refresh): Json<RefreshSession>,
) -> Result<Json<SessionTokens>, Problem> {
    let token = SecretString::from(refresh.refresh_token);
    let request_id = context::request_id_or_nil();
    let signed_in = tenancy::refresh(state.database(), state.issuer(), &token, request_id).await?;
    context::set_user(signed_in.user_id);
    Ok(Json(signed_in.into()))
}

/// Ends the session of the credential; its access tokens stop working with the next request.
#[utoipa::path(post, path = "/api/v1/auth/sign-out", tag = "auth",
    responses((status = 204, description = "Signed out")))]
pub(super) async fn sign_out(caller: Authorized<permission::SelfRead>) -> Result<StatusCode, Problem> {
    let identity = VerifiedIdentity { user_id: caller.user_id, session_id: caller.session_id };
    tenancy::sign_out(caller.database(), &identity, caller.request_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
