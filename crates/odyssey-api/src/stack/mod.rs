//! The middleware, one file a concern. The order is in [`crate::router`].
//!
//! Owns: nothing that outlives a request. Promises: whatever happens below, the client gets an answer
//! with a request id, security headers and, where it is a refusal, a problem; a known caller is told no only
//! after that is in the audit trail. Emits: the one log line, `access.refused` events.
//! Never: looks into a body, but for whether there is one.

mod admit;
mod body;
mod headers;
mod refusals;
mod repeat;
mod request;
mod strays;

pub(crate) use admit::admit;
pub(crate) use body::{BufferedBody, buffer_body};
pub(crate) use headers::security_headers;
pub(crate) use refusals::record_refusals;
pub(crate) use repeat::repeat_collided;
pub(crate) use request::{find_operation, limit_time, panic_problem, serve_in_context};
pub(crate) use strays::refuse_strays;
