//! Answers of others: the developer half of the conformance cases, and a real catalog (Open Food Facts,
//! ODbL 1.0), where they are present. Every difference has a cause, or the test fails.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use odyssey_types::{Nutrient, Nutrients, Nutrition, NutritionBasis, ProductFields};
use serde_json::Value;

use super::tests::derived;
use super::{FoodKind, NutriInput, nutri_score};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ODYSSEY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = root.join(path);
    file.exists().then_some(file)
}

/// A figure in grams as a text of the nutrient's own unit.
fn grams(amounts: &mut Nutrients, nutrient: Nutrient, text: &str) {
    if let Ok((stored, _)) = odyssey_types::parse_fixed_rounding(text, 6) {
        amounts.set(nutrient, Some(stored));
    }
}

fn kilojoules(amounts: &mut Nutrients, text: &str) {
    if let Ok((joules, _)) = odyssey_types::parse_fixed_rounding(text, 3) {
        amounts.set(Nutrient::Energy, Some(joules));
    }
}

#[test]
fn the_developer_cases_of_2023_agree() {
    let Some(path) = shared("conformance/nutriscore_2021_2023_dev.jsonl") else {
        println!("skipped: shared data not present");
        return;
    };
    // Why our answer may differ in the score, never in the grade.
    let explained = BTreeMap::from([
        ("en-sweeteners", "fruit is proved to 45 % by the list; upstream estimates 70 %"),
        ("olive-oil", "marked suspect: upstream took the ratio of saturates for nothing"),
    ]);
    let text = std::fs::read_to_string(path).expect("the cases are readable");
    let mut differing = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let id = case["id"].as_str().unwrap_or_default();
        let mut amounts = Nutrients::default();
        for (field, value) in case["nutriments_100g"].as_object().into_iter().flatten() {
            let text = value.to_string();
            match field.as_str() {
                "energy_kj" => kilojoules(&mut amounts, &text),
                "fat_g" => grams(&mut amounts, Nutrient::Fat, &text),
                "saturated_fat_g" => grams(&mut amounts, Nutrient::SaturatedFat, &text),
                "sugars_g" => grams(&mut amounts, Nutrient::Sugars, &text),
                "sodium_g" => grams(&mut amounts, Nutrient::Sodium, &text),
                "salt_g" => grams(&mut amounts, Nutrient::Salt, &text),
                "fiber_g" => grams(&mut amounts, Nutrient::Fiber, &text),
                "proteins_g" => grams(&mut amounts, Nutrient::Protein, &text),
                other => panic!("{id} has a figure {other}"),
            }
        }
        let fields = ProductFields {
            category_id: case["categories"].as_str().map(str::to_owned),
            ingredients: case["ingredients_text"].as_str().map(str::to_owned),
            nutrition: Some(Nutrition { basis: NutritionBasis::Per100g, amounts }),
            label_jurisdiction: odyssey_types::Jurisdiction::Eu,
            ..ProductFields::default()
        };
        let found = derived(&fields).facts.indices.nutri_score;
        let wanted = &case["expected"]["2023"];
        let grade = wanted["grade"].as_str().filter(|g| *g != "not-applicable");
        assert_eq!(found.map(|f| f.grade.code()), grade, "{id}");
        let score = found.map(|f| i64::from(f.score));
        if score != wanted["score"].as_i64() {
            assert!(explained.contains_key(id), "{id}: {score:?} for {}", wanted["score"]);
            differing.push(id.to_owned());
        }
    }
    println!("differing in the score, not in the grade: {differing:?}");
}

/// A row of the real catalog, and what upstream says of it.
struct Row {
    fields: ProductFields,
    score: Option<i64>,
    fruit_permille: Option<u16>,
    groups: String,
    nova: Option<i16>,
}

fn real_rows() -> Option<(usize, Vec<Row>)> {
    let path = shared("products/off_us_full210_1000.tsv.gz")?;
    let packed = std::fs::read(path).expect("the file is readable");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("gzip of UTF-8");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next()?.split('\t').collect();
    let mut scored = 0;
    let rows = lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let cell = |name: &str| {
                let at = header.iter().position(|h| *h == name).expect("the column is there");
                cells.get(at).copied().unwrap_or_default()
            };
            let score: Option<i64> = cell("nutriscore_score").parse().ok();
            scored += usize::from(score.is_some());
            let mut amounts = Nutrients::default();
            kilojoules(&mut amounts, cell("energy_100g"));
            for (column, nutrient) in [
                ("fat_100g", Nutrient::Fat),
                ("saturated-fat_100g", Nutrient::SaturatedFat),
                ("carbohydrates_100g", Nutrient::Carbohydrate),
                ("sugars_100g", Nutrient::Sugars),
                ("fiber_100g", Nutrient::Fiber),
                ("proteins_100g", Nutrient::Protein),
                ("salt_100g", Nutrient::Salt),
            ] {
                grams(&mut amounts, nutrient, cell(column));
            }
            let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let tags: Vec<&str> = cell("categories_tags").split(',').collect();
            Row {
                fields: ProductFields {
                    name: filled(cell("product_name")),
                    category_id: filled(tags.first().copied().unwrap_or_default()),
                    sub_category_id: filled(tags.last().copied().unwrap_or_default()),
                    ingredients: filled(cell("ingredients_text")),
                    nutrition: Some(Nutrition { basis: NutritionBasis::Per100g, amounts }),
                    label_jurisdiction: odyssey_types::Jurisdiction::Us,
                    ..ProductFields::default()
                },
                score,
                fruit_permille: odyssey_types::parse_fixed_rounding(
                    cell("fruits-vegetables-legumes_100g"),
                    1,
                )
                .ok()
                .and_then(|(p, _)| u16::try_from(p).ok()),
                groups: cell("food_groups_tags").to_owned(),
                nova: cell("nova_group").parse().ok(),
            }
        })
        .collect();
    Some((scored, rows))
}

