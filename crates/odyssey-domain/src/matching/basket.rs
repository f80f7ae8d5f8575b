//! Several products with quantities against a day's budgets.

use odyssey_matching::{DailyLimit, Facts, LimitKind, derive_profile};
use odyssey_types::{Nutrient, ProductId};

use super::judge::{MatchedProduct, evaluate_products};
use super::preview::{PreviewOf, open};
use super::{MatchingError, Provenance, compile_with, provenance};
use crate::catalog::{self, CatalogError, WriteRefusal};
use crate::customers::MatchAct;
use crate::db::VendorTx;
use crate::rules;

/// Products of one basket at most.
pub const BASKET_ITEMS_MAX: usize = 200;
/// Thousandths of a reference amount of one product at most: a thousand servings.
pub const QUANTITY_MILLI_MAX: u32 = 1_000_000;

/// A product and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasketItem {
    pub product_id: ProductId,
    /// Thousandths of the reference amount (the labelled serving, or what is customarily eaten).
    pub quantity_milli: u32,
}

/// How a total stands to a daily amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetState {
    /// Below a cap, or a goal reached.
    Met,
    /// Below a goal; of a basket that is part of a day nothing follows from it.
    Below,
    /// Above a cap.
    Exceeded,
    /// Some amounts are not stated, and the stated ones do not decide.
    Unknown,
}

/// One daily amount and what the basket brings of it.
#[derive(Debug, Clone)]
pub struct Budget {
    pub limit: DailyLimit,
    /// µg (energy: J): the sum of what is stated.
    pub total: i64,
    /// Of the daily amount; rounded down.
    pub share_bp: i64,
    pub state: BudgetState,
    /// Products that do not state the amount.
    pub unknown: Vec<ProductId>,
}

/// The answer.
#[derive(Debug)]
pub struct BasketCheck {
    /// In the order of the request.
    pub items: Vec<(BasketItem, MatchedProduct)>,
    pub budgets: Vec<Budget>,
    pub provenance: Provenance,
    pub blocked: Vec<odyssey_matching::Blocked>,
    pub not_considered: Vec<odyssey_matching::NotConsidered>,
    pub notices: Vec<odyssey_matching::Notice>,
    pub interactions_checked: Vec<odyssey_matching::InteractionCheck>,
}

/// Judges each product and adds up what they bring against the day of the customer or profile. An amount
/// that is not stated is never counted as nothing.
pub async fn check_basket(
    tx: &mut VendorTx,
    of: &PreviewOf,
    items: &[BasketItem],
) -> Result<BasketCheck, MatchingError> {
    let version = catalog::catalog_version(tx).await?;
    let opened = open(tx, of, MatchAct::Basket).await?;
    let rules = rules::effective_rules(tx).await?;
    let policy = compile_with(&opened, &rules, tx.now().date_naive());
    let ids: Vec<ProductId> = items.iter().map(|item| item.product_id).collect();
    let judged = evaluate_products(tx, &policy, &ids).await?;
    let mut found = Vec::with_capacity(items.len());
    let mut facts = Vec::with_capacity(items.len());
    for item in items {
        let (matched, of_product) = judged
            .iter()
            .find(|(m, _)| m.product.id == item.product_id && m.product.deleted_at.is_none())
            .ok_or(CatalogError::Refused(WriteRefusal::NotFound))?;
        facts.push((*item, of_product));
        found.push((*item, matched.clone()));
    }
    let derived = derive_profile(opened.profile.expose(), *opened.age_years.expose(), &rules.pack);
    let budgets = derived.daily_limits.into_iter().map(|limit| budget(limit, &facts)).collect();
    Ok(BasketCheck {
        items: found,
        budgets,
        provenance: provenance(&policy, &opened, version),
        blocked: policy.blocked,
        not_considered: policy.not_considered,
        notices: policy.notices,
        interactions_checked: policy.interactions_checked,
    })
}

