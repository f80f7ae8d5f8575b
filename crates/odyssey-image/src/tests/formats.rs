use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder as _, ImageFormat, Rgb, RgbaImage};

use super::make::{canvas, exif, exif_segment, quarters, webp, with_chunks, with_segments};
use super::{
    ANIMATED, BLUE, CLEAR, CMYK, GREEN, LOSSY, LOSSY_ALPHA, PROGRESSIVE, RED, WHITE, YCCK, assert_near,
    check, shown, written,
};
use crate::{Format, Source, convert};

const BLACK: [u8; 4] = [0, 0, 0, 255];
const COLOURS: [[u8; 4]; 4] = [RED, GREEN, BLUE, WHITE];

#[test]
fn the_four_formats_are_read_by_their_content() {
    let image = DynamicImage::from(quarters(48, 32, COLOURS));
    for (format, source) in [
        (ImageFormat::Jpeg, Source::Jpeg),
        (ImageFormat::Png, Source::Png),
        (ImageFormat::WebP, Source::Webp),
        (ImageFormat::Gif, Source::Gif),
    ] {
        let image = if format == ImageFormat::Jpeg { image.to_rgb8().into() } else { image.clone() };
        let picture = check(&written(image, format), COLOURS);
        assert_eq!((picture.source, picture.picture.format), (source, Format::Jpeg));
    }
}

#[test]
fn a_progressive_jpeg_and_a_lossy_webp_are_read() {
    assert_eq!(check(PROGRESSIVE, COLOURS).source, Source::Jpeg);
    assert_eq!(check(LOSSY, COLOURS).source, Source::Webp);
}

#[test]
fn a_jpeg_of_inks_becomes_one_of_light() {
    let inks = [[0, 255, 255, 255], [255, 0, 255, 255], [255, 255, 0, 255], BLACK];
    check(CMYK, inks);
    check(YCCK, inks);
}

#[test]
fn the_first_frame_of_an_animation_is_the_picture() {
    for (bytes, source) in ANIMATED.into_iter().zip([Source::Gif, Source::Png, Source::Webp]) {
        let picture = check(bytes, [RED; 4]);
        assert_eq!((picture.source, picture.picture.width, picture.picture.height), (source, 48, 32));
    }
}

#[test]
fn a_first_frame_smaller_than_its_canvas_stays_at_its_place() {
    let mut gif = written(quarters(24, 16, [RED; 4]), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[48, 0, 32, 0]);
    // The frame says its place behind the extension of eight bytes that says its time.
    let frame = gif.windows(3).position(|part| part == b"!\xf9\x04").expect("written") + 8;
    assert_eq!(gif[frame], b',');
    gif[frame + 1..frame + 5].copy_from_slice(&[24, 0, 16, 0]);
    check(&gif, [CLEAR, CLEAR, CLEAR, RED]);
}

#[test]
fn sixteen_bits_a_colour_become_eight() {
    let values = |colour: [u8; 4]| colour.map(|value| u16::from(value) * 257);
    let wide = image::ImageBuffer::from_fn(48, 32, |x, _| {
        image::Rgba(values(if x < 24 { RED } else { [9, 99, 200, 255] }))
    });
    let wide = DynamicImage::ImageRgba16(wide);
    let colours = [RED, [9, 99, 200, 255], RED, [9, 99, 200, 255]];
    check(&written(wide.clone(), ImageFormat::Png), colours);
    check(&written(DynamicImage::ImageRgb16(wide.to_rgb16()), ImageFormat::Png), colours);
    let grey = written(DynamicImage::ImageLuma16(wide.to_luma16()), ImageFormat::Png);
    let grey = shown(&convert(&grey).expect("a picture").picture);
    assert_near(grey.get_pixel(4, 4).0, [54, 54, 54, 255], 4);
    let half = image::ImageBuffer::from_pixel(48, 32, image::LumaA([0x8000_u16, 0x8000]));
    check(&written(DynamicImage::ImageLumaA16(half), ImageFormat::Png), [[128, 128, 128, 128]; 4]);
}

#[test]
fn grey_stays_grey() {
    let grey = DynamicImage::from(quarters(48, 32, [BLACK, [90, 90, 90, 255], WHITE, BLACK])).to_luma8();
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let picture = check(&written(grey.clone(), format), [BLACK, [90, 90, 90, 255], WHITE, BLACK]);
        let read = image::load_from_memory(&picture.picture.bytes).expect("read");
        assert!(matches!(read, DynamicImage::ImageLuma8(_)), "{:?}", read.color());
    }
}

#[test]
fn what_is_transparent_stays_so_and_is_written_without_loss() {
    let colours = [RED, [10, 20, 30, 128], [1, 2, 3, 77], CLEAR];
    let picture = convert(&written(quarters(48, 32, colours), ImageFormat::Png)).expect("a picture");
    assert_eq!((picture.picture.format, picture.thumbnail.format), (Format::Webp, Format::Webp));
    let image = shown(&picture.picture);
    for (at, colour) in [(4, 4), (40, 4), (4, 28), (40, 28)].into_iter().zip(colours) {
        assert_eq!(image.get_pixel(at.0, at.1).0, colour);
    }
    check(LOSSY_ALPHA, [RED, GREEN, [0, 0, 255, 128], CLEAR]);
}

