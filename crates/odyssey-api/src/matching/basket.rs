//! `POST /api/v1/baskets/check`.

use odyssey_domain::matching::{
    self, BASKET_ITEMS_MAX, BasketCheck, BasketItem, Budget, BudgetState, QUANTITY_MILLI_MAX,
};
use odyssey_types::{Fixed, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::{
    BlockedDto, InteractionCheckDto, MatchDto, NotConsideredDto, NoticeDto, ProvenanceDto, SourceDto,
    checked_dtos, text,
};
use super::preview::PreviewSubject;
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::Json;
use crate::problem::{Problem, ProblemCode, ProblemError};

/// A product and how much of it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BasketItemDto {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    /// Servings (the labelled serving, or else the amount customarily eaten): 0.001 to 1,000.
    quantity: Fixed<3>,
}

/// Whose basket, and what is in it. No `Debug`: it is health data.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckBasket {
    subject: PreviewSubject,
    /// 1 to 200 products.
    #[schema(min_items = 1, max_items = 200)]
    items: Vec<BasketItemDto>,
}

/// How a total stands to a daily amount.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BudgetStateDto {
    /// Within a cap, or a goal reached.
    Met,
    /// Below a goal.
    Below,
    /// Above a cap.
    Exceeded,
    /// Amounts are not stated, and the stated ones do not decide.
    Unknown,
}

/// A daily amount and what the basket brings of it, in the unit that the nutrient's name ends with.
#[derive(Debug, Serialize, ToSchema)]
struct BudgetDto {
    nutrient: &'static str,
    /// `cap`, `target` or `min`.
    #[schema(value_type = String)]
    kind: serde_json::Value,
    limit: f64,
    /// The sum of what is stated.
    total: f64,
    /// Of the daily amount, in basis points, rounded down.
    share_bp: i64,
    #[schema(inline)]
    state: BudgetStateDto,
    /// Products that do not state the amount.
    #[schema(value_type = Vec<Uuid>)]
    unknown: Vec<ProductId>,
    source: SourceDto,
}

/// One product of the basket and the verdict on it.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedItemDto {
    quantity: Fixed<3>,
    #[serde(flatten)]
    verdict: MatchDto,
}

/// A basket, product by product and as a whole.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BasketCheckDto {
    /// In the order of the request.
    items: Vec<CheckedItemDto>,
    budgets: Vec<BudgetDto>,
    /// Why the profile cannot be judged safely; empty when it can.
    blocked: Vec<BlockedDto>,
    not_considered: Vec<NotConsideredDto>,
    /// Contradictions of the profile, what is not on record, and advice that concerns every product.
    notices: Vec<NoticeDto>,
    /// The known interactions that were checked for the drugs on record; there may be others.
    interactions_checked: Vec<InteractionCheckDto>,
    provenance: ProvenanceDto,
}

/// Several products with quantities: the verdict on each, and what they bring of a day's amounts.
#[utoipa::path(post, path = "/api/v1/baskets/check", tag = "matching", request_body = CheckBasket,
    responses((status = 200, description = "The verdicts and the budgets", body = BasketCheckDto)))]
pub(super) async fn check_basket(
    caller: Authorized<permission::MatchesRead>,
    Json(body): Json<CheckBasket>,
) -> Result<Json<BasketCheckDto>, Problem> {
    let items = read_items(&body.items)?;
    let of = body.subject.into_domain()?;
    let mut tx = caller.begin().await?;
    let checked = matching::check_basket(&mut tx, &of, &items).await?;
    tx.commit().await?;
    context::count_rows_read(checked.items.len() as u64 + 1);
    Ok(Json(checked.into()))
}

fn read_items(items: &[BasketItemDto]) -> Result<Vec<BasketItem>, Problem> {
    if items.is_empty() || items.len() > BASKET_ITEMS_MAX {
        let detail = format!("send 1 to {BASKET_ITEMS_MAX} products");
        return Err(Problem::invalid("#/items", "count", detail));
    }
    let mut problem = Problem::new(ProblemCode::ValidationError);
    let mut read = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match u32::try_from(item.quantity.0).ok().filter(|milli| (1..=QUANTITY_MILLI_MAX).contains(milli)) {
            Some(quantity_milli) => read.push(BasketItem { product_id: item.product_id, quantity_milli }),
            None => {
                let pointer = format!("#/items/{at}/quantity");
                problem = problem.error(ProblemError::at(
                    pointer,
                    "out_of_range",
                    "a quantity is between 0.001 and 1,000 servings",
                ));
            }
        }
    }
    if read.len() == items.len() { Ok(read) } else { Err(problem) }
}

impl From<BasketCheck> for BasketCheckDto {
    fn from(checked: BasketCheck) -> Self {
        let items = checked.items.into_iter().map(|(item, matched)| CheckedItemDto {
            quantity: Fixed(i64::from(item.quantity_milli)),
            verdict: matched.into(),
        });
        Self {
            items: items.collect(),
            budgets: checked.budgets.into_iter().map(BudgetDto::from).collect(),
            blocked: checked.blocked.into_iter().map(BlockedDto::from).collect(),
            not_considered: checked.not_considered.into_iter().map(NotConsideredDto::from).collect(),
            notices: checked.notices.into_iter().map(NoticeDto::from).collect(),
            interactions_checked: checked_dtos(checked.interactions_checked),
            provenance: checked.provenance.into(),
        }
    }
}

impl From<Budget> for BudgetDto {
    fn from(budget: Budget) -> Self {
        let nutrient = budget.limit.nutrient;
        // The text of an amount is a decimal number, so it reads as one.
        let number = |stored| nutrient.render(stored).parse::<f64>().unwrap_or_default();
        Self {
            nutrient: nutrient.field(),
            kind: text(&budget.limit.kind),
            limit: number(budget.limit.amount),
            total: number(budget.total),
            share_bp: budget.share_bp,
            state: match budget.state {
                BudgetState::Met => BudgetStateDto::Met,
                BudgetState::Below => BudgetStateDto::Below,
                BudgetState::Exceeded => BudgetStateDto::Exceeded,
                BudgetState::Unknown => BudgetStateDto::Unknown,
            },
            unknown: budget.unknown,
            source: budget.limit.rule.into(),
        }
    }
}
