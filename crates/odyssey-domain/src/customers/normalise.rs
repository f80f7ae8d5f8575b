//! E-mail addresses and phone numbers as they are compared, never as they are stored.

use unicode_normalization::UnicodeNormalization;

/// Digits of the shortest number worth finding; fewer is an extension or a mistake.
const PHONE_DIGITS_MIN: usize = 5;

/// Lower case, trimmed, NFC. `None` when it does not look like an address.
pub fn normalise_email(email: &str) -> Option<String> {
    let email: String = email.trim().nfc().flat_map(char::to_lowercase).collect();
    let (local, domain) = email.rsplit_once('@')?;
    let blank = |c: char| c.is_whitespace() || c.is_control();
    (!local.is_empty() && !domain.is_empty() && !email.contains(blank)).then_some(email)
}

/// The digits with their country code: a number of ten digits without one is taken for a US number.
/// What follows an `x` or `ext` is an extension and left out. `None` with too few digits.
pub fn normalise_phone(phone: &str) -> Option<String> {
    let phone = phone.trim();
    let number = phone.find(['x', 'X', 'e', 'E', ';', '#']).map_or(phone, |at| &phone[..at]);
    let digits: String =
        number.chars().filter_map(|c| c.to_digit(10)).filter_map(|d| char::from_digit(d, 10)).collect();
    let digits = match (number.starts_with('+'), digits.strip_prefix("00")) {
        (true, _) => digits,
        (false, Some(international)) => international.to_owned(),
        (false, None) if digits.len() == 10 => format!("1{digits}"),
        (false, None) => digits,
    };
    (digits.len() >= PHONE_DIGITS_MIN).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_compared_without_case_and_surrounding_space() {
        assert_eq!(normalise_email("  Ada@Example.COM "), normalise_email("ada@example.com"));
        assert_eq!(normalise_email("e\u{301}a@x.org"), normalise_email("\u{e9}a@x.org"));
        assert_ne!(normalise_email("ada@example.com"), normalise_email("ada@example.org"));
    }

    #[test]
    fn what_is_no_address_has_no_normal_form() {
        for text in ["", "ada", "@example.com", "ada@", "ada b@example.com", "n/a"] {
            assert_eq!(normalise_email(text), None, "{text}");
        }
    }

    #[test]
    fn the_ways_to_write_one_us_number_are_one_number() {
        for text in [
            "(415) 555-0132",
            "415.555.0132",
            "+1 415 555 0132",
            "1-415-555-0132",
            "001 415 555 0132",
            "415 555 0132 ext. 7",
            "415-555-0132x7",
        ] {
            assert_eq!(normalise_phone(text).as_deref(), Some("14155550132"), "{text}");
        }
    }

    #[test]
    fn other_countries_keep_their_code_and_scraps_are_no_number() {
        assert_eq!(normalise_phone("+41 44 668 18 00").as_deref(), Some("41446681800"));
        assert_ne!(normalise_phone("+4155501321"), normalise_phone("4155501321"));
        for text in ["", "12", "n/a", "ext. 12345"] {
            assert_eq!(normalise_phone(text), None, "{text}");
        }
    }
}
