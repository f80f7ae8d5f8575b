//! Pictures of strangers in, pictures of ours out.
//!
//! Owns: which formats are read, every limit on a picture, how ours are written.
//! Promises: pure, bounded memory and time, no panic on any bytes; what comes out holds pixels and nothing
//! else that came in: no metadata, no colour profile, no second picture, no bytes behind the end, no colour
//! under what is transparent. The same build makes the same bytes of the same bytes.
//! Emits: a picture and its thumbnail, each with its size and SHA-256.
//! Never: goes by a name or a content type, does IO, reads a second frame, draws SVG.
//!
//! ```text
//! recognise → measure → decode one frame → 8 bits → scale → turn upright → sRGB → JPEG or WebP → SHA-256
//! ```
//!
//! The largest pictures take 300 to 450 MB and one to three seconds of a core, made to be slow up to ten: a caller
//! bounds how many are converted at once, off the threads that serve.

pub mod limits;

mod alpha;
mod colour;
mod decode;
mod encode;
mod jpeg;
mod measure;
mod recognise;
mod refusal;
mod scale;
mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::DynamicImage;

pub use encode::{Format, Rendition};
pub use recognise::{Source, Unsupported};
pub use refusal::Refusal;

use limits::{BYTES_MAX, PICTURE_SIDE_MAX, THUMBNAIL_SIDE_MAX};

/// A picture as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What the bytes were.
    pub source: Source,
    /// At most 2,048 pixels on its longer side.
    pub picture: Rendition,
    /// At most 320 pixels on its longer side.
    pub thumbnail: Rendition,
}

/// Makes a picture of ours from the bytes of a stranger.
pub fn convert(bytes: &[u8]) -> Result<Picture, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if bytes.len() > BYTES_MAX {
        return Err(Refusal::BytesTooMany { bytes: bytes.len() });
    }
    let source = recognise::recognise(bytes)?;
    measure::measure(source, bytes)?;
    without_panic(source, || redraw(source, bytes))
}

/// A decoder that panics has met bytes it does not understand. Nothing it was working on is looked at again.
fn without_panic<T>(source: Source, work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Refusal::Undecodable { format: source }))
}

fn redraw(source: Source, bytes: &[u8]) -> Result<Picture, Refusal> {
    let decoded = decode::decode(source, bytes)?;
    let picture = scale::to_side(decoded.image, PICTURE_SIDE_MAX);
    let thumbnail = scale::to_side(picture.clone(), THUMBNAIL_SIDE_MAX);
    let finish = |mut image: DynamicImage| {
        image.apply_orientation(decoded.orientation);
        let image = colour::to_srgb(image, decoded.profile.as_deref());
        encode::encode(&image).ok_or(Refusal::Undecodable { format: source })
    };
    Ok(Picture { source, picture: finish(picture)?, thumbnail: finish(thumbnail)? })
}

#[cfg(test)]
mod tests;
