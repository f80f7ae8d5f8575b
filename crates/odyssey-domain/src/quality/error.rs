//! What callers of quality can act on.

use odyssey_matching::LabelRuleError;

use crate::catalog::CatalogError;
use crate::db::DbError;

#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    #[error("there is no such rule set")]
    RuleSetNotFound,
    /// A set of ours, or one more than a vendor may have.
    #[error("the rule set cannot be written: {0}")]
    RuleSetRefused(&'static str),
    #[error(transparent)]
    RuleSetInvalid(#[from] LabelRuleError),
    #[error("`{0}` is not a code of a finding")]
    CodeUnknown(String),
    #[error("the cursor is not one of ours")]
    CursorInvalid,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the queue did not take the job")]
    Queue(#[from] odyssey_jobs::QueueError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for QualityError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
