//! Oddities of rows that were taken, and why a row was passed over: all are counted, of oddities a few are listed.

use std::collections::HashMap;

use odyssey_tabular::{RowWarning, WarningCode};
use odyssey_types::JobId;

use super::ledger::Codes;

/// Rows listed under one code and column: enough to see what is meant. A column that is odd throughout would
/// crowd out every other oddity of the file.
pub(super) const LISTED_MAX: u64 = 100;

/// The remedy beside a row whose product or customer a person edited.
pub(super) const KEPT_MEANING: &str = "A person edited this item after the same row was imported; their version stands. \
     Import with overwrite_edits to take the file's row.";
/// The same of a rerun, which is as old as its file.
pub(super) const KEPT_SINCE_MEANING: &str = "A person edited this item after the file arrived; their version stands. If the row \
     is to be taken all the same, send it in a new import.";
/// The code of a row whose product or customer a later import has changed since; `settle_rerun` knows it too.
pub(super) const KEPT_NEWER: &str = "kept_newer";
/// The remedy beside a row whose person was erased while the file was on its way.
pub(super) const ERASED_MEANING: &str = "This person was erased after the import began; nothing of the row was taken. If they \
     are a customer again, send the row in a new import.";

/// The code and the remedy beside a row that took away what protects a person. What that was is told to those who may
/// know, in the versions of the customer.
pub(super) const PROTECTION_REMOVED: (&str, &str) = (
    "protection_removed",
    "By this row the customer has fewer allergies, conditions, medications, diets or limits than before, or weaker ones: \
     the file has the column, and the cell says less or is empty. If that is not meant, set the customer back to the \
     version before (/customers/{id}/versions), or undo the import.",
);

/// The remedy beside it; `job_id` is that import, if it is on record.
pub(super) fn newer_meaning(job_id: Option<JobId>, is_rerun: bool) -> String {
    let by = job_id.map_or_else(
        || "This item was changed after the file arrived".to_owned(),
        |job_id| format!("A later import (job {job_id}) changed this item since"),
    );
    let remedy = if is_rerun { "run it again with overwrite_newer" } else { "send it in a new import" };
    format!("{by}; that stands. If the row is to be taken all the same, {remedy}.")
}

/// What was noted so far, in the order of the file, so that every attempt lists the same rows.
#[derive(Debug, Default)]
pub(super) struct WarningTally {
    counts: HashMap<(WarningCode, Option<u16>), u64>,
    listed: u64,
}

impl WarningTally {
    /// Counts one; true where it is among those that are listed.
    pub fn note(&mut self, warning: &RowWarning) -> bool {
        let count = self.counts.entry((warning.code, warning.column)).or_default();
        *count += 1;
        let is_listed = *count <= LISTED_MAX;
        self.listed += u64::from(is_listed);
        is_listed
    }

    /// How many were noted.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many of them are listed.
    pub const fn listed(&self) -> u64 {
        self.listed
    }

    /// How many there are under each code.
    pub fn codes(&self) -> Codes {
        let mut codes = Codes::new();
        for ((code, _), count) in &self.counts {
            *codes.entry(code.as_str().to_owned()).or_default() += count.cast_signed();
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_of_each_column_the_first_are_listed() {
        let mut tally = WarningTally::default();
        let warning = |code, column| RowWarning { code, column: Some(column), value: None, read_as: None };
        for _ in 0..LISTED_MAX {
            assert!(tally.note(&warning(WarningCode::NumberRounded, 3)));
        }
        for _ in 0..1_000 {
            assert!(!tally.note(&warning(WarningCode::NumberRounded, 3)));
        }
        assert!(tally.note(&warning(WarningCode::NumberRounded, 4)));
        assert!(tally.note(&warning(WarningCode::SodiumHigh, 3)));
        assert_eq!((tally.total(), tally.listed()), (LISTED_MAX + 1_002, LISTED_MAX + 2));
        let codes = [("number_rounded", 1_101), ("sodium_high", 1)];
        assert_eq!(tally.codes(), codes.map(|(code, count)| (code.to_owned(), count)).into());
    }
}
