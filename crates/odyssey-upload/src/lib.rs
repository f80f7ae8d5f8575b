//! The wire protocol of resumable uploads: tus 1.0.0, and the draft of the IETF in interop version 8, on one
//! endpoint.
//!
//! Owns: header names, what a request asks for, which bytes an upload may still take, what each answer says.
//! Promises: pure, no panic on any headers, an offset that never decreases and never exceeds the length, errors
//! that name the header and the remedy and repeat nothing a client sent but numbers.
//! Emits: typed requests, decisions, answers of a status and headers.
//! Never: does IO, knows a database, a clock, a vendor or a URL of ours. Sends no 104: the server below has no
//! way to (the draft says SHOULD). Does not take checksums as trailers.
//!
//! ```text
//! parse → Create → admit → Append::first_of → decide ─┐
//!       → Append ────────────────────────────→ decide ─┴→ Acceptance → Verifier → settle → answer
//! ```

pub mod answer;
pub mod limits;
pub mod names;

mod checksum;
mod concat;
mod creation;
mod error;
mod headers;
mod metadata;
mod offer;
mod protocol;
mod request;
mod state;
mod structured;

pub use answer::{Answer, Lifetime};
pub use checksum::{Algorithm, Checksum, Verifier};
pub use concat::{Concat, ConcatKind, UploadRef};
pub use creation::{admit, join};
pub use error::{PartialFault, ProtocolError};
pub use metadata::{Metadata, MetadataFault};
pub use offer::Offer;
pub use protocol::Protocol;
pub use request::{Append, Create, Length, Request, effective_method, parse};
pub use state::{Acceptance, BodyEnd, Decision, UploadState, decide};
