//! Products that may be one: rows of files that claim a barcode which another product holds. No two stored products
//! have the same barcode, so that what was refused is all there is to tell.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use odyssey_tabular::{ProductRow, RowReader, RowSettings};
use odyssey_types::{JobId, LIST_LIMIT_MAX, Page, Phi, ProductId};
use uuid::Uuid;

use super::IngestionError;
use super::corrections::restore;
use super::row_errors::Sealing;
use super::store::{self, ClaimRow};
use crate::catalog;
use crate::db::VendorTx;

/// A row that was refused because another product holds its barcode, and holds it still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarcodeClaim {
    /// In fourteen digits.
    pub gtin: String,
    pub holder: ProductId,
    /// The identity that the row states.
    pub external_id: Option<String>,
    /// The job that refused it.
    pub job_id: JobId,
    /// Its number in the file.
    pub row: u64,
}

/// Claims that stand, newest import first, as far as refused rows are kept. A page may be shorter than was asked
/// for: claims whose barcode nobody else holds any more are left out.
pub async fn list_barcode_claims(
    tx: &mut VendorTx,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<BarcodeClaim>, IngestionError> {
    let after = cursor.map(|cursor| read_cursor(cursor).ok_or(IngestionError::CursorInvalid)).transpose()?;
    let limit = limit.clamp(1, LIST_LIMIT_MAX) as usize;
    let mut rows = store::barcode_claims(tx, after, limit as i64 + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor =
        rows.last().filter(|_| more).map(|row| format!("{}_{}", row.job_id.simple(), row.row_number));
    let mut readers = HashMap::new();
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        let sealing = Sealing::of(tx, JobId::from_uuid(row.job_id))?;
        let values = sealing.open_values_at(row.row_number, row.ordinal, row.value_sealed.as_deref())?;
        let Some(gtin) = values.into_exposed().value else { continue };
        let external_id = identity(tx, &mut readers, &sealing, &row).await?;
        claims.push((gtin, external_id, row));
    }
    let gtins: Vec<String> = claims.iter().map(|(gtin, ..)| gtin.clone()).collect();
    let holders: HashMap<String, ProductId> =
        catalog::barcode_holders(tx, &gtins).await?.into_iter().collect();
    let vendor_id = tx.vendor_id();
    let items = claims.into_iter().filter_map(|(gtin, external_id, row)| {
        let holder = holders.get(&gtin).copied()?;
        let own = external_id.as_deref().map(|id| odyssey_vault::product_id(vendor_id, id));
        (own != Some(holder)).then_some(BarcodeClaim {
            gtin,
            holder,
            external_id,
            job_id: JobId::from_uuid(row.job_id),
            row: row.row_number.unsigned_abs(),
        })
    });
    Ok(Page { items: items.collect(), next_cursor })
}

/// Whom a row is about, by the mapping of its file.
async fn identity(
    tx: &mut VendorTx,
    readers: &mut HashMap<Uuid, Option<RowReader<ProductRow>>>,
    sealing: &Sealing,
    row: &ClaimRow,
) -> Result<Option<String>, IngestionError> {
    let Some(sealed) = &row.original_sealed else { return Ok(None) };
    let reader = match readers.entry(row.parent_job_id) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(reader_of(tx, JobId::from_uuid(row.parent_job_id)).await?),
    };
    let Some(reader) = reader else { return Ok(None) };
    let cells = sealing.open_cells(row.row_number, row.ordinal, sealed)?;
    Ok(reader.identity(cells.expose()).map(Phi::into_exposed))
}

/// Reads rows as the file of an import was read.
async fn reader_of(
    tx: &mut VendorTx,
    parent: JobId,
) -> Result<Option<RowReader<ProductRow>>, IngestionError> {
    let Some(sealed) = store::find_reading(tx, parent).await? else { return Ok(None) };
    let mapping = restore(Sealing::of(tx, parent)?.open_reading(&sealed)?)?;
    Ok(Some(RowReader::new(mapping, RowSettings::new(tx.now().date_naive()))))
}

fn read_cursor(cursor: &str) -> Option<(Uuid, i64)> {
    let (job_id, row) = cursor.split_once('_')?;
    Some((Uuid::try_parse(job_id).ok()?, row.parse().ok()?))
}
