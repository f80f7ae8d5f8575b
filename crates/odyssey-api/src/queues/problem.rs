//! What operating the queue refuses, as problems.

use odyssey_domain::queues::QueuesError;

use crate::problem::{Problem, ProblemCode};

impl From<QueuesError> for Problem {
    fn from(error: QueuesError) -> Self {
        use QueuesError as E;
        match error {
            E::JobNotFound => Self::new(ProblemCode::JobNotFound),
            E::NotRetryable(why) => Self::new(ProblemCode::JobNotRetryable).detail(why),
            E::QueueNotFound => Self::new(ProblemCode::QueueNotFound),
            E::UnderLegalHold => Self::new(ProblemCode::ValidationError).detail(error.to_string()),
            E::Invalid(field) => Self::invalid(format!("#{}", field.pointer), field.code, field.detail),
            E::Ingestion(error) => error.into(),
            E::Db(error) => error.into(),
            E::Queue(_) => Self::internal(&error),
        }
    }
}
