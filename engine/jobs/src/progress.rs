//! Tells watchers of a running job what has become durable.

use crate::services::News;
use gangway_model::{Job, JobEvent, JobStatus, TenantId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tokio::time::Instant;

/// A watcher that falls this far behind misses steps, not the job's state: each event holds all of it.
const BACKLOG: usize = 64;

/// The sending side of one job's events.
#[derive(Clone)]
pub(crate) struct Progress {
    events: broadcast::Sender<JobEvent>,
    tenant: TenantId,
    news: News,
    told: Arc<AtomicBool>,
    last: Arc<Mutex<Instant>>,
}

impl Progress {
    pub(crate) fn new(tenant: TenantId, news: News) -> Self {
        let events = broadcast::Sender::new(BACKLOG);
        Self { events, tenant, news, told: Arc::default(), last: Arc::new(Mutex::new(Instant::now())) }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        self.events.subscribe()
    }

    /// The job starts to run: from now on it is to make progress.
    pub(crate) fn begin(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When something became durable last.
    pub(crate) fn last_step(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody watching is no error.
    pub(crate) fn step(&self, job: &Job, total: Option<u64>) {
        self.begin();
        if job.status == JobStatus::RunningWithError && !self.told.swap(true, Ordering::AcqRel) {
            (self.news)(&self.tenant);
        }
        if self.events.receiver_count() > 0 {
            let _ = self.events.send(JobEvent::Progress { job: Box::new(job.clone()), total });
        }
    }

    pub(crate) fn end(&self, job: &Job) {
        (self.news)(&self.tenant);
        let _ = self.events.send(JobEvent::End { job: Box::new(job.clone()) });
    }
}
