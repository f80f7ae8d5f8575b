//! `Upload-Concat`: parts of a file, and what joins them.

use odyssey_domain::db::VendorTx;
use odyssey_domain::ingestion::{self, Concatenation, IngestionError, ResumableUpload};
use odyssey_types::UploadId;
use odyssey_upload::{Concat, Offer, PartialFault, ProtocolError, UploadRef, join};

use super::uploads::{UPLOADS_PATH, state_of, url};
use crate::problem::Problem;

/// The ids of parts, in their order.
pub(super) fn part_ids(parts: &[UploadRef]) -> Result<Vec<UploadId>, ProtocolError> {
    let id_of = |(index, part): (usize, &UploadRef)| {
        let id = part.id_under(UPLOADS_PATH).and_then(|id| id.parse::<UploadId>().ok());
        // As an id that is nobody's: what is not ours is not told apart.
        id.ok_or(ProtocolError::PartialUnusable { position: index + 1, fault: PartialFault::Missing })
    };
    parts.iter().enumerate().map(id_of).collect()
}

/// Whether the vendor's parts can be joined. Parts that were joined already are for the domain to judge.
pub(super) async fn judge_parts(
    tx: &mut VendorTx,
    parts: &[UploadId],
    offer: &Offer,
) -> Result<Result<(), ProtocolError>, Problem> {
    let mut states = Vec::with_capacity(parts.len());
    for (index, id) in parts.iter().enumerate() {
        if parts[..index].contains(id) {
            let fault = PartialFault::Repeated;
            return Ok(Err(ProtocolError::PartialUnusable { position: index + 1, fault }));
        }
        match ingestion::find_resumable(tx, *id).await {
            Ok(part) => states.push(state_of(&part)),
            Err(IngestionError::UploadNotFound) => {
                let fault = PartialFault::Missing;
                return Ok(Err(ProtocolError::PartialUnusable { position: index + 1, fault }));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(join(&states, offer).map(drop))
}

/// What a HEAD says of it.
pub(super) fn concat_of(upload: &ResumableUpload) -> Concat {
    match &upload.concatenation {
        Concatenation::None => Concat::None,
        Concatenation::Partial => Concat::Partial,
        Concatenation::Final(parts) => {
            Concat::Final(parts.iter().filter_map(|part| UploadRef::parse(&url(*part))).collect())
        }
    }
}
