//! Headers: what they mean, by a table of synonyms and by the values below them.
//!
//! Owns: `data/header_synonyms.tsv`. Promises: never reads one of two rival columns in silence; says of
//! every column what became of it and why; the same headers and sample always give the same mapping.
//! Emits: nothing. Never: invents a unit that neither header nor values support.

mod infer;
mod mapping;
mod normalise;
mod settle;
mod synonyms;

pub use mapping::{
    BasisSource, ColumnMap, ColumnStatus, HeaderOverride, HeaderSynonyms, IgnoredReason, Mapping, Transform,
    map_headers,
};
pub(crate) use normalise::take_apart;
pub(crate) use settle::unit_fits;

/// Whether the first row of a file is its header: it holds a known header, or no numbers and nothing
/// twice while the row below it differs in kind.
pub(crate) fn looks_like_header(first: &[String], second: Option<&[String]>) -> bool {
    let known = first.iter().filter(|cell| {
        let parts = take_apart(cell);
        synonyms::is_known(&parts.full) || synonyms::is_known(&parts.name)
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
