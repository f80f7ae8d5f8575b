//! A file fits in the head: past 400 production lines it needs an obvious reason, written here.

use super::{Finding, SourceFile, is_test_file, production_lines, rust};

const LINES_MAX: usize = 400;

/// Longer files and why each is one subject.
const LONG_FILES: &[(&str, &str)] = &[
    (
        "crates/odyssey-domain/src/catalog/store.rs",
        "every statement on the catalog's tables, one after the other",
    ),
    ("crates/odyssey-domain/src/customers/plan.rs", "one decision per record, with its refusals"),
    (
        "crates/odyssey-domain/src/customers/store.rs",
        "every statement on the customers' tables, one after the other",
    ),
    (
        "crates/odyssey-domain/src/customers/write.rs",
        "the types of a write and the one function that does it",
    ),
    (
        "crates/odyssey-domain/src/taxonomy/store.rs",
        "every statement on trees and synonyms, one after the other",
    ),
    (
        "crates/odyssey-domain/src/tenancy/store.rs",
        "every statement on tenancy's tables, one after the other",
    ),
    ("crates/odyssey-domain/src/ingestion/products.rs", "one import of products from stage to finish"),
    (
        "crates/odyssey-domain/src/ingestion/row_errors.rs",
        "the one place where faults of rows are numbered, sealed and bounded",
    ),
    ("crates/odyssey-domain/src/jobs.rs", "the one list of job kinds and schedules, each with its handler"),
    ("crates/odyssey-jobs/src/dispatcher/lane.rs", "one event loop"),
    ("crates/odyssey-matching/src/engine/evaluate/sentences.rs", "one sentence for each code of a reason"),
    ("crates/odyssey-matching/src/engine/pack/load.rs", "one reader for each table of the pack"),
    (
        "crates/odyssey-matching/src/engine/pack/raw.rs",
        "the pack's tables as they are written, field by field",
    ),
    (
        "crates/odyssey-matching/src/engine/testing.rs",
        "random products and profiles of every kind, for tests only",
    ),
    ("crates/odyssey-matching/src/label/mod.rs", "one reading of a label from its fields to its facts"),
    ("crates/odyssey-matching/src/label/statements.rs", "one automaton over the words of label statements"),
    ("crates/odyssey-matching/src/label/tables.rs", "one reader for each table of terms"),
    ("crates/odyssey-matching/src/label/text.rs", "one way from characters to words"),
    ("crates/odyssey-matching/src/label/tree/builder.rs", "one builder of the tree, bracket by bracket"),
    ("crates/odyssey-matching/src/facts.rs", "the closed lists of keys, flags and diets"),
    ("crates/odyssey-tabular/src/synthea.rs", "one recipe from end to end"),
];

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
