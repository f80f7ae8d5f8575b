//! Routes of jobs: what runs for the vendor, how far it is, what it refused, and what becomes of that; retrying,
//! canceling and deleting.
//!
//! Owns: no table. Promises: a viewer learns counts, codes and places and no value of a customer's row; a job
//! is found from its 202 on (it is read from the primary, since a replica may be behind).
//! Emits: nothing; the domain audits. Never: starts a job but for rows that one refused.

mod corrections;
mod dto;
mod errors;
mod follow;
mod many;

pub(crate) use dto::RowFaultDto;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::{Facts, RateClass};
use crate::state::ApiState;
use crate::{guarded, keyed};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(follow::list_jobs, Facts::unaudited("counts, codes and headers only")))
        .routes(guarded!(follow::get_job, Facts::unaudited("counts, codes and headers only")))
        .routes(guarded!(errors::list_job_errors, Facts::audited("row_errors.list").discloses_phi()))
        .routes(guarded!(errors::get_job_errors_csv, Facts::audited("row_errors.export").discloses_phi()))
        .routes(keyed!(corrections::correct_job_errors, Facts::audited("row_errors.correct")))
        .routes(keyed!(
            corrections::rerun_job_errors,
            Facts::audited("import.rerun").rate(RateClass::ImportStart)
        ))
        .routes(keyed!(follow::cancel_job, Facts::audited("job.cancel")))
        .routes(keyed!(many::retry_job, Facts::audited("job.retry")))
        .routes(keyed!(many::change_jobs, Facts::audited("job.change")))
}
