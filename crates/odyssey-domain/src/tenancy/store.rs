//! All SQL on vendors, users, memberships and sessions.

use chrono::{DateTime, Utc};
use odyssey_types::{SessionId, UserId, VendorId};
use uuid::Uuid;

use super::{Membership, Role, TenancyError, Vendor};
use crate::db::{DbError, SystemTx};

/// What a user is, and where, at this moment.
#[derive(Debug)]
pub(super) struct Standing {
    pub is_superadmin: bool,
    pub memberships: Vec<StandingMembership>,
    vendors: Vec<VendorId>,
}

impl Standing {
    pub(super) fn wanted_exists(&self, wanted: VendorId) -> bool {
        self.vendors.contains(&wanted)
    }
}

#[derive(Debug)]
pub(super) struct StandingMembership {
    pub vendor_id: VendorId,
    pub role: Role,
    pub vendor_suspended: bool,
}

/// The user's roles, provided that user and session are still good; one round trip.
pub(super) async fn find_standing(
    tx: &mut SystemTx,
    user_id: UserId,
    session_id: SessionId,
) -> Result<Option<Standing>, DbError> {
    let now = tx.now();
    let rows = sqlx::query!(
        r#"SELECT u.platform_role,
                  m.role AS "role?",
                  v.id AS "vendor_id?",
                  v.suspended_at IS NOT NULL AS "vendor_suspended?",
                  m.user_id IS NOT NULL AS "member!"
           FROM users u
           JOIN sessions s ON s.user_id = u.id AND s.id = $2 AND s.revoked_at IS NULL AND s.expires_at > $3
           LEFT JOIN (vendors v
                      LEFT JOIN memberships m ON m.vendor_id = v.id AND m.user_id = $1 AND m.suspended_at IS NULL)
                  ON v.removed_at IS NULL AND (m.user_id IS NOT NULL OR u.platform_role = 'superadmin')
           WHERE u.id = $1 AND u.disabled_at IS NULL
           ORDER BY v.id"#,
        user_id.as_uuid(),
        session_id.as_uuid(),
        now,
    )
    .fetch_all(tx.connection())
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let is_superadmin = first.platform_role.as_deref() == Some("superadmin");
    let mut standing = Standing { is_superadmin, memberships: Vec::new(), vendors: Vec::new() };
    for row in rows {
        let Some(vendor_id) = row.vendor_id.map(VendorId::from_uuid) else { continue };
        standing.vendors.push(vendor_id);
        if !row.member {
            continue;
        }
        let role = row.role.as_deref().and_then(Role::parse);
        let role = role.ok_or_else(|| DbError::inconsistent("a membership has a role we do not know"))?;
        let vendor_suspended = row.vendor_suspended.unwrap_or(true);
        standing.memberships.push(StandingMembership { vendor_id, role, vendor_suspended });
    }
    Ok(Some(standing))
}

/// What sign-in reads of a user.
#[derive(Debug)]
pub(super) struct Credentials {
    pub user_id: UserId,
    pub password_hash: String,
    pub locked_until: Option<DateTime<Utc>>,
}

pub(super) async fn find_credentials(tx: &mut SystemTx, email: &str) -> Result<Option<Credentials>, DbError> {
    let row = sqlx::query!(
        "SELECT id, password_hash, locked_until
         FROM users WHERE email = $1 AND disabled_at IS NULL",
        email,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Credentials {
        user_id: row.id.into(),
        password_hash: row.password_hash,
        locked_until: row.locked_until,
    }))
}

/// Locks a person's row, so that attempts at the same time are counted one after the other, and says until
/// when the account rests.
pub(super) async fn lock_account(
    tx: &mut SystemTx,
    user_id: UserId,
) -> Result<Option<DateTime<Utc>>, DbError> {
    let statement = sqlx::query_scalar!(
        "SELECT locked_until FROM users WHERE id = $1 AND disabled_at IS NULL FOR UPDATE",
        user_id.as_uuid(),
    );
    Ok(statement.fetch_optional(tx.connection()).await?.flatten())
}