#[test]
fn a_picture_that_could_be_transparent_and_is_not_becomes_a_jpeg() {
    let picture = check(&written(quarters(48, 32, COLOURS), ImageFormat::Png), COLOURS);
    assert_eq!((picture.picture.format, picture.thumbnail.format), (Format::Jpeg, Format::Jpeg));
}

/// What a viewer shows for each value of the note, of a picture stored as red, green / blue, white.
const UPRIGHT: [[[u8; 4]; 4]; 8] = [
    [RED, GREEN, BLUE, WHITE],
    [GREEN, RED, WHITE, BLUE],
    [WHITE, BLUE, GREEN, RED],
    [BLUE, WHITE, RED, GREEN],
    [RED, BLUE, GREEN, WHITE],
    [BLUE, RED, WHITE, GREEN],
    [WHITE, GREEN, BLUE, RED],
    [GREEN, WHITE, RED, BLUE],
];

#[test]
fn a_picture_is_turned_upright_in_every_format_that_notes_how() {
    let stored = DynamicImage::from(quarters(48, 32, COLOURS)).to_rgb8();
    let jpeg = written(stored.clone(), ImageFormat::Jpeg);
    let png = written(stored.clone(), ImageFormat::Png);
    let lossless = written(stored, ImageFormat::WebP);
    for (note, upright) in (1..=8).zip(UPRIGHT) {
        let webp = webp(&[canvas(48, 32, 0x08), (b"VP8L", lossless[20..].to_vec()), (b"EXIF", exif(note))]);
        for bytes in
            [with_segments(&jpeg, &[exif_segment(note)]), with_chunks(&png, &[(b"eXIf", exif(note))]), webp]
        {
            let picture = check(&bytes, upright);
            let size = (picture.picture.width, picture.picture.height);
            assert_eq!(size, if note < 5 { (48, 32) } else { (32, 48) }, "note {note}");
        }
    }
    for nonsense in [0, 9, 255] {
        check(&with_segments(&jpeg, &[exif_segment(nonsense)]), COLOURS);
    }
}

#[test]
fn a_large_picture_is_scaled_and_then_turned() {
    let stored = DynamicImage::from(quarters(3_000, 1_500, COLOURS)).to_rgb8();
    let bytes = with_segments(&written(stored, ImageFormat::Jpeg), &[exif_segment(6)]);
    let picture = check(&bytes, UPRIGHT[5]);
    assert_eq!((picture.picture.width, picture.picture.height), (1_024, 2_048));
    assert_eq!((picture.thumbnail.width, picture.thumbnail.height), (160, 320));
}

/// The curve of sRGB and the matrix from the colours of Display P3, as their standards give them.
fn from_p3(colour: [f64; 3]) -> [u8; 4] {
    let linear = colour.map(|value| {
        let value = value / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let rows = [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]];
    let back = rows.map(|row| {
        let value: f64 = row.iter().zip(linear).map(|(a, b)| a * b).sum();
        let value = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (value.clamp(0.0, 1.0) * 255.0).round() as u8
    });
    [back[0], back[1], back[2], 255]
}

fn png_with_profile(image: &image::RgbImage, profile: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(Cursor::new(&mut bytes));
    encoder.set_icc_profile(profile).expect("taken");
    encoder
        .write_image(image, image.width(), image.height(), image::ExtendedColorType::Rgb8)
        .expect("written");
    bytes
}

#[test]
fn the_profile_of_a_picture_is_followed() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().expect("written");
    let image = image::RgbImage::from_pixel(48, 32, Rgb([200, 100, 50]));
    let expected = from_p3([200.0, 100.0, 50.0]);
    assert!(expected[0] > 210, "the profile makes a difference: {expected:?}");
    check(&png_with_profile(&image, profile), [expected; 4]);
}

#[test]
fn a_profile_that_says_nothing_changes_nothing() {
    let image = image::RgbImage::from_pixel(48, 32, Rgb([200, 100, 50]));
    let srgb = moxcms::ColorProfile::new_srgb().encode().expect("written");
    let cut = srgb[..srgb.len() / 2].to_vec();
    let inks = {
        let mut profile = srgb.clone();
        profile[16..20].copy_from_slice(b"CMYK");
        profile
    };
    for profile in [srgb, cut, inks, b"nonsense".to_vec(), vec![0; 2 << 20]] {
        check(&png_with_profile(&image, profile), [[200, 100, 50, 255]; 4]);
    }
}

#[test]
fn what_nobody_sees_does_not_bleed_into_what_they_see() {
    // White on transparent green: scaled without regard to alpha, the edge of white turns green.
    let image =
        RgbaImage::from_fn(4_096, 64, |x, _| image::Rgba(if x % 4 < 2 { WHITE } else { [0, 255, 0, 0] }));
    let picture = convert(&written(image, ImageFormat::Png)).expect("a picture");
    for rendition in [&picture.picture, &picture.thumbnail] {
        for pixel in shown(rendition).pixels().filter(|pixel| pixel.0[3] > 16) {
            assert_near([pixel.0[0], pixel.0[1], pixel.0[2], 255], WHITE, 12);
        }
    }
}
