//! A product as it goes into a snapshot, and the bits and numbers it becomes.

use chrono::NaiveDate;
use odyssey_types::{Nutrient, ProductId};

use super::column::UNKNOWN;
use crate::engine::product::usable;
use crate::engine::{Role, name_hash};
use crate::{
    DIET_COUNT, Diet, EvidenceKey, Facts, Flag, Flags, Grade, KEY_COUNT, ListState, Nova, ReferenceSource,
    Truth,
};

/// One product for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    pub id: ProductId,
    pub facts: Facts,
    pub active: bool,
    pub brand: Option<String>,
    pub category: Option<String>,
    pub role: Role,
    pub tags: Vec<String>,
    /// Hundredths of `currency`; saturates at 42,949,672.94.
    pub price_hundredths: Option<u32>,
    /// ISO 4217: three capitals.
    pub currency: Option<String>,
    /// The day the label is of; kept from 1970 on.
    pub label_as_of: Option<NaiveDate>,
    /// Last change of content, Unix seconds; kept from 1970 to 2106.
    pub changed_at_seconds: i64,
}

const FLAGS: usize = Flag::ALL.len();
const MANDATORY: u16 = (KEY_COUNT * FLAGS) as u16;
const SINGLE: u16 = MANDATORY + KEY_COUNT as u16;
const DIETS: u16 = SINGLE + 16;
const MODELS: u16 = DIETS + DIET_COUNT as u16 * 4;
/// How many bits a row may have.
pub(super) const BIT_COUNT: usize = MODELS as usize + Grade::ALL.len() + Nova::ALL.len();

/// Bits that are not about a key or a diet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(in crate::engine) enum Single {
    /// The list is complete and covered by at least so many permille.
    Good1000,
    Good980,
    Good950,
    Good900,
    Attested,
    Container,
    Volume,
    ReferenceAssumed,
    Active,
    MainDish,
    Meal,
}

/// Bits about a diet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(in crate::engine) enum DietBit {
    Yes,
    No,
    Precaution,
    Certified,
}

/// The number of a bit in a block.
pub(in crate::engine) const fn flag_bit(key: EvidenceKey, flag: Flag) -> u16 {
    (key as usize * FLAGS + flag as usize) as u16
}

pub(in crate::engine) const fn mandatory_bit(key: EvidenceKey) -> u16 {
    MANDATORY + key as u16
}

pub(in crate::engine) const fn single_bit(single: Single) -> u16 {
    SINGLE + single as u16
}

pub(in crate::engine) const fn diet_bit(diet: Diet, bit: DietBit) -> u16 {
    DIETS + diet as u16 * 4 + bit as u16
}

pub(in crate::engine) const fn grade_bit(grade: Grade) -> u16 {
    MODELS + grade as u16
}

pub(in crate::engine) const fn group_bit(group: Nova) -> u16 {
    MODELS + Grade::ALL.len() as u16 + group as u16 - 1
}

/// The bit that says a list is good enough for a constraint of this coverage.
pub(in crate::engine) const fn good_bit(coverage_permille: u16) -> Single {
    match coverage_permille {
        0..=900 => Single::Good900,
        901..=950 => Single::Good950,
        951..=980 => Single::Good980,
        _ => Single::Good1000,
    }
}

/// A row in numbers: what blocks are built from and can be taken apart into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct EncodedRow {
    pub id: ProductId,
    pub changed: u32,
    pub brand: u32,
    pub category: u32,
    pub price: u32,
    pub currency: u32,
    pub label_day: u32,
    pub reference_amount: u32,
    /// Ascending.
    pub bits: Vec<u16>,
    /// Ascending.
    pub tags: Vec<u32>,
    /// Nutrient, amount per reference amount, amount per 100; by nutrient; only where one is known.
    pub amounts: Vec<(u8, u32, u32)>,
}

