//! Smaller, never larger.

use image::DynamicImage;
use image::imageops::FilterType;

use crate::alpha;

/// The same picture with at most so many pixels on its longer side.
pub fn to_side(mut image: DynamicImage, side_max: u32) -> DynamicImage {
    let (width, height) = fit(image.width(), image.height(), side_max);
    if (width, height) == (image.width(), image.height()) {
        return image;
    }
    if let Some(pixels) = image.as_mut_rgba8() {
        alpha::multiply(pixels);
    }
    let mut image = image.resize_exact(width, height, FilterType::Lanczos3);
    if let Some(pixels) = image.as_mut_rgba8() {
        alpha::divide(pixels);
    }
    image
}

/// Both sides by the same share, rounded, and none to nothing.
fn fit(width: u32, height: u32, side_max: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= side_max {
        return (width, height);
    }
    let scaled = |side: u32| {
        let side = (u64::from(side) * u64::from(side_max) + u64::from(longer) / 2) / u64::from(longer);
        (side as u32).max(1)
    };
    (scaled(width), scaled(height))
}
