//! Rows of GS1 trade items in JSON, as data pools hand them on: documents within documents.

mod item;
mod node;

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufReader, Read};

use serde_json::Value;

use super::Record;
use crate::StopReading;
use crate::error::{ReadError, Tripped};
use crate::limits::{COLUMNS_MAX, GDSN_DOCUMENT_BYTES_MAX, GDSN_TEXT_BYTES_MAX};
use node::{child, each, text};

/// The consumer units of a file, each a row.
pub(super) struct Gdsn {
    rows: std::vec::IntoIter<(u64, Vec<(usize, String)>)>,
    width: usize,
}

impl Gdsn {
    /// Reads all of the source, one document at a time in memory; the columns are what its items have
    /// together.
    pub fn read_all(source: &mut impl Read, stop: &StopReading) -> Result<(Self, Vec<String>), ReadError> {
        let place = Cell::new(Place { line: 1, start: None, bytes: 0 });
        let watched = Watched { source: BufReader::new(source), place: &place };
        let documents = serde_json::Deserializer::from_reader(watched).into_iter::<Value>();
        let mut items: Vec<(u64, bool, Vec<item::Field>)> = Vec::new();
        let mut bytes = 0;
        for document in documents {
            let document = document.map_err(|error| fault(error, place.get().line))?;
            let line = place.get().start.unwrap_or(1);
            each(&document, "tradeItem", &mut |trade_item| {
                let fields = item::fields(trade_item);
                bytes += fields.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>() as u64;
                items.push((line, is_consumer_unit(trade_item), fields));
            });
            if bytes > GDSN_TEXT_BYTES_MAX {
                return Err(ReadError::TooLarge { limit: GDSN_TEXT_BYTES_MAX });
            }
            stop.check()?;
            place.set(Place { start: None, bytes: 0, ..place.get() });
        }
        // Cases and pallets are no products, unless there is nothing else.
        if items.iter().any(|(_, consumer, _)| *consumer) {
            items.retain(|(_, consumer, _)| *consumer);
        }
        Self::lay_out(items, stop)
    }

    fn lay_out(
        items: Vec<(u64, bool, Vec<item::Field>)>,
        stop: &StopReading,
    ) -> Result<(Self, Vec<String>), ReadError> {
        let mut headers: Vec<String> = item::COLUMNS.iter().map(|name| (*name).to_owned()).collect();
        let mut columns: HashMap<String, usize> =
            headers.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        let mut rows = Vec::new();
        for (line, _, fields) in items {
            stop.check()?;
            let mut row = Vec::new();
            for (name, text) in fields {
                let column = *columns.entry(name).or_insert_with_key(|name| {
                    headers.push(name.clone());
                    headers.len() - 1
                });
                row.push((column, text));
            }
            rows.push((line, row));
        }
        match (rows.is_empty(), headers.len()) {
            (true, _) => Err(ReadError::NoHeader),
            (false, width) if width > COLUMNS_MAX => Err(ReadError::TooManyColumns { limit: COLUMNS_MAX }),
            (false, width) => Ok((Self { rows: rows.into_iter(), width }, headers)),
        }
    }

    /// The next row; false behind the last.
    pub fn read(&mut self, record: &mut Record) -> bool {
        let Some((line, cells)) = self.rows.next() else { return false };
        record.begin(line);
        let mut texts = vec![""; self.width];
        // Of two under one name the first counts.
        cells.iter().rev().for_each(|(at, text)| texts[*at] = text.as_str());
        texts.into_iter().for_each(|text| record.push(text));
        true
    }
}

/// Where in the source a document is read.
#[derive(Clone, Copy)]
struct Place {
    line: u64,
    /// The line of its first character.
    start: Option<u64>,
    /// Bytes of it so far.
    bytes: u64,
}

/// Keeps count of lines and of the bytes of one document.
struct Watched<'a, R> {
    source: BufReader<R>,
    place: &'a Cell<Place>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        let mut place = self.place.get();
        for byte in &out[..read] {
            place.line += u64::from(*byte == b'\n');
            if place.start.is_none() && !byte.is_ascii_whitespace() {
                place.start = Some(place.line);
            }
        }
        place.bytes += read as u64;
        self.place.set(place);
        if place.bytes > GDSN_DOCUMENT_BYTES_MAX {
            return Err(io::Error::other(Tripped::TooLarge(GDSN_DOCUMENT_BYTES_MAX)));
        }
        Ok(read)
    }
}

fn fault(error: serde_json::Error, line: u64) -> ReadError {
    if error.is_io() { io::Error::from(error).into() } else { ReadError::GdsnUnreadable { line } }
}

/// What a customer buys; an item that says nothing about it counts as one.
fn is_consumer_unit(trade_item: &Value) -> bool {
    match child(trade_item, "isTradeItemAConsumerUnit").and_then(text) {
        Some(said) => said.eq_ignore_ascii_case("true"),
        None => child(trade_item, "tradeItemUnitDescriptorCode")
            .and_then(text)
            .is_none_or(|code| code == "BASE_UNIT_OR_EACH"),
    }
}
