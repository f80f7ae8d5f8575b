//! What the commands that run jobs have in common.

use anyhow::Context;
use odyssey_domain::ingestion::{Ingestion, IngestionSettings, Spool};
use odyssey_domain::jobs::{Work, WorkerSettings};
use odyssey_jobs::{Options, Wake};

use super::store::open_store;
use crate::config::Settings;
use crate::node::Node;

/// Where uploads wait, and how large they may be. Asks the store once: nobody is promised to keep a file that could
/// not be kept.
pub(super) async fn ingestion(settings: &Settings) -> anyhow::Result<Ingestion> {
    let config = &settings.ingest;
    let store = open_store(settings).context("the settings of [store] cannot be used")?;
    let spool = Spool::new(store);
    spool.check().await.context("the store of [store] cannot be used")?;
    Ok(Ingestion {
        spool,
        settings: IngestionSettings {
            file_bytes_max: config.file_bytes_max,
            vendor_bytes_max: config.vendor_bytes_max,
            unpacked_bytes_max: config.file_bytes_max.saturating_mul(u64::from(config.expansion_ratio_max)),
            batch_rows: config.batch_rows as usize,
            row_errors_max: u64::from(config.row_errors_max),
            ..IngestionSettings::default()
        },
        wake: Wake::new(),
    })
}

pub(super) fn work(node: &Node, ingestion: &Ingestion) -> Work {
    Work {
        database: node.database.clone(),
        ingestion: ingestion.clone(),
        audiences: node.audiences.clone(),
        snapshots: node.snapshots.clone(),
    }
}

pub(super) fn worker_settings(settings: &Settings) -> WorkerSettings {
    let jobs = &settings.jobs;
    WorkerSettings {
        workers: jobs.worker_count(),
        import_workers: jobs.worker_count().min(2),
        per_vendor_max: jobs.per_vendor_max as usize,
        import_lease_seconds: u32::try_from(jobs.import_lease_seconds).unwrap_or(15),
        queue: Options {
            lease_seconds: u32::try_from(jobs.lease_seconds).unwrap_or(60),
            poll_interval: jobs.poll_interval(),
            drain: jobs.drain(),
            ..Options::default()
        },
    }
}
