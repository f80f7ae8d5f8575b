//! The deriver: from what a label says to facts.
//!
//! Owns: the term tables under `data/terms` and the tables under `data/label`. Promises: a pure
//! function of label and tables; more evidence never removes a flag; linear in the length of the
//! text; no panic on any text. Emits: nothing. Never: reads a brand for allergens, or takes silence
//! for absence (what silence is worth is [`Facts::is_incomplete`]'s business).

mod claims;
mod declared;
mod diet_nutrients;
mod diets;
mod evidence;
mod extra;
mod fragments;
mod html;
mod index_input;
mod items;
mod language;
mod law;
mod lexicon;
mod list;
pub(crate) mod markers;
mod misread;
mod nutrients;
mod oils;
mod outcome;
mod own_names;
mod phrases;
mod plausibility;
mod racc;
mod roles;
mod serving_text;
mod sources;
mod statements;
mod tables;
mod text;
mod tree;
mod trie;

#[cfg(test)]
pub(crate) mod catalog_tests;
#[cfg(test)]
mod class_tests;
#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod diet_tests;
#[cfg(test)]
mod extra_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod statement_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;

use odyssey_types::{AllergenData, ProductFields};

#[cfg(test)]
pub(crate) use diet_nutrients::net_carbohydrate;
pub use extra::{EXTRA_TERM_CHARS_MAX, EXTRA_TERMS_MAX, ExtraTerm, ExtraTermError, TermProblem};
pub use plausibility::{FindingSeverity, NutritionFinding, check_nutrition, check_nutrition_of};
pub use roles::Roles;
pub use tables::{TableError, Tables};
pub use tree::{
    DEPTH_MAX, INGREDIENTS_MAX, Ingredient, IngredientTree, Joint, LabelStatement, Language, Placement,
    STATEMENTS_MAX, Share, ShareKind, StatementKind, TEXT_BYTES_MAX, Truncation, WHOLE_PPM, parse,
    parse_with, placements,
};

use crate::facts::{
    Derivation, EvidenceKey, EvidenceSource, Facts, Flag, KEY_COUNT, KeySet, ListState, QualityIssue,
};
use crate::indices::Indices;
use declared::Declared;
use diet_nutrients::DietNutrients;
use diets::DietInput;
use evidence::{Collector, Finding};
use lexicon::{Lexicon, Marker};
use list::ListReading;
use outcome::Outcome;
use statements::{Mode, Modes, Span};
use tables::target;
use text::{Word, Words};
use trie::{Hit, Status};

/// One product's label: its fields as the vendor wrote them, and the flags held from earlier data.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    pub fields: &'a ProductFields,
    pub holds: &'a [(EvidenceKey, Flag)],
}

/// Derives the facts of one product. Holds are added to what the row itself says.
pub fn derive(label: &Label<'_>, tables: &Tables) -> Derivation {
    let fields = label.fields;
    let mut collector = Collector::new();
    let declared = declared::read(fields, tables, &mut collector);
    let mandatory = tables.law.mandatory(fields.label_jurisdiction, fields.label_as_of);
    let attested = fields.allergen_data == AllergenData::Complete && !declared.unmapped;

    let mut reader = TextReader { fields, tables, collector, mandatory, attested, outcome: Outcome::new() };
    let list = reader.read_ingredients();
    reader.read_name(list.state == ListState::Absent);
    reader.read_description();
    let TextReader { mut collector, outcome, .. } = reader;

    for (key, flag) in label.holds {
        collector.add(Finding {
            key: *key,
            flag: *flag,
            source: EvidenceSource::Hold,
            field: "allergen_holds",
            matched: "",
            term: key.code(),
            offset: 0,
            identity: 0,
        });
    }
    collector.report_conflicts();
    finish(label, tables, collector, &declared, &outcome, &list, mandatory, attested)
}

