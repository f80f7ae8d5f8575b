//! The transaction of work that belongs to no single vendor: sign-in, provisioning, the queue,
//! retention. It sees no catalog, no customer and no health data: the platform role has no policy there.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_types::Clock;
use odyssey_vault::KeyStore;
use sqlx::{PgConnection, Postgres, Transaction};

use super::lender::Loan;
use super::vendor_tx::begin_as;
use super::{Database, DbError};

/// A cross-vendor transaction. Made only by sign-in, operators and workers.
#[derive(Debug)]
pub struct SystemTx {
    transaction: Transaction<'static, Postgres>,
    database: Database,
    audited: bool,
    _loan: Loan,
}

impl SystemTx {
    pub async fn begin(database: &Database) -> Result<Self, DbError> {
        let begun = begin_as(&database.platform, "odyssey_platform", None).await?;
        let (database, audited) = (database.clone(), false);
        Ok(Self { transaction: begun.transaction, database, audited, _loan: begun.loan })
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.database.clock.now()
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.database.clock
    }

    pub fn key_store(&self) -> &Arc<KeyStore> {
        &self.database.keys
    }

    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Told by the audit area when an event has been written into this transaction.
    pub(crate) const fn mark_audited(&mut self) {
        self.audited = true;
    }

    /// Whether an event has been written into this transaction. The platform's own housekeeping has none to
    /// write; whoever answers a person asks.
    pub const fn is_audited(&self) -> bool {
        self.audited
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.transaction.commit().await?)
    }

    /// Gives the connection back without keeping anything.
    pub async fn roll_back(self) -> Result<(), DbError> {
        Ok(self.transaction.rollback().await?)
    }
}
