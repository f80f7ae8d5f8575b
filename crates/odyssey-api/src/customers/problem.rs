//! What customers are refused for, as problems.

use http::header;
use odyssey_domain::catalog::FieldError;
use odyssey_domain::customers::{CustomerError, WriteRefusal};
use odyssey_matching::fhir::{BundleError, ProposeError};

use crate::conditional::etag;
use crate::problem::{Problem, ProblemCode, ProblemError};

impl From<CustomerError> for Problem {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::NotFound => Self::new(ProblemCode::CustomerNotFound),
            CustomerError::Refused(refusal) => refusal.into(),
            CustomerError::ConsentMissing => Self::new(ProblemCode::ConsentMissing),
            CustomerError::CursorInvalid => Self::new(ProblemCode::CursorInvalid),
            CustomerError::ProductNotFound(_) => Self::new(ProblemCode::ProductNotFound),
            CustomerError::ListEntryNotFound(_) => Self::new(ProblemCode::ListEntryNotFound),
            CustomerError::ListFull { max } => Self::new(ProblemCode::ValidationError)
                .detail(format!("The lists of a customer hold at most {max} products.")),
            CustomerError::VersionNotFound => Self::new(ProblemCode::CustomerVersionNotFound),
            CustomerError::NoteNotFound => Self::new(ProblemCode::NoteNotFound),
            CustomerError::NotesFull { max } => Self::new(ProblemCode::ValidationError)
                .detail(format!("A customer has at most {max} notes: delete some first.")),
            CustomerError::TooManyRecords { max } => {
                Self::invalid("#/customers", "count", format!("send at most {max} records"))
            }
            CustomerError::Fhir(error) => of_fhir(&error),
            CustomerError::ProposalNotFound => Self::new(ProblemCode::ProposalNotFound),
            CustomerError::ReceiptNotFound => Self::new(ProblemCode::ReceiptNotFound),
            CustomerError::ProposalDecided => Self::new(ProblemCode::ProposalDecided),
            CustomerError::ProposalsFull { max } => Self::new(ProblemCode::ValidationError).detail(format!(
                "At most {max} proposals of a customer are kept: apply some, or wait until they are deleted."
            )),
            CustomerError::DecisionsInvalid(errors) => {
                errors.into_iter().fold(Self::new(ProblemCode::ValidationError), |problem, error| {
                    let pointer = format!("#{}", error.pointer);
                    problem.error(ProblemError::at(pointer, error.code, error.detail))
                })
            }
            CustomerError::LookupInvalid => Self::new(ProblemCode::ValidationError)
                .detail("There is nothing in this text that a customer could be found by."),
            CustomerError::UnderLegalHold => {
                Self::new(ProblemCode::ValidationError).detail(error.to_string())
            }
            CustomerError::NotMergeable(why) => Self::new(ProblemCode::CustomersNotMergeable).detail(why),
            CustomerError::Catalog(error) => error.into(),
            CustomerError::Rules(error) => error.into(),
            CustomerError::Db(error) => error.into(),
            CustomerError::Vault(_) => Self::internal(&error),
        }
    }
}

/// Why no proposal can be made of a bundle. Details are of our own making and repeat nothing of it.
fn of_fhir(error: &ProposeError) -> Problem {
    let (code, entry) = match error {
        ProposeError::Patient(refusal) => {
            (ProblemCode::FhirPatientMismatch, (refusal.pointer(), refusal.code()))
        }
        ProposeError::Bundle(bundle @ (BundleError::NotJson { .. } | BundleError::TooDeep { .. })) => {
            (ProblemCode::MalformedRequest, (bundle.pointer(), bundle.code()))
        }
        ProposeError::Bundle(bundle) => (ProblemCode::ValidationError, (bundle.pointer(), bundle.code())),
    };
    Problem::new(code).error(ProblemError::at(format!("#{}", entry.0), entry.1, error.to_string()))
}

impl From<WriteRefusal> for Problem {
    fn from(refusal: WriteRefusal) -> Self {
        match refusal {
            WriteRefusal::NotFound => Self::new(ProblemCode::CustomerNotFound),
            WriteRefusal::Exists { id } => Self::new(ProblemCode::CustomerConflict)
                .detail(format!("It is /api/v1/customers/{id}; ask for `\"mode\": \"upsert\"` to change it."))
                .error(ProblemError::at("#/external_id", "taken", "a customer with this external id exists")),
            WriteRefusal::VersionMismatch { current } => {
                Self::new(ProblemCode::PreconditionFailed).header(header::ETAG, etag(current))
            }
            WriteRefusal::Merged { into } => {
                let place = format!("/api/v1/customers/{into}");
                let problem = Self::new(ProblemCode::CustomerMerged).detail(format!("It is {place} now."));
                match http::HeaderValue::from_str(&place) {
                    Ok(place) => problem.header(header::LOCATION, place),
                    // An id of ours never needs escaping.
                    Err(_) => problem,
                }
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
