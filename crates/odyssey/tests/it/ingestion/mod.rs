//! Files that come in, from their first byte to the catalog.

mod api;
mod barcodes;
mod concatenation;
mod corrections;
mod customers;
mod errors;
mod given_up;
pub(crate) mod harness;
mod inbox;
mod inbox_api;
mod mappings;
mod previews;
mod products;
mod receiving;
mod rehearsing;
mod rehearsing_people;
mod restarts;
mod resumable;
mod stores;
mod undo;
mod undo_customers;
mod whole;

use harness::{Files, gtin};
