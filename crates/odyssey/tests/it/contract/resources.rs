//! Resources of the areas beside the catalog, for the walk over foreign ids.

use odyssey_testkit::Actor;

/// Customers, jobs and what belongs to them, by the name of their path parameter.
pub async fn more(_admin: &Actor<'_>, _product_id: &str) -> Vec<(&'static str, String)> {
    Vec::new()
}
