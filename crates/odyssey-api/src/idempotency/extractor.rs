//! The handler's side of a key.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http::request::Parts;
use odyssey_domain::audit::{self, AuditEvent};
use odyssey_domain::db::{SystemTx, VendorTx};
use odyssey_domain::security::{self, Claim, IdempotencyScope, StoredAnswer};
use odyssey_domain::tenancy::{Caller, Purpose};

use super::Answer;
use super::answer::respond;
use super::layer::{HeldKey, PresentedKey};
use crate::operation::Operation;
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// Proof that this call is the first with its key. Stands behind `Authorized` and before the body.
///
/// A handler ends with [`Idempotency::commit`]; when it returns a problem instead, the key is settled
/// for it.
#[derive(Debug)]
pub struct Idempotency {
    scope: IdempotencyScope,
    held: HeldKey,
}

/// Why a handler does not run: the call was answered before, or it must not be made.
#[derive(Debug)]
pub enum NotFirst {
    Replayed(Response),
    Refused(Problem),
}

impl IntoResponse for NotFirst {
    fn into_response(self) -> Response {
        match self {
            Self::Replayed(response) => response,
            Self::Refused(problem) => problem.into_response(),
        }
    }
}

impl<E: Into<Problem>> From<E> for NotFirst {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl FromRequestParts<ApiState> for Idempotency {
    type Rejection = NotFirst;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, NotFirst> {
        let (Some(presented), Some(caller), Some(operation)) = (
            parts.extensions.get::<PresentedKey>(),
            parts.extensions.get::<Caller>(),
            parts.extensions.get::<Arc<Operation>>(),
        ) else {
            return Err(Problem::broken_promise("a keyed handler is not registered with keyed!").into());
        };
        let scope = IdempotencyScope {
            vendor_id: caller.vendor_id().unwrap_or(security::PLATFORM),
            principal_id: caller.user_id,
            method: operation.method.to_string(),
            route: operation.path.clone(),
            key: presented.key.clone(),
            fingerprint: presented.fingerprint,
        };
        match security::claim(state.database(), &scope).await? {
            Claim::Fresh => {
                presented.held.claim(scope.clone());
                Ok(Self { scope, held: presented.held.clone() })
            }
            Claim::Replay(stored) => Err(NotFirst::Replayed(replay(caller, operation, stored).await?)),
            Claim::InProgress => Err(Problem::new(ProblemCode::IdempotencyInProgress)
                .retry_after(TimeDelta::seconds(1))
                .into()),
            Claim::Reused => Err(Problem::new(ProblemCode::IdempotencyKeyReused).into()),
        }
    }
}

impl Idempotency {
    /// Ends a change: stores the answer in the transaction of the effect, commits both, and gives the answer.
    pub async fn commit(self, mut tx: VendorTx, answer: Answer) -> Result<Response, Problem> {
        let stored = answer.into_stored()?;
        security::store_answer(&mut tx, &self.scope, &stored).await?;
        tx.commit().await?;
        // Only now: a commit that fails leaves the key to be given back.
        self.held.take();
        respond(stored, false)
    }

    /// The same for a change of the platform, which belongs to no vendor.
    pub async fn commit_platform(self, mut tx: SystemTx, answer: Answer) -> Result<Response, Problem> {
        let stored = answer.into_stored()?;
        security::store_platform_answer(&mut tx, &self.scope, &stored).await?;
        tx.commit().await?;
        self.held.take();
        respond(stored, false)
    }
}

/// Gives the first answer again. It may show what the first one showed, so it is an act of its own.
async fn replay(caller: &Caller, operation: &Operation, stored: StoredAnswer) -> Result<Response, Problem> {
    let event = AuditEvent::new("idempotency.replay", "operation", Purpose::Service)
        .entity(&operation.id)
        .detail("status", stored.status);
    if caller.vendor_id().is_some() {
        let mut tx = caller.begin().await?;
        audit::record(&mut tx, event).await?;
        tx.commit().await?;
    } else {
        let mut tx = SystemTx::begin(caller.database()).await?;
        audit::record_on_platform(&mut tx, None, &caller.actor(), event).await?;
        tx.commit().await?;
    }
    respond(stored, true)
}
