//! Flags and what they rest on, collected while a label is read.

use std::collections::BTreeSet;

use crate::facts::{Evidence, EvidenceKey, EvidenceSource, Flag, Flags, KEY_COUNT, QualityIssue};

#[derive(Debug)]
pub(super) struct Collector {
    pub flags: [Flags; KEY_COUNT],
    evidence: Vec<Evidence>,
    issues: BTreeSet<QualityIssue>,
    /// Evidence that is already there: a term that stands ten times is quoted once.
    seen: BTreeSet<(u8, u8, u8, &'static str, u64)>,
}

/// One finding, before it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding<'a> {
    pub key: EvidenceKey,
    pub flag: Flag,
    pub source: EvidenceSource,
    pub field: &'static str,
    pub matched: &'a str,
    pub term: &'a str,
    pub offset: u32,
    /// What makes it the same finding again: the term's number, or its place in a list.
    pub identity: u64,
}

impl Collector {
    pub fn new() -> Self {
        Self {
            flags: [Flags::NONE; KEY_COUNT],
            evidence: Vec::new(),
            issues: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    pub fn add(&mut self, finding: Finding<'_>) {
        let slot = &mut self.flags[finding.key as usize];
        *slot = slot.with(finding.flag);
        let identity =
            (finding.key as u8, finding.flag as u8, finding.source as u8, finding.field, finding.identity);
        if self.seen.insert(identity) {
            self.evidence.push(Evidence {
                key: finding.key.code().to_owned(),
                flag: finding.flag,
                source: finding.source,
                field: finding.field.to_owned(),
                matched: finding.matched.to_owned(),
                term: finding.term.to_owned(),
                offset: finding.offset,
            });
        }
    }

    pub fn issue(&mut self, code: &str, field: &str, value: impl Into<String>) {
        self.issues.insert(QualityIssue::new(code, field, value));
    }

    pub fn has(&self, key: EvidenceKey, flag: Flag) -> bool {
        self.flags[key as usize].has(flag)
    }

    /// What a flag rests on: its sources, and the terms of our tables that were matched.
    pub fn sources_of(&self, key: EvidenceKey, flag: Flag) -> impl Iterator<Item = (EvidenceSource, &str)> {
        let of = self.evidence.iter().filter(move |e| e.flag == flag && e.key == key.code());
        of.map(|e| (e.source, e.term.as_str()))
    }

    /// Whether the product itself is claimed or certified free, in its declarations, tags, marks or name. A
    /// claim inside the list ("gluten-free oats") speaks of one ingredient.
    pub fn product_claims(&self, key: EvidenceKey, flag: Flag) -> bool {
        let fields = ["allergens", "dietary_tags", "certifications", "name"];
        let claims =
            |e: &Evidence| e.flag == flag && e.key == key.code() && fields.contains(&e.field.as_str());
        self.evidence.iter().any(claims)
    }

    /// Reports keys that are both claimed free and contained; the stricter stands anyway.
    pub fn report_conflicts(&mut self) {
        for key in EvidenceKey::ALL {
            let free = self.has(*key, Flag::ClaimFree) || self.has(*key, Flag::CertifiedFree);
            if free && self.has(*key, Flag::Contains) {
                self.issue("DQ_ALLERGEN_CONFLICT", "allergens", key.code());
            }
        }
    }

    pub fn finish(mut self) -> ([Flags; KEY_COUNT], Vec<Evidence>, Vec<QualityIssue>) {
        self.evidence.sort_by(|a, b| {
            (&a.key, a.flag as u8, a.source, a.offset, &a.field, &a.term, &a.matched).cmp(&(
                &b.key,
                b.flag as u8,
                b.source,
                b.offset,
                &b.field,
                &b.term,
                &b.matched,
            ))
        });
        (self.flags, self.evidence, self.issues.into_iter().collect())
    }
}
