//! Files that jobs write part by part into the database: packed lines under the vendor's key.

use odyssey_types::{JobId, VendorId};
use odyssey_vault::Aad;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::DbError;

const COMPRESSION_LEVEL: i32 = 3;
/// A part has some hundred or thousand lines, which are far less.
const UNPACKED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The place of a part, for the seal.
pub(crate) fn aad(vendor: VendorId, job_id: JobId, part: i32, column: &'static str) -> Aad {
    // A job has far fewer parts than its id has numbers behind it.
    let row = uuid::Uuid::from_u128(job_id.as_uuid().as_u128().wrapping_add(part.unsigned_abs().into()));
    Aad { vendor, row, column }
}

pub(crate) fn pack<T: Serialize>(lines: &[T]) -> Result<Vec<u8>, DbError> {
    let broken = |what: String| DbError::inconsistent(format!("a part cannot be written: {what}"));
    let text = serde_json::to_vec(lines).map_err(|error| broken(error.to_string()))?;
    zstd::bulk::compress(&text, COMPRESSION_LEVEL).map_err(|error| broken(error.to_string()))
}

/// Opens what [`pack`] packed.
pub(crate) fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Result<Vec<T>, DbError> {
    let broken = || DbError::inconsistent("a part of a job's file cannot be read".to_owned());
    let text = zstd::bulk::decompress(packed, UNPACKED_BYTES_MAX).map_err(|_| broken())?;
    serde_json::from_slice(&text).map_err(|_| broken())
}
