//! The public vectors of `vectors/` at the root of the repository, run case by case.
//!
//! Promises: every file there is known here and has cases; every case is run, and all that fail are told at
//! once. Never: writes a vector: what is expected was reasoned from the contract.

mod formulas;
mod labels;
mod logic;
mod verdicts;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

const VERSION: &str = "1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorFile {
    vectors_version: String,
    about: String,
    source: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(rename = "in")]
    given: Value,
    #[serde(rename = "out")]
    expected: Map<String, Value>,
    why: String,
}

/// What went otherwise than a case says; empty where nothing did.
type Faults = Vec<String>;

type Runner = fn(&Value, &Map<String, Value>) -> Faults;

fn runner_of(name: &str) -> Option<Runner> {
    Some(match name {
        "bmi" | "daily_limits" | "energy" | "rule_merges" => verdicts::profile_case,
        "severity_tiers" | "merged_verdicts" => verdicts::verdict_case,
        "is_incomplete" => logic::incomplete_case,
        "three_valued_logic" => logic::operation_case,
        "nutri_score_2023" => formulas::nutri_score_case,
        "uk_npm" => formulas::uk_npm_case,
        "net_carbohydrate" => formulas::net_carbohydrate_case,
        "unit_conversions" => formulas::unit_case,
        "score_curves" => formulas::curve_case,
        "order" => formulas::order_case,
        "reference_amount" => labels::reference_case,
        name if name.starts_with("labels_") => labels::label_case,
        _ => return None,
    })
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// Every file of vectors by its name without the extension; fails on any that is not JSON.
fn files() -> Vec<(String, VectorFile)> {
    let entries = std::fs::read_dir(folder()).expect("the folder of the vectors");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry of the folder").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        if name == "README.md" {
            continue;
        }
        let name = name.strip_suffix(".json").unwrap_or_else(|| panic!("{name} is no file of vectors"));
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let file = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        files.push((name.to_owned(), file));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

#[test]
fn every_public_vector_holds() {
    let (mut faults, mut count, mut labels) = (Vec::new(), 0, 0);
    let mut ids = BTreeSet::new();
    for (name, file) in files() {
        let run = runner_of(&name).unwrap_or_else(|| panic!("no test runs the vectors of {name}"));
        assert_eq!(file.vectors_version, VERSION, "{name}");
        assert!(!file.about.is_empty() && !file.source.is_empty(), "{name} says neither what nor whence");
        assert!(!file.cases.is_empty(), "{name} has no cases");
        for case in &file.cases {
            assert!(ids.insert(case.id.clone()), "{} stands twice", case.id);
            assert!(!case.why.is_empty() && !case.expected.is_empty(), "{} expects nothing", case.id);
            let found = run(&case.given, &case.expected);
            faults.extend(
                found.into_iter().map(|f| format!("{}: {f}\n    {} ({})", case.id, case.given, case.why)),
            );
            count += 1;
            labels += usize::from(name.starts_with("labels_"));
        }
    }
    println!("{count} vectors, {labels} of them labels");
    assert!(labels >= 200, "{labels} cases of labels");
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn what_no_runner_understands_fails() {
    assert!(runner_of("palmistry").is_none());
    let odd = |given: &str, expected: &str| {
        let given: Value = serde_json::from_str(given).expect("JSON");
        let expected: Map<String, Value> = serde_json::from_str(expected).expect("JSON");
        (given, expected)
    };
    let (given, expected) = odd(r#"{"ingredients":"butter"}"#, r#"{"flags":{}}"#);
    assert_eq!(labels::label_case(&given, &expected).len(), 1, "milk that nobody expects");
    let (given, expected) = odd(r#"{"ingredients":"butter"}"#, r#"{"flavour":"good"}"#);
    assert_eq!(labels::label_case(&given, &expected).len(), 1, "an expectation that nobody knows");
    let (given, expected) = odd(r#"{"age_years":30}"#, r#"{"bmi":"22"}"#);
    assert_eq!(verdicts::profile_case(&given, &expected).len(), 1, "a body mass index of nobody");
}

/// Compares and says what differs.
fn differ<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Option<String> {
    (found != expected).then(|| format!("{what}: found {found:?}, expected {expected:?}"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("`{field}` must be text in {value}"))
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} must be a list"));
    list.iter().map(|v| v.as_str().unwrap_or_else(|| panic!("{v} must be text")).to_owned()).collect()
}
