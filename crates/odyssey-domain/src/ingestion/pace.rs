//! How fast a run gets on, and what follows from it for its end.

use chrono::{DateTime, TimeDelta, Utc};

/// Batches before anything follows from them.
const BATCHES_MIN: u32 = 3;
/// What each batch leaves of the weight of those before it: the pace is that of the last thirty or so, since writing slows
/// down as tables grow.
const MEMORY: f64 = 0.97;
/// No estimate reaches further: what would take longer is not known.
const SECONDS_MAX: f64 = 30.0 * 86_400.0;

/// How much of something is done: bytes read or rows settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub done: u64,
    /// 0 where nobody knows.
    pub total: u64,
}

impl Work {
    /// All of it.
    pub const WHOLE: Self = Self { done: 1, total: 1 };

    pub fn permille(self) -> u16 {
        let done = u128::from(self.done.min(self.total)) * 1_000;
        done.checked_div(u128::from(self.total)).unwrap_or(0) as u16
    }
}

/// When an import will have finished, as its last batch foresaw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    pub finishes_at: DateTime<Utc>,
    /// Seconds by which it may well be earlier or later: what is left at the pace of the batches that were slower, or
    /// faster, by a standard deviation.
    pub error_seconds: i64,
}

/// The pace of an attempt, batch by batch. Sums over batches, those of long ago counting less.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<(DateTime<Utc>, u64)>,
    batches: u32,
    work: f64,
    seconds: f64,
    /// Of seconds² ÷ work.
    squares: f64,
}

impl Pace {
    /// Notes how far the work is; what was done before the first note has no pace, and work without a whole none either.
    pub fn note(&mut self, now: DateTime<Utc>, work: Work) {
        if work.total == 0 {
            return;
        }
        let Some((at, done)) = self.last.replace((now, work.done)) else { return };
        let (seconds, done) = ((now - at).as_seconds_f64().max(0.0), work.done.saturating_sub(done) as f64);
        if done == 0.0 {
            // It counts towards the next one.
            self.last = Some((at, work.done));
            return;
        }
        self.batches += 1;
        self.work = self.work * MEMORY + done;
        self.seconds = self.seconds * MEMORY + seconds;
        self.squares = self.squares * MEMORY + seconds * seconds / done;
    }

    /// When the rest will be done; `None` while too little is known. `behind` is the share of the whole, in thousandths,
    /// that follows the work.
    pub fn estimate(&self, now: DateTime<Utc>, work: Work, behind: u16) -> Option<Estimate> {
        if self.batches < BATCHES_MIN || work.total == 0 {
            return None;
        }
        let pace = self.seconds / self.work;
        let spread = (self.squares / self.work - pace * pace).max(0.0).sqrt();
        let left = work.total.saturating_sub(work.done) as f64;
        let finishing =
            work.total as f64 * f64::from(behind) / f64::from(1_000_u16.saturating_sub(behind).max(1));
        let (seconds, error) = (pace * (left + finishing), spread * (left + finishing));
        if seconds + error > SECONDS_MAX {
            return None;
        }
        Some(Estimate {
            finishes_at: now + TimeDelta::milliseconds((seconds * 1_000.0).round() as i64),
            error_seconds: error.round() as i64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn paced(steps: &[(i64, u64)]) -> Pace {
        let mut pace = Pace::default();
        for (second, done) in steps {
            pace.note(at(*second), Work { done: *done, total: 1_000 });
        }
        pace
    }

    #[test]
    fn an_even_pace_foresees_its_end_to_the_second_and_too_few_batches_none() {
        let half = Work { done: 500, total: 1_000 };
        let even = paced(&[(0, 200), (10, 300), (20, 400), (30, 500)]);
        let foreseen = even.estimate(at(30), half, 0).expect("three batches");
        assert_eq!((foreseen.finishes_at, foreseen.error_seconds), (at(80), 0));
        // A fifth of the whole follows: a quarter of the work.
        assert_eq!(even.estimate(at(30), half, 200).expect("as well").finishes_at, at(105));
        assert_eq!(paced(&[(0, 300), (10, 400), (20, 500)]).estimate(at(20), half, 0), None);
        assert_eq!(even.estimate(at(30), Work::default(), 0), None);
    }

    #[test]
    fn an_uneven_pace_says_by_how_much_it_may_be_wrong_and_follows_what_came_last() {
        let half = Work { done: 500, total: 1_000 };
        let uneven = paced(&[(0, 100), (5, 200), (20, 300), (25, 400), (40, 500)]);
        let foreseen = uneven.estimate(at(40), half, 0).expect("four batches");
        // A hundred take 5 s or 15 s: ten on average, give or take five.
        assert!((89..=92).contains(&(foreseen.finishes_at - at(0)).num_seconds()), "{foreseen:?}");
        assert!((24..=26).contains(&foreseen.error_seconds), "{foreseen:?}");
        let mut slower = paced(&[(0, 0)]);
        let mut second = 0;
        for done in 1..=400 {
            second += if done <= 200 { 1 } else { 3 };
            slower.note(at(second), Work { done, total: 1_000 });
        }
        let left = slower.estimate(at(second), Work { done: 400, total: 1_000 }, 0).expect("many");
        assert!(((left.finishes_at - at(second)).num_seconds() - 1_800).abs() < 10, "{left:?}");
    }

    #[test]
    fn a_batch_that_settles_nothing_lengthens_the_next_and_what_has_no_end_is_not_foreseen() {
        let waited = paced(&[(0, 100), (10, 200), (15, 200), (20, 300), (30, 400)]);
        let foreseen = waited.estimate(at(30), Work { done: 400, total: 1_000 }, 0).expect("three");
        assert_eq!((foreseen.finishes_at, foreseen.error_seconds), (at(90), 0));
        let mut resumed = Pace::default();
        resumed.note(at(0), Work::default());
        [(10, 500), (20, 510), (30, 520), (40, 530)]
            .iter()
            .for_each(|(second, done)| resumed.note(at(*second), Work { done: *done, total: 1_000 }));
        let foreseen = resumed.estimate(at(40), Work { done: 530, total: 1_000 }, 0).expect("three");
        assert_eq!(foreseen.finishes_at, at(510), "what an earlier attempt did is no pace of this one");
        let endless = Work { done: 3, total: u64::MAX };
        assert_eq!(waited.estimate(at(30), endless, 0), None);
        assert_eq!(Work { done: u64::MAX, total: 7 }.permille(), 1_000);
        assert_eq!(Work::default().permille(), 0);
    }
}
