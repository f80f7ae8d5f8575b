//! The best k of what is offered, under a total order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use odyssey_types::ProductId;

use super::Candidate;
use crate::engine::Tier;

/// Tier, score, confidence, last change (newer first), id. Smaller is better.
type Key = (Tier, Reverse<u16>, Reverse<u16>, Reverse<u32>, ProductId);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ordered(Candidate);

impl Ordered {
    const fn key(&self) -> Key {
        let c = &self.0;
        (
            c.tier,
            Reverse(c.score_permille),
            Reverse(c.confidence_permille),
            Reverse(c.changed_at_seconds),
            c.id,
        )
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A heap of at most k candidates with the worst on top.
pub(in crate::engine) struct Best {
    k: usize,
    heap: BinaryHeap<Ordered>,
}

impl Best {
    pub fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::with_capacity(k.min(4096)) }
    }

    fn worst_if_full(&self) -> Option<&Candidate> {
        self.heap.peek().filter(|_| self.heap.len() >= self.k).map(|o| &o.0)
    }

    /// Whether any product of this tier could still enter.
    pub fn wants_tier(&self, tier: Tier) -> bool {
        self.k > 0 && self.worst_if_full().is_none_or(|worst| tier <= worst.tier)
    }

    /// The least score with which a product of this tier could enter; `None` when none could.
    pub fn score_floor(&self, tier: Tier) -> Option<u16> {
        match self.worst_if_full() {
            None => (self.k > 0).then_some(0),
            Some(worst) => match tier.cmp(&worst.tier) {
                Ordering::Less => Some(0),
                Ordering::Equal => Some(worst.score_permille),
                Ordering::Greater => None,
            },
        }
    }

    /// Whether a product of this change can only lose against the worst, if its score is the same and it
    /// is known completely.
    pub fn loses_by_age(&self, changed_at_seconds: u32) -> bool {
        self.worst_if_full().is_some_and(|worst| {
            worst.confidence_permille == 1000 && changed_at_seconds < worst.changed_at_seconds
        })
    }

    /// How many it holds at most.
    pub const fn limit(&self) -> usize {
        self.k
    }

    pub fn offer(&mut self, candidate: Candidate) {
        let offered = Ordered(candidate);
        if self.heap.len() < self.k {
            self.heap.push(offered);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && offered < *worst
        {
            *worst = offered;
        }
    }

    pub fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec().into_iter().map(|o| o.0).collect()
    }
}
