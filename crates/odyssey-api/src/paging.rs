//! Pages of lists: keyset cursors and limits.
//!
//! Owns: the form of a cursor. Promises: a cursor is opaque, names the list it belongs to, and any other
//! text is the problem `cursor-invalid`; it is a place in an order and carries no authority, so what it
//! leads to is authorised like any request. Emits: nothing. Never: holds personal data: it travels in URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use odyssey_types::{LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, Page};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::context;
use crate::problem::{Problem, ProblemCode};

/// Version of the form; another one is another cursor.
const VERSION: u8 = 1;
/// Bytes of the checksum: against slips and guesses, not against somebody who reads this file.
const CHECKSUM_BYTES: usize = 6;

/// A page of a list as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageDto<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> PageDto<T> {
    /// Counts the rows for the log line.
    pub fn new<U: Into<T>>(page: Page<U>) -> Self {
        context::count_rows_read(page.items.len() as u64);
        let page = page.map(Into::into);
        Self { items: page.items, next_cursor: page.next_cursor }
    }
}

/// How many rows of a list: 1 to 200, 50 when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = u32, minimum = 1, maximum = 200, default = 50)]
pub struct Limit(u32);

impl Limit {
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(LIST_LIMIT_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = u32::deserialize(deserializer)?;
        if (1..=LIST_LIMIT_MAX).contains(&limit) {
            return Ok(Self(limit));
        }
        let expected = "a number from 1 to 200";
        Err(serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(limit.into()), &expected))
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u8,
    list: String,
    at: T,
}

/// Writes the place `at` in the list named `list` (its operation id).
pub fn write_cursor(list: &str, at: &impl Serialize) -> Result<String, Problem> {
    let envelope = Envelope { v: VERSION, list: list.to_owned(), at };
    let mut bytes = serde_json::to_vec(&envelope).map_err(|error| Problem::internal(&error))?;
    bytes.extend_from_slice(&checksum(&bytes));
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a place in the list named `list`.
pub fn read_cursor<T: DeserializeOwned>(list: &str, cursor: &str) -> Result<T, Problem> {
    let invalid = || Problem::new(ProblemCode::CursorInvalid);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let split = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or_else(invalid)?;
    let (body, sum) = bytes.split_at(split);
    if sum != checksum(body) {
        return Err(invalid());
    }
    let envelope: Envelope<T> = serde_json::from_slice(body).map_err(|_| invalid())?;
    if envelope.v != VERSION || envelope.list != list {
        return Err(invalid());
    }
    Ok(envelope.at)
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::digest(body);
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_cursor_leads_back_to_the_place_it_was_made_for(name in ".{0,40}", id in any::<u64>()) {
            let cursor = write_cursor("list_products", &(name.clone(), id)).unwrap();
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(read_cursor::<(String, u64)>("list_products", &cursor).unwrap(), (name, id));
        }

        #[test]
        fn text_that_is_no_cursor_is_refused_and_never_panics(text in ".{0,80}") {
            prop_assert_eq!(read_cursor::<u64>("list", &text).unwrap_err().code, ProblemCode::CursorInvalid);
        }

        #[test]
        fn a_cursor_with_one_letter_changed_is_refused(at in 0_usize..40, id in any::<u64>()) {
            let mut cursor = write_cursor("list_products", &id).unwrap().into_bytes();
            let at = at % cursor.len();
            cursor[at] = if cursor[at] == b'A' { b'B' } else { b'A' };
            let cursor = String::from_utf8(cursor).unwrap();
            prop_assert!(read_cursor::<u64>("list_products", &cursor).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = write_cursor("list_products", &1).unwrap();
        assert_eq!(
            read_cursor::<i32>("list_customers", &cursor).unwrap_err().code,
            ProblemCode::CursorInvalid
        );
    }
}
