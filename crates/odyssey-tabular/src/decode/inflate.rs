//! Decompression with limits: gzip with several members, zstd with several frames, zip with one
//! file, or nothing.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::Compression;
use super::zip::Zip;
use crate::StopReading;
use crate::error::Tripped;
use crate::limits::{DECOMPRESSION_RATIO_MAX, RATIO_FREE_BYTES, ZSTD_WINDOW_LOG_MAX};

/// Reads what a (perhaps compressed) source unpacks to and trips over bombs.
pub(super) struct Inflate<R: Read> {
    kind: Kind<R>,
    consumed: Arc<AtomicU64>,
    produced: u64,
    produced_max: u64,
    stop: StopReading,
}

enum Kind<R: Read> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<BufReader<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<R>>>),
    Zip(Zip<R>),
}

impl<R: Read> Inflate<R> {
    /// `consumed` counts the bytes taken from the source (see [`Counted`]).
    pub fn new(
        source: R,
        compression: Compression,
        consumed: Arc<AtomicU64>,
        produced_max: u64,
        stop: StopReading,
    ) -> io::Result<Self> {
        let kind = match compression {
            Compression::None => Kind::Plain(source),
            Compression::Gzip => {
                Kind::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, source))))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Kind::Zstd(Box::new(decoder))
            }
            Compression::Zip => Kind::Zip(Zip::new(source)),
        };
        Ok(Self { kind, consumed, produced: 0, produced_max, stop })
    }

    fn check(&self) -> Result<(), Tripped> {
        if self.produced > self.produced_max {
            return Err(Tripped::TooLarge(self.produced_max));
        }
        let compressed = !matches!(self.kind, Kind::Plain(_));
        if compressed && self.produced > RATIO_FREE_BYTES {
            let consumed = self.consumed.load(Ordering::Relaxed).max(1);
            if self.produced / consumed > DECOMPRESSION_RATIO_MAX {
                return Err(Tripped::Bomb(DECOMPRESSION_RATIO_MAX));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        go_on(&self.stop)?;
        let read = match &mut self.kind {
            Kind::Plain(source) => source.read(out)?,
            Kind::Gzip(decoder) => damaged(decoder.read(out))?,
            Kind::Zstd(decoder) => damaged(decoder.read(out))?,
            Kind::Zip(archive) => damaged(archive.read(out))?,
        };
        self.produced += read as u64;
        self.check().map_err(io::Error::other)?;
        Ok(read)
    }
}

/// The decoders say `InvalidInput`, `InvalidData`, `UnexpectedEof` or `Other` for damaged data; what
/// the source itself reports (a lost connection) passes as it is, and so does what is said already.
fn damaged(result: io::Result<usize>) -> io::Result<usize> {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    result.map_err(|error| match error.kind() {
        _ if error.get_ref().is_some_and(|inner| inner.is::<Tripped>()) => error,
        InvalidInput | InvalidData | UnexpectedEof | Other => io::Error::new(error.kind(), Tripped::Damaged),
        _ => error,
    })
}

fn go_on(stop: &StopReading) -> io::Result<()> {
    if stop.is_stopped() { Err(io::Error::other(Tripped::Stopped)) } else { Ok(()) }
}

/// Counts the bytes taken from the source, for progress, until somebody stops that: one block may unpack to
/// nothing for long.
pub(super) struct Counted<R> {
    source: R,
    consumed: Arc<AtomicU64>,
    stop: StopReading,
}

impl<R> Counted<R> {
    pub const fn new(source: R, consumed: Arc<AtomicU64>, stop: StopReading) -> Self {
        Self { source, consumed, stop }
    }
}

/// Bytes in memory, likewise.
impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        go_on(&self.stop)?;
        let read = self.source.read(out)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
