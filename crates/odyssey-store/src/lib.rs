//! Where files lie: uploads and the pieces of uploads. Whatever is written through this crate is sealed already; what
//! somebody else puts into a folder of the store is read and removed by its [`Version`], and never written.
//!
//! Owns: a folder of a disk, or a bucket of an object store.
//! Promises: under a path there is a whole file or none, whatever dies when; what [`Writer::finish`] has returned for
//! is durable; a path that is written again is replaced in one step, on every kind of store alike; memory is bounded,
//! by about one mebibyte a file on a disk and 25 MiB a file across the network; every wait and every number of tries
//! has an end ([`Patience`]); all stores fail in the same words ([`StoreError`]), which hold no secret, no address and no
//! name that somebody else gave a file.
//! Emits: nothing.
//! Never: knows a vendor, a key or what is in a file; reads the environment; follows a redirect; sends bodies in
//! signed chunks or with trailing checksums.
//!
//! ```text
//!                        ┌─► disk      draft, fsync, rename, fsync of the folders up to the root
//! create ─► Writer ──────┼─► s3        one put, or a multipart upload of 8 MiB parts
//!                        └─► supabase  one post, or a resumable upload of 6 MiB chunks
//! open ───► Reader ◄───── a stream that goes on where it broke
//! ```
//!
//! [`Store`] is a closed enum and not a trait: the kinds of stores are chosen by a setting and are all known here, so
//! callers hold one cheap value, without a type parameter, a boxed future or an allocation a call; and a new kind is
//! an arm that the compiler asks for in each method.

mod answer;
mod begun;
mod disk;
mod error;
mod listing;
mod net;
mod path;
mod patience;
mod reader;
mod resume;
mod s3;
mod settings;
mod store;
mod supabase;
mod version;
mod writer;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use error::{Cause, StoreError};
pub use listing::{Listing, StoredFile};
pub use path::{PathError, StorePath};
pub use patience::Patience;
pub use reader::{BlockingReader, Reader};
pub use settings::{DiskSettings, S3Settings, SettingsError, StoreSettings, SupabaseSettings};
pub use store::Store;
pub use version::Version;
pub use writer::{BlockingWriter, Writer};
