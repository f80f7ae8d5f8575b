//! Rows that lean on the first of their group, as shops write the variants of a product.

use crate::header::Groups;
use crate::records::Record;

/// The groups of a file, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    groups: Groups,
    first: Option<Record>,
}

impl Grouped {
    pub fn new(groups: Groups) -> Self {
        Self { groups, first: None }
    }

    /// Fills what a row leaves to the first of its group; false when it is no row of its own.
    pub fn complete(&mut self, record: &mut Record) -> bool {
        let Some(by) = self.groups.by else { return true };
        if record.fault.is_some() {
            self.first = None;
            return true;
        }
        let key = record.cell(by).trim();
        let first = self
            .first
            .as_ref()
            .filter(|first| !key.is_empty() && first.cell(by).trim() == key && first.len() == record.len());
        let Some(first) = first else {
            self.first = Some(record.clone());
            return true;
        };
        if self.groups.row_has.is_some_and(|at| record.cell(at).trim().is_empty()) {
            return false;
        }
        let empty = |at: &usize| record.cell(*at).trim().is_empty() && !first.cell(*at).is_empty();
        if self.groups.filled.iter().any(empty) {
            *record = record.filled_from(first, &self.groups.filled);
        }
        true
    }
}
