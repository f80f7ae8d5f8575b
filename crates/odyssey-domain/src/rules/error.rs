//! What callers of rules can act on.

use odyssey_matching::RuleChangeError;

use crate::db::DbError;

#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("there is no such version of the rules")]
    NotFound,
    /// The draft has moved on since it was read.
    #[error("the rules have changed since they were read")]
    VersionMismatch { current: i64 },
    #[error("the version cannot be published: {0}")]
    NotPublishable(&'static str),
    #[error("change {} cannot be taken", .0.at)]
    ChangeInvalid(#[source] RuleChangeError),
    #[error("{field} {problem}")]
    FieldInvalid { field: &'static str, problem: String },
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for RulesError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
