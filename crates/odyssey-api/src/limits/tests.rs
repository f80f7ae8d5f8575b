use chrono::{DateTime, TimeDelta, Utc};

use super::budget::Budget;
use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

#[test]
fn a_budget_admits_its_quota_at_once_and_refuses_the_next_call() {
    let budget = Budget::per_minute("user", 60);
    let admitted = (0..100).filter(|_| budget.charge(1, at(0)).retry_after.is_none()).count();
    assert_eq!(admitted, 60);
    let refused = budget.charge(1, at(0));
    assert_eq!((refused.remaining, refused.retry_after), (0, Some(TimeDelta::seconds(1))));
}

#[test]
fn a_refused_call_costs_nothing_and_waiting_as_told_is_enough() {
    let budget = Budget::per_minute("user", 6);
    for _ in 0..6 {
        assert_eq!(budget.charge(1, at(0)).retry_after, None);
    }
    for _ in 0..50 {
        assert_eq!(budget.charge(1, at(0)).retry_after, Some(TimeDelta::seconds(10)));
    }
    assert_eq!(budget.charge(1, at(10)).retry_after, None);
}

#[test]
fn one_key_does_not_spend_anothers_budget() {
    let budget = Budget::per_minute("user", 1);
    assert_eq!(budget.charge(1, at(0)).retry_after, None);
    assert_eq!(budget.charge(2, at(0)).retry_after, None);
    assert!(budget.charge(1, at(0)).retry_after.is_some());
}

#[test]
fn what_has_lapsed_is_forgotten_and_what_has_not_is_kept() {
    let budget = Budget::per_minute("user", 60);
    for key in 0..500 {
        budget.charge(key, at(0));
    }
    assert_eq!(budget.keys(), 500);
    budget.charge(1000, at(60));
    assert_eq!(budget.keys(), 1);
}

#[test]
fn keys_beyond_the_bound_share_one_budget() {
    let budget = Budget::per_minute("address", 2);
    for key in 0..100_000 {
        budget.charge(key, at(0));
    }
    let admitted = (200_000..200_010).filter(|key| budget.charge(*key, at(0)).retry_after.is_none()).count();
    assert_eq!((budget.keys(), admitted), (100_000, 2));
}

#[test]
fn the_headers_follow_the_draft() {
    let outcome = Budget::per_minute("user", 60).charge(1, at(0));
    let headers: Vec<_> =
        headers(&outcome).into_iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
    assert_eq!(headers, ["ratelimit-policy: \"user\";q=60;w=60", "ratelimit: \"user\";r=59;t=1"]);
}

#[test]
fn a_network_of_version_6_counts_as_one_address() {
    let network = |text: &str| network_of(text.parse().unwrap());
    assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
}

#[test]
fn reads_and_changes_have_budgets_of_their_own() {
    let clock = odyssey_types::FixedClock::at(at(0));
    let limiter = RateLimiter::new(RateSettings::default(), Arc::new(clock));
    let user = UserId::from_uuid(Uuid::from_u128(7));
    for _ in 0..60 {
        limiter.charge_user(RateClass::Standard, user).unwrap();
    }
    assert_eq!(limiter.charge_user(RateClass::Standard, user).unwrap_err().code, ProblemCode::RateLimited);
    // Ten keystrokes a second for a minute: a fast typist is not told to wait.
    for _ in 0..600 {
        limiter.charge_user(RateClass::Read, user).unwrap();
    }
}
