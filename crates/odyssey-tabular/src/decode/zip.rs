//! A zip archive with one file in it, read from front to back (APPNOTE.TXT 6.3.10, sections 4.3 and 4.4).

use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::error::{ArchiveFault, Tripped};
use crate::limits::{ARCHIVE_FILES_MAX, DECOMPRESSION_RATIO_MAX, RATIO_FREE_BYTES};

const LOCAL_HEADER: [u8; 4] = *b"PK\x03\x04";
const CENTRAL_HEADER: [u8; 4] = *b"PK\x01\x02";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// Bytes of a local header in front of the name, without its signature.
const LOCAL_HEADER_LEN: usize = 26;
const ENCRYPTED: u16 = 1;
const LENGTH_BEHIND: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// What a size says that stands in the extra field for files over 4 GiB.
const SIZE_ELSEWHERE: u32 = u32::MAX;

/// Reads what the one file of an archive holds. Folders and what macOS adds beside the file do not count.
pub(super) struct Zip<R: Read> {
    state: State<R>,
    /// Files and folders passed over, and the bytes they held.
    passed: usize,
    passed_bytes: u64,
}

enum State<R: Read> {
    /// Before the file.
    Start(BufReader<R>),
    Inside(Box<Entry<R>>),
    End,
}

/// A file or folder that is being read.
struct Entry<R: Read> {
    header: Header,
    body: Body<R>,
    crc: Crc,
    produced: u64,
}

enum Body<R: Read> {
    Stored(io::Take<BufReader<R>>),
    Deflated(DeflateDecoder<BufReader<R>>),
}

/// What a local header says.
struct Header {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    extra_len: usize,
    name: Vec<u8>,
}

impl<R: Read> Zip<R> {
    pub fn new(source: R) -> Self {
        Self { state: State::Start(BufReader::with_capacity(64 << 10, source)), passed: 0, passed_bytes: 0 }
    }

    fn next_state(&mut self, state: State<R>, out: &mut [u8]) -> io::Result<(State<R>, Option<usize>)> {
        match state {
            State::Start(source) => {
                let entry = self.next_entry(source)?.map_err(|_| refused(ArchiveFault::Empty))?;
                Ok((State::Inside(Box::new(entry)), None))
            }
            State::Inside(mut entry) => match entry.read(out)? {
                0 => {
                    let source = entry.finish()?;
                    let Err(mut source) = self.next_entry(source)? else {
                        return Err(refused(ArchiveFault::SeveralFiles));
                    };
                    // To the end of the upload, so that a source that checks itself does.
                    io::copy(&mut source, &mut io::sink())?;
                    Ok((State::End, Some(0)))
                }
                read => Ok((State::Inside(entry), Some(read))),
            },
            State::End => Ok((State::End, Some(0))),
        }
    }

    /// The next file that counts; the source itself where the directory of the archive begins.
    fn next_entry(&mut self, mut source: BufReader<R>) -> io::Result<Result<Entry<R>, BufReader<R>>> {
        loop {
            match array::<4>(&mut source)? {
                LOCAL_HEADER => {}
                CENTRAL_HEADER | [b'P', b'K', 5 | 6 | 8, 5..=8] => return Ok(Err(source)),
                _ => return Err(damaged()),
            }
            let header = Header::read(&mut source)?;
            let counts = header.counts();
            let mut entry = Entry::open(header, source)?;
            if counts {
                return Ok(Ok(entry));
            }
            self.passed += 1;
            if self.passed > ARCHIVE_FILES_MAX {
                return Err(refused(ArchiveFault::SeveralFiles));
            }
            self.pass(&mut entry)?;
            source = entry.finish()?;
        }
    }
}

impl<R: Read> Zip<R> {
    fn pass(&mut self, entry: &mut Entry<R>) -> io::Result<()> {
        let mut buffer = [0; 8 << 10];
        loop {
            match entry.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.passed_bytes += read as u64,
            }
            if self.passed_bytes > RATIO_FREE_BYTES {
                return Err(io::Error::other(Tripped::Bomb(DECOMPRESSION_RATIO_MAX)));
            }
        }
    }
}

impl<R: Read> Read for Zip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            // After an error the archive has ended.
            let state = std::mem::replace(&mut self.state, State::End);
            let (state, read) = self.next_state(state, out)?;
            self.state = state;
            if let Some(read) = read {
                return Ok(read);
            }
        }
    }
}

impl Header {
    /// Reads what follows the signature, up to the contents.
    fn read(source: &mut impl Read) -> io::Result<Self> {
        let fixed = array::<LOCAL_HEADER_LEN>(source)?;
        let mut header = Self::parse(&fixed);
        let name_len = u16_at(&fixed, 22);
        source.take(u64::from(name_len)).read_to_end(&mut header.name)?;
        let mut extra = Vec::new();
        source.take(header.extra_len as u64).read_to_end(&mut extra)?;
        if header.name.len() < usize::from(name_len) || extra.len() < header.extra_len {
            return Err(damaged());
        }
        header.take_sizes(&extra)?;
        Ok(header)
    }

    fn parse(fixed: &[u8; LOCAL_HEADER_LEN]) -> Self {
        Self {
            flags: u16_at(fixed, 2),
            method: u16_at(fixed, 4),
            crc: u32_at(fixed, 10),
            packed: u32_at(fixed, 14),
            unpacked: u32_at(fixed, 18),
            extra_len: usize::from(u16_at(fixed, 24)),
            name: Vec::new(),
        }
    }

