//! Barcodes, judged over the whole file before anything is merged.
//!
//! The first row that claims a code wins, except that whoever holds a code and keeps it goes first. A code
//! moves only when its holder's row in the same file is to be merged and gives it up; when that row is
//! refused itself, so is whoever counted on it, and so on along the chain.

use std::collections::{HashMap, HashSet};

use super::holders::Holder;
use super::store::{HeldClaim, RivalClaim};

/// What becomes of the claims of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Refused rows: the code, and the product that keeps it.
    pub refused: HashMap<u64, (String, Holder)>,
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
        let winner =
            Holder { row: Some(rival.winner_record.unsigned_abs()), external_id: rival.winner_external_id };
        judgement.refused.insert(rival.record as u64, (rival.gtin, winner));
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
                judgement.refused.insert(record, refusal(claim));
            }
        }
    }
    while let Some(refused) = worklist.pop() {
        if let Some(claim) = waiting.remove(&refused) {
            worklist.push(claim.record as u64);
            judgement.refused.insert(claim.record as u64, refusal(claim));
        }
    }
    for (holder, claim) in waiting {
        judgement.movers.insert(holder);
        judgement.movers.insert(claim.record as u64);
    }
    judgement
}

/// The code, and who keeps it.
fn refusal(claim: HeldClaim) -> (String, Holder) {
    let row = claim.holder_row.map(i64::unsigned_abs);
    (claim.gtin, Holder { row, external_id: claim.holder_external_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(record: i64, gtin: &str, holder: i64, holder_record: Option<i64>, gives_up: bool) -> HeldClaim {
        HeldClaim {
            record,
            gtin: gtin.to_owned(),
            holder: uuid::Uuid::from_u128(holder.unsigned_abs().into()),
            holder_external_id: format!("p{holder}"),
            holder_row: holder_record,
            holder_record,
            gives_up,
        }
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
        let holder = Holder { row: Some(5), external_id: "p5".to_owned() };
        assert_eq!(judgement.refused[&4], ("a".to_owned(), holder));
        // One that is in no row of the file has its external id alone.
        let judgement = judge(vec![], vec![held(4, "a", 9, None, false)]);
        assert_eq!(judgement.refused[&4].1, Holder { row: None, external_id: "p9".to_owned() });
    }

    #[test]
    fn the_loser_of_a_rivalry_gives_nothing_up() {
        let rivals = vec![RivalClaim {
            record: 2,
            gtin: "b".to_owned(),
            winner_record: 1,
            winner_external_id: "p1".to_owned(),
        }];
        let judgement = judge(rivals, vec![held(1, "a", 2, Some(2), true)]);
        let mut refused: Vec<u64> = judgement.refused.keys().copied().collect();
        refused.sort_unstable();
        assert_eq!(refused, [1, 2]);
        assert_eq!(judgement.refused[&2].1, Holder { row: Some(1), external_id: "p1".to_owned() });
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_judged_in_one_pass() {
        let chain = (1..=100_000).map(|n| held(n, "x", n + 1, Some(n + 1), n != 100_000)).collect();
        let judgement = judge(vec![], chain);
        assert_eq!(judgement.refused.len(), 100_000);
    }
}
