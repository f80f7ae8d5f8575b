//! Bytes of any encoding in, UTF-8 out, with bounded memory. What cannot be decoded becomes U+FFFD.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    CoderResult, Decoder, Encoding, ISO_8859_2, ISO_8859_4, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250,
    WINDOWS_1252, WINDOWS_1254, WINDOWS_1257, WINDOWS_1258,
};

use crate::limits::ENCODING_WINDOW_BYTES;

/// Bytes fetched from the source at a time.
const RAW_BYTES: usize = 64 << 10;
/// The decoder needs room for its longest output unit; smaller reads go through a small buffer.
const OUT_MIN: usize = 32;

/// A `Read` of UTF-8. While everything is ASCII the encoding may be left open; the first
/// [`ENCODING_WINDOW_BYTES`] from the first other byte on decide it.
pub(super) struct Transcoder<R> {
    source: R,
    raw: Vec<u8>,
    start: usize,
    source_ended: bool,
    decoder: Option<Decoder>,
    finished: bool,
    small: Vec<u8>,
}

impl<R: Read> Transcoder<R> {
    /// `None`: ASCII so far, decide later.
    pub fn new(source: R, encoding: Option<&'static Encoding>) -> Self {
        Self {
            source,
            raw: Vec::with_capacity(RAW_BYTES),
            start: 0,
            source_ended: false,
            decoder: encoding.map(Encoding::new_decoder_without_bom_handling),
            finished: false,
            small: Vec::new(),
        }
    }

    fn pending(&self) -> &[u8] {
        &self.raw[self.start..]
    }

    /// Makes at least `wanted` bytes pending, or all that are left.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.source_ended || self.pending().len() >= wanted {
            return Ok(());
        }
        self.raw.drain(..self.start);
        self.start = 0;
        while self.raw.len() < wanted {
            let len = self.raw.len();
            self.raw.resize(len + RAW_BYTES, 0);
            let read = loop {
                match self.source.read(&mut self.raw[len..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.raw.truncate(len + read.as_ref().copied().unwrap_or(0));
            if read? == 0 {
                self.source_ended = true;
                break;
            }
        }
        Ok(())
    }

    fn read_ascii(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        self.fill(1)?;
        let ascii = Encoding::ascii_valid_up_to(self.pending());
        if ascii > 0 {
            let taken = ascii.min(out.len());
            out[..taken].copy_from_slice(&self.pending()[..taken]);
            self.start += taken;
            return Ok(Some(taken));
        }
        if self.pending().is_empty() {
            return Ok(Some(0));
        }
        self.fill(ENCODING_WINDOW_BYTES)?;
        let window = &self.pending()[..self.pending().len().min(ENCODING_WINDOW_BYTES)];
        let whole = window.len() < ENCODING_WINDOW_BYTES;
        self.decoder = Some(guess_legacy_or_utf8(window, whole).new_decoder_without_bom_handling());
        Ok(None)
    }

    fn decode(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.finished {
                return Ok(0);
            }
            self.fill(1)?;
            let ended = self.source_ended;
            let Some(decoder) = self.decoder.as_mut() else { return Ok(0) };
            let (result, read, written, _) = decoder.decode_to_utf8(&self.raw[self.start..], out, ended);
            self.start += read;
            self.finished = ended && result == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if !self.small.is_empty() {
            let taken = self.small.len().min(out.len());
            out[..taken].copy_from_slice(&self.small[..taken]);
            self.small.drain(..taken);
            return Ok(taken);
        }
        if self.decoder.is_none()
            && let Some(read) = self.read_ascii(out)?
        {
            return Ok(read);
        }
        if out.len() >= OUT_MIN {
            return self.decode(out);
        }
        let mut buffer = [0; OUT_MIN];
        let decoded = self.decode(&mut buffer)?;
        let taken = decoded.min(out.len());
        out[..taken].copy_from_slice(&buffer[..taken]);
        self.small.extend_from_slice(&buffer[taken..decoded]);
        Ok(taken)
    }
}

/// Strict UTF-8 when the bytes are that (a cut last character is forgiven unless they are `whole`),
/// else the best guess of a legacy encoding.
pub(super) fn guess_legacy_or_utf8(bytes: &[u8], whole: bool) -> &'static Encoding {
    let utf8 = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !whole && error.error_len().is_none(),
    };
    if utf8 {
        return UTF_8;
    }
    // Mostly UTF-8 with a few broken bytes: a legacy reading would spoil every other character.
    let (good, bad) = utf8_score(bytes);
    if good >= 20 && bad * 20 <= good {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, whole);
    let guess = detector.guess(None, Utf8Detection::Deny);
    if is_latin(guess) || !mostly_single_high_bytes(bytes) { guess } else { WINDOWS_1252 }
}

/// Encodings of the Latin script, where a high byte is an accented letter among plain ones.
fn is_latin(encoding: &'static Encoding) -> bool {
    [WINDOWS_1252, WINDOWS_1250, WINDOWS_1254, WINDOWS_1257, WINDOWS_1258, ISO_8859_2, ISO_8859_4]
        .contains(&encoding)
}

/// Text of any other script, in one byte a letter or two, has its high bytes in runs. A few single ones
/// (`µg`, `°C`) tell a guess by letter frequency nothing.
fn mostly_single_high_bytes(bytes: &[u8]) -> bool {
    let runs: Vec<usize> = bytes.split(u8::is_ascii).map(<[u8]>::len).filter(|len| *len > 0).collect();
    runs.iter().filter(|len| **len == 1).count() * 5 >= runs.len() * 4
}

/// Multi-byte characters that are whole, and broken sequences.
fn utf8_score(bytes: &[u8]) -> (usize, usize) {
    let mut score = (0, 0);
    for chunk in bytes.utf8_chunks() {
        score.0 += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        score.1 += usize::from(!chunk.invalid().is_empty());
    }
    score
}

/// UTF-16 without a mark: text in a Latin script has a NUL in every other byte.
pub(super) fn guess_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let pairs = bytes.len() / 2;
    if pairs < 4 {
        return None;
    }
    let zeros = |offset: usize| bytes.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // 40 %: separators and digits alone bring a table of any script there.
    match () {
        () if odd * 5 >= pairs * 2 && even * 20 <= pairs => Some(UTF_16LE),
        () if even * 5 >= pairs * 2 && odd * 20 <= pairs => Some(UTF_16BE),
        () => None,
    }
}
