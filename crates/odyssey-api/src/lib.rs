//! The HTTP side of Odyssey: routes, extractors, DTOs, problems.
//!
//! Owns: no table. Promises: the contract and the server are one thing, see [`operation`]; every refusal
//! is a problem of a closed registry; one log line a request with nothing personal in it. Emits: the audit
//! events of what it refuses and replays; everything else is the domain's. Never: SQL, a pool, an outgoing
//! request, a setting read from the environment.

pub mod authorized;
pub mod conditional;
pub mod context;
pub mod extract;
pub mod health;
pub mod idempotency;
pub mod limits;
pub mod operation;
pub mod paging;
pub mod problem;

mod audit;
mod auth;
mod catalog;
mod contract;
mod customers;
mod exports;
mod ingestion;
mod jobs;
mod matching;
mod meta;
mod problems;
mod quality;
mod queues;
mod reading;
mod router;
mod rules;
mod search;
mod stack;
mod state;
mod taxonomy;

#[cfg(test)]
mod tests;

pub use router::{openapi, openapi_json, operations, router};
pub use state::{ApiParts, ApiSettings, ApiState};
