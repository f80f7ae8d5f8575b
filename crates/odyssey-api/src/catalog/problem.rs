//! What the catalog refuses, as problems.

use chrono::TimeDelta;
use http::header;
use odyssey_domain::catalog::{CatalogError, FieldError, ImageError, PictureRefusal, WriteRefusal};

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

/// When a URL that gave nothing may give something.
const URL_RETRY: TimeDelta = TimeDelta::seconds(60);

impl From<ImageError> for Problem {
    fn from(error: ImageError) -> Self {
        use PictureRefusal as R;
        match error {
            ImageError::NotFound => Self::new(ProblemCode::ProductImageNotFound),
            ImageError::Full { max } => Self::new(ProblemCode::ProductImagesFull)
                .detail(format!("A product has at most {max} pictures; delete one first.")),
            ImageError::TooLarge { bytes_max } => Self::new(ProblemCode::ImageTooLarge)
                .detail(format!("A picture has at most {bytes_max} bytes; export it smaller, or as JPEG.")),
            ImageError::TooLargeDrawn { bytes_max } => Self::new(ProblemCode::ImageTooLarge).detail(format!(
                "Drawn anew it has more than {bytes_max} bytes; send it without transparency, or with fewer pixels."
            )),
            ImageError::Picture(refusal) => {
                let code = match refusal {
                    R::BytesTooMany { .. } | R::SideTooLong { .. } | R::PixelsTooMany { .. } | R::MemoryTooMuch => {
                        ProblemCode::ImageTooLarge
                    }
                    R::Empty | R::Unsupported(_) | R::Unknown | R::Truncated { .. } | R::Undecodable { .. } => {
                        ProblemCode::ImageUnsupported
                    }
                };
                Self::new(code).detail(refusal.to_string())
            }
            ImageError::Url(refusal) => {
                let entry = ProblemError::at("#/url", refusal.code, refusal.detail);
                if refusal.may_pass {
                    Self::new(ProblemCode::ImageUrlUnreachable).error(entry).retry_after(URL_RETRY)
                } else {
                    Self::new(ProblemCode::ImageUrlRefused).error(entry)
                }
            }
            ImageError::Stopped => Self::internal(&error),
            ImageError::Catalog(error) => error.into(),
            ImageError::Db(error) => error.into(),
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
