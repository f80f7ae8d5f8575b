//! The `odyssey` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    match odyssey::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Each cause on a line of its own: what was attempted, then why it failed.
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
