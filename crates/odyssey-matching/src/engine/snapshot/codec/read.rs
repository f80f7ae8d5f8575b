//! Reading the parts of a block, and refusing what is none.

use super::{Result, SnapshotError};
use crate::engine::snapshot::bits::{Bits, NO_ROWS, Words};
use crate::engine::snapshot::column::{Column, Dense, Odd, Rest, UNKNOWN_STEP};
use crate::engine::snapshot::names::Names;
use crate::engine::snapshot::per_hundred::PerHundred;

pub(super) struct Input<'a> {
    pub bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(SnapshotError("cut off"))?;
        self.bytes = rest;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub fn u16s(&mut self) -> Result<Box<[u16]>> {
        let count = self.u32()? as usize;
        let bytes = self.take(count.saturating_mul(2))?;
        Ok(bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect())
    }

    pub fn u32s(&mut self) -> Result<Box<[u32]>> {
        let count = self.u32()? as usize;
        self.u32s_of(count)
    }

    pub fn u32s_of(&mut self, count: usize) -> Result<Box<[u32]>> {
        let bytes = self.take(count.saturating_mul(4))?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }

    pub fn u8s(&mut self) -> Result<&'a [u8]> {
        let count = self.u32()? as usize;
        self.take(count)
    }

    pub fn words(&mut self) -> Result<Words> {
        let bytes = self.take(size_of::<Words>())?;
        let mut words = NO_ROWS;
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(words)
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Box<[T]>> {
        // No capacity ahead: a length that lies ends in "cut off", not in memory.
        let count = self.u32()?;
        (0..count).map(|_| read(self)).collect()
    }

    /// Ascending rows of a block of `len`.
    pub fn rows(&mut self, len: usize) -> Result<Box<[u16]>> {
        let rows = self.u16s()?;
        let ascending = rows.is_sorted_by(|one, other| one < other);
        if !ascending || rows.last().is_some_and(|last| usize::from(*last) >= len) {
            return Err(SnapshotError("rows out of order"));
        }
        Ok(rows)
    }

    pub fn bits(&mut self, len: usize) -> Result<Bits> {
        Ok(match self.u8()? {
            0 => Bits::Empty,
            1 => Bits::Full,
            2 => Bits::Rows(self.rows(len)?),
            3 => Bits::AllBut(self.rows(len)?),
            4 => Bits::Words(Box::new(self.words()?)),
            _ => return Err(SnapshotError("an unknown form of bits")),
        })
    }

    pub fn names(&mut self, len: usize) -> Result<Names> {
        let kind = self.u8()?;
        let names = self.u32s()?;
        let names = match kind {
            0 if names.len() == len => return Ok(Names::Plain(names)),
            1 => Names::Bytes { names, codes: self.u8s()?.into() },
            2 => Names::Pairs { names, codes: self.u16s()? },
            _ => return Err(SnapshotError("an unknown form of names")),
        };
        let fits = match &names {
            Names::Plain(_) => true,
            Names::Bytes { names, codes } => {
                codes.len() == len && codes.iter().all(|code| usize::from(*code) < names.len())
            }
            Names::Pairs { names, codes } => {
                codes.len() == len && codes.iter().all(|code| usize::from(*code) < names.len())
            }
        };
        if fits { Ok(names) } else { Err(SnapshotError("a name without its code")) }
    }

    pub fn column(&mut self, len: usize) -> Result<Column> {
        Ok(match self.u8()? {
            0 => Column::Absent,
            1 => {
                let unit = self.unit()?;
                let (rows, amounts) = (self.rows(len)?, self.u32s()?);
                if rows.len() != amounts.len() || !unit.is_power_of_two() {
                    return Err(SnapshotError("a sparse column out of step"));
                }
                Column::Sparse { unit, rows, amounts }
            }
            2 => Column::Dense(self.dense(len)?),
            _ => return Err(SnapshotError("an unknown form of column")),
        })
    }

    pub fn dense(&mut self, len: usize) -> Result<Dense> {
        let (unit, steps) = (self.unit()?, self.u16s()?);
        let rest = match self.u8()? {
            0 => Rest::Nothing,
            1 => Rest::Bytes(self.u8s()?.into()),
            2 => Rest::Pairs(self.u16s()?),
            _ => return Err(SnapshotError("an unknown form of rest")),
        };
        let rests = match &rest {
            Rest::Nothing => len,
            Rest::Bytes(rest) => rest.len(),
            Rest::Pairs(rest) => rest.len(),
        };
        let odd = match self.u8()? {
            0 => None,
            _ => {
                let (rows, amounts) = (self.rows(len)?, self.u32s()?);
                if rows.len() != amounts.len() {
                    return Err(SnapshotError("odd rows out of step"));
                }
                Some(Box::new(Odd::new(rows, amounts)))
            }
        };
        let known = steps.iter().copied().filter(|step| *step != UNKNOWN_STEP);
        let most = known.max().map_or(0, |step| u64::from(step) * u64::from(unit) + u64::from(unit));
        if steps.len() != len || rests != len || most > 1 << 32 {
            return Err(SnapshotError("a column of another length"));
        }
        Ok(Dense { unit, steps, rest, odd })
    }

    pub fn per_100(&mut self, len: usize) -> Result<PerHundred> {
        Ok(match self.u8()? {
            0 => PerHundred::Computed,
            1 => {
                let corrections: Box<[i8]> = self.u8s()?.iter().map(|c| c.cast_signed()).collect();
                if corrections.len() != len {
                    return Err(SnapshotError("a column of another length"));
                }
                PerHundred::Corrected(corrections)
            }
            2 => {
                let (rows, amounts) = (self.rows(len)?, self.u32s()?);
                if rows.len() != amounts.len() {
                    return Err(SnapshotError("amounts out of step"));
                }
                PerHundred::But { rows, amounts }
            }
            3 => PerHundred::Exact(self.column(len)?),
            _ => return Err(SnapshotError("an unknown form of amounts")),
        })
    }

    pub fn unit(&mut self) -> Result<u32> {
        // The largest that columns are built with; steps times unit stay within 32 bits.
        match self.u32()? {
            unit @ 1..=100_000 => Ok(unit),
            _ => Err(SnapshotError("a unit out of range")),
        }
    }
}
