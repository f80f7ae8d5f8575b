//! Passwords, sessions, refresh and sign-out.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use odyssey_types::{RequestId, SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::{Purpose, TenancyError, TokenIssuer, VerifiedIdentity, store};
use crate::audit::{self, AuditEvent, Outcome};
use crate::db::{Database, SystemTx};

/// Cost of a password (OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB, 2 passes, 1 lane).
#[derive(Debug, Clone, Copy)]
pub struct PasswordSettings {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Shortest password; longest is bounded so that hashing is not a lever.
const PASSWORD_LENGTH_MIN: usize = 12;
const PASSWORD_LENGTH_MAX: usize = 256;
/// Wrong passwords before an account rests, and for how long.
const FAILED_SIGN_INS_MAX: i32 = 10;
const LOCK: TimeDelta = TimeDelta::minutes(15);
/// Passwords hashed at once: each takes tens of mebibytes and a core.
static HASHING: Semaphore = Semaphore::const_new(2);

/// A session just begun or refreshed.
#[derive(Debug)]
pub struct SignedIn {
    pub user_id: UserId,
    pub access_token: SecretString,
    pub access_expires_at: DateTime<Utc>,
    pub refresh_token: SecretString,
}

/// Signs in with e-mail and password. Whether the address or the password was wrong stays unsaid, also
/// by the time it takes.
pub async fn sign_in(
    database: &Database,
    issuer: &TokenIssuer,
    email: &str,
    password: &SecretString,
    request_id: RequestId,
) -> Result<SignedIn, TenancyError> {
    let email = email.trim().to_lowercase();
    let mut tx = SystemTx::begin(database).await?;
    let found = store::find_credentials(&mut tx, &email).await?;
    tx.roll_back().await?;
    let now = database.clock().now();
    refuse_while_resting(found.as_ref().and_then(|c| c.locked_until), now)?;
    // An unknown address costs one hash as well.
    let hash = found.as_ref().map_or_else(|| DECOY_HASH.to_owned(), |c| c.password_hash.clone());
    let right = verify_password(hash, password.clone()).await?;
    let Some(found) = found else { return Err(TenancyError::Unauthenticated) };

    let mut tx = SystemTx::begin(database).await?;
    // Others may have guessed while this one was hashed: what counts is how many have failed by now.
    refuse_while_resting(store::lock_account(&mut tx, found.user_id).await?, now)?;
    if !right {
        store::count_failed_sign_in(&mut tx, found.user_id, FAILED_SIGN_INS_MAX, now + LOCK).await?;
        record(&mut tx, found.user_id, request_id, "session.sign_in", Outcome::Failed).await?;
        tx.commit().await?;
        return Err(TenancyError::Unauthenticated);
    }
    store::forget_failed_sign_ins(&mut tx, found.user_id).await?;
    let session_id = SessionId::generate(now);
    let refresh_token = new_refresh_token();
    let expires_at = now + issuer.settings().refresh_ttl;
    store::insert_session(&mut tx, session_id, found.user_id, &hash_token(&refresh_token), expires_at)
        .await?;
    record(&mut tx, found.user_id, request_id, "session.sign_in", Outcome::Allowed).await?;
    tx.commit().await?;
    signed_in(issuer, VerifiedIdentity { user_id: found.user_id, session_id }, refresh_token, now)
}

fn refuse_while_resting(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), TenancyError> {
    match until {
        Some(until) if until > now => {
            let retry_after_seconds = (until - now).num_seconds().max(1).unsigned_abs();
            Err(TenancyError::SignInLimited { retry_after_seconds })
        }
        _ => Ok(()),
    }
}

/// Exchanges a refresh token for a new pair. A token presented twice ends its session.
pub async fn refresh(
    database: &Database,
    issuer: &TokenIssuer,
    token: &SecretString,
    request_id: RequestId,
) -> Result<SignedIn, TenancyError> {
    let presented = hash_token(token);
    let next = new_refresh_token();
    let mut tx = SystemTx::begin(database).await?;
    if let Some((session_id, user_id)) =
        store::rotate_session(&mut tx, &presented, &hash_token(&next)).await?
    {
        record(&mut tx, user_id, request_id, "session.refresh", Outcome::Allowed).await?;
        let now = tx.now();
        tx.commit().await?;
        return signed_in(issuer, VerifiedIdentity { user_id, session_id }, next, now);
    }
    if let Some((_, user_id)) = store::revoke_session_of_former_token(&mut tx, &presented).await? {
        record(&mut tx, user_id, request_id, "session.refresh_reused", Outcome::Refused).await?;
    }
    tx.commit().await?;
    Err(TenancyError::Unauthenticated)
}

/// Ends a session: its access tokens stop working with the next request.
pub async fn sign_out(
    database: &Database,
    identity: &VerifiedIdentity,
    request_id: RequestId,
) -> Result<(), TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    if store::revoke_session(&mut tx, identity.session_id).await? {
        record(&mut tx, identity.user_id, request_id, "session.sign_out", Outcome::Allowed).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Hashes a new password after checking its length.
pub async fn hash_password(
    settings: PasswordSettings,
    password: &SecretString,
) -> Result<String, TenancyError> {
    let length = password.expose_secret().chars().count();
    if !(PASSWORD_LENGTH_MIN..=PASSWORD_LENGTH_MAX).contains(&length) {
        return Err(TenancyError::Invalid(format!(
            "a password has between {PASSWORD_LENGTH_MIN} and {PASSWORD_LENGTH_MAX} characters"
        )));
    }
    let password = password.clone();
    in_the_hashing_pool(move || {
        let params =
            Params::new(settings.memory_kib, settings.passes, 1, None).map_err(|_| TenancyError::Hashing)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(password.expose_secret().as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|_| TenancyError::Hashing)
    })
    .await
}

/// A hash of nothing anybody knows, with the default cost.
const DECOY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZGVjb3ktc2FsdC0wMDAx$0000000000000000000000000000000000000000000";

async fn verify_password(hash: String, password: SecretString) -> Result<bool, TenancyError> {
    in_the_hashing_pool(move || {
        let hash = PasswordHash::new(&hash).map_err(|_| TenancyError::Hashing)?;
        Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
    })
    .await
}

async fn in_the_hashing_pool<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TenancyError> + Send + 'static,
) -> Result<T, TenancyError> {
    let _permit = HASHING.acquire().await.map_err(|_| TenancyError::Hashing)?;
    tokio::task::spawn_blocking(work).await.map_err(|_| TenancyError::Hashing)?
}

fn new_refresh_token() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn hash_token(token: &SecretString) -> Vec<u8> {
    Sha256::digest(token.expose_secret().as_bytes()).to_vec()
}

fn signed_in(
    issuer: &TokenIssuer,
    identity: VerifiedIdentity,
    refresh_token: SecretString,
    now: DateTime<Utc>,
) -> Result<SignedIn, TenancyError> {
    Ok(SignedIn {
        user_id: identity.user_id,
        access_token: issuer.issue(identity, now)?.into(),
        access_expires_at: now + issuer.settings().access_ttl,
        refresh_token,
    })
}

async fn record(
    tx: &mut SystemTx,
    user_id: UserId,
    request_id: RequestId,
    action: &'static str,
    outcome: Outcome,
) -> Result<(), TenancyError> {
    let event = AuditEvent::new(action, "session", Purpose::Operations).outcome(outcome);
    audit::record_without_role(tx, user_id, request_id, event).await?;
    Ok(())
}
