//! Routes of ingestion: files that come in.
//!
//! Owns: no table. Promises: a body is never held in memory; 202 means that the file is on disk, sealed and
//! synced, and its job queued. Emits: nothing; the domain audits. Never: looks into a file.

mod csv;
mod parameters;
mod problem;

use utoipa_axum::router::OpenApiRouter;

use crate::guarded;
use crate::operation::{Facts, RateClass};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::audited("import.start").rate(RateClass::ImportStart).streams_body();
    OpenApiRouter::default().routes(guarded!(csv::ingest_csv, facts))
}
