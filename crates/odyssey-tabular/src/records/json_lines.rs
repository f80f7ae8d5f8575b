//! Rows of JSON: one object a line, or a list of objects; the fields under the columns that the first rows have
//! together.

use std::collections::{HashMap, VecDeque};
use std::io::Read;

use super::chunks::Chunks;
use super::json_list::JsonList;
use super::{Record, RecordFault};
use crate::error::ReadError;
use crate::header::Names;
use crate::limits::{COLUMNS_MAX, JSON_HEADER_BYTES, JSON_HEADER_ROWS, ROW_BYTES_MAX};
use crate::value::json::{Field, JsonFault, flatten};

/// Cuts a text into objects and lays their fields out in columns.
pub(super) struct JsonLines {
    names: Names,
    columns: HashMap<String, usize>,
    /// Read for the columns, not yet handed out.
    waiting: VecDeque<Line>,
    chunks: Chunks,
    /// Where the objects stand in a list.
    list: Option<JsonList>,
}

/// One object, or a line that should be one; without its text where that is too long.
pub(super) struct Line {
    /// Of the file, where it begins.
    pub number: u64,
    pub text: Option<String>,
}

impl JsonLines {
    /// One object a line.
    pub fn new(names: Names) -> Self {
        let (columns, waiting) = (HashMap::new(), VecDeque::new());
        Self { names, columns, waiting, chunks: Chunks::new(), list: None }
    }

    /// The objects of a list, over as many lines as there are.
    pub fn of_list(names: Names) -> Self {
        Self { list: Some(JsonList::default()), ..Self::new(names) }
    }

    /// The names of the fields of the first [`JSON_HEADER_ROWS`] rows, in the order of their first use.
    pub fn read_header(&mut self, source: &mut impl Read) -> Result<Vec<String>, ReadError> {
        let mut headers: Vec<String> = Vec::new();
        let (mut bytes, mut readable) = (0, false);
        while self.waiting.len() < JSON_HEADER_ROWS && bytes < JSON_HEADER_BYTES {
            let line = match self.next(source) {
                // The end of the rows says it again.
                Err(ReadError::JsonListCut { .. }) if !self.waiting.is_empty() => break,
                line => line?,
            };
            let Some(line) = line else { break };
            if let Some(text) = &line.text {
                bytes += text.len();
                let fields = flatten(text);
                readable |= fields.is_ok();
                for field in fields.unwrap_or_default() {
                    if self.columns.contains_key(&field.name) {
                        continue;
                    }
                    if headers.len() == COLUMNS_MAX {
                        return Err(ReadError::TooManyColumns { limit: COLUMNS_MAX });
                    }
                    self.columns.insert(field.name.clone(), headers.len());
                    headers.push(field.name);
                }
            }
            self.waiting.push_back(line);
        }
        match (self.waiting.is_empty(), readable && !headers.is_empty()) {
            (true, _) => Err(ReadError::NoHeader),
            (false, false) => Err(ReadError::NotJsonLines),
            (false, true) => Ok(headers),
        }
    }

    /// The next row; false at the end of the text.
    pub fn read(&mut self, source: &mut impl Read, record: &mut Record) -> Result<bool, ReadError> {
        let line = match self.waiting.pop_front() {
            Some(line) => line,
            None => match self.next(source)? {
                Some(line) => line,
                None => return Ok(false),
            },
        };
        record.begin(line.number);
        match line.text {
            Some(text) => self.lay_out(&text, record),
            None => record.fault = Some(RecordFault::TooLong),
        }
        Ok(true)
    }

    fn lay_out(&self, text: &str, record: &mut Record) {
        let fields = match flatten(text) {
            Ok(fields) => fields,
            Err(fault) => {
                record.fault = Some(match fault {
                    JsonFault::Unreadable(what) => RecordFault::JsonUnreadable(what),
                    JsonFault::TooDeep => RecordFault::JsonTooDeep,
                });
                return self.keep_beyond(record, [text]);
            }
        };
        let mut cells: Vec<Option<&str>> = vec![None; self.columns.len()];
        let mut beyond = Vec::new();
        for field in &fields {
            match self.columns.get(&field.name) {
                Some(at) if cells[*at].is_some() => {
                    record.fault.get_or_insert_with(|| RecordFault::JsonKeyTwice(field.name.clone()));
                    beyond.push(field);
                }
                Some(at) => cells[*at] = Some(&field.text),
                // Nothing is lost with it.
                None if field.text.is_empty() => {}
                None => {
                    if self.names.knows(&field.name) {
                        record.fault.get_or_insert_with(|| RecordFault::JsonKeyLate(field.name.clone()));
                    }
                    beyond.push(field);
                }
            }
        }
        cells.into_iter().for_each(|cell| record.push(cell.unwrap_or("")));
        if record.fault.is_some() {
            beyond.iter().for_each(|Field { name, text }| record.push(&format!("{name}: {text}")));
        } else {
            record.left_out = !beyond.is_empty();
        }
    }

    /// Keeps what stands under no column behind the last one, where a refused row shows it.
    fn keep_beyond<'a>(&self, record: &mut Record, texts: impl IntoIterator<Item = &'a str>) {
        (0..self.columns.len()).for_each(|_| record.push(""));
        texts.into_iter().for_each(|text| record.push(text));
    }

    fn next(&mut self, source: &mut impl Read) -> Result<Option<Line>, ReadError> {
        match &mut self.list {
            Some(list) => list.next(&mut self.chunks, source),
            None => read_line(&mut self.chunks, source),
        }
    }
}

/// The next line that is not blank.
fn read_line(chunks: &mut Chunks, source: &mut impl Read) -> Result<Option<Line>, ReadError> {
    loop {
        let number = chunks.line();
        let mut bytes = Vec::new();
        let mut too_long = false;
        let ended = loop {
            let rest = chunks.rest(source)?;
            if rest.is_empty() {
                break true;
            }
            let line_end = rest.iter().position(|byte| *byte == b'\n');
            let taken = line_end.unwrap_or(rest.len());
            too_long |= bytes.len() + taken > ROW_BYTES_MAX;
            if too_long {
                bytes.clear();
            } else {
                bytes.extend_from_slice(&rest[..taken]);
            }
            chunks.take(taken + usize::from(line_end.is_some()));
            if line_end.is_some() {
                break false;
            }
        };
        if too_long {
            return Ok(Some(Line { number, text: None }));
        }
        // Always UTF-8: the source decodes to it and lines are cut at ASCII.
        let text = String::from_utf8(bytes).unwrap_or_default();
        if !text.trim().is_empty() {
            return Ok(Some(Line { number, text: Some(text.trim().to_owned()) }));
        }
        if ended {
            return Ok(None);
        }
    }
}
