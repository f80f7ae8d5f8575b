//! What a write that is tried and taken back would do to people: what would differ, and what protects them and would not
//! any more. Pure, but for sealing what is kept of it.

use std::collections::HashMap;

use odyssey_matching::{Policy, PolicyInput};
use odyssey_types::{
    AllergyEntry, CustomerId, DietEntry, ExplicitLimit, HealthProfile, Phi, ReproductiveStatus,
};
use odyssey_vault::Aad;
use serde::{Deserialize, Serialize};

use super::customer::age_on;
use super::merging::{allergen_of, condition_of, medication_of, stricter_allergy, stricter_diet};
use super::versions::differences;
use super::{CustomerContent, CustomerError, RowOutcome, store};
use crate::db::VendorTx;
use crate::differences::Difference;
use crate::rules::{self, EffectiveRules};

/// A record that changes its customer.
#[derive(Debug)]
pub struct Observed {
    /// Its place among the records.
    pub at: usize,
    pub id: CustomerId,
    pub outcome: RowOutcome,
    /// The customer as it was, where there was one that was not deleted. Of a profile that the record does not touch
    /// nothing is said on either side.
    pub before: Option<Phi<CustomerContent>>,
    pub after: Phi<CustomerContent>,
}

/// How much of what protects a person would go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    pub allergies_gone: usize,
    /// Held less strictly than before.
    pub allergies_weakened: usize,
    pub conditions_gone: usize,
    pub medications_gone: usize,
    /// Gone, or held less strictly.
    pub diets_lost: usize,
    /// Gone, or raised.
    pub limits_lost: usize,
    /// Pregnant or lactating before, and not after.
    pub pregnancy_gone: bool,
}

