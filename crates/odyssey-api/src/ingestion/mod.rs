//! Routes of ingestion: files that come in.
//!
//! Owns: no table. Promises: a body is never held in memory, but for the 4 MiB of a preview; 202 means that the file is on disk, sealed and
//! synced, or lies in the vendor's inbox, and its job is queued. Emits: nothing; the domain audits. Never: looks into a file.

mod beginning;
mod csv;
mod mappings;
mod parameters;
mod preview;
mod problem;
mod rehearsal;
mod rehearsed_people;
mod signed;
mod undo;
mod upload_parts;
mod upload_refusals;
mod uploads;

pub(crate) use undo::UndoneDto;
pub(crate) use upload_refusals::name_version;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::{Facts, RateClass};
use crate::state::ApiState;
use crate::{guarded, keyed, open};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::audited("import.start").rate(RateClass::ImportStart).streams_body();
    let create = Facts::audited("import.receive").rate(RateClass::Upload).streams_body();
    let describe = Facts::unaudited("what this server speaks; nothing of anybody").rate(RateClass::Free);
    let read =
        Facts::unaudited("how many bytes of a file are there; nothing of the file").rate(RateClass::Free);
    let settings = Facts::unaudited("headers and the fields they stand for are settings, not personal data");
    let look = Facts::audited("import.preview").rate(RateClass::Standard).discloses_phi();
    let append = Facts::audited("import.append").rate(RateClass::Free).streams_body();
    OpenApiRouter::default()
        .routes(guarded!(csv::ingest_csv, facts))
        .routes(guarded!(preview::preview_ingest, look))
        .routes(guarded!(mappings::get_mapping, settings))
        .routes(keyed!(mappings::replace_mapping, Facts::audited("mapping.write")))
        .routes(guarded!(mappings::delete_mapping, Facts::audited("mapping.delete")))
        .routes(guarded!(mappings::list_mapping_versions, settings))
        .routes(guarded!(rehearsal::get_rehearsal, Facts::audited("rehearsal.read").discloses_phi()))
        .routes(keyed!(
            rehearsal::apply_rehearsal,
            Facts::audited("import.apply").rate(RateClass::ImportStart)
        ))
        .routes(guarded!(undo::get_undo, Facts::unaudited("ids of products or customers, and counts")))
        .routes(keyed!(undo::undo_import, Facts::audited("import.undo")))
        .routes(guarded!(beginning::create_upload, create))
        .routes(open!(uploads::describe_uploads, describe))
        .routes(guarded!(uploads::get_upload, read))
        .routes(guarded!(uploads::append_upload, append))
        .routes(guarded!(uploads::terminate_upload, Facts::audited("import.abandon")))
}
