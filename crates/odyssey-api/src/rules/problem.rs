//! What rules are refused for, as problems.

use http::header;
use odyssey_domain::rules::RulesError;

use crate::conditional::etag;
use crate::problem::{Problem, ProblemCode, ProblemError};

impl From<RulesError> for Problem {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::NotFound => Self::new(ProblemCode::RulesNotFound),
            RulesError::NotPublishable(why) => Self::new(ProblemCode::RulesNotPublishable).detail(why),
            RulesError::VersionMismatch { current } => {
                Self::new(ProblemCode::PreconditionFailed).header(header::ETAG, etag(current))
            }
            RulesError::ChangeInvalid(fault) => {
                let pointer = match fault.field {
                    "changes" => "#/changes".to_owned(),
                    field => format!("#/changes/{}/{field}", fault.at),
                };
                Self::new(ProblemCode::ValidationError).error(ProblemError::at(
                    pointer,
                    "rule_change",
                    fault.problem,
                ))
            }
            RulesError::FieldInvalid { field, problem } => Self::new(ProblemCode::ValidationError)
                .error(ProblemError::at(format!("#/{field}"), "out_of_range", problem)),
            RulesError::Db(error) => error.into(),
        }
    }
}
