//! What the engine's tests share: products that are clean unless a test says otherwise, profiles
//! written in JSON, and random ones of both.

use chrono::NaiveDate;
use odyssey_types::{HealthProfile, Nutrient, Nutrients, ProductId};
use uuid::Uuid;

use super::{Policy, PolicyInput, ProductMeta, Role, RulePack, SnapshotRow, Tier, VerdictKind, evaluate};
use crate::{
    Derivation, Diet, DietFact, EvidenceKey, Facts, Flag, Flags, Grade, Indices, KEY_COUNT, KeySet,
    ListState, Nova, NutriScore, ReferenceSource, Truth, keys_of_allergen,
};

pub(crate) fn id(number: u64) -> ProductId {
    ProductId::from_uuid(Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number))
}

pub(crate) fn profile(json: &str) -> HealthProfile {
    serde_json::from_str(json).expect("a profile in JSON")
}

pub(crate) fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date")
}

/// The policy of a vendor that lets no label before that day prove anything.
pub(crate) fn policy_of_labels_since(profile: &HealthProfile, oldest: NaiveDate) -> Policy {
    Policy { label_oldest: Some(oldest), ..policy_of(profile) }
}

pub(crate) fn policy_of(profile: &HealthProfile) -> Policy {
    policy_with(profile, &[], &[])
}

pub(crate) fn policy_with(
    profile: &HealthProfile,
    never_list: &[ProductId],
    allow_list: &[ProductId],
) -> Policy {
    let pack = RulePack::embedded();
    let as_of = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a date");
    let input = PolicyInput {
        profile,
        age_years: None,
        as_of,
        never_list,
        allow_list,
        vendor_policy: pack.scoring,
        label_oldest: None,
    };
    Policy::compile(&input, pack)
}

pub(crate) fn gates_policy(profile: &HealthProfile) -> Policy {
    let pack = RulePack::embedded();
    let as_of = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a date");
    let input = PolicyInput {
        profile,
        age_years: None,
        as_of,
        never_list: &[],
        allow_list: &[],
        vendor_policy: pack.scoring,
        label_oldest: None,
    };
    Policy::compile_gates(&input, pack)
}

pub(crate) fn meta(id: ProductId) -> ProductMeta {
    ProductMeta {
        id,
        active: true,
        brand: None,
        category: None,
        role: Role::Snack,
        label_as_of: NaiveDate::from_ymd_opt(2025, 6, 1),
        changed_at_seconds: 0,
    }
}

pub(crate) fn derivation(facts: Facts) -> Derivation {
    Derivation { facts, evidence: Vec::new(), issues: Vec::new() }
}

/// What a US label must declare.
pub(crate) fn mandatory_us() -> KeySet {
    let mut keys = KeySet::EMPTY;
    for code in ["milk", "egg", "fish", "crustacean", "tree_nut", "peanut", "wheat", "soy", "sesame"] {
        keys = keys.union(keys_of_allergen(code).unwrap_or_default());
    }
    KeySet(keys.0 & !(1 << EvidenceKey::OtherTreeNut as u8))
}

/// A fully understood, attested US label with a serving of 50 g and modest nutrition.
pub(crate) fn clean() -> Facts {
    let mut per_reference = Nutrients::default();
    for (nutrient, amount) in [
        (Nutrient::Energy, "200"),
        (Nutrient::Fat, "5"),
        (Nutrient::SaturatedFat, "0.5"),
        (Nutrient::Carbohydrate, "30"),
        (Nutrient::AddedSugars, "1"),
        (Nutrient::Fiber, "3"),
        (Nutrient::Protein, "8"),
        (Nutrient::Sodium, "100"),
    ] {
        set(&mut per_reference, nutrient, amount);
    }
    Facts {
        flags: [Flags::NONE; KEY_COUNT],
        list_state: ListState::Complete,
        coverage_permille: 1000,
        container_term: false,
        mandatory: mandatory_us(),
        attested: true,
        diets: [DietFact { truth: Truth::Yes, certified: true, precaution: false }; Diet::ALL.len()],
        per_100: per_reference.scaled(2, 1).expect("small amounts"),
        per_reference,
        reference_amount: 50_000_000,
        reference_source: ReferenceSource::Serving,
        is_volume: false,
        indices: Indices {
            nutri_score: Some(NutriScore { score: -2, grade: Grade::A, estimated: false }),
            nova: Some(Nova::One),
            ..Indices::default()
        },
    }
}

