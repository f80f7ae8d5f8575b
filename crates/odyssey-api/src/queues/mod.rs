//! `/api/v1/platform/queues`: what waits, runs and died in each lane; pause, resume, scale, redrive.
//!
//! Owns: no table. Promises: superadmins only; no payload and no text of an error goes out, only codes and counts.
//! Emits: nothing; the domain audits. Never: touches what a job works on.

mod dead;
mod dto;
mod lanes;
mod problem;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{guarded, keyed};

/// Why the reads leave no event.
const FIGURES_ONLY: &str = "counts, codes and ids of jobs; nothing personal";

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(lanes::list_queues, Facts::unaudited(FIGURES_ONLY)))
        .routes(guarded!(lanes::get_queue, Facts::unaudited(FIGURES_ONLY)))
        .routes(keyed!(lanes::scale_queue, Facts::audited("queue.scale")))
        .routes(keyed!(lanes::pause_queue, Facts::audited("queue.pause")))
        .routes(keyed!(lanes::resume_queue, Facts::audited("queue.resume")))
        .routes(keyed!(dead::redrive_queue, Facts::audited("queue.redrive")))
        .routes(guarded!(dead::list_dead_letters, Facts::unaudited(FIGURES_ONLY)))
}

/// Longest name of a kind or a lane, in characters.
const NAME_LENGTH_MAX: usize = 64;

/// A name of a kind or a lane as our own programs give them: nothing else reaches the trail through a filter.
pub(crate) fn check_name(pointer: &'static str, name: Option<&str>) -> Result<(), Problem> {
    let fits = |name: &str| {
        (1..=NAME_LENGTH_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    if name.is_none_or(fits) {
        return Ok(());
    }
    Err(Problem::invalid(pointer, "unknown_value", "a name is of lower-case letters, digits, `_` and `-`"))
}
