//! A vendor's own rules over the pack: what is tightened, what is loosened and why.
//!
//! Owns: nothing. Promises: a pack with changes is a pack like any other, under a digest of its own; a
//! change that loosens says why, in words that are kept; a target never becomes a ceiling, nor a day's
//! ceiling a serving's, because no change can say so; gates and allergies are never loosened. Never:
//! touches the pack that ships.

use odyssey_types::Nutrient;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{CapRule, DailyAmount, GateKind, GateRule, RulePack, RuleRef, RuleSet, Scope, Status};
use crate::{EvidenceKey, KeySet};

/// Changes of one vendor at most: each is looked at when a policy is compiled.
pub const RULE_CHANGES_MAX: usize = 200;
/// Characters of a justification at most.
const JUSTIFICATION_MAX: usize = 500;
/// Energy of a day that no person's target lies below, kcal (reference 1.3): a fixed cap below a share of
/// this is strictly tighter than the share for everybody.
const DAY_KCAL_MIN: i64 = 800;

/// What a class of ingredients does when a vendor's rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassAction {
    /// Excludes, like a hard rule of the condition.
    Exclude,
    /// Excludes unless a person's stored override says otherwise.
    ExcludeUnlessOverridden,
}

/// One change. Amounts are decimal texts in the nutrient's own unit, per day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleChange {
    /// Another ceiling for a cap of the pack.
    SetCap {
        /// Id of the cap's rule: `htn.sodium`.
        rule: String,
        amount: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        justification: Option<String>,
    },
    /// Makes a soft cap hard: one reference amount above half of it excludes, unknown is not verified.
    Harden { rule: String },
    /// Makes a hard cap soft.
    Soften { rule: String, justification: String },
    /// A further ceiling for people with a condition.
    AddCap {
        /// Id of the template: `htn`.
        condition: String,
        nutrient: Nutrient,
        amount: String,
        #[serde(default)]
        hard: bool,
    },
    /// Ingredients that people with a condition are kept from.
    AddGate {
        condition: String,
        /// An allergen or a class: `class.alcohol`.
        class: String,
        action: ClassAction,
    },
}

/// Why changes cannot be taken: which one, counted from 0, which field, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("change {at}: {field} {problem}")]
pub struct RuleChangeError {
    pub at: usize,
    pub field: &'static str,
    pub problem: String,
}

/// Where the changes come from, for the reasons that quote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeOrigin {
    /// Version of the vendor's rules.
    pub version: i64,
}

impl RulePack {
    /// The pack with a vendor's changes, in their order.
    pub fn with_changes(
        &self,
        changes: &[RuleChange],
        origin: &ChangeOrigin,
    ) -> Result<Self, RuleChangeError> {
        if changes.len() > RULE_CHANGES_MAX {
            let problem = format!("holds more than {RULE_CHANGES_MAX} entries");
            return Err(RuleChangeError { at: RULE_CHANGES_MAX, field: "changes", problem });
        }
        let mut pack = self.clone();
        for (at, change) in changes.iter().enumerate() {
            let fault = |(field, problem)| RuleChangeError { at, field, problem };
            apply(&mut pack, change, at, origin).map_err(fault)?;
        }
        if !changes.is_empty() {
            pack.digest = changed_digest(&self.digest, changes);
        }
        Ok(pack)
    }
}

/// Changes always have a JSON form: they are texts, numbers and closed lists.
fn changed_digest(digest: &str, changes: &[RuleChange]) -> String {
    let bytes = serde_json::to_vec(changes).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(digest.as_bytes());
    hash.update(bytes);
    crate::engine::hex(&hash.finalize())
}

