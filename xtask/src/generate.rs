//! Files that are made from the code and committed: `.sqlx` (the checked queries) and `openapi.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::repo;
use crate::testdb::TestDb;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    Check,
}

/// `.sqlx` only, for work on queries while the rest does not compile.
pub fn write_queries() -> Result<()> {
    let stale = queries(Mode::Write)?;
    println!(
        "generated files: {}",
        if stale.is_empty() { "up to date".to_owned() } else { stale.join(", ") }
    );
    Ok(())
}

/// Roles that the migrations name; `odyssey migrate` makes them on a real server.
const ROLES: [&str; 3] = ["odyssey_app", "odyssey_platform", "odyssey_search"];
const SEARCH_PATH: &str = "-c search_path=odyssey,pg_catalog";

pub fn run(mode: Mode) -> Result<()> {
    // Queries first: without them nothing that holds one compiles, the binary that prints the contract
    // included.
    let mut stale = queries(mode)?;
    stale.extend(contract(mode)?);
    if stale.is_empty() {
        println!("generated files: up to date");
        return Ok(());
    }
    match mode {
        Mode::Write => {
            println!("generated files: wrote {}", stale.join(", "));
            Ok(())
        }
        Mode::Check => bail!("stale: {}. Run `cargo xtask generate` and commit", stale.join(", ")),
    }
}

/// Compiles every crate that holds checked queries against a freshly migrated database; the macros write
/// one file a query.
fn queries(mode: Mode) -> Result<Vec<String>> {
    let crates = crates_with_queries(&repo::root())?;
    if crates.is_empty() {
        return Ok(Vec::new());
    }
    let database = TestDb::start("generate")?;
    let url = migrated(&database)?;
    let fresh = repo::target_dir().join("generated-sqlx");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    let mut arguments = vec!["check", "--quiet", "--locked"];
    for name in &crates {
        // Cargo does not know that the answer of the database is an input.
        touch(&repo::root().join("crates").join(name).join("src/lib.rs"))?;
        arguments.extend(["--package", name]);
    }
    let fresh_text = fresh.to_string_lossy().into_owned();
    let environment = [("DATABASE_URL", &*url), ("SQLX_OFFLINE", "false"), ("SQLX_OFFLINE_DIR", &fresh_text)];
    repo::run("cargo", &arguments, &environment)?;
    let (wanted, present) = (read_folder(&fresh)?, read_folder(&repo::root().join(".sqlx"))?);
    let stale = differences(".sqlx", &wanted, &present);
    if mode == Mode::Write && !stale.is_empty() {
        write_folder(&repo::root().join(".sqlx"), &wanted, &present)?;
    }
    Ok(stale)
}

/// The contract as the binary prints it.
fn contract(mode: Mode) -> Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "--package", "odyssey", "--", "openapi"])
        .current_dir(repo::root())
        .output()
        .context("run odyssey openapi")?;
    if !output.status.success() {
        bail!("`odyssey openapi` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let path = repo::root().join("openapi.json");
    if fs::read(&path).is_ok_and(|present| present == output.stdout) {
        return Ok(Vec::new());
    }
    if mode == Mode::Write {
        fs::write(&path, &output.stdout)?;
    }
    Ok(vec!["openapi.json".to_owned()])
}

/// A database with every migration applied, by an owner who is no superuser, as on a managed server.
fn migrated(database: &TestDb) -> Result<String> {
    let password = "prepare";
    let owner = database.url_for("odyssey_owner", password, "odyssey_prepare");
    let admin = database.url().to_owned();
    for statement in [
        format!("CREATE ROLE odyssey_owner LOGIN CREATEROLE CREATEDB PASSWORD '{password}'"),
        "CREATE DATABASE odyssey_prepare OWNER odyssey_owner".to_owned(),
    ] {
        psql(database, &admin, &["--command", &statement])?;
    }
    for role in ROLES {
        psql(database, &owner, &["--command", &format!("CREATE ROLE {role} NOLOGIN")])?;
        psql(database, &owner, &["--command", &format!("GRANT {role} TO CURRENT_USER")])?;
    }
    psql(database, &owner, &["--command", "CREATE SCHEMA odyssey"])?;
    let mut files: Vec<PathBuf> = fs::read_dir(repo::root().join("migrations"))?
        .map(|entry| entry.map(|it| it.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    for file in files {
        let path = file.to_string_lossy().into_owned();
        psql(database, &owner, &["--single-transaction", "--file", &path])?;
    }
    Ok(format!("{owner}?options=-c%20search_path%3Dodyssey%2Cpg_catalog"))
}

fn psql(database: &TestDb, url: &str, arguments: &[&str]) -> Result<()> {
    let status =
        database.psql(url).args(arguments).env("PGOPTIONS", SEARCH_PATH).status().context("run psql")?;
    if !status.success() {
        bail!("psql {} failed", arguments.join(" "));
    }
    Ok(())
}

/// Crates whose code uses one of the checking macros.
fn crates_with_queries(root: &Path) -> Result<Vec<String>> {
    let mut crates: Vec<String> = repo::read_sources(root)?
        .into_iter()
        .filter(|file| file.has_extension("rs") && uses_checked_queries(&file.text))
        .filter_map(|file| {
            let mut parts = file.path.strip_prefix("crates/")?.split('/');
            let name = parts.next()?.to_owned();
            (parts.next() == Some("src")).then_some(name)
        })
        .collect();
    crates.sort();
    crates.dedup();
    Ok(crates)
}

fn uses_checked_queries(text: &str) -> bool {
    ["query!(", "query_as!(", "query_scalar!(", "query_file!(", "query_file_as!("]
        .iter()
        .any(|macro_call| text.contains(macro_call))
}

fn touch(path: &Path) -> Result<()> {
    let file =
        fs::File::options().append(true).open(path).with_context(|| format!("open {}", path.display()))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the time of a file is the one that the file system keeps"
    )]
    file.set_modified(std::time::SystemTime::now())?;
    Ok(())
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
    }
    Ok(files)
}

fn differences(
    folder: &str,
    wanted: &BTreeMap<String, Vec<u8>>,
    present: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let changed = wanted.iter().filter(|(name, bytes)| present.get(*name) != Some(bytes)).count();
    let surplus = present.keys().filter(|name| !wanted.contains_key(*name)).count();
    if changed + surplus == 0 {
        return Vec::new();
    }
    vec![format!("{folder} ({changed} new or changed, {surplus} no longer used)")]
}

fn write_folder(
    folder: &Path,
    wanted: &BTreeMap<String, Vec<u8>>,
    present: &BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, bytes) in wanted {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn new_changed_and_unused_queries_are_differences_and_equal_folders_are_none() {
        let present = folder(&[("a", "1"), ("b", "2")]);
        assert!(differences("x", &present, &present).is_empty());
        let wanted = folder(&[("a", "1"), ("b", "3"), ("c", "4")]);
        assert_eq!(differences("x", &wanted, &present), ["x (2 new or changed, 0 no longer used)"]);
        assert_eq!(
            differences("x", &folder(&[("a", "1")]), &present),
            ["x (0 new or changed, 1 no longer used)"]
        );
    }

    #[test]
    fn writing_leaves_exactly_what_is_wanted() {
        let place = tempfile::tempdir().expect("a folder");
        fs::write(place.path().join("old"), "x").expect("written");
        let wanted = folder(&[("new", "y")]);
        let present = read_folder(place.path()).expect("read");
        write_folder(place.path(), &wanted, &present).expect("written");
        assert_eq!(read_folder(place.path()).expect("read"), wanted);
    }
}
