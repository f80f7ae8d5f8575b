//! Code systems, and what a concept says in words.

use serde::{Deserialize, Serialize};

use super::limits::{CODINGS_MAX, TEXT_CHARS_MAX};
use super::model::{Coding, Concept};

/// The code systems that we read, by the names and object identifiers they go by in FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Snomed,
    /// ICD-10-CM, and ICD-10 of the WHO, of which it is an extension.
    Icd10,
    RxNorm,
    Unii,
    Loinc,
    /// The `diet` code system of HL7.
    Diet,
    /// A system that codes drugs and nothing else.
    Drugs,
    Other,
}

impl System {
    pub fn of(coding: &Coding) -> Self {
        let system = coding.system.as_deref().unwrap_or_default().trim().trim_end_matches('/');
        match system {
            "http://snomed.info/sct" | "urn:oid:2.16.840.1.113883.6.96" => Self::Snomed,
            "http://hl7.org/fhir/sid/icd-10-cm"
            | "http://hl7.org/fhir/sid/icd-10"
            | "urn:oid:2.16.840.1.113883.6.90"
            | "urn:oid:2.16.840.1.113883.6.3" => Self::Icd10,
            "http://www.nlm.nih.gov/research/umls/rxnorm" | "urn:oid:2.16.840.1.113883.6.88" => Self::RxNorm,
            "http://fdasis.nlm.nih.gov" | "urn:oid:2.16.840.1.113883.4.9" => Self::Unii,
            "http://loinc.org" | "urn:oid:2.16.840.1.113883.6.1" => Self::Loinc,
            "http://terminology.hl7.org/CodeSystem/diet" | "http://hl7.org/fhir/diet" => Self::Diet,
            "http://hl7.org/fhir/sid/ndc"
            | "http://www.whocc.no/atc"
            | "http://hl7.org/fhir/ndfrt"
            | "http://hl7.org/fhir/sid/cvx" => Self::Drugs,
            // A national edition or a version: http://snomed.info/sct/731000124108/version/20240301.
            _ if system.starts_with("http://snomed.info/sct/") => Self::Snomed,
            _ => Self::Other,
        }
    }
}

/// A code as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

impl Concept {
    /// The codings that have a code, in their order.
    pub fn codings(&self) -> impl Iterator<Item = (System, &str, Option<&str>)> {
        let codings = self.coding.iter().take(CODINGS_MAX);
        codings.filter_map(|coding| {
            let code = coding.code.as_deref().map(str::trim).filter(|code| !code.is_empty())?;
            Some((System::of(coding), code, coding.display.as_deref().map(head)))
        })
    }

    /// Whether one of the codings has this code, whatever its system: for codes of the standard's own.
    pub fn says(&self, codes: &[&str]) -> bool {
        self.coding.iter().filter_map(|c| c.code.as_deref()).any(|code| codes.contains(&code.trim()))
    }

    /// The codes, as they are shown.
    pub fn shown(&self) -> Vec<Code> {
        let codings = self.coding.iter().take(CODINGS_MAX);
        codings
            .map(|coding| Code {
                system: coding.system.as_deref().map(shorten),
                code: coding.code.as_deref().map(shorten),
                display: coding.display.as_deref().map(shorten),
            })
            .collect()
    }

    /// Every text that names the concept: its own, then the displays; of a long one its beginning.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let displays = self.coding.iter().take(CODINGS_MAX).filter_map(|c| c.display.as_deref());
        let texts = self.text.as_deref().into_iter().chain(displays).map(str::trim);
        texts.filter(|text| !text.is_empty()).map(head)
    }

    /// Whether there is more than is looked at: further codings, or the rest of a long text.
    pub fn exceeds_limits(&self) -> bool {
        let displays = self.coding.iter().take(CODINGS_MAX).filter_map(|c| c.display.as_deref());
        let mut texts = self.text.as_deref().into_iter().chain(displays).map(str::trim);
        self.coding.len() > CODINGS_MAX || texts.any(|text| head(text).len() < text.len())
    }

    /// The best name there is: text, display, or the bare code.
    pub fn name(&self) -> Option<String> {
        let code = || self.coding.iter().find_map(|c| c.code.as_deref()).map(str::trim);
        self.texts().next().or_else(code).filter(|name| !name.is_empty()).map(shorten)
    }
}

/// The beginning of a text: as much as is looked at.
fn head(text: &str) -> &str {
    text.char_indices().nth(TEXT_CHARS_MAX).map_or(text, |(at, _)| &text[..at])
}

/// At most as many characters as a profile takes; a text that was cut says so.
pub(super) fn shorten(text: &str) -> String {
    let text = text.trim();
    let head = head(text);
    match head.char_indices().last() {
        Some((at, _)) if head.len() < text.len() => format!("{}…", &head[..at]),
        _ => text.to_owned(),
    }
}

/// Lower-case words.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Whether the words stand in the text, one after the other.
pub(super) fn has_words(text: &str, phrase: &str) -> bool {
    let (text, phrase) = (words(text), words(phrase));
    !phrase.is_empty() && text.windows(phrase.len()).any(|window| window == phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        let long = "é".repeat(TEXT_CHARS_MAX + 7);
        let short = shorten(&long);
        assert_eq!(short.chars().count(), TEXT_CHARS_MAX);
        assert!(short.ends_with('…'));
        assert_eq!(shorten(&"é".repeat(TEXT_CHARS_MAX)).chars().last(), Some('é'));
    }

    #[test]
    fn systems_are_known_by_address_identifier_and_edition() {
        let of = |system: &str| System::of(&Coding { system: Some(system.to_owned()), ..Coding::default() });
        assert_eq!(of("http://snomed.info/sct"), System::Snomed);
        assert_eq!(of("http://snomed.info/sct/731000124108"), System::Snomed);
        assert_eq!(of("urn:oid:2.16.840.1.113883.6.90"), System::Icd10);
        assert_eq!(of("https://example.org/codes"), System::Other);
    }
}
