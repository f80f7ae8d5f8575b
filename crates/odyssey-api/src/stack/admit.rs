//! Who is this, and have they budget left: decided before a byte of the body is read.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::authorized::identify;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Verifies the credential of a guarded operation and charges its user; charges the address of an open one.
pub(crate) async fn admit(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match admitted(&state, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admitted(state: &ApiState, request: &mut Request) -> Result<(), Problem> {
    let Some(operation) = request.extensions().get::<Arc<Operation>>().cloned() else { return Ok(()) };
    if operation.permission.is_none() {
        let connection = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let address = client_address(connection, request.headers(), state.settings().trusted_proxies);
        return state.charge_address(&operation, address);
    }
    let identity = identify(state, request.headers()).await?;
    state.limiter().charge_user(operation.rate, identity.user_id)?;
    request.extensions_mut().insert(identity);
    Ok(())
}

/// The address that the outermost trusted proxy saw. Each proxy appends the address it was called from, so
/// the entries are counted from the right; what stands further left is whatever the client typed.
fn client_address(connection: Option<IpAddr>, headers: &HeaderMap, trusted_proxies: usize) -> Option<IpAddr> {
    let Some(back) = trusted_proxies.checked_sub(1) else { return connection };
    let forwarded: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    forwarded.iter().rev().nth(back).and_then(|entry| entry.parse().ok()).or(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(forwarded: &str, trusted_proxies: usize) -> String {
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR.parse().unwrap(), forwarded.parse().unwrap())]);
        client_address(Some("192.0.2.1".parse().unwrap()), &headers, trusted_proxies).unwrap().to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_header_is_not_believed() {
        assert_eq!(address("203.0.113.9", 0), "192.0.2.1");
    }

    #[test]
    fn entries_are_counted_from_the_right() {
        assert_eq!(address("1.1.1.1, 203.0.113.9", 1), "203.0.113.9");
        assert_eq!(address("1.1.1.1, 203.0.113.9, 10.0.0.2", 2), "203.0.113.9");
        assert_eq!(address("nonsense", 1), "192.0.2.1");
    }
}
