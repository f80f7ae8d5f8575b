use image::ImageFormat;

use super::make::{canvas, quarters, segment, webp, with_segments};
use super::{PROGRESSIVE, RED, written};
use crate::limits::BYTES_MAX;
use crate::{Refusal, Source, Unsupported, convert};

#[test]
fn known_formats_that_are_not_read_are_refused_by_name() {
    let table: [(&[u8], Unsupported); 25] = [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", Unsupported::Svg),
        (b"\xef\xbb\xbf  \n<?xml version='1.0'?><!-- a --><SVG/>", Unsupported::Svg),
        (b"<?xml version='1.0'?><s:svg xmlns:s='x'/>", Unsupported::Svg),
        (b"<!DOCTYPE html><html></html>", Unsupported::Html),
        (b"\n\n<!-- a --><html><body><svg/></body></html>", Unsupported::Html),
        (b"%PDF-1.7\n", Unsupported::Pdf),
        (b"\n%PDF-1.7\n", Unsupported::Pdf),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Unsupported::Heic),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Unsupported::Heic),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", Unsupported::Avif),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", Unsupported::Avif),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", Unsupported::Video),
        (b"\xff\xff\xff\xffftypqt  ", Unsupported::Video),
        (b"\xff\x0a\0\0", Unsupported::JpegXl),
        (b"\0\0\0\x0cJXL \r\n\x87\n", Unsupported::JpegXl),
        (b"\0\0\0\x0cjP  \r\n\x87\n", Unsupported::Jpeg2000),
        (b"II*\0\x08\0\0\0", Unsupported::Tiff),
        (b"MM\0*\0\0\0\x08", Unsupported::Tiff),
        (b"BM\0\0\0\0", Unsupported::Bmp),
        (b"\0\0\x01\0\x01\0", Unsupported::Icon),
        (b"8BPS\0\x01", Unsupported::Photoshop),
        (b"%!PS-Adobe-3.0", Unsupported::PostScript),
        (b"PK\x03\x04", Unsupported::Archive),
        (b"\x1f\x8b\x08", Unsupported::Archive),
        (b"\x1a\x45\xdf\xa3", Unsupported::Video),
    ];
    for (bytes, kind) in table {
        assert_eq!(convert(bytes), Err(Refusal::Unsupported(kind)), "{}", bytes.escape_ascii());
    }
    assert_eq!(
        Refusal::Unsupported(Unsupported::Svg).to_string(),
        "this is an SVG: it is a drawing that may carry programs, export it as PNG"
    );
}

#[test]
fn what_is_no_picture_at_all_is_unknown() {
    for bytes in [
        &b"hello"[..],
        b"{}",
        b"\0",
        b"<",
        b"<a>",
        b"GIF",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x08ftyp",
        b"\x89PNG",
    ] {
        let refusal = convert(bytes).expect_err("no picture");
        let expected = [Refusal::Unknown, Refusal::Unsupported(Unsupported::Video)];
        assert!(expected.contains(&refusal), "{}: {refusal}", bytes.escape_ascii());
    }
    assert_eq!(convert(b""), Err(Refusal::Empty));
    assert_eq!(convert(&vec![0; BYTES_MAX + 1]), Err(Refusal::BytesTooMany { bytes: BYTES_MAX + 1 }));
}

/// A PNG that claims a size. Nothing behind its header need be there.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = written(quarters(1, 1, [RED; 4]), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    bytes
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[0, 0, 0, 0x3b]].concat()
}

/// A JPEG of one frame and one scan without pixels.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let parts =
        [vec![0xff, 0xd8], segment(0xc0, &frame), segment(0xda, &[1, 1, 0, 0, 63, 0]), vec![0xff, 0xd9]];
    parts.concat()
}

