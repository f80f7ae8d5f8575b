//! The chunks of a WebP, without their pixels: the size of the canvas, and that no frame is larger.
//!
//! A frame says its size once more than the canvas does, and a decoder may believe the frame first.

use crate::measure::Size;
use crate::recognise::Source;
use crate::refusal::Refusal;

const UNDECODABLE: Refusal = Refusal::Undecodable { format: Source::Webp };
const TRUNCATED: Refusal = Refusal::Truncated { format: Source::Webp };

/// Bytes of a frame of an animation before its chunks: place, size, time and flags.
const FRAME_HEADER_BYTES: usize = 16;

/// The size of the canvas, which the first chunk tells.
pub fn survey(bytes: &[u8]) -> Result<Size, Refusal> {
    let chunks = Chunks { rest: bytes.get(12..).ok_or(TRUNCATED)? };
    let mut canvas = None;
    for (name, content) in chunks {
        if name == *b"ANMF" {
            let inner = Chunks { rest: content.get(FRAME_HEADER_BYTES..).ok_or(UNDECODABLE)? };
            for (name, content) in inner {
                canvas = Some(check(canvas, name, content)?);
            }
        } else {
            canvas = Some(check(canvas, name, content)?);
        }
    }
    canvas.ok_or(TRUNCATED)
}

/// The first size is that of the canvas; every other must fit into it.
fn check(canvas: Option<Size>, name: [u8; 4], content: &[u8]) -> Result<Size, Refusal> {
    let size = match &name {
        b"VP8X" => extended(content),
        b"VP8L" => lossless(content),
        b"VP8 " => lossy(content),
        _ => return canvas.ok_or(UNDECODABLE),
    };
    let size = size.ok_or(UNDECODABLE)?;
    match canvas {
        None => Ok(size),
        Some(canvas) if size.fits_into(canvas) => Ok(canvas),
        Some(_) => Err(UNDECODABLE),
    }
}

/// Flags, then both sides less one in three bytes each.
fn extended(content: &[u8]) -> Option<Size> {
    let side = |at: usize| {
        let bytes = content.get(at..at + 3)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1)
    };
    Some(Size { width: side(4)?, height: side(7)? })
}

/// A sign, then both sides less one in 14 bits each.
fn lossless(content: &[u8]) -> Option<Size> {
    match *content {
        [0x2f, a, b, c, d, ..] => {
            let bits = u32::from_le_bytes([a, b, c, d]);
            Some(Size { width: (bits & 0x3fff) + 1, height: (bits >> 14 & 0x3fff) + 1 })
        }
        _ => None,
    }
}

/// A tag, a sign, then both sides in 14 bits each with two bits of scaling above them.
fn lossy(content: &[u8]) -> Option<Size> {
    match *content {
        [_, _, _, 0x9d, 0x01, 0x2a, a, b, c, d, ..] => Some(Size {
            width: (u16::from_le_bytes([a, b]) & 0x3fff).into(),
            height: (u16::from_le_bytes([c, d]) & 0x3fff).into(),
        }),
        _ => None,
    }
}

/// Name and content of each chunk; a last one that is cut off ends with the bytes.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = &rest[..length.min(rest.len())];
        // Chunks of an odd length are filled up with one byte.
        self.rest = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some((*name, content))
    }
}
