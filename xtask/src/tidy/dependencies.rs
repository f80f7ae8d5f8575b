//! The promises that a missing line in `Cargo.toml` keeps: HTTP code cannot write SQL, matching cannot do IO.

use toml::Table;

use super::{Finding, SourceFile};

/// One crate: what of ours it may use, and what it must never.
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
    never: &'static [&'static str],
}

const LAYERS: [Layer; 13] = [
    Layer { name: "odyssey-types", uses: &[], never: &["tokio", "sqlx", "axum", "reqwest", "rand"] },
    Layer {
        name: "odyssey-matching",
        uses: &["odyssey-types"],
        never: &["tokio", "sqlx", "axum", "reqwest", "rand", "async-trait"],
    },
    Layer { name: "odyssey-vault", uses: &["odyssey-types"], never: &["sqlx", "axum", "reqwest"] },
    // Its feature `testing` has axum: the doubles of the stores.
    Layer { name: "odyssey-store", uses: &[], never: &["sqlx"] },
    Layer { name: "odyssey-jobs", uses: &["odyssey-types"], never: &["axum", "reqwest"] },
    Layer {
        name: "odyssey-tabular",
        uses: &["odyssey-types", "odyssey-matching"],
        never: &["sqlx", "axum", "reqwest"],
    },
    Layer {
        name: "odyssey-upload",
        uses: &[],
        never: &["tokio", "sqlx", "axum", "reqwest", "rand", "async-trait"],
    },
    Layer { name: "odyssey-outbound", uses: &[], never: &["sqlx", "axum"] },
    Layer {
        name: "odyssey-image",
        uses: &[],
        never: &["tokio", "sqlx", "axum", "reqwest", "rand", "async-trait"],
    },
    Layer {
        name: "odyssey-domain",
        uses: &[
            "odyssey-types",
            "odyssey-matching",
            "odyssey-vault",
            "odyssey-jobs",
            "odyssey-tabular",
            "odyssey-store",
            "odyssey-image",
            "odyssey-outbound",
        ],
        never: &["axum", "axum-extra", "http", "tower", "tower-http", "utoipa", "reqwest"],
    },
    Layer {
        name: "odyssey-api",
        uses: &[
            "odyssey-types",
            "odyssey-matching",
            "odyssey-vault",
            "odyssey-jobs",
            "odyssey-tabular",
            "odyssey-upload",
            "odyssey-domain",
        ],
        never: &["sqlx", "reqwest"],
    },
    Layer {
        name: "odyssey",
        uses: &[
            "odyssey-types",
            "odyssey-matching",
            "odyssey-vault",
            "odyssey-jobs",
            "odyssey-tabular",
            "odyssey-store",
            "odyssey-upload",
            "odyssey-domain",
            "odyssey-api",
        ],
        never: &[],
    },
    Layer {
        name: "odyssey-testkit",
        uses: &[
            "odyssey-types",
            "odyssey-matching",
            "odyssey-vault",
            "odyssey-jobs",
            "odyssey-tabular",
            "odyssey-store",
            "odyssey-upload",
            "odyssey-domain",
            "odyssey-api",
            "odyssey",
        ],
        never: &[],
    },
];

pub fn crates_depend_only_downwards(sources: &[SourceFile]) -> Vec<Finding> {
    let manifests =
        sources.iter().filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    manifests.flat_map(check_manifest).collect()
}

fn check_manifest(file: &SourceFile) -> Vec<Finding> {
    let name = file.path.split('/').nth(1).unwrap_or_default();
    let finding = |message: String| Finding::new(&file.path, 0, message);
    let Ok(manifest) = file.text.parse::<Table>() else {
        return vec![finding("is not valid TOML".to_owned())];
    };
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
        return vec![finding(format!(
            "`{name}` is not in the table of layers (xtask/src/tidy/dependencies.rs)"
        ))];
    };
    let mut findings = Vec::new();
    for section in ["dependencies", "build-dependencies"] {
        for dependency in keys(&manifest, section) {
            if dependency.starts_with("odyssey") && !layer.uses.contains(&&*dependency) {
                findings.push(finding(format!("`{name}` may not depend on `{dependency}`")));
            }
            if layer.never.contains(&&*dependency) {
                findings.push(finding(format!("`{name}` must never depend on `{dependency}`")));
            }
        }
    }
    if manifest.get("lints").and_then(|lints| lints.get("workspace")).is_none() {
        findings.push(finding("does not take the lints of the workspace".to_owned()));
    }
    findings
}

fn keys(manifest: &Table, section: &str) -> Vec<String> {
    let tables = [manifest.get(section)].into_iter().flatten().chain(
        manifest
            .get("target")
            .and_then(toml::Value::as_table)
            .into_iter()
            .flat_map(|targets| targets.values().filter_map(|target| target.get(section))),
    );
    tables.filter_map(toml::Value::as_table).flat_map(|table| table.keys().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::messages;
    use super::*;

    fn check(name: &str, dependencies: &str) -> Vec<String> {
        let text = format!("[lints]\nworkspace = true\n{dependencies}");
        messages(crates_depend_only_downwards, &format!("crates/{name}/Cargo.toml"), &text)
    }

    #[test]
    fn http_code_cannot_get_at_sql_and_the_domain_not_at_http() {
        assert_eq!(check("odyssey-api", "[dependencies]\nsqlx.workspace = true\n").len(), 1);
        assert_eq!(check("odyssey-domain", "[dependencies]\naxum.workspace = true\n").len(), 1);
        assert_eq!(check("odyssey-matching", "[dependencies]\ntokio.workspace = true\n").len(), 1);
        assert!(check("odyssey-domain", "[dependencies]\nsqlx.workspace = true\n").is_empty());
    }

    #[test]
    fn a_lower_crate_cannot_look_up_and_tests_may() {
        assert_eq!(check("odyssey-vault", "[dependencies]\nodyssey-domain.workspace = true\n").len(), 1);
        assert_eq!(check("odyssey", "[dependencies]\nodyssey-testkit.workspace = true\n").len(), 1);
        assert!(check("odyssey", "[dev-dependencies]\nodyssey-testkit.workspace = true\n").is_empty());
        assert_eq!(check("odyssey-jobs", "[target.'cfg(unix)'.dependencies]\nodyssey-api = '1'\n").len(), 1);
    }

    #[test]
    fn a_new_crate_is_a_decision_and_takes_the_lints() {
        assert_eq!(check("odyssey-new", "").len(), 1);
        assert_eq!(messages(crates_depend_only_downwards, "crates/odyssey-jobs/Cargo.toml", "").len(), 1);
    }
}
