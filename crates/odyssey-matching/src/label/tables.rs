//! The deriver's data, read once from the files under `data/` and checked: unknown keys, unknown
//! statuses, duplicates and rows without a source are errors.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::claims::{Grant, read_claims, read_declared};
use super::extra::{Extra, ExtraTerm, ExtraTermError};
use super::fragments::Fragments;
use super::language;
use super::law::Law;
use super::lexicon::Lexicon;
use super::misread::Misread;
use super::oils::Oils;
use super::own_names::OwnNames;
use super::phrases::Phrases;
use super::racc::RaccTable;
use super::roles::Roles;
use super::text::{singular, term_words};
use super::trie::{Entry, Status, TERM_WORDS_MAX, Target, Trie};
use crate::diet_rules::DietTable;
use crate::facts::{DIET_COUNT, Diet, EvidenceKey, KEY_COUNT, KeySet};
use crate::indices::IndexTables;

/// Raised whenever code or data of the deriver changes what it derives. At most 127: a version is stored as a
/// positive 32-bit integer.
const DERIVER_VERSION: u32 = 4;
/// Bits of a version that tell sets of added terms apart.
pub(super) const EXTRA_BITS: u32 = 24;

/// The files, by name; all of them go into the digest.
pub(super) const FILES: &[(&str, &str)] = &[
    ("terms/allergens.tsv", include_str!("../../data/terms/allergens.tsv")),
    ("terms/classes.tsv", include_str!("../../data/terms/classes.tsv")),
    ("terms/foreign.tsv", include_str!("../../data/terms/foreign.tsv")),
    ("terms/names.tsv", include_str!("../../data/terms/names.tsv")),
    ("terms/diets.tsv", include_str!("../../data/terms/diets.tsv")),
    ("terms/containers.tsv", include_str!("../../data/terms/containers.tsv")),
    ("terms/plain.tsv", include_str!("../../data/terms/plain.tsv")),
    ("label/spellings.tsv", include_str!("../../data/label/spellings.tsv")),
    ("label/function_words.txt", include_str!("../../data/label/function_words.txt")),
    ("label/purpose_words.txt", include_str!("../../data/label/purpose_words.txt")),
    ("label/hollow_words.txt", include_str!("../../data/label/hollow_words.txt")),
    ("label/modifiers.txt", include_str!("../../data/label/modifiers.txt")),
    ("label/food_words.txt", include_str!("../../data/label/food_words.txt")),
    ("label/foreign_words.txt", include_str!("../../data/label/foreign_words.txt")),
    ("label/bracket_sources.tsv", include_str!("../../data/label/bracket_sources.tsv")),
    ("label/named_sources.tsv", include_str!("../../data/label/named_sources.tsv")),
    ("label/declared_names.tsv", include_str!("../../data/label/declared_names.tsv")),
    ("label/fragments.tsv", include_str!("../../data/label/fragments.tsv")),
    ("label/claims.tsv", include_str!("../../data/label/claims.tsv")),
    ("label/mandatory.tsv", include_str!("../../data/label/mandatory.tsv")),
    ("label/racc.tsv", include_str!("../../data/label/racc.tsv")),
    ("label/own_names.tsv", include_str!("../../data/label/own_names.tsv")),
    (DIETS, crate::diet_rules::EMBEDDED),
    ("label/phrases.tsv", include_str!("../../data/label/phrases.tsv")),
    ("label/languages.tsv", include_str!("../../data/label/languages.tsv")),
    ("indices/nutri_score.toml", include_str!("../../data/indices/nutri_score.toml")),
    ("indices/uk_npm.toml", include_str!("../../data/indices/uk_npm.toml")),
    ("indices/nova.toml", include_str!("../../data/indices/nova.toml")),
    ("indices/fruit.toml", include_str!("../../data/indices/fruit.toml")),
    ("indices/categories.toml", include_str!("../../data/indices/categories.toml")),
    ("indices/claims.toml", include_str!("../../data/indices/claims.toml")),
    ("indices/healthy.toml", include_str!("../../data/indices/healthy.toml")),
    ("indices/completeness.toml", include_str!("../../data/indices/completeness.toml")),
    ("indices/label_physics.toml", include_str!("../../data/indices/label_physics.toml")),
    ("indices/quality.toml", include_str!("../../data/indices/quality.toml")),
];

