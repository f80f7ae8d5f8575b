//! What a label must declare, by jurisdiction and date (`data/label/mandatory.tsv`).

use chrono::NaiveDate;
use odyssey_types::Jurisdiction;

use super::tables::{Rows, TableError};
use crate::facts::{EvidenceKey, KeySet};

#[derive(Debug)]
struct Rule {
    jurisdiction: Jurisdiction,
    key: EvidenceKey,
    from: NaiveDate,
    until: Option<NaiveDate>,
    undated: bool,
}

#[derive(Debug)]
pub(super) struct Law {
    rules: Vec<Rule>,
}

/// Those whose lists are intersected where a label's own jurisdiction has none here.
const KNOWN: &[Jurisdiction] = &[Jurisdiction::Us, Jurisdiction::Eu, Jurisdiction::Ca];

impl Law {
    /// The keys that a label of this jurisdiction and date is obliged to declare.
    pub fn mandatory(&self, jurisdiction: Jurisdiction, as_of: Option<NaiveDate>) -> KeySet {
        if self.rules.iter().any(|r| r.jurisdiction == jurisdiction) {
            return self.of(jurisdiction, as_of);
        }
        let mut common = self.of(KNOWN[0], as_of);
        for other in &KNOWN[1..] {
            common = KeySet(common.0 & self.of(*other, as_of).0);
        }
        common
    }

    fn of(&self, jurisdiction: Jurisdiction, as_of: Option<NaiveDate>) -> KeySet {
        let mut keys = KeySet::EMPTY;
        for rule in self.rules.iter().filter(|r| r.jurisdiction == jurisdiction) {
            let in_force = match as_of {
                Some(date) => rule.from <= date && rule.until.is_none_or(|until| date < until),
                None => rule.undated,
            };
            if in_force {
                keys.insert(rule.key);
            }
        }
        keys
    }

    pub fn read(rows: &Rows<'_>) -> Result<Self, TableError> {
        let mut rules: Vec<Rule> = Vec::new();
        for row in rows.columns::<6>() {
            let (line, [jurisdiction, key, from, until, undated, _source]) = row?;
            let error = |what: &str| rows.error(line, format!("`{what}` cannot be read"));
            let date = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| error(text));
            let rule = Rule {
                jurisdiction: Jurisdiction::parse(jurisdiction).ok_or_else(|| error(jurisdiction))?,
                key: EvidenceKey::from_code(key).ok_or_else(|| error(key))?,
                from: date(from)?,
                until: if until == "-" { None } else { Some(date(until)?) },
                undated: match undated {
                    "yes" => true,
                    "no" => false,
                    other => return Err(error(other)),
                },
            };
            if rules.iter().any(|r| r.jurisdiction == rule.jurisdiction && r.key == rule.key) {
                return Err(rows.error(line, format!("`{key}` stands twice for {jurisdiction}")));
            }
            rules.push(rule);
        }
        Ok(Self { rules })
    }
}
