//! From what the shared areas of the domain fail with to a problem: exhaustive on purpose, so that a
//! new variant is a decision about its status. Each area has its own `problem.rs` beside its routes.

use chrono::TimeDelta;
use odyssey_domain::db::DbError;
use odyssey_domain::security::IdempotencyError;
use odyssey_domain::tenancy::TenancyError;

use super::{Problem, ProblemCode, chain};
use crate::context;

/// How soon to come back when the database is away: it restarts within seconds.
const DATABASE_RETRY: TimeDelta = TimeDelta::seconds(2);

/// How soon to come back after a collision: whoever went first has ended by then.
const COLLISION_RETRY: TimeDelta = TimeDelta::seconds(1);

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => {
                tracing::warn!(
                    request_id = %context::request_id_or_nil(),
                    error = chain(&error),
                    "A request met no database"
                );
                Self::new(ProblemCode::DatabaseUnavailable).retry_after(DATABASE_RETRY)
            }
            DbError::Collided(_) => {
                tracing::warn!(
                    request_id = %context::request_id_or_nil(),
                    error = chain(&error),
                    "The transaction of a request met another and was rolled back"
                );
                Self::new(ProblemCode::ChangesCollided).retry_after(COLLISION_RETRY)
            }
            DbError::Unaudited | DbError::Inconsistent(_) | DbError::Statement(_) => Self::internal(&error),
        }
    }
}

impl From<TenancyError> for Problem {
    fn from(error: TenancyError) -> Self {
        match error {
            TenancyError::Unauthenticated => Self::unauthenticated(),
            TenancyError::SignInLimited { retry_after_seconds } => Self::new(ProblemCode::SignInLimited)
                .retry_after(TimeDelta::seconds(
                    i64::try_from(retry_after_seconds).unwrap_or(i64::MAX / 1000),
                )),
            TenancyError::VendorRequired => Self::new(ProblemCode::VendorRequired)
                .detail("Send X-Vendor-Id with one of the vendors that GET /api/v1/auth/me lists."),
            TenancyError::VendorNotFound => Self::new(ProblemCode::VendorNotFound),
            TenancyError::VendorSuspended => Self::new(ProblemCode::VendorSuspended),
            TenancyError::Forbidden { role, permission } => Self {
                missing: Some(permission),
                ..Self::new(ProblemCode::Forbidden)
                    .detail(format!("The role {role} does not have {}.", permission.as_str()))
            },
            TenancyError::SlugTaken(_) => Self::new(ProblemCode::VendorConflict),
            TenancyError::EmailTaken => Self::new(ProblemCode::UserConflict),
            TenancyError::UserNotFound => Self::new(ProblemCode::UserNotFound),
            TenancyError::Invalid(rule) => Self::new(ProblemCode::ValidationError).detail(rule),
            TenancyError::UnderLegalHold => Self::new(ProblemCode::ValidationError).detail(error.to_string()),
            TenancyError::Db(error) => error.into(),
            TenancyError::KeyStoreMismatch(_)
            | TenancyError::Hashing
            | TenancyError::Token(_)
            | TenancyError::Queue(_)
            | TenancyError::Vault(_) => Self::internal(&error),
        }
    }
}

impl From<IdempotencyError> for Problem {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Db(error) => error.into(),
            IdempotencyError::Vault(_) | IdempotencyError::Unreadable(_) => Self::internal(&error),
        }
    }
}
