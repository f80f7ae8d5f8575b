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
    _loan: Loan,
}

impl SystemTx {
    pub async fn begin(database: &Database) -> Result<Self, DbError> {
        let begun = begin_as(&database.platform, "odyssey_platform", None).await?;
        Ok(Self { transaction: begun.transaction, database: database.clone(), _loan: begun.loan })
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
