//! Every limit of this crate, with its unit and its reason.

/// Bytes of what is converted: 20 MiB, twice what a camera makes of 24 million pixels.
pub const BYTES_MAX: usize = 20 << 20;
/// Pixels of either side of what is converted.
pub const SIDE_MAX: u32 = 10_000;
/// Pixels of what is converted. They take 160 MB when decoded.
pub const PIXELS_MAX: u64 = 40_000_000;
/// Pixels of a GIF, whose decoder holds no more than 50 MB of them.
pub const GIF_PIXELS_MAX: u64 = 12_500_000;
/// Bytes that a decoded picture may take: the pixels above with 8 bits of four colours, or 16 bits of three.
pub const DECODED_BYTES_MAX: u64 = 256 << 20;
/// Scans of one JPEG. Programs write about 10; each one more is another pass over all pixels, a tenth of a second
/// where there are many.
pub const JPEG_SCANS_MAX: usize = 32;
/// Bytes of a colour profile that is followed. Those of cameras and screens have under 4 KiB, with tables 500 KiB.
pub const PROFILE_BYTES_MAX: usize = 1 << 20;
/// Bytes at the beginning that are searched for what a text is.
pub const TEXT_BYTES_MAX: usize = 4 << 10;

/// Pixels of the longer side of a picture of ours: sharp on a screen of today.
pub const PICTURE_SIDE_MAX: u32 = 2_048;
/// Pixels of the longer side of a thumbnail: a card in a list, on a screen of twice the density.
pub const THUMBNAIL_SIDE_MAX: u32 = 320;
/// Quality of our JPEGs, from 1 to 100.
pub const JPEG_QUALITY: u8 = 85;
