//! NOVA by markers (reference 6.3): a fourth group may be asserted on a partial list, the others not.

use super::IndexInput;
use super::facts::Nova;
use super::fruit::List;
use super::kinds;
use super::tables::IndexTables;
use crate::facts::ListState;

/// Of which at least this share is unread, a list says nothing but what it names.
const UNREAD_PERMILLE: u16 = 500;

pub(super) fn group(input: &IndexInput<'_>, list: &List, tables: &IndexTables) -> Option<Nova> {
    if list.has_nova_4 {
        return Some(Nova::Four);
    }
    if !kinds::has_category(input) {
        return None;
    }
    let category = kinds::nova_category(input, tables);
    // Oil is oil whatever else is named beside it.
    if category == Some(Nova::Two) && (!list.is_read() || input.list_state == ListState::Complete) {
        return Some(Nova::Two);
    }
    if !list.is_read() {
        let water = kinds::kind_of(input, list, tables) == Some(super::FoodKind::Water);
        return water.then_some(Nova::One);
    }
    if input.list_state != ListState::Complete || input.coverage_permille < UNREAD_PERMILLE {
        return None;
    }
    if category == Some(Nova::Three) || list.has_nova_3 {
        return Some(Nova::Three);
    }
    Some(Nova::One)
}
