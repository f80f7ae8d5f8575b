//! Chance that comes out the same on every machine.
//!
//! Owns: the one generator of the demo data. Promises: integers only; a row's draws depend on the seed, the
//! stream and the row's number alone, so any row can be made without those before it. Never: asks the system.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The draws of one row; `stream` keeps products and customers of the same seed apart.
    pub(super) fn of_row(seed: u64, stream: u64, row: u64) -> Self {
        let mut random = Self(mix(seed ^ mix(stream.wrapping_mul(GOLDEN))));
        random.0 = random.next().wrapping_add(row.wrapping_mul(GOLDEN));
        random.0 = random.next();
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number below `bound`; 0 where the bound is 0. The bias of the multiplication is below 2⁻³².
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below((most - least + 1).max(0) as u64) as i64
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len() as u64) as usize)
    }

    /// An index below `count` with a long tail: index i is drawn in proportion to 1 / (i + `flat`), so a
    /// small `flat` favours the first ones strongly.
    pub(super) fn long_tail(&mut self, tail: &LongTail) -> usize {
        let at = self.below(tail.total());
        tail.cumulative.partition_point(|upto| *upto <= at)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The running sums of the weights of a long-tailed choice.
#[derive(Debug, Clone)]
pub(super) struct LongTail {
    cumulative: Vec<u64>,
}

impl LongTail {
    pub(super) fn new(count: usize, flat: u64) -> Self {
        let weights = (0..count as u64).map(|i| 1_000_000 / (i + flat.max(1)));
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { cumulative: sums.collect() }
    }

    fn total(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }
}
