//! Barcodes, judged over the whole file before anything is merged.
//!
//! The first row that claims a code wins, except that whoever holds a code and keeps it goes first. A code
//! moves only when its holder's row in the same file is to be merged and gives it up; when that row is
//! refused itself, so is whoever counted on it, and so on along the chain.

use std::collections::{HashMap, HashSet};

use super::store::{HeldClaim, RivalClaim};

/// What becomes of the claims of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Refused rows: the code, and the product that keeps it.
    pub refused: HashMap<u64, (String, uuid::Uuid)>,
    /// Rows that hand codes on to each other: they merge first and together.
    pub movers: HashSet<u64>,
}

/// Judges the contested claims: `rivals` lost their code to another row of the file, `held` claim a code
/// that another product holds at this moment.
pub(super) fn judge(rivals: Vec<RivalClaim>, held: Vec<HeldClaim>) -> Judgement {
    let mut judgement = Judgement::default();
    let mut worklist = Vec::new();
    for rival in rivals {
        worklist.push(rival.record as u64);
        judgement.refused.insert(rival.record as u64, (rival.gtin, rival.winner));
    }
    // Who counts on whom: at most one row on each, since a product holds one code.
    let mut waiting: HashMap<u64, HeldClaim> = HashMap::new();
    for claim in held {
        let record = claim.record as u64;
        if judgement.refused.contains_key(&record) {
            continue;
        }
        match claim.holder_record.filter(|_| claim.gives_up) {
            Some(holder) => drop(waiting.insert(holder as u64, claim)),
            None => {
                worklist.push(record);
                judgement.refused.insert(record, (claim.gtin, claim.holder));
            }
        }
    }
    while let Some(refused) = worklist.pop() {
        if let Some(claim) = waiting.remove(&refused) {
            worklist.push(claim.record as u64);
            judgement.refused.insert(claim.record as u64, (claim.gtin, claim.holder));
        }
    }
    for (holder, claim) in waiting {
        judgement.movers.insert(holder);
        judgement.movers.insert(claim.record as u64);
    }
    judgement
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn product(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn held(record: i64, gtin: &str, holder: u128, holder_record: Option<i64>, gives_up: bool) -> HeldClaim {
        HeldClaim { record, gtin: gtin.to_owned(), holder: product(holder), holder_record, gives_up }
    }

    #[test]
    fn a_chain_of_codes_that_are_all_given_up_moves_together() {
        let judgement = judge(vec![], vec![held(1, "a", 2, Some(2), true), held(2, "b", 3, Some(3), true)]);
        assert!(judgement.refused.is_empty());
        assert_eq!(judgement.movers, HashSet::from([1, 2, 3]));
    }

    #[test]
    fn two_products_may_swap_their_codes() {
        let judgement = judge(vec![], vec![held(1, "b", 2, Some(2), true), held(2, "a", 1, Some(1), true)]);
        assert_eq!(judgement.movers, HashSet::from([1, 2]));
    }

    #[test]
    fn a_refusal_runs_along_the_chain_to_everybody_who_counted_on_it() {
        let chain = vec![
            held(1, "a", 2, Some(2), true),
            held(2, "b", 3, Some(3), true),
            held(3, "c", 9, None, false),
            held(7, "x", 8, Some(8), true),
        ];
        let judgement = judge(vec![], chain);
        let mut refused: Vec<u64> = judgement.refused.keys().copied().collect();
        refused.sort_unstable();
        assert_eq!(refused, [1, 2, 3]);
        assert_eq!(judgement.movers, HashSet::from([7, 8]), "other chains are left alone");
    }

    #[test]
    fn a_holder_that_keeps_its_code_keeps_it() {
        let judgement = judge(vec![], vec![held(4, "a", 5, Some(5), false)]);
        assert_eq!(judgement.refused[&4], ("a".to_owned(), product(5)));
    }

    #[test]
    fn the_loser_of_a_rivalry_gives_nothing_up() {
        let rivals = vec![RivalClaim { record: 2, gtin: "b".to_owned(), winner: product(9) }];
        let judgement = judge(rivals, vec![held(1, "a", 2, Some(2), true)]);
        let mut refused: Vec<u64> = judgement.refused.keys().copied().collect();
        refused.sort_unstable();
        assert_eq!(refused, [1, 2]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_judged_in_one_pass() {
        let chain = (1..=100_000).map(|n| held(n, "x", n as u128 + 1, Some(n + 1), n != 100_000)).collect();
        let judgement = judge(vec![], chain);
        assert_eq!(judgement.refused.len(), 100_000);
    }
}
