//! Limits and goals for a day, each with the rule it comes from.

use odyssey_types::{LimitPeriod, Nutrient, NutrientUnit, ReproductiveStatus, Sex};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::{Derived, is_pregnant};
use crate::KeySet;
use crate::engine::{CapRule, DailyAmount, InForce, Intake, RuleRef, Situation, Status, UNKNOWN_AGE_YEARS};

/// What a daily amount means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Not more than.
    Cap,
    /// Good to reach.
    Target,
    /// The least a diet should bring; never a reason to exclude a product.
    Min,
}

/// One daily amount. In JSON `amount` and `ideal` are in the nutrient's own unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyLimit {
    pub nutrient: Nutrient,
    pub kind: LimitKind,
    /// µg (energy: J).
    pub amount: i64,
    pub ideal: Option<i64>,
    pub rule: RuleRef,
}

impl Serialize for DailyLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The text of an amount is a decimal number, so it reads as one.
        let number = |stored: i64| self.nutrient.render(stored).parse::<f64>().unwrap_or_default();
        let mut out = serializer.serialize_struct("DailyLimit", 5)?;
        out.serialize_field("nutrient", &self.nutrient)?;
        out.serialize_field("kind", &self.kind)?;
        out.serialize_field("amount", &number(self.amount))?;
        out.serialize_field("ideal", &self.ideal.map(number))?;
        out.serialize_field("source", &self.rule)?;
        out.end()
    }
}

/// A cap that holds for a person, in µg per day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CapInForce {
    pub nutrient: Nutrient,
    pub limit: i64,
    pub ideal: Option<i64>,
    pub star: bool,
    /// An unknown amount does not matter where these are known to be absent.
    pub absent_lifts: KeySet,
    pub red_above_bp: Option<u32>,
    /// The condition it belongs to; `None` for general caps and the customer's own.
    pub condition: Option<String>,
    pub general: bool,
    pub rule: RuleRef,
}

/// The age of adults: their figures, given as fixed amounts, are not larger for children.
const ADULT_FROM_YEARS: u8 = 18;
/// Goals of pregnancy and lactation hold for these ages.
const REPRODUCTIVE_AGES: std::ops::RangeInclusive<u8> = 19..=50;

/// What an amount of a rule comes to for this person; `None` where something it needs is missing.
fn amount_of(
    amount: DailyAmount,
    nutrient: Nutrient,
    situation: &Situation<'_>,
    derived: &Derived,
) -> Option<i64> {
    let kcal = || derived.day_kcal(situation.pack).map(|(kcal, _)| kcal);
    match amount {
        DailyAmount::Fixed(amount) => Some(amount),
        // Rounded down.
        DailyAmount::EnergyShare { tenths_percent, kcal_per_gram } => {
            Some(kcal()? * tenths_percent * 1_000_000 / (1000 * kcal_per_gram))
        }
        DailyAmount::PerThousandKcal(amount) => Some(kcal()? * amount / 1000),
        DailyAmount::PerKilogram(amount) => {
            let grams = situation.profile.weight_kg?.0;
            i64::try_from(i128::from(amount) * i128::from(grams) / 1000).ok()
        }
        DailyAmount::Intake => {
            let intake = situation.pack.intakes.iter().find(|i| i.nutrient == nutrient)?;
            intake_amount(intake, situation, derived.age_years?)
        }
    }
}

