//! Diets, three-valued, as `data/rules/diets.toml` defines them (reference 5): *No* by a named ingredient
//! or a nutrient test that fails, *Yes* by a certificate, an uncontradicted declaration, a complete list
//! or a nutrient test, each where the diet allows it; else *Unknown*.
//!
//! Proof by list asks for full coverage (1000 permille): "yes" says of every word what it is, and an
//! unread word may be the animal product. The 90 % of reference 8.1 is for silence about a dislike.
//! A list proves a diet only if the list of what the diet excludes is whole. Where that list is general
//! knowledge (jain, sattvic, Hindu vegetarian, low-FODMAP, Whole30, carnivore) its terms say "no" and
//! nothing more, since a "yes" that rests on them would better a tier; the vendor's word or a certificate
//! is needed. Diets of process (kosher, halal meat) are never proved by ingredients. Diets of nutrients are
//! decided by the figures alone, whatever a tag says; no figure, no answer. Adding evidence never turns a
//! "no" into anything else, and taking a figure away never makes a "yes".

use odyssey_types::Jurisdiction;

use super::declared::DietClaims;
use super::diet_nutrients::{self, DietNutrients};
use super::evidence::Collector;
use crate::diet_rules::{DietRule, DietTable, ListProof, TagProof};
use crate::facts::{
    DIET_COUNT, Diet, DietFact, EvidenceKey as K, EvidenceSource, Flag, KeySet, ListState, Truth,
};

/// What the terms of `data/terms/diets.tsv` say of a diet.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct DietTerms {
    pub breaks: bool,
    pub unsure: bool,
}

/// Everything diets are judged by.
pub(super) struct DietInput<'a> {
    pub collector: &'a Collector,
    pub rules: &'a DietTable,
    pub terms: [DietTerms; DIET_COUNT],
    pub claims: DietClaims,
    /// Gluten cereals that are there as such, not only in a gluten-free form.
    pub grains: KeySet,
    pub list_state: ListState,
    pub coverage_permille: u16,
    pub container_term: bool,
    pub attested: bool,
    pub mandatory: KeySet,
    pub jurisdiction: Jurisdiction,
    pub nutrients: DietNutrients<'a>,
}

/// The verdicts by diet; contradicted claims become issues of the caller's collector.
pub(super) fn judge(input: &DietInput<'_>) -> ([DietFact; DIET_COUNT], Vec<Diet>) {
    let mut contradicted = Vec::new();
    let facts = std::array::from_fn(|at| {
        let rule = input.rules.rule(Diet::ALL[at]);
        let claimed = input.tagged(rule) || input.certified(rule);
        let truth = input.truth(rule);
        if claimed && truth == Truth::No {
            contradicted.push(rule.diet);
        }
        DietFact {
            truth,
            certified: truth == Truth::Yes && rule.certificate && input.certified(rule),
            precaution: input.any(rule.excludes, &[Flag::Pal, Flag::Facility]),
        }
    });
    (facts, contradicted)
}