impl EncodedRow {
    pub fn of(row: &SnapshotRow) -> Self {
        let facts = &row.facts;
        let amount = |nutrient: &Nutrient| {
            let per_reference = usable(&facts.per_reference, *nutrient).unwrap_or(UNKNOWN);
            let per_100 = usable(&facts.per_100, *nutrient).unwrap_or(UNKNOWN);
            (per_reference != UNKNOWN || per_100 != UNKNOWN).then_some((
                *nutrient as u8,
                per_reference,
                per_100,
            ))
        };
        let mut tags: Vec<u32> = row.tags.iter().map(|t| name_hash(t)).collect();
        tags.sort_unstable();
        tags.dedup();
        Self {
            id: row.id,
            changed: row.changed_at_seconds.clamp(0, i64::from(u32::MAX)) as u32,
            brand: row.brand.as_deref().map_or(0, name_hash),
            category: row.category.as_deref().map_or(0, name_hash),
            price: row.price_hundredths.map_or(UNKNOWN, |p| p.min(UNKNOWN - 1)),
            currency: row.currency.as_deref().and_then(currency_number).unwrap_or(UNKNOWN),
            label_day: row.label_as_of.map_or(UNKNOWN, day_number),
            reference_amount: u32::try_from(facts.reference_amount).unwrap_or(UNKNOWN),
            bits: bits_of(row),
            tags,
            amounts: Nutrient::ALL.iter().filter_map(amount).collect(),
        }
    }
}

/// A currency as a number below 26³; `None` for what is no code of one.
pub(in crate::engine) fn currency_number(code: &str) -> Option<u32> {
    let letters = <[u8; 3]>::try_from(code.as_bytes()).ok()?;
    letters.iter().try_fold(0, |number, letter| {
        letter.is_ascii_uppercase().then(|| number * 26 + u32::from(letter - b'A'))
    })
}

/// Days since 1970; earlier days count as the first.
pub(in crate::engine) fn day_number(day: NaiveDate) -> u32 {
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    u32::try_from(days.max(0)).unwrap_or(UNKNOWN - 1)
}

fn bits_of(row: &SnapshotRow) -> Vec<u16> {
    let facts = &row.facts;
    let mut bits = Vec::with_capacity(96);
    for (number, flags) in facts.flags.iter().enumerate().filter(|(_, flags)| **flags != Flags::NONE) {
        let first = (number * FLAGS) as u16;
        bits.extend(Flag::ALL.iter().filter(|f| flags.has(**f)).map(|f| first + *f as u16));
    }
    bits.extend(facts.mandatory.iter().map(mandatory_bit));
    let complete = |permille| facts.list_state == ListState::Complete && facts.coverage_permille >= permille;
    let singles = [
        (Single::Good1000, complete(1000)),
        (Single::Good980, complete(980)),
        (Single::Good950, complete(950)),
        (Single::Good900, complete(900)),
        (Single::Attested, facts.attested),
        (Single::Container, facts.container_term),
        (Single::Volume, facts.is_volume),
        (Single::ReferenceAssumed, facts.reference_source == ReferenceSource::Assumed),
        (Single::Active, row.active),
        (Single::MainDish, row.role == Role::MainDish),
        (Single::Meal, row.role == Role::Meal),
    ];
    bits.extend(singles.into_iter().filter(|(_, holds)| *holds).map(|(single, _)| single_bit(single)));
    for diet in Diet::ALL {
        let fact = facts.diets[*diet as usize];
        let diet_bits = [
            (DietBit::Yes, fact.truth == Truth::Yes),
            (DietBit::No, fact.truth == Truth::No),
            (DietBit::Precaution, fact.precaution),
            (DietBit::Certified, fact.certified),
        ];
        bits.extend(diet_bits.into_iter().filter(|(_, holds)| *holds).map(|(bit, _)| diet_bit(*diet, bit)));
    }
    bits.extend(facts.indices.nutri_score.map(|n| grade_bit(n.grade)));
    bits.extend(facts.indices.nova.map(group_bit));
    bits
}
