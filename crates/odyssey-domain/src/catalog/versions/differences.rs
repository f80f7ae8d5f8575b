//! What differs between two states of a product, value by value.

use std::collections::BTreeMap;

use odyssey_types::ProductFields;
use serde_json::Value;

use crate::catalog::Product;
use crate::differences::{Difference, compare, leaves_of as leaves_of_object};
use crate::json;

/// The values that differ, in the order of their pointers; lists are compared whole.
pub fn differences(before: &Product, after: &Product) -> Vec<Difference> {
    compare(leaves_of(before), leaves_of(after))
}

/// The same of fields alone; of a new product everything differs from nothing.
pub fn field_differences(before: Option<&ProductFields>, after: &ProductFields) -> Vec<Difference> {
    compare(before.map(leaves_of_fields).unwrap_or_default(), leaves_of_fields(after))
}

fn leaves_of(product: &Product) -> BTreeMap<String, Value> {
    let mut leaves = leaves_of_fields(&product.fields);
    leaves.insert("/deleted".to_owned(), Value::Bool(product.deleted_at.is_some()));
    leaves
}

fn leaves_of_fields(fields: &ProductFields) -> BTreeMap<String, Value> {
    // Fields are written as JSON by every write of a product; those that cannot be have no values to compare.
    leaves_of_object(json::to_object(fields).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use odyssey_types::ProductId;
    use serde_json::json;

    use super::*;
    use crate::catalog::Lineage;

    fn product(fields: Value, deleted: bool) -> Product {
        let fields: ProductFields = serde_json::from_value(fields).expect("fields");
        Product {
            id: ProductId::from_uuid(uuid::Uuid::nil()),
            external_id: "bar".to_owned(),
            fields,
            attestation: None,
            lineage: Lineage::System,
            row_version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            edited_at: None,
            deleted_at: deleted.then_some(DateTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn what_differs_is_named_by_its_pointer_and_the_rest_is_not() {
        let before = product(
            json!({ "name": "Bar", "brand": "Acme", "dietary_tags": ["vegan", "new"],
                    "nutrition": { "basis": "per_100g", "amounts": { "sodium_mg": 10, "fat_g": 1 } } }),
            false,
        );
        let after = product(
            json!({ "name": "Bar", "market": "US", "dietary_tags": ["vegan"],
                    "nutrition": { "basis": "per_100g", "amounts": { "sodium_mg": 12, "fat_g": 1 } } }),
            true,
        );
        let found = differences(&before, &after);
        let told: Vec<_> =
            found.iter().map(|d| (d.pointer.as_str(), d.before.clone(), d.after.clone())).collect();
        let expected = [
            ("/brand", Some(json!("Acme")), None),
            ("/deleted", Some(json!(false)), Some(json!(true))),
            ("/dietary_tags", Some(json!(["vegan", "new"])), Some(json!(["vegan"]))),
            ("/market", None, Some(json!("US"))),
            ("/nutrition/amounts/sodium_mg", Some(json!(10)), Some(json!(12))),
        ];
        assert_eq!(told, expected);
        assert_eq!(differences(&before, &before), []);
    }
}
