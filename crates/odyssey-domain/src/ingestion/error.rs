//! What callers of this area can act on, and what becomes of a job that meets it.

use odyssey_jobs::{JobError, QueueError};
use odyssey_store::{Cause, PathError, StoreError};
use odyssey_tabular::ReadError;
use odyssey_vault::VaultError;

use super::{Gone, NotUndoable, PartFault};
use crate::catalog::CatalogError;
use crate::customers::CustomerError;
use crate::db::DbError;
use crate::field::FieldError;
use crate::matching::MatchingError;
use crate::taxonomy::TaxonomyError;
use crate::tenancy::TenancyError;

const UPLOAD_DAMAGED: &str = "The stored upload is damaged or cut; upload the file again.";

#[derive(Debug, thiserror::Error)]
pub enum IngestionError {
    #[error("a file has at most {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the files of a vendor that wait here have at most {limit} bytes together")]
    QuotaExceeded { limit: u64 },
    #[error("the file is empty")]
    Empty,
    /// The job was canceled, or the upload given up, while bytes were still arriving.
    #[error("the upload is no longer open")]
    UploadClosed,
    /// It is whole, and work that has not ended needs it.
    #[error("the upload is in use")]
    UploadInUse,
    #[error("there is no such upload")]
    UploadNotFound,
    /// Nothing more is taken or given of it.
    #[error("the upload is gone")]
    UploadGone(Gone),
    /// Another request sent its last byte first.
    #[error("the upload is complete")]
    UploadCompleted,
    /// By its place among those that were to be joined, from 1.
    #[error("part {position} cannot be joined")]
    PartUnusable { position: usize, fault: PartFault },
    /// A newer request writes the same upload; nothing more of this one is kept.
    #[error("another request writes this upload now")]
    UploadTakenOver,
    /// A parameter of the import that cannot be taken.
    #[error("{pointer}: {detail}")]
    ParameterInvalid { pointer: &'static str, detail: String },
    /// An attestation is the word of a person.
    #[error("only a person can attest")]
    AttestationNeedsPerson,
    #[error("only an admin of the vendor can attest the consent of customers")]
    ConsentNeedsAdmin,
    #[error("there is no such job")]
    JobNotFound,
    #[error("the job has ended")]
    JobNotCancelable,
    /// It is no dry run, or it has not ended.
    #[error("there is no rehearsal of this job")]
    NoRehearsal,
    #[error("the audience of the vendor did not answer")]
    Matching(#[from] MatchingError),
    #[error("the import cannot be undone")]
    NotUndoable(NotUndoable),
    #[error("the job has not ended")]
    JobNotFinished,
    /// Why nothing of the job's refused rows can be corrected or run again.
    #[error("the refused rows cannot be corrected or run again: {0}")]
    NotCorrectable(&'static str),
    /// A correction, by its place in the request, that cannot be taken.
    #[error("correction {at}: {field}: {code}")]
    CorrectionInvalid { at: usize, field: &'static str, code: &'static str, detail: &'static str },
    #[error("the cursor is not one of ours")]
    CursorInvalid,
    #[error("there is no such mapping")]
    MappingNotFound,
    #[error("the mapping is at version {current}")]
    MappingVersionMismatch { current: i64 },
    /// Everything that is wrong with a mapping, with pointers into it.
    #[error("the mapping cannot be taken")]
    MappingInvalid(Vec<FieldError>),
    /// A file that an import would refuse as a whole; code and detail are those that its job would show.
    #[error("the file cannot be previewed: {code}")]
    PreviewUnreadable { code: &'static str, detail: String },
    /// The rows carry customers, and the caller may not read health data.
    #[error("the values of this job's rows are personal")]
    ValuesForbidden,
    /// The name of an object that no inbox can have.
    #[error("an object cannot be named so: {0}")]
    ObjectPath(PathError),
    #[error("there is no such object in the inbox")]
    ObjectMissing { inbox: String },
    /// An object that is there and is what was named, and could not be read this time.
    #[error("an object in the inbox could not be read")]
    InboxUnreadable(#[source] StoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the spool could not be {attempt}")]
    Spool { attempt: &'static str, source: std::io::Error },
    #[error("the file cannot be read")]
    Read(#[from] ReadError),
    /// The import cannot succeed as it is; code and detail are for whoever started it.
    #[error("the import cannot go on: {code}")]
    Import { code: &'static str, detail: String },
    /// The queue's own word on this run: a lost lease, a request to stop.
    #[error(transparent)]
    Job(JobError),
    #[error("the queue did not answer")]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Taxonomy(#[from] TaxonomyError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Customers(#[from] CustomerError),
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for IngestionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<JobError> for IngestionError {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

impl IngestionError {
    pub(super) fn import(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Import { code, detail: detail.into() }
    }

    pub(super) fn inconsistent(what: impl Into<String>) -> Self {
        Self::Db(DbError::inconsistent(what))
    }
}

/// Worth another attempt, or not: no `_` arm, so that a new variant is a decision.
impl From<IngestionError> for JobError {
    fn from(error: IngestionError) -> Self {
        use IngestionError as E;
        match error {
            E::Job(error) => error,
            E::Import { code, ref detail } => {
                let detail = detail.clone();
                Self::fail(error).code(code).detail(detail)
            }
            E::Read(ReadError::Stopped) => Self::stopped(),
            E::Read(ref read) => match read_fault(read) {
                Some((code, detail)) => Self::fail(error).code(code).detail(detail),
                None => Self::retry(error).code("upload_unreadable"),
            },
            E::Vault(ref vault) if is_damage(vault) => {
                Self::fail(error).code("upload_damaged").detail(UPLOAD_DAMAGED)
            }
            E::Db(DbError::Unavailable(_)) => Self::retry(error).code("database_unavailable"),
            E::Db(DbError::Collided(_)) => Self::retry(error).code("changes_collided"),
            E::Db(DbError::Inconsistent(_) | DbError::Unaudited) => Self::fail(error).code("inconsistent"),
            E::Tenancy(TenancyError::VendorNotFound) => Self::fail(error).code("vendor_not_found"),
            E::Store(ref store) => match store.cause() {
                Cause::NotFound | Cause::Corrupt => {
                    Self::fail(error).code("upload_damaged").detail(UPLOAD_DAMAGED)
                }
                // An operator has to do something, and then it goes on.
                Cause::Refused | Cause::Unreachable | Cause::Full | Cause::NotKept => {
                    Self::retry(error).code("store_unavailable")
                }
            },
            E::InboxUnreadable(_) => Self::retry(error).code("store_unavailable"),
            E::Spool { .. } => Self::retry(error).code("spool_unavailable"),
            E::Queue(error) => error.into(),
            E::Db(DbError::Statement(_))
            | E::Taxonomy(_)
            | E::Catalog(_)
            | E::Customers(_)
            | E::Matching(_)
            | E::Tenancy(_)
            | E::Vault(_) => Self::retry(error).code("failed"),
            E::TooLarge { .. }
            | E::QuotaExceeded { .. }
            | E::Empty
            | E::UploadClosed
            | E::UploadInUse
            | E::UploadNotFound
            | E::UploadGone(_)
            | E::UploadCompleted
            | E::PartUnusable { .. }
            | E::UploadTakenOver
            | E::ObjectPath(_)
            | E::ObjectMissing { .. }
            | E::ParameterInvalid { .. }
            | E::AttestationNeedsPerson
            | E::ConsentNeedsAdmin
            | E::JobNotFound
            | E::JobNotCancelable
            | E::NotUndoable(_)
            | E::NoRehearsal
            | E::JobNotFinished
            | E::NotCorrectable(_)
            | E::CorrectionInvalid { .. }
            | E::CursorInvalid
            | E::MappingNotFound
            | E::MappingVersionMismatch { .. }
            | E::MappingInvalid(_)
            | E::PreviewUnreadable { .. }
            | E::ValuesForbidden => Self::fail(error).code("refused"),
        }
    }
}

/// The code of a file that no attempt can read, and what to tell; `None` where the disk is at fault.
pub(super) fn read_fault(error: &ReadError) -> Option<(&'static str, String)> {
    let code = match error {
        ReadError::Io(source) => {
            // The sealed stream's own faults arrive wrapped in an io error.
            let vault = source.get_ref().and_then(|inner| inner.downcast_ref::<VaultError>());
            let is_lost = vault.is_some_and(is_damage) || StoreError::of(source).is_some_and(is_lost);
            return is_lost.then(|| ("upload_damaged", UPLOAD_DAMAGED.to_owned()));
        }
        // Nothing is wrong with the file.
        ReadError::Stopped => return None,
        ReadError::Damaged(_) => "file_damaged",
        ReadError::TooLarge { .. } => "file_too_large_unpacked",
        ReadError::Bomb { .. } => "file_expands_too_much",
        ReadError::Archive(_) => "archive_refused",
        ReadError::Workbook(_) => "workbook_refused",
        ReadError::NoHeader => "file_without_header",
        ReadError::NotJsonLines => "json_not_one_object_a_line",
        ReadError::JsonListBroken { .. } => "json_list_damaged",
        ReadError::JsonListCut { .. } => "json_list_cut",
        ReadError::Xml => "file_is_xml",
        ReadError::Fhir => "file_is_fhir",
        ReadError::GdsnUnreadable { .. } => "gdsn_unreadable",
        ReadError::OneTableOfSr28 | ReadError::OneTableOfSynthea => "one_table_of_many",
        ReadError::TooManyColumns { .. } => "too_many_columns",
        ReadError::UnknownEncoding(_) => "encoding_unknown",
        ReadError::MappingMismatch { .. } => "mapping_mismatch",
    };
    Some((code, format!("{error}.")))
}

/// Whether the stored file will not come back.
const fn is_lost(error: &StoreError) -> bool {
    matches!(error.cause(), Cause::NotFound | Cause::Corrupt)
}

const fn is_damage(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::Truncated { .. } | VaultError::FrameRefused { .. } | VaultError::Format { .. }
    )
}
