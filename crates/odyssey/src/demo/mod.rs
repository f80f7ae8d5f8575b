//! A vendor that does not exist: products and customers for the demo and for measurements.
//!
//! Owns: the recipes, foods, brands and people under `data/demo` and in this folder, all invented. Promises:
//! the same seed and row count give the same bytes on every machine (integers only, no hash order, no clock);
//! labels are honest, so that declarations, ingredients and nutrition agree; faults stand where [`fault_of`]
//! says. Emits: CSV as a vendor would send it. Never: reads a file or means a real product or person.

mod brands;
mod csv;
mod customers;
mod foods;
mod form;
mod label;
mod marks;
mod product;
mod products;
mod random;
mod recipes;
mod stories;
mod wide;

#[cfg(test)]
mod story_tests;
#[cfg(test)]
mod tests;

pub use customers::write_customers_csv;
pub use products::{Fault, fault_of, write_products_csv};
pub use wide::{wide_columns, write_wide_products_csv};

/// How large a vendor is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoSize {
    pub products: u64,
    pub customers: u64,
}

impl Default for DemoSize {
    /// Enough for every kind of product and story, little enough to be there within seconds.
    fn default() -> Self {
        Self { products: 5_000, customers: 300 }
    }
}
