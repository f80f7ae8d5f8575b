//! The `odyssey` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Imports and answers make and drop many small texts: a fifth of their time with the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
