//! Idempotency keys: the first answer is the only answer.
//!
//! Owns: `idempotency_keys`. Promises: one call at a time per (vendor or platform, principal, method, route, key);
//! the answer is stored in the transaction of the effect, sealed. Emits: nothing. Never: stores a
//! refusal, a rate limit or a server error.

mod idempotency;

pub use odyssey_vault::PLATFORM;

pub use idempotency::{
    Claim, IdempotencyError, IdempotencyScope, StoredAnswer, claim, purge_expired, release, store_after,
    store_answer, store_platform_answer,
};
