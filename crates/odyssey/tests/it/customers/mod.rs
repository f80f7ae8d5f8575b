//! Customers through the API, and what imports and matching ask of them.

mod batches;
mod consents;
mod duplicates;
pub(crate) mod erasure;
mod fhir;
mod finding;
mod health;
mod lists;
mod merged;
mod merging;
mod notes;
mod people;
mod sealed;
mod versions;

use odyssey_domain::db::VendorTx;
use odyssey_domain::db::testing::begin_vendor;
use odyssey_domain::tenancy::{Actor, scope_for_job};
use odyssey_testkit::TestApp;

/// A transaction of our own work at acme.
pub async fn begin(app: &TestApp) -> VendorTx {
    let scope = scope_for_job(app.database(), app.vendor("acme").id()).await.expect("acme exists");
    begin_vendor(app.database(), scope, Actor::command_line()).await.expect("the database answers")
}
