//! What every handler can reach.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use odyssey_domain::catalog::PictureFetcher;
use odyssey_domain::db::Database;
use odyssey_domain::ingestion::Ingestion;
use odyssey_domain::matching::{Audiences, ReceiptSigner, Snapshots};
use odyssey_domain::tenancy::{IdentityProvider, TokenIssuer};
use odyssey_types::{Clock, VendorId};

use crate::health::Readiness;
use crate::limits::{RateLimiter, RateSettings};
use crate::operation::Operation;
use crate::problem::Problem;

/// Limits and habits of the HTTP side.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Longest JSON body, in bytes: 10,000 real products must fit.
    pub body_bytes_max: usize,
    /// JSON bodies held in memory at once, in bytes, over all requests; the next one waits.
    pub body_bytes_in_memory_max: usize,
    /// How deep arrays and objects may be nested in a body.
    pub body_depth_max: usize,
    /// Longest time from the first byte of a request to the first of its answer, except for streamed bodies.
    /// Shorter than the lease of an idempotency key (120 s).
    pub request_timeout: Duration,
    /// Requests worked on at once, the rate class `Free` apart; one more waits for its turn, as long as its time lasts.
    pub concurrent_requests_max: usize,
    /// Proxies in front of us that append to `X-Forwarded-For`; 0 takes the address of the connection.
    pub trusted_proxies: usize,
    /// Origins of browsers that may call us from elsewhere; none by default.
    pub cors_origins: Vec<HeaderValue>,
    pub rates: RateSettings,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 * 1024 * 1024,
            body_bytes_in_memory_max: 256 * 1024 * 1024,
            body_depth_max: 32,
            request_timeout: Duration::from_secs(30),
            concurrent_requests_max: 512,
            trusted_proxies: 0,
            cors_origins: Vec::new(),
            rates: RateSettings::default(),
        }
    }
}

/// What an [`ApiState`] is made of.
#[derive(Debug)]
pub struct ApiParts {
    pub database: Database,
    pub identity: Arc<dyn IdentityProvider>,
    pub issuer: Arc<TokenIssuer>,
    pub readiness: Readiness,
    /// The vendors' catalogs in memory.
    pub snapshots: Snapshots,
    /// The vendors' compiled customers in memory.
    pub audiences: Audiences,
    /// Signs receipts of answers.
    pub receipts: Arc<ReceiptSigner>,
    /// Where uploads go, and how large they may be.
    pub ingestion: Ingestion,
    /// Fetches pictures that vendors name by a URL.
    pub pictures: PictureFetcher,
    pub settings: ApiSettings,
}

/// Shared by all requests; cheap to clone. An area that needs something of its own (the matching
/// snapshots) adds a field to [`ApiParts`] and an accessor here.
#[derive(Debug, Clone)]
pub struct ApiState(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: ApiParts,
    limiter: RateLimiter,
    body_memory: Arc<tokio::sync::Semaphore>,
    turns: tokio::sync::Semaphore,
}

/// Unit in which memory for bodies is handed out.
const BODY_MEMORY_UNIT: usize = 64 * 1024;

impl ApiState {
    pub fn new(parts: ApiParts) -> Self {
        let limiter = RateLimiter::new(parts.settings.rates.clone(), Arc::clone(parts.database.clock()));
        // A pool smaller than one body would never admit that body.
        let pool = parts.settings.body_bytes_in_memory_max.max(parts.settings.body_bytes_max);
        let body_memory = Arc::new(tokio::sync::Semaphore::new(pool.div_ceil(BODY_MEMORY_UNIT)));
        let turns = tokio::sync::Semaphore::new(parts.settings.concurrent_requests_max);
        Self(Arc::new(Inner { parts, limiter, body_memory, turns }))
    }

    pub fn database(&self) -> &Database {
        &self.0.parts.database
    }

    pub fn identity(&self) -> &dyn IdentityProvider {
        self.0.parts.identity.as_ref()
    }

    pub fn issuer(&self) -> &TokenIssuer {
        &self.0.parts.issuer
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.database().clock()
    }

    pub fn readiness(&self) -> &Readiness {
        &self.0.parts.readiness
    }

    pub fn receipts(&self) -> &ReceiptSigner {
        &self.0.parts.receipts
    }

    pub fn snapshots(&self) -> &Snapshots {
        &self.0.parts.snapshots
    }

    pub fn audiences(&self) -> &Audiences {
        &self.0.parts.audiences
    }

    pub fn ingestion(&self) -> &Ingestion {
        &self.0.parts.ingestion
    }

    pub fn pictures(&self) -> &PictureFetcher {
        &self.0.parts.pictures
    }

    pub fn settings(&self) -> &ApiSettings {
        &self.0.parts.settings
    }

    /// One permit for each request that is worked on.
    pub(crate) fn turns(&self) -> &tokio::sync::Semaphore {
        &self.0.turns
    }

    pub(crate) fn limiter(&self) -> &RateLimiter {
        &self.0.limiter
    }

    /// Charges the vendor's budget for an operation, once the vendor is known.
    pub(crate) fn charge_vendor(
        &self,
        operation: Option<&Arc<Operation>>,
        vendor_id: Option<VendorId>,
    ) -> Result<(), Problem> {
        match (operation, vendor_id) {
            (Some(operation), Some(vendor_id)) => self.0.limiter.charge_vendor(operation.rate, vendor_id),
            _ => Ok(()),
        }
    }

    /// Charges the address that a call without a credential comes from.
    pub(crate) fn charge_address(
        &self,
        operation: &Operation,
        address: Option<IpAddr>,
    ) -> Result<(), Problem> {
        self.0.limiter.charge_address(operation.rate, address)
    }

    /// Waits for room to hold a body of up to `bytes`; the room is free again when the permit is dropped.
    pub(crate) async fn body_memory(&self, bytes: usize) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(BODY_MEMORY_UNIT).max(1)).ok()?;
        Arc::clone(&self.0.body_memory).acquire_many_owned(units).await.ok()
    }
}
