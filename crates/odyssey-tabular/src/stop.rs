//! Ending the reading of a file from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::ReadError;

/// A handle on the reading of a file: every copy of it can stop that, from any thread and for good. Reading ends
/// with [`ReadError::Stopped`] at the next record or the next block of bytes. What nobody stops is read to its end.
#[derive(Debug, Clone, Default)]
pub struct StopReading(Arc<AtomicBool>);

impl StopReading {
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), ReadError> {
        if self.is_stopped() { Err(ReadError::Stopped) } else { Ok(()) }
    }
}
