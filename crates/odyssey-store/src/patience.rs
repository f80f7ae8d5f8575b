//! How long a store across the network is waited for, and how often it is asked again.

use std::time::Duration;

use crate::error::StoreError;

/// Limits of waiting. The defaults suit a store on another continent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands.
    pub connect_max: Duration,
    /// Until a request of at most 8 MiB is sent and its answer begins.
    pub request_max: Duration,
    /// Without a byte in the middle of an answer.
    pub silence_max: Duration,
    /// Tries of one step, the first included. A step that makes progress counts anew.
    pub attempts_max: u32,
    /// Before the second try; each later pause is twice as long, up to [`Patience::pause_max`], give or take a half.
    pub pause_first: Duration,
    pub pause_max: Duration,
}

impl Patience {
    /// The same, for what is tried once.
    pub(crate) const fn once(self) -> Self {
        Self { attempts_max: 1, ..self }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect_max: Duration::from_secs(10),
            request_max: Duration::from_mins(5),
            silence_max: Duration::from_secs(30),
            attempts_max: 6,
            pause_first: Duration::from_millis(250),
            pause_max: Duration::from_secs(8),
        }
    }
}

/// The tries of one step.
#[derive(Debug)]
pub(crate) struct Tries {
    patience: Patience,
    made: u32,
}

impl Tries {
    pub const fn new(patience: Patience) -> Self {
        Self { patience, made: 1 }
    }

    /// The step came further: what follows is another one.
    pub const fn progressed(&mut self) {
        self.made = 1;
    }

    /// Waits its time, and says whether there is another try.
    pub async fn again(&mut self) -> bool {
        if self.made >= self.patience.attempts_max {
            return false;
        }
        tokio::time::sleep(self.pause()).await;
        self.made += 1;
        true
    }

    fn pause(&self) -> Duration {
        let doubled = self.patience.pause_first.saturating_mul(1 << (self.made - 1).min(16));
        let pause = doubled.min(self.patience.pause_max);
        // Spread, so that many writers that failed together do not come back together. Without randomness: in the middle.
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// Does a step until it succeeds, fails for good, or was tried often enough.
pub(crate) async fn persist<T, F, Fut>(patience: Patience, mut step: F) -> Result<T, StoreError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let mut tries = Tries::new(patience);
    loop {
        match step().await {
            Err(error) if error.is_retryable() && tries.again().await => {
                tracing::debug!(%error, "A step of the store is tried again");
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let patience = Patience {
            pause_first: Duration::from_millis(100),
            pause_max: Duration::from_secs(1),
            ..Patience::default()
        };
        for (made, middle) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (40, 1000)] {
            let pause = Tries { patience, made }.pause().as_millis();
            assert!((middle / 2..=middle + middle / 2).contains(&pause), "{pause} after {made} tries");
        }
    }
}
