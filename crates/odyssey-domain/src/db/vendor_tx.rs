//! The transaction of one vendor: scope, actor, clock, keys and connection in one value.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_types::VendorId;
use odyssey_vault::{KeyStore, VaultError, VendorKeys};
use sqlx::{PgConnection, Postgres, Transaction};

use super::lender::{Begun, Lender, Loan};
use super::{Database, DbError, Notice};
use crate::tenancy::{Actor, VendorScope};

/// A transaction that sees one vendor and will be committed: it must be audited before it is.
///
/// The only way for vendor work to reach the database. Dropped without [`VendorTx::commit`], it rolls
/// back.
#[derive(Debug)]
pub struct VendorTx {
    transaction: Transaction<'static, Postgres>,
    database: Database,
    scope: VendorScope,
    actor: Actor,
    audited: bool,
    notices: Vec<Notice>,
    _loan: Loan,
}

impl VendorTx {
    pub(crate) async fn begin(
        database: &Database,
        scope: VendorScope,
        actor: Actor,
    ) -> Result<Self, DbError> {
        Self::begin_on(&database.app, database, scope, actor).await
    }

    async fn begin_on(
        lender: &Lender,
        database: &Database,
        scope: VendorScope,
        actor: Actor,
    ) -> Result<Self, DbError> {
        let begun = begin_as(lender, "odyssey_app", Some(scope.vendor_id())).await?;
        Ok(Self {
            transaction: begun.transaction,
            database: database.clone(),
            scope,
            actor,
            audited: false,
            notices: Vec::new(),
            _loan: begun.loan,
        })
    }

    pub const fn vendor_id(&self) -> VendorId {
        self.scope.vendor_id()
    }

    pub const fn scope(&self) -> VendorScope {
        self.scope
    }

    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.database.clock.now()
    }

    pub const fn database(&self) -> &Database {
        &self.database
    }

    pub fn keys(&self) -> Result<Arc<VendorKeys>, VaultError> {
        self.database.keys.vendor(self.scope.vendor_id())
    }

    pub fn key_store(&self) -> &Arc<KeyStore> {
        &self.database.keys
    }

    /// The connection, for the stores of this crate.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Told by the audit area when an event has been written into this transaction.
    pub(crate) const fn mark_audited(&mut self) {
        self.audited = true;
    }

    /// Tells this process after the commit.
    pub(crate) fn notify_after_commit(&mut self, notice: Notice) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Commits; refuses when nothing was audited, since then the act must not happen.
    pub async fn commit(self) -> Result<(), DbError> {
        if !self.audited {
            return Err(DbError::Unaudited);
        }
        let Self { transaction, database, notices, .. } = self;
        transaction.commit().await?;
        for notice in notices {
            database.notify(notice);
        }
        Ok(())
    }

    /// Ends the transaction without keeping anything.
    pub async fn roll_back(self) -> Result<(), DbError> {
        Ok(self.transaction.rollback().await?)
    }
}

/// A transaction for reads that disclose nothing personal: it cannot commit a write, because it never
/// commits. May be served by a replica, which may be behind.
#[derive(Debug)]
pub struct ReadTx(VendorTx);

impl ReadTx {
    pub(crate) async fn begin(
        database: &Database,
        scope: VendorScope,
        actor: Actor,
    ) -> Result<Self, DbError> {
        Ok(Self(VendorTx::begin_on(&database.read, database, scope, actor).await?))
    }

    /// On one of the connections kept for loading whole catalogs.
    pub(crate) async fn begin_for_loading(
        database: &Database,
        scope: VendorScope,
        actor: Actor,
    ) -> Result<Self, DbError> {
        Ok(Self(VendorTx::begin_on(&database.loader, database, scope, actor).await?))
    }

    /// On the primary, for what the caller has just been told of and a replica may not know yet.
    pub(crate) async fn begin_on_primary(
        database: &Database,
        scope: VendorScope,
        actor: Actor,
    ) -> Result<Self, DbError> {
        Ok(Self(VendorTx::begin_on(&database.app, database, scope, actor).await?))
    }

    /// The transaction to read by.
    pub const fn tx(&mut self) -> &mut VendorTx {
        &mut self.0
    }

    /// Gives the connection back.
    pub async fn finish(self) -> Result<(), DbError> {
        self.0.roll_back().await
    }
}

/// Begins a transaction under a role, and a vendor where there is one, in a single round trip.
///
/// The second guard: this runs in a task of its own, so that a caller that goes away (axum drops the
/// future when a client hangs up) cannot leave a begun transaction behind in the pool.
pub(super) async fn begin_as(
    lender: &Lender,
    role: &'static str,
    vendor: Option<VendorId>,
) -> Result<Begun, DbError> {
    let lender = lender.clone();
    // A UUID and a role name of ours: nothing that a request could have written.
    let vendor = vendor.map(|id| id.to_string()).unwrap_or_default();
    let statement = format!(
        "BEGIN; SELECT set_config('role', '{role}', true), set_config('app.vendor_id', '{vendor}', true)"
    );
    match tokio::spawn(async move { lender.begin(&statement).await }).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(DbError::Unavailable(sqlx::Error::WorkerCrashed)),
    }
}
