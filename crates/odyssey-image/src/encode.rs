//! How pictures of ours are written.

use std::fmt;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder as _};
use sha2::{Digest as _, Sha256};

use crate::limits::JPEG_QUALITY;

/// A format that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Baseline, without transparency.
    Jpeg,
    /// Lossless, where something is transparent.
    Webp,
}

impl Format {
    /// What goes into `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The end of a file name, without its dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }
}

/// A picture in one size.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendition {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendition")
            .field("format", &self.format)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Writes grey or three colours as JPEG, and what has alpha as WebP. `None` if an encoder finds fault with it.
pub fn encode(image: &DynamicImage) -> Option<Rendition> {
    let (width, height, kind) = (image.width(), image.height(), image.color().into());
    let mut bytes = Vec::new();
    let (format, written) = match image {
        DynamicImage::ImageRgba8(pixels) => {
            (Format::Webp, WebPEncoder::new_lossless(&mut bytes).write_image(pixels, width, height, kind))
        }
        image => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
            (Format::Jpeg, encoder.write_image(image.as_bytes(), width, height, kind))
        }
    };
    written.ok()?;
    let sha256 = Sha256::digest(&bytes).into();
    Some(Rendition { format, width, height, bytes, sha256 })
}
