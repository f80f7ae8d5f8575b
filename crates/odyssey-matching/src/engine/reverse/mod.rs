//! The other way round: one product against every customer.
//!
//! A policy becomes a row of three numbers, each the number of a *set of rules*: what the customer's gates
//! ask of ingredients and diets, what they ask of amounts, and what is worth a caution. Rules and sets are
//! kept once for all customers. A product is judged once by each distinct rule, the findings are joined
//! once for each distinct set, and a customer's verdict is three look-ups.
//!
//! Owns: no table. Promises: the verdict and tier of every customer are those that `evaluate` gives (a
//! property test holds it); a row is [`Audience::bytes_per_customer`] small; nothing of a profile can be
//! read back but the rules that judge it. Emits: nothing. Never: scores, keeps a profile, knows a vendor.

mod dictionary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use odyssey_types::CustomerId;
use serde::Serialize;

use super::{Policy, Tier, VerdictKind};
use crate::Facts;
use dictionary::{Rules, Sets};

/// Kinds of sets in a row.
const KINDS: usize = 3;
/// New customers wait beside the sorted rows until there are so many.
const ADDED_MAX: usize = 4096;

/// What a rule or a set of rules found in a product. Findings join by OR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Found(u8);

impl Found {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const CAUTION: Self = Self(1);
    pub(super) const UNVERIFIED: Self = Self(2);
    pub(super) const EXCLUDED: Self = Self(4);
    /// Excluded for something known.
    pub(super) const CONFLICT: Self = Self(8);
    /// The profile cannot be ranked: nothing ever fits it.
    pub(super) const BLOCKED: Self = Self(16);
    const COUNT: usize = 32;

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// As `evaluate` concludes.
    const fn verdict(self) -> VerdictKind {
        if self.has(Self::CONFLICT) {
            VerdictKind::Conflict
        } else if self.has(Self(Self::EXCLUDED.0 | Self::UNVERIFIED.0 | Self::BLOCKED.0)) {
            VerdictKind::CannotVerify
        } else if self.has(Self::CAUTION) {
            VerdictKind::FitsWithCaution
        } else {
            VerdictKind::Fits
        }
    }

    const fn tier(self) -> Tier {
        if self.has(Self(Self::CONFLICT.0 | Self::EXCLUDED.0)) {
            Tier::Excluded
        } else if self.has(Self(Self::UNVERIFIED.0 | Self::BLOCKED.0)) {
            Tier::Three
        } else if self.has(Self::CAUTION) {
            Tier::Two
        } else {
            Tier::One
        }
    }
}

/// A customer as three sets of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row([u32; KINDS]);

/// Stands in a row of a customer who was removed. No set has this number.
const GONE: Row = Row([u32::MAX; KINDS]);

/// Every customer of a vendor, compiled. Not a snapshot: changed in place by [`Audience::put`] and
/// [`Audience::remove`].
#[derive(Debug, Clone, Default)]
pub struct Audience {
    rules: Rules,
    sets: Sets,
    /// Ascending, beside `rows`.
    ids: Vec<CustomerId>,
    rows: Vec<Row>,
    gone: usize,
    added: BTreeMap<CustomerId, Row>,
}

/// What a customer said about the product itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listed {
    /// Lifts cautions and preferences.
    AlwaysAllow,
    NeverShow,
}

/// A product to be judged.
#[derive(Debug, Clone, Copy)]
pub struct AudienceProduct<'a> {
    pub facts: &'a Facts,
    /// A product that is not active conflicts with everybody.
    pub active: bool,
    /// The customers who have the product on a list; in any order. Others are passed over.
    pub listed: &'a [(CustomerId, Listed)],
}

/// How many customers a product suits. The four add up to all customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AudienceCounts {
    pub fits: u64,
    pub fits_with_caution: u64,
    pub cannot_verify: u64,
    pub conflict: u64,
}

impl AudienceCounts {
    pub const fn total(&self) -> u64 {
        self.fits + self.fits_with_caution + self.cannot_verify + self.conflict
    }
}

/// Customers whom a change of a product's label takes it away from; ids ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Regressions {
    /// It suited them (with caution or without) and is now known not to.
    pub to_conflict: Vec<CustomerId>,
    /// It suited them and can no longer be verified.
    pub to_cannot_verify: Vec<CustomerId>,
}

impl Audience {
    pub fn new() -> Self {
        Self::default()
    }

