//! The markup of a part of a workbook, token by token as the library reads it, without holding any of it.
//!
//! The library holds a token whole, all of a cell or of a shared text, and the names of what is open. It adds up
//! what a reference to a cell says without a look at how long that is. Here it is told what would be too much.

use crate::error::WorkbookFault;
use crate::limits::{WORKBOOK_CELL_XML_BYTES_MAX, WORKBOOK_DEPTH_MAX, WORKBOOK_LOADED_BYTES_MAX};

/// Bytes of a tag that are looked at. The longest name with a reference behind it is far shorter.
const TAG_BYTES: usize = 1 << 10;
/// Letters of a column and digits of a row: up to `XFD1048576`.
const COLUMN_LETTERS_MAX: usize = 3;
const ROW_DIGITS_MAX: usize = 7;

/// Reads one part from front to back.
#[derive(Default)]
pub(super) struct Markup {
    state: State,
    /// Bytes of the token so far.
    token: u64,
    /// Of a tag what stands between its brackets, as far as it is looked at.
    tag: Vec<u8>,
    /// The last two bytes of the token.
    last: [u8; 2],
    /// The names of what is open, one behind the other, and where each begins.
    names: Vec<u8>,
    open: Vec<usize>,
    /// Inside of the rows of a sheet or of the shared texts.
    in_table: bool,
    /// Inside of a cell or of a shared text: its bytes so far.
    cell: Option<u64>,
    /// The part has something that the library keeps in memory.
    pub held: bool,
    /// This is no markup, or not such as any spreadsheet program writes.
    pub opaque: bool,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Text,
    /// Behind `<`.
    Begin,
    /// Behind `<!`.
    Bang,
    /// In a tag, and there between such quotes.
    Tag(Option<u8>),
    /// Up to `?>`, `-->`, `]]>`.
    Instruction,
    Comment,
    Raw,
}

