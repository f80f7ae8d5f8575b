//! What vendors' names for allergens mean, and what their tags and certificates grant.

use std::collections::BTreeMap;

use super::tables::{Rows, TableError};
use super::text::term_words;
use crate::facts::{Diet, EvidenceKey, KeySet, keys_of_allergen};

/// What a tag or certificate grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grant {
    pub diets: Vec<Diet>,
    pub free: KeySet,
}

pub(super) fn read_declared(rows: &Rows<'_>) -> Result<BTreeMap<String, KeySet>, TableError> {
    let mut names = BTreeMap::new();
    for row in rows.columns::<3>() {
        let (line, [name, codes, _source]) = row?;
        let mut keys = KeySet::EMPTY;
        for code in codes.split(',').filter(|c| *c != "-") {
            let more = keys_of_allergen(code.trim())
                .ok_or_else(|| rows.error(line, format!("`{code}` is no code")))?;
            keys = keys.union(more);
        }
        if names.insert(term_words(name).join(" "), keys).is_some() {
            return Err(rows.error(line, format!("`{name}` stands twice")));
        }
    }
    Ok(names)
}

type Grants = BTreeMap<String, Grant>;

pub(super) fn read_claims(rows: &Rows<'_>) -> Result<(Grants, Grants), TableError> {
    let (mut tags, mut certificates) = (Grants::new(), Grants::new());
    for row in rows.columns::<4>() {
        let (line, [kind, text, grants, _source]) = row?;
        let mut grant = Grant::default();
        for code in grants.split(',').map(str::trim) {
            let diet = code.strip_prefix("diet.").and_then(Diet::from_code);
            let free = code.strip_prefix("free.").and_then(EvidenceKey::from_code);
            match (diet, free) {
                (Some(diet), _) => grant.diets.push(diet),
                (_, Some(key)) => grant.free.insert(key),
                _ => return Err(rows.error(line, format!("`{code}` is neither diet nor key"))),
            }
        }
        let map = match kind {
            "tag" => &mut tags,
            "certificate" => &mut certificates,
            _ => return Err(rows.error(line, format!("`{kind}` is neither tag nor certificate"))),
        };
        if map.insert(term_words(text).join(" "), grant).is_some() {
            return Err(rows.error(line, format!("`{text}` stands twice")));
        }
    }
    Ok((tags, certificates))
}
