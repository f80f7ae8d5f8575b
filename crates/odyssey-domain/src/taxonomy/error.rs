//! What callers of the taxonomy can act on.

use crate::db::DbError;
use crate::field::FieldError;

#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    #[error("there is no such node")]
    NodeNotFound,
    #[error("there is no such synonym")]
    SynonymNotFound,
    /// The vendor has a node of this kind and code already.
    #[error("a node with this code exists")]
    NodeExists,
    #[error("this synonym exists")]
    SynonymExists,
    /// Not now, or not by this caller; the text says why and what to do.
    #[error("the taxonomy cannot be changed so: {0}")]
    Refused(&'static str),
    #[error("{}: {}", .0.pointer, .0.detail)]
    Invalid(FieldError),
    #[error("the queue did not take the job")]
    Queue(#[from] odyssey_jobs::QueueError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for TaxonomyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
