//! GS1 trade item numbers (GTIN-8, -12, -13, -14), normalised to fourteen digits.

use serde::{Deserialize, Serialize};

/// A GTIN of fourteen digits whose check digit is right (GS1 General Specifications, section 7.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin([u8; 14]);

/// Why a text is no GTIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    #[error("a GTIN has only digits")]
    NotDigits,
    #[error("a GTIN has 8, 12, 13 or 14 digits")]
    Length,
    #[error("the check digit does not fit the other digits")]
    CheckDigit,
    #[error("a spreadsheet has turned this barcode into a number in scientific notation")]
    Spreadsheet,
}

/// A GTIN as a file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenGtin {
    pub gtin: Gtin,
    /// The file has one digit fewer than the barcode: a spreadsheet took its leading zero.
    pub zero_restored: bool,
}

impl WrittenGtin {
    /// The barcode in the length that was meant: eight digits, or twelve.
    pub fn restored(&self) -> Option<&str> {
        let digits = self.gtin.as_str();
        let kept = digits.trim_start_matches('0').len() + 1;
        self.zero_restored.then(|| &digits[digits.len() - kept..])
    }
}

impl Gtin {
    /// Reads a GTIN as somebody writes it who keeps its zeros: 8, 12, 13 or 14 digits, spaces and hyphens dropped;
    /// longer runs only where the surplus is leading zeros. The check digit decides.
    pub fn parse(text: &str) -> Result<Self, GtinError> {
        match Self::parse_written(text)? {
            WrittenGtin { zero_restored: true, .. } => Err(GtinError::Length),
            written => Ok(written.gtin),
        }
    }

    /// Reads a GTIN as files have it: one of 7 or 11 digits is a GTIN-8 or GTIN-12 whose leading zero a spreadsheet
    /// took. Of 9 and 10 digits there is no such length: of any ten such codes one would have a fitting check digit.
    pub fn parse_written(text: &str) -> Result<WrittenGtin, GtinError> {
        let text = text.trim();
        if looks_like_a_spreadsheet_number(text) {
            return Err(GtinError::Spreadsheet);
        }
        let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b' ' | b'-')).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(GtinError::NotDigits);
        }
        let surplus = digits.len().saturating_sub(14);
        // A code that begins with a zero has lost none.
        let zero_restored = matches!(digits.len(), 7 | 11) && digits[0] != b'0';
        let is_length = zero_restored || matches!(digits.len(), 8 | 12..=14) || surplus > 0;
        if !is_length || digits[..surplus].iter().any(|d| *d != b'0') {
            return Err(GtinError::Length);
        }
        let mut gtin = [b'0'; 14];
        let kept = &digits[surplus..];
        gtin[14 - kept.len()..].copy_from_slice(kept);
        if gtin.iter().filter(|d| **d != b'0').count() == 0 {
            return Err(GtinError::Length);
        }
        if check_digit(&gtin[..13]) != gtin[13] {
            return Err(GtinError::CheckDigit);
        }
        Ok(WrittenGtin { gtin: Self(gtin), zero_restored })
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// `4.68E+11` and its kin: what a spreadsheet leaves of a barcode.
fn looks_like_a_spreadsheet_number(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.split_once("e+").or_else(|| lower.split_once('e')).is_some_and(|(mantissa, exponent)| {
        !mantissa.is_empty()
            && mantissa.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
            && !exponent.is_empty()
            && exponent.bytes().all(|b| b.is_ascii_digit())
    })
}

fn check_digit(first_thirteen: &[u8]) -> u8 {
    let sum: u32 = first_thirteen
        .iter()
        .enumerate()
        .map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 })
        .sum();
    b'0' + ((10 - sum % 10) % 10) as u8
}

impl std::fmt::Display for Gtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Gtin {
    type Error = GtinError;

    fn try_from(text: String) -> Result<Self, GtinError> {
        Self::parse(&text)
    }
}

impl From<Gtin> for String {
    fn from(gtin: Gtin) -> Self {
        gtin.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_lengths_normalise_to_fourteen_digits() {
        for (text, expected) in [
            ("96385074", "00000096385074"),
            ("036000291452", "00036000291452"),
            ("4006381333931", "04006381333931"),
            ("0 4006381-333931", "04006381333931"),
        ] {
            assert_eq!(Gtin::parse(text).map(|g| g.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_zero_that_a_spreadsheet_took_is_put_back_and_told() {
        for (text, restored, expected) in [
            ("36000291452", "036000291452", "00036000291452"),
            ("1234565", "01234565", "00000001234565"),
            (" 36000-29145 2 ", "036000291452", "00036000291452"),
        ] {
            let written = Gtin::parse_written(text).expect("a barcode");
            assert_eq!((written.restored(), written.gtin.as_str()), (Some(restored), expected), "{text}");
            // Whoever writes JSON keeps zeros.
            assert_eq!(Gtin::parse(text), Err(GtinError::Length), "{text}");
        }
        for text in ["96385074", "036000291452", "4006381333931", "000036000291452"] {
            assert_eq!(Gtin::parse_written(text).map(|w| w.restored().is_some()), Ok(false), "{text}");
        }
    }

    #[test]
    fn nine_and_ten_digits_are_no_length_whatever_the_check_digit() {
        // 1234500014 has a fitting check digit by chance.
        for text in ["1234500014", "123456784", "0123456784", "01234565000"] {
            assert_eq!(Gtin::parse_written(text), Err(GtinError::Length), "{text}");
            assert_eq!(Gtin::parse(text), Err(GtinError::Length), "{text}");
        }
    }

    #[test]
    fn what_is_no_barcode_says_why() {
        assert_eq!(Gtin::parse("4006381333932"), Err(GtinError::CheckDigit));
        assert_eq!(Gtin::parse("12345"), Err(GtinError::Length));
        assert_eq!(Gtin::parse("00000000"), Err(GtinError::Length));
        assert_eq!(Gtin::parse("4.68E+11"), Err(GtinError::Spreadsheet));
        assert_eq!(Gtin::parse("ABC"), Err(GtinError::NotDigits));
        assert_eq!(Gtin::parse("123456789012345678901234"), Err(GtinError::Length));
    }
}