pub(crate) fn set(nutrients: &mut Nutrients, nutrient: Nutrient, amount: &str) {
    let (stored, exact) = nutrient.parse_rounding(amount).expect("an amount");
    assert!(exact, "{amount} is finer than the step of {nutrient}");
    nutrients.set(nutrient, Some(stored));
}

pub(crate) fn flag(facts: &mut Facts, key: EvidenceKey, flag: Flag) {
    facts.flags[key as usize] = facts.flags[key as usize].with(flag);
}

pub(crate) fn row(id: ProductId, facts: Facts) -> SnapshotRow {
    SnapshotRow {
        id,
        facts,
        active: true,
        brand: None,
        category: None,
        role: Role::Snack,
        tags: Vec::new(),
        price_hundredths: None,
        currency: None,
        label_as_of: None,
        changed_at_seconds: 0,
    }
}

pub(crate) fn meta_of(row: &SnapshotRow) -> ProductMeta {
    ProductMeta {
        id: row.id,
        active: row.active,
        brand: row.brand.clone(),
        category: row.category.clone(),
        role: row.role,
        label_as_of: row.label_as_of,
        changed_at_seconds: row.changed_at_seconds,
    }
}

/// A clean product changed by words: `class.alcohol` is contained, `~key` ambiguous, `may:key` precautionary, `exempt:key`
/// an exempt derivative, `free:key` certified; `sodium_mg=5` per serving, `sodium_mg/100=5` per 100, `=-` not stated;
/// `drink`, `unattested`, `assumed`, `container`, `no_list`.
pub(crate) fn product(words: &str) -> Facts {
    let mut facts = clean();
    for word in words.split_whitespace() {
        if let Some((field, amount)) = word.split_once('=') {
            let (field, per_100) = match field.strip_suffix("/100") {
                Some(field) => (field, true),
                None => (field, false),
            };
            let nutrient = Nutrient::from_field(field).unwrap_or_else(|| panic!("{word}"));
            let amounts = if per_100 { &mut facts.per_100 } else { &mut facts.per_reference };
            if amount == "-" {
                amounts.set(nutrient, None);
            } else {
                set(amounts, nutrient, amount);
            }
            continue;
        }
        match word {
            "drink" => facts.is_volume = true,
            "unattested" => facts.attested = false,
            "container" => facts.container_term = true,
            "assumed" => facts.reference_source = ReferenceSource::Assumed,
            "no_list" => {
                facts.list_state = ListState::Absent;
                facts.coverage_permille = 0;
            }
            _ => {
                let (kind, code) = match word.split_once(':') {
                    Some(("may", code)) => (Flag::Pal, code),
                    Some(("exempt", code)) => (Flag::Exempt, code),
                    Some(("free", code)) => (Flag::CertifiedFree, code),
                    _ => match word.strip_prefix('~') {
                        Some(code) => (Flag::Ambiguous, code),
                        None => (Flag::Contains, word),
                    },
                };
                let key = EvidenceKey::from_code(code).unwrap_or_else(|| panic!("{word}"));
                flag(&mut facts, key, kind);
            }
        }
    }
    facts
}

/// The verdict on a product and the codes of its reasons: `X conflict: HX_ALLERGEN_CONTAINS`.
pub(crate) fn verdict_line(policy: &Policy, facts: Facts) -> String {
    let verdict = evaluate(policy, &derivation(facts), &meta(id(1)));
    let tier = match verdict.tier {
        Tier::One => "1",
        Tier::Two => "2",
        Tier::Three => "3",
        Tier::Excluded => "X",
    };
    let kind = match verdict.verdict {
        VerdictKind::Fits => "fits",
        VerdictKind::FitsWithCaution => "caution",
        VerdictKind::CannotVerify => "unverified",
        VerdictKind::Conflict => "conflict",
    };
    let codes: Vec<&str> = verdict.reasons.iter().map(|r| r.code.as_str()).collect();
    format!("{tier} {kind}: {}", codes.join(" ")).trim_end_matches(": ").to_owned()
}

