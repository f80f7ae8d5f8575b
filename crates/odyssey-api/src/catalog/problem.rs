//! What the catalog refuses, as problems.

use http::header;
use odyssey_domain::catalog::{CatalogError, FieldError, WriteRefusal};

use crate::conditional::etag;
use crate::problem::{Problem, ProblemCode, ProblemError};

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Refused(refusal) => refusal.into(),
            CatalogError::VersionNotFound => Self::new(ProblemCode::ProductVersionNotFound),
            CatalogError::CursorInvalid => Self::new(ProblemCode::CursorInvalid),
            CatalogError::QueryInvalid(why) => Self::new(ProblemCode::SearchQueryInvalid).detail(why),
            CatalogError::HoldNotFound => Self::new(ProblemCode::HoldNotFound),
            CatalogError::HoldNotReleasable(why) => Self::new(ProblemCode::HoldNotReleasable).detail(why),
            CatalogError::AllergenUnknown(_) => {
                Self::new(ProblemCode::ValidationError).error(ProblemError::parameter(
                    "allergens.none",
                    "allergen_unknown",
                    "this is not an allergen code that products can be listed by; `milk`, `peanut`, `tree_nut` and `gluten` are",
                ))
            }
            CatalogError::Db(error) => error.into(),
        }
    }
}

impl From<WriteRefusal> for Problem {
    fn from(refusal: WriteRefusal) -> Self {
        match refusal {
            WriteRefusal::NotFound => Self::new(ProblemCode::ProductNotFound),
            WriteRefusal::Exists { id } => Self::new(ProblemCode::ProductConflict)
                .detail(format!("It is /api/v1/products/{id}."))
                .error(ProblemError::at("#/external_id", "taken", "a product with this external id exists")),
            WriteRefusal::BarcodeTaken { holder, .. } => Self::new(ProblemCode::BarcodeTaken)
                .detail(format!("It belongs to /api/v1/products/{holder}."))
                .error(ProblemError::at("#/gtin", "taken", "another product of yours has this barcode")),
            WriteRefusal::VersionMismatch { current } => {
                Self::new(ProblemCode::PreconditionFailed).header(header::ETAG, etag(current))
            }
            WriteRefusal::DuplicateInRequest => {
                Self::new(ProblemCode::ValidationError).error(ProblemError::at(
                    "#/external_id",
                    "duplicate_in_request",
                    "an earlier record of this request has the same external id",
                ))
            }
            WriteRefusal::Invalid(errors) => errors
                .into_iter()
                .fold(Self::new(ProblemCode::ValidationError), |problem, error| problem.error(entry(error))),
        }
    }
}

fn entry(error: FieldError) -> ProblemError {
    ProblemError::at(format!("#{}", error.pointer), error.code, error.detail)
}
