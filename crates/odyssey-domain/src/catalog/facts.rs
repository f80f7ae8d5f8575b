//! From a product to the facts that are stored beside it, and back.

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_matching::label::{Label, Tables, derive};
use odyssey_matching::{
    DIET_COUNT, Derivation, DietFact, EvidenceKey, Facts, Flag, Flags, KEY_COUNT, KeySet, ListState,
    QualityIssue, ReferenceSource, Role, Truth,
};
use odyssey_types::{NUTRIENT_COUNT, Nutrient, Nutrients, ProductFields, ProductId, ProductStatus};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sqlx::types::Json;
use uuid::Uuid;

use super::indices::{IndicesRecord, issue_codes};
use crate::db::DbError;

/// Coverage an allergy asks for (reference 8.1): the list filter `allergens.none` uses it.
const ALLERGY_COVERAGE_PERMILLE: u16 = 980;

/// Derives a product with the tables of this binary, without what a vendor added; pure.
pub fn derive_product(fields: &ProductFields, holds: &[(EvidenceKey, Flag)]) -> Derivation {
    derive_product_by(Tables::embedded(), fields, holds)
}

/// Derives a product with a vendor's tables ([`super::tables`]); pure.
pub fn derive_product_by(
    tables: &Tables,
    fields: &ProductFields,
    holds: &[(EvidenceKey, Flag)],
) -> Derivation {
    derive(&Label { fields, holds }, tables)
}

/// What is stored of a derivation, and the product columns a snapshot needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFacts {
    pub product_id: ProductId,
    pub facts: Facts,
    pub active: bool,
    pub brand: Option<String>,
    pub category_id: Option<String>,
    pub role: Role,
    pub dietary_tags: Vec<String>,
    /// Hundredths of `currency`.
    pub price_hundredths: Option<u32>,
    pub currency: Option<String>,
    pub label_as_of: Option<NaiveDate>,
    pub changed_at: DateTime<Utc>,
}

/// A row of `product_facts`, for a set-based write; its fields in the order of the record type of PostgreSQL.
#[derive(Debug, sqlx::Encode)]
pub(super) struct FactsRecord {
    product_id: Uuid,
    deriver_version: i32,
    active: bool,
    brand: Option<String>,
    category_id: Option<String>,
    meal_role: i16,
    dietary_tags: Option<Vec<String>>,
    price_hundredths: Option<i64>,
    currency: Option<String>,
    label_as_of: Option<NaiveDate>,
    changed_at: DateTime<Utc>,
    evidence_keys: Vec<i16>,
    evidence_flags: Vec<i16>,
    list_state: i16,
    coverage_permille: i16,
    container_term: bool,
    mandatory_keys: i64,
    attested: bool,
    absent_keys: i64,
    diets: Vec<i16>,
    per_100: Vec<Option<i64>>,
    per_reference: Vec<Option<i64>>,
    reference_amount: i64,
    reference_source: i16,
    is_volume: bool,
    food_kind: Option<i16>,
    nutri_score: Option<i16>,
    nutri_grade: Option<i16>,
    nutri_estimated: Option<bool>,
    uk_npm_score: Option<i16>,
    uk_npm_less_healthy: Option<bool>,
    nova_group: Option<i16>,
    claims_yes: Option<i32>,
    claims_no: Option<i32>,
    fda_healthy: Option<i16>,
    completeness_permille: Option<i16>,
    quality_permille: Option<i16>,
    issue_codes: Vec<i16>,
    issues: Json<Vec<QualityIssue>>,
}

