//! Claiming a key, storing and replaying its answer.

use chrono::TimeDelta;
use odyssey_types::{UserId, VendorId};
use odyssey_vault::{Aad, VaultError};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::{Database, DbError, SystemTx, VendorTx};
use crate::retention::Holds;

/// How long an answer is replayed.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a call may run before another with its key may take over: longer than any request may last.
const LEASE: TimeDelta = TimeDelta::seconds(120);

/// What a key is unique within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyScope {
    /// The vendor, or [`super::PLATFORM`] for what belongs to none.
    pub vendor_id: VendorId,
    pub principal_id: UserId,
    pub method: String,
    /// The route template: `/api/v1/products/{product_id}`.
    pub route: String,
    pub key: String,
    /// SHA-256 over method, path, query and body.
    pub fingerprint: [u8; 32],
}

/// An answer as it was first given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    pub status: u16,
    /// Header names and values that belong to the answer: content type, ETag, location.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What became of claiming a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has used it: go on, and store the answer.
    Fresh,
    /// The same call was answered before.
    Replay(StoredAnswer),
    /// The same call is under way.
    InProgress,
    /// The key was used with another body.
    Reused,
}

#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("a stored answer could not be sealed or opened")]
    Vault(#[from] VaultError),
    #[error("a stored answer is not readable")]
    Unreadable(#[from] serde_json::Error),
}

impl From<sqlx::Error> for IdempotencyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Claims a key in a transaction of its own, so that a concurrent call sees it.
pub async fn claim(database: &Database, scope: &IdempotencyScope) -> Result<Claim, IdempotencyError> {
    let mut tx = SystemTx::begin(database).await?;
    let now = tx.now();
    let claimed = sqlx::query_scalar!(
        "INSERT INTO idempotency_keys AS k (vendor_id, principal_id, method, route, key, fingerprint, lease_until, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (vendor_id, principal_id, method, route, key) DO UPDATE
             SET fingerprint = excluded.fingerprint, lease_until = excluded.lease_until, answer_sealed = NULL,
                 created_at = excluded.created_at, expires_at = excluded.expires_at
             -- Take over what has expired, and what somebody claimed and never came back for.
             WHERE k.expires_at <= $8 OR (k.answer_sealed IS NULL AND k.lease_until <= $8 AND k.fingerprint = excluded.fingerprint)
         RETURNING key",
        scope.vendor_id.as_uuid(),
        scope.principal_id.as_uuid(),
        scope.method,
        scope.route,
        scope.key,
        &scope.fingerprint[..],
        now + LEASE,
        now,
        now + KEPT,
    )
    .fetch_optional(tx.connection())
    .await?;
    if claimed.is_some() {
        tx.commit().await?;
        return Ok(Claim::Fresh);
    }
    let held = sqlx::query!(
        "SELECT fingerprint, answer_sealed FROM idempotency_keys
         WHERE vendor_id = $1 AND principal_id = $2 AND method = $3 AND route = $4 AND key = $5",
        scope.vendor_id.as_uuid(),
        scope.principal_id.as_uuid(),
        scope.method,
        scope.route,
        scope.key,
    )
    .fetch_optional(tx.connection())
    .await?;
    tx.roll_back().await?;
    match held {
        Some(held) if held.fingerprint != scope.fingerprint => Ok(Claim::Reused),
        Some(held) => match held.answer_sealed {
            Some(sealed) => Ok(Claim::Replay(open(database, scope, &sealed)?)),
            None => Ok(Claim::InProgress),
        },
        // Released between the two statements: the caller may simply try again.
        None => Ok(Claim::InProgress),
    }
}

/// Stores the answer in the transaction of the effect: both happen or neither.
pub async fn store_answer(
    tx: &mut VendorTx,
    scope: &IdempotencyScope,
    answer: &StoredAnswer,
) -> Result<(), IdempotencyError> {
    let sealed = seal(tx.database(), scope, answer)?;
    write_answer(tx.connection(), scope, &sealed).await
}

/// The same for an act of the platform. Refused where nothing was audited, since then the act must not happen.
pub async fn store_platform_answer(
    tx: &mut SystemTx,
    scope: &IdempotencyScope,
    answer: &StoredAnswer,
) -> Result<(), IdempotencyError> {
    if !tx.is_audited() {
        return Err(DbError::Unaudited.into());
    }
    let sealed = seal(tx.database(), scope, answer)?;
    write_answer(tx.connection(), scope, &sealed).await
}

async fn write_answer(
    connection: &mut PgConnection,
    scope: &IdempotencyScope,
    sealed: &[u8],
) -> Result<(), IdempotencyError> {
    sqlx::query!(
        "UPDATE idempotency_keys SET answer_sealed = $6, lease_until = NULL
         WHERE vendor_id = $1 AND principal_id = $2 AND method = $3 AND route = $4 AND key = $5",
        scope.vendor_id.as_uuid(),
        scope.principal_id.as_uuid(),
        scope.method,
        scope.route,
        scope.key,
        sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores the answer of a call that had no effect: a problem that the same body will meet again.
pub async fn store_after(
    database: &Database,
    scope: &IdempotencyScope,
    answer: &StoredAnswer,
) -> Result<(), IdempotencyError> {
    let sealed = seal(database, scope, answer)?;
    let mut tx = SystemTx::begin(database).await?;
    sqlx::query!(
        "UPDATE idempotency_keys SET answer_sealed = $6, lease_until = NULL
         WHERE vendor_id = $1 AND principal_id = $2 AND method = $3 AND route = $4 AND key = $5 AND answer_sealed IS NULL",
        scope.vendor_id.as_uuid(),
        scope.principal_id.as_uuid(),
        scope.method,
        scope.route,
        scope.key,
        sealed,
    )
    .execute(tx.connection())
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Gives a key back that ended without an answer worth keeping.
pub async fn release(database: &Database, scope: &IdempotencyScope) -> Result<(), IdempotencyError> {
    let mut tx = SystemTx::begin(database).await?;
    sqlx::query!(
        "DELETE FROM idempotency_keys
         WHERE vendor_id = $1 AND principal_id = $2 AND method = $3 AND route = $4 AND key = $5 AND answer_sealed IS NULL",
        scope.vendor_id.as_uuid(),
        scope.principal_id.as_uuid(),
        scope.method,
        scope.route,
        scope.key,
    )
    .execute(tx.connection())
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes what has expired; returns how many.
pub async fn purge_expired(database: &Database) -> Result<u64, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let now = tx.now();
    let holds = Holds::read(&mut tx).await?;
    if holds.cover_everything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let done = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE expires_at <= $1 AND vendor_id <> ALL ($2)",
        now,
        holds.vendors(),
    )
    .execute(tx.connection())
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

fn seal(
    database: &Database,
    scope: &IdempotencyScope,
    answer: &StoredAnswer,
) -> Result<Vec<u8>, IdempotencyError> {
    let keys = database.keys().vendor(scope.vendor_id)?;
    Ok(keys.seal_vendor(&aad(scope), &serde_json::to_vec(answer)?)?)
}

fn open(
    database: &Database,
    scope: &IdempotencyScope,
    sealed: &[u8],
) -> Result<StoredAnswer, IdempotencyError> {
    let keys = database.keys().vendor(scope.vendor_id)?;
    Ok(serde_json::from_slice(&keys.open_vendor(&aad(scope), sealed)?)?)
}

/// Binds the answer to the vendor and to the request it answers.
fn aad(scope: &IdempotencyScope) -> Aad {
    let mut row = [0; 16];
    row.copy_from_slice(&scope.fingerprint[..16]);
    Aad { vendor: scope.vendor_id, row: Uuid::from_bytes(row), column: "idempotency_keys.answer" }
}
