//! What `object_store` reports, in our words. Its own texts are left out: they quote addresses and what the store
//! wrote, and some stores write the key's id and what was signed.

use crate::answer::{Broken, Fault, Refusal};
use crate::error::{Attempt, StoreError};

/// Looks for what our transport said, below whatever was wrapped around it.
pub(super) fn fault_of(error: &object_store::Error) -> Fault {
    if matches!(error, object_store::Error::InvalidPath { .. }) {
        return Fault::ForeignName;
    }
    fault_in(error)
}

/// The same, of whatever was wrapped around it.
pub(super) fn fault_in(error: &(dyn std::error::Error + 'static)) -> Fault {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Fault::Refusal(refusal.clone());
        }
        if let Some(broken) = error.downcast_ref::<Broken>() {
            return Fault::Broken(broken.clone());
        }
        source = error.source();
    }
    Fault::Senseless
}

pub(super) fn store_error(error: &object_store::Error, attempt: &Attempt<'_>) -> StoreError {
    fault_of(error).error(attempt)
}
