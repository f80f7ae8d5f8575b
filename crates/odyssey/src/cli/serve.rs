//! `odyssey serve` and `odyssey work`.

use std::sync::Arc;

use anyhow::Context;
use odyssey_api::health::Readiness;
use odyssey_api::limits::RateSettings;
use odyssey_api::{ApiParts, ApiSettings, ApiState};
use odyssey_domain::catalog::PictureFetcher;
use odyssey_domain::db::{Database, Notice};
use odyssey_domain::jobs;
use odyssey_domain::matching::Snapshots;
use odyssey_domain::tenancy::LocalIdentityProvider;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::work::{ingestion, work as work_of, worker_settings};
use crate::config::Settings;
use crate::node::Node;

/// Answers requests (and works on jobs, unless told not to) until it is told to stop.
pub async fn serve(settings: &Settings, work: bool) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    let stop = stop_on_signal()?;
    serve_until(settings, &node, work, stop).await?;
    node.close().await
}

/// Works on jobs until it is told to stop.
pub async fn work(settings: &Settings) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    let stop = stop_on_signal()?;
    let ingestion = ingestion(settings).await?;
    let settings = worker_settings(settings);
    tokio::select! {
        worked = jobs::run_worker(work_of(&node, &ingestion), &settings, stop) => drop(worked?),
        // Of what runs nothing can be noted any more: its leases run out, and it goes on where it stood.
        lost = node.lost() => return Err(lost),
    }
    node.close().await
}

/// The same on a node that is open already; returns when `stop` was asked for and everything is drained, or as a failure
/// when the node is lost.
pub async fn serve_until(
    settings: &Settings,
    node: &Node,
    work: bool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let readiness = Readiness::default();
    let ingestion = ingestion(settings).await?;
    let state = ApiState::new(ApiParts {
        database: node.database.clone(),
        identity: Arc::new(LocalIdentityProvider::new(
            Arc::clone(&node.issuer),
            Arc::clone(node.database.clock()),
        )),
        issuer: Arc::clone(&node.issuer),
        readiness: readiness.clone(),
        snapshots: node.snapshots.clone(),
        audiences: node.audiences.clone(),
        receipts: Arc::clone(&node.receipts),
        ingestion: ingestion.clone(),
        pictures: PictureFetcher::open()?,
        settings: api_settings(settings),
    });
    let router = odyssey_api::router(state).context("the contract is incomplete")?;
    let listener = tokio::net::TcpListener::bind(settings.server.bind)
        .await
        .with_context(|| format!("the address {} cannot be listened on", settings.server.bind))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "Serving");

    let follower = tokio::spawn(follow_catalogs(node.database.clone(), node.snapshots.clone(), stop.clone()));
    let worker = {
        let (parts, stop, settings) = (work_of(node, &ingestion), stop.clone(), worker_settings(settings));
        tokio::spawn(async move {
            if work {
                jobs::run_worker(parts, &settings, stop).await.map(drop)
            } else {
                // Somebody else works: they are told of what is enqueued here.
                jobs::run_notifier(&parts, stop).await;
                Ok(())
            }
        })
    };
    let graceful = {
        let (stop, readiness) = (stop.clone(), readiness.clone());
        async move {
            stop.cancelled().await;
            readiness.drain();
        }
    };
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<std::net::SocketAddr>())
        .with_graceful_shutdown(graceful);
    // After the stop, requests under way have their grace and no more.
    let grace = settings.server.shutdown_grace();
    let mut lost = None;
    tokio::select! {
        outcome = served => outcome.context("the server failed")?,
        () = async { stop.cancelled().await; tokio::time::sleep(grace).await } => {
            tracing::warn!("Requests were cut off at the end of the grace period");
        }
        // There is nothing to answer with: whoever supervises this process sees it end.
        error = node.lost() => {
            readiness.drain();
            lost = Some(error);
        }
    }
    stop.cancel();
    if let Some(lost) = lost {
        // Nothing can be noted of the jobs that run: their leases run out, and they go on where they stood.
        worker.abort();
        return Err(lost);
    }
    follower.await.context("the follower of catalogs panicked")?;
    worker.await.context("the worker panicked")??;
    node.snapshots.save_all().await;
    tracing::info!("Stopped");
    Ok(())
}

/// Refreshes ahead of demand at the same time; those of one vendor wait for each other.
const REFRESHES_MAX: usize = 16;

/// Brings snapshots that are in memory up to date ahead of demand.
async fn follow_catalogs(database: Database, snapshots: Snapshots, stop: CancellationToken) {
    let mut notices = database.notices();
    let mut refreshes = JoinSet::new();
    loop {
        let notice = tokio::select! {
            () = stop.cancelled() => return,
            notice = notices.recv() => notice,
            // One vendor's large delta keeps no other waiting.
            Some(_) = refreshes.join_next() => continue,
        };
        match notice {
            Ok(Notice::CatalogChanged(vendor_id)) if refreshes.len() < REFRESHES_MAX => {
                let snapshots = snapshots.clone();
                refreshes.spawn(async move { snapshots.refresh_if_loaded(vendor_id).await });
            }
            // There is more to do than can be done ahead of demand: whoever asks refreshes.
            Ok(Notice::CatalogChanged(_)) => {}
            Ok(Notice::JobsWaiting) => {}
            // Some were missed: whoever asks next is served the right version anyway.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

pub(super) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("Stopping: requests and jobs under way are finished first");
        token.cancel();
    });
    Ok(stop)
}

fn api_settings(settings: &Settings) -> ApiSettings {
    let rates = &settings.rate_limits;
    ApiSettings {
        body_bytes_max: usize::try_from(settings.server.json_body_bytes_max).unwrap_or(usize::MAX),
        request_timeout: settings.server.request_timeout(),
        concurrent_requests_max: settings.server.concurrent_requests_max as usize,
        trusted_proxies: usize::from(settings.server.trusted_proxy_hops),
        rates: RateSettings {
            standard_per_user: rates.standard_per_user_per_minute,
            standard_per_vendor: rates.standard_per_vendor_per_minute,
            read_per_user: rates.interactive_per_user_per_minute,
            import_starts_per_vendor: rates.import_starts_per_vendor_per_minute,
            upload_parts_per_vendor: rates.upload_parts_per_vendor_per_minute,
            refusals_per_user: rates.refusals_per_user_per_minute,
            sign_ins_per_address: rates.sign_in_per_address_per_minute,
        },
        ..ApiSettings::default()
    }
}
