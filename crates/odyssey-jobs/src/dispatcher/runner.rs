//! One run of one job: from a claimed row to its verdict.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::FutureExt;
use tracing::{Instrument, error, info_span, warn};

use super::Shared;
use super::claim::{self, ReadyRow, Started, UNIQUE_UNTIL_START};
use super::settle::{Entry, Verdict};
use crate::context::{Inner, Lease, Stop};
use crate::job::JobErrorKind;
use crate::registry::Handler;
use crate::{JobContext, JobError, JobOutcome, JobState, JobVerdict, StopReason};

/// A claimed job on its way through this process.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) row: ReadyRow,
    pub(super) lease: Arc<Lease>,
    pub(super) stop: Arc<Stop>,
    /// How the record stood; `None` when there is no record or somebody held it.
    pub(super) started: Option<Started>,
}

/// Another try to start a job whose record or key somebody holds.
const HELD_WAIT: TimeDelta = TimeDelta::seconds(1);

/// Runs the job to its end. `None`: the lease is lost, there is nothing to record.
pub(super) async fn run<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, task: Task) -> Option<Entry> {
    let span = info_span!("job", job.id = %task.row.job_id, job.kind = %task.row.kind, vendor.id = %task.row.vendor_id,
                          job.attempt = task.row.attempt);
    run_in_span(shared, task).instrument(span).await
}

async fn run_in_span<C: Send + Sync + 'static>(shared: Arc<Shared<C>>, task: Task) -> Option<Entry> {
    if let Some(verdict) = before_run(&shared, &task).await {
        return Some(Entry::new(&task.row, verdict));
    }
    // A claim names this registry's kinds only, so the handler is there; were it not, the job is handed back.
    let Some(handler) = shared.registry.handlers.get(task.row.kind.as_str()).cloned() else {
        return Some(Entry::new(&task.row, Verdict::Release));
    };
    let context = JobContext::new(Inner {
        pool: shared.pool.clone(),
        clock: Arc::clone(&shared.clock),
        lease: Arc::clone(&task.lease),
        stop: Arc::clone(&task.stop),
        job_id: task.row.job_id,
        vendor_id: task.row.vendor_id,
        kind: handler.kind,
        attempt: task.row.attempt,
        followed: task.row.is_followed(),
    });
    let ended = supervise(&shared, &handler, &task, context).await;
    conclude(&shared, &handler, &task, ended)
}

/// What must be settled before the handler starts: a job that ended, was canceled or paused while it waited, and
/// the release of a unique key.
async fn before_run<C>(shared: &Shared<C>, task: &Task) -> Option<Verdict> {
    let wait = || shared.clock.now() + HELD_WAIT;
    if task.row.is_followed() {
        let started = match task.started {
            Some(started) => started,
            None => {
                let job = vec![(task.row.job_id, task.row.attempt)];
                match claim::start(&shared.pool, task.lease.id, job, shared.clock.now(), false).await {
                    Ok(started) => match started.first() {
                        Some(started) => *started,
                        None if task.lease.lost.is_cancelled() => return Some(Verdict::Release),
                        // The record is gone (its vendor was removed): so is the job.
                        None => return Some(Verdict::Drop),
                    },
                    Err(error) => {
                        warn!(error = %error, "A job could not be marked as running; it waits a second");
                        return Some(Verdict::Requeue(wait(), None));
                    }
                }
            }
        };
        if started.finished {
            return Some(Verdict::Drop);
        }
        if started.cancel_requested {
            return Some(Verdict::Done(JobState::Canceled, None));
        }
        if started.pause_requested {
            return Some(Verdict::Park);
        }
    }
    if task.row.flags & UNIQUE_UNTIL_START != 0
        && let Err(error) = claim::release_key(&shared.pool, task.row.job_id).await
    {
        warn!(error = %error, "A job's unique key is held by an open transaction; the job waits a second");
        return Some(Verdict::Requeue(wait(), None));
    }
    None
}

/// How a supervised run came to its end.
enum Ended {
    Answer(Result<JobOutcome, JobError>),
    Panicked,
    TimedOut,
    /// Did not stop within the grace that it was given.
    Overstayed,
    LeaseLost,
}

/// Drives the handler until it answers, panics, loses its lease, exceeds its time, or overstays a request to stop.
async fn supervise<C: Send + Sync + 'static>(
    shared: &Shared<C>,
    handler: &Handler<C>,
    task: &Task,
    context: JobContext,
) -> Ended {
    let (app, payload) = (Arc::clone(&shared.app), task.row.payload.clone());
    let work = AssertUnwindSafe(async { (handler.run)(app, context, payload).await }).catch_unwind();
    tokio::select! {
        answer = work => answer.map_or(Ended::Panicked, Ended::Answer),
        () = task.lease.lost.cancelled() => Ended::LeaseLost,
        () = tokio::time::sleep(handler.timeout) => Ended::TimedOut,
        () = overstayed(&task.stop, shared.options.drain) => Ended::Overstayed,
    }
}

