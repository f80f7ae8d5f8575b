//! What the engine needs to know of a product beside its facts.

use chrono::NaiveDate;
use odyssey_types::ProductId;
use serde::{Deserialize, Serialize};

use crate::Facts;
use odyssey_types::{Nutrient, Nutrients};

/// How much of a meal one reference amount is, from the vendor's controlled category only. Scores use
/// the share of a daily limit divided by it; hard gates use the raw share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// A snack, an ingredient, or not known.
    #[default]
    Snack = 1,
    MainDish = 2,
    Meal = 3,
}

/// A product's identity and standing, as far as verdicts depend on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductMeta {
    pub id: ProductId,
    /// Whether it may be offered at all.
    pub active: bool,
    pub brand: Option<String>,
    pub category: Option<String>,
    pub role: Role,
    /// The label's date, quoted where the vendor attests it.
    pub label_as_of: Option<NaiveDate>,
    /// Last change of content, Unix seconds.
    pub changed_at_seconds: i64,
}

/// A 32-bit FNV-1a hash of a brand, category or tag, without case and outer spaces; never 0, which
/// stands for none. Two names may share a hash: callers that filter check the names they show.
pub fn name_hash(name: &str) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in name.trim().to_lowercase().bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash.max(1)
}

/// An amount as the engine counts it: unknown when absent or negative; at most `u32::MAX - 1` µg
/// (4.3 kg), more than any reference amount holds.
pub(super) fn usable(amounts: &Nutrients, nutrient: Nutrient) -> Option<u32> {
    let stored = amounts.get(nutrient)?;
    if stored < 0 { None } else { Some(u32::try_from(stored).unwrap_or(u32::MAX).min(u32::MAX - 1)) }
}

pub(super) fn per_reference(facts: &Facts, nutrient: Nutrient) -> Option<u32> {
    usable(&facts.per_reference, nutrient)
}

/// Whether `fat` µg carry more than `percent` of `energy` J, at 9 kcal (37,656 J) a gram.
pub(super) fn fat_share_exceeds(fat: i64, energy: i64, percent: i64) -> bool {
    i128::from(fat) * 37_656 * 100 > i128::from(energy) * i128::from(percent) * 1_000_000
}
