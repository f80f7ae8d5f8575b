//! The file of a batch, opened on the way out.

use bytes::Bytes;
use futures::Stream;
use futures::stream;
use odyssey_types::{CustomerId, JobId};
use serde_json::json;

use super::{run, store};
use crate::audit::{self, AuditEvent};
use crate::customers;
use crate::db::{Database, VendorTx};
use crate::matching::MatchingError;
use crate::tenancy::{Actor, Purpose, VendorScope};

/// The file, in pieces. Each is read in a transaction of its own, so that a slow reader holds none.
pub type BatchFile = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, MatchingError>> + Send>>;

/// One JSON object a line (NDJSON): a customer each, and at the end how many. Of whoever no longer consents nothing
/// is in it but the count. Everybody who is in it is recorded as disclosed, part by part.
pub async fn batch_file(tx: &mut VendorTx, job_id: JobId) -> Result<BatchFile, MatchingError> {
    let batch = store::find_batch(tx, job_id).await?.ok_or(MatchingError::BatchNotFound)?;
    if !batch.finished {
        return Err(MatchingError::BatchNotFinished);
    }
    let source = Source {
        database: tx.database().clone(),
        scope: tx.scope(),
        actor: tx.actor().clone(),
        job_id,
        part_count: batch.part_count,
    };
    let start = Position::default();
    Ok(Box::pin(stream::try_unfold((source, start), |(source, mut position)| async move {
        if position.ended {
            return Ok(None);
        }
        let bytes = source.next(&mut position).await?;
        Ok(Some((bytes, (source, position))))
    })))
}

struct Source {
    database: Database,
    scope: VendorScope,
    actor: Actor,
    job_id: JobId,
    part_count: i32,
}

#[derive(Default)]
struct Position {
    part: i32,
    customers: u64,
    withdrawn: u64,
    ended: bool,
}

impl Source {
    async fn next(&self, position: &mut Position) -> Result<Bytes, MatchingError> {
        if position.part >= self.part_count {
            position.ended = true;
            let summary = json!({ "summary": {
                "customers": position.customers, "withdrawn_since": position.withdrawn } });
            return Ok(format!("{summary}\n").into());
        }
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        let sealed = store::find_part(&mut tx, self.job_id, position.part).await?;
        let sealed = sealed.ok_or(MatchingError::BatchNotFound)?;
        let lines = run::open(&tx, self.job_id, position.part, &sealed)?;
        position.part += 1;
        let ids: Vec<CustomerId> = lines.expose().iter().map(|line| line.customer_id).collect();
        let consenting = customers::still_consenting(&mut tx, &ids).await?;
        let mut out = String::new();
        for line in lines.expose() {
            if consenting.contains(&line.customer_id) || !line.is_answer {
                out.push_str(&line.text);
                out.push('\n');
                position.customers += 1;
            } else {
                position.withdrawn += 1;
            }
        }
        let event = AuditEvent::new("match_batch.export", "job", Purpose::Service)
            .entity(self.job_id)
            .count(consenting.len() as i64)
            .discloses_all(consenting.iter().copied());
        audit::record(&mut tx, event).await?;
        tx.commit().await?;
        Ok(out.into())
    }
}