const DIETS: &str = "rules/diets.toml";

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct TableError {
    pub file: String,
    pub line: usize,
    pub problem: String,
}

#[derive(Debug)]
pub(super) struct Term {
    pub text: String,
    /// The law obliges a label to name the source of this ingredient if it is a major allergen.
    pub source_named: bool,
    /// A bracket behind it may name its source: "lecithin (soy)".
    pub takes_source: bool,
    /// It names its key beyond doubt, and the oil made of it is exempt: "soybean".
    pub oil_exempt: bool,
}

/// Terms, words and rules of the deriver: what files say, shared, and what a vendor added. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tables {
    pub(super) read: Arc<TableFiles>,
    pub(super) extra: Option<Arc<Extra>>,
    /// Codes of the vendor's categories, each with how much of a meal its products are.
    pub(super) roles: Option<Arc<Roles>>,
}

impl Deref for Tables {
    type Target = TableFiles;

    fn deref(&self) -> &TableFiles {
        &self.read
    }
}

/// What the data files say.
#[derive(Debug)]
pub struct TableFiles {
    pub(super) lexicon: Lexicon,
    pub(super) trie: Trie,
    pub(super) terms: Vec<Term>,
    /// Names of declared allergens; an empty set is a name of nothing we keep facts of.
    pub(super) declared: BTreeMap<String, KeySet>,
    pub(super) tags: BTreeMap<String, Grant>,
    pub(super) certificates: BTreeMap<String, Grant>,
    pub(super) fragments: Fragments,
    pub(super) misread: Misread,
    pub(super) law: Law,
    pub(super) racc: RaccTable,
    pub(super) diets: DietTable,
    pub(super) own_names: OwnNames,
    pub(super) phrases: Phrases,
    pub(super) oils: Oils,
    pub(crate) indices: IndexTables,
    digest: String,
}

