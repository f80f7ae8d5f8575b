//! Licences, sources and bans of every dependency against `deny.toml`, from what cargo knows, without a
//! network. Where cargo-deny is installed it checks the same file too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use toml::Table;

use crate::repo::{self, Finding};

/// What `deny.toml` says, as far as this check reads it.
struct Policy {
    licences: Vec<String>,
    banned: Vec<String>,
    /// Names that may be there in several versions.
    duplicates: Vec<String>,
}

/// One package of the resolved graph.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
}

pub fn run() -> Result<()> {
    let policy =
        Policy::read(&std::fs::read_to_string(repo::root().join("deny.toml")).context("read deny.toml")?)?;
    let packages = resolved()?;
    for warning in duplicates(&policy, &packages) {
        eprintln!("warning: {warning}");
    }
    println!("licences: {} packages", packages.len());
    repo::report("licences", check(&policy, &packages))?;
    if repo::answers("cargo", &["deny", "--version"]) {
        repo::run("cargo", &["deny", "--offline", "check", "licenses", "bans", "sources"], &[])?;
    }
    Ok(())
}

impl Policy {
    fn read(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("deny.toml is not valid TOML")?;
        let list = |section: &str, key: &str| -> Vec<String> {
            let items = table.get(section).and_then(|it| it.get(key)).and_then(toml::Value::as_array);
            items.into_iter().flatten().filter_map(name_of).collect()
        };
        let policy = Self {
            licences: list("licenses", "allow"),
            banned: list("bans", "deny"),
            duplicates: list("bans", "skip"),
        };
        if policy.licences.is_empty() {
            bail!("deny.toml allows no licence at all");
        }
        Ok(policy)
    }
}

/// An entry is a name, or a table with the name under `crate` or `name`; a version may follow after `@`.
fn name_of(entry: &toml::Value) -> Option<String> {
    let text =
        entry.as_str().or_else(|| entry.get("crate")?.as_str()).or_else(|| entry.get("name")?.as_str())?;
    Some(text.split('@').next().unwrap_or(text).to_owned())
}

fn resolved() -> Result<Vec<Package>> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(repo::root())
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let document: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages =
        document.get("packages").and_then(Value::as_array).context("cargo metadata lists packages")?;
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let built = built()?;
    let packages = packages.iter().map(|package| Package {
        name: text(package, "name").unwrap_or_default(),
        version: text(package, "version").unwrap_or_default(),
        licence: text(package, "license"),
        source: text(package, "source"),
    });
    Ok(packages.filter(|package| built.contains(&(package.name.clone(), package.version.clone()))).collect())
}

/// Name and version of what is built on some platform. The resolved graph alone also lists optional
/// packages that no feature turns on.
fn built() -> Result<BTreeSet<(String, String)>> {
    let output = Command::new("cargo")
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--target=all",
            "--edges=all",
            "--prefix=none",
            "--format={p}",
        ])
        .current_dir(repo::root())
        .output()
        .context("run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    // `name v1.2.3`, with a remark behind it.
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    Ok(words
        .filter_map(|words| match words[..] {
            [name, version] => Some((name.to_owned(), version.strip_prefix('v')?.to_owned())),
            _ => None,
        })
        .collect())
}

fn check(policy: &Policy, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Our own packages have no source; their licence is ours.
    for package in packages.iter().filter(|package| package.source.is_some()) {
        let place = format!("{} {}", package.name, package.version);
        if !package.source.as_deref().is_some_and(|source| source.starts_with("registry+")) {
            findings.push(Finding::new(&place, 0, "does not come from the registry"));
        }
        if policy.banned.contains(&package.name) {
            findings.push(Finding::new(&place, 0, "is banned in deny.toml"));
        }
        match &package.licence {
            None => findings.push(Finding::new(&place, 0, "states no licence expression")),
            Some(licence) if !allows(&policy.licences, licence) => {
                findings.push(Finding::new(&place, 0, format!("its licence is not on the list: {licence}")));
            }
            Some(_) => {}
        }
    }
    findings
}

/// Packages in several versions that nobody has accepted by name: worth a look, not a failure.
fn duplicates(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions
        .into_iter()
        .filter(|(name, versions)| versions.len() > 1 && !policy.duplicates.iter().any(|known| known == name))
        .map(|(name, versions)| {
            format!("{name} is there in {} versions: {}", versions.len(), versions.join(", "))
        })
        .collect()
}

/// Whether an SPDX expression can be satisfied: `A OR (B AND C)`, `A WITH exception`, and the old `A/B`.
fn allows(allowed: &[String], expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let outcome = any_of(allowed, &mut words);
    outcome && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(allowed: &[String], words: &mut Words<'_>) -> bool {
    let mut outcome = all_of(allowed, words);
    while words.next_if_eq(&"OR").is_some() {
        // Read in full even when the outcome is known, so that the words behind it are consumed.
        let next = all_of(allowed, words);
        outcome = outcome || next;
    }
    outcome
}

fn all_of(allowed: &[String], words: &mut Words<'_>) -> bool {
    let mut outcome = one(allowed, words);
    while words.next_if_eq(&"AND").is_some() {
        let next = one(allowed, words);
        outcome = outcome && next;
    }
    outcome
}

fn one(allowed: &[String], words: &mut Words<'_>) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let outcome = any_of(allowed, words);
        return words.next() == Some(")") && outcome;
    }
    let name = match words.next_if_eq(&"WITH") {
        Some(_) => format!("{word} WITH {}", words.next().unwrap_or_default()),
        None => word.to_owned(),
    };
    allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<String> {
        ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"].map(str::to_owned).to_vec()
    }

    #[test]
    fn an_expression_is_allowed_when_some_choice_of_it_is() {
        for expression in [
            "MIT",
            "MIT/Apache-2.0",
            "LGPL-2.1-or-later OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(allows(&allowed(), expression), "{expression}");
        }
        for expression in ["GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 WITH LLVM-exception", "(MIT", "", "MIT MIT"]
        {
            assert!(!allows(&allowed(), expression), "{expression}");
        }
    }

    #[test]
    fn sources_bans_and_licences_are_checked_and_our_own_packages_are_not() {
        let policy = Policy::read(
            "[licenses]\nallow = ['MIT']\n[bans]\ndeny = [{ crate = 'bad' }]\nskip = ['two@1']\n",
        )
        .expect("valid");
        let package = |name: &str, version: &str, licence: Option<&str>, source: Option<&str>| Package {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
        };
        let registry = Some("registry+x");
        let packages = [
            package("own", "1.0.0", None, None),
            package("fine", "1.0.0", Some("MIT"), registry),
            package("bad", "1.0.0", Some("MIT"), registry),
            package("git", "1.0.0", Some("MIT"), Some("git+x")),
            package("gpl", "1.0.0", Some("GPL-3.0"), registry),
            package("none", "1.0.0", None, registry),
        ];
        let names: Vec<String> = check(&policy, &packages)
            .into_iter()
            .map(|finding| finding.path.split(' ').next().unwrap_or("").to_owned())
            .collect();
        assert_eq!(names, ["bad", "git", "gpl", "none"]);
        let twice = ["two", "three"]
            .map(|name| ["1.0.0", "2.0.0"].map(|version| package(name, version, Some("MIT"), registry)));
        let warnings = duplicates(&policy, &twice.into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(warnings, ["three is there in 2 versions: 1.0.0, 2.0.0"]);
    }
}
