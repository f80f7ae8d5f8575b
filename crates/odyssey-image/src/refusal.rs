//! Why bytes do not become a picture: a closed list of sentences for the person who sent them.

use crate::limits::{BYTES_MAX, PIXELS_MAX, SIDE_MAX};
use crate::recognise::{Source, Unsupported};

/// A refusal. Messages hold numbers and names of ours, never anything of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the picture is empty: send its file again")]
    Empty,
    #[error("the picture has {bytes} bytes where {BYTES_MAX} are taken: export it smaller, or as JPEG")]
    BytesTooMany { bytes: usize },
    #[error("this is {}: {}", .0.name(), .0.remedy())]
    Unsupported(Unsupported),
    #[error("this is no picture that is known here: send a JPEG, PNG, WebP or GIF")]
    Unknown,
    #[error("the picture is {width} by {height} pixels where a side may have {SIDE_MAX}: export it smaller")]
    SideTooLong { width: u32, height: u32 },
    #[error(
        "the picture has {width} by {height} pixels where {pixels_max} are taken in all: export it smaller"
    )]
    PixelsTooMany { width: u32, height: u32, pixels_max: u64 },
    #[error(
        "the picture would take too much memory, having {PIXELS_MAX} pixels or fewer but many bits for each: export it with 8 bits a colour"
    )]
    MemoryTooMuch,
    #[error("the {} ends too early: part of its file is missing, send it again", .format.name())]
    Truncated { format: Source },
    #[error("the {} cannot be read: open it in a program for pictures and export it again", .format.name())]
    Undecodable { format: Source },
}

impl Refusal {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "picture-empty",
            Self::BytesTooMany { .. } => "picture-bytes-too-many",
            Self::Unsupported(_) => "picture-format-unsupported",
            Self::Unknown => "picture-format-unknown",
            Self::SideTooLong { .. } => "picture-side-too-long",
            Self::PixelsTooMany { .. } => "picture-pixels-too-many",
            Self::MemoryTooMuch => "picture-memory-too-much",
            Self::Truncated { .. } => "picture-truncated",
            Self::Undecodable { .. } => "picture-undecodable",
        }
    }
}
