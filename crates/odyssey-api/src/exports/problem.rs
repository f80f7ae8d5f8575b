//! What exports refuse, as problems.

use odyssey_domain::exports::{EXPORTS_UNDER_WAY_MAX, ExportError};

use crate::problem::{Problem, ProblemCode};

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        use ExportError as E;
        match error {
            E::NotFound => Self::new(ProblemCode::ExportNotFound),
            E::NotFinished => Self::new(ProblemCode::JobNotFinished),
            E::NoFile => Self::new(ProblemCode::ExportFailed),
            E::Expired => Self::new(ProblemCode::ExportExpired),
            E::TooManyUnderWay => Self::new(ProblemCode::ExportsUnderWay)
                .detail(format!("{EXPORTS_UNDER_WAY_MAX} exports of this vendor wait or run.")),
            E::UnderLegalHold => Self::new(ProblemCode::ValidationError).detail(error.to_string()),
            E::TooManyRows | E::Write(_) => Self::internal(&error),
            E::Catalog(error) => error.into(),
            E::Customer(error) => error.into(),
            E::Matching(error) => error.into(),
            E::Tenancy(error) => error.into(),
            E::Db(error) => error.into(),
        }
    }
}
