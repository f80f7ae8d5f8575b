//! From the bytes of an upload to UTF-8 text or to the cells of a sheet: compression, archives, byte order mark,
//! encoding, kind of file.
//!
//! Owns: no table. Promises: streams with bounded memory (a workbook is read whole, within limits of its own),
//! never trusts a size that the file states, gives the same rows however the source chunks its bytes. Emits:
//! nothing. Never: seeks in its source, spawns or panics on any input.

mod dialect;
mod foreign;
mod inflate;
mod markup;
mod package;
mod shown;
mod sr28;
mod synthea_table;
mod transcode;
mod workbook;
mod zip;

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde::Serialize;

use crate::StopReading;
use crate::error::{ArchiveFault, ReadError, WorkbookFault};
use crate::header::{Names, Vocabulary};
use crate::limits::{DECOMPRESSED_BYTES_MAX, SAMPLE_BYTES, WORKBOOK_PACKED_BYTES_MAX};
use crate::target::Mode;
use dialect::Dialect;
use inflate::{Counted, Inflate};
use transcode::Transcoder;
pub(crate) use workbook::Sheet;

/// How the file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    /// An archive with one file in it.
    Zip,
}

/// How rows are laid out in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Cells between delimiters: CSV, TSV and their kin.
    Delimited,
    /// One JSON object a line.
    JsonLines,
    /// JSON objects in one list, over any number of lines.
    JsonList,
    /// GS1 trade items in JSON (GDSN), in one document or in many.
    Gdsn,
    /// The first sheet of an XLSX workbook.
    Workbook,
}

/// What is known or guessed about a file before its first row is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detected {
    pub compression: Compression,
    pub format: Format,
    /// WHATWG name such as `UTF-8`, `UTF-16LE`, `windows-1252` (which includes ISO-8859-1).
    pub encoding: &'static str,
    /// True when the sample is plain ASCII: the encoding is settled at the first other byte.
    pub encoding_open: bool,
    /// True when the file begins with a byte order mark.
    pub bom: bool,
    #[serde(serialize_with = "as_char")]
    pub delimiter: u8,
    /// What stands around texts that hold a delimiter.
    #[serde(serialize_with = "as_char")]
    pub quote: u8,
    /// False where quotes are ordinary characters.
    pub quoting: bool,
    pub has_header: bool,
    /// The preset that knows the columns of a file without a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<&'static str>,
    /// Titles, remarks and rows without content above the header, which are passed over.
    pub rows_above_header: usize,
    /// 0 to 100: how sure delimiter and quoting are.
    pub confidence: u8,
    /// Columns of most rows of the sample.
    pub columns: usize,
    /// Of a workbook: how many it has. The first that can be seen is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheets: Option<usize>,
}

fn as_char<S: serde::Serializer>(byte: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_char(char::from(*byte))
}

/// What the caller knows better than any guess.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub compression: Option<Compression>,
    pub format: Option<Format>,
    /// A WHATWG label: `utf-8`, `latin1`, `utf-16le`, …
    pub encoding: Option<String>,
    pub delimiter: Option<u8>,
    pub quoting: Option<bool>,
    pub has_header: Option<bool>,
    /// What the rows are, where that is known: the first row of a file of customers is a header only where it
    /// names what they are known by, since a row of data taken for one would be a person's data in a report.
    pub mode: Option<Mode>,
    /// Headers that somebody named: a first row with one of them is a header.
    pub named_headers: Vec<String>,
    /// Headers that have a meaning in all files of the vendor.
    pub vocabulary: Arc<Vocabulary>,
    /// Decompressed bytes at most; default [`DECOMPRESSED_BYTES_MAX`].
    pub decompressed_bytes_max: Option<u64>,
    /// Keep a copy to stop the reading of this file; default: nobody does.
    pub stop: StopReading,
}

/// The text of a file as UTF-8 (of a workbook its sheet), and what was found out about it.
pub struct Decoded<R: Read> {
    pub detected: Detected,
    pub(crate) names: Names,
    content: Content<R>,
    consumed: Arc<AtomicU64>,
    pub(crate) stop: StopReading,
}

enum Content<R: Read> {
    Text(Box<Transcoder<Sampled<R>>>),
    Sheet(Sheet),
}

type Source<R> = io::Chain<Cursor<Vec<u8>>, R>;
type Plain<R> = Inflate<Counted<Source<R>>>;
type Sampled<R> = io::Chain<Cursor<Vec<u8>>, Plain<R>>;

