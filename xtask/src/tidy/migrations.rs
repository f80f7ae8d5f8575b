//! Migrations go forward, one number each, and never wait long for a lock while everybody waits behind.

use super::{Finding, SourceFile};

const FOLDER: &str = "migrations/";

/// Statements that take a strong lock on something that may be in use.
const STRONG: [&str; 6] = ["CREATE", "ALTER", "DROP", "TRUNCATE", "REVOKE", "COMMENT"];

pub fn migrations_are_numbered_and_forward_only(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: Vec<(u32, &str)> = Vec::new();
    let files = sources.iter().filter(|file| file.path.starts_with(FOLDER) && file.has_extension("sql"));
    for file in files {
        let name = &file.path[FOLDER.len()..];
        let finding = |message: String| Finding::new(&file.path, 0, message);
        match number_of(name) {
            Some(number) => {
                if let Some((_, other)) = numbers.iter().find(|(taken, _)| *taken == number) {
                    findings.push(finding(format!("has the number of {other}")));
                }
                numbers.push((number, name));
            }
            None => findings.push(finding("is not named NNNN_what_it_does.sql".to_owned())),
        }
        if name.ends_with(".down.sql") {
            findings.push(finding("goes backward; write a new one that goes forward".to_owned()));
        }
        if !bounds_its_locks(&file.text) {
            findings.push(finding("changes the schema without `SET LOCAL lock_timeout` first".to_owned()));
        }
    }
    findings
}

/// `0007_taxonomy_and_rules.sql` has the number 7.
fn number_of(name: &str) -> Option<u32> {
    let (number, words) = name.strip_suffix(".sql")?.split_once('_')?;
    let tidy =
        !words.is_empty() && words.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (number.len() == 4 && tidy).then(|| number.parse().ok())?
}

fn bounds_its_locks(text: &str) -> bool {
    let statements =
        text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("--"));
    for line in statements {
        let line = line.to_ascii_uppercase();
        if line.starts_with("SET ") && line.contains("LOCK_TIMEOUT") {
            return true;
        }
        if STRONG.iter().any(|word| line.starts_with(word)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        migrations_are_numbered_and_forward_only(&sources).iter().map(|it| it.message.clone()).collect()
    }

    const FINE: &str = "-- why\nSET LOCAL lock_timeout = '5s';\nALTER TABLE a ADD b int;\n";

    #[test]
    fn a_proper_migration_passes() {
        assert!(check(&[("migrations/0001_a.sql", FINE), ("migrations/0040_b.sql", FINE)]).is_empty());
        assert!(check(&[("migrations/0001_fill.sql", "UPDATE a SET b = 1;\n")]).is_empty());
    }

    #[test]
    fn number_direction_and_lock_time_are_checked() {
        assert_eq!(check(&[("migrations/0001_a.sql", FINE), ("migrations/0001_b.sql", FINE)]).len(), 1);
        assert_eq!(check(&[("migrations/1_a.sql", FINE)]).len(), 1);
        assert!(!check(&[("migrations/0001_a.down.sql", FINE)]).is_empty());
        assert_eq!(check(&[("migrations/0002_a.sql", "ALTER TABLE a ADD b int;\n")]).len(), 1);
        let late = "ALTER TABLE a ADD b int;\nSET LOCAL lock_timeout = '5s';\n";
        assert_eq!(check(&[("migrations/0002_a.sql", late)]).len(), 1);
    }
}