impl Tables {
    /// The tables that this build carries.
    pub fn embedded() -> &'static Self {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES
            .get_or_init(|| Self::parse(FILES).expect("the embedded tables are read by a test of this crate"))
    }

    /// The deriver's version, stored beside what it derived: the program's in the upper bits, so that a
    /// later program's is always greater, and in the lower [`EXTRA_BITS`] a digest of added terms, 0 for
    /// none. Two sets of terms share it once in 16 million.
    pub fn version(&self) -> u32 {
        DERIVER_VERSION << EXTRA_BITS | self.extra.as_ref().map_or(0, |extra| extra.mark())
    }

    /// Whether both are the same tables in memory: then, and maybe not only then, they derive the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let both = |a: Option<&Arc<_>>, b: Option<&Arc<_>>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        Arc::ptr_eq(&self.read, &other.read) && both(self.extra.as_ref(), other.extra.as_ref())
    }

    /// The smallest version of the next program: from there on facts are not ours to derive again.
    pub fn next_program_version() -> u32 {
        (DERIVER_VERSION + 1) << EXTRA_BITS
    }

    /// SHA-256 over names and contents of the data files, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.read.digest
    }

    /// These tables and more terms, each of which only adds evidence: no flag, no unread word and no doubt
    /// that a label leaves without them goes away with them.
    pub fn with_terms(&self, terms: &[ExtraTerm]) -> Result<Self, ExtraTermError> {
        let extra = if terms.is_empty() { None } else { Some(Arc::new(Extra::new(terms, &self.lexicon)?)) };
        Ok(Self { read: Arc::clone(&self.read), extra, roles: self.roles.clone() })
    }

    /// Reads tables from `(name, content)` pairs; the names are those of the files under `data/`.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, TableError> {
        let rows = |name: &str| Rows::new(files, name);
        let mut lexicon = Lexicon::new();
        read_spellings(&rows("label/spellings.tsv")?, &mut lexicon)?;
        let named = read_named_sources(&rows("label/named_sources.tsv")?)?;
        let sources = BracketSources::read(&rows("label/bracket_sources.tsv")?)?;
        let mut terms =
            TermReader { lexicon, terms: Vec::new(), paths: Vec::new(), named, heads: sources.heads };
        for (name, _) in files.iter().filter(|(n, _)| n.starts_with("terms/") && *n != "terms/foreign.tsv") {
            terms.read(&rows(name)?)?;
        }
        terms.mark_exempt_oils();
        let english = terms.lexicon.len();
        let misread = terms.misread();
        terms.read(&rows("terms/foreign.tsv")?)?;
        let (mut lexicon, trie, terms) = terms.build()?;
        read_words(&rows("label/function_words.txt")?, &mut lexicon, |i| i.function = true)?;
        read_words(&rows("label/purpose_words.txt")?, &mut lexicon, |i| i.purpose = true)?;
        read_words(&rows("label/hollow_words.txt")?, &mut lexicon, |i| i.hollow = true)?;
        read_words(&rows("label/modifiers.txt")?, &mut lexicon, |i| i.modifier = true)?;
        read_words(&rows("label/food_words.txt")?, &mut lexicon, |i| i.food = true)?;
        read_words(&rows("label/foreign_words.txt")?, &mut lexicon, |i| i.foreign = true)?;
        lexicon.mark_foreign_from(english);
        for (word, rules_out_animals) in &sources.words {
            let id = lexicon.add(word);
            let info = lexicon.info_mut(id);
            info.source |= !rules_out_animals;
            info.no_animal |= *rules_out_animals;
        }
        let oils = Oils::new(&mut lexicon);
        let phrases = Phrases::read(&rows("label/phrases.tsv")?, &mut lexicon)?;
        language::read(&rows("label/languages.tsv")?, &mut lexicon)?;
        let (tags, certificates) = read_claims(&rows("label/claims.tsv")?)?;
        let read = TableFiles {
            lexicon,
            trie,
            terms,
            declared: read_declared(&rows("label/declared_names.tsv")?)?,
            tags,
            certificates,
            misread,
            fragments: Fragments::read(&rows("label/fragments.tsv")?)?,
            law: Law::read(&rows("label/mandatory.tsv")?)?,
            racc: RaccTable::read(&rows("label/racc.tsv")?)?,
            diets: read_diets(files)?,
            own_names: OwnNames::read(&rows("label/own_names.tsv")?)?,
            phrases,
            oils,
            indices: IndexTables::parse(files).map_err(|(file, problem)| TableError {
                file: file.to_owned(),
                line: 0,
                problem,
            })?,
            digest: digest(files),
        };
        Ok(Self { read: Arc::new(read), extra: None, roles: None })
    }
}

/// What a term may speak about, as one small number.
pub(super) mod target {
    use super::{DIET_COUNT, KEY_COUNT, Target};

    pub const DIETS: Target = KEY_COUNT as Target;
    pub const CONTAINER: Target = DIETS + DIET_COUNT as Target;
    /// Phrases that name nothing we keep facts of.
    pub const PLAIN: Target = CONTAINER + 1;
    /// Names of keys, read inside statements: `NAMES + key`.
    pub const NAMES: Target = PLAIN + 1;
    /// How many targets there are.
    pub const COUNT: usize = NAMES as usize + KEY_COUNT;
}

/// The rows of one file: line number and tab-separated fields; blank lines and `#` lines left out.
pub(super) struct Rows<'a> {
    pub file: String,
    pub rows: Vec<(usize, Vec<&'a str>)>,
}

