//! The parts of a workbook, judged before anybody unpacks them for good.
//!
//! The library that reads workbooks believes what they say about themselves: how many texts there are, how
//! often a style is used. So every part is unpacked here once, to nowhere, and its claims are compared.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

use super::markup::Markup;
use super::zip::{u16_at, u32_at};
use crate::StopReading;
use crate::error::{ReadError, WorkbookFault};
use crate::limits::{
    DECOMPRESSION_RATIO_MAX, RATIO_FREE_BYTES, WORKBOOK_CELLS_MAX, WORKBOOK_CLONED_BYTES_MAX,
    WORKBOOK_LOADED_BYTES_MAX, WORKBOOK_PARTS_MAX, WORKBOOK_TEXT_BYTES_MAX, WORKBOOK_UNPACKED_BYTES_MAX,
};

const CENTRAL_HEADER: &[u8] = b"PK\x01\x02";
const CENTRAL_HEADER_LEN: usize = 46;
const LOCAL_HEADER_LEN: usize = 30;
const END: &[u8] = b"PK\x05\x06";
const END_LEN: usize = 22;
/// An extra field that gives a part another name.
const UNICODE_PATH: u16 = 0x7075;
/// Bytes of a part looked at together.
const WINDOW_BYTES: usize = 64 << 10;
/// Bytes that a word may have which is cut by the end of a window.
const OVERLAP_BYTES: usize = 64;

/// Bytes of the shortest text that a workbook can have: `<si/>`.
const TEXT_BYTES_MIN: u64 = 5;

/// One part, as the directory has it.
struct Part<'a> {
    name: String,
    packed: &'a [u8],
    deflated: bool,
    unpacked: u64,
}

/// What the parts say, added up.
#[derive(Default)]
struct Claims {
    /// Bytes of the styles and of the relations: a sheet or a cell format takes a copy of them, each.
    cloned: u64,
    /// Sheets and cell formats.
    copies: u64,
    /// Texts that the workbook says it has.
    texts: u64,
    /// Bytes of the parts that are held in memory.
    loaded: u64,
}

/// What unpacking a part has shown.
#[derive(Default)]
struct Scanned {
    produced: u64,
    /// It names the rows of a sheet somewhere.
    has_rows: bool,
    markup: Markup,
}

/// What the texts of the cells may come to, each counted wherever it stands: few bytes of references to one long
/// text are a bomb like any other.
pub(super) struct Room {
    bytes: u64,
    /// Why there is no more.
    fault: WorkbookFault,
}

impl Room {
    fn new(packed: u64, unpacked: u64, unpacked_max: u64) -> Self {
        let by_ratio = RATIO_FREE_BYTES.max(packed.saturating_mul(DECOMPRESSION_RATIO_MAX));
        let limits = [
            (WORKBOOK_TEXT_BYTES_MAX as u64, WorkbookFault::TooManyCells { limit: WORKBOOK_CELLS_MAX }),
            (unpacked_max.saturating_sub(unpacked), WorkbookFault::UnpacksTooLarge { limit: unpacked_max }),
            (by_ratio.saturating_sub(unpacked), WorkbookFault::Bomb),
        ];
        let (bytes, fault) =
            limits.into_iter().min_by_key(|(bytes, _)| *bytes).unwrap_or((0, WorkbookFault::Bomb));
        Self { bytes, fault }
    }

    pub fn take(&mut self, bytes: u64) -> Result<(), WorkbookFault> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(self.fault)?;
        Ok(())
    }
}

