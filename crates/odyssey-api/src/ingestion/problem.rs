//! What ingestion refuses, as problems.

use chrono::TimeDelta;
use http::header;
use odyssey_domain::ingestion::{IngestionError, NotUndoable};

use super::parameters::refuse;
use super::upload_refusals::{problem_of, refusal_of, refusal_of_part};
use crate::conditional::etag;
use crate::problem::{Problem, ProblemCode, ProblemError};

/// When to try again while the store is away or has no room.
const STORE_RETRY: TimeDelta = TimeDelta::seconds(30);

impl From<IngestionError> for Problem {
    fn from(error: IngestionError) -> Self {
        use IngestionError as E;
        match error {
            E::TooLarge { limit } => Self::new(ProblemCode::UploadTooLarge)
                .detail(format!("A file has at most {limit} bytes as it is sent.")),
            E::QuotaExceeded { limit } => Self::new(ProblemCode::UploadQuotaExceeded)
                .detail(format!("The files that wait here, this one included, have at most {limit} bytes together.")),
            E::Empty => Self::new(ProblemCode::UnsupportedFile).detail("The file is empty."),
            E::UploadClosed => Self::new(ProblemCode::UploadExpired)
                .detail("The job was canceled while the file was arriving; start again."),
            E::UploadGone(gone) => problem_of(&refusal_of(gone)),
            E::UploadCompleted => Self::new(ProblemCode::UploadOffsetMismatch)
                .detail("Another request sent the last byte of this upload, and it is complete; ask with HEAD."),
            E::PartUnusable { position, fault } => problem_of(&refusal_of_part(position, fault)),
            E::UploadInUse => Self::new(ProblemCode::JobNotFinished)
                .detail("The file is whole, and the job that imports it waits or runs; cancel that first."),
            E::UploadNotFound => Self::new(ProblemCode::UploadNotFound),
            E::UploadTakenOver => Self::new(ProblemCode::UploadOffsetMismatch)
                .detail("A newer request writes this upload now; ask with HEAD where to go on."),
            E::ObjectPath(error) => Self::invalid(
                "#/object_path",
                "invalid",
                format!("{error}. Rename the file, and name it as it lies in your inbox: `2026/products.csv`."),
            ),
            E::ObjectMissing { inbox } => Self::invalid(
                "#/object_path",
                "not_found",
                format!(
                    "There is no such file in your inbox. Put it into the store under `{inbox}/` followed by this path, as a \
                     plain file and as a whole, and send the request again."
                ),
            ),
            E::ParameterInvalid { pointer, detail } => refuse(pointer.trim_start_matches('/'), &detail),
            E::AttestationNeedsPerson => {
                Self::new(ProblemCode::Forbidden).detail("An attestation is the word of a person.")
            }
            E::ConsentNeedsAdmin => Self::new(ProblemCode::Forbidden)
                .detail("Only an admin of the vendor can attest the consent of customers."),
            E::MappingNotFound => Self::new(ProblemCode::MappingNotFound),
            E::MappingVersionMismatch { current } => {
                Self::new(ProblemCode::PreconditionFailed).header(header::ETAG, etag(current))
            }
            E::MappingInvalid(errors) => {
                errors.into_iter().fold(Self::new(ProblemCode::ValidationError), |problem, error| {
                    problem.error(ProblemError::at(format!("#{}", error.pointer), error.code, error.detail))
                })
            }
            E::PreviewUnreadable { code, detail } => {
                let detail = format!("An import of this file would end with `{code}`: {detail}");
                Self::new(ProblemCode::UnsupportedFile).detail(detail)
            }
            E::JobNotFound => Self::new(ProblemCode::JobNotFound),
            E::JobNotCancelable => Self::new(ProblemCode::JobNotCancelable),
            E::NoRehearsal => Self::new(ProblemCode::RehearsalNotFound),
            E::Matching(error) => error.into(),
            E::NotUndoable(why) => Self::new(ProblemCode::ImportNotUndoable).detail(match why {
                NotUndoable::Running => "The import waits or runs. Cancel it first; what it wrote by then can be undone.",
                NotUndoable::TooLate => "It ended more than 30 days ago, and what was before is not kept any longer.",
                NotUndoable::Asked => "Somebody has asked for it already; GET …/undo says how far it is.",
                NotUndoable::DryRun => "It was a dry run: nothing was written.",
            }),
            E::JobNotFinished => Self::new(ProblemCode::JobNotFinished),
            E::NotCorrectable(why) => Self::new(ProblemCode::ErrorsNotCorrectable).detail(why),
            E::CorrectionInvalid { at, field, code, detail } => {
                Self::invalid(format!("#/corrections/{at}/{field}"), code, detail)
            }
            E::CursorInvalid => Self::new(ProblemCode::CursorInvalid),
            E::ValuesForbidden => Self::new(ProblemCode::Forbidden).detail(
                "The rows of this job carry customers; their values need HealthRead. The list of errors has codes and places.",
            ),
            E::Db(error) => error.into(),
            E::Tenancy(error) => error.into(),
            E::Taxonomy(error) => error.into(),
            E::Catalog(error) => error.into(),
            E::Customers(error) => error.into(),
            // What it says is for operators: the log has it.
            E::Store(error) | E::InboxUnreadable(error) if error.may_pass() => {
                tracing::error!(error = %error, "The store of files cannot be used");
                Self::new(ProblemCode::StoreUnavailable).retry_after(STORE_RETRY)
            }
            E::Store(_) | E::InboxUnreadable(_) | E::Spool { .. } | E::Read(_) | E::Import { .. } | E::Job(_) | E::Queue(_) | E::Vault(_) => {
                Self::internal(&error)
            }
        }
    }
}
