//! A page of a list.

/// Rows of a page when the caller does not say.
pub const LIST_LIMIT_DEFAULT: u32 = 50;
/// Rows of a page at most: a page of customers opens that many envelopes.
pub const LIST_LIMIT_MAX: u32 = 200;

/// Some rows and, when there are more, the opaque place to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}
