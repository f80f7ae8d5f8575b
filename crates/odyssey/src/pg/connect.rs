//! Connecting with patience: a managed server that sleeps when idle takes up to 15 seconds to wake.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

/// Pause after the first failed attempt; doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// How long and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// One attempt.
    pub timeout: Duration,
    pub attempts: u32,
}

/// Connects, trying again where another attempt can help: nobody answers, the server is starting or full.
/// A wrong password or a missing database is final at once.
pub async fn connect(options: &PgConnectOptions, patience: Patience) -> Result<PgConnection, sqlx::Error> {
    let mut attempt = 1;
    loop {
        let outcome = tokio::time::timeout(patience.timeout, PgConnection::connect_with(options)).await;
        let error = match outcome {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer within {} s", patience.timeout.as_secs()),
            )),
        };
        if attempt >= patience.attempts || !may_pass(&error) {
            return Err(error);
        }
        let pause = pause_after(attempt);
        tracing::warn!(attempt, pause_ms = pause.as_millis() as u64, %error, "PostgreSQL does not answer yet");
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// Whether trying again can help.
pub(super) fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // 08: connection lost; 57P01 to 57P03: stopping, crashed, starting; 53300: too many connections.
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P03" | "53300")
        }),
        _ => false,
    }
}

/// Doubling, with up to a quarter off so that many processes do not come back at the same moment.
pub(super) fn pause_after(attempt: u32) -> Duration {
    let whole = PAUSE_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(PAUSE_MAX);
    let random = getrandom::u32().unwrap_or(0);
    whole.mul_f64(1.0 - 0.25 * f64::from(random) / f64::from(u32::MAX))
}
