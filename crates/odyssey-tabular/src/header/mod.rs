//! Headers: what they mean, by a table of synonyms and by the values below them.
//!
//! Owns: `data/header_synonyms.tsv`, `data/presets.tsv`. Promises: never reads one of two rival columns in silence; says of
//! every column what became of it and why; the same headers and sample always give the same mapping.
//! Emits: nothing. Never: invents a unit that neither header nor values support.

mod above;
mod decided;
mod found;
mod infer;
mod mapping;
mod normalise;
mod presets;
mod record;
mod settle;
mod suggest;
mod synonyms;
mod treatment;
mod vocabulary;

use std::sync::Arc;

use crate::decode::Options;
use crate::target::{Mode, Target};

pub(crate) use above::{names_columns, rows_above_header};
pub(crate) use mapping::Groups;
pub use mapping::{
    BasisSource, ColumnMap, ColumnStatus, HeaderOverride, HeaderSynonyms, IgnoredReason, Mapping, Transform,
    column_name, map_headers,
};
pub(crate) use treatment::is_list;
pub use treatment::{ColumnSource, DecimalMark, TRANSFORMS, Treatment, read_separator, write_separator};
pub(crate) use vocabulary::ValueWords;
pub use vocabulary::{FieldRule, Vocabulary, WordOwner, normal_header, value_target};

use normalise::Parts;
pub(crate) use normalise::take_apart;
pub(crate) use presets::headers_of;
pub use presets::{PresetInfo, presets};
#[cfg(test)]
use settle::own_unit;
pub(crate) use settle::unit_fits;

/// The names that mean something in a file: those of the tables and those that somebody named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    mode: Option<Mode>,
    /// In normal form.
    named: Vec<String>,
    vocabulary: Arc<Vocabulary>,
}

impl Names {
    pub fn new(options: &Options) -> Self {
        let named = options.named_headers.iter().map(|name| take_apart(name).full);
        let named = named.filter(|name| !name.is_empty()).collect();
        Self { mode: options.mode, named, vocabulary: Arc::clone(&options.vocabulary) }
    }

    /// Whether a column of this name would be read.
    pub fn knows(&self, header: &str) -> bool {
        let parts = take_apart(header);
        self.named.contains(&parts.full)
            || self.vocabulary.knows(&parts.full)
            || match self.mode {
                Some(mode) => synonyms::find_parts(&parts, mode).is_some(),
                None => [Mode::Products, Mode::Customers]
                    .into_iter()
                    .any(|mode| synonyms::find_parts(&parts, mode).is_some()),
            }
    }
}

/// Whether the first row of a file is its header: it holds a header that somebody named, or enough known
/// ones, or no numbers and nothing twice while the row below it differs in kind. Of customers only what names
/// their identity is one, by the table or by a person: a file without is not read anyhow.
pub(crate) fn looks_like_header(first: &[String], second: Option<&[String]>, options: &Options) -> bool {
    let parts: Vec<Parts> = first.iter().map(|cell| take_apart(cell)).collect();
    let named: Vec<String> = options.named_headers.iter().map(|name| take_apart(name).full).collect();
    if parts.iter().any(|parts| !parts.full.is_empty() && named.contains(&parts.full)) {
        return true;
    }
    let modes = options.mode.map_or(&[Mode::Products, Mode::Customers][..], |mode| match mode {
        Mode::Products => &[Mode::Products],
        Mode::Customers => &[Mode::Customers],
    });
    if modes.iter().any(|mode| presets::recognise(&parts, *mode).is_some()) {
        return true;
    }
    if options.mode == Some(Mode::Customers) {
        let identity = |name: &str| {
            synonyms::find(name, Mode::Customers).is_some_and(|known| known.target == Target::ExternalId)
        };
        let named = |parts: &Parts| options.vocabulary.is_identity(&parts.full);
        return parts.iter().any(|parts| identity(&parts.full) || identity(&parts.name) || named(parts));
    }
    let known = parts.iter().filter(|p| {
        synonyms::is_known(&p.full) || synonyms::is_known(&p.name) || options.vocabulary.knows(&p.full)
    });
    if known.count() * 5 >= first.len() && !first.is_empty() {
        return true;
    }
    let numeric = |cells: &[String]| {
        cells.iter().filter(|c| !c.trim().is_empty() && c.trim().parse::<f64>().is_ok()).count()
    };
    let long = first.iter().any(|c| c.len() > crate::limits::HEADER_BYTES_MAX);
    !long
        && numeric(first) == 0
        && second.is_none_or(|second| numeric(second) > 0 || second.iter().any(|c| c.is_empty()))
}