async fn overstayed(stop: &Stop, grace: Duration) {
    stop.requested().await;
    tokio::time::sleep(grace).await;
}

/// Turns the end of a run into a verdict.
fn conclude<C>(shared: &Shared<C>, handler: &Handler<C>, task: &Task, ended: Ended) -> Option<Entry> {
    let reason = task.stop.reason();
    match ended {
        Ended::LeaseLost => None,
        Ended::Answer(Ok(outcome)) => {
            let code = outcome.reason;
            let entry = Entry::new(&task.row, of_outcome(shared, reason, outcome));
            Some(match (code, &entry.verdict) {
                // Somebody asked it to pause as well: then it is theirs to resume.
                (Some(code), Verdict::Pause(_)) if reason != Some(StopReason::Pause) => {
                    entry.with_error(code, None)
                }
                _ => entry,
            })
        }
        Ended::Answer(Err(failure)) => match failure.kind {
            JobErrorKind::LeaseLost => {
                // Either it is lost, or the handler's view of the clock was ahead: then another attempt decides.
                (!task.lease.lost.is_cancelled()).then(|| retry(shared, handler, task, "lease_lost", None))
            }
            JobErrorKind::Stopped => Some(asked(shared, handler, task, reason)),
            JobErrorKind::Retry if reason == Some(StopReason::Cancel) => {
                Some(asked(shared, handler, task, reason))
            }
            JobErrorKind::Retry => {
                warn!(error = failure.chain(), code = %failure.code, "Job {} failed and may be retried", task.row.job_id);
                Some(retry(shared, handler, task, &failure.code, failure.detail))
            }
            JobErrorKind::Fail => {
                error!(error = failure.chain(), code = %failure.code, "Job {} failed for good", task.row.job_id);
                Some(Entry::new(&task.row, Verdict::Dead).with_error(failure.code, failure.detail))
            }
        },
        Ended::Panicked => {
            error!("Job {} panicked", task.row.job_id);
            Some(retry(shared, handler, task, "panicked", None))
        }
        Ended::TimedOut => {
            error!("Job {} ran longer than {} s", task.row.job_id, handler.timeout.as_secs());
            Some(retry(shared, handler, task, "timed_out", None))
        }
        Ended::Overstayed => {
            warn!("Job {} did not stop within {} s", task.row.job_id, shared.options.drain.as_secs());
            Some(asked(shared, handler, task, reason))
        }
    }
}

fn of_outcome<C>(shared: &Shared<C>, reason: Option<StopReason>, outcome: JobOutcome) -> Verdict {
    if let Some(state) = outcome.verdict.final_state() {
        return Verdict::Done(state, outcome.totals);
    }
    match outcome.verdict {
        // Canceled while it was on its way to wait: it need not wait to be canceled.
        _ if reason == Some(StopReason::Cancel) => Verdict::Done(JobState::Canceled, outcome.totals),
        JobVerdict::Requeue(after) => Verdict::Requeue(shared.clock.now() + after, outcome.totals),
        _ => Verdict::Pause(outcome.totals),
    }
}

/// The job stopped because somebody asked.
fn asked<C>(shared: &Shared<C>, handler: &Handler<C>, task: &Task, reason: Option<StopReason>) -> Entry {
    match reason {
        Some(StopReason::Cancel) => Entry::new(&task.row, Verdict::Done(JobState::Canceled, None)),
        Some(StopReason::Pause) => Entry::new(&task.row, Verdict::Park),
        Some(StopReason::Drain) => Entry::new(&task.row, Verdict::Release),
        Some(StopReason::LeaseLost) | None => retry(shared, handler, task, "stopped", None),
    }
}

fn retry<C>(
    shared: &Shared<C>,
    handler: &Handler<C>,
    task: &Task,
    code: &str,
    detail: Option<String>,
) -> Entry {
    failed(shared, &task.row, handler.backoff, code, detail)
}

/// The verdict on a failed attempt: another after a while, or the dead letters once they are used up.
pub(super) fn failed<C>(
    shared: &Shared<C>,
    row: &ReadyRow,
    backoff: crate::Backoff,
    code: &str,
    detail: Option<String>,
) -> Entry {
    let verdict = if row.attempt >= row.attempts_max {
        error!(job.id = %row.job_id, code, "Job {} used up its {} attempts", row.job_id, row.attempts_max);
        Verdict::Dead
    } else {
        Verdict::Retry(shared.clock.now() + shared.wait(backoff, row.attempt))
    };
    Entry::new(row, verdict).with_error(code, detail)
}
