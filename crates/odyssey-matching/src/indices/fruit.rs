//! The ingredient list as the indices read it, and the share of fruit that it proves.
//!
//! A share is proved by declared percentages, by a stated content, or by the order of the list, in
//! which each ingredient weighs at least as much as the next. It is a lower bound: the true share may
//! be larger, so that an index by it may be worse than the truth and never better.

use odyssey_types::Nutrient;

use super::IndexInput;
use super::facts::FoodKind;
use super::tables::{IndexTables, mark};
use crate::facts::ListState;
use crate::label::markers::Item;

/// A list, read.
#[derive(Debug, Default)]
pub(super) struct List {
    items: Vec<Item>,
    pub has_sweetener: bool,
    /// Names of NOVA group 4, of group 3.
    pub has_nova_4: bool,
    pub has_nova_3: bool,
    /// Nothing but water and what may be dissolved in it.
    pub is_plain_water: bool,
}

/// How much of a product is fruit, vegetables and legumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// At least so much; `None` where the list says nothing.
    pub permille: Option<u16>,
    pub is_exact: bool,
}

impl List {
    pub fn read(input: &IndexInput<'_>, tables: &IndexTables) -> Self {
        let Some(text) = input.fields.ingredients.as_deref() else { return Self::default() };
        if input.list_state == ListState::Absent {
            return Self::default();
        }
        let items = tables.markers.items(text, input.statements);
        let any = |mark| items.iter().any(|item| item.has(mark));
        Self {
            has_sweetener: any(mark::SWEETENER),
            has_nova_4: any(mark::NOVA_4),
            has_nova_3: any(mark::NOVA_3),
            is_plain_water: !items.is_empty()
                && items.iter().all(|item| item.is_wholly(mark::WATER) || item.number_only),
            items,
        }
    }

    pub fn is_read(&self) -> bool {
        !self.items.is_empty()
    }

    /// Every ingredient is fruit or vegetable.
    pub fn is_all_fruit(&self) -> bool {
        self.is_read() && self.items.iter().all(|item| item.is_wholly(mark::FRUIT) || item.number_only)
    }
}

pub(super) fn share(input: &IndexInput<'_>, list: &List, kind: Option<FoodKind>) -> Share {
    let complete = input.list_state == ListState::Complete;
    if !list.is_read() {
        return Share { permille: category_share(input, kind), is_exact: false };
    }
    let top = top_level(&list.items);
    let counts = |item: &Item| {
        item.is_wholly(mark::FRUIT) || (kind == Some(FoodKind::Fats) && item.is_wholly(mark::FRUIT_OIL))
    };
    if complete && top.iter().all(counts) {
        return Share { permille: Some(1000), is_exact: true };
    }
    // Without a single fruit among words that are all read, there is none.
    let none = !list.items.iter().any(|item| item.has(mark::FRUIT) || item.has(mark::FRUIT_OIL));
    if complete && none && input.coverage_permille == 1000 {
        return Share { permille: category_share(input, kind).or(Some(0)), is_exact: true };
    }
    let by_order = if complete { proved_by_order(&top, counts, input) } else { 0 };
    let proved = stated(&list.items).max(proved_by_shares(&top, counts)).max(by_order);
    let proved = proved.max(category_share(input, kind).unwrap_or(0));
    Share { permille: Some(proved.min(1000)), is_exact: false }
}

/// Olive and avocado oil are fruit by their name, where no list says it.
fn category_share(input: &IndexInput<'_>, kind: Option<FoodKind>) -> Option<u16> {
    let names = [&input.fields.sub_category_id, &input.fields.category_id, &input.fields.name];
    let is_oil = names.into_iter().flatten().any(|text| super::kinds::ends_as_fruit_oil(text));
    (kind == Some(FoodKind::Fats) && is_oil).then_some(1000)
}

/// The items outside of brackets, with the share that a bracket behind them gives.
fn top_level(items: &[Item]) -> Vec<Item> {
    let mut top: Vec<Item> = Vec::new();
    for item in items {
        if item.depth == 0 && !item.number_only {
            top.push(*item);
        } else if item.number_only
            && let Some(last) = top.last_mut()
        {
            last.share_permille = last.share_permille.or(item.share_permille);
        }
    }
    top
}

/// "Fruit content: 45 %".
fn stated(items: &[Item]) -> u16 {
    let at = items.iter().position(|item| item.has(mark::STATED));
    at.and_then(|at| items[at..].iter().take(2).find_map(|item| item.share_permille)).unwrap_or(0)
}

/// Declared shares of fruit; one without a share weighs at least as much as any later one.
fn proved_by_shares(top: &[Item], counts: impl Fn(&Item) -> bool) -> u16 {
    let declared: u32 = top.iter().filter_map(|item| item.share_permille).map(u32::from).sum();
    if declared > 1000 {
        return 0;
    }
    let mut proved = 0u32;
    for (at, item) in top.iter().enumerate().filter(|(_, item)| counts(item)) {
        let later = top[at..].iter().filter_map(|item| item.share_permille).max();
        let within = item.at_most_permille.is_none();
        proved += u32::from(item.share_permille.or(later.filter(|_| within)).unwrap_or(0));
    }
    proved.min(1000) as u16
}

/// The least share of fruit that a falling order allows. Ingredients that a declared nutrient bounds (no
/// more sugar than sugars) take at most that; what remains falls to the others, of which the first `m` may
/// weigh the same and the rest nothing, whichever `m` leaves fruit least.
fn proved_by_order(top: &[Item], counts: impl Fn(&Item) -> bool, input: &IndexInput<'_>) -> u16 {
    let per_100 = |nutrient| input.per_100.get(nutrient).filter(|a| *a >= 0 && !input.is_volume);
    let bound_of = |item: &Item| {
        let of = |mark, nutrient| {
            // Rounded up to the next permille of 100 g.
            item.is_wholly(mark).then(|| per_100(nutrient)).flatten().map(|ug| (ug + 99_999) / 100_000)
        };
        let salt = item.is_wholly(mark::SALT).then(|| per_100(Nutrient::Sodium)).flatten();
        [
            of(mark::SUGAR, Nutrient::Sugars),
            of(mark::FAT, Nutrient::Fat),
            salt.map(|ug| (ug * 3 + 99_999) / 100_000),
            item.at_most_permille.map(i64::from),
            item.share_permille.map(i64::from),
        ]
        .into_iter()
        .flatten()
        .min()
    };
    let (mut bounded, mut free) = (0i64, Vec::new());
    let mut bound = None;
    for item in top {
        // What stands behind a bounded ingredient weighs no more than it.
        bound = [bound, bound_of(item)].into_iter().flatten().min();
        match bound {
            Some(most) => bounded += most,
            None => free.push(counts(item)),
        }
    }
    let rest = (1000 - bounded).max(0);
    let mut fruit = 0i64;
    let mut least = if free.is_empty() { 0 } else { i64::MAX };
    for (at, is_fruit) in free.iter().enumerate() {
        fruit += i64::from(*is_fruit);
        least = least.min(rest * fruit / (at as i64 + 1));
    }
    least.clamp(0, 1000) as u16
}
