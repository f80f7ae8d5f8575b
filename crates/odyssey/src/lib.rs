//! The binary's own parts: settings, the embedded PostgreSQL, the log, the command line.
//!
//! Only this crate reads the environment; every other one receives typed settings.

pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
pub mod node;
pub mod pg;
pub mod telemetry;
