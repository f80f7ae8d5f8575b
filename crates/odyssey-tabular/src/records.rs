//! Raw rows: cells of text with their place in the file, within limits.

use std::collections::VecDeque;
use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::decode::{Decoded, Detected};
use crate::error::ReadError;
use crate::header::column_name;
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX};

/// Bytes of text fetched at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Rows that may be looked at before the mapping is settled.
const SAMPLE_ROWS: usize = 200;

/// One row as the file writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    text: String,
    ends: Vec<usize>,
    /// 1-based number of the data row.
    pub number: u64,
    /// 1-based line where the row begins.
    pub line: u64,
    pub fault: Option<RecordFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFault {
    /// Over the limit of bytes or columns; the cells were dropped.
    TooLong,
    QuoteUnclosed,
}

impl Record {
    /// A row that came from elsewhere than a file.
    pub fn of_cells(cells: &[String]) -> Self {
        let mut record = Self::default();
        for cell in cells {
            record.text.push_str(cell);
            record.ends.push(record.text.len());
        }
        record
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell, empty where the row has none.
    pub fn cell(&self, index: usize) -> &str {
        let Some(end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..*end).unwrap_or("")
    }

    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index))
    }

    pub fn to_cells(&self) -> Vec<String> {
        self.cells().map(str::to_owned).collect()
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A file whose header has been read: what there is to map. Holds the first rows back, so that none is
/// lost to looking.
pub struct Table<R: Read> {
    source: Decoded<R>,
    core: Reader,
    chunk: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    bytes: Vec<u8>,
    headers: Vec<String>,
    held: VecDeque<Record>,
    number: u64,
}

impl<R: Read> Table<R> {
    /// Reads the header (or makes up `column_1`, … where the file has none) and a sample.
    pub fn new(source: Decoded<R>) -> Result<Self, ReadError> {
        let detected = &source.detected;
        let core = ReaderBuilder::new().delimiter(detected.delimiter).quoting(detected.quoting).build();
        let has_header = detected.has_header;
        let mut table = Self {
            source,
            core,
            chunk: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            ended: false,
            bytes: vec![0; 4 << 10],
            headers: Vec::new(),
            held: VecDeque::new(),
            number: 0,
        };
        table.read_header(has_header)?;
        while table.held.len() < SAMPLE_ROWS {
            let mut record = Record::default();
            if !table.read_fresh(&mut record)? {
                break;
            }
            table.held.push_back(record);
        }
        Ok(table)
    }

    fn read_header(&mut self, has_header: bool) -> Result<(), ReadError> {
        let mut first = Record::default();
        if !self.read_fresh(&mut first)? {
            return Err(ReadError::NoHeader);
        }
        if first.fault == Some(RecordFault::TooLong) {
            return Err(ReadError::TooManyColumns { limit: COLUMNS_MAX });
        }
        if has_header {
            self.headers = first.to_cells();
            self.number = 0;
        } else {
            self.headers = (0..first.len()).map(column_name).collect();
            self.held.push_back(first);
        }
        Ok(())
    }

    pub fn detected(&self) -> &Detected {
        &self.source.detected
    }

    /// As the file writes them.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The first rows, for mapping.
    pub fn sample(&self) -> Vec<Vec<String>> {
        self.held.iter().filter(|r| r.fault.is_none()).map(Record::to_cells).collect()
    }

    /// Bytes taken from the source so far, for progress.
    pub fn source_bytes(&self) -> u64 {
        self.source.source_bytes()
    }

    /// The next row; false at the end of the file.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, ReadError> {
        if let Some(held) = self.held.pop_front() {
            *record = held;
            return Ok(true);
        }
        self.read_fresh(record)
    }

    fn read_fresh(&mut self, record: &mut Record) -> Result<bool, ReadError> {
        self.skip_line_ends()?;
        record.line = self.core.line();
        record.fault = None;
        record.ends.clear();
        record.ends.resize(self.headers.len().clamp(16, COLUMNS_MAX) + 1, 0);
        let (mut out_len, mut end_len) = (0, 0);
        loop {
            self.fill()?;
            let at_end = self.start == self.end;
            let input: &[u8] = if at_end { b"\n" } else { &self.chunk[self.start..self.end] };
            let (result, read, written, ended) =
                self.core.read_record(input, &mut self.bytes[out_len..], &mut record.ends[end_len..]);
            if !at_end {
                self.start += read;
            }
            out_len += written;
            end_len += ended;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
                ReadRecordResult::InputEmpty if at_end => {
                    // The line break that was fed at the end did not end the row: either there is none,
                    // or it is inside a quoted text.
                    if !self.finish(record, &mut out_len, &mut end_len) {
                        return Ok(false);
                    }
                    record.fault = record.fault.or(Some(RecordFault::QuoteUnclosed));
                    break;
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.bytes.len() < ROW_BYTES_MAX => {
                    self.bytes.resize((self.bytes.len() * 2).min(ROW_BYTES_MAX), 0);
                }
                ReadRecordResult::OutputEndsFull if record.ends.len() < COLUMNS_MAX => {
                    record.ends.resize((record.ends.len() * 2).min(COLUMNS_MAX), 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // Read on to the end of the row without keeping it.
                    record.fault = Some(RecordFault::TooLong);
                    (out_len, end_len) = (0, 0);
                }
            }
        }
        self.number += 1;
        record.number = self.number;
        record.text.clear();
        if record.fault == Some(RecordFault::TooLong) {
            record.ends.clear();
            return Ok(true);
        }
        record.ends.truncate(end_len);
        match std::str::from_utf8(&self.bytes[..out_len]) {
            Ok(text) => record.text.push_str(text),
            // Cannot happen: the source decodes to UTF-8 and rows are cut at ASCII.
            Err(_) => record.fault = Some(RecordFault::TooLong),
        }
        Ok(true)
    }

    /// At the end of the file inside a row: closes it. False when there was no row.
    fn finish(&mut self, record: &mut Record, out_len: &mut usize, end_len: &mut usize) -> bool {
        loop {
            let (result, _, written, ended) =
                self.core.read_record(&[], &mut self.bytes[*out_len..], &mut record.ends[*end_len..]);
            *out_len += written;
            *end_len += ended;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::OutputEndsFull => {
                    if record.ends.len() >= COLUMNS_MAX {
                        record.fault = Some(RecordFault::TooLong);
                        *end_len = 0;
                    } else {
                        record.ends.push(0);
                    }
                }
                ReadRecordResult::End | ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull => {
                    return false;
                }
            }
        }
    }

    /// The rest of a CRLF and blank lines belong to no row; passed here, they are counted as lines.
    fn skip_line_ends(&mut self) -> Result<(), ReadError> {
        loop {
            self.fill()?;
            match self.chunk[self.start..self.end].first() {
                Some(byte @ (b'\r' | b'\n')) => {
                    let byte = [*byte];
                    let (result, ..) = self.core.read_record(&byte, &mut self.bytes, &mut [0; 1]);
                    debug_assert_eq!(
                        result,
                        ReadRecordResult::InputEmpty,
                        "a line break between rows begins none"
                    );
                    self.start += 1;
                }
                _ => return Ok(()),
            }
        }
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        while self.start == self.end && !self.ended {
            self.start = 0;
            self.end = match self.source.read(&mut self.chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.ended = self.end == 0;
        }
        Ok(())
    }
}

impl<R: Read> std::fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("source", &self.source)
            .field("columns", &self.headers.len())
            .finish_non_exhaustive()
    }
}
