//! The size of a picture by its header, before any decoder sees it.

use crate::jpeg;
use crate::limits::{GIF_PIXELS_MAX, PIXELS_MAX, SIDE_MAX};
use crate::recognise::Source;
use crate::refusal::Refusal;
use crate::webp;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub fn fits_into(self, other: Self) -> bool {
        self.width <= other.width && self.height <= other.height
    }
}

/// Refuses what is larger than is taken, or has no size at all.
pub fn measure(source: Source, bytes: &[u8]) -> Result<Size, Refusal> {
    let (size, pixels_max) = match source {
        Source::Jpeg => (jpeg::survey(bytes)?, PIXELS_MAX),
        Source::Png => (png(bytes)?, PIXELS_MAX),
        Source::Webp => (webp::survey(bytes)?, PIXELS_MAX),
        Source::Gif => (gif(bytes)?, GIF_PIXELS_MAX),
    };
    let Size { width, height } = size;
    if width == 0 || height == 0 {
        return Err(Refusal::Undecodable { format: source });
    }
    if width > SIDE_MAX || height > SIDE_MAX {
        return Err(Refusal::SideTooLong { width, height });
    }
    if u64::from(width) * u64::from(height) > pixels_max {
        return Err(Refusal::PixelsTooMany { width, height, pixels_max });
    }
    Ok(size)
}

fn png(bytes: &[u8]) -> Result<Size, Refusal> {
    // The signature, the length of the first chunk, and that chunk.
    let header = bytes.get(12..24).ok_or(Refusal::Truncated { format: Source::Png })?;
    let side = |at: usize| header.get(at..)?.first_chunk().copied().map(u32::from_be_bytes);
    match (header.starts_with(b"IHDR"), side(4), side(8)) {
        (true, Some(width), Some(height)) => Ok(Size { width, height }),
        _ => Err(Refusal::Undecodable { format: Source::Png }),
    }
}

fn gif(bytes: &[u8]) -> Result<Size, Refusal> {
    let side = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes);
    match (side(6), side(8)) {
        (Some(width), Some(height)) => Ok(Size { width: width.into(), height: height.into() }),
        _ => Err(Refusal::Truncated { format: Source::Gif }),
    }
}
