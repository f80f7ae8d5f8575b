//! Tests that walk the whole contract: a new operation is covered or fails on the day it is added.

mod disclosures;
mod permissions;
mod problems;
mod refusals;
mod resources;
pub mod samples;
mod strays;
mod tenancy;