type Fault = (&'static str, String);

fn apply(pack: &mut RulePack, change: &RuleChange, at: usize, origin: &ChangeOrigin) -> Result<(), Fault> {
    match change {
        RuleChange::SetCap { rule, amount, justification } => {
            let cap = cap_mut(pack, rule)?;
            let wanted = DailyAmount::Fixed(read_amount(cap.nutrient, amount)?);
            if loosens(cap.amount, wanted) {
                justified(justification.as_deref(), "raises the ceiling")?;
            }
            cap.amount = wanted;
            cap.ideal = cap.ideal.filter(|ideal| matches!(wanted, DailyAmount::Fixed(max) if *ideal < max));
            cap.source = changed_ref(&cap.source, justification.as_deref(), origin);
        }
        RuleChange::Harden { rule } => {
            let cap = cap_mut(pack, rule)?;
            cap.star = true;
            cap.source = changed_ref(&cap.source, None, origin);
        }
        RuleChange::Soften { rule, justification } => {
            let cap = cap_mut(pack, rule)?;
            if cap.star {
                justified(Some(justification), "turns a hard rule into a soft one")?;
            }
            cap.star = false;
            cap.source = changed_ref(&cap.source, Some(justification), origin);
        }
        RuleChange::AddCap { condition, nutrient, amount, hard } => {
            let source = own_ref(&format!("vendor.{condition}.{}.{at}", nutrient.field()), origin);
            let cap = CapRule {
                nutrient: *nutrient,
                amount: DailyAmount::Fixed(read_amount(*nutrient, amount)?),
                ideal: None,
                star: *hard,
                absent_lifts: KeySet::EMPTY,
                red_above_bp: None,
                scope: Scope::always(),
                source,
            };
            rules_mut(pack, condition)?.caps.push(cap);
        }
        RuleChange::AddGate { condition, class, action } => {
            let Some(key) = EvidenceKey::from_code(class) else {
                return Err(("class", format!("`{class}` is neither an allergen nor a class")));
            };
            let kind = match action {
                ClassAction::Exclude => GateKind::Condition,
                ClassAction::ExcludeUnlessOverridden => GateKind::Overridable,
            };
            let gate = GateRule {
                kind,
                code: "HX_CONDITION_INGREDIENT",
                subjects: vec![class.clone()],
                keys: KeySet::of(&[key]),
                about: key.label().to_owned(),
                ambiguous_excludes: false,
                traces_caution: false,
                advice: None,
                scope: Scope::always(),
                source: own_ref(&format!("vendor.{condition}.{class}.{at}"), origin),
            };
            rules_mut(pack, condition)?.gates.push(gate);
        }
    }
    Ok(())
}

/// The cap of that id, wherever it stands. A target has no cap of its id, so none becomes a ceiling.
fn cap_mut<'a>(pack: &'a mut RulePack, rule: &str) -> Result<&'a mut CapRule, Fault> {
    pack.conditions
        .iter_mut()
        .map(|c| &mut c.rules)
        .chain(pack.interactions.iter_mut().map(|i| &mut i.rules))
        .chain(pack.guidelines.iter_mut().map(|g| &mut g.rules))
        .flat_map(|rules| rules.caps.iter_mut())
        .find(|cap| cap.source.rule == rule)
        .ok_or_else(|| {
            ("rule", format!("`{rule}` is no ceiling of the rule pack; `GET /rules/packs` lists them"))
        })
}

fn rules_mut<'a>(pack: &'a mut RulePack, condition: &str) -> Result<&'a mut RuleSet, Fault> {
    match pack.conditions.iter_mut().find(|c| c.id == condition) {
        Some(template) if template.implemented => Ok(&mut template.rules),
        Some(_) => {
            Err(("condition", format!("`{condition}` has no rules yet, so profiles with it are not ranked")))
        }
        None => Err(("condition", format!("`{condition}` is no template; `GET /rules/packs` lists them"))),
    }
}

fn read_amount(nutrient: Nutrient, text: &str) -> Result<i64, Fault> {
    match nutrient.parse_rounding(text.trim()) {
        Ok((stored, true)) if stored > 0 => Ok(stored),
        _ => Err(("amount", format!("is a positive decimal number in the unit of {}", nutrient.field()))),
    }
}

/// Whether the new ceiling may be higher for anybody.
const fn loosens(now: DailyAmount, wanted: DailyAmount) -> bool {
    let DailyAmount::Fixed(wanted) = wanted else { return true };
    match now {
        DailyAmount::Fixed(now) => wanted > now,
        DailyAmount::EnergyShare { tenths_percent, kcal_per_gram } => {
            wanted > DAY_KCAL_MIN * tenths_percent * 1_000_000 / (1000 * kcal_per_gram)
        }
        DailyAmount::PerThousandKcal(amount) => wanted > DAY_KCAL_MIN * amount / 1000,
        // Follows the person's weight or age: nothing fixed is sure to be lower.
        DailyAmount::PerKilogram(_) | DailyAmount::Intake => true,
    }
}

fn justified(text: Option<&str>, what: &str) -> Result<(), Fault> {
    match text.map(str::trim) {
        Some(text) if !text.is_empty() && text.chars().count() <= JUSTIFICATION_MAX => Ok(()),
        _ => Err((
            "justification",
            format!("is needed, with at most {JUSTIFICATION_MAX} characters: the change {what}"),
        )),
    }
}