impl FactsRecord {
    pub(super) fn new(
        tables: &Tables,
        product_id: ProductId,
        fields: &ProductFields,
        deleted: bool,
        changed_at: DateTime<Utc>,
        derivation: Derivation,
    ) -> Self {
        let facts = derivation.facts;
        let (mut evidence_keys, mut evidence_flags) = (Vec::new(), Vec::new());
        for key in EvidenceKey::ALL {
            let flags = facts.flags_of(*key);
            if flags != Flags::NONE {
                evidence_keys.push(i16::from(*key as u8));
                evidence_flags.push(i16::from(flags.0));
            }
        }
        let indices = IndicesRecord::of(&facts.indices);
        Self {
            product_id: product_id.as_uuid(),
            deriver_version: tables.version() as i32,
            active: !deleted && fields.status == ProductStatus::Active,
            brand: fields.brand.clone(),
            category_id: fields.category_id.clone(),
            meal_role: tables.role_of(fields) as i16,
            dietary_tags: fields.dietary_tags.clone(),
            price_hundredths: fields.price.as_deref().and_then(hundredths).map(i64::from),
            currency: fields.currency.clone(),
            label_as_of: fields.label_as_of,
            changed_at,
            evidence_keys,
            evidence_flags,
            list_state: facts.list_state as i16,
            coverage_permille: facts.coverage_permille as i16,
            container_term: facts.container_term,
            mandatory_keys: low_keys(facts.mandatory),
            attested: facts.attested,
            absent_keys: low_keys(absent_keys(&facts)),
            diets: facts.diets.iter().map(|d| i16::from(pack_diet(*d))).collect(),
            per_100: unpack(&facts.per_100),
            per_reference: unpack(&facts.per_reference),
            reference_amount: facts.reference_amount,
            reference_source: facts.reference_source as i16,
            is_volume: facts.is_volume,
            food_kind: indices.food_kind,
            nutri_score: indices.nutri_score,
            nutri_grade: indices.nutri_grade,
            nutri_estimated: indices.nutri_estimated,
            uk_npm_score: indices.uk_npm_score,
            uk_npm_less_healthy: indices.uk_npm_less_healthy,
            nova_group: indices.nova_group,
            claims_yes: indices.claims_yes,
            claims_no: indices.claims_no,
            fda_healthy: indices.fda_healthy,
            completeness_permille: indices.completeness_permille,
            quality_permille: indices.quality_permille,
            issue_codes: issue_codes(&derivation.issues),
            issues: Json(derivation.issues),
        }
    }
}

/// A decimal price in hundredths, rounded up: a product is never cheaper than it is. `None` for one above what a
/// filter can ask for.
pub fn hundredths(price: &str) -> Option<u32> {
    let price: Decimal = price.trim().parse().ok()?;
    price.checked_mul(Decimal::ONE_HUNDRED)?.ceil().to_u32()
}

/// The first 64 keys as the bits of a `bigint`: all that a law makes a label declare are among them, and
/// the list filter `allergens.none` refuses codes of others.
pub(super) const fn low_keys(keys: KeySet) -> i64 {
    keys.0 as u64 as i64
}

/// The keys of which "contains" is a plain no: no flag that speaks for it, and nothing incomplete.
fn absent_keys(facts: &Facts) -> KeySet {
    let mut absent = KeySet::EMPTY;
    for key in EvidenceKey::ALL.iter().copied().filter(|k| k.is_allergen()) {
        let flags = facts.flags_of(key);
        let spoken = [Flag::Contains, Flag::Ambiguous, Flag::Pal, Flag::Facility, Flag::Exempt];
        if !spoken.into_iter().any(|flag| flags.has(flag))
            && !facts.is_incomplete(key, ALLERGY_COVERAGE_PERMILLE)
        {
            absent.insert(key);
        }
    }
    absent
}

fn unpack(nutrients: &Nutrients) -> Vec<Option<i64>> {
    Nutrient::ALL.iter().map(|n| nutrients.get(*n)).collect()
}

/// Two bits of truth, one of certificate, one of precaution.
const fn pack_diet(diet: DietFact) -> u8 {
    diet.truth as u8 | ((diet.certified as u8) << 2) | ((diet.precaution as u8) << 3)
}

