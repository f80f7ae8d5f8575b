//! The words of a text that is written in HTML.

/// Longest entity that is read, `&` and `;` included.
const ENTITY_MAX: usize = 10;

/// Tags become spaces, entities their characters; a `<` that begins no tag stays.
pub(crate) fn words_of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    // Looked for once: a text of opened tags alone would be searched to its end for each of them.
    let last_end = html.rfind('>').unwrap_or(0);
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let may_end = html.len() - rest.len() < last_end;
        let end = if rest.starts_with('<') && may_end { tag_end(rest) } else { None };
        if let Some(end) = end {
            text.push(' ');
            rest = &rest[end..];
        } else if let Some((character, end)) = entity(rest) {
            text.push(character);
            rest = &rest[end..];
        } else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Of a remark, a style or a script the end of all of it.
fn tag_end(rest: &str) -> Option<usize> {
    if rest.starts_with("<!--") {
        return Some(rest.find("-->").map_or(rest.len(), |at| at + 3));
    }
    let name = rest[1..].trim_start_matches('/');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!') {
        return None;
    }
    let end = rest.find('>')? + 1;
    for unseen in ["style", "script"] {
        let head = rest.get(1..=unseen.len()).is_some_and(|head| head.eq_ignore_ascii_case(unseen));
        let close = |(at, _): &(usize, &str)| {
            rest.get(at + 2..at + 2 + unseen.len()).is_some_and(|tail| tail.eq_ignore_ascii_case(unseen))
        };
        if head {
            return Some(rest.match_indices("</").find(close).map_or(rest.len(), |(at, _)| at));
        }
    }
    Some(end)
}

fn entity(rest: &str) -> Option<(char, usize)> {
    let end = rest.bytes().take(ENTITY_MAX).position(|byte| byte == b';')?;
    let character = match rest.get(1..end)? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        other => {
            let number = other.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control())?
        }
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_words_stay() {
        for (html, words) in [
            ("<p>Oat&nbsp;bar &amp; more</p><ul><li>No milk</li></ul>", "Oat bar & more No milk"),
            ("sugars < 5 g, fat <3 g & salt", "sugars < 5 g, fat <3 g & salt"),
            ("caf&#233; &#x2713; &bogus; &#0;", "café ✓ &bogus; &#0;"),
            ("<style>p { color: red }</style>a<!-- b -->c<br/>d", "a c d"),
            ("<script>x</SCRIPT>y <a", "y <a"),
            ("&é;<é>", "&é;<é>"),
            ("a<style>b", "a"),
        ] {
            assert_eq!(words_of_html(html), words, "{html}");
        }
        for piece in ["<a", "<!--", "<style>", "&", "</", "<script>>"] {
            assert!(words_of_html(&piece.repeat(200_000)).len() <= piece.len() * 200_000);
        }
    }
}