impl<'a> Rows<'a> {
    fn new(files: &[(&str, &'a str)], name: &str) -> Result<Self, TableError> {
        let file = name.to_owned();
        let Some((_, content)) = files.iter().find(|(n, _)| *n == name) else {
            return Err(TableError { file, line: 0, problem: "is missing".to_owned() });
        };
        let rows = content
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'))
            .map(|(at, l)| (at + 1, l.split('\t').map(str::trim).collect()))
            .collect();
        Ok(Self { file, rows })
    }

    pub fn error(&self, line: usize, problem: impl Into<String>) -> TableError {
        TableError { file: self.file.clone(), line, problem: problem.into() }
    }

    /// Rows of exactly `N` filled columns.
    pub fn columns<const N: usize>(
        &self,
    ) -> impl Iterator<Item = Result<(usize, [&'a str; N]), TableError>> + '_ {
        self.rows.iter().map(|(line, fields)| match <[&str; N]>::try_from(fields.clone()) {
            Ok(columns) if columns.iter().all(|c| !c.is_empty()) => Ok((*line, columns)),
            _ => Err(self.error(*line, format!("must have {N} filled columns"))),
        })
    }
}

struct TermReader {
    lexicon: Lexicon,
    terms: Vec<Term>,
    paths: Vec<(Vec<u32>, Entry, String, usize)>,
    named: BTreeSet<String>,
    heads: BTreeSet<String>,
}

impl TermReader {
    fn read(&mut self, rows: &Rows<'_>) -> Result<(), TableError> {
        for row in rows.columns::<4>() {
            let (line, [key, status, text, _source]) = row?;
            let status = Status::parse(status)
                .ok_or_else(|| rows.error(line, format!("`{status}` is not a status")))?;
            let target =
                parse_target(key, status).ok_or_else(|| rows.error(line, format!("`{key}` is not a key")))?;
            let words = term_words(text);
            if words.is_empty() || words.len() > TERM_WORDS_MAX {
                return Err(rows.error(line, format!("`{text}` must have 1 to {TERM_WORDS_MAX} words")));
            }
            let entry = Entry { target, status, term: self.terms.len() as u32 };
            let path = words.iter().map(|w| self.lexicon.add(w)).collect();
            self.paths.push((path, entry, rows.file.clone(), line));
            let normal = words.join(" ");
            self.terms.push(Term {
                text: text.to_owned(),
                source_named: self.named.contains(&normal),
                takes_source: self.heads.contains(&normal),
                oil_exempt: false,
            });
        }
        Ok(())
    }

    /// Marks the terms of which the tables have the oil as exempt.
    fn mark_exempt_oils(&mut self) {
        let oil = self.lexicon.add("oil");
        let exempt: BTreeSet<(Target, &[u32])> = self
            .paths
            .iter()
            .filter(|(path, entry, ..)| entry.status == Status::Exempt && path.last() == Some(&oil))
            .map(|(path, entry, ..)| (entry.target, &path[..path.len() - 1]))
            .collect();
        for (path, entry, ..) in &self.paths {
            let sure = entry.status == Status::Definite && exempt.contains(&(entry.target, path.as_slice()));
            self.terms[entry.term as usize].oil_exempt = sure;
        }
    }

    /// The single words that name a regulated allergen, so far. A slip in the name of another is an unread
    /// word, and that already leaves an allergen in doubt that no law makes a label declare.
    fn misread(&self) -> Misread {
        let mut misread = Misread::default();
        for (path, entry, ..) in &self.paths {
            let key = EvidenceKey::ALL.get(usize::from(entry.target)).filter(|k| k.is_regulated());
            if let (Some(key), [id], Status::Definite) = (key, path.as_slice(), entry.status) {
                for word in term_words(&self.terms[entry.term as usize].text) {
                    misread.add(&word, *id, *key);
                }
            }
        }
        misread
    }

    fn build(self) -> Result<(Lexicon, Trie, Vec<Term>), TableError> {
        let mut trie = Trie::new(self.lexicon.len());
        for (path, entry, file, line) in self.paths {
            if !trie.insert(&path, entry) {
                let problem = format!("`{}` stands twice for its key", self.terms[entry.term as usize].text);
                return Err(TableError { file, line, problem });
            }
        }
        Ok((self.lexicon, trie, self.terms))
    }
}

fn parse_target(key: &str, status: Status) -> Option<Target> {
    match (key, status) {
        ("container", Status::Likely | Status::Composite) => return Some(target::CONTAINER),
        ("plain", status) if status.is_friend() => return Some(target::PLAIN),
        _ => {}
    }
    if let Some(diet) = key.strip_prefix("diet.").and_then(Diet::from_code) {
        return Some(target::DIETS + diet as Target);
    }
    let key = EvidenceKey::from_code(key)? as Target;
    Some(if status == Status::Name { target::NAMES + key } else { key })
}

fn read_spellings(rows: &Rows<'_>, lexicon: &mut Lexicon) -> Result<(), TableError> {
    for row in rows.columns::<2>() {
        let (line, [variant, canonical]) = row?;
        let (variant, canonical) = (normal_word(variant), normal_word(canonical));
        if variant == canonical || !lexicon.alias(&variant, &canonical) {
            return Err(rows.error(line, format!("`{variant}` already is a word")));
        }
    }
    Ok(())
}

fn normal_word(word: &str) -> String {
    let mut word = word.to_owned();
    singular(&mut word);
    word
}

fn read_named_sources(rows: &Rows<'_>) -> Result<BTreeSet<String>, TableError> {
    rows.columns::<2>().map(|row| row.map(|(_, [term, _source])| term_words(term).join(" "))).collect()
}

/// Which terms a bracket may name the source of, and by which words.
struct BracketSources {
    heads: BTreeSet<String>,
    /// The word, and whether it only rules animals out.
    words: Vec<(String, bool)>,
}

impl BracketSources {
    fn read(rows: &Rows<'_>) -> Result<Self, TableError> {
        let mut sources = Self { heads: BTreeSet::new(), words: Vec::new() };
        for row in rows.columns::<2>() {
            let (line, [kind, text]) = row?;
            let words = term_words(text);
            match (kind, words.as_slice()) {
                ("head", _) => {
                    sources.heads.insert(words.join(" "));
                }
                ("source" | "no_animal", [word]) => sources.words.push((word.clone(), kind == "no_animal")),
                _ => return Err(rows.error(line, format!("`{kind}` `{text}` is no head and no word"))),
            }
        }
        Ok(sources)
    }
}

fn read_words(
    rows: &Rows<'_>,
    lexicon: &mut Lexicon,
    mark: impl Fn(&mut super::lexicon::WordInfo),
) -> Result<(), TableError> {
    for row in rows.columns::<1>() {
        let (line, [text]) = row?;
        let words = term_words(text);
        if words.is_empty() {
            return Err(rows.error(line, format!("`{text}` has no word")));
        }
        for word in words {
            let id = lexicon.add(&word);
            mark(lexicon.info_mut(id));
        }
    }
    Ok(())
}

fn read_diets(files: &[(&str, &str)]) -> Result<DietTable, TableError> {
    let file = || DIETS.to_owned();
    let Some((_, content)) = files.iter().find(|(name, _)| *name == DIETS) else {
        return Err(TableError { file: file(), line: 0, problem: "is missing".to_owned() });
    };
    DietTable::parse(content).map_err(|e| TableError { file: file(), line: 0, problem: e.to_string() })
}

fn digest(files: &[(&str, &str)]) -> String {
    let mut hash = Sha256::new();
    for (name, content) in files {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content.as_bytes());
    }
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        for nibble in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    hex
}
