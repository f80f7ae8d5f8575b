//! The transaction of work that belongs to no single vendor: sign-in, provisioning, the queue,
//! retention. It sees no catalog, no customer and no health data: the platform role has no policy there.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_types::Clock;
use odyssey_vault::KeyStore;
use sqlx::{PgConnection, Postgres, Transaction};

use super::vendor_tx::begin_as;
use super::{Database, DbError, Notice};

/// A cross-vendor transaction. Made only by sign-in, operators and workers.
#[derive(Debug)]
pub struct SystemTx {
    transaction: Transaction<'static, Postgres>,
    database: Database,
    notices: Vec<Notice>,
}

impl SystemTx {
    pub async fn begin(database: &Database) -> Result<Self, DbError> {
        let transaction = begin_as(&database.platform, "odyssey_platform", None).await?;
        Ok(Self { transaction, database: database.clone(), notices: Vec::new() })
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

    pub(crate) fn notify_after_commit(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    pub async fn commit(self) -> Result<(), DbError> {
        let Self { transaction, database, notices } = self;
        transaction.commit().await?;
        for notice in notices {
            database.notify(notice);
        }
        Ok(())
    }

    /// Gives the connection back without keeping anything.
    pub async fn roll_back(self) -> Result<(), DbError> {
        Ok(self.transaction.rollback().await?)
    }
}
