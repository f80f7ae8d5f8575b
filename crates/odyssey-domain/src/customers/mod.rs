//! Customers: who a vendor serves, what they agreed to, and their health profiles.
//!
//! Owns: `customers`, `customer_tokens`, `health_profiles`, `consents`, `customer_products`, `erasures`,
//! `fhir_proposals`, `receipts`, `customer_merges`, `customer_notes`,
//! `customer_versions`. Promises:
//! everything personal is sealed under the person's own key before it reaches the database and held in
//! [`Phi`] after it leaves; what is written reads back equal; absent is unknown; a customer is the same
//! customer exactly when the external id is, whatever the e-mail says; a withdrawn consent counts from
//! the next call on; every disclosure names the people disclosed. Emits: `customer.updated` events with
//! ids only. Never: puts a value into an error, a log line or an event; lets a file undo a withdrawal, or take from a
//! customer who was merged what protects them.
//!
//! [`Phi`]: odyssey_types::Phi

mod consents;
mod customer;
mod duplicates;
mod erase;
mod error;
mod exporting;
mod fhir;
mod import;
mod list;
mod lists;
mod many;
mod matching;
mod merge;
mod merging;
mod normalise;
mod notes;
mod observed;
mod plan;
mod profile;
mod read;
mod receipts;
mod sample;
mod seal;
mod search;
mod store;
#[cfg(test)]
mod tests;
mod validate;
mod versions;
mod write;

pub use consents::{list_consents, record_consent, require_health_consent};
pub use customer::{
    Consent, ConsentPurpose, ConsentSource, ConsentState, Customer, ListEntry, ListKind, MaskedCustomer,
};
pub use duplicates::{DuplicateGroup, SharedBy, list_duplicates, list_masked_duplicates};
pub use erase::{count_erasures, erase_customer, erased_since, replay_erasures};
pub use error::{CustomerError, WriteRefusal};
pub use exporting::{ExportedPerson, PeopleToExport, WhatOfPeople, people_to_export};
pub use fhir::{
    FhirImport, FhirImportError, FhirImported, FhirProposal, PROPOSALS_MAX, apply_fhir, get_fhir_proposal,
    import_fhir, propose_fhir, purge_fhir_proposals,
};
pub use import::{SinceImport, unchanged_customers};
pub use list::{CustomerQuery, CustomerSort, list_customers, list_masked};
pub use lists::{CustomerLists, delete_list_entry, get_lists, put_list_entry};
pub use many::{OneOfMany, count_with_profile, open_many_for_matching, page_of_consenting};
pub use matching::{
    ForGates, ForMatching, MatchAct, MatchStanding, open_ad_hoc, open_for_matching, record_match,
    standing_for_matching,
};
pub use merge::fields_of;
pub use merging::{MergeWarning, MergedCustomers, Origin, Side, merge_customers};
pub use normalise::{normalise_email, normalise_phone};
pub use notes::{NOTE_LENGTH_MAX, NOTES_MAX, Note, create_note, delete_note, list_notes, update_note};
pub use observed::{
    Impact, Losses, Observed, impact_of, loses_protection, open_differences, seal_differences,
};
pub use profile::{HealthRecord, get_profile, patch_profile, put_profile};
pub use read::{delete_customer, get_customer, get_masked};
pub use receipts::{KeptReceipt, keep_receipt, open_receipt, purge_receipts};
pub use sample::{ProfileSample, SAMPLE_MAX, SampledProfile, sample_profiles};
pub use search::{CustomerLookup, search_customers};
pub use store::{
    SealedProfile, count_consenting, listers_of_products, page_of_changed_profiles, page_of_sealed_profiles,
    still_consenting, still_there,
};
pub use versions::{
    ChangedSince, ComparedVersion, CustomerContent, CustomerVersion, ImportedSince, Replacing,
    UndoneCustomers, changed_since_import, count_undone, get_version, imported_since, list_versions,
    purge_versions, restore_version, undo_batch,
};
pub use write::{
    BatchOptions, BatchOutcome, Change, ConsentChange, CustomerWrite, ImportConsent, ImportMark,
    ImportOptions, RowOutcome, Target, UndoOptions, WriteResult, write_customers, write_one,
};

/// Records of one request at most.
pub const BATCH_ROWS_MAX: usize = 10_000;
/// Records opened, merged and sealed at a time: bounds the memory that holds opened data.
pub const CHUNK_ROWS_MAX: usize = 2_000;
/// Customers that one exact search gives back at most; a household shares a phone, a company an e-mail.
pub const SEARCH_HITS_MAX: usize = 200;
/// Products on one customer's lists at most: each is looked at in every match.
pub const LIST_ENTRIES_MAX: usize = 1_000;
