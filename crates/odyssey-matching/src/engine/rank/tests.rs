//! The ranking against an oracle: every product judged alone by `evaluate`, then sorted plainly.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use odyssey_types::{Nutrient, ProductId};
use proptest::prelude::*;

use super::choose::Path;
use super::{Candidate, Filters, Query, Ranked, compare, rank, rank_by};
use crate::engine::testing::*;
use crate::engine::{
    Action, Policy, Snapshot, SnapshotBuilder, SnapshotRow, Tier, Verdict, VerdictKind, evaluate,
};
use crate::{EvidenceKey, Flag, ListState};

fn built(rows: &[SnapshotRow]) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for row in rows {
        builder.push(row);
    }
    builder.finish()
}

fn query(k: usize) -> Query {
    Query { k, include_cannot_verify: true, filters: Filters::default() }
}

fn judged(policy: &Policy, rows: &[SnapshotRow]) -> Vec<(SnapshotRow, Verdict)> {
    rows.iter()
        .map(|row| (row.clone(), evaluate(policy, &derivation(row.facts.clone()), &meta_of(row))))
        .collect()
}

fn expected(judged: &[(SnapshotRow, Verdict)], wanted: impl Fn(&Verdict) -> bool) -> Vec<Candidate> {
    let mut list: Vec<Candidate> = judged
        .iter()
        .filter(|(_, verdict)| wanted(verdict))
        .map(|(row, verdict)| Candidate {
            id: row.id,
            tier: verdict.tier,
            verdict: verdict.verdict,
            score_permille: verdict.score_permille,
            confidence_permille: verdict.confidence_permille,
            changed_at_seconds: row.changed_at_seconds as u32,
        })
        .collect();
    list.sort_by_key(|c| {
        (
            c.tier,
            Reverse(c.score_permille),
            Reverse(c.confidence_permille),
            Reverse(c.changed_at_seconds),
            c.id,
        )
    });
    list
}

