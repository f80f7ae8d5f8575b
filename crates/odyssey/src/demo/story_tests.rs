//! People with a story, and what the demo catalog has for them: the first twenty matches and five that are kept
//! out, word for word as they are shown, in `data/demo/stories`. `ODYSSEY_STORIES=write` writes them anew; a
//! person reads the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::NaiveDate;
use odyssey_matching::label::{Label, Tables, derive};
use odyssey_matching::{
    Derivation, Filters, Policy, PolicyInput, ProductMeta, Query, Role, RulePack, SnapshotBuilder,
    SnapshotRow, Tier, Verdict, evaluate, rank,
};
use odyssey_types::{
    AllergenData, DeclaredAllergens, HealthProfile, Jurisdiction, Nutrient, Nutrients, Nutrition,
    NutritionBasis, ProductFields, ProductId, ServingSize, parse_fixed,
};
use serde::Deserialize;
use uuid::Uuid;

use super::products::COLUMNS;
use super::tests::{products, table};

const SEED: u64 = 1;
const ROWS: u64 = 1_500;
const MATCHES: usize = 20;
const EXCLUSIONS: usize = 5;

/// The people: shared with the test over a real catalog.
#[derive(Deserialize)]
struct Story {
    /// Of the file.
    name: String,
    story: String,
    profile: HealthProfile,
}

fn stories() -> Vec<Story> {
    let text = include_str!("../../../odyssey-matching/data/stories/stories.json");
    serde_json::from_str(text).expect("stories")
}

struct Shelf {
    names: Vec<(String, String)>,
    rows: Vec<SnapshotRow>,
    metas: Vec<ProductMeta>,
    derivations: Vec<Derivation>,
}

fn list(cell: &str) -> Vec<String> {
    cell.split(['|', ';']).map(str::trim).filter(|c| !c.is_empty()).map(str::to_owned).collect()
}

/// A row as an import reads it. Faulty rows, which an import refuses, are left out before.
fn fields_of(row: &BTreeMap<&'static str, String>) -> ProductFields {
    let text = |column: &str| Some(row[column].clone()).filter(|c| !c.is_empty());
    let mut amounts = Nutrients::default();
    for nutrient in Nutrient::ALL {
        let cell = row.get(nutrient.field()).filter(|c| !c.is_empty());
        amounts.set(*nutrient, cell.map(|c| nutrient.parse_rounding(c).expect("an amount").0));
    }
    let basis = NutritionBasis::parse(&row["nutrition_basis"]);
    let serving = row["serving_size"].split_once(' ').map(|(amount, unit)| {
        let amount = Some(odyssey_types::Fixed(parse_fixed(amount, 6).expect("a serving")));
        match unit {
            "ml" => ServingSize { amount_ml: amount, ..ServingSize::default() },
            _ => ServingSize { amount_g: amount, ..ServingSize::default() },
        }
    });
    ProductFields {
        name: text("product_name"),
        brand: text("brand"),
        description: text("description"),
        category_id: text("category_id"),
        ingredients: text("ingredients"),
        nutrition: basis.map(|basis| Nutrition { basis, amounts }),
        serving_size: serving,
        dietary_tags: text("dietary_tags").map(|c| list(&c)),
        allergens: text("allergens").or(text("may_contain")).or(text("facility")).map(|_| {
            DeclaredAllergens {
                contains: list(&row["allergens"]),
                may_contain: list(&row["may_contain"]),
                facility: list(&row["facility"]),
                ..DeclaredAllergens::default()
            }
        }),
        label_jurisdiction: text("label_jurisdiction")
            .and_then(|c| Jurisdiction::parse(&c))
            .unwrap_or(Jurisdiction::Unknown),
        label_as_of: text("label_as_of").and_then(|c| c.parse::<NaiveDate>().ok()),
        allergen_data: text("allergen_data")
            .and_then(|c| AllergenData::parse(&c))
            .unwrap_or(AllergenData::Unknown),
        ..ProductFields::default()
    }
}

fn shelf() -> Shelf {
    let mut shelf = Shelf { names: Vec::new(), rows: Vec::new(), metas: Vec::new(), derivations: Vec::new() };
    for (at, row) in table(&products(SEED, ROWS), &COLUMNS).iter().enumerate() {
        let number = at as u64 + 1;
        if super::fault_of(number).is_some() {
            continue;
        }
        let fields = fields_of(row);
        let derivation = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded());
        let meta = ProductMeta {
            id: ProductId::from_uuid(Uuid::from_u128(u128::from(number))),
            active: row["status"] == "active",
            brand: fields.brand.clone(),
            category: fields.category_id.clone(),
            role: Role::Snack,
            label_as_of: fields.label_as_of,
            changed_at_seconds: 0,
        };
        shelf.rows.push(SnapshotRow {
            id: meta.id,
            facts: derivation.facts.clone(),
            active: meta.active,
            brand: meta.brand.clone(),
            category: meta.category.clone(),
            role: meta.role,
            tags: Vec::new(),
            price_hundredths: None,
            currency: None,
            label_as_of: None,
            changed_at_seconds: 0,
        });
        shelf.names.push((format!("row {number}"), row["product_name"].clone()));
        shelf.metas.push(meta);
        shelf.derivations.push(derivation);
    }
    shelf
}