#[test]
fn size_is_refused_before_anything_is_decoded() {
    let long = |width, height| Refusal::SideTooLong { width, height };
    let many = |width, height, pixels_max| Refusal::PixelsTooMany { width, height, pixels_max };
    for (bytes, refusal) in [
        (png(60_000, 60_000), long(60_000, 60_000)),
        (png(u32::MAX, u32::MAX), long(u32::MAX, u32::MAX)),
        (png(1, 10_001), long(1, 10_001)),
        (png(10_000, 4_001), many(10_000, 4_001, 40_000_000)),
        (jpeg(65_535, 65_535), long(65_535, 65_535)),
        (jpeg(6_400, 6_400), many(6_400, 6_400, 40_000_000)),
        (gif(65_535, 1), long(65_535, 1)),
        (gif(5_000, 2_501), many(5_000, 2_501, 12_500_000)),
        (webp(&[canvas(16_384, 1, 0)]), long(16_384, 1)),
        (webp(&[canvas(1 << 24, 1 << 24, 0)]), long(1 << 24, 1 << 24)),
        (webp(&[canvas(10_000, 10_000, 0)]), many(10_000, 10_000, 40_000_000)),
    ] {
        assert_eq!(convert(&bytes), Err(refusal));
    }
    for (bytes, format) in [
        (png(0, 5), Source::Png),
        (jpeg(5, 0), Source::Jpeg),
        (jpeg(0, 5), Source::Jpeg),
        (gif(0, 5), Source::Gif),
    ] {
        assert_eq!(convert(&bytes), Err(Refusal::Undecodable { format }));
    }
}

#[test]
fn a_picture_within_the_limits_may_still_take_too_much_memory() {
    // 36 million pixels of four colours with 16 bits each: 288 MB.
    let mut bytes = png(6_000, 6_000);
    // The depth and the kind of colours, and the checksum of the header that they are part of.
    bytes[24..26].copy_from_slice(&[16, 6]);
    let fixed = super::make::with_chunks(&bytes[..33], &[]);
    let header = super::make::with_chunks(&bytes[..33], &[(b"IHDR", bytes[16..29].to_vec())]);
    let bytes = [&fixed[..8], &header[33..], &bytes[33..]].concat();
    assert_eq!(convert(&bytes), Err(Refusal::MemoryTooMuch));
}

#[test]
fn a_file_that_ends_too_early_says_so() {
    let image = quarters(64, 64, [RED; 4]);
    let jpeg = written(image::DynamicImage::from(image.clone()).to_rgb8(), ImageFormat::Jpeg);
    for cut in 4..jpeg.len() - 1 {
        assert_eq!(convert(&jpeg[..cut]), Err(Refusal::Truncated { format: Source::Jpeg }), "after {cut}");
    }
    for cut in 4..PROGRESSIVE.len() - 1 {
        assert_eq!(
            convert(&PROGRESSIVE[..cut]),
            Err(Refusal::Truncated { format: Source::Jpeg }),
            "after {cut}"
        );
    }
    for (format, codes) in [
        (ImageFormat::Png, ["picture-truncated", "picture-undecodable"]),
        (ImageFormat::WebP, ["picture-truncated", "picture-undecodable"]),
        (ImageFormat::Gif, ["picture-truncated", "picture-undecodable"]),
    ] {
        let bytes = written(image.clone(), format);
        for share in 1..8 {
            let refusal = convert(&bytes[..bytes.len() * share / 8]).expect_err("a part is no picture");
            let codes = [&codes[..], &["picture-format-unknown"]].concat();
            assert!(codes.contains(&refusal.code()), "{format:?} cut at {share}/8: {refusal}");
        }
    }
}

#[test]
fn a_jpeg_of_endless_scans_is_refused() {
    let end = PROGRESSIVE.len() - 2;
    let scan = segment(0xda, &[1, 1, 0, 0, 0, 0]);
    let scans = |count: usize| [&PROGRESSIVE[..end], &scan.repeat(count), &PROGRESSIVE[end..]].concat();
    assert_eq!(convert(&scans(100)), Err(Refusal::Undecodable { format: Source::Jpeg }));
    // Two frames are two pictures that contradict each other.
    let frame = segment(0xc0, &[8, 0, 32, 0, 48, 1, 1, 0x11, 0]);
    assert_eq!(
        convert(&with_segments(PROGRESSIVE, &[frame])),
        Err(Refusal::Undecodable { format: Source::Jpeg })
    );
}

#[test]
fn every_refusal_has_a_remedy() {
    let (format, side) = (Source::Gif, 20_000);
    for refusal in [
        Refusal::Empty,
        Refusal::BytesTooMany { bytes: 1 },
        Refusal::Unknown,
        Refusal::SideTooLong { width: side, height: side },
        Refusal::PixelsTooMany { width: side, height: side, pixels_max: 1 },
        Refusal::MemoryTooMuch,
        Refusal::Truncated { format },
        Refusal::Undecodable { format },
    ] {
        let text = refusal.to_string();
        assert!(["export it", "send"].iter().any(|word| text.contains(word)), "{text}");
        assert!(refusal.code().starts_with("picture-"));
    }
}
