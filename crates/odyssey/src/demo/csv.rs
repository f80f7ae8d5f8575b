//! A CSV line, cell by cell.

use std::io;

/// Bytes gathered before they are handed on.
const FLUSH_AT: usize = 64 * 1024;

/// Writes comma-separated lines with `\n`, quoting only what needs it (RFC 4180).
pub(super) struct CsvLines<'a, W: io::Write> {
    out: &'a mut W,
    buffer: String,
    line_begun: bool,
}

impl<'a, W: io::Write> CsvLines<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, buffer: String::with_capacity(FLUSH_AT * 2), line_begun: false }
    }

    pub(super) fn cell(&mut self, text: &str) {
        if self.line_begun {
            self.buffer.push(',');
        }
        self.line_begun = true;
        if text.contains(['"', ',', '\n', '\r']) {
            self.buffer.push('"');
            for (nth, part) in text.split('"').enumerate() {
                if nth > 0 {
                    self.buffer.push_str("\"\"");
                }
                self.buffer.push_str(part);
            }
            self.buffer.push('"');
        } else {
            self.buffer.push_str(text);
        }
    }

    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.buffer.push('\n');
        self.line_begun = false;
        if self.buffer.len() >= FLUSH_AT { self.hand_on() } else { Ok(()) }
    }

    /// Hands on what is left; lines not finished this way are lost.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.hand_on()?;
        self.out.flush()
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }
}
