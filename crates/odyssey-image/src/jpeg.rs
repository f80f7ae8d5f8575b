//! The markers of a JPEG, without its pixels: how large it is, how many scans it has, whether it has an end.
//!
//! A decoder that is kind to damaged files paints what is missing grey, and one that is kind to many scans
//! passes over all pixels for each of them. Both are seen here before.

use crate::limits::JPEG_SCANS_MAX;
use crate::measure::Size;
use crate::recognise::Source;
use crate::refusal::Refusal;

const UNDECODABLE: Refusal = Refusal::Undecodable { format: Source::Jpeg };
const TRUNCATED: Refusal = Refusal::Truncated { format: Source::Jpeg };

/// Reads from the first marker to the one that ends the picture; what stands behind it is nobody's business.
pub fn survey(bytes: &[u8]) -> Result<Size, Refusal> {
    let mut rest = Markers { bytes, at: 2 };
    let (mut size, mut scans) = (None, 0);
    loop {
        match rest.next_marker().ok_or(TRUNCATED)? {
            // The end.
            0xd9 => return if scans == 0 { Err(UNDECODABLE) } else { size.ok_or(UNDECODABLE) },
            // Restarts, and markers without a segment.
            0xd0..=0xd8 | 0x01 => {}
            // Frames of any coding. Two of them contradict each other.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let segment = rest.segment()?;
                if size.replace(frame_size(segment)?).is_some() {
                    return Err(UNDECODABLE);
                }
            }
            0xda => {
                rest.segment()?;
                scans += 1;
                if scans > JPEG_SCANS_MAX {
                    return Err(UNDECODABLE);
                }
            }
            _ => {
                rest.segment()?;
            }
        }
    }
}

struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Markers<'a> {
    /// The next marker, over the coded pixels before it: in them every 0xff is followed by a zero.
    fn next_marker(&mut self) -> Option<u8> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.iter().position(|byte| *byte == 0xff)? + 1;
            match self.bytes.get(self.at)? {
                // A filling byte begins the marker again.
                0xff => {}
                0x00 => self.at += 1,
                marker => {
                    self.at += 1;
                    return Some(*marker);
                }
            }
        }
    }

    /// What a marker says, its length taken off.
    fn segment(&mut self) -> Result<&'a [u8], Refusal> {
        let length = self.bytes.get(self.at..self.at + 2).ok_or(TRUNCATED)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length < 2 {
            return Err(UNDECODABLE);
        }
        let segment = self.bytes.get(self.at + 2..self.at + length).ok_or(TRUNCATED)?;
        self.at += length;
        Ok(segment)
    }
}

fn frame_size(segment: &[u8]) -> Result<Size, Refusal> {
    match *segment {
        [_, a, b, c, d, ..] => {
            Ok(Size { width: u16::from_be_bytes([c, d]).into(), height: u16::from_be_bytes([a, b]).into() })
        }
        _ => Err(UNDECODABLE),
    }
}
