//! The vocabulary every other crate speaks: ids, units, labels, profiles, `Phi<T>`, the clock.
//!
//! Owns: no table. Promises: knows no other crate of this workspace and does no IO. Emits: nothing.
//! Never: holds business rules that need a database, a clock of its own or randomness of its own.

mod clock;
mod fixed;
mod gtin;
mod ids;
mod label;
mod nutrition;
mod page;
mod phi;
pub mod plausible;
mod profile;
#[cfg(feature = "schema")]
mod schema;

pub use clock::{Clock, FixedClock, SystemClock};
pub use fixed::{Fixed, FixedError, parse_fixed, parse_fixed_rounding, render_fixed};
pub use gtin::{Gtin, GtinError, WrittenGtin};
pub use ids::*;
pub use label::*;
pub use nutrition::*;
pub use page::{LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, Page};
pub use phi::Phi;
pub use profile::*;
