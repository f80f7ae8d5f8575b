//! Which area of the domain may call which: a new edge is a line in this table, not a habit.

use super::{Finding, SourceFile, code_of, production_lines, rust};

const DOMAIN: &str = "crates/odyssey-domain/src/";

/// Every area may call these.
const FOUNDATIONS: [&str; 4] = ["db", "tenancy", "audit", "retention"];

/// Area, and what it may call besides the foundations.
const AREAS: [(&str, &[&str]); 19] = [
    // The foundations know each other: a transaction carries the scope and the actor of tenancy, and whoever
    // removes anything asks retention whether it is held.
    ("db", &[]),
    ("tenancy", &[]),
    ("audit", &[]),
    ("retention", &[]),
    ("outbox", &[]),
    ("security", &[]),
    ("taxonomy", &[]),
    // Facts are derived by the tables of the vendor, which its synonyms are part of.
    ("catalog", &["outbox", "taxonomy"]),
    // What derives from a profile depends on the vendor's rules.
    ("rules", &[]),
    ("customers", &["outbox", "rules"]),
    ("matching", &["catalog", "customers", "rules"]),
    ("search", &["catalog"]),
    ("quality", &["catalog"]),
    // An import ends with counting the quality of what it left; what headers and values mean is synonyms; a dry run asks
    // whom it would cost a product.
    ("ingestion", &["catalog", "customers", "matching", "outbox", "quality", "taxonomy"]),
    // A file is made of what the others own.
    ("exports", &["catalog", "customers", "matching"]),
    // What is retried or deleted takes what hangs on it along.
    ("queues", &["exports", "ingestion", "matching"]),
    ("connectors", &["ingestion"]),
    ("webhooks", &["outbox"]),
    ("observability", &[]),
];

pub fn areas_call_only_what_the_table_allows(sources: &[SourceFile]) -> Vec<Finding> {
    rust(sources).filter(|file| file.path.starts_with(DOMAIN)).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    // Files beside the areas (lib.rs, jobs.rs, small helpers) tie them together and are not areas.
    let Some((area, _)) = file.path[DOMAIN.len()..].split_once('/') else { return Vec::new() };
    let Some((_, allowed)) = AREAS.iter().find(|(name, _)| *name == area) else {
        return vec![Finding::new(
            &file.path,
            0,
            format!("`{area}` is not in the table of areas (xtask/src/tidy/edges.rs)"),
        )];
    };
    let mut findings = Vec::new();
    let mut before = "";
    for (number, line) in production_lines(&file.text) {
        let excused = before.trim_start().starts_with("// Edge: ") || line.contains("// Edge: ");
        for called in called_areas(code_of(line)) {
            let known = AREAS.iter().any(|(name, _)| *name == called);
            let fine = called == area || FOUNDATIONS.contains(&called) || allowed.contains(&called);
            if known && !fine && !excused {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!(
                        "`{area}` may not call `{called}`; a deliberate exception says why: `// Edge: …`"
                    ),
                ));
            }
        }
        before = line;
    }
    findings
}

/// Every `x` of `crate::x` in a line.
fn called_areas(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("crate::").map(|(at, word)| {
        let rest = &code[at + word.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::messages;
    use super::*;

    fn check(area: &str, line: &str) -> usize {
        let path = format!("{DOMAIN}{area}/mod.rs");
        messages(areas_call_only_what_the_table_allows, &path, line).len()
    }

    #[test]
    fn an_edge_outside_of_the_table_is_found_in_use_lines_and_in_paths() {
        assert_eq!(check("catalog", "use crate::matching::rank;"), 1);
        assert_eq!(check("customers", "    crate::catalog::get(tx, id).await?;"), 1);
        assert_eq!(check("matching", "use crate::catalog::Product;"), 0);
        assert_eq!(check("search", "use crate::db::VendorTx;"), 0);
        assert_eq!(check("search", "use crate::search::Query;"), 0);
    }

    #[test]
    fn an_exception_is_written_where_it_happens() {
        assert_eq!(
            check("catalog", "// Edge: the hold list is shown beside the product.\nuse crate::customers::X;"),
            0
        );
        assert_eq!(check("catalog", "// a comment on crate::customers\n"), 0);
    }

    #[test]
    fn a_new_area_is_a_decision() {
        assert_eq!(check("billing", "fn a() {}"), 1);
    }
}
