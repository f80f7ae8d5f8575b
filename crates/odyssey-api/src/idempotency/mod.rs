//! Idempotency keys at the edge: a call with a key happens once, however often it is sent.
//!
//! Owns: the header, the fingerprint, and what becomes of a key when a request ends. Promises: a
//! handler that takes [`Idempotency`] runs only for the first call; its answer is stored in the
//! transaction of its effect ([`Idempotency::commit`]); a problem that the same request would meet
//! again is stored after; everything else gives the key back, also when the client hangs up half-way.
//! Emits: the audit event `idempotency.replay` for a replayed answer. Never: stores 401, 403, 429 or a
//! server error; replays without authorising again. A handler that streams its body, and learns from it that a key is
//! needed, does its work within [`once`].

mod answer;
mod extractor;
mod layer;

pub use answer::Answer;
pub use extractor::Idempotency;
pub(crate) use layer::{once, require_key, settle_key};
