//! The project's own rules about its files: each a small function over the sources, each with tests that
//! show it failing.

mod dependencies;
mod edges;
mod migrations;
mod size;
mod sql;
mod words;

use anyhow::Result;

use crate::repo::{self, Finding, SourceFile};

type Rule = fn(&[SourceFile]) -> Vec<Finding>;

const RULES: [Rule; 9] = [
    dependencies::crates_depend_only_downwards,
    edges::areas_call_only_what_the_table_allows,
    sql::queries_live_in_stores,
    sql::dynamic_statements_live_in_listed_files,
    words::nothing_names_the_machine_it_was_made_on,
    words::no_test_is_ignored,
    words::lines_end_cleanly,
    size::files_are_short_or_listed,
    migrations::migrations_are_numbered_and_forward_only,
];

pub fn run() -> Result<()> {
    let sources = repo::read_sources(&repo::root())?;
    repo::report("tidy", check(&sources))
}

fn check(sources: &[SourceFile]) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(sources)).collect()
}

/// Rust files.
fn rust(sources: &[SourceFile]) -> impl Iterator<Item = &SourceFile> {
    sources.iter().filter(|file| file.has_extension("rs"))
}

/// Whether a file exists for tests, benches, examples or fuzzing only.
fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples" | "fuzz"))
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path.starts_with("crates/odyssey-testkit/")
}

/// The lines above the unit tests of a file.
fn production_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines
        .windows(2)
        .position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests {"))
        .unwrap_or(lines.len());
    lines.into_iter().take(end).enumerate().map(|(index, line)| (index + 1, line))
}

/// A line of code without its comment, near enough for these rules.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one rule over one file and gives back its messages.
    pub(super) fn messages(rule: Rule, path: &str, text: &str) -> Vec<String> {
        rule(&[SourceFile { path: path.to_owned(), text: text.to_owned() }])
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn the_tests_at_the_end_of_a_file_are_not_production() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(production_lines(text).count(), 1);
        assert_eq!(production_lines("#[cfg(test)]\nmod tests;\nfn a() {}\n").count(), 3);
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        assert!(is_test_file("crates/odyssey/tests/it/main.rs"));
        assert!(is_test_file("crates/odyssey-vault/src/store/tests.rs"));
        assert!(!is_test_file("crates/odyssey-domain/src/catalog/store.rs"));
    }
}