/// Unpacks every part to nowhere; what it holds or says beyond the limits refuses the workbook. `packed` are the
/// bytes of the file, which may be fewer than those of the workbook in it.
pub(super) fn check(
    bytes: &[u8],
    packed: u64,
    unpacked_max: u64,
    stop: &StopReading,
) -> Result<Room, ReadError> {
    let parts = parts(bytes)?;
    let limit = unpacked_max.min(WORKBOOK_UNPACKED_BYTES_MAX);
    let unpacked = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.unpacked));
    if unpacked > limit {
        return Err(WorkbookFault::UnpacksTooLarge { limit }.into());
    }
    if unpacked > RATIO_FREE_BYTES && unpacked / packed.max(1) > DECOMPRESSION_RATIO_MAX {
        return Err(WorkbookFault::Bomb.into());
    }
    let mut claims = Claims::default();
    for part in &parts {
        claims.take(part, stop)?;
    }
    let texts_fit = claims.texts.saturating_mul(TEXT_BYTES_MIN) <= claims.loaded;
    let copies_fit = claims.copies.saturating_mul(claims.cloned) <= WORKBOOK_CLONED_BYTES_MAX;
    match (texts_fit, copies_fit && claims.loaded <= WORKBOOK_LOADED_BYTES_MAX) {
        (true, true) => Ok(Room::new(packed, unpacked, unpacked_max)),
        (false, _) => Err(WorkbookFault::Bomb.into()),
        (true, false) => Err(WorkbookFault::TooRich.into()),
    }
}

/// The directory, strictly: it ends the file, nothing lies between it and its end, nothing is left open.
fn parts(bytes: &[u8]) -> Result<Vec<Part<'_>>, WorkbookFault> {
    let end_at = bytes.len().checked_sub(END_LEN).ok_or(WorkbookFault::Unreadable)?;
    let end = &bytes[end_at..];
    let count = usize::from(u16_at(end, 10));
    let (size, start) = (u32_at(end, 12) as usize, u32_at(end, 16) as usize);
    let whole = end.starts_with(END)
        && end[4..8] == [0; 4]
        && u16_at(end, 8) == u16_at(end, 10)
        && start.checked_add(size) == Some(end_at);
    if !whole {
        return Err(WorkbookFault::Unreadable);
    }
    if count > WORKBOOK_PARTS_MAX {
        return Err(WorkbookFault::TooRich);
    }
    let mut directory = &bytes[start..end_at];
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        let (part, rest) = part(bytes, directory).ok_or(WorkbookFault::Unreadable)?;
        parts.push(part);
        directory = rest;
    }
    if directory.is_empty() { Ok(parts) } else { Err(WorkbookFault::Unreadable) }
}

/// The first part of the directory, and the rest of it.
fn part<'a>(bytes: &'a [u8], directory: &'a [u8]) -> Option<(Part<'a>, &'a [u8])> {
    let (head, rest) = directory.split_at_checked(CENTRAL_HEADER_LEN)?;
    let (name, rest) = rest.split_at_checked(usize::from(u16_at(head, 28)))?;
    let (extra, rest) = rest.split_at_checked(usize::from(u16_at(head, 30)))?;
    let (_, rest) = rest.split_at_checked(usize::from(u16_at(head, 32)))?;
    let (flags, method) = (u16_at(head, 8), u16_at(head, 10));
    let (packed, unpacked, at) = (u32_at(head, 20), u32_at(head, 24), u32_at(head, 42) as usize);
    let plain = head.starts_with(CENTRAL_HEADER)
        && flags & 1 == 0
        && matches!(method, 0 | 8)
        && ![packed, unpacked].contains(&u32::MAX)
        && !has_field(extra, UNICODE_PATH)
        && name.is_ascii();
    let local =
        bytes.get(at..)?.get(..LOCAL_HEADER_LEN).filter(|local| plain && local.starts_with(b"PK\x03\x04"))?;
    let data = at + LOCAL_HEADER_LEN + usize::from(u16_at(local, 26)) + usize::from(u16_at(local, 28));
    let packed = bytes.get(data..)?.get(..packed as usize)?;
    let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace('\\', "/");
    Some((Part { name, packed, deflated: method == 8, unpacked: u64::from(unpacked) }, rest))
}

fn has_field(mut extra: &[u8], id: u16) -> bool {
    while extra.len() >= 4 {
        if u16_at(extra, 0) == id {
            return true;
        }
        extra = extra.get(4 + usize::from(u16_at(extra, 2))..).unwrap_or_default();
    }
    false
}

