//! How long a failed job waits before its next attempt.

use std::time::Duration;

use chrono::TimeDelta;
use rand::Rng;

/// Exponential waiting with jitter, bounded on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait of all.
    pub max: Duration,
}

impl Backoff {
    /// 2 s, 4 s, 8 s … up to 15 min: ten attempts span about half an hour.
    pub const STANDARD: Self = Self { base: Duration::from_secs(2), max: Duration::from_mins(15) };

    /// The wait after the failure of `attempt` (1 is the first): between half of `base × 2^(attempt − 1)`, capped
    /// at `max`, and all of it. The lower half keeps a failing service from being hammered, the random half keeps
    /// jobs that failed together from coming back together.
    pub fn wait(self, attempt: i16, rng: &mut impl Rng) -> TimeDelta {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(30);
        let ceiling_ms = self
            .base
            .as_millis()
            .saturating_mul(1 << doublings)
            .min(self.max.as_millis())
            .min(i64::MAX as u128 / 2) as i64;
        let floor_ms = ceiling_ms / 2;
        TimeDelta::milliseconds(rng.random_range(floor_ms..=ceiling_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn waits_double_stay_within_half_and_whole_and_stop_at_the_maximum() {
        let backoff = Backoff { base: Duration::from_secs(2), max: Duration::from_mins(1) };
        let mut rng = StdRng::seed_from_u64(7);
        for (attempt, ceiling) in
            [(1, 2_000), (2, 4_000), (3, 8_000), (5, 32_000), (6, 60_000), (1000, 60_000)]
        {
            for _ in 0..200 {
                let wait = backoff.wait(attempt, &mut rng).num_milliseconds();
                assert!((ceiling / 2..=ceiling).contains(&wait), "attempt {attempt} waits {wait} ms");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_jitter_spreads_them() {
        let waits = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            (0..50).map(|_| Backoff::STANDARD.wait(4, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        let mut distinct = waits(1);
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 40);
    }
}