/// Every cap that holds, sorted by nutrient, limit, rule. General caps give way to those of
/// conditions and to the customer's own on the same nutrient. A fixed cap of a condition is one for adults: for
/// a child the general one holds where it is lower.
pub(crate) fn caps_in_force(situation: &Situation<'_>, derived: &Derived) -> Vec<CapInForce> {
    let sets = situation.in_force();
    let general: Vec<CapInForce> =
        sets.iter().filter(|s| s.general).flat_map(|s| caps_of(s, situation, derived)).collect();
    let age = derived.age_years.unwrap_or(UNKNOWN_AGE_YEARS);
    let lower_for_a_child = |mut cap: CapInForce| {
        let of_age = general.iter().find(|g| age < ADULT_FROM_YEARS && g.nutrient == cap.nutrient);
        if let Some(of_age) = of_age.filter(|g| g.limit < cap.limit) {
            cap.limit = of_age.limit;
            cap.ideal = cap.ideal.map(|ideal| ideal.min(of_age.limit));
        }
        cap
    };
    let conditions = sets.iter().filter(|s| !s.general).flat_map(|s| caps_of(s, situation, derived));
    let mut caps: Vec<CapInForce> = conditions.map(lower_for_a_child).collect();
    caps.extend(situation.profile.limits.iter().filter(|l| l.period == LimitPeriod::Day).map(|l| {
        CapInForce {
            nutrient: l.nutrient,
            limit: l.max,
            ideal: None,
            star: false,
            absent_lifts: KeySet::EMPTY,
            red_above_bp: None,
            condition: None,
            general: false,
            rule: situation.pack.rule("customer.limit", "customer", Status::Policy),
        }
    }));
    let taken: Vec<Nutrient> = caps.iter().map(|c| c.nutrient).collect();
    caps.extend(general.into_iter().filter(|c| !taken.contains(&c.nutrient)));
    caps.sort_by(|a, b| (a.nutrient, a.limit, &a.rule).cmp(&(b.nutrient, b.limit, &b.rule)));
    caps.dedup();
    caps
}

fn caps_of(set: &InForce<'_>, situation: &Situation<'_>, derived: &Derived) -> Vec<CapInForce> {
    let in_force = |rule: &CapRule| {
        Some(CapInForce {
            nutrient: rule.nutrient,
            limit: amount_of(rule.amount, rule.nutrient, situation, derived)?,
            ideal: rule.ideal,
            star: rule.star && !set.soft_only,
            absent_lifts: rule.absent_lifts,
            red_above_bp: rule.red_above_bp,
            condition: (!set.general).then(|| set.owner.to_owned()),
            general: set.general,
            rule: rule.source.clone(),
        })
    };
    set.rules.caps.iter().filter(|r| situation.holds(&r.scope)).filter_map(in_force).collect()
}

/// The strictest cap of each nutrient, out of sorted caps.
pub(crate) fn strictest_caps(caps: &[CapInForce]) -> Vec<&CapInForce> {
    let mut strictest: Vec<&CapInForce> = Vec::new();
    for cap in caps {
        if strictest.last().is_none_or(|last| last.nutrient != cap.nutrient) {
            strictest.push(cap);
        }
    }
    strictest
}

/// Active targets: the highest of each nutrient, never above its upper level nor above a cap of a condition or of
/// the person's own; µg per day.
pub(crate) fn targets_in_force(
    situation: &Situation<'_>,
    derived: &Derived,
    caps: &[CapInForce],
) -> Vec<(Nutrient, i64, RuleRef)> {
    let mut targets: Vec<(Nutrient, i64, RuleRef)> = Vec::new();
    for set in situation.in_force() {
        for rule in set.rules.targets.iter().filter(|t| t.active && situation.holds(&t.scope)) {
            let Some(amount) = amount_of(rule.amount, rule.nutrient, situation, derived) else { continue };
            let level = situation.pack.upper_levels.get(&rule.nutrient).copied().unwrap_or(i64::MAX);
            let cap =
                caps.iter().filter(|c| c.nutrient == rule.nutrient && !c.general).map(|c| c.limit).min();
            let amount = amount.min(level).min(cap.unwrap_or(i64::MAX));
            if amount > 0 {
                targets.push((rule.nutrient, amount, rule.source.clone()));
            }
        }
    }
    targets.sort_by(|a, b| (a.0, -a.1, &a.2).cmp(&(b.0, -b.1, &b.2)));
    targets.dedup_by(|later, first| later.0 == first.0);
    targets
}

/// The least a day should bring: the highest of each nutrient.
fn minimums_in_force(situation: &Situation<'_>, derived: &Derived) -> Vec<(Nutrient, i64, RuleRef)> {
    let mut minimums: Vec<(Nutrient, i64, RuleRef)> = Vec::new();
    for set in situation.in_force().iter().filter(|s| !s.soft_only) {
        for rule in set.rules.minimums.iter().filter(|r| situation.holds(&r.scope)) {
            if let Some(amount) = amount_of(rule.amount, rule.nutrient, situation, derived) {
                minimums.push((rule.nutrient, amount, rule.source.clone()));
            }
        }
    }
    minimums.sort_by(|a, b| (a.0, -a.1, &a.2).cmp(&(b.0, -b.1, &b.2)));
    minimums.dedup_by(|later, first| later.0 == first.0);
    minimums
}

