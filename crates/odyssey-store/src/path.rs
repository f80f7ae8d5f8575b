//! Where a file lies within a store: ids; and, of files that somebody else puts there, a folder of ours and a name of
//! theirs, which is told to nobody.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Bytes of a whole path, at most: object stores take 1,024, and a prefix of their own.
const PATH_BYTES_MAX: usize = 512;
/// Bytes of a segment, at most: file systems take 255, and a draft's name is longer than the file's.
const SEGMENT_BYTES_MAX: usize = 200;

/// A path of a file or of a folder, parsed: segments of `[A-Za-z0-9_.-]`, none of them empty or beginning with a dot.
#[derive(Clone)]
pub struct StorePath {
    text: String,
    /// Bytes of it that errors and logs may show.
    told: usize,
}

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
        Ok(Self { text: text.to_owned(), told: text.len() })
    }

    /// A file in a folder of ours under a name that somebody else gave it: folders and all. The name may be a person's,
    /// so that neither [`fmt::Display`] nor [`fmt::Debug`] shows more than the folder. It cannot lead out of it.
    pub fn named_by_others(folder: &Self, name: &str) -> Result<Self, PathError> {
        Self::parse(name)?;
        Ok(Self { told: folder.text.len() + 1, ..folder.join(name)? })
    }

    /// A file or folder in this folder.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Self::parse(&format!("{}/{name}", self.text))
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or(&self.text)
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
        f.write_str(self.text.get(..self.told).unwrap_or_default())?;
        if self.told < self.text.len() { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorePath({self})")
    }
}

/// The same place is the same path, whoever named it.
impl PartialEq for StorePath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for StorePath {}

impl PartialOrd for StorePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StorePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for StorePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
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
    fn a_name_of_others_is_shown_to_nobody_and_stays_in_its_folder() {
        let folder = StorePath::parse("inbox/acme").unwrap();
        let path = StorePath::named_by_others(&folder, "2026/ada_lovelace.csv").unwrap();
        assert_eq!(path.as_str(), "inbox/acme/2026/ada_lovelace.csv");
        assert_eq!(
            (path.to_string(), format!("{path:?}")),
            ("inbox/acme/…".into(), "StorePath(inbox/acme/…)".into())
        );
        assert_eq!(path, StorePath::parse("inbox/acme/2026/ada_lovelace.csv").unwrap());
        for bad in ["", "..", "../rival/x", "a/../../rival/x", "/etc/passwd", "a//b", "a/", ".hidden", "ä"] {
            assert!(StorePath::named_by_others(&folder, bad).is_err(), "{bad:?}");
        }
        let longest = ["s".repeat(200), "s".repeat(200), "s".repeat(99)].join("/");
        assert!(StorePath::named_by_others(&folder, &longest).is_ok());
        assert_eq!(StorePath::named_by_others(&folder, &format!("{longest}s")), Err(PathError::TooLong));
    }

    #[test]
    fn a_path_is_bounded() {
        let segment = "s".repeat(SEGMENT_BYTES_MAX);
        assert!(StorePath::parse(&segment).is_ok());
        assert_eq!(StorePath::parse(&format!("{segment}s")), Err(PathError::TooLong));
        assert_eq!(StorePath::parse(&[&*segment; 3].join("/")), Err(PathError::TooLong));
    }
}
