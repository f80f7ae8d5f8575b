//! Rows of set-based writes as PostgreSQL reads them fastest: arrays of its own record types, in its binary format.
//! The fields of a record stand in the order of the type of the migrations; PostgreSQL checks their number and types.

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_types::{DeclaredAllergens, Nutrition, ProductFields, ProductId, ServingSize};
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, Postgres};
use sqlx::types::{Json, Type};
use uuid::Uuid;

use super::document::Document;
use super::facts::FactsRecord;
use super::{Attestation, Lineage};

/// A row of `products`, whole.
#[derive(Debug, sqlx::Encode)]
pub(super) struct ProductRecord<'a> {
    id: Uuid,
    external_id: &'a str,
    gtin: Option<&'a str>,
    name: Option<&'a str>,
    brand: Option<&'a str>,
    description: Option<&'a str>,
    category_id: Option<&'a str>,
    sub_category_id: Option<&'a str>,
    cuisine: Option<&'a str>,
    market: Option<&'a str>,
    price: Option<&'a str>,
    currency: Option<&'a str>,
    status: &'a str,
    ingredients: Option<&'a str>,
    nutrition: Option<Json<&'a Nutrition>>,
    serving_size: Option<Json<&'a ServingSize>>,
    package_weight_mg: Option<i64>,
    package_text: Option<&'a str>,
    dietary_tags: Option<&'a [String]>,
    allergens: Option<Json<&'a DeclaredAllergens>>,
    certifications: Option<&'a [String]>,
    regulatory_codes: Option<&'a [String]>,
    images: Option<&'a [String]>,
    source_url: Option<&'a str>,
    label_jurisdiction: &'a str,
    label_as_of: Option<NaiveDate>,
    allergen_data: &'a str,
    attestation: Option<Json<&'a Attestation>>,
    lineage: Json<&'a Lineage>,
    source_hash: Option<&'a [u8]>,
    source_mapping: Option<&'a [u8]>,
    edited_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
}

/// What a row of `products` has beside its fields.
#[derive(Debug)]
pub(super) struct RowMarks<'a> {
    pub attestation: Option<&'a Attestation>,
    pub lineage: &'a Lineage,
    pub source_hash: Option<&'a [u8]>,
    pub source_mapping: Option<&'a [u8]>,
    pub edited_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl<'a> ProductRecord<'a> {
    pub fn new(id: ProductId, external_id: &'a str, fields: &'a ProductFields, marks: &RowMarks<'a>) -> Self {
        Self {
            id: id.as_uuid(),
            external_id,
            gtin: fields.gtin.as_ref().map(|gtin| gtin.as_str()),
            name: fields.name.as_deref(),
            brand: fields.brand.as_deref(),
            description: fields.description.as_deref(),
            category_id: fields.category_id.as_deref(),
            sub_category_id: fields.sub_category_id.as_deref(),
            cuisine: fields.cuisine.as_deref(),
            market: fields.market.as_deref(),
            price: fields.price.as_deref(),
            currency: fields.currency.as_deref(),
            status: fields.status.as_str(),
            ingredients: fields.ingredients.as_deref(),
            nutrition: fields.nutrition.as_ref().map(Json),
            serving_size: fields.serving_size.as_ref().map(Json),
            package_weight_mg: fields.package_weight_g.map(|weight| weight.0),
            package_text: fields.package_text.as_deref(),
            dietary_tags: fields.dietary_tags.as_deref(),
            allergens: fields.allergens.as_ref().map(Json),
            certifications: fields.certifications.as_deref(),
            regulatory_codes: fields.regulatory_codes.as_deref(),
            images: fields.images.as_deref(),
            source_url: fields.source_url.as_deref(),
            label_jurisdiction: fields.label_jurisdiction.as_str(),
            label_as_of: fields.label_as_of,
            allergen_data: fields.allergen_data.as_str(),
            attestation: marks.attestation.map(Json),
            lineage: Json(marks.lineage),
            source_hash: marks.source_hash,
            source_mapping: marks.source_mapping,
            edited_at: marks.edited_at,
            deleted_at: marks.deleted_at,
        }
    }
}

/// A row of `product_documents`.
#[derive(Debug, sqlx::Encode)]
pub(super) struct DocumentRecord {
    pub product_id: Uuid,
    pub document: Document,
}

macro_rules! record_type {
    ($record:ty, $name:literal) => {
        impl Type<Postgres> for $record {
            fn type_info() -> PgTypeInfo {
                PgTypeInfo::with_name($name)
            }
        }

        impl PgHasArrayType for $record {
            fn array_type_info() -> PgTypeInfo {
                PgTypeInfo::array_of($name)
            }
        }
    };
}
record_type!(ProductRecord<'_>, "odyssey.product_record");
record_type!(FactsRecord, "odyssey.product_facts_record");
record_type!(DocumentRecord, "odyssey.product_document_record");

/// `tsvector`, whose number is the same in every database.
const TSVECTOR: Oid = Oid(3614);

impl Type<Postgres> for Document {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TSVECTOR)
    }
}

impl Encode<'_, Postgres> for Document {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}