    /// Customers in it.
    pub fn len(&self) -> usize {
        self.ids.len() - self.gone + self.added.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distinct rules and distinct sets of rules.
    pub fn dictionary(&self) -> (usize, usize) {
        (self.rules.len(), self.sets.len())
    }

    /// Takes a customer in, or replaces what is known of one. The policy may be one of
    /// [`Policy::compile_gates`]. Its own lists are not looked at: see [`AudienceProduct::listed`].
    pub fn put(&mut self, id: CustomerId, policy: &Policy) {
        let row = self.compile(policy);
        match self.ids.last() {
            // Customers that come in order are packed as they come.
            last if self.added.is_empty() && last.is_none_or(|last| *last < id) => {
                self.ids.push(id);
                self.rows.push(row);
            }
            _ => self.place(id, row),
        }
    }

    /// Forgets a customer: consent was withdrawn, or the customer was deleted.
    pub fn remove(&mut self, id: CustomerId) {
        self.added.remove(&id);
        if let Ok(at) = self.ids.binary_search(&id)
            && self.rows[at] != GONE
        {
            self.rows[at] = GONE;
            self.gone += 1;
        }
    }

    pub fn contains(&self, id: CustomerId) -> bool {
        self.row_of(id).is_some()
    }

    /// Takes over everybody of `other`, which was compiled beside this one.
    pub fn absorb(&mut self, other: Self) {
        let rules = self.rules.absorb(&other.rules);
        let sets = self.sets.absorb(&other.sets, &rules);
        let moved = |row: Row| Row(row.0.map(|set| sets[set as usize]));
        let living = other.ids.into_iter().zip(other.rows).filter(|(_, row)| *row != GONE);
        for (id, row) in living.chain(other.added) {
            self.added.insert(id, moved(row));
        }
        self.sort_in();
    }

    /// Bytes of rows, ids, rules and sets, divided by the customers.
    pub fn bytes_per_customer(&self) -> usize {
        self.memory_bytes() / self.len().max(1)
    }

    pub fn memory_bytes(&self) -> usize {
        let added = self.added.len() * (size_of::<CustomerId>() + size_of::<Row>()) * 2;
        self.ids.capacity() * size_of::<CustomerId>()
            + self.rows.capacity() * size_of::<Row>()
            + added
            + self.rules.memory_bytes()
            + self.sets.memory_bytes()
    }

    /// Judges a product by every customer.
    pub fn judge(&self, product: &AudienceProduct<'_>) -> Judged<'_> {
        let found = self.rules.judge(product.facts);
        let sets = self.sets.join(&found);
        let everywhere = if product.active { Found::NOTHING } else { Found::EXCLUDED.and(Found::CONFLICT) };
        let mut judged = Judged { audience: self, sets, everywhere, listed: BTreeMap::new() };
        for (id, listed) in product.listed {
            if let Some(row) = self.row_of(*id) {
                let found = match listed {
                    Listed::NeverShow => judged.found(row).and(Found::EXCLUDED).and(Found::CONFLICT),
                    Listed::AlwaysAllow => self.found_if_allowed(row, &found).and(everywhere),
                };
                judged.listed.insert(*id, found);
            }
        }
        judged
    }

    /// Who loses a product by a change of its label.
    pub fn who_regresses(&self, before: &AudienceProduct<'_>, after: &AudienceProduct<'_>) -> Regressions {
        let (before, after) = (self.judge(before), self.judge(after));
        let suits = |found: Found| found.verdict() <= VerdictKind::FitsWithCaution;
        let mut lost = Regressions::default();
        for (id, row) in self.living() {
            let now = after.found_of(id, row).verdict();
            if now <= VerdictKind::FitsWithCaution || !suits(before.found_of(id, row)) {
                continue;
            }
            match now {
                VerdictKind::Conflict => lost.to_conflict.push(id),
                _ => lost.to_cannot_verify.push(id),
            }
        }
        lost.to_conflict.sort_unstable();
        lost.to_cannot_verify.sort_unstable();
        lost
    }

    fn compile(&mut self, policy: &Policy) -> Row {
        let [ingredients, amounts, cautions] = self.rules.of_policy(policy);
        Row([ingredients, amounts, cautions].map(|rules| self.sets.intern(rules)))
    }

    fn place(&mut self, id: CustomerId, row: Row) {
        match self.ids.binary_search(&id) {
            Ok(at) => {
                self.gone -= usize::from(self.rows[at] == GONE);
                self.rows[at] = row;
            }
            Err(_) => {
                self.added.insert(id, row);
                if self.added.len() >= ADDED_MAX {
                    self.sort_in();
                }
            }
        }
    }

    /// Merges the customers that wait into the sorted rows, and drops those who are gone.
    fn sort_in(&mut self) {
        let added = std::mem::take(&mut self.added);
        let mut all: Vec<(CustomerId, Row)> = Vec::with_capacity(self.len() + added.len());
        all.extend(self.ids.drain(..).zip(self.rows.drain(..)).filter(|(_, row)| *row != GONE));
        all.extend(added);
        // Stable, so that of two rows of one customer the later stands.
        all.sort_by_key(|(id, _)| *id);
        all.reverse();
        all.dedup_by_key(|(id, _)| *id);
        all.reverse();
        self.gone = 0;
        (self.ids, self.rows) = all.into_iter().unzip();
        self.ids.shrink_to_fit();
        self.rows.shrink_to_fit();
    }

    fn row_of(&self, id: CustomerId) -> Option<Row> {
        let sorted = || self.ids.binary_search(&id).ok().map(|at| self.rows[at]).filter(|row| *row != GONE);
        self.added.get(&id).copied().or_else(sorted)
    }

    fn living(&self) -> impl Iterator<Item = (CustomerId, Row)> {
        let sorted = self.ids.iter().copied().zip(self.rows.iter().copied());
        let added = self.added.iter().map(|(id, row)| (*id, *row));
        sorted.filter(|(_, row)| *row != GONE).chain(added)
    }

    /// What a row finds in a product that its customer always allows.
    fn found_if_allowed(&self, row: Row, found: &[Found]) -> Found {
        let rules = row.0.into_iter().flat_map(|set| self.sets.members(set));
        let counted = rules.filter(|rule| !self.rules.is_lifted_by_allowing(**rule));
        counted.fold(Found::NOTHING, |all, rule| all.and(found[*rule as usize]))
    }
}

/// A product judged by all customers.
#[derive(Debug)]
pub struct Judged<'a> {
    audience: &'a Audience,
    /// By set.
    sets: Vec<Found>,
    everywhere: Found,
    /// Customers with a list of their own to say.
    listed: BTreeMap<CustomerId, Found>,
}

impl Judged<'_> {
    pub fn counts(&self) -> AudienceCounts {
        // One counter for each combination of findings; which verdict it is matters at the end only.
        let mut counts = [0_u64; Found::COUNT];
        for row in &self.audience.rows {
            if *row != GONE {
                counts[usize::from(self.found(*row).0)] += 1;
            }
        }
        self.audience.added.values().for_each(|row| counts[usize::from(self.found(*row).0)] += 1);
        for (id, found) in &self.listed {
            if let Some(row) = self.audience.row_of(*id) {
                counts[usize::from(self.found(row).0)] -= 1;
                counts[usize::from(found.0)] += 1;
            }
        }
        let mut all = AudienceCounts::default();
        for (found, count) in counts.into_iter().enumerate() {
            match Found(found as u8).verdict() {
                VerdictKind::Fits => all.fits += count,
                VerdictKind::FitsWithCaution => all.fits_with_caution += count,
                VerdictKind::CannotVerify => all.cannot_verify += count,
                VerdictKind::Conflict => all.conflict += count,
            }
        }
        all
    }

    /// The customers of a verdict, those that were taken in lately last.
    pub fn customers(&self, verdict: VerdictKind) -> impl Iterator<Item = CustomerId> {
        let living = self.audience.living();
        living.filter(move |(id, row)| self.found_of(*id, *row).verdict() == verdict).map(|(id, _)| id)
    }

    /// Verdict and tier of one customer; `None` for one who is not in it.
    pub fn of_customer(&self, id: CustomerId) -> Option<(VerdictKind, Tier)> {
        let found = self.found_of(id, self.audience.row_of(id)?);
        Some((found.verdict(), found.tier()))
    }

    fn found(&self, row: Row) -> Found {
        row.0.into_iter().fold(self.everywhere, |all, set| all.and(self.sets[set as usize]))
    }

    fn found_of(&self, id: CustomerId, row: Row) -> Found {
        // Few products stand on a list: the map is empty nearly always.
        let listed = if self.listed.is_empty() { None } else { self.listed.get(&id).copied() };
        listed.unwrap_or_else(|| self.found(row))
    }
}
