//! Envelope encryption, the key store, streamed sealing and the ids that are derived with keys.
//!
//! Owns: the key store, a directory outside the database (see [`KeyStore`]). No table.
//!
//! Promises: what is sealed opens only with the same key, vendor, row and column; a stream that was cut,
//! reordered or lengthened is refused; a lost key store is reported and never replaced in silence; no error,
//! no `Debug` output and no `Display` output holds a key or a plaintext.
//!
//! Emits: nothing.
//!
//! Never: talks to a database or a network, reads the clock, or logs.
//!
//! ```text
//! key-encryption key (file `kek`)
//!   ├─ named secrets           secrets/<name>
//!   └─ one file per vendor     vendors/<uuid>
//!        ├─ customer ids, row hashes, blind indexes    never rotate
//!        └─ data keys, the last is active              rotate
//!             ├─ vendor-level values   VendorKeys::seal_vendor
//!             ├─ person keys           VendorKeys::new_person_key ─► PersonKey::seal
//!             └─ file keys             VendorKeys::new_file_key   ─► FrameSealer, FrameOpener
//! ```

mod envelope;
mod error;
mod frames;
mod identity;
mod json;
mod key;
mod person;
mod store;
#[cfg(test)]
mod tests;
mod vendor;

pub use envelope::Aad;
pub use error::VaultError;
pub use frames::{
    FRAME_BYTES, FRAME_OVERHEAD_BYTES, FileKey, FrameOpener, FrameSealer, STREAM_HEADER_BYTES, Suspended,
    frame_index, frame_offset, plaintext_len, sealed_len, whole_frames,
};
pub use identity::{BlindKind, canonical_external_id, product_id};
pub use key::KeyId;
pub use person::PersonKey;
pub use store::{Erasure, KeyStore, PLATFORM};
pub use vendor::VendorKeys;
