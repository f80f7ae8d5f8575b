//! Reading one header at a time: once or not at all, and in the one spelling of a number.

use http::HeaderMap;

use crate::error::ProtocolError;
use crate::limits::NUMBER_DIGITS_MAX;
use crate::names::{CONTENT_LENGTH, CONTENT_TYPE, UPLOAD_LENGTH};

const NUMBER: &str = "a whole number in decimal digits, without a sign or leading zeros";

/// The text of a header that may stand once. Two are refused: proxies disagree on which of them counts.
pub fn text<'a>(
    headers: &'a HeaderMap,
    header: &'static str,
    expected: &'static str,
) -> Result<Option<&'a str>, ProtocolError> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ProtocolError::HeaderRepeated { header });
    }
    value.to_str().map(Some).map_err(|_| ProtocolError::HeaderInvalid { header, expected })
}

/// A number of bytes, if the header is there.
pub fn number(headers: &HeaderMap, header: &'static str) -> Result<Option<u64>, ProtocolError> {
    let Some(digits) = text(headers, header, NUMBER)? else { return Ok(None) };
    decimal(digits).map(Some).ok_or(ProtocolError::HeaderInvalid { header, expected: NUMBER })
}

/// The length of an upload. One that is beyond all numbers of ours is a length, and too large.
pub fn upload_length(headers: &HeaderMap) -> Result<Option<u64>, ProtocolError> {
    number(headers, UPLOAD_LENGTH).map_err(|error| match text(headers, UPLOAD_LENGTH, NUMBER) {
        Ok(Some(digits)) if is_plain(digits) => ProtocolError::LengthBeyondNumbers,
        _ => error,
    })
}

pub fn required_number(headers: &HeaderMap, header: &'static str) -> Result<u64, ProtocolError> {
    number(headers, header)?.ok_or(ProtocolError::HeaderMissing { header, expected: NUMBER })
}

pub fn content_length(headers: &HeaderMap) -> Result<Option<u64>, ProtocolError> {
    number(headers, CONTENT_LENGTH)
}

/// Whether the body is of this media type, whatever its parameters.
pub fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let Ok(Some(value)) = text(headers, CONTENT_TYPE, "one media type") else { return false };
    value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}

/// Neither `+1` nor `01`, `1e3`, blanks or nothing at all.
fn decimal(digits: &str) -> Option<u64> {
    let fits = is_plain(digits) && digits.len() <= NUMBER_DIGITS_MAX;
    fits.then(|| digits.parse().ok())?
}

fn is_plain(digits: &str) -> bool {
    let led_by_zero = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && !led_by_zero && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for (digits, number) in [("0", 0), ("1", 1), ("18446744073709551615", u64::MAX)] {
            assert_eq!(decimal(digits), Some(number), "{digits}");
        }
        for wrong in [
            "",
            " ",
            "+1",
            "-1",
            "01",
            "00",
            "1e3",
            "1.0",
            " 1",
            "1 ",
            "0x1",
            "18446744073709551616",
            "1_0",
            "١",
        ] {
            assert_eq!(decimal(wrong), None, "{wrong:?}");
        }
    }
}
