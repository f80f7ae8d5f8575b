//! What verdicts were computed from, whole, so that whoever has this program can compute them again.
//!
//! Owns: nothing. Promises: a proof recomputes to the byte under the algorithm that made it; a figure, a flag or
//! a verdict changed afterwards is found. Emits: nothing. Never: proves a ranking; what was not returned is
//! not in it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Derivation, Policy, ProductMeta, Verdict, evaluate};

/// A policy and the products that were judged by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub policy: Policy,
    pub policy_digest: String,
    /// The day the verdicts are for.
    pub as_of: NaiveDate,
    pub verdicts: Vec<ProvenVerdict>,
}

/// One product: what was known of it, and what was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenVerdict {
    pub product: ProductMeta,
    pub derivation: Derivation,
    /// The [`Verdict`] as it was given.
    pub verdict: Value,
}

/// Something that does not come out as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discrepancy {
    /// The policy is not the one whose digest is stated.
    PolicyDigest { stated: String, computed: String },
    /// The verdict on a product comes out otherwise: the place in the list, counted from 0.
    Verdict { at: usize },
}

impl Proof {
    pub fn new(
        policy: &Policy,
        judged: impl IntoIterator<Item = (ProductMeta, Derivation, Verdict)>,
    ) -> Self {
        let verdicts = judged
            .into_iter()
            .map(|(product, derivation, verdict)| ProvenVerdict {
                product,
                derivation,
                verdict: as_json(&verdict),
            })
            .collect();
        Self { policy: policy.clone(), policy_digest: policy.digest(), as_of: policy.as_of, verdicts }
    }

    /// Judges everything again and says what comes out otherwise; nothing: the verdicts are proven.
    pub fn recompute(&self) -> Vec<Discrepancy> {
        let policy = Policy { as_of: self.as_of, ..self.policy.clone() };
        let (stated, computed) = (self.policy_digest.clone(), policy.digest());
        let mut found = Vec::new();
        if stated != computed {
            found.push(Discrepancy::PolicyDigest { stated, computed });
        }
        for (at, proven) in self.verdicts.iter().enumerate() {
            if as_json(&evaluate(&policy, &proven.derivation, &proven.product)) != proven.verdict {
                found.push(Discrepancy::Verdict { at });
            }
        }
        found
    }
}

fn as_json(verdict: &Verdict) -> Value {
    // Text, integers and closed enums always have a JSON form; null would equal no verdict.
    serde_json::to_value(verdict).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{Dice, derivation, meta_of, policy_of, random_profile, random_row};
    use crate::{EvidenceKey, Flag};

    /// A proof of random products by a random policy, through JSON and back.
    fn through_json(dice: &mut Dice) -> Proof {
        let policy = policy_of(&random_profile(dice));
        let judged = (0..20).map(|number| {
            let row = random_row(dice, number);
            let (meta, derivation) = (meta_of(&row), derivation(row.facts));
            let verdict = evaluate(&policy, &derivation, &meta);
            (meta, derivation, verdict)
        });
        let proof = Proof::new(&policy, judged.collect::<Vec<_>>());
        let text = serde_json::to_string(&proof).expect("JSON");
        let read: Proof = serde_json::from_str(&text).expect("a proof");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), text, "nothing is lost");
        read
    }

    #[test]
    fn whatever_was_judged_comes_out_the_same_after_a_journey_as_text() {
        let mut dice = Dice(20_261_126);
        for _ in 0..200 {
            assert_eq!(through_json(&mut dice).recompute(), []);
        }
    }

    #[test]
    fn a_changed_fact_policy_or_verdict_is_found() {
        let mut dice = Dice(7);
        let mut found = [0; 3];
        for _ in 0..50 {
            let proof = through_json(&mut dice);
            let mut facts = proof.clone();
            for proven in &mut facts.verdicts {
                for key in EvidenceKey::ALL {
                    let flags = &mut proven.derivation.facts.flags[*key as usize];
                    *flags = flags.with(Flag::Contains);
                }
            }
            let mut verdict = proof.clone();
            verdict.verdicts[3].verdict["score_permille"] = 1001.into();
            let mut policy = proof.clone();
            policy.policy.gates.pop();
            found[0] += usize::from(!facts.recompute().is_empty());
            found[1] += usize::from(verdict.recompute() == [Discrepancy::Verdict { at: 3 }]);
            found[2] += usize::from(policy.policy == proof.policy || !policy.recompute().is_empty());
        }
        // A profile without a gate on ingredients minds no ingredient.
        assert!(found[0] > 25, "{found:?}");
        assert_eq!(found[1..], [50, 50]);
    }
}
