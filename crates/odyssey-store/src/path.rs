//! Where a file lies within a store: ids, never the name that somebody gave a file.

use std::fmt;

/// Bytes of a whole path, at most: object stores take 1,024, and a prefix of their own.
const PATH_BYTES_MAX: usize = 512;
/// Bytes of a segment, at most: file systems take 255, and a draft's name is longer than the file's.
const SEGMENT_BYTES_MAX: usize = 200;

/// A path of a file or of a folder, parsed: segments of `[A-Za-z0-9_.-]`, none of them empty or beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(String);

/// Why a text is no path. The text is not repeated: it may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("a path in the store has at least one segment")]
    Empty,
    #[error(
        "a path in the store has at most {PATH_BYTES_MAX} bytes, and each of its segments {SEGMENT_BYTES_MAX}"
    )]
    TooLong,
    #[error("a segment of a path in the store is neither empty nor begins with a dot")]
    Segment,
    #[error("a path in the store is made of A-Z, a-z, 0-9, `_`, `.`, `-` and `/`")]
    Character,
}

impl StorePath {
    /// Takes a path as it was written down.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        text.split('/').try_for_each(check_segment)?;
        Ok(Self(text.to_owned()))
    }

    /// A file or folder in this folder.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::parse(&format!("{}/{name}", self.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// A path below a folder, or below the root; `None` where the name is not one of ours.
    pub(crate) fn below(folder: Option<&Self>, name: &str) -> Option<Self> {
        match folder {
            Some(folder) => folder.join(name).ok(),
            None => Self::parse(name).ok(),
        }
    }
}

/// Whether a name could be a segment of a path.
pub(crate) fn is_segment(name: &str) -> bool {
    check_segment(name).is_ok()
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    if segment.is_empty() || segment.starts_with('.') {
        return Err(PathError::Segment);
    }
    if segment.len() > SEGMENT_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if segment.bytes().all(fits) { Ok(()) } else { Err(PathError::Character) }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_make_a_path_and_nothing_leads_out_of_the_store() {
        for good in ["a", "a/b.sealed", "A-1_2/x..y/z", "0198c0de-7000/0198c0de.sealed"] {
            assert_eq!(StorePath::parse(good).map(|path| path.to_string()).as_deref(), Ok(good));
        }
        for (bad, error) in [
            ("", PathError::Empty),
            ("/", PathError::Segment),
            ("/a", PathError::Segment),
            ("a/", PathError::Segment),
            ("a//b", PathError::Segment),
            (".", PathError::Segment),
            ("..", PathError::Segment),
            ("a/../b", PathError::Segment),
            ("a/.hidden", PathError::Segment),
            ("a b", PathError::Character),
            ("a\\b", PathError::Character),
            ("a\0", PathError::Character),
            ("ä", PathError::Character),
            ("a?b", PathError::Character),
            ("a%2e%2e", PathError::Character),
        ] {
            assert_eq!(StorePath::parse(bad), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_bounded() {
        let segment = "s".repeat(SEGMENT_BYTES_MAX);
        assert!(StorePath::parse(&segment).is_ok());
        assert_eq!(StorePath::parse(&format!("{segment}s")), Err(PathError::TooLong));
        assert_eq!(StorePath::parse(&[&*segment; 3].join("/")), Err(PathError::TooLong));
    }
}