impl DietInput<'_> {
    fn any(&self, keys: KeySet, flags: &[Flag]) -> bool {
        keys.iter().any(|k| flags.iter().any(|f| self.collector.has(k, *f)))
    }

    fn contains(&self, keys: KeySet) -> bool {
        self.any(keys, &[Flag::Contains])
    }

    fn claims_all(&self, keys: KeySet, flag: Flag) -> bool {
        !keys.is_empty() && keys.iter().all(|k| self.collector.product_claims(k, flag))
    }

    /// The vendor's word: a tag, or a free-from claim on all that the diet is free of.
    fn tagged(&self, rule: &DietRule) -> bool {
        self.claims.tagged[rule.diet as usize] || self.claims_all(rule.free_of, Flag::ClaimFree)
    }

    fn certified(&self, rule: &DietRule) -> bool {
        self.claims.certified[rule.diet as usize] || self.claims_all(rule.free_of, Flag::CertifiedFree)
    }

    fn truth(&self, rule: &DietRule) -> Truth {
        let tests = diet_nutrients::all_met(&rule.tests, &self.nutrients, self.jurisdiction);
        if self.breaks(rule) || tests == Truth::No {
            return Truth::No;
        }
        if tests == Truth::Unknown {
            return Truth::Unknown;
        }
        let certified = rule.certificate && self.certified(rule);
        let tagged = self.tagged(rule) && self.tag_suffices(rule);
        let proved = certified || tagged || self.list_proves(rule) || rule.is_by_figures_alone();
        if proved { Truth::Yes } else { Truth::Unknown }
    }

    fn breaks(&self, rule: &DietRule) -> bool {
        let named = rule.terms.iter().any(|d| self.terms[*d as usize].breaks);
        let together = rule.together.iter().any(|(a, b)| self.contains(*a) && self.contains(*b));
        let excluded = if rule.diet == Diet::GlutenFree {
            self.breaks_gluten_free(rule)
        } else {
            rule.excludes.iter().any(|k| self.key_breaks(rule, k))
        };
        named || together || excluded
    }

    /// Oats, and grains freed from gluten, are gluten-free only with a claim to stand on (21 CFR 101.91).
    fn breaks_gluten_free(&self, rule: &DietRule) -> bool {
        let claimed = self.tagged(rule) || self.certified(rule);
        let wheat_barley_rye = self.grains.without(KeySet::of(&[K::Oats]));
        !wheat_barley_rye.is_empty() || (!claimed && self.contains(rule.excludes))
    }

    /// A key with exceptions breaks the diet only by an ingredient that is none of them: a declaration
    /// of milk does not say whether the milk is ghee.
    fn key_breaks(&self, rule: &DietRule, key: K) -> bool {
        let Some(exception) = rule.exception(key) else { return self.collector.has(key, Flag::Contains) };
        self.collector.sources_of(key, Flag::Contains).any(|(source, term)| match source {
            EvidenceSource::Term => !exception.terms.iter().any(|t| t == term),
            EvidenceSource::Hold => true,
            EvidenceSource::Declared | EvidenceSource::Statement | EvidenceSource::Claim => false,
        })
    }

    /// What the list, or a declaration, leaves open of a key.
    fn key_doubts(&self, rule: &DietRule, key: K) -> bool {
        let exempt = rule.exempt_is_doubt && self.collector.has(key, Flag::Exempt);
        let Some(exception) = rule.exception(key) else {
            return exempt || self.collector.has(key, Flag::Ambiguous);
        };
        let allowed = |term: &str| exception.terms.iter().any(|t| t == term);
        let ambiguous = self.collector.sources_of(key, Flag::Ambiguous).any(|(_, term)| !allowed(term));
        let explained = self.collector.sources_of(key, Flag::Contains).any(|(_, term)| allowed(term));
        exempt || ambiguous || (self.collector.has(key, Flag::Contains) && !explained)
    }

    fn in_doubt(&self, rule: &DietRule) -> bool {
        rule.excludes.iter().any(|k| self.key_doubts(rule, k)) || self.any(rule.doubts, &[Flag::Ambiguous])
    }

    /// Whether the vendor's own word is enough where nothing contradicts it.
    fn tag_suffices(&self, rule: &DietRule) -> bool {
        match rule.tag {
            TagProof::Never => false,
            TagProof::Proves => true,
            TagProof::WithList => self.list_state == ListState::Complete && !self.in_doubt(rule),
            TagProof::Plants => {
                let animals = KeySet::of(&[K::Meat, K::Pork, K::Poultry, K::Fish, K::Crustacean, K::Mollusc]);
                !self.contains(rule.list_without) && !self.any(animals, &[Flag::Ambiguous])
            }
        }
    }

    fn list_proves(&self, rule: &DietRule) -> bool {
        let complete = self.list_state == ListState::Complete && self.coverage_permille == 1000;
        let unsure = rule.terms.iter().any(|d| self.terms[*d as usize].unsure);
        let whole = match rule.list {
            ListProof::Never => return false,
            ListProof::Complete => true,
            ListProof::NoContainer => !self.container_term,
            ListProof::Declared => {
                let spoken_for = self.attested && rule.excludes.without(self.mandatory).is_empty();
                !self.container_term || spoken_for
            }
        };
        complete && whole && !unsure && !self.contains(rule.list_without) && !self.in_doubt(rule)
    }
}
