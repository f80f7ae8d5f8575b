//! The outbox: events leave the platform from here, after the commit that caused them.
//!
//! Owns: `outbox`. Promises: an event exists exactly when its change does. Emits: events for webhooks.
//! Never: carries anything personal; ids, codes and counts only.

mod store;

use serde_json::Value;

use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::{self, Holds};

/// Events deleted in one transaction.
const EVENTS_A_TURN: i64 = 10_000;

/// Writes an event into the transaction of the change.
pub async fn emit(tx: &mut VendorTx, event: &'static str, payload: Value) -> Result<(), DbError> {
    store::insert_event(tx, event, payload).await
}

/// Deletes the events that are older than they are kept, delivered or not; says how many.
pub async fn purge_events(database: &Database) -> Result<u64, DbError> {
    let mut purged = 0;
    loop {
        let mut tx = SystemTx::begin(database).await?;
        let holds = Holds::read(&mut tx).await?;
        if holds.cover_everything() {
            tx.roll_back().await?;
            return Ok(purged);
        }
        let before = tx.now() - retention::OUTBOX_EVENTS;
        let turn = store::delete_events(&mut tx, before, holds.vendors(), EVENTS_A_TURN).await?;
        tx.commit().await?;
        purged += turn;
        if turn < EVENTS_A_TURN.unsigned_abs() {
            return Ok(purged);
        }
    }
}
