//! Writing the parts of a block.

use crate::engine::snapshot::bits::{Bits, Words};
use crate::engine::snapshot::column::{Column, Dense, Rest};
use crate::engine::snapshot::names::Names;
use crate::engine::snapshot::per_hundred::PerHundred;

pub(super) struct Output {
    pub bytes: Vec<u8>,
}

impl Output {
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn u16s(&mut self, values: &[u16]) {
        self.u32(values.len() as u32);
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    pub fn u32s(&mut self, values: &[u32]) {
        self.u32(values.len() as u32);
        values.iter().for_each(|value| self.u32(*value));
    }

    pub fn u8s(&mut self, values: &[u8]) {
        self.u32(values.len() as u32);
        self.bytes.extend_from_slice(values);
    }

    pub fn words(&mut self, words: &Words) {
        words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
    }

    pub fn bits(&mut self, bits: &Bits) {
        match bits {
            Bits::Empty => self.u8(0),
            Bits::Full => self.u8(1),
            Bits::Rows(rows) => {
                self.u8(2);
                self.u16s(rows);
            }
            Bits::AllBut(rows) => {
                self.u8(3);
                self.u16s(rows);
            }
            Bits::Words(words) => {
                self.u8(4);
                self.words(words);
            }
        }
    }

    pub fn names(&mut self, names: &Names) {
        match names {
            Names::Plain(hashes) => {
                self.u8(0);
                self.u32s(hashes);
            }
            Names::Bytes { names, codes } => {
                self.u8(1);
                self.u32s(names);
                self.u8s(codes);
            }
            Names::Pairs { names, codes } => {
                self.u8(2);
                self.u32s(names);
                self.u16s(codes);
            }
        }
    }

    pub fn column(&mut self, column: &Column) {
        match column {
            Column::Absent => self.u8(0),
            Column::Sparse { unit, rows, amounts } => {
                self.u8(1);
                self.u32(*unit);
                self.u16s(rows);
                self.u32s(amounts);
            }
            Column::Dense(dense) => {
                self.u8(2);
                self.dense(dense);
            }
        }
    }

    pub fn dense(&mut self, dense: &Dense) {
        self.u32(dense.unit);
        self.u16s(&dense.steps);
        match &dense.rest {
            Rest::Nothing => self.u8(0),
            Rest::Bytes(rest) => {
                self.u8(1);
                self.u8s(rest);
            }
            Rest::Pairs(rest) => {
                self.u8(2);
                self.u16s(rest);
            }
        }
        match dense.odd.as_deref() {
            None => self.u8(0),
            Some(odd) => {
                self.u8(1);
                self.u16s(&odd.rows);
                self.u32s(&odd.amounts);
            }
        }
    }

    pub fn per_100(&mut self, per_100: &PerHundred) {
        match per_100 {
            PerHundred::Computed => self.u8(0),
            PerHundred::Corrected(corrections) => {
                self.u8(1);
                self.u32(corrections.len() as u32);
                self.bytes.extend(corrections.iter().map(|c| c.cast_unsigned()));
            }
            PerHundred::But { rows, amounts } => {
                self.u8(2);
                self.u16s(rows);
                self.u32s(amounts);
            }
            PerHundred::Exact(column) => {
                self.u8(3);
                self.column(column);
            }
        }
    }
}
