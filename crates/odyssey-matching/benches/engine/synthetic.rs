//! A synthetic catalog and two profiles, for the benches and the example.

use std::error::Error;

use chrono::NaiveDate;
use odyssey_matching::{
    Diet, DietFact, EvidenceKey, Facts, Flag, Flags, KEY_COUNT, KeySet, ListState, Policy, PolicyInput,
    ReferenceSource, Role, RulePack, Snapshot, SnapshotBuilder, SnapshotRow, Truth, keys_of_allergen,
};
use odyssey_types::{HealthProfile, Nutrient, Nutrients, ProductId};
use uuid::Uuid;

/// Few products pass.
pub const STRICT: &str = r#"{"age_years":52,"sex":"female","height_cm":164,"weight_kg":81,"activity_level":"light",
    "allergies":[{"allergen":"peanut"},{"allergen":"milk","severity":"anaphylaxis"}],
    "diets":[{"diet":"vegan","kind":"ethical"}],
    "conditions":[{"system":"icd10cm","code":"I10"},{"system":"icd10cm","code":"E11.9"}],
    "limits":[{"nutrient":"sodium_mg","max":600,"period":"serving"}]}"#;
/// Most do.
pub const LOOSE: &str = r#"{"age_years":34,"sex":"male","height_cm":180,"weight_kg":78,"activity_level":"moderate",
    "goals":["more_fiber"],"liked_brands":["brand 7"]}"#;

/// The policy of a profile in JSON, as a request compiles it.
pub fn policy_of(profile: &str) -> Result<Policy, Box<dyn Error>> {
    let profile: HealthProfile = serde_json::from_str(profile)?;
    let pack = RulePack::embedded();
    let as_of = NaiveDate::from_ymd_opt(2026, 3, 1).ok_or("not a date")?;
    let input = PolicyInput {
        profile: &profile,
        age_years: None,
        as_of,
        never_list: &[],
        allow_list: &[],
        vendor_policy: pack.scoring,
        label_oldest: None,
    };
    Ok(Policy::compile(&input, pack))
}

pub fn catalog(products: u64) -> Snapshot {
    let mut dice = Dice(1);
    let mut builder = SnapshotBuilder::new();
    for number in 0..products {
        builder.push(&row(&mut dice, number));
    }
    builder.finish()
}

/// A believable label: most lists complete, some truncated, a long tail of allergens, nutrients of
/// which some are missing, amounts declared per 100 g.
pub fn row(dice: &mut Dice, number: u64) -> SnapshotRow {
    let mut per_100 = Nutrients::default();
    let ranges: [(Nutrient, u64, u64); 14] = [
        (Nutrient::Energy, 2_200, 98),
        (Nutrient::Fat, 40_000, 97),
        (Nutrient::SaturatedFat, 16_000, 95),
        (Nutrient::TransFat, 1_000, 60),
        (Nutrient::Cholesterol, 80, 60),
        (Nutrient::Carbohydrate, 80_000, 97),
        (Nutrient::Sugars, 45_000, 95),
        (Nutrient::AddedSugars, 40_000, 45),
        (Nutrient::Fiber, 12_000, 80),
        (Nutrient::Protein, 25_000, 97),
        (Nutrient::Salt, 3_000, 90),
        (Nutrient::Sodium, 1_200, 93),
        (Nutrient::Calcium, 300, 55),
        (Nutrient::Iron, 10, 55),
    ];
    for (nutrient, most, chance) in ranges {
        if dice.percent(chance) {
            // Thousands of the stored unit, skewed to the small.
            let amount = dice.below(most).min(dice.below(most)) as i64 * 1000;
            per_100.set(nutrient, Some(amount));
        }
    }
    let reference_amount = (dice.below(120) as i64 + 15) * 1_000_000;
    let per_reference = per_100.scaled(reference_amount, 100_000_000).unwrap_or_default();
    let mut flags = [Flags::NONE; KEY_COUNT];
    for key in EvidenceKey::ALL {
        let common =
            matches!(key, EvidenceKey::Milk | EvidenceKey::Wheat | EvidenceKey::Soy | EvidenceKey::Egg);
        for (flag, chance) in
            [(Flag::Contains, if common { 30 } else { 4 }), (Flag::Ambiguous, 3), (Flag::Pal, 1)]
        {
            if dice.percent(chance) {
                flags[*key as usize] = flags[*key as usize].with(flag);
            }
        }
    }
    let truth = |dice: &mut Dice| match dice.below(10) {
        0..4 => Truth::Yes,
        4..8 => Truth::No,
        _ => Truth::Unknown,
    };
    let facts = Facts {
        flags,
        list_state: if dice.percent(88) { ListState::Complete } else { ListState::Truncated },
        coverage_permille: if dice.percent(60) { 1000 } else { 900 + dice.below(100) as u16 },
        container_term: dice.percent(35),
        mandatory: mandatory(),
        attested: dice.percent(90),
        diets: [(); Diet::ALL.len()].map(|()| DietFact {
            truth: truth(dice),
            certified: false,
            precaution: false,
        }),
        per_100,
        per_reference,
        reference_amount,
        reference_source: if dice.percent(92) { ReferenceSource::Serving } else { ReferenceSource::Assumed },
        is_volume: dice.percent(15),
        indices: odyssey_matching::Indices::default(),
    };
    SnapshotRow {
        // Ascending numbers, so that the builder packs rows as they come.
        id: ProductId::from_uuid(Uuid::from_u64_pair(number << 8, number)),
        facts,
        active: dice.percent(97),
        brand: Some(format!("brand {}", dice.below(20_000))),
        category: Some(format!("category {}", dice.below(300))),
        role: Role::Snack,
        tags: (0..dice.below(4)).map(|_| format!("tag {}", dice.below(30))).collect(),
        price_hundredths: dice.percent(90).then(|| dice.below(3000) as u32),
        currency: Some("USD".to_owned()),
        label_as_of: chrono::NaiveDate::from_ymd_opt(2025, 1, 1 + dice.below(28) as u32),
        changed_at_seconds: 1_700_000_000 + dice.below(50_000_000) as i64,
    }
}

fn mandatory() -> KeySet {
    ["milk", "egg", "fish", "crustacean", "peanut", "wheat", "soy", "sesame"]
        .iter()
        .filter_map(|code| keys_of_allergen(code))
        .fold(KeySet::EMPTY, KeySet::union)
}

/// splitmix64: variety without a dependency.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
