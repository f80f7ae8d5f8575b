//! Which rows of a block may enter the best k: by bounds for many rows, exactly for the few that remain.

use super::Candidate;
use super::best::Best;
use super::bound::POINTS_PER_PERMILLE;
use super::bounded::Scratch;
use super::gates::BlockVerdicts;
use super::score::{Columns, Scorer};
use crate::engine::snapshot::bits::{self, NO_ROWS, Words};
use crate::engine::{Tier, VerdictKind};

/// Up to this many rows of a block are scored right away: a bound would cost more.
const FEW_ROWS: u64 = 24;
/// One row in so many: below, the rows are gathered; above, the block is bounded as it lies.
const GATHER_SHARE: u64 = 4;
/// Roles divide a share by 1, 2 or 3.
const ROLES: usize = 3;

/// How the candidates of a block are found. All ways give the same list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// By how many rows there are.
    Cheapest,
    #[cfg(test)]
    Exact,
    #[cfg(test)]
    Gathered,
    #[cfg(test)]
    Whole,
}

/// Fills the lists, block by block.
pub(super) struct Chooser<'a> {
    scorer: &'a Scorer<'a>,
    path: Path,
    scratch: Scratch,
    rows: Vec<u16>,
    /// What `scratch` bounds, when it is the whole block: a role, and from which floor on.
    bounded: Option<(usize, u16)>,
}

/// A list of one block: its rows, and what they are.
#[derive(Clone, Copy)]
struct Offer<'a> {
    columns: &'a Columns<'a>,
    rows: &'a Words,
    role: usize,
    tier: Tier,
    verdict: VerdictKind,
}

impl<'a> Chooser<'a> {
    pub fn new(scorer: &'a Scorer<'a>, path: Path) -> Self {
        Self { scorer, path, scratch: Scratch::default(), rows: Vec::new(), bounded: None }
    }

    pub fn fill(
        &mut self,
        columns: &Columns<'_>,
        verdicts: &BlockVerdicts,
        fits: &mut Best,
        unverified: &mut Best,
    ) {
        self.bounded = None;
        let lists = [
            (&verdicts.one, Tier::One, VerdictKind::Fits),
            (&verdicts.two, Tier::Two, VerdictKind::FitsWithCaution),
            (&verdicts.listed_three, Tier::Three, VerdictKind::CannotVerify),
            (&verdicts.listed_excluded, Tier::Excluded, VerdictKind::CannotVerify),
        ];
        for (rows, tier, verdict) in lists {
            let best = if verdict == VerdictKind::CannotVerify { &mut *unverified } else { &mut *fits };
            for role in 0..ROLES {
                if best.wants_tier(tier) {
                    let rows = columns.rows_of_role(role, rows);
                    self.offer_all(Offer { columns, rows: &rows, role, tier, verdict }, best);
                }
            }
        }
    }

    fn offer_all(&mut self, offer: Offer<'_>, best: &mut Best) {
        let count = bits::count(offer.rows);
        let len = offer.columns.block.len() as u64;
        match self.path {
            _ if count == 0 => {}
            Path::Cheapest if count <= FEW_ROWS => self.offer_each(offer, offer.rows, best),
            Path::Cheapest if count * GATHER_SHARE < len => self.offer_gathered(offer, best),
            Path::Cheapest => self.offer_whole(offer, best),
            #[cfg(test)]
            Path::Exact => self.offer_each(offer, offer.rows, best),
            #[cfg(test)]
            Path::Gathered => self.offer_gathered(offer, best),
            #[cfg(test)]
            Path::Whole => self.offer_whole(offer, best),
        }
    }

