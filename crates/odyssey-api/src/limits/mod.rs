//! Rate limits: budgets by route class, kept in memory.
//!
//! Owns: the budgets ([`RateSettings`]) and who has used how much. Promises: a budget is charged to a
//! verified principal or, before sign-in, to an address; memory is bounded; time comes from the clock.
//! Emits: `RateLimit`, `RateLimit-Policy` and `Retry-After` headers. Never: believes a header about an
//! address that no trusted proxy wrote; limits across several servers (each has budgets of its own).

mod budget;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use chrono::TimeDelta;
use http::{HeaderName, HeaderValue};
use odyssey_types::{Clock, UserId, VendorId};
use uuid::Uuid;

use crate::context;
use crate::operation::RateClass;
use crate::problem::{Problem, ProblemCode};
use budget::{Budget, Outcome};

/// Calls per minute of each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateSettings {
    /// Changes, by one user.
    pub standard_per_user: u32,
    /// Changes, by all users of a vendor together.
    pub standard_per_vendor: u32,
    /// Reads by one user: sessions, search-as-you-type, polling.
    pub read_per_user: u32,
    /// Starts of an import at one vendor.
    pub import_starts_per_vendor: u32,
    /// Beginnings of parts of files at one vendor; what joins them is a start of an import.
    pub upload_parts_per_vendor: u32,
    /// Refusals of one user that are recorded and answered (403, and 404 on an id); a call more is a 429.
    pub refusals_per_user: u32,
    /// Sign-ins and refreshes from one address (an IPv6 network of 64 bits counts as one).
    pub sign_ins_per_address: u32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            standard_per_user: 60,
            standard_per_vendor: 600,
            read_per_user: 600,
            import_starts_per_vendor: 6,
            upload_parts_per_vendor: 384,
            refusals_per_user: 600,
            sign_ins_per_address: 20,
        }
    }
}

/// Who has used how much.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    standard_user: Budget<Uuid>,
    standard_vendor: Budget<Uuid>,
    read_user: Budget<Uuid>,
    import_vendor: Budget<Uuid>,
    parts_vendor: Budget<Uuid>,
    refused_user: Budget<Uuid>,
    sign_in_address: Budget<IpAddr>,
    clock: Arc<dyn Clock>,
}

impl RateLimiter {
    pub(crate) fn new(settings: RateSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            standard_user: Budget::per_minute("user", settings.standard_per_user),
            standard_vendor: Budget::per_minute("vendor", settings.standard_per_vendor),
            read_user: Budget::per_minute("user-reads", settings.read_per_user),
            import_vendor: Budget::per_minute("vendor-imports", settings.import_starts_per_vendor),
            parts_vendor: Budget::per_minute("vendor-upload-parts", settings.upload_parts_per_vendor),
            refused_user: Budget::per_minute("user-refusals", settings.refusals_per_user),
            sign_in_address: Budget::per_minute("address", settings.sign_ins_per_address),
            clock,
        }
    }

    /// Before the body is read: one user's own budget.
    pub(crate) fn charge_user(&self, class: RateClass, user_id: UserId) -> Result<(), Problem> {
        let budget = match class {
            RateClass::Standard | RateClass::ImportStart => &self.standard_user,
            RateClass::Read => &self.read_user,
            RateClass::Upload | RateClass::SignIn | RateClass::Free => return Ok(()),
        };
        settle(budget.charge(user_id.as_uuid(), self.clock.now()))
    }

    /// Once the vendor is known: what its users share.
    pub(crate) fn charge_vendor(&self, class: RateClass, vendor_id: VendorId) -> Result<(), Problem> {
        let budget = match class {
            RateClass::Standard => &self.standard_vendor,
            RateClass::ImportStart => &self.import_vendor,
            RateClass::Upload | RateClass::Read | RateClass::SignIn | RateClass::Free => return Ok(()),
        };
        settle(budget.charge(vendor_id.as_uuid(), self.clock.now()))
    }

    /// Before an upload begins that is lawful: only its headers tell a part of a file from a start of an import.
    pub(crate) fn charge_upload(&self, is_part: bool, vendor_id: VendorId) -> Result<(), Problem> {
        settle(self.uploads(is_part).charge(vendor_id.as_uuid(), self.clock.now()))
    }

    /// The upload was refused after all, and nothing of it is left.
    pub(crate) fn give_back_upload(&self, is_part: bool, vendor_id: VendorId) {
        self.uploads(is_part).give_back(&vendor_id.as_uuid());
    }

    const fn uploads(&self, is_part: bool) -> &Budget<Uuid> {
        if is_part { &self.parts_vendor } else { &self.import_vendor }
    }

    /// After a refusal: each is a row of the audit trail, which one user may not fill. Announced only when it
    /// is used up, since the answer has the headers of the budget that let the call in.
    pub(crate) fn charge_refusal(&self, user_id: UserId) -> Result<(), Problem> {
        let outcome = self.refused_user.charge(user_id.as_uuid(), self.clock.now());
        if outcome.retry_after.is_none() { Ok(()) } else { settle(outcome) }
    }

    /// Before anybody is known: the address. Where there is none (a request without a socket), all share one.
    pub(crate) fn charge_address(&self, class: RateClass, address: Option<IpAddr>) -> Result<(), Problem> {
        match class {
            RateClass::SignIn => {}
            RateClass::Standard
            | RateClass::Read
            | RateClass::ImportStart
            | RateClass::Upload
            | RateClass::Free => return Ok(()),
        }
        let address = network_of(address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
        settle(self.sign_in_address.charge(address, self.clock.now()))
    }
}

/// One subscriber has 2^64 addresses of version 6 to sign in from: they count as one.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Announces the state of the budget, and refuses when it is used up. Where two budgets are charged, the
/// later one, which is the one shared with others, is announced.
fn settle(outcome: Outcome) -> Result<(), Problem> {
    context::set_rate_headers(headers(&outcome));
    match outcome.retry_after {
        None => Ok(()),
        Some(after) => Err(Problem::new(ProblemCode::RateLimited)
            .detail(format!("The budget \"{}\" is {} calls a minute.", outcome.name, outcome.quota))
            .retry_after(after)),
    }
}

/// The headers of draft-ietf-httpapi-ratelimit-headers-10: quota and window, what remains, and seconds
/// until all of it is back.
fn headers(outcome: &Outcome) -> Vec<(HeaderName, HeaderValue)> {
    let reset = outcome.reset.max(TimeDelta::zero()).num_milliseconds().unsigned_abs().div_ceil(1000);
    [
        ("ratelimit-policy", format!("\"{}\";q={};w=60", outcome.name, outcome.quota)),
        ("ratelimit", format!("\"{}\";r={};t={reset}", outcome.name, outcome.remaining)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?)))
    .collect()
}
