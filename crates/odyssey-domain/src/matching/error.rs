//! What callers of matching can act on.

use crate::catalog::CatalogError;
use crate::customers::CustomerError;
use crate::db::DbError;
use crate::rules::RulesError;
use crate::tenancy::TenancyError;

#[derive(Debug, thiserror::Error)]
pub enum MatchingError {
    /// The engine or its data is away: nothing may be concluded from that.
    #[error("matching is unavailable: {0}")]
    Unavailable(&'static str),
    #[error("the job has no file")]
    BatchNotFound,
    #[error("the batch is not finished")]
    BatchNotFinished,
    #[error("there is no such regression")]
    RegressionNotFound,
    #[error(transparent)]
    Customer(#[from] CustomerError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Db(#[from] DbError),
}
