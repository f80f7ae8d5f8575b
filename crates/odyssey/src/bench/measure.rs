//! Timing: rounds of samples, and what is said about them.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

/// One round of one contender.
#[derive(Debug, Clone)]
pub struct Round {
    /// One for each request.
    pub samples: Vec<Duration>,
    /// From the first request to the end of the last.
    pub wall: Duration,
    /// Units of work done: rows or requests.
    pub work: u64,
}

impl Round {
    /// A single piece of work of `work` units that took `wall`.
    pub fn single(wall: Duration, work: u64) -> Self {
        Self { samples: vec![wall], wall, work }
    }

    fn median(&self) -> Duration {
        percentile(&sorted(self.samples.iter().copied()), 50)
    }

    fn rate(&self) -> f64 {
        self.work as f64 / self.wall.as_secs_f64().max(f64::EPSILON)
    }
}

/// All rounds of one contender.
#[derive(Debug, Default)]
pub struct Series {
    rounds: Vec<Round>,
}

impl Series {
    pub fn push(&mut self, round: Round) {
        self.rounds.push(round);
    }

    pub fn count(&self) -> usize {
        self.rounds.iter().map(|round| round.samples.len()).sum()
    }

    /// Nearest-rank percentile over the samples of all rounds.
    pub fn percentile(&self, percent: usize) -> Duration {
        percentile(&sorted(self.rounds.iter().flat_map(|round| round.samples.iter().copied())), percent)
    }

    /// Units of work a second, the median of the rounds.
    pub fn rate(&self) -> f64 {
        middle(self.rounds.iter().map(Round::rate).collect())
    }

    /// How many times longer `yardstick` took than this, the median over the rounds of the ratio of the two
    /// rounds that ran next to each other; above 1 this is the faster.
    pub fn ratio_to(&self, yardstick: &Self) -> f64 {
        let pairs = self.rounds.iter().zip(&yardstick.rounds);
        let ratio = |(ours, theirs): (&Round, &Round)| {
            theirs.median().as_secs_f64() / ours.median().as_secs_f64().max(f64::EPSILON)
        };
        middle(pairs.map(ratio).collect())
    }
}

/// Sends `each` requests from each of `clients` at the same time, one after the other within a client.
/// `request` is told the number of the request.
pub async fn drive<F, Fut>(clients: usize, each: usize, request: F) -> anyhow::Result<Round>
where
    F: Fn(usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let request = request.clone();
        tasks.spawn(async move {
            let mut samples = Vec::with_capacity(each);
            for nth in 0..each {
                let sent = Instant::now();
                request(client * each + nth).await?;
                samples.push(sent.elapsed());
            }
            anyhow::Ok(samples)
        });
    }
    let mut samples = Vec::with_capacity(clients * each);
    while let Some(done) = tasks.join_next().await {
        samples.extend(done.context("a client panicked")??);
    }
    Ok(Round { samples, wall: started.elapsed(), work: (clients * each) as u64 })
}

fn sorted(samples: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut samples: Vec<Duration> = samples.collect();
    samples.sort_unstable();
    samples
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[half],
        _ => f64::midpoint(figures[half - 1], figures[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn series(rounds: &[u64]) -> Series {
        Series { rounds: rounds.iter().map(|ms| Round::single(millis(*ms), 10)).collect() }
    }

    #[test]
    fn percentiles_are_samples_that_were_measured() {
        let hundred = Series {
            rounds: vec![Round {
                samples: (1..=100).rev().map(millis).collect(),
                wall: millis(1),
                work: 100,
            }],
        };
        assert_eq!([50, 95, 99].map(|p| hundred.percentile(p)), [millis(50), millis(95), millis(99)]);
        assert_eq!(series(&[7]).percentile(99), millis(7));
    }

    #[test]
    fn the_ratio_compares_neighbouring_rounds_and_one_bad_round_does_not_move_it() {
        let (ours, theirs) = (series(&[10, 10, 900, 20, 10]), series(&[30, 30, 30, 60, 30]));
        assert!((ours.ratio_to(&theirs) - 3.0).abs() < 1e-9);
        assert!((ours.rate() - 1000.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn every_client_sends_its_own_requests_and_a_failure_ends_the_round() {
        let round = drive(4, 3, |_| async { Ok(()) }).await.expect("all succeed");
        assert_eq!((round.samples.len(), round.work), (12, 12));
        let failed = drive(2, 2, |nth| async move {
            anyhow::ensure!(nth != 3, "refused");
            Ok(())
        })
        .await;
        assert!(failed.is_err());
    }
}
