//! Files of known origin: how they are recognised and what their columns mean.

use std::sync::OnceLock;

use odyssey_types::NutritionBasis;

use super::mapping::Transform;
use super::normalise::Parts;
use crate::target::{Mode, Target};
use crate::unit::Unit;

/// A kind of file that is known by its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preset {
    pub id: &'static str,
    pub mode: Mode,
    /// Percent of the file's headers that must be known to the preset.
    share_min: usize,
    pub basis: Option<NutritionBasis>,
    pub title: &'static str,
    needs: Vec<&'static str>,
    any: Vec<Vec<&'static str>>,
    prefix: Option<&'static str>,
    /// Of a file that has none, as it would write them.
    pub headers: Vec<&'static str>,
    /// The column that groups rows, then those that all rows of a group have from its first.
    pub filled: Vec<&'static str>,
    /// Rows without a value in this column are no rows.
    pub rows: Option<&'static str>,
    columns: Vec<(&'static str, Rule)>,
}

/// What a preset says of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    NotRead,
    /// As the table of synonyms says.
    AsNamed,
    Read(Column),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub target: Target,
    pub rank: u8,
    pub unit: Option<Unit>,
    pub basis: Option<NutritionBasis>,
    pub transform: Transform,
    /// Entries of the cell are separated by this and by nothing else.
    pub separator: Option<char>,
    /// Read only where at least half of the rows with something in that column have something here.
    pub instead_of: Option<&'static str>,
}

/// What a caller shows of a preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PresetInfo {
    pub id: &'static str,
    pub title: &'static str,
    pub mode: Mode,
}

/// Every kind of file that is recognised on sight.
pub fn presets() -> impl Iterator<Item = PresetInfo> {
    all().iter().map(|preset| PresetInfo { id: preset.id, title: preset.title, mode: preset.mode })
}

/// The preset whose file this is; of several the one that knows most of its headers.
pub(super) fn recognise(parts: &[Parts], mode: Mode) -> Option<&'static Preset> {
    let known = all().iter().filter(|preset| preset.mode == mode).filter_map(|preset| {
        let names: Vec<&str> = parts.iter().map(|parts| preset.name(parts)).collect();
        let has = |pattern: &&str| names.iter().any(|name| fits(pattern, name));
        // Most files end here: the rest looks at every header with every pattern.
        if !preset.needs.iter().all(has) || !preset.any.iter().all(|any| any.iter().any(has)) {
            return None;
        }
        let headers = names.iter().filter(|name| !name.is_empty()).count();
        let known = names.iter().filter(|name| preset.rule_of(name).is_some()).count();
        (known * 100 >= headers * preset.share_min).then_some((known, preset))
    });
    known.rev().max_by_key(|(known, _)| *known).map(|(_, preset)| preset)
}

/// The headers of a file that has none, by the id of its preset.
pub(crate) fn headers_of(id: &str) -> &'static [&'static str] {
    all().iter().find(|preset| preset.id == id).map_or(&[], |preset| &preset.headers)
}

impl Preset {
    /// A header in normal form, without the prefix of the whole file.
    pub(super) fn name<'a>(&self, parts: &'a Parts) -> &'a str {
        let bare = self.prefix.and_then(|prefix| parts.full.strip_prefix(prefix));
        bare.unwrap_or(&parts.full)
    }

    pub(super) fn rule(&self, parts: &Parts) -> Option<&Rule> {
        self.rule_of(self.name(parts))
    }

    fn rule_of(&self, name: &str) -> Option<&Rule> {
        self.columns.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, rule)| rule)
    }

    /// The columns of a file whose headers fit one of `patterns`.
    pub(super) fn columns_like(&self, parts: &[Parts], patterns: &[&str]) -> Vec<usize> {
        let fit = |parts: &Parts| patterns.iter().any(|pattern| fits(pattern, self.name(parts)));
        parts.iter().enumerate().filter(|(_, parts)| fit(parts)).map(|(at, _)| at).collect()
    }
}

/// `*` stands for any letters, `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return fits_plain(pattern, name) };
    let Some(rest) = name.get(before.len()..) else { return false };
    fits_plain(before, &name[..before.len()])
        && (after.is_empty() || rest.char_indices().any(|(at, _)| fits(after, &rest[at..])))
}

fn fits_plain(pattern: &str, name: &str) -> bool {
    pattern == name
        || pattern.contains('?')
            && pattern.len() == name.len()
            && pattern.bytes().zip(name.bytes()).all(|(p, n)| p == b'?' || p == n)
}

fn all() -> &'static [Preset] {
    static PRESETS: OnceLock<Vec<Preset>> = OnceLock::new();
    PRESETS.get_or_init(|| {
        let mut presets = Vec::new();
        for line in lines() {
            // The test reads every line; what it passes is not lost here.
            let _read: Result<(), String> = parse(line, &mut presets);
        }
        presets
    })
}

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("../../data/presets.tsv").lines().filter(|l| !l.starts_with('#') && !l.is_empty())
}

