use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::customers::COLUMNS as CUSTOMER_COLUMNS;
use super::foods::{CARBOHYDRATE, FAT, PROTEIN};
use super::label::column;
use super::marks::Marks;
use super::products::COLUMNS;
use super::recipes::Kitchen;
use super::*;

const SEED: u64 = 1;
/// Of a thousand products and three hundred customers: to change with the data, and never by itself.
const PRODUCTS_HASH: u64 = 0x8648_5518_a3c4_e37e;
const CUSTOMERS_HASH: u64 = 0x3827_017f_b0c2_4273;

/// FNV-1a, 64 bit.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}

pub(super) fn products(seed: u64, rows: u64) -> String {
    let mut out = Vec::new();
    write_products_csv(&mut out, seed, rows).expect("writing to memory");
    String::from_utf8(out).expect("UTF-8")
}

fn customers(seed: u64, rows: u64) -> String {
    let mut out = Vec::new();
    write_customers_csv(&mut out, seed, rows).expect("writing to memory");
    String::from_utf8(out).expect("UTF-8")
}

/// The lines of a file below its header, by column. No cell of ours has a line break.
pub(super) fn table(text: &str, columns: &[&'static str]) -> Vec<BTreeMap<&'static str, String>> {
    let mut lines = text.lines().map(cells);
    assert_eq!(lines.next().expect("a header"), columns);
    lines
        .map(|cells| {
            assert_eq!(cells.len(), columns.len());
            columns.iter().copied().zip(cells).collect()
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().expect("never empty").push(c),
        }
    }
    cells
}

/// A vendor of the default size.
static PRODUCTS: LazyLock<Vec<BTreeMap<&'static str, String>>> =
    LazyLock::new(|| table(&products(SEED, DemoSize::default().products), &COLUMNS));

/// A number in thousandths; `None` where the cell is empty.
fn thousandths(cell: &str) -> Option<i64> {
    if cell.is_empty() {
        return None;
    }
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
    format!("{whole}{fraction:0<3}").parse().ok()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    assert_eq!(fnv(products(SEED, 1_000).as_bytes()), PRODUCTS_HASH);
    assert_eq!(fnv(customers(SEED, 300).as_bytes()), CUSTOMERS_HASH);
    assert_ne!(products(2, 50), products(3, 50));
    assert_ne!(customers(2, 50), customers(3, 50));
}

#[test]
fn a_longer_file_begins_with_the_shorter_one() {
    assert!(products(SEED, 300).starts_with(&products(SEED, 250)));
}

#[test]
fn a_file_of_no_rows_is_its_header() {
    assert_eq!(products(SEED, 0).lines().count(), 1);
    assert_eq!(customers(SEED, 0).lines().count(), 1);
}

#[test]
fn one_row_in_two_hundred_is_faulty_each_in_its_way() {
    let rows = &*PRODUCTS;
    let mut counts: BTreeMap<Fault, usize> = BTreeMap::new();
    let mut skus = BTreeSet::new();
    for (row, cells) in (1_u64..).zip(rows) {
        let number = |column| thousandths(&cells[column]);
        let seen = if cells["sku"].is_empty() && !valid_gtin(&cells["gtin"]) {
            Some(Fault::GtinCheckDigit)
        } else if number("sugars_g") > number("carbohydrate_g") {
            Some(Fault::SugarsExceedCarbohydrate)
        } else if number("fat_g").is_some_and(|fat| fat < 0) {
            Some(Fault::NegativeFat)
        } else if !cells["sku"].is_empty() && !skus.insert(cells["sku"].clone()) {
            Some(Fault::DuplicateSku)
        } else {
            None
        };
        assert_eq!(seen, fault_of(row), "row {row}: {cells:?}");
        if let Some(fault) = seen {
            *counts.entry(fault).or_default() += 1;
        }
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [7, 6, 6, 6]);
}

#[test]
fn every_gtin_is_of_the_restricted_range_and_has_its_check_digit_but_the_faulty_ones() {
    let mut gtins = BTreeSet::new();
    for (row, cells) in (1_u64..).zip(&*PRODUCTS) {
        let gtin = &cells["gtin"];
        assert!(!gtin.is_empty() || !cells["sku"].is_empty(), "row {row} has no identity");
        if gtin.is_empty() {
            continue;
        }
        assert!(gtins.insert(format!("{gtin:0>14}")), "row {row}: {gtin} stands twice");
        assert!(format!("{gtin:0>13}").starts_with("02"), "row {row}: {gtin}");
        assert_eq!(valid_gtin(gtin), fault_of(row) != Some(Fault::GtinCheckDigit), "row {row}: {gtin}");
    }
}

/// By the rule for fourteen digits: weights 3, 1, 3, … from the left, the sum a multiple of ten.
fn valid_gtin(gtin: &str) -> bool {
    let digits = format!("{gtin:0>14}");
    let weighted = digits.bytes().enumerate();
    let sum: u32 = weighted.map(|(at, b)| u32::from(b - b'0') * if at % 2 == 0 { 3 } else { 1 }).sum();
    sum.is_multiple_of(10)
}

#[test]
fn nutrition_is_physically_possible_in_every_sound_row() {
    let mut known = 0;
    for (row, cells) in (1_u64..).zip(&*PRODUCTS) {
        if fault_of(row).is_some() {
            continue;
        }
        let number = |column: &str| thousandths(&cells[column]);
        let Some(energy) = number("energy_kcal") else { continue };
        known += 1;
        let need = |column: &str| number(column).expect("macronutrients come together");
        let (fat, carbohydrate, protein) = (need("fat_g"), need("carbohydrate_g"), need("protein_g"));
        assert!([fat, carbohydrate, protein].iter().all(|amount| *amount >= 0), "row {row}");
        assert!(fat + carbohydrate + protein <= 100_100, "row {row}: {cells:?}");
        // A tenth of a gram of each is lost to rounding: half of 17 kcal/10, and half a kcal of its own.
        assert!((energy - fat * 9 - (carbohydrate + protein) * 4).abs() <= 1_400, "row {row}: {cells:?}");
        assert!(energy <= 905_000, "row {row}");
        for (part, whole) in [
            ("saturated_fat_g", fat),
            ("sugars_g", carbohydrate),
            ("fiber_g", carbohydrate),
            ("added_sugars_g", need("sugars_g")),
        ] {
            assert!(
                number(part).is_none_or(|part| (0..=whole).contains(&part)),
                "row {row}: {part} {cells:?}"
            );
        }
        assert!(number("sodium_mg").is_none_or(|sodium| (0..=10_000_000).contains(&sodium)), "row {row}");
        assert!(number("potassium_mg").is_none_or(|it| (0..=5_000_000).contains(&it)), "row {row}");
    }
    assert!(known > 4_000, "{known}");
}

/// Words that mean an allergen, and what only looks like them, written down apart from the tables.
const WORDS: [(&str, &[&str], &[&str]); 14] = [
    ("Milk", &["milk", "butter", "cream", "whey"], &["peanut butter", "cocoa butter", "coconut milk"]),
    ("Egg", &["eggs", "egg whites", "egg yolks"], &[]),
    ("Fish", &["salmon", "tuna", "cod", "anchovies"], &[]),
    ("Shrimp", &["shrimp"], &[]),
    ("Almonds", &["almonds"], &[]),
    ("Walnuts", &["walnuts"], &[]),
    ("Cashews", &["cashews"], &[]),
    ("Pecans", &["pecans"], &[]),
    ("Hazelnuts", &["hazelnuts"], &[]),
    ("Pistachios", &["pistachios"], &[]),
    ("Peanuts", &["peanuts", "peanut butter"], &[]),
    ("Wheat", &["wheat"], &["buckwheat"]),
    (
        "Soy",
        &["soybeans", "soy lecithin", "soy protein", "miso", "edamame", "soy sauce", "tofu", "tamari"],
        &[],
    ),
    ("Sesame", &["sesame", "tahini"], &[]),
];

fn named_in(list: &str) -> BTreeSet<&'static str> {
    let list = list.to_lowercase();
    let mut found = BTreeSet::new();
    for (allergen, words, only_alike) in WORDS {
        let bare = only_alike.iter().fold(list.clone(), |text, alike| text.replace(alike, "-"));
        // "cream of tartar" and the like are not used; "butternut" is no butter, "creamy" no cream.
        let bare = bare.replace("butternut", "-");
        if words.iter().any(|word| bare.contains(word)) {
            found.insert(allergen);
        }
    }
    found
}

#[test]
fn every_recipe_declares_exactly_what_its_ingredients_are() {
    let kitchen = Kitchen::open().expect("tables");
    for recipe in &kitchen.recipes {
        for variant in &recipe.variants {
            let parts = [&recipe.base[..], &variant.parts].concat();
            let marks = kitchen.foods.marks(&parts);
            let words =
                parts.iter().map(|part| full_words(&kitchen, part.food)).collect::<Vec<_>>().join(", ");
            let declared = column(marks);
            let declared: BTreeSet<&str> = declared.split(';').filter(|name| !name.is_empty()).collect();
            assert_eq!(declared, named_in(&words), "{} {}: {words}", variant.name, recipe.noun);
        }
    }
}

fn full_words(kitchen: &Kitchen, food: usize) -> String {
    let food = &kitchen.foods.all[food];
    let inner = food.parts.iter().map(|part| full_words(kitchen, part.food));
    std::iter::once(food.label.to_owned()).chain(inner).collect::<Vec<_>>().join(", ")
}

#[test]
fn declarations_statements_and_ingredients_agree_in_every_row() {
    let mut compared = 0;
    for (row, cells) in (1_u64..).zip(&*PRODUCTS) {
        let text = &cells["ingredients"];
        if text.is_empty() || text.len() == 255 {
            continue;
        }
        let lower = text.to_lowercase();
        let list = lower.split(" may contain ").next().expect("one at least");
        let list = list.split(" made in a facility ").next().expect("one at least");
        let list = list.split(" contains: ").next().expect("one at least");
        let names = named_in(list);
        let declared: BTreeSet<&str> =
            cells["allergens"].split(';').filter(|name| !name.is_empty()).collect();
        if !declared.is_empty() {
            assert_eq!(declared, names, "row {row}: {text}");
            compared += 1;
        } else if !names.is_empty() {
            assert!(lower.contains(" contains: "), "row {row} says its allergens nowhere: {text}");
            assert_ne!(cells["allergen_data"], "complete", "row {row}");
        }
        for precaution in [&cells["may_contain"], &cells["facility"]] {
            let warned = precaution.split(';').filter(|name| !name.is_empty());
            assert!(warned.into_iter().all(|name| !declared.contains(name)), "row {row}: {precaution}");
        }
    }
    assert!(compared > 1_500, "{compared}");
}

#[test]
fn what_is_called_vegan_or_free_of_something_is_so() {
    let animal = [
        "chicken", "beef", "pork", "turkey", "bacon", "gelatin", "honey", "salmon", "tuna", "cod", "anchov",
        "shrimp",
    ];
    for (row, cells) in (1_u64..).zip(&*PRODUCTS) {
        let text = cells["ingredients"].to_lowercase();
        let list = text.split(" may contain ").next().expect("one at least");
        let list = list.split(" made in a facility ").next().expect("one at least").to_owned();
        let names = named_in(&list);
        let tags: Vec<&str> = cells["dietary_tags"].split('|').collect();
        let name = &cells["product_name"];
        if tags.contains(&"vegan") || name.contains("Vegan") {
            assert!(!animal.iter().any(|word| list.contains(word)), "row {row}: {list}");
            assert!(!names.contains("Milk") && !names.contains("Egg"), "row {row}: {list}");
        }
        if tags.contains(&"gluten_free") || name.contains("Gluten-Free") {
            let grains = ["barley", "rye flour", "oat"];
            assert!(!names.contains("Wheat"), "row {row}: {list}");
            assert!(!grains.iter().any(|grain| list.contains(grain)), "row {row}: {list}");
        }
        if name.contains("No Salt Added") {
            assert!(!list.contains("salt"), "row {row}: {list}");
        }
        if name.contains("Unsweetened") {
            let sweet = ["sugar", "syrup", "honey", "molasses"];
            assert!(!sweet.iter().any(|word| list.contains(word)), "row {row}: {list}");
        }
        if name.contains("Dairy-Free") {
            assert!(!names.contains("Milk"), "row {row}: {list}");
        }
    }
}

#[test]
fn there_is_enough_to_choose_from() {
    let rows = &*PRODUCTS;
    let distinct = |column: &str| rows.iter().map(|row| row[column].as_str()).collect::<BTreeSet<_>>().len();
    assert!(distinct("product_name") >= 3_000, "{}", distinct("product_name"));
    assert!(distinct("category_id") >= 25, "{}", distinct("category_id"));
    assert!(distinct("brand") >= 500, "{}", distinct("brand"));
    let kitchen = Kitchen::open().expect("tables");
    assert!(kitchen.recipes.len() >= 60 && kitchen.foods.all.len() >= 150);

    let suits = rows.iter().filter(|row| {
        let serving = row["serving_size"].split(' ').next().and_then(thousandths);
        let sodium =
            thousandths(&row["sodium_mg"]).zip(serving).map(|(per_100, size)| per_100 * size / 100_000);
        let peanut = ["ingredients", "allergens", "may_contain", "facility"]
            .iter()
            .any(|column| row[*column].to_lowercase().contains("peanut"));
        row["dietary_tags"].split('|').any(|tag| tag == "vegan")
            && !peanut
            && row["allergen_data"] == "complete"
            && sodium.is_some_and(|milligrams| milligrams <= 140_000)
    });
    assert!(suits.count() >= 200);
}

#[test]
fn some_lists_are_cut_and_some_cells_are_missing() {
    let rows = &*PRODUCTS;
    let cut = rows.iter().filter(|row| row["ingredients"].len() == 255).count();
    assert!((15..250).contains(&cut), "{cut}");
    for (column, least, most) in
        [("ingredients", 3, 8), ("energy_kcal", 5, 10), ("gtin", 7, 13), ("description", 14, 21)]
    {
        let percent = rows.iter().filter(|row| row[column].is_empty()).count() * 100 / rows.len();
        assert!((least..=most).contains(&percent), "{column}: {percent} %");
    }
}

#[test]
fn no_food_weighs_more_than_itself() {
    let kitchen = Kitchen::open().expect("tables");
    for food in &kitchen.foods.all {
        let solid = food.figures[FAT] + food.figures[CARBOHYDRATE] + food.figures[PROTEIN];
        assert!(solid <= 100_000, "{}: {solid} mg", food.label);
    }
}

#[test]
fn every_recipe_has_variants_names_and_something_in_it() {
    let kitchen = Kitchen::open().expect("tables");
    for recipe in &kitchen.recipes {
        assert!(recipe.variants.len() >= 3 && recipe.adjectives.len() >= 2, "{}", recipe.category);
        for variant in &recipe.variants {
            assert!(!recipe.base.is_empty() || !variant.parts.is_empty(), "{}", variant.name);
        }
        assert!(recipe.handled.iter().all(|mark| *mark != Marks::NONE));
    }
}

#[test]
fn the_first_customers_are_the_stories_whatever_the_seed() {
    let first = |seed| customers(seed, 12).lines().take(11).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(first(1), first(99));
    let rows = table(&customers(1, 1), &CUSTOMER_COLUMNS);
    let dana = &rows[0];
    let told = ["external_id", "name", "allergies", "conditions", "diets", "consent_health_data"];
    assert_eq!(
        told.map(|column| dana[column].as_str()),
        ["demo-1", "Dana Whitfield", "peanut:anaphylaxis", "I10", "vegan:ethical", "yes"]
    );
}

#[test]
fn customers_reach_nobody_and_are_spread_as_people_are() {
    let rows = table(&customers(SEED, 2_000), &CUSTOMER_COLUMNS);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row["external_id"].as_str()).collect();
    let emails: Vec<&str> = rows.iter().map(|row| row["email"].as_str()).filter(|e| !e.is_empty()).collect();
    assert_eq!(ids.len(), rows.len());
    assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len());
    for row in &rows {
        let (email, phone) = (&row["email"], &row["phone"]);
        let reserved = ["@example.org", "@example.com", "@example.net"];
        assert!(email.is_empty() || reserved.iter().any(|domain| email.ends_with(domain)), "{email}");
        assert!(phone.is_empty() || phone[5..].starts_with(" 555-01") && phone.len() == 14, "{phone}");
        if let (Some(height), Some(weight)) = (thousandths(&row["height_cm"]), thousandths(&row["weight_kg"]))
        {
            // kg/m² in thousandths.
            let index = weight * 10_000_000 / (height / 1_000 * height);
            assert!((18_000..38_000).contains(&index), "{row:?}");
        }
    }
    let percent =
        |holds: &dyn Fn(&BTreeMap<&str, String>) -> bool| rows.iter().filter(|row| holds(row)).count() / 20;
    assert!((86..=94).contains(&percent(&|row| row["consent_health_data"] == "yes")));
    assert!((15..=29).contains(&percent(&|row| row["conditions"].contains("I10"))));
    assert!((9..=18).contains(&percent(&|row| row["conditions"].contains("E11.9"))));
    assert!((25..=42).contains(&percent(&|row| !row["allergies"].is_empty())));
    assert!((8..=22).contains(&percent(&|row| row["height_cm"].is_empty())));
}

#[test]
fn the_default_vendor_is_of_the_promised_size() {
    assert_eq!(DemoSize::default(), DemoSize { products: 5_000, customers: 300 });
}
