//! The command line: one binary, many roles.
//!
//! Promises: answers go to standard output, everything else to standard error; a failure ends with a
//! status other than 0 and one line per cause.

mod bench;
mod compliance;
mod config;
pub(crate) mod demo;
mod fhir;
pub(crate) mod import;
mod migrate;
mod pg;
pub(crate) mod serve;
mod store;
mod synthea;
mod tenancy;
mod verify;
mod work;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};

pub use bench::BenchArgs;
pub use compliance::{CustomerCommand, HoldCommand};
pub use config::ConfigCommand;
pub use demo::DemoArgs;
pub use import::ImportArgs;
pub use pg::PgCommand;
pub use tenancy::{UserCommand, VendorCommand};
pub use verify::VerifyArgs;

use crate::config::{Loaded, Settings, load};

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
    /// Answer requests and work on jobs.
    Serve {
        /// Only answer requests; `odyssey work` elsewhere works on the jobs.
        #[arg(long)]
        no_work: bool,
    },
    /// Only work on jobs.
    Work,
    /// Bring the schema up to date.
    Migrate {
        /// Only tell what has run and what has not.
        #[arg(long)]
        status: bool,
    },
    /// Make, list, suspend and remove vendors.
    #[command(subcommand)]
    Vendor(VendorCommand),
    /// Make people and give them roles.
    #[command(subcommand)]
    User(UserCommand),
    /// Erase a customer of a vendor.
    #[command(subcommand)]
    Customer(CustomerCommand),
    /// Place, list and lift legal holds.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Import a file into a vendor.
    Import(ImportArgs),
    /// Serve a demo vendor of our own making.
    Demo(DemoArgs),
    /// Measure import, matching and search beside a yardstick.
    Bench(BenchArgs),
    /// Check a receipt, offline: its signature, its policy, every verdict.
    Verify(VerifyArgs),
    /// Print the contract (OpenAPI 3.1).
    Openapi,
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
        Command::Verify(args) => verify::run(args),
        Command::Openapi => {
            println!("{}", odyssey_api::openapi_json()?);
            Ok(())
        }
        command => run_async(command, &loaded.settings),
    }
}

/// Commands that need the database.
fn run_async(command: &Command, settings: &Settings) -> anyhow::Result<()> {
    // The one crypto provider of every TLS connection; with two in the tree none would be the default.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("A crypto provider was installed already");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the server could not be started")?;
    runtime.block_on(async {
        match command {
            Command::Serve { no_work } => serve::serve(settings, !no_work).await,
            Command::Work => serve::work(settings).await,
            Command::Migrate { status } => migrate::run(settings, *status).await,
            Command::Vendor(command) => tenancy::run_vendor(command, settings).await,
            Command::User(command) => tenancy::run_user(command, settings).await,
            Command::Customer(command) => compliance::run_customer(command, settings).await,
            Command::Hold(command) => compliance::run_hold(command, settings).await,
            Command::Import(args) => import::run(args, settings).await,
            Command::Demo(args) => demo::run(args, settings).await,
            Command::Bench(args) => bench::run(args, settings).await,
            Command::Verify(_) | Command::Openapi | Command::Config(_) | Command::Pg(_) => Ok(()),
        }
    })
}