impl Claims {
    fn take(&mut self, part: &Part<'_>, stop: &StopReading) -> Result<(), ReadError> {
        let ending = part.name.rsplit('.').next().unwrap_or_default();
        let cloned = ending == "rels" || part.name.ends_with("styles.xml");
        let streamed = part.name.starts_with("xl/worksheets/") || part.name.starts_with("xl/pivotcache/");
        if cloned {
            self.cloned += part.unpacked;
        }
        let scanned = if part.deflated {
            self.scan(DeflateDecoder::new(part.packed).take(part.unpacked + 1), stop)?
        } else {
            self.scan(part.packed, stop)?
        };
        if cloned || ending == "xml" && !streamed || scanned.markup.held {
            self.loaded += part.unpacked;
        }
        // Of what is no markup nobody can say how much of it would be held, nor what it hides.
        let opaque = scanned.markup.opaque;
        match () {
            () if scanned.produced != part.unpacked => Err(WorkbookFault::Unreadable.into()),
            () if opaque && (scanned.has_rows || matches!(ending, "xml" | "rels")) => {
                Err(WorkbookFault::Unreadable.into())
            }
            () if opaque && part.unpacked > WORKBOOK_LOADED_BYTES_MAX => Err(WorkbookFault::TooRich.into()),
            () => Ok(()),
        }
    }

    /// Unpacks a part window by window.
    fn scan(&mut self, mut source: impl Read, stop: &StopReading) -> Result<Scanned, ReadError> {
        let mut window = vec![0; WINDOW_BYTES + OVERLAP_BYTES];
        let (mut kept, mut is_xml) = (0, false);
        let mut scanned = Scanned::default();
        loop {
            stop.check()?;
            let read = source.read(&mut window[kept..]).map_err(|_| WorkbookFault::Unreadable)?;
            scanned.produced += read as u64;
            let end = kept + read;
            if scanned.produced == read as u64 {
                is_xml = begins_xml(&window[..end])?;
                scanned.markup.opaque = !is_xml && end > 0;
            }
            // Neither stands in XML; both could hide a word from this search.
            if is_xml && window[kept..end].iter().any(|byte| matches!(byte, 0 | 0x1b)) {
                return Err(WorkbookFault::Unreadable.into());
            }
            scanned.markup.feed(&window[kept..end])?;
            // A word that begins in the overlap is looked at in the next window.
            let until = if read == 0 { end } else { end.saturating_sub(OVERLAP_BYTES) };
            scanned.has_rows |= self.search(&window[..end], until);
            window.copy_within(until..end, 0);
            kept = end - until;
            if read == 0 {
                return Ok(scanned);
            }
        }
    }

    /// Notes the claims that begin in front of `until`; whether the rows of a sheet do.
    fn search(&mut self, text: &[u8], until: usize) -> bool {
        let is_tag = |rest: &[u8], name: &[u8]| {
            rest.strip_prefix(name).is_some_and(|rest| {
                rest.first().is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'))
            })
        };
        let (mut at, mut has_rows) = (0, false);
        while let Some(found) = text[at..until].iter().position(|b| matches!(b, b'u' | b'x' | b's')) {
            let rest = &text[at + found..];
            self.copies += u64::from(is_tag(rest, b"xf") || is_tag(rest, b"sheet"));
            if let Some(value) = rest.strip_prefix(b"uniqueCount") {
                self.texts = self.texts.max(count_in(value).unwrap_or(u64::MAX));
            }
            has_rows |= rest.starts_with(b"sheetData");
            at += found + 1;
        }
        has_rows
    }
}

/// Whether a part is XML, whatever it is called; in an encoding that cannot be searched it is refused.
fn begins_xml(begin: &[u8]) -> Result<bool, WorkbookFault> {
    if begin.starts_with(&[0xfe, 0xff]) || begin.starts_with(&[0xff, 0xfe]) {
        return Err(WorkbookFault::Unreadable);
    }
    let begin = begin.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(begin);
    let first = begin.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
    // Nothing but space so far: markup may follow.
    Ok(first.map_or(!begin.contains(&0), |first| *first == b'<'))
}

/// The number of `="123"`, however it is quoted; whoever writes it otherwise hides it.
fn count_in(value: &[u8]) -> Option<u64> {
    let value = value.strip_prefix(b"=")?;
    let (quote, value) = value.split_first()?;
    let len = value.iter().position(|byte| byte == quote)?;
    std::str::from_utf8(&value[..len]).ok()?.parse().ok()
}
