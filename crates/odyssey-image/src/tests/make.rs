//! Pictures, and parts of files as their formats write them.

use image::{Rgba, RgbaImage};

/// A picture of four quarters in one colour each.
pub fn quarters(width: u32, height: u32, colours: [[u8; 4]; 4]) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let (right, below) = (x >= width / 2, y >= height / 2);
        Rgba(colours[usize::from(right) + 2 * usize::from(below)])
    })
}

/// A JPEG with segments put in behind its first marker.
pub fn with_segments(jpeg: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    [&jpeg[..2], &segments.concat(), &jpeg[2..]].concat()
}

pub fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("short").to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

/// The notes of a camera that hold nothing but how it was held.
pub fn exif(orientation: u8) -> Vec<u8> {
    // Little-endian; one entry: tag 0x0112, a short, once, its value; no further notes.
    let tiff = [
        &b"II*\0\x08\0\0\0"[..],
        &[1, 0],
        &[0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0],
        &[0, 0, 0, 0],
    ];
    tiff.concat()
}

pub fn exif_segment(orientation: u8) -> Vec<u8> {
    segment(0xe1, &[&b"Exif\0\0"[..], &exif(orientation)].concat())
}

/// A PNG with chunks put in behind its header.
pub fn with_chunks(png: &[u8], chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    // The signature, and a header of 13 bytes with its length, name and checksum.
    let (header, rest) = png.split_at(8 + 25);
    let mut bytes = header.to_vec();
    for (name, content) in chunks {
        bytes.extend(u32::try_from(content.len()).expect("short").to_be_bytes());
        bytes.extend(*name);
        bytes.extend(content);
        bytes.extend(crc32(&[&name[..], content].concat()).to_be_bytes());
    }
    bytes.extend(rest);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

/// A WebP of chunks.
pub fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut content = b"WEBP".to_vec();
    for (name, chunk) in chunks {
        content.extend(*name);
        content.extend(u32::try_from(chunk.len()).expect("short").to_le_bytes());
        content.extend(chunk);
        content.extend(std::iter::repeat_n(0, chunk.len() % 2));
    }
    [&b"RIFF"[..], &u32::try_from(content.len()).expect("short").to_le_bytes(), &content].concat()
}

/// The chunk of a WebP that tells its canvas, with all its flags up but that of an animation.
pub fn canvas(width: u32, height: u32, flags: u8) -> (&'static [u8; 4], Vec<u8>) {
    let (width, height) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
    (b"VP8X", [&[flags, 0, 0, 0], &width[..3], &height[..3]].concat())
}
