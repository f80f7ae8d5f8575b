//! Answers kept in memory, so that the same question is not computed twice.
//!
//! Promises: an answer is found only under every version it was computed from, so an edit of product,
//! profile, list, consent, rule or date is reflected by the next call; whoever takes one out has checked the
//! consent in the same transaction and records the disclosure. Never: writes one to disk, keeps one longer
//! than [`IDLE_MAX`] after its last use.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use moka::sync::Cache;
use odyssey_types::{CustomerId, Phi, VendorId};

use super::{MatchQuery, Matches};

/// Bytes of answers kept, by estimate: a bound on memory that holds opened health data.
const ANSWERS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// An answer that nobody asks for again is forgotten.
const IDLE_MAX: Duration = Duration::from_mins(5);
/// What one product of an answer weighs: its row, its verdict, its reasons with their evidence.
const PRODUCT_BYTES: usize = 6 * 1024;

/// Everything an answer depends on. Rule pack and algorithm are those of this binary.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    pub vendor_id: VendorId,
    pub customer_id: CustomerId,
    pub catalog_version: i64,
    /// Changes with identity, profile and consents.
    pub customer_version: i64,
    pub lists_version: i64,
    /// Of the vendor's rules and scoring policy.
    pub policy_version: i64,
    /// Of the tables: changes with the synonyms of allergens.
    pub tables_version: u32,
    pub as_of: NaiveDate,
    pub query: MatchQuery,
}

/// The kept answers of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Answers(Cache<AnswerKey, Arc<Phi<Matches>>>);

impl Default for Answers {
    fn default() -> Self {
        let weigh = |_: &AnswerKey, answer: &Arc<Phi<Matches>>| {
            let matches = answer.expose();
            let products = matches.fits.len() + matches.cannot_verify.len();
            u32::try_from((products + 1) * PRODUCT_BYTES).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(ANSWERS_BYTES_MAX)
            .weigher(weigh)
            .time_to_idle(IDLE_MAX)
            .support_invalidation_closures()
            .build();
        Self(cache)
    }
}

impl Answers {
    pub fn find(&self, key: &AnswerKey) -> Option<Arc<Phi<Matches>>> {
        self.0.get(key)
    }

    pub fn keep(&self, key: AnswerKey, matches: &Matches) {
        self.0.insert(key, Arc::new(Phi::new(matches.clone())));
    }

    /// Forgets what was answered about a customer: the consent is gone, or the person is.
    pub fn forget_customer(&self, customer_id: CustomerId) {
        // The closure's only failure is a cache without support for it, and this one has it.
        if let Err(error) = self.0.invalidate_entries_if(move |key, _| key.customer_id == customer_id) {
            tracing::error!(%error, "Kept answers could not be forgotten one by one: all are dropped");
            self.0.invalidate_all();
        }
    }

    /// Forgets a vendor.
    pub fn forget_vendor(&self, vendor_id: VendorId) {
        if let Err(error) = self.0.invalidate_entries_if(move |key, _| key.vendor_id == vendor_id) {
            tracing::error!(%error, "Kept answers could not be forgotten one by one: all are dropped");
            self.0.invalidate_all();
        }
    }
}
