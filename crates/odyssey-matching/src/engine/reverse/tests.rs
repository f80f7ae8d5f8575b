//! The audience against `evaluate`: every customer alone.

use odyssey_types::CustomerId;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Audience, AudienceCounts, AudienceProduct, Listed, Regressions};
use crate::engine::testing::*;
use crate::engine::{Policy, SnapshotRow, Tier, VerdictKind, evaluate};
use crate::{EvidenceKey, Facts, Flag};

fn customer(number: u64) -> CustomerId {
    CustomerId::from_uuid(Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number))
}

/// Customers with their profiles; the policy depends on what they said about product `id(1)`.
struct People(Vec<(CustomerId, odyssey_types::HealthProfile)>);

impl People {
    fn random(dice: &mut Dice, count: u64) -> Self {
        Self((0..count).map(|n| (customer(n), random_profile(dice))).collect())
    }

    fn expected(&self, row: &SnapshotRow, listed: &[(CustomerId, Listed)]) -> Vec<(VerdictKind, Tier)> {
        let judge = |(customer, profile): &(CustomerId, odyssey_types::HealthProfile)| {
            let on =
                |list: Listed| if listed.contains(&(*customer, list)) { vec![row.id] } else { Vec::new() };
            let policy = policy_with(profile, &on(Listed::NeverShow), &on(Listed::AlwaysAllow));
            let verdict = evaluate(&policy, &derivation(row.facts.clone()), &meta_of(row));
            (verdict.verdict, verdict.tier)
        };
        self.0.iter().map(judge).collect()
    }

    fn audience(&self) -> Audience {
        let mut audience = Audience::new();
        for (id, profile) in &self.0 {
            audience.put(*id, &gates_of(profile));
        }
        audience
    }
}

fn counts_of(verdicts: &[(VerdictKind, Tier)]) -> AudienceCounts {
    let count = |kind: VerdictKind| verdicts.iter().filter(|(verdict, _)| *verdict == kind).count() as u64;
    AudienceCounts {
        fits: count(VerdictKind::Fits),
        fits_with_caution: count(VerdictKind::FitsWithCaution),
        cannot_verify: count(VerdictKind::CannotVerify),
        conflict: count(VerdictKind::Conflict),
    }
}

fn product<'a>(row: &'a SnapshotRow, listed: &'a [(CustomerId, Listed)]) -> AudienceProduct<'a> {
    AudienceProduct { facts: &row.facts, active: row.active, listed }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_customer_gets_the_verdict_that_judging_it_alone_gives(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let people = People::random(&mut dice, 40);
        let audience = people.audience();
        prop_assert_eq!(audience.len(), 40);
        let listed: Vec<_> = (0..12)
            .map(|_| (customer(dice.below(45)), *dice.pick(&[Listed::AlwaysAllow, Listed::NeverShow])))
            .collect();
        // A product is on one list of a customer or on none.
        let mut listed = listed;
        listed.sort_unstable();
        listed.dedup_by_key(|(id, _)| *id);
        for _ in 0..6 {
            let row = random_row(&mut dice, 1);
            let judged = audience.judge(&product(&row, &listed));
            let expected = people.expected(&row, &listed);
            for ((id, profile), expected) in people.0.iter().zip(&expected) {
                prop_assert_eq!(judged.of_customer(*id), Some(*expected), "{:?}", profile);
            }
            let counts = judged.counts();
            prop_assert_eq!(counts, counts_of(&expected));
            prop_assert_eq!(judged.customers(VerdictKind::Conflict).count() as u64, counts.conflict);
            prop_assert_eq!(judged.customers(VerdictKind::Fits).count() as u64, counts.fits);
        }
    }

    #[test]
    fn who_regresses_is_who_had_it_and_lost_it(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let people = People::random(&mut dice, 40);
        let (before, mut after) = (random_row(&mut dice, 1), random_row(&mut dice, 1));
        if dice.percent(50) {
            after = before.clone();
            flag(&mut after.facts, EvidenceKey::Peanut, Flag::Contains);
        }
        let found = people.audience().who_regresses(&product(&before, &[]), &product(&after, &[]));
        let mut expected = Regressions::default();
        let pairs = people.expected(&before, &[]).into_iter().zip(people.expected(&after, &[]));
        for ((id, _), ((was, _), (is, _))) in people.0.iter().zip(pairs) {
            match is {
                VerdictKind::Conflict if was <= VerdictKind::FitsWithCaution => expected.to_conflict.push(*id),
                VerdictKind::CannotVerify if was <= VerdictKind::FitsWithCaution => {
                    expected.to_cannot_verify.push(*id);
                }
                _ => {}
            }
        }
        expected.to_conflict.sort_unstable();
        expected.to_cannot_verify.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn changes_and_removals_end_where_a_fresh_build_does(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut people = People::random(&mut dice, 30);
        // Half was compiled beside the other half.
        let (left, right) = (People(people.0[..15].to_vec()), People(people.0[15..].to_vec()));
        let mut audience = left.audience();
        audience.absorb(right.audience());
        for _ in 0..25 {
            let id = customer(dice.below(40));
            people.0.retain(|(other, _)| *other != id);
            if dice.percent(60) {
                let profile = random_profile(&mut dice);
                audience.put(id, &gates_of(&profile));
                people.0.push((id, profile));
            } else {
                audience.remove(id);
            }
            prop_assert_eq!(audience.len(), people.0.len());
            prop_assert_eq!(audience.contains(id), people.0.iter().any(|(other, _)| *other == id));
        }
        let row = random_row(&mut dice, 1);
        let judged = audience.judge(&product(&row, &[]));
        for ((id, _), expected) in people.0.iter().zip(people.expected(&row, &[])) {
            prop_assert_eq!(judged.of_customer(*id), Some(expected));
        }
        prop_assert_eq!(judged.counts(), counts_of(&people.expected(&row, &[])));
    }
}

fn gates_of(profile: &odyssey_types::HealthProfile) -> Policy {
    gates_policy(profile)
}

#[test]
fn customers_who_ask_for_the_same_share_their_rules() {
    let mut audience = Audience::new();
    let allergic = gates_of(&profile(r#"{"allergies":[{"allergen":"peanut"}]}"#));
    for number in 0..5_000 {
        audience.put(customer(number), &allergic);
    }
    audience.absorb(Audience::new());
    assert_eq!(audience.len(), 5_000);
    assert!(audience.dictionary().0 < 10 && audience.dictionary().1 <= 3, "{:?}", audience.dictionary());
    assert!(audience.bytes_per_customer() <= 32, "{}", audience.bytes_per_customer());
}

#[test]
fn a_profile_that_cannot_be_ranked_never_fits() {
    let mut audience = Audience::new();
    audience.put(customer(1), &gates_of(&profile(r#"{"allergies":[{"text":"some nut"}]}"#)));
    let facts: Facts = clean();
    let judged = audience.judge(&AudienceProduct { facts: &facts, active: true, listed: &[] });
    assert_eq!(judged.of_customer(customer(1)), Some((VerdictKind::CannotVerify, Tier::Three)));
}
