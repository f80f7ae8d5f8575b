//! Transparency, which scaling and colours have to agree on.
//!
//! A pixel that nobody sees has a colour too, and scaling would mix it into its neighbours; multiplied with its
//! alpha it counts as little as it is seen.

use image::{DynamicImage, RgbaImage};

/// Leaves alpha out where nothing is transparent, and colour where everything is.
pub fn settle(image: DynamicImage) -> DynamicImage {
    let DynamicImage::ImageRgba8(mut image) = image else { return image };
    if image.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        return DynamicImage::ImageRgba8(image).into_rgb8().into();
    }
    for pixel in image.pixels_mut().filter(|pixel| pixel.0[3] == 0) {
        pixel.0 = [0; 4];
    }
    image.into()
}

/// Multiplies colours with their alpha.
pub fn multiply(image: &mut RgbaImage) {
    for pixel in image.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        pixel.0 = [product(red, alpha), product(green, alpha), product(blue, alpha), alpha];
    }
}

/// Divides colours by their alpha again.
pub fn divide(image: &mut RgbaImage) {
    for pixel in image.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        pixel.0 = [quotient(red, alpha), quotient(green, alpha), quotient(blue, alpha), alpha];
    }
}

fn product(colour: u8, alpha: u8) -> u8 {
    ((u16::from(colour) * u16::from(alpha) + 127) / 255) as u8
}

fn quotient(colour: u8, alpha: u8) -> u8 {
    match alpha {
        0 => 0,
        alpha => {
            let alpha = u16::from(alpha);
            ((u16::from(colour) * 255 + alpha / 2) / alpha).min(255) as u8
        }
    }
}
