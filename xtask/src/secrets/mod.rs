//! Scans every file of the tree and every version of every file that git ever recorded, and first proves
//! on planted secrets that it would find one.
//!
//! A line that must look like a secret (a test of this very kind) says `not-a-secret`.

mod history;
mod patterns;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Result, bail};

use crate::repo::{self, Finding};

/// Larger files are data; whoever commits one has other questions to answer.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

pub fn run() -> Result<()> {
    self_test()?;
    let root = repo::root();
    let mut findings = scan_tree(&root)?;
    let scanned = history::scan_history(&root)?;
    match scanned {
        Some((blobs, found)) => {
            println!("secrets: {blobs} versions of files in the history");
            findings.extend(found);
        }
        None => println!("secrets: not a git checkout, so there is no history to scan"),
    }
    repo::report("secrets", findings)
}

fn scan_tree(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in repo::list_files(root)? {
        let full = root.join(&path);
        if std::fs::metadata(&full)?.len() > BYTES_MAX {
            continue;
        }
        findings.extend(scan(&path, &std::fs::read(&full)?));
    }
    Ok(findings)
}

/// Everything suspicious about one version of one file.
fn scan(path: &str, bytes: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(message) = patterns::suspicious_name(path) {
        findings.push(Finding::new(path, 0, message));
    }
    let text = String::from_utf8_lossy(bytes);
    for (index, line) in text.lines().enumerate() {
        if line.contains("not-a-secret") {
            continue;
        }
        if let Some(kind) = patterns::secret_in(path, line) {
            // The kind only: a report that quotes the secret spreads it.
            findings.push(Finding::new(path, index + 1, kind));
        }
    }
    findings
}

/// A scanner that finds nothing looks the same as a clean tree, unless it is shown something to find.
fn self_test() -> Result<()> {
    for (path, text) in planted() {
        if scan(path, text.as_bytes()).is_empty() {
            bail!("the scanner is blind: it missed a planted secret in {path}");
        }
    }
    Ok(())
}

/// One of each kind, put together here so that this file does not hold any.
fn planted() -> Vec<(&'static str, String)> {
    let random = "k3Jx9QvT7mWz2LpR8sYb4NcD";
    let begin = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    vec![
        ("key.txt", begin),
        ("a.rs", format!("let k = \"{}{}\";", ["AK", "IA"].concat(), "Q3EGRIOZ7XNKDLB2")),
        ("a.rs", format!("{}{random}{random}", ["gh", "p_"].concat())),
        ("a.md", format!("{}{random}", ["odk_", "live_"].concat())),
        ("a.md", format!("{}{random}", ["sb_", "secret_"].concat())),
        ("a.yml", format!("{}{random}", ["sk_", "live_"].concat())),
        ("a.toml", format!("url = \"postgres://shop:{random}@db.example.com/shop\"")),
        ("a.toml", format!("pass{} = \"{random}\"", "word")),
        ("a.json", format!("\"api_{}\": \"{random}\"", "key")),
        ("deploy/.env", format!("DATABASE_{}=hunter2", "PASSWORD")),
        (
            "a.http",
            format!(
                "Authorization: Bearer {}.{random}{random}.{random}",
                ["ey", "JhbGciOiJFZERTQSJ9"].concat()
            ),
        ),
        ("a.http", format!("Cookie: session={random}")),
        ("jar.txt", ["# Netscape HTTP ", "Cookie File"].concat()),
        ("export.har", String::new()),
        ("id_ed25519", String::new()),
    ]
}
