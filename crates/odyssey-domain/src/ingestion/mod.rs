//! Files that come in: received sealed, read once into typed rows, merged in batches, and what was wrong
//! with them.
//!
//! Owns: `uploads`, `upload_pieces`, `imports`, `import_mappings`, `row_errors`, `row_corrections`, `rerun_rows`, the job's
//! tables in `odyssey_staging`, the spool folder and, in the store, the inboxes of vendors, which they fill themselves.
//! Promises: a file is on disk, sealed and synced, before its job is queued; totals reconcile (read =
//! created + updated + unchanged + kept + rejected) at every commit and whatever process died in between;
//! memory is bounded whatever the size of the file; rows merged before a cancel stay, and are counted.
//! Emits: the events of the areas it writes through; audit events of starts, cancels and readings of
//! refused values. Never: holds a clear byte of an upload on disk, keeps a value of a refused row
//! unsealed, or overwrites what a person edited after the import began.

mod ahead;
mod barcodes;
mod cancel;
mod claims;
mod concat;
mod corrections;
mod customers;
mod ending;
mod error;
mod errors_csv;
mod fetch;
mod holders;
mod import;
mod inbox;
mod known;
mod ledger;
mod many;
mod mappings;
mod merge_fault;
mod newer;
mod originals;
mod pace;
mod parameters;
mod patch;
mod piece_writer;
mod pieces;
mod preview;
mod products;
mod progress;
mod purge;
mod quota;
mod reading;
mod receive;
mod rehearsal;
mod rerun;
mod rerun_lines;
mod resumable;
mod row_errors;
mod spool;
mod staging;
mod store;
mod undo;
mod view;
mod warnings;
mod whole;
mod words;

pub use cancel::cancel_job;
pub use claims::{BarcodeClaim, list_barcode_claims};
pub use concat::{PartFault, join_uploads};
pub use corrections::{CORRECTION_LENGTH_MAX, CORRECTIONS_MAX, Corrected, Correction, correct_errors};
pub use ending::{Gone, terminate_resumable, withdraw_resumable};
pub use error::IngestionError;
pub use errors_csv::{ErrorsCsv, errors_csv};
pub use fetch::{ImportObject, run_import_object};
pub use import::{IMPORT_LANE, RunImport, run_import};
pub use inbox::{FoundObject, StartedObject, find_object, start_object};
pub use many::{end_imports, forget_imports, needed_imports, reopen_imports, startable_imports};
pub use mappings::{
    FIELDS_PER_COLUMN_MAX, MAPPING_VERSIONS_MAX, MappingVersion, SavedColumn, SavedField, SavedMapping,
    delete_mapping, find_mapping, list_mapping_versions, put_mapping,
};
pub use odyssey_tabular::DecimalMark;
pub use pace::Estimate;
pub use parameters::{ColumnOverride, ConsentAttestation, ImportParameters, LabelAttestation, SavedChoice};
pub use preview::{
    PREVIEW_BYTES_MAX, PREVIEW_ROWS, Preview, PreviewColumn, PreviewRequest, PreviewRow, PreviewSource,
    preview,
};
pub use progress::Totals;
pub use purge::{PurgeCounts, purge_imports, purge_row_errors, purge_staging, purge_uploads};
pub use quota::admit_file;
pub use receive::{StartedImport, UploadSink, begin_upload};
pub use rehearsal::{
    FlaggedPerson, FlaggedRow, PeopleCounts, PeopleRehearsal, PersonSample, RehearsalView, Rehearsed,
    SampleDifference, SampleRow, apply_rehearsal, rehearsal,
};
pub use rerun::{RerunErrors, RerunRows, StartedRerun, run_rerun, start_rerun};
pub use resumable::{Appending, Concatenation, ResumableUpload, append_to, begin_resumable, find_resumable};
pub use row_errors::{RowFault, RowFaultPage, list_errors};
pub use spool::Spool;
pub use undo::{
    LaterChange, NotUndoable, UndoImport, UndoView, Undone, run_undo_import, start_undo, undo_view,
};
pub use view::{ImportView, JobView, find_job, get_job, list_jobs};

pub use odyssey_tabular::{ColumnMap, Mapping, Mode as ImportMode, Target};

pub use odyssey_jobs::Wake;

/// Limits of imports. Each is a setting.
#[derive(Debug, Clone)]
pub struct IngestionSettings {
    /// Largest file as it is sent, in bytes: what the spool must have room for.
    pub file_bytes_max: u64,
    /// Of all files of a vendor that lie here at the same time, in bytes.
    pub vendor_bytes_max: u64,
    /// Largest file once unpacked, in bytes.
    pub unpacked_bytes_max: u64,
    /// Product rows of one merge transaction: more gains nothing and holds locks for longer.
    pub batch_rows: usize,
    /// Customer rows of one merge transaction; each is opened in memory.
    pub customer_batch_rows: usize,
    /// Refused rows whose errors are kept with their values; beyond, only counts are.
    pub row_errors_max: u64,
}

impl Default for IngestionSettings {
    fn default() -> Self {
        Self {
            file_bytes_max: 8 << 30,
            vendor_bytes_max: 64 << 30,
            unpacked_bytes_max: 64 << 30,
            batch_rows: 5_000,
            customer_batch_rows: 2_000,
            row_errors_max: 100_000,
        }
    }
}

/// What receiving and importing work with, besides a transaction. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingestion {
    pub spool: Spool,
    pub settings: IngestionSettings,
    /// Tells the dispatcher of this process after a commit.
    pub wake: Wake,
}
