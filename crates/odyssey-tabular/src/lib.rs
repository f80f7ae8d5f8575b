//! Reads vendors' files (CSV and its kin, JSON Lines, trade items of GS1, the first sheet of a
//! workbook): what they are, what their columns mean, and one typed row after the
//! other or the reasons why a row is none.
//!
//! Owns: the tables of synonyms and presets in `data/`. Promises: pure over `std::io::Read`, bounded memory whatever the
//! file, no panic on any input, the same rows for the same bytes. Emits: rows, refused rows, warnings.
//! Never: knows a database, a runtime or a clock.
//!
//! ```text
//! open → Table::new → map_headers → Rows::<_, ProductRow>::new → Outcome per row → ErrorsCsv
//! ```

pub mod limits;
pub mod plausible;
pub mod synthea;

mod decode;
mod error;
mod errors_csv;
pub mod export;
mod first_seen;
mod header;
mod records;
mod row;
mod stop;
mod target;
mod unit;
mod value;

pub use decode::{Compression, Decoded, Detected, Format, Options, is_known_encoding, open, sniff};
pub use error::{
    ArchiveFault, ReadError, RejectedRow, RowError, RowErrorCode, RowWarning, WarningCode, WorkbookFault,
};
pub use errors_csv::{COLUMNS as ERROR_COLUMNS, ErrorsCsv};
pub use first_seen::FirstSeen;
pub use header::{
    BasisSource, ColumnMap, ColumnSource, ColumnStatus, DecimalMark, FieldRule, HeaderOverride,
    HeaderSynonyms, IgnoredReason, Mapping, PresetInfo, TRANSFORMS, Transform, Treatment, Vocabulary,
    WordOwner, column_name, map_headers, normal_header, presets, read_separator, value_target,
    write_separator,
};
pub use records::Table;
pub use row::{
    ConsentColumns, CustomerRow, IdentitySource, Outcome, ParseRow, ProductRow, RowReader, RowSettings, Rows,
    loses_meaning, row_hash_input,
};
pub use stop::StopReading;
pub use target::{Mode, Target, TargetSet};
pub use unit::Unit;
