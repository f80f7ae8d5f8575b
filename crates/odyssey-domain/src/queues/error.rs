//! What callers of the queue can act on.

use crate::db::DbError;
use crate::field::FieldError;
use crate::ingestion::IngestionError;

#[derive(Debug, thiserror::Error)]
pub enum QueuesError {
    #[error("there is no such job")]
    JobNotFound,
    /// Not from its state, or not any more; the text says why and what to do.
    #[error("the job cannot run again: {0}")]
    NotRetryable(&'static str),
    #[error("there is no such queue")]
    QueueNotFound,
    #[error("the vendor's data is under a legal hold, so nothing of it is deleted")]
    UnderLegalHold,
    #[error("{}: {}", .0.pointer, .0.detail)]
    Invalid(FieldError),
    #[error("the queue did not answer")]
    Queue(#[from] odyssey_jobs::QueueError),
    #[error(transparent)]
    Ingestion(#[from] IngestionError),
    #[error(transparent)]
    Db(#[from] DbError),
}