pub(super) fn daily_limits(situation: &Situation<'_>, derived: &mut Derived) -> Vec<DailyLimit> {
    let caps = caps_in_force(situation, derived);
    let limit = |kind: LimitKind| {
        move |(nutrient, amount, rule): (Nutrient, i64, RuleRef)| DailyLimit {
            nutrient,
            kind,
            amount,
            ideal: None,
            rule,
        }
    };
    let mut limits: Vec<DailyLimit> = strictest_caps(&caps)
        .into_iter()
        .map(|c| DailyLimit {
            nutrient: c.nutrient,
            kind: LimitKind::Cap,
            amount: c.limit,
            ideal: c.ideal,
            rule: c.rule.clone(),
        })
        .collect();
    limits.extend(targets_in_force(situation, derived, &caps).into_iter().map(limit(LimitKind::Target)));
    limits.extend(minimums_in_force(situation, derived).into_iter().map(limit(LimitKind::Min)));
    limits.extend(intakes(situation, derived, &limits));
    if let Some(kcal) = derived.energy_target_kcal.filter(|_| !situation.hides_numbers()) {
        let source = if derived.notes.contains(&"DRV_EER") { "eer_2023" } else { "mifflin" };
        limits.push(DailyLimit {
            nutrient: Nutrient::Energy,
            kind: LimitKind::Target,
            amount: NutrientUnit::Kilocalorie.stored_of_steps(kcal * 1000),
            ideal: None,
            rule: situation.pack.rule("energy.target", source, Status::Policy),
        });
    }
    note_default_energy(situation, derived);
    limits.sort_by_key(|l| (l.nutrient, l.kind));
    limits
}

/// Goals by age, sex and reproductive state; they need an age. A nutrient that a rule speaks of already, or that
/// is capped below the goal, has none.
fn intakes(situation: &Situation<'_>, derived: &mut Derived, have: &[DailyLimit]) -> Vec<DailyLimit> {
    let Some(age) = derived.age_years else { return Vec::new() };
    if !matches!(situation.profile.sex, Some(Sex::Female | Sex::Male)) {
        derived.notes.push("DRV_SEX_STRICTER");
    }
    let mut limits = Vec::new();
    for intake in &situation.pack.intakes {
        let kind = if intake.is_minimum { LimitKind::Min } else { LimitKind::Target };
        let Some(amount) = intake_amount(intake, situation, age) else { continue };
        let spoken_for = have.iter().any(|l| {
            l.nutrient == intake.nutrient
                && (l.kind != LimitKind::Cap || (l.amount < amount && !l.rule.rule.starts_with("dga")))
        });
        if !spoken_for {
            let rule =
                situation.pack.rule(&format!("dri.{}", intake.nutrient.field()), "dga_2020", Status::Sourced);
            limits.push(DailyLimit { nutrient: intake.nutrient, kind, amount, ideal: None, rule });
        }
    }
    limits
}

fn intake_amount(intake: &Intake, situation: &Situation<'_>, age: u8) -> Option<i64> {
    let profile = &situation.profile;
    let lactating = profile.reproductive_status == Some(ReproductiveStatus::Lactating);
    if is_pregnant(profile) || situation.states.contains("pregnancy") {
        return intake.pregnant.filter(|_| REPRODUCTIVE_AGES.contains(&age));
    }
    if lactating || situation.states.contains("lactation") {
        return intake.lactating.filter(|_| REPRODUCTIVE_AGES.contains(&age));
    }
    let row = intake.rows.iter().find(|r| (r.ages.0..=r.ages.1).contains(&age))?;
    Some(row.amount(profile.sex))
}

fn note_default_energy(situation: &Situation<'_>, derived: &mut Derived) {
    let sets = situation.in_force();
    let mut caps = sets.iter().flat_map(|s| &s.rules.caps).filter(|r| situation.holds(&r.scope));
    let by_share = caps.any(|c| c.amount.depends_on_energy());
    if by_share && matches!(derived.day_kcal(situation.pack), Some((_, true))) {
        derived.notes.push("DRV_DEFAULT_2000");
    }
}
