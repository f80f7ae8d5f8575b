//! What a vendor declares beside the label's text: allergens, dietary tags, certificates.

use odyssey_types::{DeclaredAllergens, ProductFields};

use super::evidence::{Collector, Finding};
use super::lexicon::Marker;
use super::statements::Mode;
use super::tables::Tables;
use super::text::term_words;
use crate::facts::{DIET_COUNT, Diet, EvidenceKey, EvidenceSource, Flag, KeySet, keys_of_allergen};

/// Diets that the vendor claims, by tag or by certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct DietClaims {
    pub tagged: [bool; DIET_COUNT],
    pub certified: [bool; DIET_COUNT],
}

impl Default for DietClaims {
    fn default() -> Self {
        Self { tagged: [false; DIET_COUNT], certified: [false; DIET_COUNT] }
    }
}

impl DietClaims {
    /// With the claim of the product's name, which is the vendor's word like a tag.
    pub fn with_name(mut self, gluten_free: bool) -> Self {
        self.tagged[Diet::GlutenFree as usize] |= gluten_free;
        self
    }
}

/// What the declaration amounts to besides flags.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Declared {
    /// A code under contains, may contain or facility that nobody could read.
    pub unmapped: bool,
    pub diets: DietClaims,
}

pub(super) fn read(fields: &ProductFields, tables: &Tables, collector: &mut Collector) -> Declared {
    let mut declared = Declared::default();
    if let Some(allergens) = &fields.allergens {
        read_allergens(allergens, tables, collector, &mut declared);
    }
    for (at, tag) in fields.dietary_tags.iter().flatten().enumerate() {
        read_tag(tag, at, tables, collector, &mut declared.diets);
    }
    for (at, certificate) in fields.certifications.iter().flatten().enumerate() {
        read_certificate(certificate, at, tables, collector, &mut declared.diets);
    }
    declared
}

fn read_allergens(
    allergens: &DeclaredAllergens,
    tables: &Tables,
    collector: &mut Collector,
    declared: &mut Declared,
) {
    let lists = [
        (&allergens.contains, Flag::Contains, "allergens.contains"),
        (&allergens.may_contain, Flag::Pal, "allergens.may_contain"),
        (&allergens.facility, Flag::Facility, "allergens.facility"),
    ];
    for (codes, flag, field) in lists {
        for (at, code) in codes.iter().enumerate() {
            let (code_flag, keys) = resolve(code, flag, tables);
            if let Some(keys) = keys {
                add_all(collector, keys, code_flag, EvidenceSource::Declared, "allergens", code, at);
                continue;
            }
            let spoken = read_sentence(code, flag, tables);
            for (flag, keys) in &spoken.found {
                add_all(collector, *keys, *flag, EvidenceSource::Declared, "allergens", code, at);
            }
            if spoken.unread {
                declared.unmapped = true;
                collector.issue("DQ_ALLERGY_UNMAPPED", field, code);
            }
        }
    }
    for (at, claim) in allergens.free_from.iter().enumerate() {
        let Some(keys) = keys_of_name(&claim.allergen, tables) else {
            collector.issue("DQ_ALLERGY_UNMAPPED", "allergens.free_from", &claim.allergen);
            continue;
        };
        let certified = if claim.certified { certifiable(keys) } else { KeySet::EMPTY };
        add_all(collector, keys, Flag::ClaimFree, EvidenceSource::Declared, "allergens", &claim.allergen, at);
        add_all(
            collector,
            certified,
            Flag::CertifiedFree,
            EvidenceSource::Claim,
            "allergens",
            &claim.allergen,
            at,
        );
        let gluten = keys.contains(EvidenceKey::GlutenCereal) && keys.contains(EvidenceKey::Wheat);
        declared.diets.tagged[Diet::GlutenFree as usize] |= gluten;
        declared.diets.certified[Diet::GlutenFree as usize] |= gluten && claim.certified;
    }
}

/// A gluten certificate speaks of gluten: wheat starch and oats may be there without it.
fn certifiable(keys: KeySet) -> KeySet {
    const GRAINS: KeySet = KeySet::of(&[EvidenceKey::Wheat, EvidenceKey::Oats]);
    let gluten = keys.contains(EvidenceKey::GlutenCereal) && keys.contains(EvidenceKey::Wheat);
    if gluten { KeySet(keys.0 & !GRAINS.0) } else { keys }
}

