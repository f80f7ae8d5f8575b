//! What callers of the catalog can act on.

use odyssey_types::ProductId;

use crate::db::DbError;
use crate::field::FieldError;
use crate::taxonomy::TaxonomyError;

/// Why one record of a write was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteRefusal {
    #[error("there is no such product")]
    NotFound,
    #[error("a product with this external id exists already")]
    Exists { id: ProductId },
    #[error("another product holds this barcode")]
    BarcodeTaken { gtin: String, holder: ProductId },
    #[error("the product has changed since it was read")]
    VersionMismatch { current: i64 },
    #[error("an earlier record of this request has the same external id")]
    DuplicateInRequest,
    #[error("{} field(s) cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(transparent)]
    Refused(#[from] WriteRefusal),
    /// Neither the present version nor one that is kept.
    #[error("there is no such version of the product")]
    VersionNotFound,
    #[error("the cursor is not one of ours")]
    CursorInvalid,
    #[error("the query cannot be searched for: {0}")]
    QueryInvalid(&'static str),
    #[error("there is no such hold")]
    HoldNotFound,
    /// Two pairs of eyes: whoever removed the allergen may not release its hold.
    #[error("the hold cannot be released: {0}")]
    HoldNotReleasable(&'static str),
    #[error("`{0}` is not an allergen we know")]
    AllergenUnknown(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<TaxonomyError> for CatalogError {
    /// The catalog only reads the taxonomy, where nothing can be refused.
    fn from(error: TaxonomyError) -> Self {
        Self::Db(match error {
            TaxonomyError::Db(error) => error,
            other => DbError::inconsistent(format!("the vendor's taxonomy was not read: {other}")),
        })
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
