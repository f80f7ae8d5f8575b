//! `odyssey config …`

use clap::Subcommand;

use crate::config::Loaded;

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the settings are valid; a bad one stops with its name and place.
    Check,
    /// Print every setting in effect and where it came from, secrets left out.
    Show,
}

/// Reading the settings, which has succeeded by now, was the check.
pub(super) fn run(command: &ConfigCommand, loaded: &Loaded) {
    match command {
        ConfigCommand::Check => println!("The configuration is valid."),
        ConfigCommand::Show => print!("{}", loaded.show()),
    }
}