fn finish(
    label: &Label<'_>,
    tables: &Tables,
    mut collector: Collector,
    declared: &Declared,
    outcome: &Outcome,
    list: &ListReading,
    mandatory: KeySet,
    attested: bool,
) -> Derivation {
    let nutrients = nutrients::derive(label.fields, tables, &mut collector);
    let input = DietInput {
        collector: &collector,
        rules: &tables.diets,
        terms: outcome.diets,
        claims: declared.diets.with_name(outcome.gluten_claim),
        grains: outcome.plain_grains(&collector, label),
        list_state: list.state,
        coverage_permille: list.coverage_permille,
        container_term: outcome.container,
        attested,
        mandatory,
        jurisdiction: label.fields.label_jurisdiction,
        nutrients: DietNutrients {
            per_100: &nutrients.per_100,
            per_reference: &nutrients.per_reference,
            reference_amount: nutrients.reference_amount,
            least_amount: nutrients.least_amount,
            reference_source: nutrients.reference_source,
            is_volume: nutrients.is_volume,
        },
    };
    let (diets, contradicted) = diets::judge(&input);
    for diet in contradicted {
        collector.issue("DQ_CLAIM_CONFLICT", "dietary_tags", diet.code());
    }
    let (flags, evidence, mut issues) = collector.finish();
    let mut facts = Facts {
        flags,
        list_state: list.state,
        coverage_permille: list.coverage_permille,
        container_term: outcome.container,
        mandatory,
        attested,
        diets,
        per_100: nutrients.per_100.clone(),
        per_reference: nutrients.per_reference.clone(),
        reference_amount: nutrients.reference_amount,
        reference_source: nutrients.reference_source,
        is_volume: nutrients.is_volume,
        indices: Indices::default(),
    };
    issues.extend(
        label
            .holds
            .iter()
            .map(|(key, _)| QualityIssue::new("DQ_ALLERGEN_REMOVED", "allergen_holds", key.code())),
    );
    facts.indices = index_input::derive(label, tables, &facts, &nutrients, &outcome.statements, &mut issues);
    Derivation { facts, evidence, issues }
}

/// Identities of findings by slip begin here, behind those by fragment.
const MISREAD_FROM: usize = 1 << 16;

/// Identities of findings by added terms begin here.
const EXTRA_FROM: u64 = 2 << 32;

/// No item of a statement has more words on either side of a term.
const ITEM_WORDS_MAX: usize = 20;

struct TextReader<'a> {
    fields: &'a ProductFields,
    tables: &'a Tables,
    collector: Collector,
    mandatory: KeySet,
    attested: bool,
    outcome: Outcome,
}

/// A text, read: words, hits, and the mode of each word.
struct Reading {
    words: Words,
    hits: Vec<Hit>,
    modes: Modes,
}

fn read_text(text: &str, tables: &Tables) -> Reading {
    let words = text::words(text, &tables.lexicon);
    let hits = without_befriended_names(tables.trie.scan(&words.list), &words.list, &tables.lexicon);
    let hits = items::settle_bare(hits, &words.list, &tables.lexicon);
    let spans: Vec<Span> = hits
        .iter()
        .map(|h| Span { first: h.first, end: h.end, status: h.status, allergen: is_allergen(h) })
        .collect();
    let modes = statements::read(&words.list, &spans, &tables.lexicon);
    Reading { words, hits, modes }
}

