//! Products as they go in and out.

use chrono::{DateTime, Utc};
use odyssey_domain::catalog::{Product, RowOutcome, WriteRefusal, WriteResult};
use odyssey_types::{Nutrients, ProductFields, ProductId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemError};

/// A product. Absent fields are unknown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductDto {
    #[schema(value_type = Uuid)]
    pub id: ProductId,
    /// The vendor's own id, unique within the vendor.
    pub external_id: String,
    #[serde(flatten)]
    pub fields: ProductFields,
    /// Who attested that the allergen declaration is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<AttestationDto>,
    /// What wrote the product last: `user`, `import` with its job and row, or `system`.
    #[schema(value_type = Object)]
    pub lineage: Value,
    pub row_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// An attestation by a named person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttestationDto {
    #[schema(value_type = Uuid)]
    pub by: UserId,
    pub at: DateTime<Utc>,
}

impl From<Product> for ProductDto {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            external_id: product.external_id,
            fields: product.fields,
            attestation: product.attestation.map(|a| AttestationDto { by: a.by, at: a.at }),
            // A lineage is made of ids and numbers: it is always JSON.
            lineage: serde_json::to_value(&product.lineage).unwrap_or_default(),
            row_version: product.row_version,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

/// A product with what was computed from its declared nutrition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductDetailDto {
    #[serde(flatten)]
    pub product: ProductDto,
    pub computed_nutrition: ComputedNutritionDto,
}

/// Nutrition on the bases that were not declared. Unknown where the serving's mass is unknown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ComputedNutritionDto {
    /// Per 100 g, or per 100 ml when `is_volume`.
    pub per_100: Nutrients,
    /// Per reference amount.
    pub per_reference_amount: Nutrients,
    /// Grams, or millilitres when `is_volume`.
    #[schema(value_type = f64)]
    pub reference_amount: odyssey_types::Fixed<6>,
    /// `serving` (labelled), `racc` (21 CFR 101.12) or `assumed` (100).
    pub reference_source: &'static str,
    pub is_volume: bool,
}

/// Up to 10,000 records, each with an `external_id` and the fields to write; absent keeps what is stored,
/// null is unknown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpsertProducts {
    #[schema(value_type = Vec<ProductRecordDto>, min_items = 1, max_items = 10_000)]
    pub products: Vec<Map<String, Value>>,
    /// `upsert` (the default) changes what exists; `create` answers 409 for it.
    #[serde(default)]
    pub mode: WriteModeDto,
}

/// One record of a batch, for the contract.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the shape of a record; the record itself is read as an object")]
pub(super) struct ProductRecordDto {
    pub external_id: String,
    #[schema(inline)]
    pub fields: ProductFields,
}

/// What to do with a product that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WriteModeDto {
    #[default]
    Upsert,
    Create,
}

/// The results, in the order of the records.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpsertResults {
    pub results: Vec<UpsertResult>,
    /// Records by outcome.
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
}

/// What became of one record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpsertResult {
    /// Position in the request, from 0.
    pub index: usize,
    /// The status this record would have had alone.
    pub status: u16,
    /// `created`, `updated` or `unchanged`; absent when refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub id: Option<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_version: Option<i64>,
    /// Code of the problem; its page is at `/problems/<code>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemError>,
}

impl UpsertResults {
    pub(super) fn new(results: Vec<Result<WriteResult, WriteRefusal>>) -> Self {
        let mut all = Self {
            results: Vec::with_capacity(results.len()),
            created: 0,
            updated: 0,
            unchanged: 0,
            refused: 0,
        };
        for (index, result) in results.into_iter().enumerate() {
            let result = UpsertResult::new(index, result);
            match result.outcome {
                Some("created") => all.created += 1,
                Some("updated") => all.updated += 1,
                Some(_) => all.unchanged += 1,
                None => all.refused += 1,
            }
            all.results.push(result);
        }
        all
    }
}

impl UpsertResult {
    fn new(index: usize, result: Result<WriteResult, WriteRefusal>) -> Self {
        match result {
            Ok(written) => Self {
                index,
                status: if written.outcome == RowOutcome::Created { 201 } else { 200 },
                outcome: Some(outcome_name(written.outcome)),
                id: Some(written.id),
                row_version: Some(written.row_version),
                problem: None,
                detail: None,
                errors: Vec::new(),
            },
            Err(refusal) => {
                let id = match &refusal {
                    WriteRefusal::Exists { id } => Some(*id),
                    _ => None,
                };
                let problem = Problem::from(refusal);
                Self {
                    index,
                    status: problem.code.status().as_u16(),
                    outcome: None,
                    id,
                    row_version: None,
                    problem: Some(problem.code.as_str()),
                    detail: problem.detail,
                    errors: problem.errors,
                }
            }
        }
    }
}

pub(super) const fn outcome_name(outcome: RowOutcome) -> &'static str {
    match outcome {
        RowOutcome::Created => "created",
        RowOutcome::Updated => "updated",
        RowOutcome::Unchanged => "unchanged",
        RowOutcome::Kept => "kept",
        RowOutcome::Deleted => "deleted",
    }
}
