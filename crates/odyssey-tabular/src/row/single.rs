//! Rows read one by one, by a mapping that was settled before.

use std::marker::PhantomData;

use odyssey_types::Phi;

use super::context::{Context, Plan};
use super::{Outcome, ParseRow, RowSettings};
use crate::first_seen::FirstSeen;
use crate::header::Mapping;
use crate::records::Record;

/// Reads rows whose cells came from elsewhere than a file: those that were refused and corrected since.
/// Knows nothing of other rows; whoever asks says which row had an identity first.
#[derive(Debug)]
pub struct RowReader<T> {
    plan: Plan,
    settings: RowSettings,
    kind: PhantomData<fn() -> T>,
}

impl<T: ParseRow> RowReader<T> {
    pub fn new(mapping: Mapping, settings: RowSettings) -> Self {
        Self { plan: Plan::new(mapping), settings, kind: PhantomData }
    }

    pub const fn mapping(&self) -> &Mapping {
        &self.plan.mapping
    }

    /// Who the row is about, where it says so in a way that can be read.
    pub fn identity(&self, cells: &[String]) -> Option<Phi<String>> {
        let record = Record::of_cells(cells);
        let rewritten = self.plan.rewrite(&record);
        let row = Context::new(&self.plan, &record, rewritten.as_ref());
        T::note_identity(row, &mut self.nobody()).map(Phi::new)
    }

    /// Reads a row. `first_row` is the earlier row that has its identity; with one it is refused.
    pub fn read(&self, row: u64, line: u64, cells: &[String], first_row: Option<u64>) -> Outcome<T> {
        let mut record = Record::of_cells(cells);
        (record.number, record.line) = (row, line);
        let mut seen = self.nobody();
        if let Some(first) = first_row
            && let Some(identity) = self.identity(cells)
        {
            seen.note(identity.expose(), first);
        }
        let rewritten = self.plan.rewrite(&record);
        let row = Context::new(&self.plan, &record, rewritten.as_ref());
        let read = T::parse(row, &self.settings, &mut seen);
        read.map_or_else(Outcome::Rejected, Outcome::Accepted)
    }

    fn nobody(&self) -> FirstSeen {
        FirstSeen::new(self.settings.duplicates_key)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::error::RowErrorCode;
    use crate::header::{HeaderSynonyms, map_headers};
    use crate::row::ProductRow;
    use crate::target::Mode;

    fn reader() -> RowReader<ProductRow> {
        let headers = ["external_id", "gtin", "name", "sodium_mg"].map(str::to_owned);
        let mapping = map_headers(&headers, &[], Mode::Products, &HeaderSynonyms::default());
        let day = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
        RowReader::new(mapping, RowSettings::new(day))
    }

    fn cells(cells: [&str; 4]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn a_row_is_read_under_its_number_and_refused_for_what_is_wrong_with_it() {
        let reader = reader();
        let Outcome::Accepted(row) = reader.read(17, 40, &cells(["p1", "", "Bar", "5"]), None) else {
            panic!("a good row is taken");
        };
        assert_eq!((row.row, row.line, row.external_id.as_str()), (17, 40, "p1"));
        let Outcome::Rejected(row) = reader.read(18, 41, &cells(["p2", "", "Bar", "-5"]), None) else {
            panic!("a bad row is refused");
        };
        assert_eq!((row.row, row.errors[0].code), (18, RowErrorCode::NutrientNegative));
    }

    #[test]
    fn who_a_row_is_about_is_told_apart_from_what_is_wrong_with_it() {
        let reader = reader();
        let identity = |row| reader.identity(&cells(row)).map(Phi::into_exposed);
        assert_eq!(identity([" p2 ", "", "Bar", "-5"]).as_deref(), Some("p2"));
        assert_eq!(identity(["", "4006381333931", "Bar", "5"]).as_deref(), Some("04006381333931"));
        assert_eq!(identity(["", "", "Bar", "5"]), None);
    }

    #[test]
    fn a_row_whose_identity_another_row_had_first_is_refused_and_names_it() {
        let read = reader().read(9, 10, &cells(["p1", "", "Bar", "5"]), Some(4));
        let Outcome::Rejected(row) = read else { panic!("it is a repetition") };
        assert_eq!((row.errors[0].code, row.errors[0].first_row), (RowErrorCode::DuplicateInFile, Some(4)));
    }
}
