//! Rules and sets of rules, each kept once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher as _};

use super::{Found, KINDS};
use crate::Facts;
use crate::engine::evaluate::{caution_fires, gate_causes, warning_fires};
use crate::engine::{Action, AmountCaution, ClassWarning, Gate, Policy};

/// Hashes without a random key: nothing here is chosen by a stranger, and nothing depends on the order.
type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// One distinct rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Rule {
    Gate(Gate),
    Caution(AmountCaution),
    Warning(ClassWarning),
    /// The profile cannot be ranked.
    Blocked,
}

impl Rule {
    fn judge(&self, facts: &Facts) -> Found {
        let caution = |fires: bool| if fires { Found::CAUTION } else { Found::NOTHING };
        match self {
            Self::Gate(gate) => {
                let found = gate_causes(gate, facts).into_iter().map(|(cause, action)| match action {
                    Action::Pass | Action::Warn => Found::NOTHING,
                    Action::Caution => Found::CAUTION,
                    Action::Unverified => Found::UNVERIFIED,
                    Action::Exclude if cause.is_known() => Found::EXCLUDED.and(Found::CONFLICT),
                    Action::Exclude => Found::EXCLUDED,
                });
                found.fold(Found::NOTHING, Found::and)
            }
            Self::Caution(rule) => caution(caution_fires(rule, facts)),
            Self::Warning(rule) => caution(warning_fires(rule, facts)),
            Self::Blocked => Found::BLOCKED,
        }
    }

    /// About what a rule takes on the heap: two or three short texts.
    const TEXT_BYTES: usize = 96;
}

/// The distinct rules by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    numbers: FixedMap<Rule, u32>,
}

impl Rules {
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// The numbers of a policy's rules: on ingredients and diets, on amounts, and cautions.
    pub fn of_policy(&mut self, policy: &Policy) -> [Vec<u32>; KINDS] {
        let mut sets: [Vec<u32>; KINDS] = Default::default();
        for gate in &policy.gates {
            let kind = usize::from(matches!(gate, Gate::Amount(_)));
            sets[kind].push(self.number(Rule::Gate(gate.clone())));
        }
        let cautions = policy.cautions.iter().map(|c| Rule::Caution(c.clone()));
        let warnings = policy.warnings.iter().map(|w| Rule::Warning(w.clone()));
        for rule in cautions.chain(warnings) {
            sets[2].push(self.number(rule));
        }
        if policy.is_blocked() {
            sets[0].push(self.number(Rule::Blocked));
        }
        sets
    }

    /// An always-allow entry lifts preferences and soft caps, and no warning.
    pub fn is_lifted_by_allowing(&self, rule: u32) -> bool {
        match &self.rules[rule as usize] {
            Rule::Gate(gate) => gate.is_preference(),
            Rule::Caution(_) => true,
            Rule::Warning(_) | Rule::Blocked => false,
        }
    }

    pub fn judge(&self, facts: &Facts) -> Vec<Found> {
        self.rules.iter().map(|rule| rule.judge(facts)).collect()
    }

    /// Takes over other rules; gives back their numbers here.
    pub fn absorb(&mut self, other: &Self) -> Vec<u32> {
        other.rules.iter().map(|rule| self.number(rule.clone())).collect()
    }

    pub fn memory_bytes(&self) -> usize {
        // Each stands in the list and as a key.
        self.rules.len() * 2 * (size_of::<Rule>() + Rule::TEXT_BYTES)
    }

    fn number(&mut self, rule: Rule) -> u32 {
        if let Some(number) = self.numbers.get(&rule) {
            return *number;
        }
        let number = self.rules.len() as u32;
        self.rules.push(rule.clone());
        self.numbers.insert(rule, number);
        number
    }
}

/// The distinct sets of rules by number, one behind the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Sets {
    members: Vec<u32>,
    /// Where each ends.
    ends: Vec<u32>,
    /// By a hash of the members; two sets of one hash stand under different salts.
    numbers: FixedMap<u64, u32>,
}

impl Sets {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number of a set of rules, in whatever order they are given.
    pub fn intern(&mut self, mut rules: Vec<u32>) -> u32 {
        rules.sort_unstable();
        rules.dedup();
        let mut salt = 0_u64;
        loop {
            let hash = hash_of(&rules, salt);
            match self.numbers.get(&hash) {
                Some(number) if self.members(*number) == rules => return *number,
                Some(_) => salt += 1,
                None => {
                    let number = self.ends.len() as u32;
                    self.members.extend_from_slice(&rules);
                    self.ends.push(self.members.len() as u32);
                    self.numbers.insert(hash, number);
                    return number;
                }
            }
        }
    }

    pub fn members(&self, set: u32) -> &[u32] {
        let at = set as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[start as usize..self.ends[at] as usize]
    }

    /// What each set found, from what each rule found.
    pub fn join(&self, found: &[Found]) -> Vec<Found> {
        let mut start = 0;
        let join = |end: &u32| {
            let members = &self.members[start..*end as usize];
            start = *end as usize;
            members.iter().fold(Found::NOTHING, |all, rule| all.and(found[*rule as usize]))
        };
        self.ends.iter().map(join).collect()
    }

    /// Takes over other sets, whose rules have these numbers here; gives back their own numbers.
    pub fn absorb(&mut self, other: &Self, rules: &[u32]) -> Vec<u32> {
        (0..other.len() as u32)
            .map(|set| self.intern(other.members(set).iter().map(|rule| rules[*rule as usize]).collect()))
            .collect()
    }

    pub fn memory_bytes(&self) -> usize {
        // A map keeps a byte beside each entry and an eighth of its places free.
        let map = self.numbers.capacity() * (size_of::<(u64, u32)>() + 1) * 8 / 7;
        (self.members.capacity() + self.ends.capacity()) * size_of::<u32>() + map
    }
}

fn hash_of(rules: &[u32], salt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    rules.hash(&mut hasher);
    hasher.finish()
}