impl Markup {
    /// Reads on; what would fill the memory, or is no reference to a cell, refuses the workbook.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), WorkbookFault> {
        while !self.opaque && !bytes.is_empty() {
            let (taken, ends) = self.step(bytes);
            let (token, rest) = bytes.split_at(taken);
            self.count(token)?;
            bytes = rest;
            if ends {
                if matches!(self.state, State::Tag(_)) {
                    self.end_of_tag()?;
                }
                self.state = State::Text;
                self.token = 0;
            }
        }
        Ok(())
    }

    /// How many bytes belong to the token, and whether it ends there.
    fn step(&mut self, bytes: &[u8]) -> (usize, bool) {
        match self.state {
            State::Text => match bytes.iter().position(|byte| *byte == b'<') {
                Some(0) => {
                    (self.state, self.token) = (State::Begin, 0);
                    self.tag.clear();
                    (1, false)
                }
                Some(at) => (at, true),
                None => (bytes.len(), false),
            },
            State::Begin => {
                self.state = match bytes[0] {
                    b'!' => State::Bang,
                    b'?' => State::Instruction,
                    _ => State::Tag(None),
                };
                (usize::from(bytes[0] == b'!'), false)
            }
            State::Bang => {
                match bytes[0] {
                    b'[' => self.state = State::Raw,
                    b'-' => self.state = State::Comment,
                    // A document type, which no part of a workbook has.
                    _ => self.opaque = true,
                }
                (0, false)
            }
            State::Tag(quote) => self.step_in_tag(bytes, quote),
            State::Instruction => self.find_end(bytes, b'?', None),
            State::Comment => self.find_end(bytes, b'-', Some(b'-')),
            State::Raw => self.find_end(bytes, b']', Some(b']')),
        }
    }

    fn step_in_tag(&mut self, bytes: &[u8], mut quote: Option<u8>) -> (usize, bool) {
        let mut end = None;
        for (at, byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (None, b'>') => {
                    end = Some(at);
                    break;
                }
                (None, b'"' | b'\'') => quote = Some(*byte),
                (Some(opened), _) if opened == *byte => quote = None,
                _ => {}
            }
        }
        let content = &bytes[..end.unwrap_or(bytes.len())];
        let kept = content.len().min(TAG_BYTES.saturating_sub(self.tag.len()));
        self.tag.extend_from_slice(&content[..kept]);
        self.state = State::Tag(quote);
        end.map_or((bytes.len(), false), |at| (at + 1, true))
    }

    /// The `>` behind these bytes.
    fn find_end(&self, bytes: &[u8], before: u8, two_before: Option<u8>) -> (usize, bool) {
        let byte = |at: usize, back: usize| match at.checked_sub(back) {
            Some(at) => bytes[at],
            None => self.last[2 + at - back],
        };
        let is_end = |at: &usize| {
            // `<!-->` does not end the comment that it begins.
            let long = two_before != Some(b'-') || self.token + *at as u64 > 5;
            bytes[*at] == b'>'
                && byte(*at, 1) == before
                && two_before.is_none_or(|two| byte(*at, 2) == two)
                && long
        };
        (0..bytes.len()).find(is_end).map_or((bytes.len(), false), |at| (at + 1, true))
    }

    fn count(&mut self, token: &[u8]) -> Result<(), WorkbookFault> {
        self.token += token.len() as u64;
        match token {
            [.., a, b] => self.last = [*a, *b],
            [b] => self.last = [self.last[1], *b],
            [] => {}
        }
        if self.token > WORKBOOK_LOADED_BYTES_MAX {
            return Err(WorkbookFault::TooRich);
        }
        if let Some(bytes) = &mut self.cell {
            *bytes += token.len() as u64;
            if *bytes > WORKBOOK_CELL_XML_BYTES_MAX {
                return Err(WorkbookFault::CellTooLong { limit: WORKBOOK_CELL_XML_BYTES_MAX });
            }
        }
        Ok(())
    }

    fn end_of_tag(&mut self) -> Result<(), WorkbookFault> {
        let tag = std::mem::take(&mut self.tag);
        if let Some(name) = tag.strip_prefix(b"/") {
            let end = name.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1);
            self.close(&name[..end]);
        } else {
            let name_len = tag.iter().position(is_space).unwrap_or(tag.len());
            // The brackets are no part of it.
            let whole = self.token == tag.len() as u64 + 2;
            let empty = whole && tag.ends_with(b"/");
            let name = &tag[..name_len];
            let name = name.strip_suffix(b"/").filter(|_| empty).unwrap_or(name);
            // The end of a long tag is not known.
            self.opaque |= !whole && (name_len == tag.len() || self.in_table);
            let empty = empty || !whole && self.last == *b"/>";
            self.begin(name, tag.get(name_len..).unwrap_or_default())?;
            if empty {
                self.close(name);
            }
        }
        self.tag = tag;
        Ok(())
    }

    fn begin(&mut self, name: &[u8], attributes: &[u8]) -> Result<(), WorkbookFault> {
        if self.open.len() >= WORKBOOK_DEPTH_MAX {
            return Err(WorkbookFault::Unreadable);
        }
        self.open.push(self.names.len());
        self.names.extend_from_slice(name);
        let refers = |key: &[u8], holds: fn(&[u8]) -> bool| attribute(attributes, key).is_none_or(holds);
        let sane = match (local(name), self.in_table) {
            (b"sheetData", _) => {
                self.in_table = true;
                true
            }
            (b"sst", _) => {
                (self.in_table, self.held) = (true, true);
                true
            }
            (b"definedName", _) => {
                self.held = true;
                true
            }
            (b"dimension", false) => refers(b"ref", is_range),
            (b"row", true) => refers(b"r", |at| reference(at).is_some()),
            (b"c" | b"si", true) => {
                // None stands in another.
                let alone = self.cell.replace(0).is_none();
                alone && refers(b"r", |at| reference(at).is_some())
            }
            _ => true,
        };
        if sane { Ok(()) } else { Err(WorkbookFault::Unreadable) }
    }

    fn close(&mut self, name: &[u8]) {
        let opened = self.open.pop().map(|start| self.names.split_off(start));
        if opened.as_deref() != Some(name) {
            self.opaque = true;
            return;
        }
        match local(name) {
            b"sheetData" | b"sst" => self.in_table = false,
            b"c" | b"si" => self.cell = None,
            _ => {}
        }
    }
}

/// As the library has it, which is narrower than ASCII.
const fn is_space(byte: &u8) -> bool {
    matches!(*byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A name without its namespace.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

/// The value of an attribute of this name.
fn attribute<'a>(mut attributes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    loop {
        let equals = attributes.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (attributes[..equals].trim_ascii(), attributes[equals + 1..].trim_ascii_start());
        let (quote, value) = value.split_first()?;
        let end = value.iter().position(|byte| byte == quote)?;
        if key == name {
            return Some(&value[..end]);
        }
        attributes = &value[end + 1..];
    }
}

/// Row and column of `XFD1048576`, the column zero where only a row is named.
fn reference(text: &[u8]) -> Option<(u32, u32)> {
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (column, row) = text.split_at(letters);
    if letters > COLUMN_LETTERS_MAX || row.len() > ROW_DIGITS_MAX {
        return None;
    }
    let row = std::str::from_utf8(row).ok()?.parse().ok()?;
    let digit = |byte: &u8| u32::from(byte.to_ascii_uppercase() - b'A') + 1;
    Some((row, column.iter().fold(0, |sum, byte| sum * 26 + digit(byte))))
}

/// `A1`, or `A1:C9` whose end is not before its begin.
fn is_range(text: &[u8]) -> bool {
    let ends: Option<Vec<_>> = text.split(|byte| *byte == b':').map(reference).collect();
    match ends.as_deref() {
        Some([_]) => true,
        Some([begin, end]) => begin.0 <= end.0 && begin.1 <= end.1,
        _ => false,
    }
}
