//! Refusals of known callers are in the audit trail before anybody hears of them: a 403, and a 404 on an id
//! that is another vendor's or nobody's, which from outside is one answer and from inside may be the trace
//! of somebody trying doors.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use odyssey_domain::audit::{self, Refusal};
use odyssey_domain::tenancy::VerifiedIdentity;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::authorized::X_VENDOR_ID;
use crate::context;
use crate::operation::Operation;
use crate::problem::{Problem, SaidNo};
use crate::state::ApiState;

/// Records the refusals of one place for every operation, on a connection of their own: the handler's
/// transaction is rolled back by now. What cannot be recorded is not answered, and neither is what comes
/// faster than the budget for refusals, so that nobody fills the trail.
pub(crate) async fn record_refusals(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let (Some(identity), Some(operation)) =
        (extensions.get::<VerifiedIdentity>().copied(), extensions.get::<Arc<Operation>>().cloned())
    else {
        return next.run(request).await;
    };
    let Some(permission) = operation.permission else { return next.run(request).await };
    let ids = ids_in(&operation.path, request.uri().path());
    let wanted = wanted_vendor(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    if !matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
        return response;
    }
    // A stored refusal that is given again has no code beside it.
    let said_no = response.extensions().get::<SaidNo>().copied();
    let mut details = Map::new();
    details.insert("operation".to_owned(), operation.id.clone().into());
    details.insert("status".to_owned(), status.as_u16().into());
    if let Some(said_no) = said_no {
        details.insert("code".to_owned(), said_no.code.as_str().into());
    }
    if !ids.is_empty() {
        details.insert("ids".to_owned(), ids.into());
    }
    let (vendor_id, role) = context::standing();
    if let Some(wanted) = wanted.filter(|_| vendor_id.is_none()) {
        details.insert("wanted_vendor_id".to_owned(), wanted.to_string().into());
    }
    let refusal = Refusal {
        user_id: identity.user_id,
        request_id: context::request_id_or_nil(),
        vendor_id,
        role,
        permission: said_no.and_then(|said_no| said_no.missing).unwrap_or(permission),
        details,
    };
    match record(&state, refusal).await {
        Ok(()) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn record(state: &ApiState, refusal: Refusal) -> Result<(), Problem> {
    state.limiter().charge_refusal(refusal.user_id)?;
    audit::record_refusal(state.database(), refusal).await?;
    Ok(())
}

/// The ids of a path by the names of its template. What is not an id could be anything that a person typed,
/// a name or an address, and is left out.
fn ids_in(template: &str, path: &str) -> Map<String, Value> {
    template
        .split('/')
        .zip(path.split('/'))
        .filter_map(|(name, value)| {
            let name = name.strip_prefix('{')?.strip_suffix('}')?;
            let id = Uuid::try_parse(value).ok()?;
            Some((name.to_owned(), id.to_string().into()))
        })
        .collect()
}

fn wanted_vendor(headers: &HeaderMap) -> Option<Uuid> {
    headers.get(X_VENDOR_ID).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_path_are_named_and_anything_else_is_left_out() {
        let id = Uuid::from_u128(7).to_string();
        let template = "/api/v1/customers/{customer_id}/lists/{product_id}";
        let ids = ids_in(template, &format!("/api/v1/customers/{id}/lists/ada@example.org"));
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), [("customer_id".to_owned(), Value::from(id))]);
    }
}
