//! `GET /api/v1/products/duplicates`.

use odyssey_domain::ingestion::{self, BarcodeClaim};
use odyssey_types::{JobId, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorized::{Authorized, permission};
use crate::extract::{Json, Query};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::Problem;

const LIST: &str = "list_duplicate_products";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DuplicateFilters {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// A row of a file that claims the barcode of another product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DuplicateProductDto {
    /// In fourteen digits.
    gtin: String,
    /// Who holds it.
    #[schema(value_type = Uuid)]
    holder_product_id: ProductId,
    /// Whom the row is about; null where it cannot be told.
    external_id: Option<String>,
    /// The job that refused it.
    #[schema(value_type = Uuid)]
    job_id: JobId,
    /// Its number in the file.
    row: u64,
}

impl From<BarcodeClaim> for DuplicateProductDto {
    fn from(claim: BarcodeClaim) -> Self {
        let BarcodeClaim { gtin, holder, external_id, job_id, row } = claim;
        Self { gtin, holder_product_id: holder, external_id, job_id, row }
    }
}

/// Possible duplicates: rows of files that were refused because another product holds their barcode, and holds it
/// still. Newest import first, for 90 days; a page may be shorter than its limit. Corrected through the errors of
/// their job.
#[utoipa::path(get, path = "/api/v1/products/duplicates", tag = "catalog", params(DuplicateFilters),
    responses((status = 200, description = "A page of claims", body = PageDto<DuplicateProductDto>)))]
pub(super) async fn list_duplicate_products(
    caller: Authorized<permission::ProductsRead>,
    Query(filters): Query<DuplicateFilters>,
) -> Result<Json<PageDto<DuplicateProductDto>>, Problem> {
    let cursor: Option<String> = filters.cursor.map(|cursor| read_cursor(LIST, &cursor)).transpose()?;
    let mut read = caller.begin_read().await?;
    let claims = ingestion::list_barcode_claims(read.tx(), cursor.as_deref(), filters.limit.get()).await;
    read.finish().await?;
    let mut page = claims?;
    page.next_cursor = page.next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(page)))
}
