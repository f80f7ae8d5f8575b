//! `odyssey pg …`: for a person who wants to look at the embedded server or have it gone.

use clap::Subcommand;

use crate::config::Settings;
use crate::pg::{Status, status, stop_now};

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum PgCommand {
    /// Say whether it exists and runs.
    Status,
    /// Stop it, whoever uses it; `odyssey serve` starts it again.
    Stop,
}

pub(super) fn run(command: &PgCommand, settings: &Settings) -> anyhow::Result<()> {
    match command {
        PgCommand::Status => println!("{}", describe(&status(&settings.state.dir)?)),
        PgCommand::Stop => {
            let stopped = stop_now(&settings.state.dir, settings.database.bin_dir.as_deref())?;
            println!("{}", if stopped { "stopped" } else { "was not running" });
        }
    }
    Ok(())
}

fn describe(status: &Status) -> String {
    match status {
        Status::NotCreated => "not created yet".to_owned(),
        Status::Stopped { data_dir } => format!("stopped; data in {}", data_dir.display()),
        Status::Running { data_dir, socket_dir, port } => format!(
            "running on 127.0.0.1:{port} and in {}; data in {}",
            socket_dir.display(),
            data_dir.display()
        ),
    }
}
