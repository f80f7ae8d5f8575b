//! What people do to jobs: follow, cancel, pause, redrive, count, purge.
//!
//! Each function works in the caller's transaction and role: in a vendor's transaction it sees that vendor's jobs
//! only. [`purge`] and [`depth`] are for the platform role.

mod control;
mod follow;

pub use control::{
    CancelOutcome, Purged, cancel, pause_job, pause_vendor, purge, redrive, resume_job, resume_paused,
    resume_vendor, vendors_paused_for,
};
pub use follow::{Depth, counts, dead_letters, depth, get, is_vendor_paused, list, log_lines, steps};