/// The keys of a declared value, which may carry its own level: `may contain milk`.
fn resolve(code: &str, flag: Flag, tables: &Tables) -> (Flag, Option<KeySet>) {
    let words = term_words(code);
    // A declared "lactose" is milk as well; only a claim to be free of it speaks of lactose alone.
    let named = tables.declared.get(&words.join(" ")).copied();
    if let Some(keys) = named.or_else(|| keys_of_name(code, tables)) {
        return (flag, Some(keys));
    }
    let split = |prefix: &[&str]| {
        let matches = words.len() > prefix.len() && words.iter().zip(prefix).all(|(w, p)| w == p);
        matches.then(|| words[prefix.len()..].join(" "))
    };
    const PRECAUTIONS: &[(&[&str], Flag)] = &[
        (&["may", "contain", "trace", "of"], Flag::Pal),
        (&["may", "contain"], Flag::Pal),
        (&["trace", "of"], Flag::Pal),
        (&["trace"], Flag::Pal),
        (&["contain"], Flag::Contains),
        (&["en"], Flag::Contains),
    ];
    for (prefix, named) in PRECAUTIONS {
        if let Some(keys) = split(prefix).and_then(|rest| {
            tables.declared.get(&rest).copied().or_else(|| keys_of_allergen(&rest.replace(' ', "_")))
        }) {
            // A bare language tag says nothing of the level.
            return (if prefix == &["en"] || *named == Flag::Contains { flag } else { *named }, Some(keys));
        }
    }
    (flag, None)
}

/// What a declared value says that is written like a label: "Milk. May contain traces of nuts".
struct Spoken {
    found: Vec<(Flag, KeySet)>,
    /// It has a word that nobody could read, or names nothing at all.
    unread: bool,
}

fn read_sentence(value: &str, flag: Flag, tables: &Tables) -> Spoken {
    let reading = super::read_text(value, tables);
    let words = &reading.words.list;
    let mut known = vec![false; words.len()];
    let mut found: Vec<(Flag, KeySet)> = Vec::new();
    for hit in &reading.hits {
        known[hit.first as usize..hit.end as usize].fill(true);
        let Some(key) = super::allergen_of(hit).filter(|_| hit.status.names_surely()) else { continue };
        let own = match reading.modes.of(hit.first, hit.end) {
            Mode::List | Mode::Contains => flag,
            Mode::Pal => Flag::Pal,
            Mode::Facility => Flag::Facility,
            Mode::Free => Flag::ClaimFree,
        };
        match found.iter_mut().find(|(f, _)| *f == own) {
            Some((_, keys)) => keys.insert(key),
            None => found.push((own, KeySet::of(&[key]))),
        }
    }
    let spoken = |at: usize| {
        let info = tables.lexicon.info(words[at].id);
        info.function
            || info.marker != Marker::None
            || words[at].number
            || words[at].end - words[at].start <= 1
    };
    let unread = found.is_empty() || (0..words.len()).any(|at| !known[at] && !spoken(at));
    Spoken { found, unread }
}

/// The keys of one of our codes or of a vendor's name for it.
pub(super) fn keys_of_name(name: &str, tables: &Tables) -> Option<KeySet> {
    let code = name.trim().to_ascii_lowercase();
    keys_of_allergen(&code).or_else(|| {
        let words = term_words(name);
        let known = tables.declared.get(&words.join(" ")).copied();
        known.or_else(|| keys_of_allergen(&words.join("_")))
    })
}

fn add_all(
    collector: &mut Collector,
    keys: KeySet,
    flag: Flag,
    source: EvidenceSource,
    field: &'static str,
    value: &str,
    at: usize,
) {
    for key in keys.iter() {
        collector.add(Finding {
            key,
            flag,
            source,
            field,
            matched: value,
            term: key.code(),
            offset: 0,
            identity: at as u64,
        });
    }
}

fn read_tag(tag: &str, at: usize, tables: &Tables, collector: &mut Collector, diets: &mut DietClaims) {
    let mut words = term_words(tag);
    if words.len() > 1 && words[0] == "en" {
        words.remove(0);
    }
    let text = words.join(" ");
    if let Some(grant) = tables.tags.get(&text) {
        for diet in &grant.diets {
            diets.tagged[*diet as usize] = true;
        }
    }
    if let Some(keys) = text.strip_suffix(" free").and_then(|name| keys_of_name(name, tables)) {
        add_all(collector, keys, Flag::ClaimFree, EvidenceSource::Claim, "dietary_tags", tag, at);
    }
}

fn read_certificate(
    text: &str,
    at: usize,
    tables: &Tables,
    collector: &mut Collector,
    diets: &mut DietClaims,
) {
    let Some(grant) = tables.certificates.get(&term_words(text).join(" ")) else { return };
    for diet in &grant.diets {
        diets.certified[*diet as usize] = true;
    }
    add_all(collector, grant.free, Flag::CertifiedFree, EvidenceSource::Claim, "certifications", text, at);
}
