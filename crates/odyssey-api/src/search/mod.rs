//! Routes of search: the text query over the whole catalog.
//!
//! Owns: no table. Promises: the same words and filters as the product list, best match first. Emits:
//! nothing. Never: filters a page after it was cut.

use odyssey_domain::catalog::{self, ProductSort};
use odyssey_types::Page;
use utoipa_axum::router::OpenApiRouter;

use crate::authorized::{Authorized, permission};
use crate::catalog::{ProductDto, ProductFilters};
use crate::extract::{Json, Query};
use crate::guarded;
use crate::operation::Facts;
use crate::paging::{PageDto, write_cursor};
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

const LIST: &str = "search_products";

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(search_products, Facts::unaudited("a product is not personal data")))
}

/// Products that hold every word of `q`, best match first.
#[utoipa::path(get, path = "/api/v1/search/products", tag = "search", params(ProductFilters),
    responses((status = 200, description = "A page of products", body = PageDto<ProductDto>)))]
async fn search_products(
    caller: Authorized<permission::ProductsRead>,
    Query(filters): Query<ProductFilters>,
) -> Result<Json<PageDto<ProductDto>>, Problem> {
    if !filters.has_text() {
        return Err(
            Problem::new(ProblemCode::SearchQueryInvalid).detail("Send the words to search for as `q`.")
        );
    }
    let query = filters.into_query(LIST, ProductSort::Relevance)?;
    let mut read = caller.begin_read().await?;
    let Page { items, next_cursor } = catalog::list_products(read.tx(), &query).await?;
    read.finish().await?;
    let next_cursor = next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items, next_cursor })))
}
