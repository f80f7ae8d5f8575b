//! What quality refuses, as problems.

use odyssey_domain::quality::QualityError;

use crate::problem::{Problem, ProblemCode, ProblemError};

impl From<QualityError> for Problem {
    fn from(error: QualityError) -> Self {
        match error {
            QualityError::RuleSetNotFound => Self::new(ProblemCode::RuleSetNotFound),
            QualityError::RuleSetRefused(why) => Self::new(ProblemCode::RuleSetNotWritable).detail(why),
            QualityError::RuleSetInvalid(error) => {
                Self::invalid(format!("#{}", error.pointer), "invalid", error.problem)
            }
            QualityError::CodeUnknown(_) => {
                Self::new(ProblemCode::ValidationError).error(ProblemError::parameter(
                    "code",
                    "code_unknown",
                    "this is not the code of a finding; the summary lists those that occur",
                ))
            }
            QualityError::CursorInvalid => Self::new(ProblemCode::CursorInvalid),
            QualityError::Catalog(error) => error.into(),
            QualityError::Queue(_) => Self::broken_promise("a job of a kind we know was not queued"),
            QualityError::Db(error) => error.into(),
        }
    }
}