impl Losses {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What would become of one person.
#[derive(Debug)]
pub struct Impact {
    pub losses: Losses,
    /// Matches would go by another policy than today.
    pub policy_changes: bool,
    pub differences: Phi<Vec<Difference>>,
}

/// What would become of the people of a batch, in its order. Of who is new nothing is lost and no policy changes.
pub async fn impact_of(tx: &mut VendorTx, observed: &[Observed]) -> Result<Vec<Impact>, CustomerError> {
    let rules = rules::effective_rules(tx).await?;
    let nobody = CustomerContent::default();
    let impacts = observed.iter().map(|row| {
        let (before, after) = (row.before.as_ref().map(Phi::expose), row.after.expose());
        let Some(before) = before else {
            let differences = Phi::new(differences(&nobody, after));
            return Impact { losses: Losses::default(), policy_changes: false, differences };
        };
        Impact {
            losses: losses(&before.profile, &after.profile),
            policy_changes: policy(tx, &rules, before) != policy(tx, &rules, after),
            differences: Phi::new(differences(before, after)),
        }
    });
    Ok(impacts.collect())
}

/// Whether what protects the person is less than before, or weaker.
pub fn loses_protection(observed: &Observed) -> bool {
    let before = observed.before.as_ref().map(Phi::expose);
    before.is_some_and(|before| !losses(&before.profile, &observed.after.expose().profile).is_none())
}

fn policy(tx: &VendorTx, rules: &EffectiveRules, content: &CustomerContent) -> Policy {
    let as_of = tx.now().date_naive();
    let birth_age = content.identity.birth_date.and_then(|birth| age_on(birth, tx.now()));
    let input = PolicyInput {
        profile: &content.profile,
        age_years: birth_age.or(content.profile.age_years),
        as_of,
        never_list: &[],
        allow_list: &[],
        vendor_policy: rules.weights,
        label_oldest: rules.label_oldest(as_of),
    };
    Policy::compile(&input, &rules.pack)
}

fn losses(before: &HealthProfile, after: &HealthProfile) -> Losses {
    let mut losses = Losses::default();
    for was in &before.allergies {
        let is = after.allergies.iter().find(|is| allergen_of(is) == allergen_of(was));
        match is {
            None => losses.allergies_gone += 1,
            Some(is) if is_weaker(is, was) => losses.allergies_weakened += 1,
            Some(_) => {}
        }
    }
    let gone = |there: bool| usize::from(!there);
    for was in &before.conditions {
        losses.conditions_gone +=
            gone(after.conditions.iter().any(|is| condition_of(is) == condition_of(was)));
    }
    for was in &before.medications {
        losses.medications_gone +=
            gone(after.medications.iter().any(|is| medication_of(is) == medication_of(was)));
    }
    for was in &before.diets {
        let holds = |is: &DietEntry| stricter_diet(is, was) == *is;
        losses.diets_lost += gone(after.diets.iter().any(|is| is.diet == was.diet && holds(is)));
    }
    for was in &before.limits {
        let same = |is: &&ExplicitLimit| (is.nutrient, is.period) == (was.nutrient, was.period);
        losses.limits_lost += gone(after.limits.iter().filter(same).any(|is| is.max <= was.max));
    }
    let protects = |profile: &HealthProfile| {
        matches!(
            profile.reproductive_status,
            Some(ReproductiveStatus::Pregnant | ReproductiveStatus::Lactating)
        )
    };
    losses.pregnancy_gone = protects(before) && !protects(after);
    losses
}

/// Whatever else the two say of it.
fn is_weaker(is: &AllergyEntry, was: &AllergyEntry) -> bool {
    let both = stricter_allergy(is, was);
    AllergyEntry { text: None, ..both } != AllergyEntry { text: None, ..is.clone() }
}

/// Seals differences under the keys of the people whom they are about; who is not there has none.
pub async fn seal_differences(
    tx: &mut VendorTx,
    found: &[(CustomerId, Phi<Vec<Difference>>)],
) -> Result<HashMap<CustomerId, Vec<u8>>, CustomerError> {
    let keys = tx.keys()?;
    let ids: Vec<CustomerId> = found.iter().map(|(id, _)| *id).collect();
    let mut sealed = HashMap::new();
    for row in store::find_customers(tx, &ids).await? {
        let Some((_, differences)) = found.iter().find(|(id, _)| *id == row.id) else { continue };
        let key = keys.open_person_key(row.id, &row.person_key)?;
        sealed.insert(row.id, key.seal_json(&aad(tx, row.id), differences.expose())?);
    }
    Ok(sealed)
}

/// Opens what [`seal_differences`] sealed, of the people who are still there. Who was erased since is left out, whether
/// or not somebody with the same external id came after. The caller audits.
pub async fn open_differences(
    tx: &mut VendorTx,
    sealed: &[(CustomerId, Vec<u8>)],
) -> Result<HashMap<CustomerId, Phi<Vec<Difference>>>, CustomerError> {
    let keys = tx.keys()?;
    let ids: Vec<CustomerId> = sealed.iter().map(|(id, _)| *id).collect();
    let mut opened = HashMap::new();
    for row in store::find_customers(tx, &ids).await? {
        let Some((_, sealed)) = sealed.iter().find(|(id, _)| *id == row.id) else { continue };
        let key = keys.open_person_key(row.id, &row.person_key)?;
        // Whoever was erased and made anew has another key.
        if let Ok(differences) = key.open_json(&aad(tx, row.id), sealed) {
            opened.insert(row.id, differences);
        }
    }
    Ok(opened)
}

fn aad(tx: &VendorTx, id: CustomerId) -> Aad {
    Aad { vendor: tx.vendor_id(), row: id.as_uuid(), column: "imports.rehearsal" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(json: &str) -> HealthProfile {
        serde_json::from_str(json).expect("a profile")
    }

    #[test]
    fn what_protected_and_does_not_any_more_is_a_loss_and_what_protects_more_is_none() {
        let before = profile(
            r#"{"allergies":[{"allergen":"peanut","severity":"anaphylaxis"},{"allergen":"milk"},{"text":"Kiwi"}],
                "conditions":[{"system":"icd10cm","code":"E11.9"},{"system":"icd10cm","code":"I10"}],
                "medications":[{"name":"Warfarin"}],"diets":[{"diet":"vegan","kind":"religious"}],
                "limits":[{"nutrient":"sodium_mg","max":1500,"period":"day"}],"reproductive_status":"pregnant"}"#,
        );
        let after = profile(
            r#"{"allergies":[{"allergen":"peanut","severity":"intolerance"},{"text":"kiwi"},{"allergen":"egg"}],
                "conditions":[{"system":"icd10cm","code":"e119"}],"diets":[{"diet":"vegan","kind":"preference"}],
                "limits":[{"nutrient":"sodium_mg","max":2000,"period":"day"}]}"#,
        );
        let found = losses(&before, &after);
        let expected = Losses {
            allergies_gone: 1,
            allergies_weakened: 1,
            conditions_gone: 1,
            medications_gone: 1,
            diets_lost: 1,
            limits_lost: 1,
            pregnancy_gone: true,
        };
        assert_eq!(found, expected);
        let stricter = profile(
            r#"{"allergies":[{"allergen":"peanut","severity":"anaphylaxis","never":true},{"allergen":"milk"},{"text":"KIWI"}],
                "conditions":[{"system":"icd10cm","code":"E119"},{"system":"icd10cm","code":"I10"}],
                "medications":[{"name":"warfarin"}],"diets":[{"diet":"vegan","kind":"medical"}],
                "limits":[{"nutrient":"sodium_mg","max":1200,"period":"day"}],"reproductive_status":"lactating"}"#,
        );
        assert!(losses(&before, &stricter).is_none(), "{:?}", losses(&before, &stricter));
        assert!(losses(&before, &before).is_none());
    }
}
