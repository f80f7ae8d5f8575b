//! From bytes to the pixels of one frame.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageResult, Limits};

use crate::alpha;
use crate::limits::{DECODED_BYTES_MAX, SIDE_MAX};
use crate::recognise::Source;
use crate::refusal::Refusal;

/// One frame, with 8 bits a colour: grey, or three colours, or three colours and alpha.
pub struct Decoded {
    pub image: DynamicImage,
    /// How to turn the picture upright.
    pub orientation: Orientation,
    /// What the numbers of its colours mean.
    pub profile: Option<Vec<u8>>,
}

/// The still picture of a file: of an animation its first frame, of a file of several pictures the first.
pub fn decode(source: Source, bytes: &[u8]) -> Result<Decoded, Refusal> {
    let cursor = Cursor::new(bytes);
    let decoded = match source {
        Source::Jpeg => JpegDecoder::new(cursor).and_then(frame),
        Source::Png => PngDecoder::with_limits(cursor, limits()).and_then(frame),
        Source::Webp => WebPDecoder::new(cursor).and_then(frame),
        Source::Gif => GifDecoder::new(cursor).and_then(frame),
    };
    decoded.map_err(|error| refusal(source, &error))
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    limits
}

fn frame(mut decoder: impl ImageDecoder) -> ImageResult<Decoded> {
    let mut limits = limits();
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    // Notes that cannot be read are notes that are not there.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let image = alpha::settle(eight_bits(DynamicImage::from_decoder(decoder)?));
    Ok(Decoded { image, orientation, profile })
}

/// Pictures keep their kind; what has more bits, or alpha beside grey, is brought to one of three kinds.
fn eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => image,
        DynamicImage::ImageLuma16(_) => image.into_luma8().into(),
        image if image.color().has_alpha() => image.into_rgba8().into(),
        image => image.into_rgb8().into(),
    }
}

fn refusal(source: Source, error: &ImageError) -> Refusal {
    match error {
        ImageError::Limits(_) => Refusal::MemoryTooMuch,
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Refusal::Truncated { format: source }
        }
        _ => Refusal::Undecodable { format: source },
    }
}
