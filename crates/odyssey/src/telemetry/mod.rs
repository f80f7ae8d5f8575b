//! The log: one subscriber, on standard error, JSON or pretty.
//!
//! Promises: the first call decides, a later one is an error; a panic is a line with its place, without its
//! message. Never: writes to standard output, which
//! belongs to the answers of commands; logs personal or health data (callers pass ids and counts).

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{LogConfig, LogFormat};

/// Starts the log of this process.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level)?;
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines = if json {
        // Fields at the top of the object, so that a log store indexes `vendor_id` and not `fields.vendor_id`.
        fmt::layer().json().flatten_event(true).with_current_span(true).with_writer(std::io::stderr).boxed()
    } else {
        fmt::layer().compact().with_target(false).with_writer(std::io::stderr).boxed()
    };
    tracing_subscriber::registry().with(lines).with(filter).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic is a bug, and its message could hold what the code was working on: the log gets the place only.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "A panic");
}
