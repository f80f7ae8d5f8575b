//! Which rows of a file were refused while reading: a bit a row, found anew by every attempt.

use std::collections::{BTreeMap, BTreeSet};

use odyssey_tabular::{RejectedRow, RowWarning};

use super::warnings::WarningTally;

/// How many rows were refused under each code.
pub(super) type Codes = BTreeMap<String, i64>;

/// What reading has found so far. Rows are numbered from 1 and noted in order.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rows: u64,
    warnings: WarningTally,
    refused: Vec<u64>,
    codes: Codes,
}

impl Ledger {
    pub fn accept(&mut self, row: u64, warnings: &[RowWarning]) {
        self.rows = self.rows.max(row);
        for warning in warnings {
            self.warnings.note(warning);
        }
    }

    pub fn refuse(&mut self, rejected: &RejectedRow) {
        self.rows = self.rows.max(rejected.row);
        let (word, bit) = place_of(rejected.row);
        if self.refused.len() <= word {
            self.refused.resize(word + 1, 0);
        }
        self.refused[word] |= 1 << bit;
        let codes: BTreeSet<&str> = rejected.errors.iter().map(|error| error.code.as_str()).collect();
        for code in codes {
            *self.codes.entry(code.to_owned()).or_default() += 1;
        }
    }

    /// Rows noted.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    pub const fn warnings(&self) -> &WarningTally {
        &self.warnings
    }

    pub const fn codes(&self) -> &Codes {
        &self.codes
    }

    /// Refused rows after `after`, up to and with `upto`.
    pub fn refused_between(&self, after: u64, upto: u64) -> u64 {
        if upto <= after {
            return 0;
        }
        let ((first, low), (last, high)) = (place_of(after + 1), place_of(upto));
        let words = self.refused.iter().enumerate().take(last + 1).skip(first);
        words
            .map(|(at, word)| {
                let from = if at == first { !0 << low } else { !0 };
                let to = if at == last { !0 >> (63 - high) } else { !0 };
                u64::from((word & from & to).count_ones())
            })
            .sum()
    }
}

const fn place_of(row: u64) -> (usize, u32) {
    ((row / 64) as usize, (row % 64) as u32)
}

#[cfg(test)]
mod tests {
    use odyssey_tabular::{RejectedRow, RowError, RowErrorCode};
    use odyssey_types::Phi;

    use super::*;

    fn refused(row: u64) -> RejectedRow {
        let error =
            |code| RowError { code, column: None, value: Phi::default(), suggestion: None, first_row: None };
        let errors = vec![error(RowErrorCode::IdentityMissing), error(RowErrorCode::IdentityMissing)];
        RejectedRow { row, line: row + 1, errors, external_id: None, cells: Phi::default() }
    }

    #[test]
    fn refused_rows_are_counted_within_any_range() {
        let mut ledger = Ledger::default();
        let rows: Vec<u64> = (1..=1_000).filter(|row| row % 7 == 0 || row % 64 == 63).collect();
        for row in &rows {
            ledger.refuse(&refused(*row));
        }
        for (after, upto) in
            [(0, 1_000), (0, 0), (6, 7), (7, 7), (62, 64), (63, 64), (500, 900), (999, 5_000)]
        {
            let expected = rows.iter().filter(|row| (after + 1..=upto).contains(*row)).count() as u64;
            assert_eq!(ledger.refused_between(after, upto), expected, "({after}, {upto}]");
        }
    }

    #[test]
    fn a_row_counts_once_under_a_code_however_often_it_has_it() {
        let mut ledger = Ledger::default();
        ledger.refuse(&refused(1));
        assert_eq!(ledger.codes().get("identity_missing"), Some(&1));
    }
}
