//! What a new machine lacks. Rust itself is there, or this would not run.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{repo, testdb};

pub fn everything() -> Result<()> {
    postgres()?;
    nextest()
}

/// PostgreSQL 15 to 17: installed by apt where we may, otherwise the command is said.
pub fn postgres() -> Result<()> {
    c_compiler()?;
    if testdb::find_binaries().is_some() {
        return Ok(());
    }
    let package = apt_package();
    let install = format!("apt-get update && apt-get install -y {package}");
    if !is_root() || !repo::answers("apt-get", &["--version"]) {
        bail!(
            "PostgreSQL 15, 16 or 17 is not installed. Install it, for example with:\n  sudo sh -c '{install}'"
        );
    }
    println!("PostgreSQL is missing; installing {package}");
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    repo::run("apt-get", &["update", "-qq"], &quiet)?;
    repo::run("apt-get", &["install", "-y", "-qq", "--no-install-recommends", &package], &quiet)?;
    testdb::find_binaries()
        .map(drop)
        .context("PostgreSQL was installed and is not found; see database.bin_dir")
}

fn nextest() -> Result<()> {
    if repo::answers("cargo", &["nextest", "--version"]) {
        return Ok(());
    }
    println!("cargo-nextest is missing; installing it");
    repo::run("cargo", &["install", "cargo-nextest", "--locked"], &[])
}

/// The crypto library is C; without a compiler its build ends in pages of noise.
fn c_compiler() -> Result<()> {
    if ["cc", "gcc", "clang"].iter().any(|name| repo::answers(name, &["--version"])) {
        return Ok(());
    }
    if is_root() && repo::answers("apt-get", &["--version"]) {
        println!("A C compiler is missing; installing build-essential");
        repo::run("apt-get", &["update", "-qq"], &[])?;
        return repo::run("apt-get", &["install", "-y", "-qq", "build-essential"], &[]);
    }
    bail!(
        "a C compiler is not installed. Install one, for example with:\n  sudo apt-get install -y build-essential"
    )
}

/// The newest supported version that this system's sources offer.
fn apt_package() -> String {
    for major in testdb::SUPPORTED {
        let name = format!("postgresql-{major}");
        let known = Command::new("apt-cache").args(["policy", &name]).output();
        let offered = known.is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.contains("Candidate:") && !text.contains("Candidate: (none)")
        });
        if offered {
            return name;
        }
    }
    // The lists may not be fetched yet; the meta package follows the release.
    "postgresql".to_owned()
}

fn is_root() -> bool {
    testdb::my_uid().is_ok_and(|uid| uid == 0)
}
