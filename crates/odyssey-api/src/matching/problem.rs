//! What matching refuses, as problems.

use chrono::TimeDelta;
use odyssey_domain::matching::MatchingError;

use crate::problem::{Problem, ProblemCode};

/// When to try again while a catalog loads.
const RETRY: TimeDelta = TimeDelta::seconds(2);

impl From<MatchingError> for Problem {
    fn from(error: MatchingError) -> Self {
        match error {
            // Never an empty list: nothing may be concluded while the engine or its data is away.
            MatchingError::Unavailable(why) => {
                Self::new(ProblemCode::MatchingUnavailable).detail(why).retry_after(RETRY)
            }
            MatchingError::BatchNotFound => Self::new(ProblemCode::JobNotFound).detail(
                "There is no such job, or none that leaves a file, or the file's seven days are over.",
            ),
            MatchingError::BatchNotFinished => Self::new(ProblemCode::JobNotFinished),
            MatchingError::RegressionNotFound => Self::new(ProblemCode::RegressionNotFound),
            MatchingError::Customer(error) => error.into(),
            MatchingError::Catalog(error) => error.into(),
            MatchingError::Rules(error) => error.into(),
            MatchingError::Tenancy(error) => error.into(),
            MatchingError::Db(error) => error.into(),
        }
    }
}
