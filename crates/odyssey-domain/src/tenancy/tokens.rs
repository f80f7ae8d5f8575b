//! Short-lived access tokens, signed with Ed25519. The signing key lives in the key store.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use odyssey_types::{SessionId, UserId};
use odyssey_vault::KeyStore;
use serde::{Deserialize, Serialize};

use super::signing::SigningKey;
use super::{TenancyError, VerifiedIdentity};

/// Name of the signing key in the key store.
const SIGNING_KEY: &str = "token-signing";
const ISSUER: &str = "odyssey";
const AUDIENCE: &str = "odyssey-api";

/// How long tokens live.
#[derive(Debug, Clone, Copy)]
pub struct TokenSettings {
    /// An access token; short, since it cannot be taken back (its session can).
    pub access_ttl: TimeDelta,
    /// A session without being refreshed.
    pub refresh_ttl: TimeDelta,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { access_ttl: TimeDelta::minutes(10), refresh_ttl: TimeDelta::hours(12) }
    }
}

/// What a token says: who, and in which session. No role, no vendor.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Makes and reads access tokens.
pub struct TokenIssuer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    settings: TokenSettings,
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenIssuer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl TokenIssuer {
    /// Takes the signing key from the key store, making it on first use; signs and verifies once, so
    /// that a missing crypto provider shows at start and not at the first request.
    pub fn open(keys: &KeyStore, settings: TokenSettings) -> Result<Self, TenancyError> {
        let key = SigningKey::open(keys, SIGNING_KEY)?;
        let issuer = Self {
            encoding: EncodingKey::from_ed_der(key.pkcs8()),
            decoding: DecodingKey::from_ed_components(&key.public).map_err(TenancyError::Token)?,
            settings,
        };
        issuer.self_test()?;
        Ok(issuer)
    }

    pub const fn settings(&self) -> TokenSettings {
        self.settings
    }

    /// A token for a session, good for the access time from `now`.
    pub fn issue(&self, identity: VerifiedIdentity, now: DateTime<Utc>) -> Result<String, TenancyError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: identity.user_id,
            sid: identity.session_id,
            iat: now.timestamp(),
            exp: (now + self.settings.access_ttl).timestamp(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.encoding)
            .map_err(TenancyError::Token)
    }

    /// The identity in a token; any fault in it is the same [`TenancyError::Unauthenticated`].
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<VerifiedIdentity, TenancyError> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is judged below, by our own clock and without leeway.
        validation.validate_exp = false;
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| TenancyError::Unauthenticated)?;
        if token.claims.exp <= now.timestamp() {
            return Err(TenancyError::Unauthenticated);
        }
        Ok(VerifiedIdentity { user_id: token.claims.sub, session_id: token.claims.sid })
    }

    fn self_test(&self) -> Result<(), TenancyError> {
        let nobody =
            VerifiedIdentity { user_id: uuid::Uuid::nil().into(), session_id: uuid::Uuid::nil().into() };
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let token = self.issue(nobody, at)?;
        if self.verify(&token, at)? == nobody {
            Ok(())
        } else {
            Err(TenancyError::KeyStoreMismatch(
                "the token signing key does not verify its own signature".to_owned(),
            ))
        }
    }
}
