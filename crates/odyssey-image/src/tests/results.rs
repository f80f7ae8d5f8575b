use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use sha2::{Digest as _, Sha256};

use super::make::quarters;
use super::{CLEAR, LOSSY_ALPHA, PROGRESSIVE, RED, WHITE, shown, written};
use crate::{Format, convert};

#[test]
fn sides_shrink_together_and_never_grow() {
    for (width, height, picture, thumbnail) in [
        (1, 1, (1, 1), (1, 1)),
        (320, 200, (320, 200), (320, 200)),
        (321, 200, (321, 200), (320, 199)),
        (2_048, 2_048, (2_048, 2_048), (320, 320)),
        (2_049, 1_024, (2_048, 1_024), (320, 160)),
        (4_096, 1_024, (2_048, 512), (320, 80)),
        (1_024, 4_096, (512, 2_048), (80, 320)),
        (10_000, 1, (2_048, 1), (320, 1)),
        (1, 10_000, (1, 2_048), (1, 320)),
    ] {
        let bytes = written(RgbImage::from_pixel(width, height, Rgb([200, 100, 50])), ImageFormat::Png);
        let result = convert(&bytes).expect("a picture");
        assert_eq!((result.picture.width, result.picture.height), picture, "{width} by {height}");
        assert_eq!((result.thumbnail.width, result.thumbnail.height), thumbnail, "{width} by {height}");
    }
}

#[test]
fn the_largest_picture_that_is_taken_is_taken() {
    let image =
        image::GrayImage::from_fn(10_000, 4_000, |x, _| image::Luma([if x < 5_000 { 0 } else { 255 }]));
    let result = convert(&written(image, ImageFormat::Png)).expect("a picture");
    assert_eq!((result.picture.width, result.picture.height), (2_048, 819));
    let shown = shown(&result.thumbnail);
    assert!(shown.get_pixel(80, 60).0[0] < 10 && shown.get_pixel(240, 60).0[0] > 245);
}

#[test]
fn the_same_bytes_make_the_same_bytes() {
    let clear = written(quarters(3_000, 500, [RED, CLEAR, WHITE, [1, 2, 3, 99]]), ImageFormat::Png);
    for bytes in [PROGRESSIVE, LOSSY_ALPHA, &clear] {
        let first = convert(bytes).expect("a picture");
        let again = std::thread::scope(|scope| scope.spawn(|| convert(bytes)).join().expect("no panic"));
        assert_eq!(Ok(&first), again.as_ref());
        for rendition in [&first.picture, &first.thumbnail] {
            assert_eq!(<[u8; 32]>::from(Sha256::digest(&rendition.bytes)), rendition.sha256);
        }
    }
}

#[test]
fn a_picture_of_ours_is_a_picture_again() {
    for bytes in [PROGRESSIVE, LOSSY_ALPHA] {
        let first = convert(bytes).expect("a picture").picture;
        let again = convert(&first.bytes).expect("a picture").picture;
        assert_eq!((first.format, first.width, first.height), (again.format, again.width, again.height));
    }
}

#[test]
fn a_format_names_its_media_type() {
    assert_eq!((Format::Jpeg.media_type(), Format::Jpeg.extension()), ("image/jpeg", "jpg"));
    assert_eq!((Format::Webp.media_type(), Format::Webp.extension()), ("image/webp", "webp"));
}

#[test]
fn a_photograph_keeps_its_look() {
    // Smooth in both directions, as photographs are: scaling must not shift or darken it.
    let image = RgbImage::from_fn(4_000, 3_000, |x, y| Rgb([(x / 16) as u8, (y / 12) as u8, 128]));
    let result = convert(&written(DynamicImage::from(image.clone()), ImageFormat::Png)).expect("a picture");
    let shown = shown(&result.picture);
    for (x, y) in [(100, 100), (1_000, 700), (1_900, 1_400), (2_000, 50)] {
        let [red, green, blue] = image.get_pixel(x * 4_000 / 2_048, y * 3_000 / 1_536).0;
        super::assert_near(shown.get_pixel(x, y).0, [red, green, blue, 255], 4);
    }
}
