//! The smallest change that would make a product fit: to the label, the portion or a list. Never to an
//! allergy, a diet or a condition.

use std::collections::BTreeMap;

use odyssey_types::render_fixed;

use super::SmallestChange;
use super::findings::{Cause, Finder, Finding};
use super::sentences::with_unit;
use crate::engine::product::{per_reference, usable};
use crate::engine::{Action, AmountGate, Basis, Gate, Policy};
use crate::{Derivation, Facts, ListState, ReferenceSource};

/// Offered when exactly one kind of thing stands in the way; two obstacles have no smallest change.
pub(super) fn smallest_change(
    findings: &[Finding<'_>],
    policy: &Policy,
    derivation: &Derivation,
) -> Option<SmallestChange> {
    if policy.is_blocked() {
        return None;
    }
    let mut changes: Vec<SmallestChange> = Vec::new();
    for finding in findings.iter().filter(|f| f.action >= Action::Unverified) {
        // One obstacle that nothing can change ends the search.
        let change = change_for(finding, policy, &derivation.facts)?;
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    if changes.len() == 1 { changes.pop() } else { None }
}

fn change_for(finding: &Finding<'_>, policy: &Policy, facts: &Facts) -> Option<SmallestChange> {
    match (finding.cause, finding.finder) {
        (Cause::Inactive, _) => {
            Some(change("activate", [], "It would count again once the vendor offers it."))
        }
        (Cause::NeverListed, _) => Some(change(
            "unlist",
            [],
            "It would count again once it is taken off the list of products never to show.",
        )),
        (Cause::Ambiguous, _) => Some(change(
            "state_source",
            [],
            "It could be verified if the label stated where the ingredient comes from.",
        )),
        (Cause::Incomplete | Cause::DietUnproven, _) => Some(state_label(facts)),
        (Cause::Uncertified, _) => Some(change(
            "certify",
            [],
            "It could be verified with a current free-from certificate on record.",
        )),
        (Cause::AmountUnknown, Finder::Gate(at)) => match &policy.gates[at] {
            Gate::Amount(gate) => Some(change(
                "state_amount",
                [("nutrient", gate.nutrient.field().to_owned())],
                &format!("It could be verified if the amount of {} were stated.", gate.nutrient.label()),
            )),
            _ => None,
        },
        (Cause::ReferenceAssumed, _) => {
            Some(change("state_serving", [], "It could be verified if the serving size were stated."))
        }
        (Cause::Above, Finder::Gate(at)) => match &policy.gates[at] {
            Gate::Amount(gate) => Some(less_of(gate, facts)?),
            _ => None,
        },
        // What is known about allergens and diets is not for changing.
        _ => None,
    }
}

fn state_label(facts: &Facts) -> SmallestChange {
    let (code, sentence) = match facts.list_state {
        ListState::Stale => {
            ("renew_label", "It could be verified by a label of a later day, stated anew by the vendor.")
        }
        ListState::Complete if !facts.attested => (
            "attest_label",
            "It could be verified if the vendor attested that the allergen declaration is complete.",
        ),
        ListState::Complete => (
            "state_ingredients",
            "It could be verified if every ingredient were named, or a free-from certificate were on record.",
        ),
        _ => ("state_ingredients", "It could be verified if the whole ingredient list were stated."),
    };
    change(code, [], sentence)
}

/// A smaller portion where the serving is the label's own and the limit is per serving or day; else
/// the amount at which the product would pass.
fn less_of(gate: &AmountGate, facts: &Facts) -> Option<SmallestChange> {
    let above = gate.exclude_above?;
    let amount = i64::from(match gate.basis {
        Basis::Reference => per_reference(facts, gate.nutrient)?,
        Basis::Per100 => usable(&facts.per_100, gate.nutrient)?,
    });
    let portion = i128::from(facts.reference_amount) * i128::from(above) / i128::from(amount.max(1));
    // Whole grams or millilitres.
    let portion = portion as i64 / 1_000_000;
    let unit = if facts.is_volume { "ml" } else { "g" };
    let most = with_unit(gate.nutrient, above);
    let by_portion =
        gate.basis == Basis::Reference && facts.reference_source != ReferenceSource::Assumed && portion > 0;
    Some(if by_portion {
        change(
            "smaller_portion",
            [("portion", format!("{portion} {unit}")), ("nutrient", gate.nutrient.field().to_owned())],
            &format!(
                "A portion of {portion} {unit} instead of {} {unit} would stay within {most} of {}.",
                render_fixed(facts.reference_amount, 6),
                gate.nutrient.label()
            ),
        )
    } else {
        change(
            "less_of_nutrient",
            [("nutrient", gate.nutrient.field().to_owned()), ("at_most", most.clone())],
            &format!("A product with at most {most} of {} would pass.", gate.nutrient.label()),
        )
    })
}

fn change<const N: usize>(
    code: &'static str,
    params: [(&'static str, String); N],
    sentence: &str,
) -> SmallestChange {
    SmallestChange { code, params: BTreeMap::from(params), sentence: sentence.to_owned() }
}
