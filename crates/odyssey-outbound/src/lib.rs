//! The only way out: every URL that a vendor gives us is fetched through [`Guard`].
//!
//! Owns: which schemes, ports, names and addresses may be reached, and every limit on what comes back.
//! Promises: no connection to an address that is not on the public internet, whatever the URL says, the name
//! resolves to, or a server redirects to; one resolution for one connection, all of whose addresses were
//! judged; nothing of the caller's headers goes to another origin; bounded time and memory; errors that a person
//! understands and that repeat no path, no query and no credential.
//! Emits: answers with their whole body.
//! Never: takes a proxy from the environment, keeps cookies, decompresses, follows a redirect unjudged, knows a
//! database or a vendor.
//!
//! ```text
//! text → Guard::check → Target → Request::get → Guard::fetch → Response::into_success
//!                                  │
//!                                  └ each hop: Policy::check → resolve once, judge all → connect → judge again
//! ```
//!
//! Two things only the operator can close, and both belong into the firewall too: addresses of the operator's own
//! that are public by number (`Policy::also_refused`), and a translation of IPv6 to IPv4 under a prefix of
//! the operator's own.

pub mod limits;

mod address;
mod error;
mod guard;
mod lookup;
mod names;
mod policy;
mod prefix;
mod request;
mod response;
mod target;

pub use address::{AddressClass, class_of};
pub use error::{Error, Stage, StartError};
pub use guard::Guard;
pub use limits::Limits;
pub use lookup::{Answers, Lookup, SystemLookup};
pub use policy::Policy;
pub use prefix::{Prefix, PrefixError};
pub use request::{Method, Request};
pub use response::Response;
pub use target::Target;

#[cfg(test)]
mod tests;
