//! Where SQL may be.

use super::{Finding, SourceFile, code_of, is_test_file, production_lines, rust};

const DOMAIN: &str = "crates/odyssey-domain/src/";

/// What writing a statement looks like.
const MARKS: [&str; 5] = ["sqlx::query", "query!(", "query_as!(", "query_scalar!(", "QueryBuilder"];

/// Files of the domain beside the stores that hold statements, each with its reason.
const STATEMENTS_ALLOWED: [(&str, &str); 1] = [(
    "crates/odyssey-domain/src/security/idempotency.rs",
    "one small table and nothing else to say about it",
)];

/// Files (and folders) that may assert that a composed statement is safe, each with its reason.
const ASSERTIONS_ALLOWED: &[(&str, &str)] = &[
    ("crates/odyssey/src/bench/", "yardsticks on tables of the bench's own, named after its vendor's id"),
    ("crates/odyssey-domain/src/db/migrate.rs", "names of roles and databases cannot be parameters"),
    ("crates/odyssey-domain/src/db/lender.rs", "the opening of a transaction"),
    ("crates/odyssey-domain/src/db/testing.rs", "test databases"),
    (
        "crates/odyssey-domain/src/ingestion/store/contested.rs",
        "a job's own tables are named after its id, a UUID",
    ),
    (
        "crates/odyssey-domain/src/ingestion/store/staging.rs",
        "a job's own tables are named after its id, a UUID",
    ),
];

/// In the domain, statements are in `store.rs`, in a folder `store/`, in `*_store.rs`, or in `db`.
pub fn queries_live_in_stores(sources: &[SourceFile]) -> Vec<Finding> {
    let outside = rust(sources).filter(|file| {
        file.path.starts_with(DOMAIN)
            && !file.path[DOMAIN.len()..].starts_with("db/")
            && !file.path.ends_with("store.rs")
            && !file.path.contains("/store/")
            && !is_test_file(&file.path)
            && !STATEMENTS_ALLOWED.iter().any(|(path, _)| *path == file.path)
    });
    find(outside, &MARKS, "SQL belongs into the area's store.rs")
}

/// `AssertSqlSafe` is a reviewed word.
pub fn dynamic_statements_live_in_listed_files(sources: &[SourceFile]) -> Vec<Finding> {
    let outside = rust(sources).filter(|file| {
        file.path.starts_with("crates/")
            && !is_test_file(&file.path)
            && !ASSERTIONS_ALLOWED.iter().any(|(path, _)| is_or_holds(path, &file.path))
    });
    find(outside, &["AssertSqlSafe"], "composed SQL needs an entry with its reason in xtask/src/tidy/sql.rs")
}

/// An entry that ends with a slash stands for a folder.
fn is_or_holds(entry: &str, path: &str) -> bool {
    path == entry || (entry.ends_with('/') && path.starts_with(entry))
}

fn find<'a>(files: impl Iterator<Item = &'a SourceFile>, marks: &[&str], message: &str) -> Vec<Finding> {
    files
        .flat_map(|file| {
            production_lines(&file.text)
                .filter(|(_, line)| marks.iter().any(|mark| code_of(line).contains(mark)))
                .map(|(number, _)| Finding::new(&file.path, number, message))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::messages;
    use super::*;

    const QUERY: &str = "let row = sqlx::query!(\"SELECT 1\");\n";

    #[test]
    fn statements_are_found_outside_of_stores_only() {
        let check = |path: &str| messages(queries_live_in_stores, &format!("{DOMAIN}{path}"), QUERY).len();
        assert_eq!(check("catalog/mod.rs"), 1);
        assert_eq!(check("catalog/store.rs"), 0);
        assert_eq!(check("catalog/store/list.rs"), 0);
        assert_eq!(check("catalog/tests.rs"), 0);
        assert_eq!(check("db/pool.rs"), 0);
    }

    #[test]
    fn asserting_that_sql_is_safe_needs_a_place_on_the_list() {
        let text = "raw_sql(AssertSqlSafe(text))\n";
        let rule = dynamic_statements_live_in_listed_files;
        assert_eq!(messages(rule, "crates/odyssey-domain/src/catalog/store.rs", text).len(), 1);
        assert_eq!(messages(rule, "crates/odyssey-domain/src/db/migrate.rs", text).len(), 0);
    }
}
