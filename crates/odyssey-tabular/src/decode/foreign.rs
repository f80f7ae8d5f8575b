//! Files that are no table, named for what they are: XML, a web page, a FHIR resource, JSON of another shape.

use super::Format;
use crate::error::ReadError;

/// Refuses what is seen to be no table. The beginning of the text decides.
pub(super) fn check(text: &str, format: Format) -> Result<(), ReadError> {
    let text = text.trim_start();
    match format {
        Format::Delimited if is_markup(text) => Err(ReadError::Xml),
        Format::Delimited if is_json_of_values(text) => Err(ReadError::NotJsonLines),
        Format::JsonLines | Format::JsonList if is_fhir(text) => Err(ReadError::Fhir),
        _ => Ok(()),
    }
}

/// A declaration, or a tag that is not the first header of a table: behind that stands a delimiter.
fn is_markup(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('<') else { return false };
    if inner.starts_with(['?', '!']) {
        return true;
    }
    let named = inner.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let behind = inner.split_once('>').map(|(_, behind)| behind.trim_start_matches([' ', '\r']));
    named && behind.is_some_and(|behind| !behind.starts_with([',', ';', '\t', '|', '"', '^', '~']))
}

/// A list of lists, texts or numbers. Names in brackets (`[sku],[name]`) are headers.
fn is_json_of_values(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').map(str::trim_start) else { return false };
    inner.starts_with(['"', '[', ']'])
}

/// The first object has a `resourceType` of its own that is the name of one.
fn is_fhir(text: &str) -> bool {
    let mut depth = 0;
    let base = if text.starts_with('[') { 2 } else { 1 };
    let mut rest = text;
    while let Some(at) = rest.find(['"', '{', '[', '}', ']']) {
        let (mark, behind) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = behind;
        match mark {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let Some(end) = end_of_text(behind) else { return false };
                rest = &behind[end + 1..];
                if depth == base && &behind[..end] == "resourceType" {
                    let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
                    let name = value.and_then(|value| value.strip_prefix('"'));
                    return name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
                }
            }
        }
        if depth < base && mark == b'}' {
            return false;
        }
    }
    false
}

/// The closing quote of a text that has begun.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_and_pages_are_told_from_tables_with_odd_headers() {
        for text in [
            "<?xml version=\"1.0\"?><a/>",
            "<catalogue xmlns=\"urn:x,y\">\n<item/>",
            "<!DOCTYPE html><html>",
            "<html><table><tr><td>sku</td></tr></table></html>",
            "<products>\r\n  <product>",
        ] {
            assert!(is_markup(text), "{text}");
        }
        for text in
            ["<sku>,<name>\n1,Bar\n", "<b>sku</b>", "<5 g,1\n", "<sku>;<name>\n", "a<b>", "<sku", "<>\n"]
        {
            // A header in bold is markup all the same.
            assert_eq!(is_markup(text), text.starts_with("<b>"), "{text}");
        }
    }

    #[test]
    fn a_resource_of_fhir_is_known_by_its_own_type() {
        for text in [
            "{\"resourceType\":\"Bundle\",\"entry\":[]}",
            "{\n  \"id\": \"a\\\"b\",\n  \"meta\": {\"x\": [1]},\n  \"resourceType\" : \"Patient\"\n}",
            "[{\"resourceType\":\"Patient\"}]",
        ] {
            assert!(is_fhir(text), "{text}");
        }
        for text in [
            "{\"sku\":1,\"source\":{\"resourceType\":\"Patient\"}}",
            "{\"sku\":\"resourceType\",\"b\":\"X\"}",
            "{\"resourceType\":\"food\"}",
            "{\"sku\":1}\n{\"resourceType\":\"Patient\"}",
            "{\"resourceType\":7}",
            "{\"a\":\"unended",
        ] {
            assert!(!is_fhir(text), "{text}");
        }
    }

    #[test]
    fn a_list_of_values_is_no_table_and_headers_in_brackets_are() {
        assert!(is_json_of_values("[[\"sku\",\"name\"],[1,2]]"));
        assert!(is_json_of_values("[ \"a\" ]"));
        assert!(is_json_of_values("[]"));
        assert!(!is_json_of_values("[sku],[name]\n1,2\n"));
    }
}
