//! Who holds a barcode, in words that a file has: its row, and the external id.

use std::collections::HashMap;

use odyssey_types::ProductId;

use super::IngestionError;
use super::merge_fault::MergeFault;
use crate::catalog::{self, WriteRefusal, WriteResult};
use crate::db::VendorTx;

/// The remedy where the product that had the barcode has just been deleted.
pub(super) const HOLDER_GONE: &str =
    "Another product held this barcode a moment ago. Import this row once more, or correct its barcode.";

/// The product that has a barcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// The row of the file that is about it, if one is.
    pub row: Option<u64>,
    pub external_id: String,
}

pub(super) type Holders = HashMap<ProductId, Holder>;

impl Holder {
    /// Says so of a row that wants the barcode as well; `number_of` gives a row's number in the file.
    pub fn fault(&self, gtin: &str, number_of: impl Fn(u64) -> u64) -> MergeFault {
        let external_id = &self.external_id;
        let remedy = match self.row.map(number_of) {
            Some(row) => format!(
                "Row {row} of this file (external id {external_id}) has this barcode. Take it from that row, or correct \
                 the barcode of this one."
            ),
            None => format!(
                "The product with the external id {external_id} holds this barcode. Take it from that product first, in \
                 this file or through the API, or correct the barcode of this row."
            ),
        };
        MergeFault::barcode_taken(gtin, remedy)
    }
}

/// The holders that refusals name; `rows` are those that were written, by their numbers and external ids.
pub(super) async fn holders_of<'a>(
    tx: &mut VendorTx,
    results: &[Result<WriteResult, WriteRefusal>],
    rows: impl Iterator<Item = (u64, &'a str)>,
) -> Result<Holders, IngestionError> {
    let wanted = results.iter().filter_map(|result| match result {
        Err(WriteRefusal::BarcodeTaken { holder, .. }) => Some(*holder),
        _ => None,
    });
    let mut wanted: Vec<ProductId> = wanted.collect();
    if wanted.is_empty() {
        return Ok(Holders::new());
    }
    wanted.sort_unstable();
    wanted.dedup();
    let vendor_id = tx.vendor_id();
    let mut holders = Holders::new();
    for (row, external_id) in rows {
        let id = odyssey_vault::product_id(vendor_id, external_id);
        if wanted.binary_search(&id).is_ok() {
            holders.insert(id, Holder { row: Some(row), external_id: external_id.to_owned() });
        }
    }
    wanted.retain(|id| !holders.contains_key(id));
    for product in catalog::find_products(tx, &wanted).await? {
        holders.insert(product.id, Holder { row: None, external_id: product.external_id });
    }
    Ok(holders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_by_what_a_person_finds_in_the_file_or_the_catalog() {
        let holder = |row| Holder { row, external_id: "472128".to_owned() };
        let of_file = holder(Some(2)).fault("00036000291452", |row| row + 840).remedy;
        assert!(
            of_file.starts_with("Row 842 of this file (external id 472128) has this barcode."),
            "{of_file}"
        );
        let stored = holder(None).fault("00036000291452", |row| row);
        assert!(stored.remedy.contains("external id 472128 holds"), "{}", stored.remedy);
        assert_eq!(
            (stored.code.as_str(), stored.value.as_deref()),
            ("barcode_taken", Some("00036000291452"))
        );
    }
}
