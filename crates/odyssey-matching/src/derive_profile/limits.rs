//! Limits and goals for a day, each with the rule it comes from.

use odyssey_types::{HealthProfile, LimitPeriod, Nutrient, NutrientUnit, Sex};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::{Derived, is_pregnant};
use crate::engine::{CapRule, DailyAmount, RulePack, RuleRef, Status, resolve_conditions};

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
    pub red_above_bp: Option<u32>,
    /// The condition it belongs to; `None` for general caps and the customer's own.
    pub condition: Option<String>,
    pub general: bool,
    pub rule: RuleRef,
}

/// Every cap that holds, sorted by nutrient, limit, rule. General caps give way to those of
/// conditions and to the customer's own on the same nutrient.
pub(crate) fn caps_in_force(profile: &HealthProfile, pack: &RulePack, derived: &Derived) -> Vec<CapInForce> {
    let kcal = derived.day_kcal(pack).map(|(kcal, _)| kcal);
    let amount = |rule: &CapRule| match rule.amount {
        DailyAmount::Fixed(amount) => Some(amount),
        share => kcal.map(|kcal| share.at(kcal)),
    };
    let in_force = |rule: &CapRule, condition: Option<&str>| {
        Some(CapInForce {
            nutrient: rule.nutrient,
            limit: amount(rule)?,
            ideal: rule.ideal,
            star: rule.star,
            red_above_bp: rule.red_above_bp,
            condition: condition.map(str::to_owned),
            general: condition.is_none(),
            rule: rule.source.clone(),
        })
    };
    // An unknown age counts as adult: the caps of adults are the ones that always stand.
    let age = derived.age_years.unwrap_or(30);
    let mut caps: Vec<CapInForce> = resolve_conditions(profile, pack)
        .claimed
        .iter()
        .flat_map(|c| c.caps.iter().filter_map(|rule| in_force(rule, Some(&c.id))))
        .collect();
    caps.extend(profile.limits.iter().filter(|l| l.period == LimitPeriod::Day).map(|l| CapInForce {
        nutrient: l.nutrient,
        limit: l.max,
        ideal: None,
        star: false,
        red_above_bp: None,
        condition: None,
        general: false,
        rule: pack.rule("customer.limit", "customer", Status::Policy),
    }));
    let taken: Vec<Nutrient> = caps.iter().map(|c| c.nutrient).collect();
    let general = pack.general_caps.iter().filter(|c| (c.ages.0..=c.ages.1).contains(&age));
    caps.extend(general.filter(|c| !taken.contains(&c.nutrient)).filter_map(|c| in_force(c, None)));
    caps.sort_by(|a, b| (a.nutrient, a.limit, &a.rule).cmp(&(b.nutrient, b.limit, &b.rule)));
    caps.dedup();
    caps
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

/// Active targets of conditions: the highest of each nutrient; µg per day.
pub(crate) fn targets_in_force(
    profile: &HealthProfile,
    pack: &RulePack,
    derived: &Derived,
) -> Vec<(Nutrient, i64, RuleRef)> {
    let kcal = derived.day_kcal(pack).map(|(kcal, _)| kcal);
    let mut targets: Vec<(Nutrient, i64, RuleRef)> = resolve_conditions(profile, pack)
        .claimed
        .iter()
        .flat_map(|c| &c.targets)
        .filter(|t| t.active)
        .filter_map(|t| match t.amount {
            DailyAmount::Fixed(amount) => Some((t.nutrient, amount, t.source.clone())),
            share => kcal.map(|kcal| (t.nutrient, share.at(kcal), t.source.clone())),
        })
        .collect();
    targets.sort_by(|a, b| (a.0, -a.1, &a.2).cmp(&(b.0, -b.1, &b.2)));
    targets.dedup_by(|later, first| later.0 == first.0);
    targets
}

pub(super) fn daily_limits(
    profile: &HealthProfile,
    pack: &RulePack,
    derived: &mut Derived,
) -> Vec<DailyLimit> {
    let caps = caps_in_force(profile, pack, derived);
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
    let targets = targets_in_force(profile, pack, derived);
    limits.extend(targets.iter().map(|(nutrient, amount, rule)| DailyLimit {
        nutrient: *nutrient,
        kind: LimitKind::Target,
        amount: *amount,
        ideal: None,
        rule: rule.clone(),
    }));
    limits.extend(intakes(profile, pack, derived, &limits));
    if let Some(kcal) = derived.energy_target_kcal {
        limits.push(DailyLimit {
            nutrient: Nutrient::Energy,
            kind: LimitKind::Target,
            amount: NutrientUnit::Kilocalorie.stored_of_steps(kcal * 1000),
            ideal: None,
            rule: pack.rule("energy.target", "mifflin", Status::Policy),
        });
    }
    note_default_energy(profile, pack, derived);
    limits.sort_by_key(|l| (l.nutrient, l.kind));
    limits
}

/// Goals by age and sex; they need an age, and do not hold in pregnancy and lactation.
fn intakes(
    profile: &HealthProfile,
    pack: &RulePack,
    derived: &mut Derived,
    have: &[DailyLimit],
) -> Vec<DailyLimit> {
    let Some(age) = derived.age_years else { return Vec::new() };
    if is_pregnant(profile) || profile.reproductive_status.is_some_and(|s| s.as_str() == "lactating") {
        return Vec::new();
    }
    if !matches!(profile.sex, Some(Sex::Female | Sex::Male)) {
        derived.notes.push("DRV_SEX_STRICTER");
    }
    let mut limits = Vec::new();
    for intake in &pack.intakes {
        let kind = if intake.is_minimum { LimitKind::Min } else { LimitKind::Target };
        let row = intake.rows.iter().find(|r| (r.ages.0..=r.ages.1).contains(&age));
        let stated = have.iter().any(|l| l.nutrient == intake.nutrient && l.kind == kind);
        if let Some(row) = row.filter(|_| !stated) {
            let rule = format!("dri.{}", intake.nutrient.field());
            limits.push(DailyLimit {
                nutrient: intake.nutrient,
                kind,
                amount: row.amount(profile.sex),
                ideal: None,
                rule: pack.rule(&rule, "dga_2020", Status::Sourced),
            });
        }
    }
    limits
}

fn note_default_energy(profile: &HealthProfile, pack: &RulePack, derived: &mut Derived) {
    let resolved = resolve_conditions(profile, pack);
    let by_share = pack.general_caps.iter().any(|c| c.amount.depends_on_energy())
        || resolved.claimed.iter().flat_map(|c| &c.caps).any(|c| c.amount.depends_on_energy());
    if by_share && matches!(derived.day_kcal(pack), Some((_, true))) {
        derived.notes.push("DRV_DEFAULT_2000");
    }
}
