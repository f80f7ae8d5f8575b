use proptest::prelude::*;

use super::bits::{BLOCK_ROWS, Bits, first_rows, for_each, has};
use super::{EncodedRow, Snapshot, SnapshotBuilder, SnapshotRow};
use crate::engine::testing::*;

fn built(rows: &[SnapshotRow]) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for row in rows {
        builder.push(row);
    }
    builder.finish()
}

fn contents(snapshot: &Snapshot) -> Vec<EncodedRow> {
    let mut rows: Vec<EncodedRow> =
        snapshot.placed().flat_map(|p| p.block.decode(p.dead.as_deref())).collect();
    rows.sort_by_key(|r| r.id);
    rows
}

fn encoded(rows: &[SnapshotRow]) -> Vec<EncodedRow> {
    let mut rows: Vec<EncodedRow> = rows.iter().map(EncodedRow::of).collect();
    rows.sort_by_key(|r| r.id);
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_goes_in_comes_out(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let rows: Vec<SnapshotRow> = (0..dice.below(200)).map(|n| random_row(&mut dice, n)).collect();
        let snapshot = built(&rows);
        prop_assert_eq!(contents(&snapshot), encoded(&rows));
        prop_assert_eq!(snapshot.len(), rows.len());
    }

    #[test]
    fn deltas_end_where_a_fresh_build_does(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut rows: Vec<SnapshotRow> = (0..60).map(|n| random_row(&mut dice, n)).collect();
        let mut snapshot = built(&rows);
        for _ in 0..20 {
            let before = contents(&snapshot);
            let delta: Vec<SnapshotRow> =
                (0..dice.below(8)).map(|_| { let n = dice.below(90); random_row(&mut dice, n) }).collect();
            let removed: Vec<_> = (0..dice.below(4)).map(|_| id(dice.below(90))).collect();
            let next = snapshot.apply(delta.clone(), removed.clone());
            rows.retain(|r| !removed.contains(&r.id));
            for row in delta {
                rows.retain(|r| r.id != row.id);
                rows.push(row);
            }
            prop_assert_eq!(contents(&next), encoded(&rows));
            prop_assert_eq!(next.len(), rows.len());
            // The older snapshot is still what it was.
            prop_assert_eq!(contents(&snapshot), before);
            snapshot = next;
        }
    }
}

#[test]
fn a_later_row_of_the_same_id_replaces_an_earlier_one() {
    let mut dice = Dice(7);
    let (first, second, other) =
        (random_row(&mut dice, 1), random_row(&mut dice, 1), random_row(&mut dice, 2));
    let snapshot = built(&[other.clone(), first, second.clone()]);
    assert_eq!(contents(&snapshot), encoded(&[other, second]));
}

#[test]
fn a_catalog_of_many_blocks_keeps_every_row() {
    let mut dice = Dice(3);
    let facts = random_facts(&mut dice);
    let rows: Vec<SnapshotRow> = (0..BLOCK_ROWS as u64 * 2 + 5).map(|n| row(id(n), facts.clone())).collect();
    let mut sorted = rows.clone();
    sorted.sort_by_key(|r| r.id);
    let snapshot = built(&sorted);
    assert_eq!(snapshot.placed().count(), 3);
    let found = snapshot.locate_all(&[id(0), id(8192), id(999_999)]);
    assert_eq!(found.values().flatten().map(|w| w.count_ones()).sum::<u32>(), 2);
    let next = snapshot.apply(vec![row(id(5), facts.clone())], vec![id(6)]);
    assert_eq!((next.len(), next.placed().count()), (rows.len() - 1, 4));
}

#[test]
fn every_form_of_bits_answers_alike() {
    let len = 1000;
    for rows in [
        vec![],
        vec![3, 64, 999],
        (0..1000).collect::<Vec<u16>>(),
        (0..1000).filter(|r| r % 2 == 0).collect(),
    ] {
        let bits = Bits::of_rows(&rows, len);
        let mut listed = Vec::new();
        let mut words = bits.to_words();
        super::bits::and(&mut words, &first_rows(len));
        for_each(&words, |row| listed.push(row));
        assert_eq!(listed, rows);
        for row in 0..len as u16 {
            assert_eq!(bits.contains(row), has(&words, row));
        }
    }
}
