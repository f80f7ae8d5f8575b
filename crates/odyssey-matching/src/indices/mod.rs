//! Indices of one product: Nutri-Score 2023, UK NPM, NOVA, US claims and "healthy", completeness,
//! and what is wrong with the record and was probably meant.
//!
//! Owns: `data/indices/*.toml`. Promises: integers only; no input is rounded; nothing is computed
//! without a category or with a missing component; what is not stated never makes an index better.
//! Emits: findings for the vendor (`DQ_…`). Never: excludes a product, changes a fact.

mod claims;
mod completeness;
mod facts;
mod fruit;
mod healthy;
mod kinds;
mod nova;
mod nutri_score;
mod physics;
mod quality;
mod tables;
mod uk_npm;

#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod tests;

use odyssey_types::{Nutrient, Nutrients, Nutrition, ProductFields};

use crate::facts::{ListState, QualityIssue, ReferenceSource, Truth};

pub use facts::{Claim, Claims, FoodKind, Grade, Indices, Nova, NutriScore, UkNpm};
pub use nutri_score::{NutriInput, NutriPoints, nutri_score};
pub use quality::{IssueRule, Severity as IssueSeverity, issue_rule, issue_rules};
pub use uk_npm::{NpmInput, uk_npm};

pub(crate) use tables::IndexTables;

/// What the deriver knows by the time the indices are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexInput<'a> {
    pub fields: &'a ProductFields,
    /// As declared, without impossible amounts.
    pub nutrition: Option<&'a Nutrition>,
    pub per_100: &'a Nutrients,
    pub is_volume: bool,
    /// The labelled serving and the customary reference amount, each in µg, or nl where true.
    pub serving: Option<(i64, bool)>,
    pub racc: Option<(i64, bool)>,
    pub reference_source: ReferenceSource,
    pub list_state: ListState,
    pub coverage_permille: u16,
    /// Byte ranges of the ingredient text that are statements.
    pub statements: &'a [(u32, u32)],
    pub added_sugar: Truth,
    /// The list, or the vendor, names meat of mammals; of birds.
    pub red_meat: bool,
    pub poultry: bool,
    /// The allergen declaration is attested complete.
    pub attested: bool,
}

/// Derives the indices, and the findings beside those that the deriver has already.
pub(crate) fn derive(
    input: &IndexInput<'_>,
    tables: &IndexTables,
    issues: &mut Vec<QualityIssue>,
) -> Indices {
    let list = fruit::List::read(input, tables);
    let kind = kinds::kind_of(input, &list, tables);
    let share = fruit::share(input, &list, kind);
    let nutri_score = kind.and_then(|kind| {
        let points = nutri_score::compute(&nutri_input(input, kind, &list, share), &tables.nutri_score)?;
        Some(NutriScore { score: points.score, grade: points.grade, estimated: points.estimated })
    });
    if nutri_score.is_some_and(|n| n.estimated) {
        issues.push(QualityIssue::new("DQ_NS_ESTIMATED", "nutrition", estimated_of(input)));
    }
    physics::findings(input, kind, tables, issues);
    completeness::findings(input, issues);
    issues.sort_unstable();
    issues.dedup();
    let completeness_permille = completeness::permille(input, &tables.weights);
    Indices {
        kind,
        nutri_score,
        uk_npm: kind.and_then(|kind| {
            uk_npm::compute(
                &NpmInput {
                    is_drink: matches!(kind, FoodKind::Water | FoodKind::Beverage),
                    amounts: input.per_100.clone(),
                    fruit_permille: share.permille,
                },
                &tables.uk_npm,
            )
            .filter(|_| kind != FoodKind::Exempt)
        }),
        nova: nova::group(input, &list, tables),
        claims: claims::derive(input, tables),
        healthy: healthy::judge(input, kind, &list, tables),
        completeness_permille,
        quality_permille: quality::score(completeness_permille, issues, &tables.issues),
    }
}

fn nutri_input(
    input: &IndexInput<'_>,
    kind: FoodKind,
    list: &fruit::List,
    share: fruit::Share,
) -> NutriInput {
    NutriInput {
        kind,
        amounts: input.per_100.clone(),
        fruit_permille: share.permille,
        fruit_is_exact: share.is_exact,
        sweetener: list.has_sweetener,
    }
}

/// What a Nutri-Score had to do without.
fn estimated_of(input: &IndexInput<'_>) -> String {
    let fiber = input.per_100.get(Nutrient::Fiber).is_none().then_some("fiber_g");
    let fruit = "fruit, vegetables and legumes";
    fiber.map_or_else(|| fruit.to_owned(), |fiber| format!("{fiber}; {fruit}"))
}
