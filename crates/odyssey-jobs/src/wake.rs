//! Telling the dispatchers that there is work: in memory within a process, by a coalesced NOTIFY between them.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::platform::{Mode, platform_tx};
use crate::{Enqueued, QueueError, ReadyKey};

/// The channel of the notifications. A payload is vendor ids with commas between, empty for "look at all", or the word
/// `lanes` where somebody paused, resumed or scaled one.
pub const NOTIFY_CHANNEL: &str = "odyssey_jobs";

/// The payload that says that lanes were paused, resumed or scaled.
pub(crate) const LANES_CHANGED: &str = "lanes";

/// NOTIFY takes a lock of the whole database at commit: not more often than this.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(20);

/// More vendors than this in one notification are sent as "look at all" (a payload may hold 8,000 bytes).
const NOTIFY_VENDORS_MAX: usize = 100;

/// Wake-ups that a slow receiver may lag behind before it looks at everything instead.
const WAKE_CAPACITY: usize = 4096;

/// What a wake-up says.
#[derive(Debug, Clone)]
pub(crate) enum Hint {
    /// A ready row was committed.
    Ready(ReadyKey),
    /// Somebody asked a running job to stop.
    Stop,
    /// Another process committed ready rows of this vendor (`None`: of some vendors). Never passed on.
    Remote(Option<Uuid>),
    /// Somebody paused, resumed or scaled a lane. Never passed on.
    Lanes,
}

/// A handle that whoever enqueues keeps, to be triggered after the commit. Clones share one channel.
#[derive(Debug, Clone)]
pub struct Wake {
    hints: broadcast::Sender<Hint>,
}

impl Default for Wake {
    fn default() -> Self {
        Self::new()
    }
}

impl Wake {
    pub fn new() -> Self {
        Self { hints: broadcast::Sender::new(WAKE_CAPACITY) }
    }

    /// Says that the transaction of this enqueue has committed. Before the commit it would wake for nothing.
    pub fn enqueued(&self, enqueued: &Enqueued) {
        if let Some(ready) = &enqueued.ready {
            self.ready(ready.clone());
        }
    }

    /// Says that jobs were asked to cancel or pause, so that those that run here hear at once.
    pub fn stop_requested(&self) {
        self.send(Hint::Stop);
    }

    pub(crate) fn ready(&self, ready: ReadyKey) {
        self.send(Hint::Ready(ready));
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    pub(crate) fn send(&self, hint: Hint) {
        // Nobody listens in a process without a dispatcher or notifier; the poll of another finds the job.
        if self.hints.send(hint).is_err() {
            tracing::trace!("nobody in this process listens for jobs");
        }
    }
}

/// Passes this process's wake-ups on to other processes until `cancel`: at most one NOTIFY each 20 ms, in a
/// transaction of its own. A process that only enqueues runs this alone; a dispatcher runs it itself.
pub async fn run_notifier(pool: PgPool, wake: Wake, cancel: CancellationToken) {
    let mut hints = wake.subscribe();
    loop {
        let mut vendors = BTreeSet::new();
        tokio::select! {
            () = cancel.cancelled() => return,
            received = hints.recv() => match received {
                Ok(Hint::Ready(ready)) => { vendors.insert(Some(ready.vendor_id)); }
                Ok(Hint::Stop | Hint::Remote(_) | Hint::Lanes) => continue,
                Err(RecvError::Lagged(_)) => { vendors.insert(None); }
                Err(RecvError::Closed) => return,
            },
        }
        while let Ok(hint) = hints.try_recv() {
            if let Hint::Ready(ready) = hint {
                vendors.insert(Some(ready.vendor_id));
            }
        }
        if let Err(error) = notify(&pool, &vendors).await {
            warn!(error = %error, "Could not notify other processes of jobs; their poll will find them");
        }
        tokio::time::sleep(NOTIFY_INTERVAL).await;
    }
}

async fn notify(pool: &PgPool, vendors: &BTreeSet<Option<Uuid>>) -> Result<(), QueueError> {
    let named: Vec<String> = vendors.iter().flatten().map(Uuid::to_string).collect();
    let all = vendors.contains(&None) || named.len() > NOTIFY_VENDORS_MAX;
    let payload = if all { String::new() } else { named.join(",") };
    platform_tx(pool, Mode::Relaxed, move |connection| {
        Box::pin(async move {
            sqlx::query!("SELECT pg_notify($1, $2)", NOTIFY_CHANNEL, payload).execute(connection).await?;
            Ok(())
        })
    })
    .await
}
