//! The command line: one binary, many roles.
//!
//! Promises: answers go to standard output, everything else to standard error; a failure ends with a
//! status other than 0 and one line per cause.

mod config;
mod pg;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use config::ConfigCommand;
pub use pg::PgCommand;

use crate::config::{Loaded, load};

/// Multi-tenant nutrition platform: which products suit this person, and why.
#[derive(Debug, Parser)]
#[command(name = "odyssey", version)]
pub struct Cli {
    /// Configuration file; without it ./odyssey.toml is read where it exists.
    #[arg(long, short, global = true, env = "ODYSSEY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check or show the settings in effect.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at or stop the embedded PostgreSQL.
    #[command(subcommand)]
    Pg(PgCommand),
}

impl Cli {
    /// Settings as this command line asks for them.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        Ok(load(self.config.as_deref())?)
    }
}

/// Reads the command line and does what it says.
pub fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let loaded = cli.load()?;
    crate::telemetry::init(&loaded.settings.log)?;
    match &cli.command {
        Command::Config(command) => {
            config::run(command, &loaded);
            Ok(())
        }
        Command::Pg(command) => pg::run(command, &loaded.settings),
    }
}
