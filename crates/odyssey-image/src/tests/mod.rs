mod formats;
mod hostile;
mod make;
mod refusals;
mod results;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbaImage};

use crate::{Format, Picture, Rendition, convert};

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const WHITE: [u8; 4] = [255, 255, 255, 255];
const CLEAR: [u8; 4] = [0, 0, 0, 0];

const PROGRESSIVE: &[u8] = include_bytes!("data/progressive.jpg");
const CMYK: &[u8] = include_bytes!("data/cmyk.jpg");
const YCCK: &[u8] = include_bytes!("data/ycck.jpg");
const LOSSY: &[u8] = include_bytes!("data/lossy.webp");
const LOSSY_ALPHA: &[u8] = include_bytes!("data/lossy_alpha.webp");
const ANIMATED: [&[u8]; 3] = [
    include_bytes!("data/animated.gif"),
    include_bytes!("data/animated.png"),
    include_bytes!("data/animated.webp"),
];

/// What a browser would show.
fn shown(rendition: &Rendition) -> RgbaImage {
    let format = match rendition.format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
    };
    let image = image::load_from_memory_with_format(&rendition.bytes, format).expect("ours can be read");
    assert_eq!((image.width(), image.height()), (rendition.width, rendition.height));
    image.into_rgba8()
}

/// Converts, and compares the middle of each quarter of the picture.
fn check(bytes: &[u8], quarters: [[u8; 4]; 4]) -> Picture {
    let picture = convert(bytes).expect("a picture");
    let image = shown(&picture.picture);
    for (index, expected) in quarters.into_iter().enumerate() {
        let (x, y) = (2 * (index as u32 % 2) + 1, 2 * (index as u32 / 2) + 1);
        let found = image.get_pixel(x * image.width() / 4, y * image.height() / 4).0;
        assert_near(found, expected, 6);
    }
    picture
}

fn assert_near(found: [u8; 4], expected: [u8; 4], by: u8) {
    let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= by);
    assert!(near, "{found:?} where {expected:?} is expected");
}

fn written(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.into().write_to(&mut Cursor::new(&mut bytes), format).expect("written");
    bytes
}
