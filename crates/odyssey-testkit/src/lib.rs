//! The one harness of all tests that need PostgreSQL or the API.
//!
//! Owns: test databases. Promises: each test has a database of its own, copied from a template that is
//! migrated once a run and holds two vendors with people in every role; time stands still unless the
//! test moves it; requests go through the real router without a socket. Never: ships in the product.

mod actor;
mod app;
mod cluster;
mod database;
mod proxy;
mod response;

pub use actor::{Actor, TestVendor};
pub use app::TestApp;
pub use cluster::admin_options;
pub use database::{OWNER, PASSWORD, TestDatabase, VendorSeed, logins, start_of_time};
pub use proxy::{Proxy, Road};
pub use response::TestResponse;
