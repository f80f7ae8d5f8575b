//! What people do to jobs: follow, cancel, pause, redrive, delete, count, purge; and to lanes: pause, resume, scale.
//!
//! Each function works in the caller's transaction and role: in a vendor's transaction it sees that vendor's jobs
//! only. [`purge`], [`depth`] and everything about lanes are for the platform role.

mod bulk;
mod control;
mod follow;
mod lanes;

pub use bulk::{
    ActFilter, Chosen, JobAct, cancel_many, count_for, delete_many, find_for, lock_for, revive_many,
};
pub use lanes::{
    DeadFilter, LaneControl, LaneDeadLetter, LaneFigures, count_dead, lane_controls, lane_dead_letters,
    lane_figures, lock_lane, redrive_lane, write_lane,
};

pub use control::{
    CancelOutcome, Purged, cancel, pause_job, pause_vendor, purge, redrive, resume_job, resume_paused,
    resume_vendor, vendors_paused_for,
};
pub use follow::{Depth, counts, dead_letters, depth, get, is_vendor_paused, list, log_lines, steps};