fn policy_of(profile: &HealthProfile) -> Policy {
    let pack = RulePack::embedded();
    let as_of = NaiveDate::from_ymd_opt(2026, 10, 1).expect("a day");
    let input = PolicyInput {
        profile,
        age_years: None,
        as_of,
        never_list: &[],
        allow_list: &[],
        vendor_policy: pack.scoring,
        label_oldest: None,
    };
    Policy::compile(&input, pack)
}

fn told(out: &mut String, shelf: &Shelf, at: usize, verdict: &Verdict) {
    let tier = match verdict.tier {
        Tier::One => "1",
        Tier::Two => "2",
        Tier::Three => "3",
        Tier::Excluded => "X",
    };
    let kind = serde_json::to_value(verdict.verdict).expect("a verdict is text");
    let (row, name) = &shelf.names[at];
    let codes: Vec<String> = verdict.reasons.iter().map(|r| format!("{} ({})", r.code, r.subject)).collect();
    let score = format!("{} of {}", verdict.score_permille, verdict.confidence_permille);
    writeln!(
        out,
        "{tier} {} {score} | {row} | {name} | {}",
        kind.as_str().unwrap_or_default(),
        codes.join(", ")
    )
    .expect("writing to memory");
    writeln!(out, "    {}", verdict.summary).expect("writing to memory");
}

fn tell(shelf: &Shelf, Story { story, profile, .. }: &Story) -> String {
    let policy = policy_of(profile);
    assert!(policy.blocked.is_empty(), "{story}: {:?}", policy.blocked);
    let mut builder = SnapshotBuilder::new();
    shelf.rows.iter().for_each(|row| builder.push(row));
    let query = Query { k: MATCHES, include_cannot_verify: false, filters: Filters::default() };
    let ranked = rank(&builder.finish(), &policy, &query);
    let verdict_at = |at: usize| evaluate(&policy, &shelf.derivations[at], &shelf.metas[at]);
    let mut out = format!("{story}\n{} of {} fit.\n", ranked.fits_total, ranked.considered);
    for notice in &policy.notices {
        writeln!(out, "{}: {}", notice.code, notice.sentence).expect("writing to memory");
    }
    out.push_str("\nMatches\n");
    for candidate in &ranked.fits {
        let at = shelf.metas.iter().position(|m| m.id == candidate.id).expect("a product of the shelf");
        let verdict = verdict_at(at);
        assert_eq!(
            (verdict.tier, verdict.score_permille),
            (candidate.tier, candidate.score_permille),
            "{story}"
        );
        told(&mut out, shelf, at, &verdict);
    }
    out.push_str("\nKept out\n");
    let mut seen = BTreeSet::new();
    for at in 0..shelf.rows.len() {
        let verdict = verdict_at(at);
        let Some(first) =
            verdict.reasons.first().filter(|_| verdict.tier >= Tier::Three && shelf.metas[at].active)
        else {
            continue;
        };
        if seen.insert((first.code.clone(), first.subject.clone())) {
            told(&mut out, shelf, at, &verdict);
        }
        if seen.len() == EXCLUSIONS {
            break;
        }
    }
    out
}

#[test]
fn the_demo_catalog_reads_sensibly_to_people_with_a_story() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/demo/stories");
    let write = std::env::var_os("ODYSSEY_STORIES").is_some_and(|v| v == "write");
    std::fs::create_dir_all(&folder).expect("a writable folder");
    let shelf = shelf();
    let mut changed = Vec::new();
    let stories = stories();
    for story in &stories {
        let (name, found) = (&story.name, tell(&shelf, story));
        let path = folder.join(format!("{name}.txt"));
        if write {
            std::fs::write(&path, &found).expect("a writable folder");
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(found.as_str()) {
            changed.push(format!("{name}:\n{found}"));
        }
    }
    assert!(changed.is_empty(), "{} stories read otherwise:\n{}", changed.len(), changed.join("\n"));
    let files = std::fs::read_dir(&folder).expect("the folder of the stories").count();
    assert_eq!(files, stories.len(), "a file without a story");
}
