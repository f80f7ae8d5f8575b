//! The funnel: how many products each gate keeps out, first, in all, and alone.

use super::{Binding, FunnelStep};
use crate::engine::{Gate, Policy, Severity};

/// Counts over all blocks: steps by gate, and what each gate alone keeps out.
pub(super) struct Tally {
    steps: Vec<(usize, &'static str, u64, u64)>,
    alone: Vec<u64>,
}

/// The lists come before the gates of the policy.
pub(super) const INACTIVE: usize = 0;
pub(super) const NEVER: usize = 1;
pub(super) const GATES: usize = 2;

impl Tally {
    pub fn new(policy: &Policy) -> Self {
        Self { steps: Vec::new(), alone: vec![0; policy.gates.len() + GATES] }
    }

    pub fn add(&mut self, gate: usize, code: &'static str, first: u64, total: u64) {
        match self.steps.iter_mut().find(|(g, c, ..)| (*g, *c) == (gate, code)) {
            Some(step) => {
                step.2 += first;
                step.3 += total;
            }
            None => self.steps.push((gate, code, first, total)),
        }
    }

    /// Products that only `gate` keeps out.
    pub fn add_alone(&mut self, gate: usize, count: u64) {
        self.alone[gate] += count;
    }

    /// The funnel in the order of the gates and their causes, and the gate that binds most. Steps that
    /// kept nobody out are left away.
    pub fn finish(mut self, policy: &Policy) -> (Vec<FunnelStep>, Option<Binding>) {
        self.steps.sort_by_key(|(gate, code, ..)| (*gate, code_order(code)));
        let subject = |gate: usize| match gate {
            INACTIVE => "inactive".to_owned(),
            NEVER => "never_list".to_owned(),
            _ => policy.gates[gate - GATES].subject(),
        };
        let funnel = self
            .steps
            .iter()
            .filter(|(.., total)| *total > 0)
            .map(|(gate, code, first, total)| FunnelStep {
                code: (*code).to_owned(),
                subject: subject(*gate),
                first: *first,
                total: *total,
            })
            .collect();
        let may_bind = |gate: usize| match gate.checked_sub(GATES).map(|at| &policy.gates[at]) {
            Some(Gate::Keys(gate)) => gate.severity == Severity::Preference,
            Some(Gate::Class(gate)) => gate.kind.is_overridable(),
            Some(Gate::Diet(_) | Gate::Amount(_)) => true,
            None => false,
        };
        // The first of equals, so that the answer is stable.
        let mut binding: Option<(usize, u64)> = None;
        for (gate, freed) in self.alone.iter().copied().enumerate() {
            if freed > 0 && may_bind(gate) && binding.is_none_or(|(_, most)| freed > most) {
                binding = Some((gate, freed));
            }
        }
        (funnel, binding.map(|(gate, freed)| Binding { subject: subject(gate), freed }))
    }
}

/// Within a gate, known causes come first.
pub(super) fn code_order(code: &str) -> u8 {
    match code {
        "HX_ALLERGEN_CONTAINS"
        | "HX_DIET"
        | "HX_LIMIT"
        | "HX_CONDITION_NUTRIENT"
        | "HX_CONDITION_INGREDIENT"
        | "HX_DRUG"
        | "HX_PREGNANCY"
        | "HX_AGE" => 0,
        "HX_ALLERGEN_MAY" => 1,
        "HX_ALLERGEN_AMBIGUOUS" | "HX_INGREDIENT_AMBIGUOUS" => 2,
        _ => 3,
    }
}
