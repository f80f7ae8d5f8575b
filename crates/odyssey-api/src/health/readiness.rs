//! The conditions of being ready.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_domain::customers::{self, CustomerError};
use odyssey_domain::db::Database;
use odyssey_domain::tenancy;

/// Longest time that a check may take; a load balancer asks every few seconds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an answer is given again, so that being asked often costs nothing.
const KEPT: TimeDelta = TimeDelta::seconds(1);

/// Why a server should get no requests now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// It is being shut down.
    Draining,
    /// Something of the start has not happened yet.
    Starting,
    /// The database does not answer as it should.
    Database,
    /// The keys of this node do not fit the database.
    Keys,
    /// The database does not know of people who were erased, and they could not be erased again.
    Erasures,
}

impl NotReady {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Starting => "starting",
            Self::Database => "database",
            Self::Keys => "keys",
            Self::Erasures => "erasures",
        }
    }
}

#[derive(Debug, Default)]
struct Last {
    answer: Option<(DateTime<Utc>, Result<(), NotReady>)>,
    /// Erasures that the database knew of; `None` before it was asked.
    erasures: Option<i64>,
}

/// A handle on this server's readiness; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    draining: AtomicBool,
    closed_gates: Mutex<BTreeSet<&'static str>>,
    last: tokio::sync::Mutex<Last>,
}

impl Readiness {
    /// Ready once each of these has opened: `erasure-ledger`, `snapshots`.
    pub fn with_gates(gates: &[&'static str]) -> Self {
        let closed_gates = Mutex::new(gates.iter().copied().collect());
        Self(Arc::new(Inner { closed_gates, ..Inner::default() }))
    }

    /// Says that what the gate stands for has happened.
    pub fn open_gate(&self, gate: &'static str) {
        self.0.closed_gates.lock().unwrap_or_else(PoisonError::into_inner).remove(gate);
    }

    /// From now on new requests should go elsewhere; those under way are finished.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Asks everything that has to be asked.
    pub async fn check(&self, database: &Database) -> Result<(), NotReady> {
        if self.is_draining() {
            return Err(NotReady::Draining);
        }
        if !self.0.closed_gates.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return Err(NotReady::Starting);
        }
        // One asks, the others wait for its answer.
        let mut last = self.0.last.lock().await;
        let now = database.clock().now();
        if let Some((at, outcome)) = last.answer
            && now - at < KEPT
        {
            return outcome;
        }
        let asked = tokio::time::timeout(CHECK_TIMEOUT, async {
            ask(database).await?;
            follow_erasures(database, &mut last.erasures).await
        });
        let outcome = asked.await.unwrap_or(Err(NotReady::Database));
        last.answer = Some((now, outcome));
        outcome
    }
}

async fn ask(database: &Database) -> Result<(), NotReady> {
    database.check_ready().await.map_err(|error| {
        tracing::warn!(error = %error, "Not ready: the database does not answer as it should");
        NotReady::Database
    })?;
    tenancy::check_key_fingerprints(database).await.map_err(|error| match error {
        tenancy::TenancyError::Db(odyssey_domain::db::DbError::Unavailable(_)) => NotReady::Database,
        error => {
            tracing::error!(error = %error, "Not ready: the keys of this node do not fit the database");
            NotReady::Keys
        }
    })
}

/// A database that knows of fewer erasures than a moment ago was restored under us: whoever was erased since its
/// backup is erased again before this server is ready.
async fn follow_erasures(database: &Database, seen: &mut Option<i64>) -> Result<(), NotReady> {
    let failed = |error: CustomerError| {
        tracing::error!(error = %error, "Not ready: erasures could not be compared with the key store's ledger");
        NotReady::Erasures
    };
    let known = customers::count_erasures(database).await.map_err(failed)?;
    if seen.is_none_or(|seen| known < seen) {
        customers::replay_erasures(database).await.map_err(failed)?;
        *seen = Some(customers::count_erasures(database).await.map_err(failed)?);
    } else {
        *seen = Some(known);
    }
    Ok(())
}