impl TextReader<'_> {
    fn read_ingredients(&mut self) -> ListReading {
        let Some(text) = self.fields.ingredients.as_deref() else {
            return ListReading { state: ListState::Absent, coverage_permille: 0 };
        };
        let reading = self.read(text);
        let is_listed = |at: usize| reading.modes.of(at as u32, at as u32 + 1) == Mode::List;
        let list = list::read(text, &reading.words, &reading.hits, &self.tables.lexicon, is_listed);
        self.outcome.statements = index_input::statements(&reading.words, &reading.modes);
        // Where the law makes a complete label name its sources, an unnamed one is none of them.
        let spoken_for =
            if self.attested && list.state == ListState::Complete { self.mandatory } else { KeySet::EMPTY };
        self.collect("ingredients", text, &reading, |_, hit| {
            let named = names_source(self.tables, hit);
            hit.status != Status::Likely || !named || !is_key(hit, spoken_for)
        });
        self.collect_fragments("ingredients", text, &reading);
        self.collect_extra("ingredients", text, &reading);
        list
    }

    /// The name counts as a list of its own; what it leaves in doubt counts only where no list says more.
    fn read_name(&mut self, list_absent: bool) {
        let Some(text) = self.fields.name.as_deref() else { return };
        let mut reading = self.read(text);
        self.tables.own_names.doubt_customary(&mut reading, &self.tables.lexicon);
        self.collect("name", text, &reading, |mode, hit| {
            mode != Mode::List || hit.status != Status::Likely || list_absent
        });
        self.collect_extra("name", text, &reading);
        let gluten = target::NAMES + EvidenceKey::GlutenCereal as trie::Target;
        let claims = |h: &&Hit| h.target == gluten && reading.modes.of(h.first, h.end) == Mode::Free;
        self.outcome.gluten_claim |= reading.hits.iter().find(claims).is_some();
    }

    /// A description praises; only its label statements are evidence.
    fn read_description(&mut self) {
        let Some(text) = self.fields.description.as_deref() else { return };
        let reading = self.read(text);
        self.collect("description", text, &reading, |mode, _| mode != Mode::List);
        self.collect_extra("description", text, &reading);
    }

    fn read(&self, text: &str) -> Reading {
        read_text(text, self.tables)
    }

    fn collect(
        &mut self,
        field: &'static str,
        text: &str,
        reading: &Reading,
        counts: impl Fn(Mode, &Hit) -> bool,
    ) {
        for hit in &reading.hits {
            let mode = reading.modes.of(hit.first, hit.end);
            // A composite food hides others whether or not a bracket explains it.
            let is_friend = hit.status.is_friend() && hit.target != target::CONTAINER;
            let spoken_of = is_friend
                || (hit.status.is_doubtful() && self.is_doubt_of_statement(reading, hit, mode))
                || items::is_purpose(&reading.words.list, hit, &self.tables.lexicon)
                || self.source_is_named(reading, hit);
            if spoken_of || !counts(mode, hit) {
                continue;
            }
            match hit.target {
                target::CONTAINER => self.outcome.container |= field == "ingredients",
                t if t >= target::NAMES => {
                    if mode != Mode::List {
                        self.add(
                            field,
                            text,
                            reading,
                            hit,
                            EvidenceKey::ALL[usize::from(t - target::NAMES)],
                            mode,
                        );
                    }
                }
                t if usize::from(t) >= KEY_COUNT => {
                    self.mark_diet(usize::from(t) - KEY_COUNT, hit.status, mode);
                }
                t => {
                    let key = EvidenceKey::ALL[usize::from(t)];
                    let exempt = self.tables.terms[hit.term as usize].oil_exempt
                        && self.tables.oils.is_source(&reading.words.list, hit, &self.tables.lexicon);
                    let status = if exempt { Status::Exempt } else { hit.status };
                    self.add(field, text, reading, &Hit { status, ..*hit }, key, mode);
                }
            }
        }
    }

    /// Whether a statement leaves nothing to doubt: "free from …" promises only what it names, and in "may
    /// contain soy lecithin" the lecithin is the soy's.
    fn is_doubt_of_statement(&self, reading: &Reading, hit: &Hit, mode: Mode) -> bool {
        match mode {
            Mode::List | Mode::Contains => false,
            Mode::Free => true,
            Mode::Pal | Mode::Facility => {
                let words = &reading.words.list;
                let separates = |at: usize| words[at].comma || words[at].sep >= text::Sep::Colon;
                let (first, end) = (hit.first as usize, hit.end as usize);
                let before = (first.saturating_sub(ITEM_WORDS_MAX)..=first).rev();
                let start = before.into_iter().find(|at| separates(*at)).unwrap_or(first);
                let last = words.len().min(end + ITEM_WORDS_MAX);
                let stop = (end..last).find(|at| separates(*at)).unwrap_or(last);
                let hazard =
                    (first..end).all(|at| self.tables.lexicon.marker(words[at].id) == Marker::Hazard);
                hazard || reading.modes.definite[start..stop].iter().any(|s| *s)
            }
        }
    }

    /// Words that no table knows, but that have an allergen's name in them, leave it in doubt.
    fn collect_fragments(&mut self, field: &'static str, text: &str, reading: &Reading) {
        let mut known = vec![false; reading.words.list.len()];
        for hit in &reading.hits {
            known[hit.first as usize..hit.end as usize].fill(true);
        }
        for (at, word) in reading.words.list.iter().enumerate().filter(|(at, _)| !known[*at]) {
            let info = self.tables.lexicon.info(word.id);
            if info.food || info.function || info.purpose || word.number || info.marker != Marker::None {
                continue;
            }
            let mode = reading.modes.of(at as u32, at as u32 + 1);
            let flag = match mode {
                Mode::List | Mode::Contains => Flag::Ambiguous,
                Mode::Pal => Flag::Pal,
                Mode::Facility => Flag::Facility,
                Mode::Free => continue,
            };
            let matched = &text[word.start as usize..word.end as usize];
            // What a "contains" line names run together with another word it still names.
            let stated = mode == Mode::Contains;
            let fragments = self.tables.fragments.of(matched).map(|(place, fragment, key)| {
                (place, fragment, key, if stated { Flag::Contains } else { flag })
            });
            let misread = self.tables.misread.of(matched, &self.tables.lexicon);
            let misread = misread.iter().map(|key| (MISREAD_FROM + key as usize, key.code(), key, flag));
            for (place, fragment, key, flag) in fragments.chain(misread) {
                self.collector.add(Finding {
                    key,
                    flag,
                    source: if stated { EvidenceSource::Statement } else { EvidenceSource::Term },
                    field,
                    matched,
                    term: fragment,
                    offset: word.start,
                    // Apart from the numbers of terms.
                    identity: (1 << 32) + place as u64,
                });
            }
        }
    }

    /// Terms that were added to the tables, beside all that the tables themselves find. A statement that a
    /// product is free of one is no evidence: an added term never speaks for absence.
    fn collect_extra(&mut self, field: &'static str, text: &str, reading: &Reading) {
        let Some(extra) = self.tables.extra.clone() else { return };
        for found in extra.find(text) {
            let words = &reading.words.list;
            let first = words.partition_point(|w| w.end <= found.start) as u32;
            let end = words.partition_point(|w| w.start < found.end) as u32;
            let mode = if first < end { reading.modes.of(first, end) } else { Mode::List };
            if mode == Mode::Free || (mode == Mode::List && field == "description") {
                continue;
            }
            let status = if found.definite { Status::Definite } else { Status::Likely };
            let (flag, source) = self.meaning(status, mode);
            if flag == Flag::Contains {
                self.outcome.grains.insert(found.key);
            }
            self.collector.add(Finding {
                key: found.key,
                flag,
                source,
                field,
                matched: &text[found.start as usize..found.end as usize],
                term: found.text,
                offset: found.start,
                // Apart from the numbers of terms and of fragments.
                identity: EXTRA_FROM + u64::from(found.term),
            });
        }
    }

    /// A bracket names the source, so that nothing is left in doubt: "lecithin (sunflower)".
    fn source_is_named(&self, reading: &Reading, hit: &Hit) -> bool {
        let doubtful = matches!(hit.status, Status::Likely | Status::Exempt | Status::ExemptUs);
        doubtful
            && self.tables.terms[hit.term as usize].takes_source
            && sources::of_bracket(&reading.words.list, hit, &self.tables.lexicon)
                .is_some_and(|named| named.settles(hit.target))
    }

    fn mark_diet(&mut self, diet: usize, status: Status, mode: Mode) {
        if matches!(mode, Mode::List | Mode::Contains) {
            let terms = &mut self.outcome.diets[diet];
            terms.breaks |= status == Status::Definite;
            terms.unsure |= status == Status::Likely;
        }
    }

    fn add(
        &mut self,
        field: &'static str,
        text: &str,
        reading: &Reading,
        hit: &Hit,
        key: EvidenceKey,
        mode: Mode,
    ) {
        let (flag, source) = self.meaning(hit.status, mode);
        if flag == Flag::Contains {
            let grains = if hit.status == Status::GrainOnly {
                &mut self.outcome.freed_grains
            } else {
                &mut self.outcome.grains
            };
            grains.insert(key);
        }
        let (first, last) =
            (reading.words.list[hit.first as usize], reading.words.list[hit.end as usize - 1]);
        self.collector.add(Finding {
            key,
            flag,
            source,
            field,
            matched: &text[first.start as usize..last.end as usize],
            term: &self.tables.terms[hit.term as usize].text,
            offset: first.start,
            identity: u64::from(hit.term),
        });
    }

    /// What a term of this status means where it stands.
    fn meaning(&self, status: Status, mode: Mode) -> (Flag, EvidenceSource) {
        let us = self.fields.label_jurisdiction == odyssey_types::Jurisdiction::Us;
        let flag = match status {
            Status::Likely | Status::Bare => Flag::Ambiguous,
            Status::Exempt => Flag::Exempt,
            Status::ExemptUs if us => Flag::Exempt,
            _ => Flag::Contains,
        };
        match mode {
            Mode::List => (flag, EvidenceSource::Term),
            Mode::Contains => (flag, EvidenceSource::Statement),
            Mode::Pal => (Flag::Pal, EvidenceSource::Statement),
            Mode::Facility => (Flag::Facility, EvidenceSource::Statement),
            Mode::Free => (Flag::ClaimFree, EvidenceSource::Claim),
        }
    }
}