fn parse(line: &'static str, presets: &mut Vec<Preset>) -> Result<(), String> {
    let fields: Vec<&'static str> = line.split('\t').collect();
    let at = |index: usize| fields.get(index).copied().unwrap_or("");
    let fault = |what: &str| format!("{what}: {line}");
    if at(0) == "preset" {
        presets.push(begin(&fields).ok_or_else(|| fault("preset"))?);
        return Ok(());
    }
    let preset = presets.last_mut().ok_or_else(|| fault("no preset yet"))?;
    let words = || at(1).split(' ').collect::<Vec<_>>();
    match at(0) {
        "needs" => preset.needs = words(),
        "any" => preset.any.push(words()),
        "prefix" => preset.prefix = Some(at(1)),
        "headers" => preset.headers = words(),
        "filled" => preset.filled = words(),
        "rows" => preset.rows = Some(at(1)),
        "column" => {
            let rule = match at(2) {
                "-" => Rule::NotRead,
                "=" => Rule::AsNamed,
                _ => Rule::Read(column(&fields).map_err(fault)?),
            };
            preset.columns.push((at(1), rule));
        }
        _ => return Err(fault("kind")),
    }
    Ok(())
}

fn begin(fields: &[&'static str]) -> Option<Preset> {
    let [_, id, mode, share, basis, title] = fields else { return None };
    Some(Preset {
        id,
        mode: [Mode::Products, Mode::Customers].into_iter().find(|m| m.as_str() == *mode)?,
        share_min: share.parse().ok()?,
        basis: if basis.is_empty() { None } else { Some(NutritionBasis::parse(basis)?) },
        title,
        needs: Vec::new(),
        any: Vec::new(),
        prefix: None,
        headers: Vec::new(),
        filled: Vec::new(),
        rows: None,
        columns: Vec::new(),
    })
}

fn column(fields: &[&'static str]) -> Result<Column, &'static str> {
    let at = |index: usize| fields.get(index).copied().unwrap_or("");
    let mut column = Column {
        target: Target::from_code(at(2)).ok_or("target")?,
        rank: at(3).parse().map_err(|_| "rank")?,
        unit: if at(4).is_empty() { None } else { Some(Unit::parse(at(4)).ok_or("unit")?) },
        basis: if at(5).is_empty() { None } else { Some(NutritionBasis::parse(at(5)).ok_or("basis")?) },
        transform: Transform::Plain,
        separator: None,
        instead_of: None,
    };
    match (at(6), at(6).split_once(':')) {
        ("", _) => {}
        ("html", _) => column.transform = Transform::Html,
        ("apostrophe", _) => column.transform = Transform::Apostrophe,
        ("exact", _) => column.transform = Transform::Exact,
        (_, Some(("list", separator))) => {
            column.separator = Some(separator.parse().map_err(|_| "separator")?);
        }
        (_, Some(("instead_of", header))) => column.instead_of = Some(header),
        _ => return Err("transform"),
    }
    Ok(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::normalise::take_apart;
    use crate::header::{own_unit, unit_fits};

    #[test]
    fn every_line_is_read_and_every_preset_can_be_met() {
        let mut presets = Vec::new();
        for line in lines() {
            parse(line, &mut presets).expect("a readable line");
        }
        assert_eq!(presets, all());
        for (nth, preset) in presets.iter().enumerate() {
            let id = preset.id;
            assert!(presets[..nth].iter().all(|other| other.id != id), "{id} once");
            assert!(preset.needs.len() >= 2 && (50..=100).contains(&preset.share_min), "{id} is particular");
            for name in &preset.needs {
                assert!(preset.rule_of(name).is_some(), "{id} knows {name}, which it needs");
            }
            for (at, (pattern, rule)) in preset.columns.iter().enumerate() {
                let name = pattern.replace(['*', '?'], "x");
                assert_eq!(take_apart(&name).full, name, "{id}: in normal form");
                assert!(
                    preset.columns[..at].iter().all(|(earlier, _)| earlier != pattern),
                    "{id}: {pattern} once"
                );
                let Rule::Read(column) = rule else { continue };
                assert!(column.target.belongs_to(preset.mode), "{id}: {pattern}");
                if own_unit(column.target).is_some() {
                    let unit = column.unit.expect("an amount has a unit");
                    assert!(unit_fits(column.target, unit), "{id}: {pattern}");
                }
            }
            let headers: Vec<Parts> = preset.headers.iter().map(|h| take_apart(h)).collect();
            assert!(
                headers.is_empty() || recognise(&headers, preset.mode) == Some(preset),
                "{id}: its headers"
            );
        }
    }

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, name) in
            [("*_100g", "fat_100g"), ("a*", "a"), ("*b*", "abc"), ("x_??", "x_en"), ("a*b", "ab"), ("*", "é")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*_100g", "fat_100ml"), ("a", "ab"), ("x_??", "x_e"), ("ab*", "é"), ("*é", "a")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
