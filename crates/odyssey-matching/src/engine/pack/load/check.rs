//! What holds between the parts of a pack: ids, names and references.

use std::collections::BTreeSet;

use super::invalid;
use crate::Diet;
use crate::engine::{GateKind, PackError, RulePack, RuleSet};

/// The diets that a condition or a drug may switch off (reference 8.7.1).
const DIETS_TO_BLOCK: [Diet; 3] = [Diet::Keto, Diet::LowCarb, Diet::LowSodium];

pub(super) fn check(pack: &RulePack) -> Result<(), PackError> {
    unique(pack)?;
    let names = state_names(pack);
    for group in &pack.states {
        known("state", &group.id, &group.of, &names)?;
    }
    for conflict in &pack.conflicts {
        let between = [conflict.between.0.clone(), conflict.between.1.clone()];
        known("conflict", &conflict.source.rule, &between, &names)?;
    }
    for template in &pack.conditions {
        owned_rules(&template.id, &template.rules, &names)?;
        if let Some(gate) = template.rules.gates.iter().find(|g| g.kind == GateKind::Drug) {
            return invalid(&gate.source.rule, "is of the kind of drugs, and belongs to a condition");
        }
        if template.rules.refs().any(|(_, scope)| !scope.drugs.is_empty()) {
            return invalid(&template.id, "names drugs of an interaction; `when` takes `drug.` and a name");
        }
        blocked_diets(&template.id, &template.blocks_diets)?;
        for other in template.includes.iter().chain(&template.implies) {
            match pack.condition(other) {
                None => return invalid(&template.id, format!("includes the unknown template `{other}`")),
                // One level is all there is, so nothing can turn in a circle.
                Some(other) if !other.includes.is_empty() => {
                    return invalid(&template.id, format!("includes `{}`, which includes others", other.id));
                }
                Some(_) => {}
            }
        }
    }
    for interaction in &pack.interactions {
        owned_rules(&interaction.id, &interaction.rules, &names)?;
        blocked_diets(&interaction.id, &interaction.blocks_diets)?;
        let drugs: BTreeSet<&str> = interaction.drugs.iter().map(|d| d.name.as_str()).collect();
        for (source, scope) in interaction.rules.refs() {
            if let Some(drug) = scope.drugs.iter().find(|d| !drugs.contains(d.as_str())) {
                return invalid(
                    &source.rule,
                    format!("is about `{drug}`, which is no drug of this interaction"),
                );
            }
        }
        if let Some(goal) = interaction.blocks_goals.iter().find(|g| pack.goal(g).is_none()) {
            return invalid(&interaction.id, format!("blocks the unknown goal `{goal}`"));
        }
    }
    Ok(())
}

fn unique(pack: &RulePack) -> Result<(), PackError> {
    let groups: [(&str, Vec<&str>); 5] = [
        ("condition", pack.conditions.iter().map(|c| c.id.as_str()).collect()),
        ("interaction", pack.interactions.iter().map(|i| i.id.as_str()).collect()),
        ("goal", pack.goals.iter().map(|g| g.id.as_str()).collect()),
        ("state", pack.states.iter().map(|s| s.id.as_str()).collect()),
        (
            "rule",
            pack.rule_sets().flat_map(|(_, rules)| rules.refs().map(|(r, _)| r.rule.as_str())).collect(),
        ),
    ];
    for (what, ids) in groups {
        let mut seen = BTreeSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
            return invalid(what, format!("`{twice}` stands twice"));
        }
    }
    Ok(())
}

fn state_names(pack: &RulePack) -> BTreeSet<String> {
    let drugs = pack.interactions.iter().flat_map(|i| &i.drugs).map(|d| format!("drug.{}", d.name));
    (pack.conditions.iter().map(|c| c.id.clone()))
        .chain(pack.interactions.iter().map(|i| i.id.clone()))
        .chain(pack.states.iter().map(|s| s.id.clone()))
        .chain(drugs)
        .collect()
}

fn known(what: &str, place: &str, of: &[String], names: &BTreeSet<String>) -> Result<(), PackError> {
    match of.iter().find(|name| !names.contains(*name)) {
        Some(name) => invalid(place, format!("{what} names `{name}`, which is nothing of this pack")),
        None => Ok(()),
    }
}

fn owned_rules(owner: &str, rules: &RuleSet, names: &BTreeSet<String>) -> Result<(), PackError> {
    for (source, scope) in rules.refs() {
        if source.rule.strip_prefix(owner).is_none_or(|rest| !rest.starts_with('.')) {
            return invalid(&source.rule, format!("is a rule of `{owner}`, so its id begins with that"));
        }
        known("a scope", &source.rule, &scope.when, names)?;
        known("a scope", &source.rule, &scope.unless, names)?;
    }
    Ok(())
}

fn blocked_diets(owner: &str, diets: &[Diet]) -> Result<(), PackError> {
    match diets.iter().find(|d| !DIETS_TO_BLOCK.contains(d)) {
        Some(diet) => invalid(owner, format!("may not switch off the diet `{}`", diet.code())),
        None => Ok(()),
    }
}