/// A small deterministic source of variety (splitmix64).
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// Facts of any kind, mostly clean so that all verdicts occur.
pub(crate) fn random_facts(dice: &mut Dice) -> Facts {
    let mut facts = clean();
    for key in EvidenceKey::ALL {
        for kind in Flag::ALL {
            // There are many keys: rare enough that a product without any flag of a profile's keys occurs.
            if dice.below(250) == 0 {
                flag(&mut facts, *key, *kind);
            }
        }
    }
    if dice.percent(20) {
        facts.list_state = *dice.pick(&[ListState::Absent, ListState::Truncated, ListState::OtherLanguage]);
    }
    facts.coverage_permille = *dice.pick(&[1000, 1000, 1000, 999, 980, 979, 950, 949, 900, 300]);
    facts.container_term = dice.percent(20);
    facts.attested = dice.percent(80);
    if dice.percent(20) {
        facts.mandatory = KeySet::EMPTY;
    }
    for fact in &mut facts.diets {
        fact.truth = *dice.pick(&[Truth::Yes, Truth::Yes, Truth::Yes, Truth::No, Truth::Unknown]);
        fact.certified = dice.percent(50);
        fact.precaution = dice.percent(10);
    }
    facts.reference_source =
        *dice.pick(&[ReferenceSource::Serving, ReferenceSource::Racc, ReferenceSource::Assumed]);
    facts.reference_amount = *dice.pick(&[30_000_000, 100_000_000, 55_500_000, 1_000_000, 0]);
    facts.is_volume = dice.percent(20);
    facts.indices = Indices::default();
    if dice.percent(60) {
        let grade = *dice.pick(Grade::ALL);
        facts.indices.nutri_score = Some(NutriScore { score: 0, grade, estimated: dice.percent(50) });
    }
    facts.indices.nova = dice.percent(60).then(|| *dice.pick(Nova::ALL));
    random_nutrients(dice, &mut facts);
    facts
}

fn random_nutrients(dice: &mut Dice, facts: &mut Facts) {
    for nutrient in Nutrient::ALL {
        // Wide in magnitude, so that every band of every curve occurs.
        let scale = 10u64.pow(dice.below(9) as u32 + 1);
        let amount = dice.percent(70).then(|| dice.below(scale) as i64);
        facts.per_reference.set(*nutrient, amount);
        facts
            .per_100
            .set(*nutrient, amount.filter(|_| dice.percent(90)).map(|a| a * 2 + dice.below(3) as i64));
    }
    let stated = [Nutrient::Sodium, Nutrient::SaturatedFat, Nutrient::AddedSugars, Nutrient::Carbohydrate];
    for nutrient in stated {
        if dice.percent(80) {
            facts.per_reference.set(nutrient, Some(dice.below(3_000_000) as i64));
        }
    }
    if dice.percent(80) {
        facts.per_reference.set(Nutrient::Energy, Some(dice.below(2_000_000) as i64));
    }
}

pub(crate) fn random_row(dice: &mut Dice, number: u64) -> SnapshotRow {
    let names = ["Acme", "acme ", "Bolt", "Crisp"];
    SnapshotRow {
        id: id(number),
        facts: random_facts(dice),
        active: dice.percent(95),
        brand: dice.percent(80).then(|| (*dice.pick(&names)).to_owned()),
        category: dice.percent(80).then(|| (*dice.pick(&["snacks", "soups"])).to_owned()),
        role: *dice.pick(&[Role::Snack, Role::Snack, Role::MainDish, Role::Meal]),
        tags: (0..dice.below(3)).map(|_| (*dice.pick(&["new", "organic"])).to_owned()).collect(),
        price_hundredths: dice.percent(70).then(|| dice.below(2000) as u32),
        currency: dice.percent(80).then(|| (*dice.pick(&["USD", "USD", "EUR"])).to_owned()),
        label_as_of: dice.percent(80).then(|| day(2019, 1, 1) + chrono::Days::new(dice.below(2_600))),
        changed_at_seconds: dice.below(50) as i64,
    }
}

