//! The little HTML that labels carry: entities and tags.

/// An HTML entity at the start of `text`: the character and the entity's length in bytes.
pub(super) fn entity(text: &str) -> Option<(char, usize)> {
    const NAMED: &[(&str, char)] = &[
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("rsquo", '\''),
        ("lsquo", '\''),
        ("ldquo", '"'),
        ("rdquo", '"'),
        ("ndash", '-'),
        ("mdash", '-'),
        ("hellip", '.'),
        ("reg", '\u{ae}'),
        ("trade", '\u{2122}'),
        ("copy", '\u{a9}'),
        ("deg", '\u{b0}'),
        ("bull", ','),
        ("middot", ','),
        ("eacute", 'é'),
        ("egrave", 'è'),
        ("ecirc", 'ê'),
        ("agrave", 'à'),
        ("acirc", 'â'),
        ("aacute", 'á'),
        ("iacute", 'í'),
        ("icirc", 'î'),
        ("oacute", 'ó'),
        ("ocirc", 'ô'),
        ("uacute", 'ú'),
        ("ugrave", 'ù'),
        ("ucirc", 'û'),
        ("ntilde", 'ñ'),
        ("ccedil", 'ç'),
        ("auml", 'ä'),
        ("ouml", 'ö'),
        ("uuml", 'ü'),
        ("szlig", 'ß'),
        ("oelig", 'œ'),
        ("aelig", 'æ'),
        ("euml", 'ë'),
        ("iuml", 'ï'),
    ];
    // The longest entity we read is `&#x10FFFF;`.
    let end = text.bytes().take(11).position(|b| b == b';')?;
    let name = text.get(1..end)?;
    let decoded = if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        char::from_u32(code)?
    } else {
        NAMED.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?.1
    };
    Some((decoded, end + 1))
}

/// An HTML tag at the start of `text`: its length, and whether it breaks the line.
pub(super) fn tag(text: &str) -> Option<(usize, bool)> {
    const BREAKS: &[&str] = &["br", "p", "li", "ul", "div", "tr", "td"];
    let end = text.bytes().take(80).position(|b| b == b'>')?;
    let inner = text.get(1..end)?.trim_start_matches('/');
    let name: String =
        inner.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    name.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| (end + 1, BREAKS.contains(&name.as_str())))
}
