//! Who somebody is, as an identity provider vouches for it. Never what they may do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use odyssey_types::{Clock, SessionId, UserId};

use super::{TenancyError, TokenIssuer};

/// An identity that a provider vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedIdentity {
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// Verifies bearer tokens. The local one is ours; others (Appwrite, OIDC) come beside it.
pub trait IdentityProvider: Send + Sync + std::fmt::Debug {
    /// The identity behind a bearer token, or [`TenancyError::Unauthenticated`].
    fn verify<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<VerifiedIdentity, TenancyError>> + Send + 'a>>;
}

/// Passwords and tokens of our own.
#[derive(Debug)]
pub struct LocalIdentityProvider {
    issuer: Arc<TokenIssuer>,
    clock: Arc<dyn Clock>,
}

impl LocalIdentityProvider {
    pub const fn new(issuer: Arc<TokenIssuer>, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, clock }
    }
}

impl IdentityProvider for LocalIdentityProvider {
    fn verify<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<VerifiedIdentity, TenancyError>> + Send + 'a>> {
        Box::pin(async move { self.issuer.verify(token, self.clock.now()) })
    }
}
