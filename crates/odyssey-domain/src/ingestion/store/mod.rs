//! All SQL of this area.

mod claims;
mod contested;
mod corrections;
mod imports;
mod many;
mod mappings;
mod objects;
mod pieces;
mod reruns;
mod row_errors;
mod running;
mod staging;
mod uploads;

pub(super) use claims::{ClaimRow, barcode_claims};
pub(super) use contested::{HeldClaim, RivalClaim, held_claims, rival_claims};
pub(super) use corrections::{
    CorrectionRow, count_waiting, delete_corrections, find_corrections, standing_faults, upsert_corrections,
};
pub(super) use imports::{
    AcceptedMapping, ImportRow, advance, close_reading, delete_imports, end_import, find_import,
    find_imports, finish_import, insert_import, save_mapping,
};
pub(super) use many::{end_imports, forget_imports, needed_imports, reopen_imports, startable_imports};
pub(super) use mappings::{delete_mappings, find_mapping, insert_mapping, list_mappings};
pub(super) use objects::{
    FetchRow, LeftObject, find_fetch, forget_left_object, forget_object, keep_unfinished, left_objects,
    mark_fetched,
};
pub(super) use pieces::{
    PieceRow, ResumableRow, advance_upload, bytes_held, close_resumable, expire_upload, find_pieces,
    find_resumable, insert_piece, lock_uploads, mark_final, mark_joined, mark_partial, mark_resumable,
    take_pieces, take_writer, withdraw_upload,
};
pub(super) use reruns::{
    NewRerun, Parent, RefusedRow, Wanted, count_kept_rows, find_links, find_parent, find_reading,
    find_rerun_rows, find_taken, insert_rerun, lock_parent, refused_rows, settle_rerun, still_rejected,
};
pub(super) use row_errors::{
    RowErrorRow, delete_row_errors, faults_without_original, insert_row_errors, list_row_errors, set_original,
};
pub(super) use running::{begin_trial, end_trial, is_overtaken, note_reading};
pub(super) use staging::{
    TodoRow, analyze, copy_staged, count_products, create_staging, create_todo, drop_staging, find_absent,
    find_todo, imported_rows, lacks_fields, left_staging, next_todo, purge_staging, server_run,
    stored_shapes,
};
pub(super) use uploads::{
    NewUpload, UploadRow, close_upload, due_uploads, fail_upload, find_modes, find_upload, insert_upload,
    mark_purged, mode_of,
};
