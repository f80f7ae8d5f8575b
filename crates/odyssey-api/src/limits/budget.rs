//! One budget: the generic cell rate algorithm over a bounded map.
//!
//! A key's whole state is one instant, the *theoretical arrival time*: every call moves it on by one
//! emission interval, and a call is refused when that would carry it more than a window ahead of now.
//! A key whose instant has passed is indistinguishable from one never seen, and is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Keys kept at most. Principals are fewer than this; addresses beyond it share one budget, so that
/// whoever has many addresses fills no memory.
const KEYS_MAX: usize = 100_000;
/// How often what has lapsed is forgotten.
const SWEEP_EVERY: TimeDelta = TimeDelta::seconds(30);
const WINDOW: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug)]
pub(super) struct Budget<K> {
    name: &'static str,
    quota: u32,
    spent: Mutex<Spent<K>>,
}

#[derive(Debug)]
struct Spent<K> {
    arrivals: HashMap<K, DateTime<Utc>>,
    overflow: DateTime<Utc>,
    swept_at: DateTime<Utc>,
}

/// What a charge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub name: &'static str,
    pub quota: u32,
    pub remaining: u32,
    /// Until the whole quota is there again.
    pub reset: TimeDelta,
    /// Set when the call is refused.
    pub retry_after: Option<TimeDelta>,
}

impl<K: Eq + Hash> Budget<K> {
    pub(super) fn per_minute(name: &'static str, quota: u32) -> Self {
        let never = DateTime::<Utc>::UNIX_EPOCH;
        let spent = Spent { arrivals: HashMap::new(), overflow: never, swept_at: never };
        Self { name, quota: quota.max(1), spent: Mutex::new(spent) }
    }

    /// Charges one call.
    pub(super) fn charge(&self, key: K, now: DateTime<Utc>) -> Outcome {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if now - spent.swept_at >= SWEEP_EVERY {
            spent.arrivals.retain(|_, arrival| *arrival > now);
            spent.arrivals.shrink_to(KEYS_MAX / 100);
            spent.swept_at = now;
        }
        let full = spent.arrivals.len() >= KEYS_MAX && !spent.arrivals.contains_key(&key);
        let Spent { arrivals, overflow, .. } = &mut *spent;
        let arrival = if full { overflow } else { arrivals.entry(key).or_insert(now) };
        self.spend(arrival, now)
    }

    /// Takes one charge back: nothing came of the call.
    pub(super) fn give_back(&self, key: &K) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = spent.arrivals.get_mut(key) {
            *arrival -= self.interval();
        }
    }

    fn interval(&self) -> TimeDelta {
        WINDOW / i32::try_from(self.quota).unwrap_or(i32::MAX)
    }

    fn spend(&self, arrival: &mut DateTime<Utc>, now: DateTime<Utc>) -> Outcome {
        let interval = self.interval();
        let next = (*arrival).max(now) + interval;
        let refused_by = next - now - WINDOW;
        let retry_after = (refused_by > TimeDelta::zero()).then_some(refused_by);
        if retry_after.is_none() {
            *arrival = next;
        }
        let reset = *arrival - now;
        let left = (WINDOW - reset).num_nanoseconds().unwrap_or(0).max(0);
        let interval = interval.num_nanoseconds().unwrap_or(1).max(1);
        let remaining = u32::try_from(left / interval).unwrap_or(u32::MAX).min(self.quota);
        Outcome { name: self.name, quota: self.quota, remaining, reset, retry_after }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).arrivals.len()
    }
}
