//! A row of a file: what it says of a product, and, worked out ahead, what it becomes where nothing is stored.

use std::sync::Arc;

use odyssey_matching::label::Tables;
use odyssey_matching::{Derivation, Facts, QualityIssue};
use odyssey_types::{Nutrient, ProductFields};
use serde_json::{Map, Value};

use super::plan::{checked, merge};
use crate::catalog::document::{Document, document_of};
use crate::catalog::facts::derive_product_by;
use crate::catalog::{FieldError, WriteRefusal};

/// The merge patch of a file's row. Before it is merged it is fitted to the product that is stored.
#[derive(Debug, Clone)]
pub struct RowPatch {
    /// JSON text: parsed only where something is stored already.
    json: Vec<u8>,
    fresh: Option<Fresh>,
}

/// What a row becomes where nothing is stored under its id.
#[derive(Debug, Clone)]
pub(super) struct Fresh {
    pub fields: Result<ProductFields, WriteRefusal>,
    /// What its label amounts to, by these tables; absent where the row is refused.
    pub derived: Option<Arc<FreshLabel>>,
}

/// A label that was derived ahead of its write.
#[derive(Debug)]
pub(super) struct FreshLabel {
    tables: Tables,
    facts: Facts,
    issues: Vec<QualityIssue>,
    pub document: Document,
}

impl FreshLabel {
    /// The derivation without its evidence; `None` if other tables hold now.
    pub fn derivation(&self, tables: &Tables) -> Option<Derivation> {
        let same = self.tables.is_same(tables);
        same.then(|| Derivation {
            facts: self.facts.clone(),
            evidence: Vec::new(),
            issues: self.issues.clone(),
        })
    }
}

impl RowPatch {
    /// Of an object with the external id and fields of a product, as JSON text.
    pub const fn new(json: Vec<u8>) -> Self {
        Self { json, fresh: None }
    }

    /// Works out what the row becomes where nothing is stored: pure, and most of what a first load computes.
    /// `patch` is the text parsed, without the external id.
    pub fn prepare(&mut self, external_id: &str, mut patch: Map<String, Value>, tables: &Tables) {
        fit_to_stored(&mut patch, &StoredShape::default());
        let fields = merge(None, &patch).and_then(|fields| checked(external_id, fields));
        let derived = fields.as_ref().ok().map(|fields| {
            let Derivation { facts, issues, .. } = derive_product_by(tables, fields, &[]);
            let document = document_of(external_id, fields);
            Arc::new(FreshLabel { tables: tables.clone(), facts, issues, document })
        });
        self.fresh = Some(Fresh { fields, derived });
    }

    pub(super) const fn fresh(&self) -> Option<&Fresh> {
        self.fresh.as_ref()
    }

    /// The fields of the stored product, if there is one, with what the row says.
    pub(super) fn merged(&self, stored: Option<&ProductFields>) -> Result<ProductFields, WriteRefusal> {
        let mut patch: Map<String, Value> = serde_json::from_slice(&self.json).map_err(|error| {
            WriteRefusal::Invalid(vec![FieldError::new("", "unreadable", error.to_string())])
        })?;
        patch.remove("external_id");
        fit_to_stored(&mut patch, &StoredShape::of(stored));
        merge(stored, &patch)
    }
}

/// What of a stored product decides how an object field of a patch is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredShape {
    pub basis: Option<String>,
    pub has_serving: bool,
    pub has_allergens: bool,
}

impl StoredShape {
    fn of(stored: Option<&ProductFields>) -> Self {
        let Some(fields) = stored else { return Self::default() };
        Self {
            basis: fields.nutrition.as_ref().map(|nutrition| nutrition.basis.as_str().to_owned()),
            has_serving: fields.serving_size.is_some(),
            has_allergens: fields.allergens.is_some(),
        }
    }
}

/// Fits a patch to the stored product: amounts on another basis than the file's are no longer true, and
/// an object that says nothing brings none into being.
pub fn fit_to_stored(patch: &mut Map<String, Value>, stored: &StoredShape) {
    let basis =
        patch.get("nutrition").and_then(|n| n.get("basis")).and_then(Value::as_str).map(str::to_owned);
    match (&basis, &stored.basis) {
        (Some(basis), Some(former)) if basis != former => {
            if let Some(amounts) =
                patch.get_mut("nutrition").and_then(|n| n.get_mut("amounts")).and_then(Value::as_object_mut)
            {
                for nutrient in Nutrient::ALL {
                    amounts.entry(nutrient.field()).or_insert(Value::Null);
                }
            }
        }
        (None, None) => drop(patch.remove("nutrition")),
        _ => {}
    }
    for (name, stands) in [("serving_size", stored.has_serving), ("allergens", stored.has_allergens)] {
        if !stands && patch.get(name).is_some_and(says_nothing) {
            patch.remove(name);
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.values().all(says_nothing),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
