use proptest::prelude::*;

use super::bits::{BLOCK_ROWS, Bits, first_rows, for_each, has};
use super::column::{Column, TOP_STEP, UNKNOWN, UNKNOWN_STEP};
use super::per_hundred::PerHundred;
use super::{EncodedRow, Snapshot, SnapshotBuilder, SnapshotDecoder, SnapshotRow};
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
        (0..1000).filter(|r| *r != 7 && *r != 500).collect(),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_column_gives_back_every_amount_and_compares_exactly(
        seed in any::<u64>(), magnitude in 1..33_u32, unit in prop::sample::select(vec![1_u64, 50, 1_000, 12_345, 100_000]),
        gaps in 0..100_u64,
    ) {
        let mut dice = Dice(seed);
        let values: Vec<u32> = (0..300)
            .map(|_| match dice.percent(gaps) {
                true => UNKNOWN,
                false => {
                    let exact = if dice.percent(2) { 1 } else { unit };
                    ((dice.next() >> (64 - magnitude)) / exact * exact).min(u64::from(UNKNOWN - 1)) as u32
                }
            })
            .collect();
        let column = Column::of_rows(&values);
        let mut limits: Vec<i64> = (0..8).map(|_| i64::from(*dice.pick(&values))).collect();
        limits.extend([-1, 0, 999, i64::from(UNKNOWN), i64::MAX]);
        for (row, value) in values.iter().enumerate() {
            prop_assert_eq!(column.get(row as u16), *value);
            prop_assert_eq!(has(&column.rows_unknown(), row as u16), *value == UNKNOWN);
        }
        for limit in limits.iter().flat_map(|l| [l.saturating_sub(1), *l, l.saturating_add(1)]) {
            let above = column.rows_above(limit);
            for (row, value) in values.iter().enumerate() {
                let expected = *value != UNKNOWN && i64::from(*value) > limit;
                prop_assert_eq!(has(&above, row as u16), expected, "{} > {}", value, limit);
            }
        }
        let mut scratch = Vec::new();
        let steps = column.steps(values.len(), &mut scratch);
        for (step, value) in steps.steps.iter().zip(&values) {
            let expected = if *value == UNKNOWN { UNKNOWN_STEP } else { (value / steps.unit).min(u32::from(TOP_STEP)) as u16 };
            prop_assert_eq!(*step, expected);
        }
    }

    #[test]
    fn an_amount_per_hundred_comes_back_and_compares_exactly(seed in any::<u64>(), odd in 0..60_u64) {
        let mut dice = Dice(seed);
        let some = |dice: &mut Dice, most: u64| if dice.percent(8) { UNKNOWN } else { dice.below(most) as u32 };
        let per_reference: Vec<u32> = (0..200).map(|_| some(&mut dice, 50_000_000)).collect();
        let reference: Vec<u32> = (0..200).map(|_| some(&mut dice, 250_000_000)).collect();
        let computed = PerHundred::Computed;
        let per_100: Vec<u32> = (0..200_u16)
            .map(|row| {
                let at = usize::from(row);
                let guess = computed.get(row, per_reference[at], reference[at]);
                if dice.percent(odd) { some(&mut dice, 90_000_000) } else { guess }
            })
            .collect();
        let column = PerHundred::of_rows(&per_reference, &per_100, &reference);
        for row in 0..200_u16 {
            let (amount, whole) = (per_reference[usize::from(row)], reference[usize::from(row)]);
            let value = per_100[usize::from(row)];
            prop_assert_eq!(column.get(row, amount, whole), value);
            for limit in [-1, 0, 500_000, i64::from(value) - 1, i64::from(value), i64::from(u32::MAX), i64::MAX] {
                let expected = (value != UNKNOWN).then_some(i64::from(value) > limit);
                prop_assert_eq!(column.is_above(row, amount, whole, limit), expected, "{} {}", value, limit);
                for (amount_unit, reference_unit) in [(1, 1), (1_000, 4_096), (65_536, 100_000)] {
                    let step = |exact: u32, unit: u32| match exact {
                        UNKNOWN => UNKNOWN_STEP,
                        known => (known / unit).min(u32::from(TOP_STEP)) as u16,
                    };
                    let steps = (step(amount, amount_unit), step(whole, reference_unit));
                    let coarse = PerHundred::Computed.coarse(amount_unit, reference_unit, limit);
                    let Some(coarse) = coarse else { continue };
                    let exact = PerHundred::Computed.is_above(row, amount, whole, limit);
                    if coarse.is_above(steps.0, steps.1) {
                        prop_assert_eq!(exact, Some(true), "{} {} {}", amount, whole, limit);
                    }
                    if coarse.is_not_above(steps.0, steps.1) {
                        prop_assert_ne!(exact, Some(true), "{} {} {}", amount, whole, limit);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_snapshot_comes_back_from_its_bytes_and_nothing_else_is_taken_for_one(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let rows: Vec<SnapshotRow> = (0..=dice.below(150)).map(|n| random_row(&mut dice, n)).collect();
        let delta: Vec<SnapshotRow> = (0..5).map(|_| { let n = dice.below(90); random_row(&mut dice, n) }).collect();
        let snapshot = built(&rows).apply(delta, vec![id(2)]);
        let blocks: Vec<Vec<u8>> = snapshot.encode_blocks().collect();
        let mut decoder = SnapshotDecoder::new();
        for block in &blocks {
            decoder.push(block).expect("a block that was just written");
        }
        let read = decoder.finish();
        prop_assert_eq!(contents(&read), contents(&snapshot));
        prop_assert_eq!(read.len(), snapshot.len());
        // A byte more, a byte less or a byte changed is refused or read as something; it never panics.
        for _ in 0..40 {
            let mut block = dice.pick(&blocks).clone();
            match dice.below(3) {
                0 => block.push(0),
                1 => block.truncate(dice.below(block.len() as u64) as usize),
                _ => {
                    let at = dice.below(block.len() as u64) as usize;
                    block[at] ^= 1 << dice.below(8);
                    std::hint::black_box(SnapshotDecoder::new().push(&block).is_err());
                    continue;
                }
            }
            prop_assert!(SnapshotDecoder::new().push(&block).is_err());
        }
    }
}

#[test]
fn many_deltas_leave_few_runs_and_no_more_blocks_than_rows_need() {
    let mut dice = Dice(5);
    let facts = random_facts(&mut dice);
    let plain = |n: u64| row(id(n), facts.clone());
    let rows: Vec<SnapshotRow> = (0..6_000).map(plain).collect();
    let mut snapshot = built(&rows);
    for _ in 0..80 {
        let delta: Vec<SnapshotRow> = (0..dice.below(300)).map(|_| plain(dice.below(6_000))).collect();
        snapshot = snapshot.apply(delta, Vec::new());
        assert_eq!(snapshot.len(), rows.len());
    }
    let stored: usize = snapshot.placed().map(|p| p.block.len()).sum();
    assert!(stored < rows.len() * 2, "{stored} rows kept for {}", rows.len());
    assert!(snapshot.runs.len() <= 16, "{} runs", snapshot.runs.len());
}