impl<R: Read> Decoded<R> {
    /// Bytes taken from the source so far (compressed, where it is): for progress.
    pub fn source_bytes(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// The sheet of a workbook, once.
    pub(crate) fn take_sheet(&mut self) -> Sheet {
        match &mut self.content {
            Content::Text(_) => Sheet::default(),
            Content::Sheet(sheet) => std::mem::take(sheet),
        }
    }
}

impl<R: Read> std::fmt::Debug for Decoded<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded").field("detected", &self.detected).finish_non_exhaustive()
    }
}

/// A workbook has no text.
impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Text(text) => text.read(out),
            Content::Sheet(_) => Ok(0),
        }
    }
}

/// Whether a label names an encoding: `utf-8`, `latin1`, `utf-16le`, …
pub fn is_known_encoding(label: &str) -> bool {
    Encoding::for_label(label.trim().as_bytes()).is_some()
}

/// Looks at the beginning of a file and says what it seems to be. Takes the reader: to go on, [`open`].
pub fn sniff<R: Read>(source: R) -> Result<Detected, ReadError> {
    open(source, &Options::default()).map(|decoded| decoded.detected)
}

/// Opens a file as UTF-8 text without a byte order mark, or a workbook as its first sheet; whatever `options`
/// leaves open is guessed from the first [`SAMPLE_BYTES`].
pub fn open<R: Read>(mut source: R, options: &Options) -> Result<Decoded<R>, ReadError> {
    let mut magic = Vec::new();
    source.by_ref().take(8).read_to_end(&mut magic)?;
    let first_name = zip::first_name(&mut source, &mut magic)?;
    if first_name.as_deref().is_some_and(|name| name == b"mimetype") {
        return Err(ReadError::Archive(ArchiveFault::OpenDocument));
    }
    let compression = options.compression.unwrap_or_else(|| compression_of(&magic));
    let consumed = Arc::new(AtomicU64::new(0));
    let source = Counted::new(Cursor::new(magic).chain(source), Arc::clone(&consumed), options.stop.clone());
    let bytes_max = options.decompressed_bytes_max.unwrap_or(DECOMPRESSED_BYTES_MAX);
    let stop = options.stop.clone();
    let mut plain = Inflate::new(source, compression, Arc::clone(&consumed), bytes_max, stop.clone())?;
    let mut sample = Vec::new();
    plain.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;

    let (detected, content) = if is_workbook(&sample) || options.format == Some(Format::Workbook) {
        let bytes = read_whole(sample, plain)?;
        let packed = consumed.load(Ordering::Relaxed).min(bytes.len() as u64);
        let sheet = workbook::read(bytes, packed, bytes_max, &stop)?;
        (sheet_detected(&sheet, compression, options), Content::Sheet(sheet))
    } else if workbook::is_compound_file(&sample) {
        return Err(ReadError::Workbook(WorkbookFault::OldOrLocked));
    } else if compression_of(&sample) != Compression::None {
        return Err(ReadError::Archive(ArchiveFault::Nested));
    } else {
        open_text(sample, plain, compression, options)?
    };
    Ok(Decoded { detected, names: Names::new(options), content, consumed, stop })
}

fn open_text<R: Read>(
    mut sample: Vec<u8>,
    plain: Plain<R>,
    compression: Compression,
    options: &Options,
) -> Result<(Detected, Content<R>), ReadError> {
    let whole = sample.len() < SAMPLE_BYTES;
    let (marked, mark_len) = Encoding::for_bom(&sample).map_or((None, 0), |(e, len)| (Some(e), len));
    sample.drain(..mark_len);
    let encoding = match &options.encoding {
        Some(label) => {
            let known = Encoding::for_label(label.trim().as_bytes());
            Some(known.ok_or_else(|| ReadError::UnknownEncoding(label.clone()))?)
        }
        None => marked.or_else(|| guess_encoding(&sample, whole)),
    };
    let text = sample_text(&sample, encoding, whole);
    let format = options.format.unwrap_or_else(|| format_of(&text));
    // Whoever says what the file is, or what stands between its cells, knows better.
    if options.format.is_none() && options.delimiter.is_none() {
        foreign::check(&text, format)?;
    }
    let dialect = match format {
        Format::JsonLines | Format::JsonList | Format::Gdsn => Dialect::NONE,
        Format::Delimited | Format::Workbook => dialect::guess(&text, whole, options),
    };
    let mut detected = Detected {
        encoding: encoding.unwrap_or(UTF_8).name(),
        encoding_open: encoding.is_none(),
        bom: mark_len > 0,
        ..Detected::new(compression, format, &dialect)
    };
    if format == Format::Delimited && options.delimiter.is_none() && sr28::is_table(&text) {
        sr28::set_layout(&text, &mut detected)?;
    }
    // Whoever says how the fields are quoted joins the tables itself.
    if format == Format::Delimited
        && options.quoting.is_none()
        && synthea_table::is_table(&text, detected.delimiter)
    {
        return Err(ReadError::OneTableOfSynthea);
    }
    let text = Transcoder::new(Cursor::new(sample).chain(plain), encoding);
    Ok((detected, Content::Text(Box::new(text))))
}

