//! What bytes are, by their first few.

use crate::limits::TEXT_BYTES_MAX;
use crate::refusal::Refusal;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    Jpeg,
    Png,
    Webp,
    Gif,
}

impl Source {
    /// The name for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
        }
    }
}

/// A format that is known and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unsupported {
    Svg,
    Heic,
    Avif,
    JpegXl,
    Jpeg2000,
    Tiff,
    Bmp,
    Icon,
    Photoshop,
    Pdf,
    PostScript,
    Html,
    Archive,
    Video,
}

impl Unsupported {
    /// The name for a person, with its article.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Svg => "an SVG",
            Self::Heic => "a HEIC",
            Self::Avif => "an AVIF",
            Self::JpegXl => "a JPEG XL",
            Self::Jpeg2000 => "a JPEG 2000",
            Self::Tiff => "a TIFF",
            Self::Bmp => "a BMP",
            Self::Icon => "an icon",
            Self::Photoshop => "a Photoshop file",
            Self::Pdf => "a PDF",
            Self::PostScript => "a PostScript file",
            Self::Html => "a web page",
            Self::Archive => "an archive",
            Self::Video => "a video",
        }
    }

    /// What a person can do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Svg => "it is a drawing that may carry programs, export it as PNG",
            Self::Heic => "export it as JPEG, or set the camera of the phone to `most compatible`",
            Self::Avif | Self::JpegXl | Self::Jpeg2000 | Self::Tiff | Self::Bmp | Self::Icon => {
                "export it as JPEG, PNG or WebP"
            }
            Self::Photoshop | Self::PostScript => "export it as JPEG or PNG",
            Self::Pdf => "take the picture out of the document and send it as JPEG or PNG",
            Self::Html => "use the address of the picture itself, not of the page that shows it",
            Self::Archive => "unpack it and send the picture",
            Self::Video => "send one frame of it as JPEG or PNG",
        }
    }
}

/// The format of bytes, whatever their name says.
pub fn recognise(bytes: &[u8]) -> Result<Source, Refusal> {
    if let Some(source) = source(bytes) {
        return Ok(source);
    }
    Err(unsupported(bytes).map_or(Refusal::Unknown, Refusal::Unsupported))
}

fn source(bytes: &[u8]) -> Option<Source> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Source::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Source::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Source::Webp),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Source::Gif),
        _ => None,
    }
}

const BEGINNINGS: [(&[u8], Unsupported); 15] = [
    (b"\0\0\0\x0cJXL \r\n\x87\n", Unsupported::JpegXl),
    (b"\xff\x0a", Unsupported::JpegXl),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Unsupported::Jpeg2000),
    (b"II*\0", Unsupported::Tiff),
    (b"MM\0*", Unsupported::Tiff),
    (b"BM", Unsupported::Bmp),
    (b"\0\0\x01\0", Unsupported::Icon),
    (b"8BPS", Unsupported::Photoshop),
    (b"%PDF-", Unsupported::Pdf),
    (b"%!PS", Unsupported::PostScript),
    (b"PK\x03\x04", Unsupported::Archive),
    (b"\x1f\x8b", Unsupported::Archive),
    (b"Rar!", Unsupported::Archive),
    (b"7z\xbc\xaf", Unsupported::Archive),
    (b"\x1a\x45\xdf\xa3", Unsupported::Video),
];

fn unsupported(bytes: &[u8]) -> Option<Unsupported> {
    let known = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning));
    known.map(|(_, kind)| *kind).or_else(|| boxed(bytes)).or_else(|| text(bytes))
}

/// Files of boxes say in the first one, `ftyp`, what they are and what else they can be read as.
fn boxed(bytes: &[u8]) -> Option<Unsupported> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let brands = rest.strip_prefix(b"ftyp")?;
    let length = (u32::from_be_bytes(*length) as usize).clamp(12, TEXT_BYTES_MAX) - 8;
    let brands: Vec<&[u8]> = brands[..brands.len().min(length)].chunks_exact(4).collect();
    let says = |names: &[&[u8; 4]]| brands.iter().any(|brand| names.iter().any(|name| name == brand));
    if says(&[b"avif", b"avis"]) {
        return Some(Unsupported::Avif);
    }
    let heic = says(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]);
    Some(if heic { Unsupported::Heic } else { Unsupported::Video })
}

/// Pages and drawings begin with any blanks, a declaration or a remark.
fn text(bytes: &[u8]) -> Option<Unsupported> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let beginning = bytes[..bytes.len().min(TEXT_BYTES_MAX)].to_ascii_lowercase();
    if beginning.starts_with(b"%pdf-") {
        return Some(Unsupported::Pdf);
    }
    if !beginning.starts_with(b"<") {
        return None;
    }
    let says = |word: &[u8]| beginning.windows(word.len()).any(|window| window == word);
    if [&b"<!doctype html"[..], b"<html", b"<head", b"<body"].iter().any(|word| says(word)) {
        return Some(Unsupported::Html);
    }
    if says(b"<svg") || says(b":svg") {
        return Some(Unsupported::Svg);
    }
    None
}
