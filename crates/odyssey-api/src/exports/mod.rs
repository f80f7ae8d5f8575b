//! `/api/v1/exports`: a vendor's data out again, as a file.
//!
//! Owns: no table. Promises: who may not read a kind of data can neither ask for its file nor fetch it; a file is
//! fetched with a credential like everything else, so that its address gives nothing away. Emits: nothing; the domain
//! audits. Never: puts a filter or a name into a URL.

mod dto;
mod files;
mod problem;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::state::ApiState;
use crate::{guarded, keyed};

/// Why the reads leave no event.
const FIGURES_ONLY: &str = "counts, times and kinds of files; nothing of what is in them";

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(keyed!(files::start_export, Facts::audited("export.start")))
        .routes(guarded!(files::list_exports, Facts::unaudited(FIGURES_ONLY)))
        .routes(guarded!(files::get_export, Facts::unaudited(FIGURES_ONLY)))
        .routes(guarded!(files::delete_export, Facts::audited("export.delete")))
        .routes(guarded!(files::get_export_file, Facts::audited("export.download").discloses_phi()))
}
