//! What the numbers of colours mean: sRGB, as every screen takes them where nothing is said.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::limits::PROFILE_BYTES_MAX;

/// Follows the profile of a picture in three colours. Others stay as they are: those of grey pictures differ little,
/// those of inks speak of numbers that the decoder has turned into red, green and blue already, and one that
/// cannot be read says nothing.
pub fn to_srgb(image: DynamicImage, profile: Option<&[u8]>) -> DynamicImage {
    let layout = match image {
        DynamicImage::ImageRgb8(_) => Layout::Rgb,
        DynamicImage::ImageRgba8(_) => Layout::Rgba,
        _ => return image,
    };
    let profile = profile.filter(|profile| profile.len() <= PROFILE_BYTES_MAX);
    let converted = profile.and_then(|profile| convert(image.as_bytes(), layout, profile));
    let (width, height) = (image.width(), image.height());
    let same_kind = |pixels| match layout {
        Layout::Rgb => image::RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => image::RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    converted.and_then(same_kind).unwrap_or(image)
}

fn convert(pixels: &[u8], layout: Layout, profile: &[u8]) -> Option<Vec<u8>> {
    let from = ColorProfile::new_from_slice(profile).ok()?;
    if from.color_space != DataColorSpace::Rgb {
        return None;
    }
    let to = ColorProfile::new_srgb();
    let transform = from.create_transform_8bit(layout, &to, layout, TransformOptions::default()).ok()?;
    let mut converted = vec![0; pixels.len()];
    transform.transform(pixels, &mut converted).ok()?;
    Some(converted)
}
