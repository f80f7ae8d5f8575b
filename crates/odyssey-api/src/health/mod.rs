//! Whether this server lives and whether it should get requests.
//!
//! Owns: [`Readiness`]. Promises: `/livez` asks nobody; `/readyz` is green only when the database answers
//! under roles that obey policies, this node's keys are the ones it was sealed under, every gate of the
//! start has opened, and nobody has asked the server to drain. Emits: nothing. Never: hangs, or says why
//! in more than a word (the reason is in the log).

mod readiness;
mod routes;
#[cfg(test)]
mod tests;

pub use readiness::{NotReady, Readiness};
pub(crate) use routes::routes;