fn budget(limit: DailyLimit, facts: &[(BasketItem, &Facts)]) -> Budget {
    let mut total: i64 = 0;
    let mut unknown = Vec::new();
    for (item, facts) in facts {
        match amount_of(facts, limit.nutrient, *item) {
            Some(amount) => total = total.saturating_add(amount),
            None => unknown.push(item.product_id),
        }
    }
    let state = match (limit.kind, total > limit.amount, unknown.is_empty()) {
        (LimitKind::Cap, true, _) => BudgetState::Exceeded,
        (LimitKind::Cap, false, true) => BudgetState::Met,
        (LimitKind::Cap, false, false) => BudgetState::Unknown,
        (LimitKind::Target | LimitKind::Min, _, _) if total >= limit.amount => BudgetState::Met,
        (LimitKind::Target | LimitKind::Min, _, true) => BudgetState::Below,
        (LimitKind::Target | LimitKind::Min, _, false) => BudgetState::Unknown,
    };
    let share = i128::from(total) * 10_000 / i128::from(limit.amount.max(1));
    Budget { total, share_bp: i64::try_from(share).unwrap_or(i64::MAX), state, unknown, limit }
}

/// µg (energy: J) of a quantity; unknown stays unknown.
fn amount_of(facts: &Facts, nutrient: Nutrient, item: BasketItem) -> Option<i64> {
    let amount = facts.per_reference.get(nutrient).filter(|stored| *stored >= 0)?;
    let total = i128::from(amount) * i128::from(item.quantity_milli) / 1000;
    Some(i64::try_from(total).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use odyssey_matching::{RuleRef, Status};
    use uuid::Uuid;

    use super::*;

    fn limit(kind: LimitKind, amount: i64) -> DailyLimit {
        let rule = RuleRef {
            rule: "test".to_owned(),
            version: "1".to_owned(),
            citation: String::new(),
            status: Status::Policy,
        };
        DailyLimit { nutrient: Nutrient::Sodium, kind, amount, ideal: None, rule }
    }

    fn item(number: u128, quantity_milli: u32, sodium: Option<i64>) -> (BasketItem, Facts) {
        let fields = odyssey_types::ProductFields::default();
        let mut facts = catalog::derive_product(&fields, &[]).facts;
        facts.per_reference.set(Nutrient::Sodium, sodium);
        (BasketItem { product_id: Uuid::from_u128(number).into(), quantity_milli }, facts)
    }

    fn check(kind: LimitKind, amount: i64, items: &[(BasketItem, Facts)]) -> Budget {
        let items: Vec<_> = items.iter().map(|(item, facts)| (*item, facts)).collect();
        budget(limit(kind, amount), &items)
    }

    #[test]
    fn quantities_add_up_and_a_cap_is_exceeded_by_what_is_known() {
        let items = [item(1, 2_000, Some(400_000)), item(2, 500, Some(600_000)), item(3, 1_000, None)];
        let over = check(LimitKind::Cap, 1_000_000, &items);
        assert_eq!((over.total, over.share_bp, over.state), (1_100_000, 11_000, BudgetState::Exceeded));
        assert_eq!(over.unknown.len(), 1);
    }

    #[test]
    fn a_missing_amount_is_never_counted_as_nothing() {
        let items = [item(1, 1_000, Some(100_000)), item(2, 1_000, None)];
        assert_eq!(check(LimitKind::Cap, 1_000_000, &items).state, BudgetState::Unknown);
        assert_eq!(check(LimitKind::Min, 1_000_000, &items).state, BudgetState::Unknown);
        let stated = &items[..1];
        assert_eq!(check(LimitKind::Cap, 1_000_000, stated).state, BudgetState::Met);
        assert_eq!(check(LimitKind::Min, 1_000_000, stated).state, BudgetState::Below);
        assert_eq!(check(LimitKind::Target, 100_000, stated).state, BudgetState::Met);
    }
}
