//! The file of an export, opened on the way out.

use bytes::Bytes;
use futures::{Stream, stream};
use odyssey_types::{CustomerId, JobId, Phi};

use super::kinds::{self, KeptLine};
use super::store::{self, ExportRow};
use super::{Export, ExportError, ExportOf};
use crate::audit::{self, AuditEvent};
use crate::customers::{self, CustomerError};
use crate::db::{Database, VendorTx};
use crate::parts;
use crate::tenancy::{Actor, Purpose, VendorScope};

/// The file, in pieces. Each is read in a transaction of its own, so that a slow reader holds none.
pub type ExportFile = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, ExportError>> + Send>>;

/// The rows of the file, but for people who are gone since or, in a file of matches, no longer consent. Everybody who
/// is in it is recorded as disclosed, part by part. The caller commits what this records.
pub async fn export_file(tx: &mut VendorTx, export: &Export) -> Result<ExportFile, ExportError> {
    let id = export.id;
    let row = store::find_export(tx, id).await?.ok_or(ExportError::NotFound)?;
    if row.finished_at.is_none() {
        let ended = matches!(export.state.as_deref(), Some("failed" | "canceled"));
        return Err(if ended { ExportError::NoFile } else { ExportError::NotFinished });
    }
    let now = tx.now();
    if row.expires_at.is_none_or(|end| end <= now) {
        return Err(ExportError::Expired);
    }
    let event = AuditEvent::new("export.download", "export", Purpose::Operations)
        .entity(id)
        .count(row.row_count)
        .detail("kind", row.of.kind());
    audit::record(tx, event).await?;
    let source = Source {
        database: tx.database().clone(),
        scope: tx.scope(),
        actor: tx.actor().clone(),
        id,
        part_count: row.part_count,
        header: kinds::header(&row)?,
        people: People::of(&row),
    };
    Ok(Box::pin(stream::try_unfold((source, -1), |(source, part)| async move {
        if part >= source.part_count {
            return Ok(None);
        }
        let bytes = match u32::try_from(part) {
            Ok(_) => source.next(part).await?,
            Err(_) => source.header.clone().into(),
        };
        Ok::<_, ExportError>(Some((bytes, (source, part + 1))))
    })))
}

/// Who of a file may still leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum People {
    /// It is about nobody.
    Nobody,
    There,
    Consenting,
}

impl People {
    const fn of(export: &ExportRow) -> Self {
        match export.of {
            ExportOf::Products(_) | ExportOf::Audit(_) => Self::Nobody,
            ExportOf::Customers(_) | ExportOf::Profiles(_) => Self::There,
            ExportOf::Matches(_) => Self::Consenting,
        }
    }
}

struct Source {
    database: Database,
    scope: VendorScope,
    actor: Actor,
    id: JobId,
    part_count: i32,
    header: String,
    people: People,
}

impl Source {
    async fn next(&self, part: i32) -> Result<Bytes, ExportError> {
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        let sealed = store::find_part(&mut tx, self.id, part).await?.ok_or(ExportError::NotFound)?;
        let lines = open(&tx, self.id, part, &sealed)?;
        let mut ids: Vec<CustomerId> = lines.expose().iter().filter_map(|line| line.customer_id).collect();
        ids.dedup();
        let leaving = match self.people {
            People::Nobody => {
                tx.roll_back().await?;
                return Ok(lines.expose().iter().map(|line| line.text.as_str()).collect::<String>().into());
            }
            People::There => customers::still_there(&mut tx, &ids).await?,
            People::Consenting => customers::still_consenting(&mut tx, &ids).await?,
        };
        let leaves = |line: &&KeptLine| line.customer_id.is_some_and(|id| leaving.contains(&id));
        let out: String = lines.expose().iter().filter(leaves).map(|line| line.text.as_str()).collect();
        let event = AuditEvent::new("export.download", "export", Purpose::Service)
            .entity(self.id)
            .count(leaving.len() as i64)
            .discloses_all(leaving.iter().copied());
        audit::record(&mut tx, event).await?;
        tx.commit().await?;
        Ok(out.into())
    }
}

const COLUMN: &str = "export_parts.lines";

pub(super) fn seal(
    tx: &VendorTx,
    job_id: JobId,
    part: i32,
    lines: &[KeptLine],
) -> Result<Vec<u8>, ExportError> {
    let keys = tx.keys().map_err(CustomerError::from)?;
    let aad = parts::aad(tx.vendor_id(), job_id, part, COLUMN);
    Ok(keys.seal_vendor(&aad, &parts::pack(lines)?).map_err(CustomerError::from)?)
}

fn open(tx: &VendorTx, job_id: JobId, part: i32, sealed: &[u8]) -> Result<Phi<Vec<KeptLine>>, ExportError> {
    let keys = tx.keys().map_err(CustomerError::from)?;
    let aad = parts::aad(tx.vendor_id(), job_id, part, COLUMN);
    let packed = keys.open_vendor(&aad, sealed).map_err(CustomerError::from)?;
    Ok(Phi::new(parts::unpack(&packed)?))
}
