//! The objects of one list of JSON (`[{…}, {…}]`), cut out one by one over any number of lines.

use std::io::Read;

use super::chunks::Chunks;
use super::json_lines::Line;
use crate::error::ReadError;
use crate::limits::ROW_BYTES_MAX;

/// Where in the list the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    BeforeList,
    BeforeFirst,
    BehindEntry,
    BehindComma,
    BehindList,
}

#[derive(Debug, Default)]
pub(super) struct JsonList {
    place: Place,
}

impl JsonList {
    /// The next entry as it is written, whatever it is; `None` behind the list. A list that does not end is
    /// cut: rows are missing, and nobody knows how many.
    pub fn next(&mut self, chunks: &mut Chunks, source: &mut impl Read) -> Result<Option<Line>, ReadError> {
        loop {
            let line = chunks.line();
            let Some(byte) = chunks.rest(source)?.first().copied() else {
                return match self.place {
                    Place::BehindList => Ok(None),
                    _ => Err(ReadError::JsonListCut { line }),
                };
            };
            self.place = match (self.place, byte) {
                (place, byte) if byte.is_ascii_whitespace() => place,
                (Place::BeforeList, b'[') => Place::BeforeFirst,
                (Place::BeforeFirst | Place::BehindEntry, b']') => Place::BehindList,
                (Place::BehindEntry, b',') => Place::BehindComma,
                (Place::BeforeFirst | Place::BehindComma, byte) if !matches!(byte, b',' | b']' | b'}') => {
                    let entry = read_entry(chunks, source)?;
                    self.place = Place::BehindEntry;
                    return Ok(Some(entry));
                }
                _ => return Err(ReadError::JsonListBroken { line }),
            };
            chunks.take(1);
        }
    }
}

/// Looks for the end of an entry: where brackets and quotes are closed again.
#[derive(Debug, Default)]
struct Scan {
    depth: u64,
    quoted: bool,
    escaped: bool,
}

/// What a byte is to an entry.
enum Step {
    Inside,
    Last,
    /// No part of it any more.
    Behind,
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.quoted {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return Step::Inside;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' | b',' if self.depth == 0 => return Step::Behind,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::Last;
                }
            }
            _ => {}
        }
        Step::Inside
    }
}

/// One entry; what is too long is passed over, and goes without its text.
fn read_entry(chunks: &mut Chunks, source: &mut impl Read) -> Result<Line, ReadError> {
    let number = chunks.line();
    let (mut scan, mut bytes, mut too_long) = (Scan::default(), Vec::new(), false);
    loop {
        let rest = chunks.rest(source)?;
        if rest.is_empty() {
            return Err(ReadError::JsonListCut { line: chunks.line() });
        }
        let (mut taken, mut ended) = (rest.len(), false);
        for (at, byte) in rest.iter().enumerate() {
            match scan.step(*byte) {
                Step::Inside => continue,
                Step::Last => taken = at + 1,
                Step::Behind => taken = at,
            }
            ended = true;
            break;
        }
        too_long |= bytes.len() + taken > ROW_BYTES_MAX;
        if too_long {
            bytes.clear();
        } else {
            bytes.extend_from_slice(&rest[..taken]);
        }
        chunks.take(taken);
        if ended {
            // Always UTF-8: the source decodes to it and entries are cut at ASCII.
            let text = String::from_utf8(bytes).unwrap_or_default();
            return Ok(Line { number, text: (!too_long).then(|| text.trim().to_owned()) });
        }
    }
}
