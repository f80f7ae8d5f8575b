//! Rows of a delimited text.

use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{Record, RecordFault};
use crate::decode::Detected;
use crate::error::ReadError;
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX};

/// Bytes of text fetched at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Cuts a text into rows and cells.
pub(super) struct Delimited {
    core: Reader,
    chunk: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    bytes: Vec<u8>,
}

impl Delimited {
    pub fn new(detected: &Detected) -> Self {
        Self {
            core: ReaderBuilder::new()
                .delimiter(detected.delimiter)
                .quote(detected.quote)
                .quoting(detected.quoting)
                .build(),
            chunk: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            ended: false,
            bytes: vec![0; 4 << 10],
        }
    }

    /// The next row; false at the end of the text. `columns` is how many there will be, as far as known.
    pub fn read(
        &mut self,
        source: &mut impl Read,
        record: &mut Record,
        columns: usize,
    ) -> Result<bool, ReadError> {
        self.skip_line_ends(source)?;
        record.begin(self.core.line());
        record.ends.resize(columns.clamp(16, COLUMNS_MAX) + 1, 0);
        let (mut out_len, mut end_len) = (0, 0);
        loop {
            self.fill(source)?;
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
                    record.fault.get_or_insert(RecordFault::QuoteUnclosed);
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
    fn skip_line_ends(&mut self, source: &mut impl Read) -> Result<(), ReadError> {
        loop {
            self.fill(source)?;
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

    fn fill(&mut self, source: &mut impl Read) -> Result<(), ReadError> {
        while self.start == self.end && !self.ended {
            self.start = 0;
            self.end = match source.read(&mut self.chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.ended = self.end == 0;
        }
        Ok(())
    }
}
