//! Every blob that any branch or tag of the repository reaches, and every commit message.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{BYTES_MAX, scan};
use crate::repo::Finding;

/// The number of versions looked at and what was found; `None` where there is no git.
pub fn scan_history(root: &Path) -> Result<Option<(usize, Vec<Finding>)>> {
    if git(root, &["rev-parse", "--git-dir"]).is_err() {
        return Ok(None);
    }
    if git(root, &["rev-parse", "--is-shallow-repository"])?.trim() == "true" {
        // Saying "clean" about a history that was cut off would be a lie.
        println!("secrets: this is a shallow clone; only the part of the history that is here is scanned");
    }
    let blobs = list_blobs(root)?;
    let mut findings = scan_blobs(root, &blobs)?;
    findings.extend(scan_messages(root)?);
    Ok(Some((blobs.len(), findings)))
}

/// Object name and one path it had.
fn list_blobs(root: &Path) -> Result<BTreeMap<String, String>> {
    let objects = git(root, &["rev-list", "--objects", "--all"])?;
    // Commits and root trees have no path; folders are told apart when they are read.
    Ok(objects
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, path)| !path.is_empty())
        .map(|(object, path)| (object.to_owned(), path.to_owned()))
        .collect())
}

/// One git process for all of them: a process each would take minutes.
fn scan_blobs(root: &Path, blobs: &BTreeMap<String, String>) -> Result<Vec<Finding>> {
    let mut child = Command::new("git")
        .args(["cat-file", "--batch"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start git cat-file")?;
    let mut input = child.stdin.take().context("git's input")?;
    let names: Vec<String> = blobs.keys().cloned().collect();
    // Written from beside, since git answers while it is still being asked.
    let writer = std::thread::spawn(move || -> std::io::Result<()> {
        for name in names {
            writeln!(input, "{name}")?;
        }
        Ok(())
    });
    let mut output = BufReader::new(child.stdout.take().context("git's output")?);
    let mut findings = Vec::new();
    let mut header = String::new();
    while output.read_line(&mut header)? > 0 {
        // `<object> <type> <size>`, the content, a line end.
        let fields: Vec<&str> = header.split_whitespace().collect();
        let [object, kind, size] = fields[..] else { bail!("git cat-file said `{}`", header.trim()) };
        let size: u64 = size.parse().context("a size")?;
        let mut content = Vec::new();
        output.by_ref().take(size + 1).read_to_end(&mut content)?;
        if kind == "blob" && size <= BYTES_MAX {
            let path = blobs.get(object).map_or("", String::as_str);
            let short = &object[..object.len().min(12)];
            findings.extend(scan(path, &content).into_iter().map(|finding| Finding {
                message: format!("{} (in git object {short})", finding.message),
                ..finding
            }));
        }
        header.clear();
    }
    match writer.join() {
        Ok(outcome) => outcome.context("ask git for its objects")?,
        Err(_) => bail!("the thread that asks git failed"),
    }
    if !child.wait()?.success() {
        bail!("git cat-file failed");
    }
    Ok(findings)
}

fn scan_messages(root: &Path) -> Result<Vec<Finding>> {
    let messages = git(root, &["log", "--all", "--format=%B"])?;
    Ok(scan("commit messages", messages.as_bytes()))
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").args(arguments).current_dir(root).output().context("run git")?;
    if !output.status.success() {
        bail!("git {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
