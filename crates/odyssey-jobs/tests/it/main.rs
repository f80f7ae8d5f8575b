//! The queue against a real PostgreSQL.

mod claims;
mod failures;
mod handlers;
mod harness;
mod interleavings;
mod lanes;
mod many;
mod operations;
mod stops;
#[path = "../support/mod.rs"]
mod support;
mod tenancy;
mod timing;
mod unique;
