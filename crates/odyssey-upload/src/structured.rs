//! Structured fields (RFC 9651), as far as the draft needs them: an Integer or a Boolean with any parameters.
//!
//! The draft has a field ignored as a whole when it is something else, so these answer `None` for that.

use http::HeaderMap;

use crate::limits::STRUCTURED_BYTES_MAX;

/// A non-negative Integer.
pub fn integer(headers: &HeaderMap, header: &str) -> Option<u64> {
    match item(single(headers, header)?)? {
        BareItem::Integer(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

pub fn boolean(headers: &HeaderMap, header: &str) -> Option<bool> {
    match item(single(headers, header)?)? {
        BareItem::Boolean(value) => Some(value),
        _ => None,
    }
}

/// `?1` or `?0`.
pub const fn boolean_text(value: bool) -> &'static str {
    if value { "?1" } else { "?0" }
}

/// Two lines of an Item are joined by a comma, which no Item survives.
fn single<'a>(headers: &'a HeaderMap, header: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(header).iter();
    let value = values.next()?.as_bytes();
    (values.next().is_none() && value.len() <= STRUCTURED_BYTES_MAX).then_some(value)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BareItem {
    Integer(i64),
    Boolean(bool),
    /// Well-formed, and of a type that no field of ours has.
    Other,
}

fn item(field: &[u8]) -> Option<BareItem> {
    let mut cursor = Cursor { rest: field };
    cursor.skip_spaces();
    let value = cursor.bare_item()?;
    cursor.parameters()?;
    cursor.skip_spaces();
    cursor.rest.is_empty().then_some(value)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn bare_item(&mut self) -> Option<BareItem> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'?' => self.flag(),
            b'"' => self.string(),
            b':' => self.byte_sequence(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.take_while(is_token);
                Some(BareItem::Other)
            }
            _ => None,
        }
    }

    /// `;key` or `;key=value`, any number of them; we know none, so all are read and left.
    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip_spaces();
            self.peek().filter(|first| first.is_ascii_lowercase() || *first == b'*')?;
            self.take_while(is_key);
            if self.take(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// At most 15 digits, or 12 and 3 with a point between.
    fn number(&mut self) -> Option<BareItem> {
        let negative = self.take(b'-');
        let whole = self.take_while(|byte| byte.is_ascii_digit());
        if self.take(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&whole.len()) && (1..=3).contains(&fraction.len());
            return fits.then_some(BareItem::Other);
        }
        if !(1..=15).contains(&whole.len()) {
            return None;
        }
        let number = whole.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(BareItem::Integer(if negative { -number } else { number }))
    }

    fn flag(&mut self) -> Option<BareItem> {
        self.take(b'?');
        let value = match self.peek()? {
            b'1' => true,
            b'0' => false,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        Some(BareItem::Boolean(value))
    }

    fn string(&mut self) -> Option<BareItem> {
        self.take(b'"');
        loop {
            match self.next()? {
                b'"' => return Some(BareItem::Other),
                b'\\' => {
                    self.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?;
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn byte_sequence(&mut self) -> Option<BareItem> {
        self.take(b':');
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.take(b':').then_some(BareItem::Other)
    }

    fn date(&mut self) -> Option<BareItem> {
        self.take(b'@');
        match self.number()? {
            BareItem::Integer(_) => Some(BareItem::Other),
            _ => None,
        }
    }

    /// `%"…"`, where a percent sign begins two lower-case hexadecimal digits.
    fn display_string(&mut self) -> Option<BareItem> {
        self.take(b'%');
        self.take(b'"').then_some(())?;
        loop {
            match self.next()? {
                b'"' => return Some(BareItem::Other),
                b'%' => {
                    let hexadecimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                    self.next().filter(hexadecimal)?;
                    self.next().filter(hexadecimal)?;
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_spaces(&mut self) {
        self.take_while(|byte| byte == b' ');
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_with_any_parameters() {
        let integer = |number| Some(BareItem::Integer(number));
        for (field, expected) in [
            ("8", integer(8)),
            (" 8 ", integer(8)),
            ("007", integer(7)),
            ("-3", integer(-3)),
            ("999999999999999", integer(999_999_999_999_999)),
            ("1000000000000000", None),
            ("+8", None),
            ("8,8", None),
            ("8 8", None),
            ("", None),
            ("-", None),
            ("8.5", Some(BareItem::Other)),
            ("8.", None),
            ("?1", Some(BareItem::Boolean(true))),
            ("?0;a;b=1; c=\"x\\\"\";d=:AA==:;e=@1;f=%\"%c3\";g=tok/en", Some(BareItem::Boolean(false))),
            ("?0 ;a", None),
            ("?0;A", None),
            ("?0;a=", None),
            ("?0;a=\"", None),
            ("?0;a=%\"%C3\"", None),
            ("?2", None),
            ("1;a=@1.5", None),
            ("token", Some(BareItem::Other)),
        ] {
            assert_eq!(item(field.as_bytes()), expected, "{field:?}");
        }
    }
}