fn names_source(tables: &Tables, hit: &Hit) -> bool {
    tables.terms[hit.term as usize].source_named
}

fn is_key(hit: &Hit, keys: KeySet) -> bool {
    usize::from(hit.target) < KEY_COUNT && keys.contains(EvidenceKey::ALL[usize::from(hit.target)])
}

/// Leaves out names that are part of a false friend of their key: the "noix" of "noix de coco".
fn without_befriended_names(mut hits: Vec<Hit>, words: &[Word], lexicon: &Lexicon) -> Vec<Hit> {
    let mut befriended = [0; KEY_COUNT];
    // In "gluten free" the gluten is meant, and denied.
    let denies = |hit: &Hit| {
        let marker = |at: u32| lexicon.marker(words[at as usize].id);
        (hit.first..hit.end)
            .any(|at| matches!(marker(at), Marker::Free | Marker::No | Marker::Without | Marker::Not))
    };
    // By first word, the longest first: a friend that covers a name stands before it.
    hits.retain(|hit| {
        let key = hit.target.checked_sub(target::NAMES).unwrap_or(hit.target);
        let Some(end) = befriended.get_mut(usize::from(key)) else { return true };
        if hit.status.is_friend() && !denies(hit) {
            *end = hit.end.max(*end);
        }
        hit.status != Status::Name || hit.end > *end
    });
    hits
}

/// The key that a term or a name speaks of.
fn key_of(hit: &Hit) -> Option<EvidenceKey> {
    let key = if hit.target >= target::NAMES { hit.target - target::NAMES } else { hit.target };
    EvidenceKey::ALL.get(usize::from(key)).copied()
}

/// Names an allergen that statements are about, by term or by name: "may contain milk, corn syrup" runs
/// on into ingredients, so that corn, which no law makes a label declare, does not prolong a statement.
fn is_allergen(hit: &Hit) -> bool {
    key_of(hit).is_some_and(EvidenceKey::is_regulated)
}

/// The allergen, regulated or not, that the hit speaks of.
fn allergen_of(hit: &Hit) -> Option<EvidenceKey> {
    key_of(hit).filter(|k| k.is_allergen())
}