fn assert_agrees(ranked: &Ranked, policy: &Policy, rows: &[SnapshotRow]) {
    let judged = judged(policy, rows);
    let fits = expected(&judged, |v| matches!(v.verdict, VerdictKind::Fits | VerdictKind::FitsWithCaution));
    assert_eq!(ranked.fits, fits);
    assert_eq!(ranked.fits_total, fits.len() as u64);
    let unverified = expected(&judged, |v| v.unverified_is_listed);
    assert_eq!(ranked.cannot_verify, unverified);
    assert_eq!(ranked.considered, rows.len() as u64);
    assert_eq!(ranked.funnel.iter().map(|s| s.first).sum::<u64>(), (rows.len() - fits.len()) as u64);
    let mut totals: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (_, verdict) in &judged {
        let mut causes: Vec<(String, String)> = verdict
            .reasons
            .iter()
            .filter(|r| r.action >= Action::Unverified)
            .map(|r| (r.code.clone(), r.subject.clone()))
            .collect();
        causes.sort();
        causes.dedup();
        for cause in causes {
            *totals.entry(cause).or_default() += 1;
        }
    }
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    for step in &ranked.funnel {
        *found.entry((step.code.clone(), step.subject.clone())).or_default() += step.total;
    }
    // Two gates on one subject (an allergy recorded twice) each count; the oracle counts products.
    for (cause, total) in &totals {
        assert!(found.get(cause).is_some_and(|f| f >= total), "{cause:?}: {found:?}");
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), totals.keys().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_ranking_is_what_judging_each_product_alone_gives(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let profile = random_profile(&mut dice);
        let rows: Vec<SnapshotRow> = (0..150).map(|n| random_row(&mut dice, n)).collect();
        let (never, allowed) = ([id(3), id(4), id(400)], [id(5), id(6), id(7)]);
        let mut policy = policy_with(&profile, &never, &allowed);
        policy.label_oldest = dice.percent(40).then(|| day(2023, 6, 1));
        // Two blocks, some rows replaced, some gone: the same as a plain list of what is left.
        let old: Vec<SnapshotRow> = (100..160).map(|n| random_row(&mut dice, n)).collect();
        let mut base = rows[..120].to_vec();
        base.truncate(100);
        base.extend(old);
        let removed: Vec<ProductId> = (150..160).map(id).collect();
        let snapshot = built(&base).apply(rows[100..].to_vec(), removed);
        let ranked = rank(&snapshot, &policy, &query(1000));
        assert_agrees(&ranked, &policy, &rows);
        for k in [0, 1, 7, 30] {
            let shorter = rank(&snapshot, &policy, &query(k));
            prop_assert_eq!(&shorter.fits[..], &ranked.fits[..k.min(ranked.fits.len())]);
            prop_assert_eq!(&shorter.cannot_verify[..], &ranked.cannot_verify[..k.min(ranked.cannot_verify.len())]);
            prop_assert_eq!(shorter.fits_total, ranked.fits_total);
            prop_assert_eq!(&shorter.funnel, &ranked.funnel);
            for path in [Path::Exact, Path::Gathered, Path::Whole] {
                prop_assert_eq!(&rank_by(&snapshot, &policy, &query(k), path), &shorter, "{:?}", path);
            }
        }
    }

    #[test]
    fn the_order_of_the_catalog_changes_nothing(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let policy = policy_of(&random_profile(&mut dice));
        let mut rows: Vec<SnapshotRow> = (0..80).map(|n| random_row(&mut dice, n)).collect();
        let one = rank(&built(&rows), &policy, &query(50));
        rows.reverse();
        prop_assert_eq!(one, rank(&built(&rows), &policy, &query(50)));
    }

    #[test]
    fn a_comparison_is_what_judging_each_product_twice_gives(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let (one, other) = (policy_of(&random_profile(&mut dice)), policy_of(&random_profile(&mut dice)));
        let rows: Vec<SnapshotRow> = (0..120).map(|n| random_row(&mut dice, n)).collect();
        let fits = |policy: &Policy| -> BTreeSet<ProductId> {
            let fits = judged(policy, &rows).into_iter().filter(|(_, verdict)| verdict.tier <= Tier::Two);
            fits.map(|(row, _)| row.id).collect()
        };
        let (was, is) = (fits(&one), fits(&other));
        let found = compare(&built(&rows), &one, &other, 1_000);
        prop_assert_eq!(found.considered, rows.iter().filter(|row| row.active).count() as u64);
        prop_assert_eq!((found.fits_before, found.fits_after), (was.len() as u64, is.len() as u64));
        prop_assert_eq!(found.gained_ids.iter().copied().collect::<BTreeSet<_>>(), &is - &was);
        prop_assert_eq!(found.lost_ids.iter().copied().collect::<BTreeSet<_>>(), &was - &is);
        prop_assert_eq!((found.gained, found.lost), (found.gained_ids.len() as u64, found.lost_ids.len() as u64));
    }

    #[test]
    fn a_limit_on_the_age_of_labels_never_lets_a_product_in(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let profile = random_profile(&mut dice);
        let rows: Vec<SnapshotRow> = (0..80).map(|n| random_row(&mut dice, n)).collect();
        let snapshot = built(&rows);
        let eligible = |policy: &Policy| -> BTreeSet<ProductId> {
            rank(&snapshot, policy, &query(1000)).fits.iter().map(|candidate| candidate.id).collect()
        };
        let (any, later) = (policy_of(&profile), policy_of_labels_since(&profile, day(2024, 1, 1)));
        let latest = policy_of_labels_since(&profile, day(2026, 1, 1));
        prop_assert!(eligible(&later).is_subset(&eligible(&any)));
        prop_assert!(eligible(&latest).is_subset(&eligible(&later)));
    }

    #[test]
    fn another_allergy_never_lets_a_product_in(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut profile = random_profile(&mut dice);
        let rows: Vec<SnapshotRow> = (0..80).map(|n| random_row(&mut dice, n)).collect();
        let snapshot = built(&rows);
        let before = rank(&snapshot, &policy_of(&profile), &query(1000));
        let more = serde_json::from_str(r#"{"allergen":"sesame","severity":"anaphylaxis"}"#).expect("an allergy");
        profile.allergies.push(more);
        let after = rank(&snapshot, &policy_of(&profile), &query(1000));
        for candidate in &after.fits {
            prop_assert!(before.fits.iter().any(|c| c.id == candidate.id));
        }
    }

    #[test]
    fn filters_narrow_and_never_change_a_verdict(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let policy = policy_of(&random_profile(&mut dice));
        let rows: Vec<SnapshotRow> = (0..80).map(|n| random_row(&mut dice, n)).collect();
        let snapshot = built(&rows);
        let filters = Filters {
            brands: vec!["ACME".to_owned()],
            tags: vec!["organic".to_owned()],
            price_max_hundredths: Some(1500),
            restrict_to: Some((0..60).map(id).collect()),
            ..Filters::default()
        };
        let kept: Vec<SnapshotRow> = rows
            .iter()
            .take(60)
            .filter(|r| r.brand.as_deref().is_some_and(|b| b.trim().eq_ignore_ascii_case("acme")))
            .filter(|r| r.tags.iter().any(|t| t == "organic") && r.price_hundredths.is_some_and(|p| p <= 1500))
            .cloned()
            .collect();
        let ranked = rank(&snapshot, &policy, &Query { filters, ..query(1000) });
        assert_agrees(&ranked, &policy, &kept);
    }
}

#[test]
fn a_catalog_of_many_blocks_is_ranked_alike_whichever_way_its_candidates_are_found() {
    let mut dice = Dice(11);
    let facts: Vec<_> = (0..300).map(|_| random_facts(&mut dice)).collect();
    let rows: Vec<SnapshotRow> = (0..9_000)
        .map(|n| {
            let mut facts = facts[n % facts.len()].clone();
            facts.per_reference.set(Nutrient::Sodium, Some(dice.below(900_000) as i64));
            facts.per_reference.set(Nutrient::Energy, Some(dice.below(1_500_000) as i64));
            let role = random_row(&mut dice, 0).role;
            SnapshotRow { role, changed_at_seconds: dice.below(9) as i64, ..row(id(n as u64), facts) }
        })
        .collect();
    let snapshot = built(&rows);
    for seed in 0..12 {
        let policy = policy_of(&random_profile(&mut Dice(seed)));
        for k in [1, 20, 400] {
            let exact = rank_by(&snapshot, &policy, &query(k), Path::Exact);
            for path in [Path::Cheapest, Path::Gathered, Path::Whole] {
                assert_eq!(rank_by(&snapshot, &policy, &query(k), path), exact, "{seed} {k} {path:?}");
            }
        }
    }
}

#[test]
fn the_best_product_planted_in_the_oldest_row_is_found() {
    let mut rows: Vec<SnapshotRow> = (0..9000)
        .map(|n| {
            let mut facts = clean();
            set(&mut facts.per_reference, Nutrient::Sodium, "400");
            SnapshotRow { changed_at_seconds: 1_700_000_000 + n as i64, ..row(id(n), facts) }
        })
        .collect();
    rows.push(SnapshotRow { changed_at_seconds: 1, ..row(id(9000), clean()) });
    let ranked = rank(&built(&rows), &policy_of(&profile("{}")), &query(1));
    assert_eq!((ranked.fits[0].id, ranked.considered), (id(9000), 9001));
}

#[test]
fn filters_that_match_nothing_give_an_empty_list_and_relax_no_gate() {
    let snapshot = built(&[row(id(1), clean())]);
    for filters in [
        Filters { tags: vec!["no such tag".to_owned()], ..Filters::default() },
        Filters { restrict_to: Some(Vec::new()), ..Filters::default() },
    ] {
        let ranked = rank(&snapshot, &policy_of(&profile("{}")), &Query { filters, ..query(5) });
        assert_eq!((ranked.fits.len(), ranked.considered), (0, 0));
    }
}

#[test]
fn a_profile_with_a_condition_in_free_text_gets_an_empty_list_that_says_why() {
    let unsafe_profile = profile(r#"{"conditions":[{"system":"text","code":"kidney trouble"}]}"#);
    let ranked =
        rank(&built(&[row(id(1), clean()), row(id(2), clean())]), &policy_of(&unsafe_profile), &query(5));
    assert!(ranked.fits.is_empty() && ranked.cannot_verify.is_empty());
    assert_eq!(ranked.considered, 2);
    assert_eq!((ranked.funnel[0].code.as_str(), ranked.funnel[0].first), ("DQ_PROFILE_UNSAFE", 2));
}

#[test]
fn the_unverified_are_listed_only_when_asked_for_and_never_for_an_allergy() {
    let mut facts = clean();
    facts.list_state = ListState::Truncated;
    facts.diets[0].truth = crate::Truth::Unknown;
    let snapshot = built(&[row(id(1), facts)]);
    let vegan = policy_of(&profile(r#"{"diets":[{"diet":"vegan"}]}"#));
    let listed = rank(&snapshot, &vegan, &query(5));
    assert_eq!((listed.cannot_verify.len(), listed.cannot_verify[0].tier), (1, Tier::Three));
    let quiet = rank(&snapshot, &vegan, &Query { include_cannot_verify: false, ..query(5) });
    assert_eq!((quiet.cannot_verify.len(), quiet.cannot_verify_total), (0, 1));
    let both = policy_of(&profile(r#"{"diets":[{"diet":"vegan"}],"allergies":[{"allergen":"milk"}]}"#));
    assert_eq!(rank(&snapshot, &both, &query(5)).cannot_verify_total, 0);
}

#[test]
fn the_funnel_names_the_first_gate_and_the_binding_one_but_never_an_allergy() {
    let mut peanut = clean();
    flag(&mut peanut, EvidenceKey::Peanut, Flag::Contains);
    let mut salty = clean();
    set(&mut salty.per_reference, Nutrient::Sodium, "1800");
    let rows: Vec<SnapshotRow> = vec![
        row(id(1), peanut.clone()),
        row(id(2), peanut.clone()),
        row(id(3), salty.clone()),
        row(id(4), {
            flag(&mut salty, EvidenceKey::Peanut, Flag::Contains);
            salty
        }),
        row(id(5), clean()),
    ];
    let json = r#"{"allergies":[{"allergen":"peanut"}],"conditions":[{"system":"icd10cm","code":"I10"}]}"#;
    let ranked = rank(&built(&rows), &policy_of(&profile(json)), &query(5));
    let steps: Vec<(&str, &str, u64, u64)> =
        ranked.funnel.iter().map(|s| (s.code.as_str(), s.subject.as_str(), s.first, s.total)).collect();
    assert_eq!(
        steps,
        [("HX_ALLERGEN_CONTAINS", "peanut", 3, 3), ("HX_CONDITION_NUTRIENT", "htn sodium_mg", 1, 2),]
    );
    let binding = ranked.binding.expect("a gate that binds");
    assert_eq!((binding.subject.as_str(), binding.freed), ("htn sodium_mg", 1));
}

#[test]
fn random_catalogs_hold_every_verdict_often_enough_to_test_with() {
    let mut counts: BTreeMap<VerdictKind, usize> = BTreeMap::new();
    let mut listed = 0;
    for seed in 0..80 {
        let mut dice = Dice(seed);
        let policy = policy_of(&random_profile(&mut dice));
        let rows: Vec<SnapshotRow> = (0..50).map(|n| random_row(&mut dice, n)).collect();
        for (_, verdict) in judged(&policy, &rows) {
            *counts.entry(verdict.verdict).or_default() += 1;
            listed += usize::from(verdict.unverified_is_listed);
        }
    }
    assert_eq!(counts.len(), 4);
    assert!(counts.values().all(|n| *n > 50) && listed > 50, "{counts:?} {listed}");
}
