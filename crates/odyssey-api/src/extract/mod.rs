//! What comes in: bodies, queries and paths, each refused as a problem that names the place.
//!
//! Owns: [`Json`], [`FhirJson`], [`FileOrJson`], [`Query`], [`Path`]. Promises: unknown fields are refused by name when the DTO says
//! `deny_unknown_fields` (unknown query parameters are refused before, by the contract); a fault in a body points at the field; no value of the request is repeated in
//! a refusal. Emits: nothing. Never: accepts a form where JSON is meant.

mod fault;
mod json;
mod path;
mod query;
#[cfg(test)]
mod tests;

pub(crate) use json::read as read_json;
pub use json::{FhirJson, FileOrJson, Json, MergePatch};
pub use path::{Path, PathParameters};
pub use query::Query;
pub(crate) use query::unknown_parameter;
