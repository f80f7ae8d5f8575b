//! The deriver over a real catalog (Open Food Facts, ODbL 1.0), where it is present.

use std::path::PathBuf;
use std::time::Instant;

use odyssey_types::{Jurisdiction, Nutrient, Nutrients, Nutrition, NutritionBasis, ProductFields};

use super::{Label, Tables, derive};
use crate::diet_rules::{DietTable, ListProof};
use crate::facts::{DIET_COUNT, Diet, Facts, ListState, Truth};

/// Enough rows for stable shares, few enough for every test run.
const ROWS: usize = 20_000;

#[test]
fn cut_lists_of_the_real_catalog_are_truncated_and_coverage_is_reported() {
    let Some(lists) = real_lists(8, ROWS) else {
        println!("skipped: shared data not present");
        return;
    };
    let tables = Tables::embedded();
    let rows: Vec<ProductFields> = lists
        .into_iter()
        .map(|text| ProductFields { ingredients: Some(text), ..ProductFields::default() })
        .collect();
    let start = Instant::now();
    let facts: Vec<Facts> =
        rows.iter().map(|fields| derive(&Label { fields, holds: &[] }, tables).facts).collect();
    let elapsed = start.elapsed();
    for (fields, facts) in rows.iter().zip(&facts) {
        let text = fields.ingredients.as_deref().unwrap_or_default();
        if [254, 255].contains(&text.chars().count()) && facts.list_state != ListState::Absent {
            assert_eq!(facts.list_state, ListState::Truncated, "{text}");
        }
    }
    report(&facts, elapsed.as_micros());
    let complete = facts.iter().filter(|f| f.list_state == ListState::Complete);
    assert!(complete.count() > facts.len() / 3, "most uncut lists are complete");
}

fn report(facts: &[Facts], micros: u128) {
    let uncut: Vec<&Facts> = facts.iter().filter(|f| f.list_state != ListState::Truncated).collect();
    let share = |at_least: u16| {
        let reached = uncut.iter().filter(|f| f.coverage_permille >= at_least).count();
        reached * 1000 / uncut.len().max(1)
    };
    println!(
        "{} lists, {} uncut; permille of uncut lists that reach coverage 1000: {}, 980: {}, 950: {}, 900: {}; {} lists/s",
        facts.len(),
        uncut.len(),
        share(1000),
        share(980),
        share(950),
        share(900),
        facts.len() as u128 * 1_000_000 / micros.max(1),
    );
    for state in [ListState::Absent, ListState::Truncated, ListState::OtherLanguage, ListState::Complete] {
        println!("{state:?}: {}", facts.iter().filter(|f| f.list_state == state).count());
    }
}

/// One row in this many: enough for every diet to have its yes and its no.
const DIET_STEP: usize = 20;

#[test]
fn diets_of_the_real_catalog_are_counted_and_hold_together() {
    let Some(rows) = real_products(DIET_STEP) else {
        println!("skipped: shared data not present");
        return;
    };
    let mut counts = [[0_usize; 3]; DIET_COUNT];
    for fields in &rows {
        let facts = derive(&Label { fields, holds: &[] }, Tables::embedded()).facts;
        let truth = |diet: Diet| facts.diets[diet as usize].truth;
        for diet in Diet::ALL {
            counts[*diet as usize][truth(*diet) as usize] += 1;
        }
        // What is said of the stricter diet holds of the weaker.
        for (strict, weak) in [
            (Diet::Vegan, Diet::Vegetarian),
            (Diet::Vegetarian, Diet::Pescatarian),
            (Diet::LactoVegetarian, Diet::Vegetarian),
            (Diet::OvoVegetarian, Diet::Vegetarian),
            (Diet::Paleo, Diet::Primal),
            (Diet::NoRedMeat, Diet::NoBeef),
        ] {
            let text = fields.ingredients.as_deref().unwrap_or_default();
            let holds = truth(strict) != Truth::Yes || truth(weak) == Truth::Yes;
            assert!(holds, "{} and not {}: {text}", strict.code(), weak.code());
        }
    }
    for diet in Diet::ALL {
        let [unknown, no, yes] = counts[*diet as usize];
        println!("{:18} yes {yes:6}  no {no:6}  unknown {unknown:6}", diet.code());
        // The catalog has neither tags nor certificates.
        let rule = DietTable::embedded().rule(*diet);
        if rule.tests.is_empty() && rule.list == ListProof::Never {
            assert_eq!(yes, 0, "{} is proved by nothing here", diet.code());
        }
    }
}

/// Every `step`th product with its name, list and figures per 100 g. The catalog states no energy: it is
/// counted from the macronutrients (4-4-9).
pub(crate) fn real_products(step: usize) -> Option<Vec<ProductFields>> {
    use Nutrient as N;
    const COLUMNS: [(usize, N); 7] = [
        (4, N::Fat),
        (5, N::SaturatedFat),
        (6, N::Carbohydrate),
        (7, N::Sugars),
        (8, N::Fiber),
        (9, N::Protein),
        (10, N::Salt),
    ];
    let mut reader = real_catalog()?;
    let products = reader.records().filter_map(Result::ok).step_by(step).map(|row| {
        let text = |at: usize| row.get(at).map(str::trim).filter(|t| !t.is_empty());
        let mut amounts = Nutrients::default();
        for (at, nutrient) in COLUMNS {
            let amount = text(at).and_then(|t| nutrient.parse_rounding(t).ok());
            amounts.set(nutrient, amount.map(|(stored, _)| stored));
        }
        let macros = [N::Fat, N::Carbohydrate, N::Protein].map(|n| amounts.get(n));
        if let [Some(fat), Some(carbohydrate), Some(protein)] = macros {
            amounts.set(N::Energy, Some((fat * 9 + (carbohydrate + protein) * 4) / 1000 * 4184 / 1000));
        }
        ProductFields {
            name: text(1).map(str::to_owned),
            ingredients: text(2).map(str::to_owned),
            nutrition: Some(Nutrition { basis: NutritionBasis::Per100g, amounts }),
            label_jurisdiction: Jurisdiction::Us,
            ..ProductFields::default()
        }
    });
    Some(products.collect())
}

/// Where data that nobody here wrote lies, if it is there.
pub(super) fn shared_data() -> PathBuf {
    std::env::var_os("ODYSSEY_SHARED_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from)
}

/// Every `step`th ingredient text of the catalog, blank ones left out.
pub(super) fn real_lists(step: usize, rows: usize) -> Option<Vec<String>> {
    let mut reader = real_catalog()?;
    let texts = reader.records().filter_map(Result::ok).filter_map(|r| r.get(2).map(str::to_owned));
    Some(texts.filter(|t| !t.trim().is_empty()).step_by(step).take(rows).collect())
}

fn real_catalog() -> Option<csv::Reader<zstd::Decoder<'static, std::io::BufReader<std::fs::File>>>> {
    let file = std::fs::File::open(shared_data().join("products/lifyzer_off_us_213592.csv.zst")).ok()?;
    Some(csv::Reader::from_reader(zstd::Decoder::new(file).ok()?))
}