impl Detected {
    fn new(compression: Compression, format: Format, dialect: &Dialect) -> Self {
        Self {
            compression,
            format,
            encoding: UTF_8.name(),
            encoding_open: false,
            bom: false,
            delimiter: dialect.delimiter,
            quote: b'"',
            layout: None,
            quoting: dialect.quoting,
            has_header: dialect.has_header,
            rows_above_header: dialect.rows_above_header,
            confidence: dialect.confidence,
            columns: dialect.columns,
            sheets: None,
        }
    }
}

/// A workbook in memory, packed or not; the rest of a sample.
fn read_whole(mut bytes: Vec<u8>, plain: impl Read) -> Result<Vec<u8>, ReadError> {
    let limit = WORKBOOK_PACKED_BYTES_MAX;
    plain.take((limit + 1).saturating_sub(bytes.len()) as u64).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(ReadError::Workbook(WorkbookFault::TooLarge { limit }));
    }
    Ok(bytes)
}

fn sheet_detected(sheet: &Sheet, compression: Compression, options: &Options) -> Detected {
    let dialect = dialect::of_rows(&sheet.first_rows(dialect::ROWS_MAX), options);
    let detected = Detected::new(compression, Format::Workbook, &dialect);
    Detected { columns: sheet.width, sheets: Some(sheet.sheet_count), ..detected }
}

fn is_workbook(begin: &[u8]) -> bool {
    begin.starts_with(b"PK\x03\x04") && zip::is_office_part(zip::name_in(begin))
}

/// By magic number: RFC 1952 section 2.3.1, RFC 8878 sections 3.1.1 and 3.1.2 (skippable frames). A workbook
/// is an archive of many parts, and no packed file.
fn compression_of(magic: &[u8]) -> Compression {
    match magic {
        _ if is_workbook(magic) => Compression::None,
        // The second is an archive without any file.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Compression::Zip,
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Names that a document of trade items has near its beginning.
const GDSN_MARKS: &[&str] = &["\"tradeItem\"", ":tradeItem\"", "catalogueItemNotification"];

/// An object begins with a brace and the quote of its first name, which no list of PostgreSQL in a cell of a
/// delimited file does.
fn format_of(text: &str) -> Format {
    let inner = text.trim_start().strip_prefix('{').map(str::trim_start);
    let listed = text.trim_start().strip_prefix('[').map(str::trim_start);
    let inner_or_listed = inner.or_else(|| listed?.strip_prefix('{').map(str::trim_start));
    if inner_or_listed.is_some_and(|inner| inner.starts_with('"'))
        && GDSN_MARKS.iter().any(|mark| text.contains(mark))
    {
        return Format::Gdsn;
    }
    if inner.is_some_and(|inner| inner.starts_with(['"', '}'])) {
        return Format::JsonLines;
    }
    let first = listed.and_then(|listed| listed.strip_prefix('{')).map(str::trim_start);
    if first.is_some_and(|first| first.starts_with(['"', '}'])) {
        Format::JsonList
    } else {
        Format::Delimited
    }
}

/// `None` for plain ASCII, which leaves it open.
fn guess_encoding(sample: &[u8], whole: bool) -> Option<&'static Encoding> {
    if let Some(utf16) = transcode::guess_utf16(sample) {
        return Some(utf16);
    }
    if sample.is_ascii() {
        return None;
    }
    Some(transcode::guess_legacy_or_utf8(sample, whole))
}

fn sample_text(sample: &[u8], encoding: Option<&'static Encoding>, whole: bool) -> String {
    let encoding = encoding.unwrap_or(UTF_8);
    let mut text = encoding.decode_without_bom_handling(sample).0.into_owned();
    if !whole
        && (encoding == UTF_8 || encoding == UTF_16LE || encoding == UTF_16BE)
        && text.ends_with('\u{fffd}')
    {
        // The cut last character of the sample.
        text.pop();
    }
    text
}
