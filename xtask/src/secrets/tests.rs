//! Planted secrets are found in the tree and in the history; what merely talks about secrets is not one.

use std::path::Path;
use std::process::Command;

use super::{history, planted, scan, scan_tree};

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
    let status = Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(folder)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("git runs");
    assert!(status.success(), "git {arguments:?}");
}

#[test]
fn each_planted_secret_is_found() {
    for (path, text) in planted() {
        assert!(!scan(path, text.as_bytes()).is_empty(), "missed in {path}: {text}");
    }
}

#[test]
fn a_finding_does_not_repeat_the_secret() {
    for (path, text) in planted() {
        for finding in scan(path, text.as_bytes()) {
            assert!(!finding.message.contains("k3Jx9QvT7m"), "{finding}");
        }
    }
}

#[test]
fn a_secret_that_was_removed_is_still_found_in_the_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    git(root, &["init", "--quiet"]);
    let (_, secret) = planted().into_iter().find(|(path, _)| *path == "a.toml").expect("planted");
    std::fs::write(root.join("settings.toml"), secret).expect("written");
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "one"]);
    assert_eq!(scan_tree(root).expect("scanned").len(), 1);
    std::fs::remove_file(root.join("settings.toml")).expect("removed");
    std::fs::write(root.join("fine.txt"), "fine\n").expect("written");
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "-m", "two"]);
    assert!(scan_tree(root).expect("scanned").is_empty());
    let (_, findings) = history::scan_history(root).expect("scanned").expect("a checkout");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("git object"));
}

#[test]
fn a_secret_in_a_commit_message_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    git(root, &["init", "--quiet"]);
    let (_, secret) = planted().into_iter().find(|(path, _)| *path == "a.md").expect("planted");
    git(root, &["commit", "--quiet", "--allow-empty", "-m", &secret]);
    let (_, findings) = history::scan_history(root).expect("scanned").expect("a checkout");
    assert_eq!(findings.len(), 1);
}

#[test]
fn what_only_talks_about_secrets_is_not_one() {
    for (path, line) in [
        ("a.rs", "pub app_password: Option<SecretString>,"),
        ("a.rs", "let password = SecretString::from(\"pw\");"),
        ("a.rs", "check(\"postgres://u:pw@db.example.com/x\", \"\");"),
        ("a.toml", "url = \"postgres://odyssey:secret@db.example.com:5432/odyssey\""),
        ("a.rs", "format!(\"postgres://{user}:{password}@{host}/{database}\")"),
        ("a.sql", "token_hash bytea NOT NULL,"),
        ("a.md", "API keys look like `odk_live_…` and are shown once."),
        ("a.rs", "const TOKEN: &str = \"merge_staging_upload_parse_rows\";"),
        (".env.example", "DATABASE_PASSWORD=<your password>"),
        ("a.rs", "let checksum = \"9f86d081884c7d659a2feaa0c55ad015\";"),
    ] {
        assert!(scan(path, line.as_bytes()).is_empty(), "{path}: {line}: {:?}", scan(path, line.as_bytes()));
    }
}
