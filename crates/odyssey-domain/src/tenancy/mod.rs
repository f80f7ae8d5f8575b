//! Vendors, people, memberships, sign-in; the only maker of a [`VendorScope`].
//!
//! Owns: `vendors`, `users`, `memberships`, `sessions`, `key_fingerprints`. Promises: roles come from
//! our rows and never from a token; a vendor that is not yours does not exist; suspension takes effect
//! on the next request. Emits: audit events of sign-ins and provisioning. Never: reads catalog,
//! customers or health data.

mod access;
mod error;
mod identity;
mod permission;
mod sign_in;
mod signing;
mod store;
mod tokens;
mod vendors;

pub(crate) use access::scope_for_erasures;
pub use access::{
    Actor, Caller, Denied, Purpose, VendorScope, authorize, begin_at_command_line, scope_for_job,
};
pub use error::TenancyError;
pub use identity::{IdentityProvider, LocalIdentityProvider, VerifiedIdentity};
pub use permission::{Permission, Role};
pub use sign_in::{PasswordSettings, SignedIn, hash_password, refresh, sign_in, sign_out};
pub use signing::SigningKey;
pub use tokens::{TokenIssuer, TokenSettings};
pub use vendors::{
    Membership, NewUser, NewVendor, PAUSED_BY_SUSPENSION, Vendor, add_membership, check_key_fingerprints,
    create_user, create_vendor, find_user_by_email, find_vendor_by_slug, get_vendor, list_memberships_of,
    list_vendors, purge_sessions, remove_vendor, resume_paused_jobs, suspend_membership, suspend_vendor,
    unsuspend_vendor,
};
