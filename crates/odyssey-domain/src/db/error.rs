//! What a database call can fail with, seen from the domain.

/// A failure of the database, or of the rules every transaction obeys.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The server is away, restarting, or has no connection to spare: try again shortly.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Concurrent changes met (a deadlock, a serialization failure) and PostgreSQL rolled this one back:
    /// the same work may simply be done again.
    #[error("changes of several callers met, and this one was rolled back")]
    Collided(#[source] sqlx::Error),
    /// A transaction changed or disclosed something and nobody recorded it.
    #[error("a transaction was about to commit without an audit record")]
    Unaudited,
    /// A stored row breaks an invariant of ours.
    #[error("stored data is inconsistent: {0}")]
    Inconsistent(String),
    /// Anything else PostgreSQL refuses.
    #[error("a database statement failed")]
    Statement(#[source] sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error)
        } else if is_collision(&error) {
            Self::Collided(error)
        } else {
            Self::Statement(error)
        }
    }
}

impl DbError {
    /// The violated constraint, where there is one. Constraints are named by hand: they are part of
    /// the program.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Statement(sqlx::Error::Database(error)) => error.constraint(),
            _ => None,
        }
    }

    pub fn inconsistent(what: impl Into<String>) -> Self {
        Self::Inconsistent(what.into())
    }
}

/// Whether the server (or the way to it) is away, as opposed to a statement being wrong.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        // 57P0x: the server is shutting down, crashing or starting; 08xxx: the connection broke;
        // 53300: no connection left; 57014: our own statement timeout; 55P03: lock timeout.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P0")
                || code.starts_with("08")
                || matches!(&*code, "53300" | "57014" | "55P03")
        }),
        sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

/// 40P01: a deadlock was broken at our expense; 40001: a serialization failure.
fn is_collision(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| matches!(&*code, "40P01" | "40001"))
}