    /// Some programs write the sizes of small files, too, where those of large ones belong.
    fn take_sizes(&mut self, extra: &[u8]) -> io::Result<()> {
        if self.packed != SIZE_ELSEWHERE && self.unpacked != SIZE_ELSEWHERE {
            return Ok(());
        }
        let mut rest = extra;
        while let [a, b, c, d, tail @ ..] = rest {
            let len = usize::from(u16::from_le_bytes([*c, *d]));
            let Some((field, others)) = tail.split_at_checked(len) else { break };
            if (*a, *b) == (1, 0) && len >= 16 {
                let small = |at| u32::try_from(u64_at(field, at)).ok().filter(|size| *size != SIZE_ELSEWHERE);
                let (Some(unpacked), Some(packed)) = (small(0), small(8)) else { break };
                (self.unpacked, self.packed) = (unpacked, packed);
                return Ok(());
            }
            rest = others;
        }
        Err(refused(ArchiveFault::TooLarge))
    }

    /// Folders, and the shadow files of macOS and Windows, are no files of the vendor.
    fn counts(&self) -> bool {
        let last = self.name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        !(last.is_empty() && !self.name.is_empty()
            || self.name.starts_with(b"__MACOSX/")
            || last.starts_with(b"._")
            || [&b".DS_Store"[..], b"Thumbs.db", b"desktop.ini"].contains(&last))
    }
}

/// Whether this is the first entry of an Office document.
pub(super) fn is_office_part(name: &[u8]) -> bool {
    name == b"[Content_Types].xml"
        || [&b"_rels/"[..], b"docProps/", b"xl/", b"customXml/"].iter().any(|at| name.starts_with(at))
}

/// The name of the first entry, where `begin` (with what is read after it) begins an archive.
pub(super) fn first_name(source: &mut impl Read, begin: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    if !begin.starts_with(&LOCAL_HEADER) {
        return Ok(None);
    }
    let fixed_len = LOCAL_HEADER.len() + LOCAL_HEADER_LEN;
    let mut fetch = |begin: &mut Vec<u8>, len: usize| {
        let missing = len.saturating_sub(begin.len());
        source.by_ref().take(missing as u64).read_to_end(begin)
    };
    fetch(begin, fixed_len)?;
    let name_len = usize::from(u16_at(begin, LOCAL_HEADER.len() + 22));
    fetch(begin, fixed_len + name_len)?;
    Ok(Some(name_in(begin).to_vec()))
}

/// The name of the first entry of an archive, empty where its header is cut.
pub(super) fn name_in(begin: &[u8]) -> &[u8] {
    let start = LOCAL_HEADER.len() + LOCAL_HEADER_LEN;
    let name_len = usize::from(u16_at(begin, LOCAL_HEADER.len() + 22));
    begin.get(start..start + name_len).unwrap_or_default()
}

impl<R: Read> Entry<R> {
    fn open(header: Header, source: BufReader<R>) -> io::Result<Self> {
        if header.flags & ENCRYPTED != 0 {
            return Err(refused(ArchiveFault::Encrypted));
        }
        let body = match header.method {
            STORED if header.flags & LENGTH_BEHIND != 0 && header.packed == 0 && header.counts() => {
                return Err(refused(ArchiveFault::LengthUnknown));
            }
            STORED => Body::Stored(source.take(u64::from(header.packed))),
            DEFLATED => Body::Deflated(DeflateDecoder::new(source)),
            _ => return Err(refused(ArchiveFault::Method)),
        };
        Ok(Self { header, body, crc: Crc::new(), produced: 0 })
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.body {
            Body::Stored(source) => source.read(out)?,
            Body::Deflated(decoder) => decoder.read(out)?,
        };
        self.crc.update(&out[..read]);
        self.produced += read as u64;
        if self.produced > u64::from(u32::MAX) {
            return Err(refused(ArchiveFault::TooLarge));
        }
        Ok(read)
    }

    /// Behind the contents: compares sizes and checksum with what the archive says.
    fn finish(self) -> io::Result<BufReader<R>> {
        let (packed, mut source) = match self.body {
            Body::Stored(taken) => (u64::from(self.header.packed) - taken.limit(), taken.into_inner()),
            Body::Deflated(decoder) => (decoder.total_in(), decoder.into_inner()),
        };
        let (crc, packed, produced) = (self.crc.sum(), packed as u32, self.produced as u32);
        let said = if self.header.flags & LENGTH_BEHIND == 0 {
            (self.header.crc, self.header.packed, self.header.unpacked)
        } else {
            read_descriptor(&mut source)?
        };
        if said != (crc, packed, produced) {
            return Err(damaged());
        }
        Ok(source)
    }
}

/// Checksum, packed and unpacked size: with or without a signature, the sizes of four bytes or of eight.
fn read_descriptor(source: &mut BufReader<impl Read>) -> io::Result<(u32, u32, u32)> {
    let mut first = array::<4>(source)?;
    if first == DESCRIPTOR {
        first = array::<4>(source)?;
    }
    let sizes = array::<8>(source)?;
    let (packed, second) = (u32_at(&sizes, 0), u32_at(&sizes, 4));
    // The upper half of an eight-byte size is zero here; another signature follows a four-byte one.
    let wide = second == 0 && !source.fill_buf()?.starts_with(b"PK");
    let unpacked = if wide { u32_at(&array::<8>(source)?, 0) } else { second };
    Ok((u32::from_le_bytes(first), packed, unpacked))
}

fn array<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn refused(fault: ArchiveFault) -> io::Error {
    io::Error::other(Tripped::Archive(fault))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Tripped::Damaged)
}
