//! What a later import changed since: a row of an older file does not take it back unasked. A file is late where its
//! import was canceled, paused or failed and goes on, where it applies a dry run, and where refused rows are run again.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, JobId, ProductId};
use uuid::Uuid;

use super::progress::Run;
use super::{IngestionError, store};
use crate::db::VendorTx;
use crate::{catalog, customers, retention};

/// Where a later file has been imported since: which of these products a file that arrived later has changed (or deleted) since, and by which job. Their
/// rows are locked, so that it stays so until the batch is written.
pub(super) async fn changed_by_newer(
    run: &Run<'_>,
    tx: &mut VendorTx,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, JobId>, IngestionError> {
    if !run.overtaken || run.parameters.overwrite_newer {
        return Ok(HashMap::new());
    }
    let mut ids: Vec<ProductId> = ids.iter().copied().map(ProductId::from_uuid).collect();
    ids.sort_unstable();
    let products = catalog::lock_products(tx, &ids).await?;
    let written: Vec<(Uuid, JobId)> = products
        .iter()
        .filter_map(|product| Some((product.id.as_uuid(), product.lineage.import_job_id()?)))
        .collect();
    let jobs: HashSet<Uuid> = written.iter().map(|(_, job_id)| job_id.as_uuid()).collect();
    let newer = newer_than(run, tx, jobs.into_iter().collect()).await?;
    Ok(written.into_iter().filter(|(_, job_id)| newer.contains(&job_id.as_uuid())).collect())
}

/// The same of customers, told from their former versions: `None` beside those that somebody deleted since, or that
/// something changed since where what did so is no longer on record.
pub(super) async fn people_changed_by_newer(
    run: &Run<'_>,
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Option<JobId>>, IngestionError> {
    if run.parameters.overwrite_newer {
        return Ok(HashMap::new());
    }
    // A rerun is as old as its file.
    let since = run.import.created_at;
    let changed = customers::imported_since(tx, ids, since).await?;
    let jobs: HashSet<Uuid> = changed.iter().filter_map(|person| Some(person.job_id?.as_uuid())).collect();
    let newer = newer_than(run, tx, jobs.into_iter().collect()).await?;
    let is_forgotten = run.rerun.is_some() && tx.now() - since > retention::FORMER_VERSIONS;
    let stands = |job_id: Option<JobId>| job_id.map_or(is_forgotten, |id| newer.contains(&id.as_uuid()));
    let mut kept = HashMap::new();
    for person in changed {
        if stands(person.job_id) {
            kept.insert(person.customer_id, person.job_id);
        } else if person.deleted {
            kept.entry(person.customer_id).or_insert(None);
        }
    }
    Ok(kept)
}

/// Those of the given imports whose file arrived after the one that is imported; a rerun is as old as its file.
async fn newer_than(
    run: &Run<'_>,
    tx: &mut VendorTx,
    jobs: Vec<Uuid>,
) -> Result<HashSet<Uuid>, IngestionError> {
    if jobs.is_empty() {
        return Ok(HashSet::new());
    }
    let parent = run.rerun.as_ref().map_or(run.job_id, |rerun| rerun.parent);
    let imports = store::find_imports(tx, &jobs).await?;
    let parents: Vec<Uuid> = imports.iter().filter_map(|import| import.parent_job_id).collect();
    let arrived: HashMap<Uuid, DateTime<Utc>> = store::find_imports(tx, &parents)
        .await?
        .into_iter()
        .map(|import| (import.job_id, import.created_at))
        .collect();
    let is_newer = |import: &store::ImportRow| {
        let file = import.parent_job_id.unwrap_or(import.job_id);
        let at = import.parent_job_id.and_then(|parent| arrived.get(&parent)).unwrap_or(&import.created_at);
        file != parent.as_uuid() && *at > run.import.created_at
    };
    Ok(imports.iter().filter(|import| is_newer(import)).map(|import| import.job_id).collect())
}
