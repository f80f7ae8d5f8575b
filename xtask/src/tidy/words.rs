//! What no file may say.

use super::{Finding, SourceFile, is_test_file, rust};

/// Words put together here, so that this list does not find itself.
fn forbidden() -> Vec<(String, &'static str)> {
    vec![
        (["crates", ".io"].concat(), "hosts of package registries belong into lock files only"),
        (["registry.npm", "js.org"].concat(), "hosts of package registries belong into lock files only"),
        (["py", "pi.org"].concat(), "hosts of package registries belong into lock files only"),
        (["proxy.golang", ".org"].concat(), "hosts of package registries belong into lock files only"),
        (["/wo", "rk/"].concat(), "a path of one machine"),
        (["/ro", "ot/"].concat(), "a path of one machine"),
        (["/ho", "me/"].concat(), "a path of one machine"),
    ]
}

const LOCK_FILES: [&str; 3] = ["Cargo.lock", "package-lock.json", "pnpm-lock.yaml"];

/// The repository stands alone: no path of a machine, no registry, nothing beside it outside of tests.
pub fn nothing_names_the_machine_it_was_made_on(sources: &[SourceFile]) -> Vec<Finding> {
    let forbidden = forbidden();
    let beside = ["../sha", "red"].concat();
    let mut findings = Vec::new();
    for file in sources.iter().filter(|file| !LOCK_FILES.iter().any(|name| file.path.ends_with(name))) {
        for (index, line) in file.text.lines().enumerate() {
            for (word, message) in &forbidden {
                if says(line, word) {
                    findings.push(Finding::new(&file.path, index + 1, format!("`{word}`: {message}")));
                }
            }
            if line.contains(&beside) && !is_test_file(&file.path) {
                findings.push(Finding::new(
                    &file.path,
                    index + 1,
                    format!("`{beside}` outside of tests and benches"),
                ));
            }
        }
    }
    findings
}

/// A path counts only where it begins: `docs/work/x` is not the root of a machine.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !word.starts_with('/')
            || !line[..at].ends_with(|c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '$' | '*')
            })
    })
}

/// An ignored test is a wish. Assert today's behaviour and say why it is wrong.
pub fn no_test_is_ignored(sources: &[SourceFile]) -> Vec<Finding> {
    let mark = ["#[ign", "ore"].concat();
    let mut findings = Vec::new();
    for file in rust(sources) {
        for (index, line) in file.text.lines().enumerate() {
            if line.trim_start().starts_with(&mark) {
                findings.push(Finding::new(&file.path, index + 1, "tests are not ignored"));
            }
        }
    }
    findings
}

/// No trailing blanks, no tabs in Rust, one line end at the end.
pub fn lines_end_cleanly(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let written_by_hand = [".rs", ".sql", ".toml", ".md"];
    for file in sources.iter().filter(|file| written_by_hand.iter().any(|end| file.path.ends_with(end))) {
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::new(&file.path, 0, "does not end with a line end"));
        }
        for (index, line) in file.text.lines().enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(Finding::new(&file.path, index + 1, "blanks at the end of the line"));
            }
            if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
                findings.push(Finding::new(&file.path, index + 1, "a conflict that was not resolved"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::messages;
    use super::*;

    #[test]
    fn machine_paths_and_registries_are_found_where_they_begin() {
        let check =
            |path: &str, text: &str| messages(nothing_names_the_machine_it_was_made_on, path, text).len();
        let path = ["/wo", "rk/x"].concat();
        assert_eq!(check("README.md", &format!("see {path}")), 1);
        assert_eq!(check("README.md", &format!("see docs{path}")), 0);
        let host = ["https://crates", ".io"].concat();
        assert_eq!(check("README.md", &host), 1);
        assert_eq!(check("Cargo.lock", &host), 0);
        let beside = ["../sha", "red/data"].concat();
        assert_eq!(check("crates/odyssey/src/lib.rs", &beside), 1);
        assert_eq!(check("crates/odyssey/tests/it/real.rs", &beside), 0);
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = ["#[test]\n#[ign", "ore]\nfn x() {}\n"].concat();
        assert_eq!(messages(no_test_is_ignored, "crates/a/src/lib.rs", &text).len(), 1);
    }

    #[test]
    fn untidy_line_ends_are_found() {
        assert_eq!(messages(lines_end_cleanly, "a.rs", "fn a() {} \n").len(), 1);
        assert_eq!(messages(lines_end_cleanly, "a.rs", "fn a() {}").len(), 1);
        assert_eq!(messages(lines_end_cleanly, "a.rs", "fn a() {}\n").len(), 0);
    }
}
