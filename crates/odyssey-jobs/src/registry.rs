//! The one list of kinds and the one list of schedules, next to each other.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use serde_json::Value;

use crate::schedule::Schedule;
use crate::{Backoff, Job, JobContext, JobError, JobOutcome, QueueError};

type Run<C> =
    dyn Fn(Arc<C>, JobContext, Value) -> BoxFuture<'static, Result<JobOutcome, JobError>> + Send + Sync;

/// What the dispatcher knows of a kind.
pub(crate) struct Handler<C> {
    pub(crate) kind: &'static str,
    pub(crate) lane: &'static str,
    pub(crate) timeout: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) run: Box<Run<C>>,
}

/// Every kind that this program runs, with its handler, and every schedule. `C` is what handlers work with.
pub struct Registry<C> {
    pub(crate) handlers: BTreeMap<&'static str, Arc<Handler<C>>>,
    pub(crate) schedules: Vec<Schedule>,
}

impl<C: Send + Sync + 'static> Default for Registry<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    pub fn new() -> Self {
        Self { handlers: BTreeMap::new(), schedules: Vec::new() }
    }

    /// Adds a kind. Panics when the name is taken: two handlers of one name is a slip of the list.
    pub fn register<J, F, Fut>(self, handler: F) -> Self
    where
        J: Job,
        F: Fn(Arc<C>, JobContext, J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<JobOutcome, JobError>> + Send + 'static,
    {
        self.register_as::<J, F, Fut>(J::KIND, handler)
    }

    /// Runs jobs that wait under a former name of `J`, so that a rename drains rather than strands them.
    pub fn register_former_name<J, F, Fut>(self, former_kind: &'static str, handler: F) -> Self
    where
        J: Job,
        F: Fn(Arc<C>, JobContext, J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<JobOutcome, JobError>> + Send + 'static,
    {
        self.register_as::<J, F, Fut>(former_kind, handler)
    }

    /// Completes jobs of a kind that no longer exists without doing anything, so that they do not wait for ever.
    pub fn register_deprecated(self, kind: &'static str, lane: &'static str) -> Self {
        let run = |_, _, _| -> BoxFuture<'static, Result<JobOutcome, JobError>> {
            Box::pin(async { Ok(JobOutcome::new(crate::JobVerdict::CompletedNothingWritten)) })
        };
        let (timeout, backoff) = (Duration::from_mins(1), Backoff::STANDARD);
        self.insert(Handler { kind, lane, timeout, backoff, run: Box::new(run) })
    }

    /// Adds a schedule: a cron pattern in UTC (five fields, or six with seconds first) and the platform job that
    /// each firing enqueues. `make` receives the time of the firing.
    pub fn schedule<J: Job>(
        mut self,
        name: &'static str,
        pattern: &'static str,
        make: impl Fn(DateTime<Utc>) -> J + Send + Sync + 'static,
    ) -> Result<Self, QueueError> {
        self.schedules.push(Schedule::new(name, pattern, make)?);
        Ok(self)
    }

    /// The registered kinds, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.handlers.keys().copied()
    }

    /// The names of the schedules, in the order of the list.
    pub fn schedule_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.schedules.iter().map(Schedule::name)
    }

    fn register_as<J, F, Fut>(self, kind: &'static str, handler: F) -> Self
    where
        J: Job,
        F: Fn(Arc<C>, JobContext, J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<JobOutcome, JobError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let run = move |app, context, payload| -> BoxFuture<'static, Result<JobOutcome, JobError>> {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let job = serde_json::from_value::<J>(payload)
                    .map_err(|error| JobError::fail(error).code("malformed_payload"))?;
                handler(app, context, job).await
            })
        };
        self.insert(Handler {
            kind,
            lane: J::LANE,
            timeout: J::TIMEOUT,
            backoff: J::BACKOFF,
            run: Box::new(run),
        })
    }

    fn insert(mut self, handler: Handler<C>) -> Self {
        let kind = handler.kind;
        assert!(
            self.handlers.insert(kind, Arc::new(handler)).is_none(),
            "the kind {kind} is registered twice"
        );
        self
    }
}

impl<C> fmt::Debug for Registry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schedules: Vec<_> = self.schedules.iter().map(Schedule::name).collect();
        f.debug_struct("Registry")
            .field("kinds", &self.handlers.keys())
            .field("schedules", &schedules)
            .finish()
    }
}
