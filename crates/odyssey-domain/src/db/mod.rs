//! The way to PostgreSQL: two pools that nothing outside this area can reach, and the transactions
//! that are the context of all domain work.
//!
//! Owns: the pools. Promises: vendor work runs in a [`VendorTx`], cross-vendor work in a [`SystemTx`],
//! and there is no third way; a transaction that was cancelled half-way never reaches the next
//! borrower; what commits has been audited; a server that sleeps is waited for, one that is away is told
//! within `acquire_timeout`. Emits: [`Notice`]s after commit, to this process.
//! Never: hands out a pool or a bare connection.

mod error;
mod lender;
mod migrate;
mod notice;
mod pool;
mod system_tx;
#[cfg(feature = "testing")]
pub mod testing;
mod vendor_tx;

pub use error::{DbError, is_unavailable};
pub use migrate::{Logins, MigrationStatus, bootstrap_owner, migrate, migration_status, migrations_digest};
pub use notice::Notice;
pub use pool::{Database, DatabaseParts, LOADER_CONNECTIONS, PoolSettings};
pub use system_tx::SystemTx;
pub use vendor_tx::{ReadTx, VendorTx};