fn changed_ref(source: &RuleRef, justification: Option<&str>, origin: &ChangeOrigin) -> RuleRef {
    let why = justification.map(|why| format!(" ({})", why.trim())).unwrap_or_default();
    RuleRef {
        rule: source.rule.clone(),
        version: format!("{}+vendor.{}", source.version, origin.version),
        citation: format!("Set by the vendor{why}; the rule pack cites: {}", source.citation),
        status: Status::Policy,
    }
}

fn own_ref(rule: &str, origin: &ChangeOrigin) -> RuleRef {
    RuleRef {
        rule: rule.to_owned(),
        version: format!("vendor.{}", origin.version),
        citation: "Set by the vendor".to_owned(),
        status: Status::Policy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[RuleChange]) -> Result<RulePack, RuleChangeError> {
        RulePack::embedded().with_changes(changes, &ChangeOrigin { version: 3 })
    }

    fn set(rule: &str, amount: &str, justification: Option<&str>) -> RuleChange {
        RuleChange::SetCap {
            rule: rule.to_owned(),
            amount: amount.to_owned(),
            justification: justification.map(str::to_owned),
        }
    }

    fn cap_of(pack: &RulePack, rule: &str) -> CapRule {
        let caps = pack.conditions.iter().flat_map(|c| &c.rules.caps);
        caps.clone().find(|c| c.source.rule == rule).expect("the cap").clone()
    }

    #[test]
    fn a_ceiling_is_lowered_freely_and_raised_only_with_a_reason() {
        let lowered = changed(&[set("htn.sodium", "1500", None)]).expect("tighter");
        assert_eq!(cap_of(&lowered, "htn.sodium").amount, DailyAmount::Fixed(1_500_000));
        assert_eq!(
            cap_of(&lowered, "htn.sodium").source.version,
            "2026.1.0+vendor.3".replace("2026.1.0", &RulePack::embedded().version)
        );
        let fault = changed(&[set("htn.sodium", "3000", None)]).expect_err("looser");
        assert_eq!((fault.at, fault.field), (0, "justification"));
        assert!(changed(&[set("htn.sodium", "3000", Some("  "))]).is_err(), "a blank is no reason");
        let raised =
            changed(&[set("htn.sodium", "3000", Some("Agreed with Dr. Who, 2026-01"))]).expect("justified");
        assert!(cap_of(&raised, "htn.sodium").source.citation.contains("Agreed"));
    }

    #[test]
    fn a_fixed_amount_in_place_of_a_share_is_tighter_only_below_the_least_day() {
        // 6 % of 800 kcal is 5.3 g of saturated fat.
        assert!(changed(&[set("htn.saturated_fat", "5", None)]).is_ok());
        assert!(changed(&[set("htn.saturated_fat", "6", None)]).is_err());
    }

    #[test]
    fn a_target_is_no_ceiling_and_an_unknown_rule_is_named() {
        let fault = changed(&[set("htn.potassium", "3500", None)]).expect_err("a target");
        assert_eq!(fault.field, "rule");
        let fault = changed(&[RuleChange::Harden { rule: "no.such".to_owned() }]).expect_err("unknown");
        assert!(fault.to_string().contains("no.such"));
    }

    #[test]
    fn changes_change_the_digest_and_none_changes_nothing() {
        let pack = RulePack::embedded();
        assert_eq!(changed(&[]).expect("nothing").digest, pack.digest);
        let one = changed(&[set("htn.sodium", "1500", None)]).expect("one");
        let two = changed(&[set("htn.sodium", "1400", None)]).expect("two");
        assert!(one.digest != pack.digest && one.digest != two.digest);
    }

    #[test]
    fn softening_a_hard_cap_needs_words() {
        let soften = |justification: &str| RuleChange::Soften {
            rule: "htn.sodium".to_owned(),
            justification: justification.to_owned(),
        };
        assert!(changed(&[soften("")]).is_err());
        assert!(!cap_of(&changed(&[soften("trial period")]).expect("justified"), "htn.sodium").star);
    }

    #[test]
    fn a_gate_of_the_vendors_names_a_key_that_exists() {
        let gate = |class: &str| RuleChange::AddGate {
            condition: "htn".to_owned(),
            class: class.to_owned(),
            action: ClassAction::Exclude,
        };
        let pack = changed(&[gate("class.licorice")]).expect("a class");
        let template = pack.conditions.iter().find(|c| c.id == "htn").expect("the template");
        assert!(template.rules.gates.iter().any(|g| g.source.rule.starts_with("vendor.htn.class.licorice")));
        assert_eq!(changed(&[gate("class.nothing")]).expect_err("no key").field, "class");
    }
}
