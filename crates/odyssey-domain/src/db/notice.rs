//! What this process tells itself after a commit. The tables are the truth; a lost notice costs a poll.

use odyssey_types::VendorId;

/// Something that has just been committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A job waits.
    JobsWaiting,
    /// A vendor's catalog has a new version.
    CatalogChanged(VendorId),
}
