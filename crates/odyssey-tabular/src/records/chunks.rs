//! A text by chunks, with the number of the line.

use std::io::Read;

use crate::error::ReadError;

/// Bytes of text fetched at a time.
const CHUNK_BYTES: usize = 64 << 10;

pub(super) struct Chunks {
    chunk: Vec<u8>,
    start: usize,
    end: usize,
    /// Line breaks taken.
    breaks: u64,
}

impl Chunks {
    pub fn new() -> Self {
        Self { chunk: vec![0; CHUNK_BYTES], start: 0, end: 0, breaks: 0 }
    }

    /// The 1-based line of the next byte.
    pub const fn line(&self) -> u64 {
        self.breaks + 1
    }

    /// What is fetched and not taken; empty at the end of the text only.
    pub fn rest(&mut self, source: &mut impl Read) -> Result<&[u8], ReadError> {
        while self.start == self.end {
            self.start = 0;
            self.end = 0;
            match source.read(&mut self.chunk) {
                Ok(0) => break,
                Ok(read) => self.end = read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(&self.chunk[self.start..self.end])
    }

    /// Passes over the first bytes of the rest.
    pub fn take(&mut self, count: usize) {
        let end = (self.start + count).min(self.end);
        let taken = &self.chunk[self.start..end];
        self.breaks += taken.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.start = end;
    }
}