/// Profiles that between them use every kind of gate and every part of the score.
pub(crate) fn random_profile(dice: &mut Dice) -> HealthProfile {
    let mut pieces: Vec<String> = Vec::new();
    let mut list = |dice: &mut Dice, field: &str, chance: u64, choices: &[&str]| {
        let chosen: Vec<&str> = choices.iter().filter(|_| dice.percent(chance)).copied().collect();
        pieces.push(format!("\"{field}\":[{}]", chosen.join(",")));
    };
    list(
        dice,
        "allergies",
        18,
        &[
            r#"{"allergen":"peanut"}"#,
            r#"{"allergen":"milk","severity":"anaphylaxis"}"#,
            r#"{"allergen":"soy","severity":"anaphylaxis","exempt_allowed":true}"#,
            r#"{"allergen":"tree_nut.cashew","strictness":"contains"}"#,
            r#"{"allergen":"crustacean","strictness":"may_contain"}"#,
            r#"{"allergen":"egg","severity":"intolerance"}"#,
            r#"{"allergen":"milk","severity":"intolerance","strictness":"facility"}"#,
            r#"{"allergen":"sesame","severity":"intolerance","strictness":"confirmed_free"}"#,
            r#"{"allergen":"mustard","severity":"preference","never":true}"#,
            r#"{"allergen":"fish","severity":"preference"}"#,
        ],
    );
    list(
        dice,
        "diets",
        18,
        &[
            r#"{"diet":"vegan","kind":"ethical"}"#,
            r#"{"diet":"vegetarian","kind":"preference","never":true}"#,
            r#"{"diet":"vegetarian","kind":"preference"}"#,
            r#"{"diet":"halal","kind":"religious","refuse_may_contain":true}"#,
            r#"{"diet":"kosher"}"#,
            r#"{"diet":"gluten_free","kind":"medical"}"#,
        ],
    );
    list(
        dice,
        "conditions",
        35,
        &[
            r#"{"system":"icd10cm","code":"I10"}"#,
            r#"{"system":"snomed","code":"44054006"}"#,
            r#"{"system":"icd10cm","code":"J30.1"}"#,
        ],
    );
    list(
        dice,
        "limits",
        20,
        &[
            r#"{"nutrient":"sodium_mg","max":500,"period":"serving"}"#,
            r#"{"nutrient":"sodium_mg","max":1500,"period":"day"}"#,
            r#"{"nutrient":"sugars_g","max":20,"period":"per_100"}"#,
            r#"{"nutrient":"caffeine_mg","max":0,"period":"day"}"#,
            r#"{"nutrient":"protein_g","max":3,"period":"serving"}"#,
        ],
    );
    list(dice, "goals", 30, &[r#""weight_loss""#, r#""more_fiber""#, r#""heart_health""#]);
    list(dice, "liked_brands", 30, &[r#""ACME""#]);
    list(dice, "disliked_brands", 30, &[r#""bolt""#]);
    list(dice, "liked_categories", 30, &[r#""Soups""#]);
    if dice.percent(50) {
        pieces.push(
            r#""height_cm":170,"weight_kg":80,"age_years":45,"sex":"female","activity_level":"light""#
                .to_owned(),
        );
    }
    if dice.percent(40) {
        pieces.push(r#""macro_targets":{"protein_pct":25,"fat_pct":30,"carbohydrate_pct":45}"#.to_owned());
    }
    let mut who = profile(&format!("{{{}}}", pieces.join(",")));
    let more = random_record(dice);
    who.conditions.extend(more.conditions);
    who.medications.extend(more.medications);
    who.overrides.extend(more.overrides);
    who
}

/// A few of all templates, drugs and overrides, so that every kind of rule occurs and few profiles are impossible.
fn random_record(dice: &mut Dice) -> HealthProfile {
    let pack = RulePack::embedded();
    // A template that needs something on record would block the profile.
    let templates: Vec<&str> =
        pack.conditions.iter().filter(|c| c.needs.is_empty()).map(|c| c.id.as_str()).collect();
    let conditions: Vec<String> = (0..dice.below(5) / 3)
        .map(|_| format!(r#"{{"system":"template","code":"{}"}}"#, dice.pick(&templates)))
        .collect();
    let drugs: Vec<String> = (0..dice.below(5) / 3)
        .map(|_| {
            let interaction = dice.pick(&pack.interactions);
            format!(r#"{{"name":"{}"}}"#, dice.pick(&interaction.drugs).name)
        })
        .collect();
    let rules: Vec<String> = crate::engine::overridable_rules(pack).into_iter().collect();
    let overrides: Vec<String> = (0..dice.below(3))
        .map(|_| {
            let rule = dice.pick(&rules);
            format!(r#"{{"rule":"{rule}","by":"a dietitian","reason":"stable","on":"2026-01-02"}}"#)
        })
        .collect();
    profile(&format!(
        r#"{{"conditions":[{}],"medications":[{}],"overrides":[{}]}}"#,
        conditions.join(","),
        drugs.join(","),
        overrides.join(",")
    ))
}
