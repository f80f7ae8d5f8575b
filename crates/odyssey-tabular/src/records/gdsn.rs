//! Rows of GS1 trade items in JSON, as data pools hand them on: documents within documents, read whole.

mod item;
mod node;

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::Record;
use crate::error::ReadError;
use crate::limits::{COLUMNS_MAX, GDSN_BYTES_MAX};
use node::{child, each, text};

/// The consumer units of a file, each a row.
pub(super) struct Gdsn {
    rows: std::vec::IntoIter<(u64, Vec<(usize, String)>)>,
    width: usize,
}

impl Gdsn {
    /// Reads all of the source; the columns are what its items have together.
    pub fn read_all(source: &mut impl Read) -> Result<(Self, Vec<String>), ReadError> {
        let mut json = String::new();
        source.take(GDSN_BYTES_MAX + 1).read_to_string(&mut json)?;
        if json.len() as u64 > GDSN_BYTES_MAX {
            return Err(ReadError::TooLarge { limit: GDSN_BYTES_MAX });
        }
        let mut items: Vec<(u64, bool, Vec<item::Field>)> = Vec::new();
        let mut documents = serde_json::Deserializer::from_str(&json).into_iter::<Value>();
        let (mut line, mut counted) = (1, 0);
        loop {
            let rest = &json[counted..];
            line += newlines(&rest[..rest.len() - rest.trim_start().len()]);
            counted = json.len() - rest.trim_start().len();
            let Some(document) = documents.next() else { break };
            let document = document.map_err(|error| ReadError::GdsnUnreadable { line: error.line() })?;
            each(&document, "tradeItem", &mut |trade_item| {
                items.push((line, is_consumer_unit(trade_item), item::fields(trade_item)));
            });
            line += newlines(&json[counted..documents.byte_offset()]);
            counted = documents.byte_offset();
        }
        // Cases and pallets are no products, unless there is nothing else.
        if items.iter().any(|(_, consumer, _)| *consumer) {
            items.retain(|(_, consumer, _)| *consumer);
        }
        Self::lay_out(items)
    }

    fn lay_out(items: Vec<(u64, bool, Vec<item::Field>)>) -> Result<(Self, Vec<String>), ReadError> {
        let mut headers: Vec<String> = item::COLUMNS.iter().map(|name| (*name).to_owned()).collect();
        let mut columns: HashMap<String, usize> =
            headers.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        let mut rows = Vec::new();
        for (line, _, fields) in items {
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
        for column in 0..self.width {
            record.push(cells.iter().find(|(at, _)| *at == column).map_or("", |(_, text)| text.as_str()));
        }
        true
    }
}

fn newlines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
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
