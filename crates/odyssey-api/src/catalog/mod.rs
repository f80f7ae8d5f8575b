//! Routes of the catalog: products, their pictures and allergen holds.
//!
//! Owns: no table. Promises: what is written reads back equal; a batch answers row by row. Emits: nothing;
//! the domain audits. Never: holds a rule about products.

mod dto;
mod duplicates;
mod holds;
mod images;
mod problem;
mod products;
mod versions;

pub(crate) use dto::ProductDto;
pub(crate) use products::ProductFilters;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::state::ApiState;
use crate::{guarded, keyed};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(products::list_products, Facts::unaudited("a product is not personal data")))
        .routes(keyed!(products::upsert_products, Facts::audited("product.write")))
        .routes(guarded!(
            duplicates::list_duplicate_products,
            Facts::unaudited("a product is not personal data")
        ))
        .routes(guarded!(products::get_product, Facts::unaudited("a product is not personal data")))
        .routes(keyed!(products::replace_product, Facts::audited("product.write")))
        .routes(keyed!(products::update_product, Facts::audited("product.write")))
        .routes(guarded!(products::delete_product, Facts::audited("product.write")))
        .routes(guarded!(versions::list_product_versions, Facts::unaudited("a product is not personal data")))
        .routes(guarded!(versions::get_product_version, Facts::unaudited("a product is not personal data")))
        .routes(keyed!(versions::restore_product, Facts::audited("product.write")))
        .routes(guarded!(images::list_product_images, Facts::unaudited("a product is not personal data")))
        .routes(keyed!(images::add_product_image, Facts::audited("product_image.add")))
        .routes(guarded!(images::get_product_image, Facts::unaudited("a product is not personal data")))
        .routes(keyed!(images::update_product_image, Facts::audited("product_image.update")))
        .routes(guarded!(images::delete_product_image, Facts::audited("product_image.delete")))
        .routes(guarded!(holds::list_allergen_holds, Facts::unaudited("a hold is about a product")))
        .routes(keyed!(holds::release_allergen_hold, Facts::audited("allergen_hold.release")))
}