fn unpack_diet(packed: i16) -> Option<DietFact> {
    let truth = match packed & 0b11 {
        0 => Truth::Unknown,
        1 => Truth::No,
        2 => Truth::Yes,
        _ => return None,
    };
    Some(DietFact { truth, certified: packed & 0b100 != 0, precaution: packed & 0b1000 != 0 })
}

/// A row of `product_facts` as it comes back.
#[derive(Debug)]
pub(super) struct FactsRow {
    pub product_id: uuid::Uuid,
    pub active: bool,
    pub brand: Option<String>,
    pub category_id: Option<String>,
    pub meal_role: i16,
    pub dietary_tags: Option<Vec<String>>,
    pub price_hundredths: Option<i64>,
    pub currency: Option<String>,
    pub label_as_of: Option<NaiveDate>,
    pub changed_at: DateTime<Utc>,
    pub evidence_keys: Vec<i16>,
    pub evidence_flags: Vec<i16>,
    pub list_state: i16,
    pub coverage_permille: i16,
    pub container_term: bool,
    pub mandatory_keys: i64,
    pub attested: bool,
    pub diets: Vec<i16>,
    pub per_100: Vec<Option<i64>>,
    pub per_reference: Vec<Option<i64>>,
    pub reference_amount: i64,
    pub reference_source: i16,
    pub is_volume: bool,
    pub food_kind: Option<i16>,
    pub nutri_score: Option<i16>,
    pub nutri_grade: Option<i16>,
    pub nutri_estimated: Option<bool>,
    pub uk_npm_score: Option<i16>,
    pub uk_npm_less_healthy: Option<bool>,
    pub nova_group: Option<i16>,
    pub claims_yes: Option<i32>,
    pub claims_no: Option<i32>,
    pub fda_healthy: Option<i16>,
    pub completeness_permille: Option<i16>,
    pub quality_permille: Option<i16>,
}

impl TryFrom<FactsRow> for StoredFacts {
    type Error = DbError;

    fn try_from(row: FactsRow) -> Result<Self, DbError> {
        let broken =
            || DbError::inconsistent(format!("the facts of product {} are not readable", row.product_id));
        let mut flags = [Flags::NONE; KEY_COUNT];
        if row.evidence_keys.len() != row.evidence_flags.len() {
            return Err(broken());
        }
        for (key, bits) in row.evidence_keys.iter().zip(&row.evidence_flags) {
            let slot = usize::try_from(*key).ok().and_then(|key| flags.get_mut(key)).ok_or_else(broken)?;
            *slot = Flags(u8::try_from(*bits).map_err(|_| broken())?);
        }
        let mut diets = [DietFact { truth: Truth::Unknown, certified: false, precaution: false }; DIET_COUNT];
        // A diet added since the row was derived stays unknown until it is derived again.
        for (slot, packed) in diets.iter_mut().zip(&row.diets) {
            *slot = unpack_diet(*packed).ok_or_else(broken)?;
        }
        let list_state = match row.list_state {
            0 => ListState::Absent,
            1 => ListState::Truncated,
            2 => ListState::OtherLanguage,
            3 => ListState::Complete,
            _ => return Err(broken()),
        };
        let reference_source = match row.reference_source {
            0 => ReferenceSource::Serving,
            1 => ReferenceSource::Racc,
            2 => ReferenceSource::Assumed,
            _ => return Err(broken()),
        };
        let role = match row.meal_role {
            1 => Role::Snack,
            2 => Role::MainDish,
            3 => Role::Meal,
            _ => return Err(broken()),
        };
        let indices = IndicesRecord::of_row(&row).to_indices().ok_or_else(broken)?;
        Ok(Self {
            product_id: row.product_id.into(),
            active: row.active,
            facts: Facts {
                flags,
                list_state,
                coverage_permille: u16::try_from(row.coverage_permille).map_err(|_| broken())?,
                container_term: row.container_term,
                mandatory: KeySet(u128::from(row.mandatory_keys as u64)),
                attested: row.attested,
                diets,
                per_100: pack(&row.per_100),
                per_reference: pack(&row.per_reference),
                reference_amount: row.reference_amount,
                reference_source,
                is_volume: row.is_volume,
                indices,
            },
            brand: row.brand,
            category_id: row.category_id,
            role,
            dietary_tags: row.dietary_tags.unwrap_or_default(),
            price_hundredths: row.price_hundredths.and_then(|price| u32::try_from(price).ok()),
            currency: row.currency,
            label_as_of: row.label_as_of,
            changed_at: row.changed_at,
        })
    }
}

