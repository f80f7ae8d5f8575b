//! How many bytes of a vendor's files may wait here at the same time.

use super::{Ingestion, IngestionError, store};
use crate::db::VendorTx;

/// Refuses a file that is too long, or for which the vendor has no room, before a byte of it is taken. `length`:
/// as far as it is known.
pub async fn admit_file(
    ingestion: &Ingestion,
    tx: &mut VendorTx,
    length: Option<u64>,
) -> Result<(), IngestionError> {
    let limit = ingestion.settings.file_bytes_max;
    if length.is_some_and(|length| length > limit) {
        return Err(IngestionError::TooLarge { limit });
    }
    let room = room(ingestion, tx).await?;
    // Of a file of unknown length at least one byte.
    if length.unwrap_or(1) > room {
        return Err(quota_exceeded(ingestion));
    }
    Ok(())
}

/// Bytes that the vendor may still send. Files that are announced count whole, and a file counts until it is removed.
/// Two requests at once may each take the last room: each looks again with every piece, so that little goes over.
pub(super) async fn room(ingestion: &Ingestion, tx: &mut VendorTx) -> Result<u64, IngestionError> {
    let held = store::bytes_held(tx).await?;
    Ok(ingestion.settings.vendor_bytes_max.saturating_sub(held))
}

/// Whether more lies here than may.
pub(super) async fn is_exceeded(ingestion: &Ingestion, tx: &mut VendorTx) -> Result<bool, IngestionError> {
    Ok(store::bytes_held(tx).await? > ingestion.settings.vendor_bytes_max)
}

pub(super) const fn quota_exceeded(ingestion: &Ingestion) -> IngestionError {
    IngestionError::QuotaExceeded { limit: ingestion.settings.vendor_bytes_max }
}
