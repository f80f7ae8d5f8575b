//! How good the records are, from the write to the figures, the rules and the gaps.

mod findings;
mod gaps;
mod rule_sets;
