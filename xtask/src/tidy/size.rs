//! A file fits in the head: past 400 production lines it needs an obvious reason, written here.

use super::{Finding, SourceFile, is_test_file, production_lines, rust};

const LINES_MAX: usize = 400;

/// Longer files and why each is one subject.
const LONG_FILES: [(&str, &str); 0] = [];

pub fn files_are_short_or_listed(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in rust(sources).filter(|file| !is_test_file(&file.path)) {
        let lines = production_lines(&file.text).count();
        let listed = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if lines > LINES_MAX && !listed {
            findings.push(Finding::new(
                &file.path,
                0,
                format!("{lines} lines; split it, or give the reason in xtask/src/tidy/size.rs"),
            ));
        }
        if lines <= LINES_MAX && listed {
            findings.push(Finding::new(
                &file.path,
                0,
                "is short now: take it off the list in xtask/src/tidy/size.rs",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::messages;
    use super::*;

    #[test]
    fn only_production_lines_count() {
        let long = "fn a() {}\n".repeat(LINES_MAX + 1);
        assert_eq!(messages(files_are_short_or_listed, "crates/a/src/lib.rs", &long).len(), 1);
        assert_eq!(messages(files_are_short_or_listed, "crates/a/src/tests.rs", &long).len(), 0);
        let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(messages(files_are_short_or_listed, "crates/a/src/lib.rs", &tested).len(), 0);
    }
}