/// One more wrong password; the last of `failures_max` lets the account rest until `rest_until`.
pub(super) async fn count_failed_sign_in(
    tx: &mut SystemTx,
    user_id: UserId,
    failures_max: i32,
    rest_until: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE users
         SET failed_sign_ins = CASE WHEN failed_sign_ins + 1 >= $2 THEN 0 ELSE failed_sign_ins + 1 END,
             locked_until    = CASE WHEN failed_sign_ins + 1 >= $2 THEN $3::timestamptz END
         WHERE id = $1",
        user_id.as_uuid(),
        failures_max,
        rest_until,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn forget_failed_sign_ins(tx: &mut SystemTx, user_id: UserId) -> Result<(), DbError> {
    sqlx::query!(
        "UPDATE users SET failed_sign_ins = 0, locked_until = NULL WHERE id = $1",
        user_id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn insert_session(
    tx: &mut SystemTx,
    session_id: SessionId,
    user_id: UserId,
    refresh_token_hash: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, refresh_token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        session_id.as_uuid(),
        user_id.as_uuid(),
        refresh_token_hash,
        now,
        expires_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Exchanges a refresh token for the next one; `None` when it is not current.
pub(super) async fn rotate_session(
    tx: &mut SystemTx,
    presented_hash: &[u8],
    next_hash: &[u8],
) -> Result<Option<(SessionId, UserId)>, DbError> {
    let now = tx.now();
    let row = sqlx::query!(
        "UPDATE sessions s SET refresh_token_hash = $2, former_token_hash = $1
         FROM users u
         WHERE s.refresh_token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $3
           AND u.id = s.user_id AND u.disabled_at IS NULL
         RETURNING s.id, s.user_id",
        presented_hash,
        next_hash,
        now,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| (row.id.into(), row.user_id.into())))
}

/// A token that was already exchanged came back: somebody copied it, so the session ends for both.
pub(super) async fn revoke_session_of_former_token(
    tx: &mut SystemTx,
    presented_hash: &[u8],
) -> Result<Option<(SessionId, UserId)>, DbError> {
    let now = tx.now();
    let row = sqlx::query!(
        "UPDATE sessions SET revoked_at = $2 WHERE former_token_hash = $1 AND revoked_at IS NULL
         RETURNING id, user_id",
        presented_hash,
        now,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| (row.id.into(), row.user_id.into())))
}

pub(super) async fn revoke_session(tx: &mut SystemTx, session_id: SessionId) -> Result<bool, DbError> {
    let now = tx.now();
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        session_id.as_uuid(),
        now
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes sessions that ended before `before`.
pub(super) async fn purge_sessions(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64, DbError> {
    let done = sqlx::query!("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", before)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected())
}

struct VendorRow {
    id: Uuid,
    slug: String,
    name: String,
    catalog_version: i64,
    key_fingerprint: String,
    created_at: DateTime<Utc>,
    suspended_at: Option<DateTime<Utc>>,
}

impl From<VendorRow> for Vendor {
    fn from(row: VendorRow) -> Self {
        Self {
            id: row.id.into(),
            slug: row.slug,
            name: row.name,
            catalog_version: row.catalog_version,
            key_fingerprint: row.key_fingerprint,
            created_at: row.created_at,
            suspended_at: row.suspended_at,
        }
    }
}

pub(super) async fn find_vendor(tx: &mut SystemTx, id: VendorId) -> Result<Option<Vendor>, DbError> {
    let row = sqlx::query_as!(
        VendorRow,
        "SELECT id, slug, name, catalog_version, key_fingerprint, created_at, suspended_at
         FROM vendors WHERE id = $1 AND removed_at IS NULL",
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(Vendor::from))
}

pub(super) async fn find_vendor_by_slug(tx: &mut SystemTx, slug: &str) -> Result<Option<Vendor>, DbError> {
    let row = sqlx::query_as!(
        VendorRow,
        "SELECT id, slug, name, catalog_version, key_fingerprint, created_at, suspended_at
         FROM vendors WHERE slug = $1 AND removed_at IS NULL",
        slug,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(Vendor::from))
}

pub(super) async fn list_vendors(tx: &mut SystemTx) -> Result<Vec<Vendor>, DbError> {
    let rows = sqlx::query_as!(
        VendorRow,
        "SELECT id, slug, name, catalog_version, key_fingerprint, created_at, suspended_at
         FROM vendors WHERE removed_at IS NULL ORDER BY slug",
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Vendor::from).collect())
}

/// How long the making or removing of a vendor waits for that of another: each takes seconds.
const VENDOR_LOCK_TIMEOUT: &str = "60s";

/// Until the end of the transaction nobody else makes or removes a vendor: the partitions of both hang on the same
/// tables, and whoever waits for those in the middle of it is refused after a few seconds.
async fn lock_vendors(tx: &mut SystemTx) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT concat(set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true)) AS set",
        VENDOR_LOCK_TIMEOUT
    )
    .fetch_one(tx.connection())
    .await?;
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('odyssey.vendors', 0))")
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub(super) async fn insert_vendor(
    tx: &mut SystemTx,
    vendor: &Vendor,
    product_leaves: i32,
    customer_leaves: i32,
) -> Result<(), TenancyError> {
    lock_vendors(tx).await?;
    sqlx::query!(
        "INSERT INTO vendors (id, slug, name, key_fingerprint, product_leaves, customer_leaves, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vendor.id.as_uuid(),
        vendor.slug,
        vendor.name,
        vendor.key_fingerprint,
        product_leaves,
        customer_leaves,
        vendor.created_at,
    )
    .execute(tx.connection())
    .await
    .map_err(|error| match DbError::from(error) {
        error if error.constraint() == Some("vendors_slug_key") => {
            TenancyError::SlugTaken(vendor.slug.clone())
        }
        error => error.into(),
    })?;
    sqlx::query!(
        "SELECT odyssey.provision_vendor($1, $2, $3)",
        vendor.id.as_uuid(),
        product_leaves,
        customer_leaves
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn set_vendor_suspended(
    tx: &mut SystemTx,
    id: VendorId,
    suspended_at: Option<DateTime<Utc>>,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE vendors SET suspended_at = $2 WHERE id = $1 AND removed_at IS NULL",
        id.as_uuid(),
        suspended_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn remove_vendor(tx: &mut SystemTx, id: VendorId) -> Result<(), DbError> {
    let now = tx.now();
    lock_vendors(tx).await?;
    sqlx::query!("SELECT odyssey.remove_vendor($1, $2)", id.as_uuid(), now).execute(tx.connection()).await?;
    // Nobody of this vendor can be brought back: its keys are gone.
    sqlx::query!("DELETE FROM erasures WHERE vendor_id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}

pub(super) async fn insert_user(
    tx: &mut SystemTx,
    id: UserId,
    email: &str,
    display_name: &str,
    password_hash: &str,
    platform_role: Option<&str>,
) -> Result<(), TenancyError> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO users (id, email, display_name, password_hash, platform_role, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id.as_uuid(),
        email,
        display_name,
        password_hash,
        platform_role,
        now,
    )
    .execute(tx.connection())
    .await
    .map_err(|error| match DbError::from(error) {
        error if error.constraint() == Some("users_email_key") => TenancyError::EmailTaken,
        error => error.into(),
    })?;
    Ok(())
}

pub(super) async fn find_user_id(tx: &mut SystemTx, email: &str) -> Result<Option<UserId>, DbError> {
    let id = sqlx::query_scalar!("SELECT id FROM users WHERE email = $1", email)
        .fetch_optional(tx.connection())
        .await?;
    Ok(id.map(UserId::from_uuid))
}

pub(super) async fn upsert_membership(
    tx: &mut SystemTx,
    vendor_id: VendorId,
    user_id: UserId,
    role: Role,
) -> Result<(), DbError> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO memberships (vendor_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (vendor_id, user_id) DO UPDATE SET role = excluded.role, suspended_at = NULL",
        vendor_id.as_uuid(),
        user_id.as_uuid(),
        role.as_str(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn set_membership_suspended(
    tx: &mut SystemTx,
    vendor_id: VendorId,
    user_id: UserId,
    suspended_at: Option<DateTime<Utc>>,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "UPDATE memberships SET suspended_at = $3 WHERE vendor_id = $1 AND user_id = $2",
        vendor_id.as_uuid(),
        user_id.as_uuid(),
        suspended_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn list_memberships_of(
    tx: &mut SystemTx,
    user_id: UserId,
) -> Result<Vec<Membership>, DbError> {
    let rows = sqlx::query!(
        "SELECT m.vendor_id, m.role, v.slug, v.name, v.suspended_at IS NOT NULL AS \"suspended!\"
         FROM memberships m JOIN vendors v ON v.id = m.vendor_id
         WHERE m.user_id = $1 AND m.suspended_at IS NULL AND v.removed_at IS NULL
         ORDER BY v.slug",
        user_id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            let role = Role::parse(&row.role)
                .ok_or_else(|| DbError::inconsistent("a membership has a role we do not know"))?;
            Ok(Membership {
                vendor_id: row.vendor_id.into(),
                vendor_slug: row.slug,
                vendor_name: row.name,
                role,
                vendor_suspended: row.suspended,
            })
        })
        .collect()
}

/// The fingerprint recorded for a scope; records `fingerprint` when there is none yet.
pub(super) async fn recorded_fingerprint(
    tx: &mut SystemTx,
    scope: &str,
    fingerprint: &str,
) -> Result<String, DbError> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO key_fingerprints (scope, fingerprint, recorded_at) VALUES ($1, $2, $3) ON CONFLICT (scope) DO NOTHING",
        scope,
        fingerprint,
        now,
    )
    .execute(tx.connection())
    .await?;
    let recorded = sqlx::query_scalar!("SELECT fingerprint FROM key_fingerprints WHERE scope = $1", scope)
        .fetch_one(tx.connection())
        .await?;
    Ok(recorded)
}
