//! What callers of exports can act on.

use crate::catalog::CatalogError;
use crate::customers::CustomerError;
use crate::db::DbError;
use crate::matching::MatchingError;
use crate::tenancy::TenancyError;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("there is no such export")]
    NotFound,
    #[error("the export has not ended")]
    NotFinished,
    #[error("the export has failed or was canceled")]
    NoFile,
    #[error("the file's time is over")]
    Expired,
    #[error("too many exports are under way")]
    TooManyUnderWay,
    #[error("a legal hold keeps what this vendor has")]
    UnderLegalHold,
    #[error("the file would have too many rows")]
    TooManyRows,
    #[error("a row could not be written")]
    Write(#[source] std::io::Error),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Customer(#[from] CustomerError),
    #[error(transparent)]
    Matching(#[from] MatchingError),
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    #[error(transparent)]
    Db(#[from] DbError),
}
