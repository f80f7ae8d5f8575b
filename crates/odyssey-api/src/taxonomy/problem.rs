//! What the taxonomy refuses, as problems.

use odyssey_domain::taxonomy::TaxonomyError;

use crate::problem::{Problem, ProblemCode};

impl From<TaxonomyError> for Problem {
    fn from(error: TaxonomyError) -> Self {
        match error {
            TaxonomyError::NodeNotFound => Self::new(ProblemCode::TaxonomyNodeNotFound),
            TaxonomyError::SynonymNotFound => Self::new(ProblemCode::SynonymNotFound),
            TaxonomyError::NodeExists => Self::new(ProblemCode::TaxonomyConflict)
                .detail("You have a node of this kind with this code; PUT replaces it."),
            TaxonomyError::SynonymExists => Self::new(ProblemCode::TaxonomyConflict)
                .detail("You have a synonym of this kind and domain with this text; PUT replaces it."),
            TaxonomyError::Refused(why) => Self::new(ProblemCode::TaxonomyNotWritable).detail(why),
            TaxonomyError::Invalid(error) => {
                Self::invalid(format!("#{}", error.pointer), error.code, error.detail)
            }
            TaxonomyError::Queue(_) => Self::broken_promise("a job of a kind we know was not queued"),
            TaxonomyError::Db(error) => error.into(),
        }
    }
}