/// Why an answer of ours differs from upstream's.
fn cause(row: &Row) -> Option<String> {
    let facts = derived(&row.fields).facts;
    let found = facts.indices.nutri_score.map(|n| i64::from(n.score));
    if found == row.score {
        return None;
    }
    let Some(kind) = facts.indices.kind else { return Some("no category".to_owned()) };
    let amounts = &facts.per_100;
    let input = |kind, fruit: Option<u16>, sweetener| NutriInput {
        kind,
        amounts: amounts.clone(),
        fruit_permille: fruit,
        fruit_is_exact: true,
        sweetener,
    };
    let with = |kind, fruit, sweetener| {
        nutri_score(&input(kind, fruit, sweetener)).map(|points| i64::from(points.score))
    };
    if nutri_score(&input(FoodKind::General, None, false)).is_none() {
        let needed = [
            Nutrient::Energy,
            Nutrient::Fat,
            Nutrient::SaturatedFat,
            Nutrient::Sugars,
            Nutrient::Salt,
            Nutrient::Protein,
        ];
        let missing: Vec<&str> =
            needed.into_iter().filter(|n| amounts.get(*n).is_none()).map(Nutrient::field).collect();
        return Some(format!("not computed here: not in the file: {}", missing.join(", ")));
    }
    let kinds = [FoodKind::General, FoodKind::RedMeat, FoodKind::Cheese, FoodKind::Fats, FoodKind::Beverage];
    // Upstream's own share where the file has it; else whatever gives each number of points.
    let fruits = match row.fruit_permille {
        Some(share) => vec![None, Some(share)],
        None => vec![None, Some(410), Some(610), Some(1000)],
    };
    for sweetener in [false, true] {
        if fruits.iter().any(|fruit| with(kind, *fruit, sweetener) == row.score) {
            let which = row.fruit_permille.map_or("not in the file", |_| "in the file");
            return Some(format!("share of fruit: upstream's estimate ({which}) gives other points"));
        }
    }
    let other =
        kinds.into_iter().find(|kind| fruits.iter().any(|fruit| with(*kind, *fruit, false) == row.score));
    if kind == FoodKind::Exempt {
        return Some("not scored here: on the older list of exempt foods".to_owned());
    }
    let other = other.map_or("unexplained".to_owned(), |other| {
        format!("kind: {} here, {} upstream", kind.code(), other.code())
    });
    Some(other)
}

#[test]
fn differences_from_a_real_catalog_have_causes() {
    let Some((scored, rows)) = real_rows() else {
        println!("skipped: shared data not present");
        return;
    };
    let mut causes: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    let mut same = 0;
    let given = |row: &&Row| row.fields.nutrition.as_ref().is_some_and(|n| !n.amounts.is_empty());
    let rows: Vec<&Row> = rows.iter().filter(|row| row.score.is_some()).filter(given).collect();
    for row in rows.iter().copied() {
        match cause(row) {
            None => same += 1,
            Some(cause) => causes.entry(cause).or_default().push(row),
        }
    }
    println!("scored upstream {scored}, with figures in the file {}, same {same}", rows.len());
    for (cause, rows) in &causes {
        println!("| {cause} | {} |", rows.len());
        if std::env::var_os("ODYSSEY_SHOW_ROWS").is_some() {
            for row in rows {
                println!(
                    "    {:?} {:?} {:?} {:?} {} {:?} {:?} {:?}",
                    row.fields.name,
                    row.fields.category_id,
                    row.fields.sub_category_id,
                    row.score,
                    row.groups,
                    row.fruit_permille,
                    derived(&row.fields).facts.indices,
                    row.fields.nutrition
                );
            }
        }
    }
    assert!(!causes.contains_key("unexplained"), "a difference has no cause");
}

#[test]
fn groups_of_a_real_catalog_are_compared() {
    let Some((_, rows)) = real_rows() else {
        println!("skipped: shared data not present");
        return;
    };
    let mut pairs: BTreeMap<(i16, String), usize> = BTreeMap::new();
    for row in &rows {
        let Some(theirs) = row.nova else { continue };
        let ours = derived(&row.fields).facts.indices.nova;
        *pairs.entry((theirs, ours.map_or("unknown", |n| n.code()).to_owned())).or_default() += 1;
    }
    for ((theirs, ours), count) in &pairs {
        println!("| NOVA {theirs} upstream | {ours} here | {count} |");
    }
    let same: usize = pairs.iter().filter(|((t, o), _)| t.to_string() == *o).map(|(_, n)| n).sum();
    let known: usize = pairs.iter().filter(|((_, o), _)| o != "unknown").map(|(_, n)| n).sum();
    println!("same {same} of {known} known here");
    // A marker list that lost its names, or found them everywhere, shows here.
    assert!(same * 100 >= known * 85, "{same} of {known}");
}