fn pack(stored: &[Option<i64>]) -> Nutrients {
    let mut nutrients = Nutrients::default();
    for (nutrient, amount) in Nutrient::ALL.iter().zip(stored).take(NUTRIENT_COUNT) {
        nutrients.set(*nutrient, *amount);
    }
    nutrients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_a_law_makes_a_label_declare_is_stored() {
        for key in EvidenceKey::ALL.iter().copied().filter(|k| k.is_regulated()) {
            let keys = KeySet::of(&[key]);
            assert_eq!(KeySet(u128::from(low_keys(keys) as u64)), keys, "{}", key.code());
        }
    }

    #[test]
    fn a_price_is_rounded_up_and_one_beyond_all_counting_is_none() {
        for (price, expected) in [
            ("1.5", Some(150)),
            ("1.501", Some(151)),
            ("0", Some(0)),
            ("42949672.95", Some(u32::MAX)),
            ("42949672.96", None),
            ("79228162514264337593543950335", None),
            ("cheap", None),
        ] {
            assert_eq!(hundredths(price), expected, "{price}");
        }
    }

    #[test]
    fn a_diet_added_after_a_row_was_derived_is_unknown() {
        let fields = ProductFields { ingredients: Some("corn, salt".to_owned()), ..ProductFields::default() };
        let record = FactsRecord::new(
            Tables::embedded(),
            ProductId::from_uuid(uuid::Uuid::nil()),
            &fields,
            false,
            DateTime::UNIX_EPOCH,
            derive_product(&fields, &[]),
        );
        let row = |diets: Vec<i16>| FactsRow {
            product_id: uuid::Uuid::nil(),
            active: record.active,
            brand: None,
            category_id: None,
            meal_role: 1,
            dietary_tags: None,
            price_hundredths: None,
            currency: None,
            label_as_of: None,
            changed_at: record.changed_at,
            evidence_keys: record.evidence_keys.clone(),
            evidence_flags: record.evidence_flags.clone(),
            list_state: record.list_state,
            coverage_permille: record.coverage_permille,
            container_term: record.container_term,
            mandatory_keys: record.mandatory_keys,
            attested: record.attested,
            diets,
            per_100: record.per_100.clone(),
            per_reference: record.per_reference.clone(),
            reference_amount: record.reference_amount,
            reference_source: record.reference_source,
            is_volume: record.is_volume,
            food_kind: record.food_kind,
            nutri_score: record.nutri_score,
            nutri_grade: record.nutri_grade,
            nutri_estimated: record.nutri_estimated,
            uk_npm_score: record.uk_npm_score,
            uk_npm_less_healthy: record.uk_npm_less_healthy,
            nova_group: record.nova_group,
            claims_yes: record.claims_yes,
            claims_no: record.claims_no,
            fda_healthy: record.fda_healthy,
            completeness_permille: record.completeness_permille,
            quality_permille: record.quality_permille,
        };
        let whole = StoredFacts::try_from(row(record.diets.clone())).expect("a whole row");
        assert_eq!(whole.facts, derive_product(&fields, &[]).facts);
        let old = StoredFacts::try_from(row(record.diets[..5].to_vec())).expect("a row of five diets");
        assert_eq!(old.facts.diets[..5], whole.facts.diets[..5]);
        assert!(
            old.facts.diets[5..].iter().all(|d| d.truth == Truth::Unknown && !d.certified && !d.precaution)
        );
    }
}