    /// Scores every row exactly and offers it.
    fn offer_each(&self, offer: Offer<'_>, rows: &Words, best: &mut Best) {
        let Offer { columns, tier, verdict, .. } = offer;
        let block = columns.block;
        bits::for_each(rows, |row| {
            let at = usize::from(row);
            let Some(floor) = best.score_floor(tier) else { return };
            if floor == self.scorer.score_max && best.loses_by_age(block.changed[at]) {
                return;
            }
            let Some((score_permille, confidence_permille)) = self.scorer.score(columns, row, floor) else {
                return;
            };
            best.offer(Candidate {
                id: block.ids[at],
                tier,
                verdict,
                score_permille,
                confidence_permille,
                changed_at_seconds: block.changed[at],
            });
        });
    }

    /// Bounds the rows of the offer only.
    fn offer_gathered(&mut self, offer: Offer<'_>, best: &mut Best) {
        self.bounded = None;
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        bits::for_each(offer.rows, |row| rows.push(row));
        let floor = best.score_floor(offer.tier).unwrap_or(0);
        self.scorer.bound(offer.columns, offer.role, Some(&rows), safe(floor), &mut self.scratch);
        let mut open = self.rows_from(self.first_level(floor, best.limit(), None), &rows);
        let first = open;
        self.offer_each(offer, &first, best);
        if floor == 0 {
            open = self.rows_from(level_of(best.score_floor(offer.tier)), &rows);
            bits::and_not(&mut open, &first);
            self.offer_each(offer, &open, best);
        }
        self.rows = rows;
    }

    /// Bounds the whole block, once for all offers of it.
    fn offer_whole(&mut self, offer: Offer<'_>, best: &mut Best) {
        let floor = best.score_floor(offer.tier).unwrap_or(0);
        if !self.bounded.is_some_and(|(role, from)| role == offer.role && from >= safe(floor)) {
            self.scorer.bound(offer.columns, offer.role, None, safe(floor), &mut self.scratch);
            self.bounded = Some((offer.role, safe(floor)));
        }
        let mut first = self.all_from(self.first_level(floor, best.limit(), Some(offer.rows)));
        bits::and(&mut first, offer.rows);
        self.offer_each(offer, &first, best);
        if floor == 0 {
            let mut rest = self.all_from(level_of(best.score_floor(offer.tier)));
            bits::and(&mut rest, offer.rows);
            bits::and_not(&mut rest, &first);
            self.offer_each(offer, &rest, best);
        }
    }

    /// The bound that rows need. Without a floor yet, the level that about k rows reach, so that the list
    /// fills with good ones and most others never need a score.
    fn first_level(&self, floor: u16, k: usize, among: Option<&Words>) -> u16 {
        if floor > 0 {
            return level_of(Some(floor));
        }
        let mut counts = [0_u32; 1 << 11];
        let mut count = |points: u16| counts[usize::from(points / POINTS_PER_PERMILLE as u16)] += 1;
        match among {
            Some(rows) => bits::for_each(rows, |row| count(self.scratch.points[usize::from(row)])),
            None => self.scratch.points.iter().for_each(|points| count(*points)),
        }
        let mut reached = 0;
        for (permille, count) in counts.iter().enumerate().rev() {
            reached += *count as usize;
            if reached >= k {
                return level_of(Some(permille as u16));
            }
        }
        0
    }

    fn all_from(&self, level: u16) -> Words {
        bits::rows_that(&self.scratch.points, |points| points >= level)
    }

    fn rows_from(&self, level: u16, rows: &[u16]) -> Words {
        let mut words = NO_ROWS;
        let reached = rows.iter().zip(&self.scratch.points).filter(|(_, points)| **points >= level);
        reached.for_each(|(row, _)| bits::set(&mut words, *row));
        words
    }
}

/// The floor that a bound is computed for: before there is one, it must hold for any.
const fn safe(floor: u16) -> u16 {
    if floor == 0 { 1000 } else { floor }
}

/// The points of a score; nothing has those of a floor that no row passes.
fn level_of(floor: Option<u16>) -> u16 {
    floor.map_or(u16::MAX, |floor| (u32::from(floor) * POINTS_PER_PERMILLE).min(u32::from(u16::MAX)) as u16)
}
