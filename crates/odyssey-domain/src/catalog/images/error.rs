//! What callers can act on when a picture is not taken.

use odyssey_image::Refusal;

use crate::catalog::CatalogError;
use crate::db::DbError;

/// Why a URL gave no picture. Its words name no host: what a name of a private network leads to, and whether there
/// is one, is nobody's business outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlRefusal {
    pub code: &'static str,
    pub detail: &'static str,
    /// Whether the same URL may be worth another attempt.
    pub may_pass: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("the product has no such picture")]
    NotFound,
    #[error("the product has {max} pictures, as many as it may")]
    Full { max: usize },
    #[error("a picture has at most {bytes_max} bytes as it is sent")]
    TooLarge { bytes_max: usize },
    #[error("the picture has more than {bytes_max} bytes once it is drawn")]
    TooLargeDrawn { bytes_max: usize },
    #[error(transparent)]
    Picture(#[from] Refusal),
    #[error("the picture was not fetched: {}", .0.detail)]
    Url(UrlRefusal),
    /// The process ends, or the thread that drew has died.
    #[error("the picture was not drawn to its end")]
    Stopped,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for ImageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
